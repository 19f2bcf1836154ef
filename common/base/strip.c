/* SPDX-License-Identifier: Apache-2.0
 *
 * strip.c
 *	  Python's str.strip().
 */
#include "base/strip.h"

#include "base/utf8.h"

/* The longest white space character in UTF-8, in bytes. */
#define SPACE_MAX 3

static bool
is_space(uint32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= '\t' && code <= '\r') ||
			   (code >= 0x1c && code <= 0x1f);
	switch (code)
	{
		case 0x85:
		case 0xa0:
		case 0x1680:
		case 0x2028:
		case 0x2029:
		case 0x202f:
		case 0x205f:
		case 0x3000:
			return true;
		default:
			return code >= 0x2000 && code <= 0x200a;
	}
}

osp_str
osp__strip_left(osp_str text)
{
	while (text.len > 0)
	{
		unsigned len;
		uint32_t code;

		code = osp__utf8_decode(text.ptr, text.ptr + text.len, &len);
		if (!is_space(code))
			break;
		text.ptr += len;
		text.len -= len;
	}
	return text;
}

/* How many bytes the white space at the end of text takes; 0: there is none. */
static size_t
last_space(osp_str text)
{
	const char *end = text.ptr + text.len;
	size_t back;

	for (back = 1; back <= SPACE_MAX && back <= text.len; back++)
	{
		unsigned len;
		unsigned char c = (unsigned char) end[-(ptrdiff_t) back];

		if (c >= 0x80 && c < 0xc0)
			continue; /* inside a character, go on to its start */
		if (is_space(osp__utf8_decode(end - back, end, &len)) && len == back)
			return back;
		break;
	}
	return 0;
}

osp_str
osp__strip_right(osp_str text)
{
	size_t len;

	while ((len = last_space(text)) > 0)
		text.len -= len;
	return text;
}
