/* SPDX-License-Identifier: Apache-2.0
 *
 * context.h
 *	  The signed trace context, OSProfiler's X-Trace-Info and X-Trace-HMAC.
 *
 * trace_info is urlsafe base64, padded, of {"base_id": ..., "parent_id": ...};
 * trace_hmac is the lower-case hex HMAC-SHA1 of that base64 text. The functions
 * accept the contexts that upstream's osprofiler.web and signed_unpack accept,
 * with these exceptions, where upstream is unsafe: an empty key never
 * validates, ids are strings of 1..OSP_ID_MAX bytes without control characters
 * or lone surrogates, comparison takes constant time, a signature that is not
 * ASCII is a mismatch, and a context longer than OSP_TRACE_INFO_MAX or
 * OSP_TRACE_HMAC_MAX, or nested deeper than OSP_JSON_DEPTH_MAX, is refused.
 */
#ifndef OSPROFILER_CONTEXT_H
#define OSPROFILER_CONTEXT_H

#include "osprofiler/base.h"
#include "osprofiler/ids.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest trace_info and trace_hmac that are read, in bytes. */
#define OSP_TRACE_INFO_MAX 4096
#define OSP_TRACE_HMAC_MAX 256
#define OSP_HMAC_HEX_LEN   40

/* Verdicts about a context: code, name in counters, text for a person. */
#define OSP_VERDICT_LIST(X)                                                  \
	X(OSP_CTX_ACCEPTED, "accepted", "accepted")                              \
	X(OSP_CTX_NONE, "none", "no trace context was given")                    \
	X(OSP_CTX_NO_KEYS, "no_keys", "no HMAC keys are configured")             \
	X(OSP_CTX_UNSIGNED,                                                      \
	  "unsigned",                                                            \
	  "the context is not signed (trace_info and trace_hmac go together)")   \
	X(OSP_CTX_TOO_LONG, "too_long", "the context is too long")               \
	X(OSP_CTX_BAD_SIGNATURE,                                                 \
	  "bad_signature",                                                       \
	  "the signature matches none of the HMAC keys")                         \
	X(OSP_CTX_BAD_ENCODING,                                                  \
	  "bad_encoding",                                                        \
	  "trace_info is not base64 of UTF-8 JSON")                              \
	X(OSP_CTX_BAD_MEMBERS,                                                   \
	  "bad_members",                                                         \
	  "trace_info must be an object of base_id and parent_id")               \
	X(OSP_CTX_BAD_ID,                                                        \
	  "bad_id",                                                              \
	  "an id must be a string of 1 to 128 bytes without control characters") \
	X(OSP_CTX_MALFORMED,                                                     \
	  "malformed",                                                           \
	  "the comment with the context is not a list of key='value' separated by commas")

typedef enum osp_verdict
{
#define OSP_VERDICT_ENUM(code, name, text) code,
	OSP_VERDICT_LIST(OSP_VERDICT_ENUM)
#undef OSP_VERDICT_ENUM
	OSP_VERDICT_COUNT
} osp_verdict;

OSP_API const char *osp_verdict_name(osp_verdict verdict);
OSP_API const char *osp_verdict_text(osp_verdict verdict);

/*
 * HMAC keys, each with a keyed MAC context that is made once. A keyring is
 * used by one thread at a time.
 */
typedef struct osp_keyring osp_keyring;

/*
 * Makes a keyring from a comma-separated list, like upstream's hmac_keys: white
 * space around a key and empty keys are dropped. An empty list is a valid
 * keyring that accepts nothing. Returned owned in *out; NULL on OSP_ENOMEM or
 * OSP_EIO (OpenSSL offers no HMAC-SHA1).
 */
OSP_API osp_status osp_keyring_new(const osp_allocator *alc, osp_str list,
								   osp_keyring **out,
								   osp_error *err) OSP_MUST_CHECK;

/*
 * Adds the keys of a file: one or several comma-separated keys a line, lines
 * that start with '#' and blank lines are skipped. The file must be a regular
 * file of at most 64 KiB (OSP_EINVAL) that others can neither read nor write
 * (OSP_EPERM). OSP_ENOENT, OSP_EIO, OSP_ENOMEM. On failure the keyring is as it
 * was.
 */
OSP_API osp_status osp_keyring_add_file(osp_keyring *ring, const char *path,
										osp_error *err) OSP_MUST_CHECK;

/* Wipes the keys. NULL is fine. */
OSP_API void osp_keyring_free(osp_keyring *ring);

OSP_API size_t osp_keyring_count(const osp_keyring *ring);

/* A verified context. */
typedef struct osp_context
{
	osp_id base_id;
	osp_id parent_id; /* base_id if the context named no parent */
	size_t key;       /* index of the key that signed it */
} osp_context;

