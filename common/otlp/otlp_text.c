/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_text.c
 *	  Texts as attributes, in UTF-8.
 */
#include "otlp/otlp_text.h"

#include "base/utf8.h"
#include "otlp/otlp_proto.h"

#define TOP_BITS UINT64_C(0x8080808080808080)

static bool
is_ascii(osp_str text)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(word) <= text.len; i += sizeof(word))
	{
		memcpy(&word, text.ptr + i, sizeof(word));
		if ((word & TOP_BITS) != 0)
			return false;
	}
	for (; i < text.len; i++)
		if ((unsigned char) text.ptr[i] >= 0x80)
			return false;
	return true;
}

static size_t
length_of(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;
	size_t len = 0;

	if (is_ascii(text))
		return text.len;
	while (p < end)
		len += osp__utf8_next(&p, end).len;
	return len;
}

bool
otlp_is_utf8(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	if (is_ascii(text))
		return true;
	while (p < end)
	{
		const char *begin = p;

		if (osp__utf8_next(&p, end).ptr != begin)
			return false;
	}
	return true;
}

/* Appends text, whose length in UTF-8 is len. */
static void
put_pieces(osp_buf *out, unsigned field, osp_str text, size_t len)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	otlp_put_length(out, field, len);
	if (is_ascii(text))
	{
		osp__buf_put(out, text.ptr, text.len);
		return;
	}
	while (p < end)
	{
		osp_str piece = osp__utf8_next(&p, end);

		osp__buf_put(out, piece.ptr, piece.len);
	}
}

void
otlp_put_text(osp_buf *out, unsigned field, osp_str key, osp_str text)
{
	size_t len = length_of(text);

	otlp_put_key(out, field, key, otlp_field_size(len));
	put_pieces(out, OTLP_VALUE_STRING, text, len);
}

void
otlp_put_text_field(osp_buf *out, unsigned field, osp_str text)
{
	put_pieces(out, field, text, length_of(text));
}
