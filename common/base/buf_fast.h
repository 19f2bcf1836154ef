/* SPDX-License-Identifier: Apache-2.0
 *
 * buf_fast.h
 *	  Appending to a buffer without a function call for each piece, for the
 *	  writers that make millions of small ones. Private to common/.
 *
 * These functions do not keep the NUL behind the contents: the writer calls
 * osp__buf_end() when it is done.
 */
#ifndef OSPROFILER_BUF_FAST_H
#define OSPROFILER_BUF_FAST_H

#include "osprofiler/buf.h"

/* The place where size bytes can be written, or NULL if the buffer is broken. */
static inline char *
osp__buf_room(osp_buf *buf, size_t size)
{
	if (OSP_UNLIKELY(buf->status != OSP_OK || buf->cap - buf->len <= size) &&
		!osp_buf_reserve(buf, size))
		return NULL;
	return buf->ptr + buf->len;
}

static inline void
osp__buf_put(osp_buf *buf, const char *bytes, size_t len)
{
	char *out = osp__buf_room(buf, len);

	if (OSP_LIKELY(out != NULL))
	{
		memcpy(out, bytes, len);
		buf->len += len;
	}
}

/* Appends a literal: its length is known when compiling, so this is a few stores. */
#define osp__buf_lit(buf, literal) \
	osp__buf_put((buf), "" literal, sizeof(literal) - 1)

static inline void
osp__buf_end(osp_buf *buf)
{
	if (buf->ptr != NULL)
		buf->ptr[buf->len] = '\0';
}

/* Takes back what was appended since the buffer had len bytes. */
static inline void
osp__buf_cut(osp_buf *buf, size_t len)
{
	buf->len = len;
	osp__buf_end(buf);
}

/* Like osp__buf_cut, and also forgets why the buffer broke: the text did not fit. */
static inline osp_status
osp__buf_undo(osp_buf *buf, size_t len)
{
	osp_status status = buf->status;

	buf->status = OSP_OK;
	osp__buf_cut(buf, len);
	return status;
}

#endif /* OSPROFILER_BUF_FAST_H */
