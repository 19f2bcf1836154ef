/* SPDX-License-Identifier: Apache-2.0
 *
 * base.h
 *	  What every other header of osprofiler uses: strings by value, results,
 *	  errors for people, allocators.
 *
 * Words used in the comments of all headers: a function that *borrows* an
 * argument uses it only during the call; one that *takes* an argument owns it
 * from then on; a result that is *returned owned* is the caller's to free; one
 * *returned borrowed* stays with its owner and is valid until the time that is
 * named.
 */
#ifndef OSPROFILER_BASE_H
#define OSPROFILER_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OSP_MUST_CHECK        __attribute__((warn_unused_result))
#define OSP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define OSP_LIKELY(x)         __builtin_expect(!!(x), 1)
#define OSP_UNLIKELY(x)       __builtin_expect(!!(x), 0)

/* Makes a name visible in libosprofiler.so; everything else stays inside. */
#define OSP_API __attribute__((visibility("default")))

/* Text of len bytes, not necessarily terminated. ptr is never NULL. */
typedef struct osp_str
{
	const char *ptr;
	size_t len;
} osp_str;

#define OSP_STR(literal) ((osp_str){("" literal), sizeof(literal) - 1})

static inline osp_str
osp_str_of(const char *text)
{
	osp_str s;

	s.ptr = text != NULL ? text : "";
	s.len = strlen(s.ptr);
	return s;
}

static inline osp_str
osp_str_n(const char *ptr, size_t len)
{
	osp_str s;

	s.ptr = ptr != NULL ? ptr : "";
	s.len = ptr != NULL ? len : 0;
	return s;
}

static inline bool
osp_str_eq(osp_str a, osp_str b)
{
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Results. The second entry is the text that error messages use for it. */
#define OSP_STATUS_LIST(X)                         \
	X(OSP_OK, "success")                           \
	X(OSP_ENOMEM, "out of memory")                 \
	X(OSP_EINVAL, "invalid value")                 \
	X(OSP_EIO, "input/output error")               \
	X(OSP_ENOENT, "not found")                     \
	X(OSP_EFULL, "no space left")                  \
	X(OSP_EPROTO, "malformed data")                \
	X(OSP_EUNAVAIL, "collector cannot be reached") \
	X(OSP_EREFUSED, "refused by the collector")    \
	X(OSP_EUNSUPPORTED, "not supported")           \
	X(OSP_EPERM, "not permitted")                  \
	X(OSP_EBUSY, "in use by another process")      \
	X(OSP_EINTR, "interrupted")

typedef enum osp_status
{
#define OSP_STATUS_ENUM(code, text) code,
	OSP_STATUS_LIST(OSP_STATUS_ENUM)
#undef OSP_STATUS_ENUM
} osp_status;

/* The text of a result; never NULL. */
OSP_API const char *osp_status_text(osp_status status);

/*
 * Filled by calls that do I/O or parsing: one line for a person, which says
 * what to do. The caller owns it; A caller that does not want it may pass NULL.
 */
typedef struct osp_error
{
	osp_status code;
	char msg[256];
} osp_error;

/* Fills err, cutting the text if needed, and returns code. err may be NULL. */
OSP_API osp_status osp_error_set(osp_error *err, osp_status code,
								 const char *fmt, ...) OSP_PRINTF(3, 4);

/*
 * The functions through which an object allocates its memory. alloc and realloc
 * return NULL when there is none, and never jump out; free accepts NULL and
 * keeps errno. An object keeps the pointer to its allocator, so an allocator
 * must outlive all objects made with it.
 */
typedef struct osp_allocator
{
	void *(*alloc)(void *ctx, size_t size);
	void *(*realloc)(void *ctx, void *ptr, size_t size);
	void (*free)(void *ctx, void *ptr);
	void *ctx;
} osp_allocator;

/* The allocator that uses malloc, realloc and free. */
OSP_API extern const osp_allocator osp_allocator_default;

static inline void *
osp_alloc(const osp_allocator *alc, size_t size)
{
	return alc->alloc(alc->ctx, size);
}

static inline void *
osp_realloc(const osp_allocator *alc, void *ptr, size_t size)
{
	return alc->realloc(alc->ctx, ptr, size);
}

static inline void
osp_free(const osp_allocator *alc, void *ptr)
{
	alc->free(alc->ctx, ptr);
}

/* Zeroed memory for count objects of size bytes; NULL also on overflow. */
OSP_API void *osp_calloc(const osp_allocator *alc, size_t count, size_t size);

/*
 * Copies a struct that begins with a size_t, which holds its size as the writer knows
 * it, into a struct of to_size bytes as the reader knows it: the smaller of both sizes
 * is copied, the rest is zero. *to's own size member becomes to_size.
 */
static inline void
osp_struct_copy(void *to, size_t to_size, const void *from)
{
	size_t from_size = 0;

	memcpy(&from_size, from, sizeof(from_size));
	memset(to, 0, to_size);
	memcpy(to, from, from_size < to_size ? from_size : to_size);
	memcpy(to, &to_size, sizeof(to_size));
}

/* A terminated copy of text, returned owned; NULL when there is no memory. */
OSP_API char *osp_strdup(const osp_allocator *alc, osp_str text);

/*
 * The longest prefix of text that is at most max bytes and does not end inside
 * a UTF-8 character.
 */
OSP_API size_t osp_utf8_prefix(osp_str text, size_t max);

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_BASE_H */
