/* SPDX-License-Identifier: Apache-2.0
 *
 * json_escape.c
 *	  The inside of a JSON string in the bytes of Python's json.dumps.
 *
 * Statement texts are nearly all plain ASCII, so eight bytes are checked (and
 * copied) at a time; only a byte that must change leaves that loop.
 */
#include "json/json_escape.h"

#include "base/utf8.h"
#include "json/json_plain.h"

#define ESCAPE_LEN       6 /* \uXXXX */
#define FIRST_BEYOND_BMP 0x10000u
#define REPLACEMENT      0xfffdu

static char *
write_hex4(char *out, unsigned value)
{
	static const char digits[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = 'u';
	*out++ = digits[value >> 12 & 15];
	*out++ = digits[value >> 8 & 15];
	*out++ = digits[value >> 4 & 15];
	*out++ = digits[value & 15];
	return out;
}

/* The letter of a two-character escape, or 0. */
static char
short_escape(unsigned char c)
{
	switch (c)
	{
		case '"':
		case '\\':
			return (char) c;
		case '\b':
			return 'b';
		case '\t':
			return 't';
		case '\n':
			return 'n';
		case '\f':
			return 'f';
		case '\r':
			return 'r';
		default:
			return 0;
	}
}

/* Writes the escape of one character; NULL if it needs more than size bytes. */
static char *
write_character(char *out, size_t size, uint32_t code)
{
	char letter = code < 0x80 ? short_escape((unsigned char) code) : 0;

	if (letter != 0)
	{
		if (size < 2)
			return NULL;
		*out++ = '\\';
		*out++ = letter;
		return out;
	}
	if (code < FIRST_BEYOND_BMP)
		return size < ESCAPE_LEN ? NULL : write_hex4(out, code);
	if (size < 2 * ESCAPE_LEN)
		return NULL;
	code -= FIRST_BEYOND_BMP;
	out = write_hex4(out, 0xd800 | code >> 10);
	return write_hex4(out, 0xdc00 | (code & 0x3ff));
}

size_t
osp__json_escape(osp_str text, char *out, size_t size, size_t *taken)
{
	const char *in = text.ptr;
	const char *in_end = in + text.len;
	char *o = out;
	char *out_end = out + size;

	while (in < in_end)
	{
		unsigned char c = (unsigned char) *in;
		unsigned len = 1;

		if (in_end - in >= 8 && out_end - o >= 8)
		{
			len = osp__json_count_plain(in);
			memcpy(o, in, 8);
			in += len;
			o += len;
			if (len == 8)
				continue;
			c = (unsigned char) *in;
		}
		if (OSP__JSON_IS_PLAIN(c))
		{
			if (o == out_end)
				break;
			*o++ = (char) c;
			in++;
		}
		else
		{
			uint32_t code = osp__utf8_decode(in, in_end, &len);
			char *next;

			next =
				write_character(o,
								(size_t) (out_end - o),
								code == OSP__UTF8_INVALID ? REPLACEMENT : code);
			if (next == NULL)
				break;
			o = next;
			in += len;
		}
	}
	*taken = (size_t) (in - text.ptr);
	return (size_t) (o - out);
}
