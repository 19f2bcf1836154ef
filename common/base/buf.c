/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.c
 *	  A growing byte buffer that is born with a maximum.
 */
#include "osprofiler/buf.h"

#include <stdarg.h>
#include <stdio.h>

#define BUF_FIRST 256

void
osp_buf_init(osp_buf *buf, const osp_allocator *alc, size_t max)
{
	memset(buf, 0, sizeof(*buf));
	buf->alc = alc;
	buf->max = max;
}

void
osp_buf_term(osp_buf *buf)
{
	osp_free(buf->alc, buf->ptr);
	osp_buf_init(buf, buf->alc, buf->max);
}

void
osp_buf_reset(osp_buf *buf)
{
	buf->len = 0;
	buf->status = OSP_OK;
	if (buf->ptr != NULL)
		buf->ptr[0] = '\0';
}

bool
osp_buf_reserve(osp_buf *buf, size_t extra)
{
	size_t cap;
	char *ptr;

	if (OSP_UNLIKELY(buf->status != OSP_OK))
		return false;
	if (OSP_LIKELY(buf->cap - buf->len > extra))
		return true;
	if (extra > buf->max || buf->len > buf->max - extra)
	{
		buf->status = OSP_EFULL;
		return false;
	}
	cap = buf->cap > 0 ? buf->cap : BUF_FIRST;
	if (cap > buf->max)
		cap = buf->max + 1;
	while (cap <= buf->len + extra)
		cap = cap <= buf->max / 2 ? cap * 2 : buf->max + 1;
	ptr = osp_realloc(buf->alc, buf->ptr, cap);
	if (ptr == NULL)
	{
		buf->status = OSP_ENOMEM;
		return false;
	}
	ptr[buf->len] = '\0';
	buf->ptr = ptr;
	buf->cap = cap;
	return true;
}

void
osp_buf_add(osp_buf *buf, const void *bytes, size_t len)
{
	if (!osp_buf_reserve(buf, len))
		return;
	memcpy(buf->ptr + buf->len, bytes, len);
	buf->len += len;
	buf->ptr[buf->len] = '\0';
}

void
osp_buf_add_str(osp_buf *buf, osp_str text)
{
	osp_buf_add(buf, text.ptr, text.len);
}

void
osp_buf_add_char(osp_buf *buf, char c)
{
	osp_buf_add(buf, &c, 1);
}

/* The digits of 0 to 99, two each. */
static const char two_digits[] =
	"00010203040506070809101112131415161718192021222324"
	"25262728293031323334353637383940414243444546474849"
	"50515253545556575859606162636465666768697071727374"
	"75767778798081828384858687888990919293949596979899";

static unsigned
count_digits(uint64_t value)
{
	unsigned count = 1;

	for (; value >= 10000; value /= 10000)
		count += 4;
	return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

void
osp_buf_add_i64(osp_buf *buf, int64_t value)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
	size_t len = count_digits(rest) + (value < 0);
	char *p;

	if (!osp_buf_reserve(buf, len))
		return;
	buf->ptr[buf->len] = '-';
	buf->len += len;
	p = buf->ptr + buf->len;
	*p = '\0';
	for (; rest >= 100; rest /= 100)
		memcpy(p -= 2, two_digits + 2 * (rest % 100), 2);
	if (rest >= 10)
		memcpy(p - 2, two_digits + 2 * rest, 2);
	else
		p[-1] = (char) ('0' + rest);
}

void
osp_buf_addf(osp_buf *buf, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !osp_buf_reserve(buf, (size_t) len))
		return;
	va_start(args, fmt);
	(void) vsnprintf(buf->ptr + buf->len, (size_t) len + 1, fmt, args);
	va_end(args);
	buf->len += (size_t) len;
}

char *
osp_buf_take(osp_buf *buf)
{
	char *text;

	/* An empty buffer has no memory yet, but its text is "". */
	if (!osp_buf_reserve(buf, 0))
		return NULL;
	text = buf->ptr;
	osp_buf_init(buf, buf->alc, buf->max);
	return text;
}