/*
 * Verifies a context and reads it. *out is filled only when the result is
 * OSP_CTX_ACCEPTED. Makes no system call and allocates nothing; uses up to
 * 55 KB of stack. An empty trace_info and trace_hmac are OSP_CTX_NONE.
 */
OSP_API osp_verdict osp_context_verify(osp_keyring *ring, osp_str trace_info,
									   osp_str trace_hmac, osp_context *out);

/* A signed context to send to the next service. */
typedef struct osp_headers
{
	size_t info_len;
	char trace_info[OSP_TRACE_INFO_MAX + 1]; /* terminated */
	char trace_hmac[OSP_HMAC_HEX_LEN + 1];   /* terminated */
} osp_headers;

/*
 * Signs base_id and parent_id with key number key of the ring, in upstream's bytes.
 * Allocates nothing, like osp_context_verify. OSP_EINVAL: no such key, or an empty id;
 * OSP_EIO: OpenSSL fails.
 */
OSP_API osp_status osp_context_sign(osp_keyring *ring, size_t key,
									const osp_id *base_id,
									const osp_id *parent_id,
									osp_headers *out) OSP_MUST_CHECK;

/*
 * Finds a signed context in the comments of a SQL statement, sqlcommenter's form: a
 * block comment before the statement or after it (white space, other comments of both
 * kinds and semicolons may stand between), with keys trace_info and trace_hmac, values
 * in single quotes and percent-encoded. Other keys, optimizer hints and other comments
 * are skipped; of several contexts, the last one wins. Text inside a literal or a line
 * comment is never taken for such a comment. A comment is not found if line comments of
 * more than 1,000 bytes follow it.
 *
 * statement is the part of the query string that belongs to this statement. Values are
 * decoded into out, which must hold OSP_COMMENT_SPACE bytes; trace_info and trace_hmac
 * then point there. Returns false when there is no such comment; to find that out, only
 * the first and last bytes are read. A value that is too long is cut just beyond the
 * limit, so that verification answers OSP_CTX_TOO_LONG.
 */
#define OSP_COMMENT_SPACE (OSP_TRACE_INFO_MAX + OSP_TRACE_HMAC_MAX + 2)

OSP_API bool osp_comment_context(osp_str statement, char out[OSP_COMMENT_SPACE],
								 osp_str *trace_info, osp_str *trace_hmac);

/*
 * Like osp_comment_context, but for a text that consists only of such a
 * comment, with or without its comment marks. False: the text is something
 * else.
 */
OSP_API bool osp_comment_pairs(osp_str text, char out[OSP_COMMENT_SPACE],
							   osp_str *trace_info, osp_str *trace_hmac);

/*
 * A W3C trace context in the form of OSProfiler's ids: the trace's id as a
 * UUID, the parent's 64 bits in the lower half of a UUID. It is not signed.
 */
typedef struct osp_traceparent
{
	osp_id base_id;
	osp_id parent_id;
	bool sampled; /* false: the caller does not trace */
} osp_traceparent;

/*
 * Reads the value of a traceparent header. False: it is not valid (version ff,
 * other than lower-case hex, an id of zeroes, a wrong length).
 */
OSP_API bool osp_traceparent_read(osp_str text,
								  osp_traceparent *out) OSP_MUST_CHECK;

/*
 * Writes the value of a traceparent header for a service that is called from
 * the operation parent_id of the trace base_id. The value is terminated, is
 * marked as sampled and holds the lower half of parent_id. False, and an empty
 * text, if the ids are not UUIDs or the header would not be valid.
 */
#define OSP_TRACEPARENT_LEN 55
OSP_API bool osp_traceparent_write(const osp_id *base_id,
								   const osp_id *parent_id,
								   char out[OSP_TRACEPARENT_LEN + 1]);

/*
 * Finds a traceparent in the places where osp_comment_context, or osp_comment_pairs if
 * whole is true, finds a signed context. Also accepts comments that only resemble
 * sqlcommenter's: "traceparent", "=" or ":", and the value with or without quotes. The
 * value is decoded into out; one that is too long is cut, but still too long to be
 * valid.
 */
#define OSP_TRACEPARENT_MAX   512
#define OSP_TRACEPARENT_SPACE (OSP_TRACEPARENT_MAX + 1)

OSP_API bool osp_comment_traceparent(osp_str text, bool whole,
									 char out[OSP_TRACEPARENT_SPACE],
									 osp_str *traceparent);

/*
 * Writes the comment that osp_comment_context reads, "/" "*trace_hmac='...',
 * trace_info='...'*" "/", terminated, into out; returns its length, or 0 when
 * size is too small.
 */
OSP_API size_t osp_comment_write(const osp_headers *headers, char *out,
								 size_t size);

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_CONTEXT_H */
