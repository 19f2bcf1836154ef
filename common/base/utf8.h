/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h
 *	  Reading UTF-8 character by character. Private to the project.
 */
#ifndef OSPROFILER_UTF8_H
#define OSPROFILER_UTF8_H

#include "osprofiler/base.h"

#define OSP__UTF8_INVALID UINT32_MAX

/*
 * The character that begins at p (which is before end); *len is its length in
 * bytes. If the bytes are not UTF-8, the result is OSP__UTF8_INVALID and *len
 * covers the maximal invalid part, which Python replaces by one U+FFFD. Encoded
 * surrogates are read as characters.
 */
static inline uint32_t
osp__utf8_decode(const char *p, const char *end, unsigned *len)
{
	const unsigned char *s = (const unsigned char *) p;
	size_t left = (size_t) (end - p);
	uint32_t code = s[0];
	unsigned char low = 0x80; /* bounds of the second byte */
	unsigned char high = 0xbf;
	unsigned need;
	unsigned i;

	*len = 1;
	if (code < 0x80)
		return code;
	if (code < 0xc2 || code > 0xf4)
		return OSP__UTF8_INVALID;
	if (code < 0xe0)
	{
		need = 2;
		code &= 0x1f;
	}
	else if (code < 0xf0)
	{
		need = 3;
		low = code == 0xe0 ? 0xa0 : low; /* below: encoded too long */
		code &= 0x0f;
	}
	else
	{
		need = 4;
		low = code == 0xf0 ? 0x90 : low;
		high = code == 0xf4 ? 0x8f : high; /* U+10FFFF is the last one */
		code &= 0x07;
	}
	for (i = 1; i < need; i++)
	{
		if (i >= left || s[i] < low || s[i] > high)
		{
			*len = i;
			return OSP__UTF8_INVALID;
		}
		low = 0x80;
		high = 0xbf;
		code = code << 6 | (s[i] & 0x3f);
	}
	*len = need;
	return code;
}

/* The next character of a text, read like strict readers of UTF-8: invalid bytes and
 * surrogates become U+FFFD. Moves *p behind the character. */
static inline osp_str
osp__utf8_next(const char **p, const char *end)
{
	const char *begin = *p;
	unsigned len;
	uint32_t code = osp__utf8_decode(begin, end, &len);

	*p += len;
	if (code == OSP__UTF8_INVALID || (code >= 0xd800 && code < 0xe000))
		return OSP_STR("\xef\xbf\xbd");
	return osp_str_n(begin, len);
}

#endif /* OSPROFILER_UTF8_H */
