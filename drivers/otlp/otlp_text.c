/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_text.c
 *	  Texts as attributes, in UTF-8.
 */
#include "otlp_text.h"

#include "base/utf8.h"
#include "otlp_proto.h"

#define REPLACEMENT     "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN 3
#define TOP_BITS        UINT64_C(0x8080808080808080)

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

/* The next piece of a text, a character or what replaces it. */
static osp_str
next_piece(const char **p, const char *end)
{
	const char *begin = *p;
	unsigned len;
	uint32_t code = osp__utf8_decode(begin, end, &len);

	*p += len;
	if (code == OSP__UTF8_INVALID || (code >= 0xd800 && code < 0xe000))
		return osp_str_n(REPLACEMENT, REPLACEMENT_LEN);
	return osp_str_n(begin, len);
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
		len += next_piece(&p, end).len;
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

		if (next_piece(&p, end).ptr != begin)
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
		osp_str piece = next_piece(&p, end);

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
