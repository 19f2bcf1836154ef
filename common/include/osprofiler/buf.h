/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.h
 *	  A growing byte buffer that is born with a maximum.
 *
 * When memory or the maximum runs out the buffer becomes *broken*: later
 * appends do nothing, and osp_buf_status() says why. So a writer appends
 * without checking, and calls osp_buf_status() once at the end. Not
 * thread-safe.
 */
#ifndef OSPROFILER_BUF_H
#define OSPROFILER_BUF_H

#include "osprofiler/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct osp_buf
{
	char *ptr; /* len bytes and a terminating NUL, or NULL while empty */
	size_t len;
	size_t cap;
	size_t max;
	osp_status status;
	const osp_allocator *alc;
} osp_buf;

/* Initialises an empty buffer that will hold at most max bytes. Allocates nothing. */
OSP_API void osp_buf_init(osp_buf *buf, const osp_allocator *alc, size_t max);

/* Frees the contents; the buffer may be used again as after osp_buf_init. */
OSP_API void osp_buf_term(osp_buf *buf);

/* Forgets the contents and a broken state, keeps the memory. */
OSP_API void osp_buf_reset(osp_buf *buf);

/*
 * Makes room for extra more bytes at ptr + len. False, and the buffer is
 * broken, if there is none. The caller writes to that place and adds to len.
 */
OSP_API bool osp_buf_reserve(osp_buf *buf, size_t extra);

OSP_API void osp_buf_add(osp_buf *buf, const void *bytes, size_t len);
OSP_API void osp_buf_add_str(osp_buf *buf, osp_str text);
OSP_API void osp_buf_add_char(osp_buf *buf, char c);
OSP_API void osp_buf_add_i64(osp_buf *buf, int64_t value);
OSP_API void osp_buf_addf(osp_buf *buf, const char *fmt, ...) OSP_PRINTF(2, 3);

/* OSP_OK, or OSP_ENOMEM / OSP_EFULL when something did not fit. */
static inline osp_status
osp_buf_status(const osp_buf *buf)
{
	return buf->status;
}

/* The contents, returned borrowed until the buffer changes. */
static inline osp_str
osp_buf_str(const osp_buf *buf)
{
	return osp_str_n(buf->ptr, buf->len);
}

/* The contents as a terminated string, returned owned (osp_free); NULL if the
 * buffer is broken or there is no memory. The buffer is empty afterwards. */
OSP_API char *osp_buf_take(osp_buf *buf);

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_BUF_H */
