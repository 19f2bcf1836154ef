/* SPDX-License-Identifier: Apache-2.0
 *
 * base64.c
 *	  Base64 with the urlsafe alphabet, as Python's base64 module reads and
 *	  writes it.
 */
#include "base/base64.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a character that is not a digit has these bits; the largest
 * digit is 63. */
#define OTHER     0x40
#define PAD       0x41
#define NON_ASCII 0x80

size_t
osp__base64_encode(osp_str bytes, char *out)
{
	const unsigned char *in = (const unsigned char *) bytes.ptr;
	size_t left = bytes.len;
	char *o = out;

	for (; left >= 3; left -= 3, in += 3, o += 4)
	{
		unsigned bits = (unsigned) in[0] << 16 | (unsigned) in[1] << 8 | in[2];

		o[0] = alphabet[bits >> 18];
		o[1] = alphabet[bits >> 12 & 0x3f];
		o[2] = alphabet[bits >> 6 & 0x3f];
		o[3] = alphabet[bits & 0x3f];
	}
	if (left > 0)
	{
		unsigned char second = left == 2 ? in[1] : 0;

		*o++ = alphabet[in[0] >> 2];
		*o++ = alphabet[(in[0] << 4 & 0x30) | second >> 4];
		*o++ = left == 2 ? alphabet[second << 2 & 0x3c] : '=';
		*o++ = '=';
	}
	return (size_t) (o - out);
}

/* The table below has sixteen characters a line, from NUL on. */
#define ROW4(a, b, c, d) (a), (b), (c), (d)
#define NONE4            ROW4(OTHER, OTHER, OTHER, OTHER)
#define NONE16           NONE4, NONE4, NONE4, NONE4
#define HIGH4            ROW4(NON_ASCII, NON_ASCII, NON_ASCII, NON_ASCII)
#define HIGH16           HIGH4, HIGH4, HIGH4, HIGH4

/* clang-format off */
static const unsigned char digit_of[256] = {
	NONE16, NONE16,
	NONE4, NONE4, ROW4(OTHER, OTHER, OTHER, 62), ROW4(OTHER, 62, OTHER, 63),
	ROW4(52, 53, 54, 55), ROW4(56, 57, 58, 59),
	ROW4(60, 61, OTHER, OTHER), ROW4(OTHER, PAD, OTHER, OTHER),
	ROW4(OTHER, 0, 1, 2), ROW4(3, 4, 5, 6),
	ROW4(7, 8, 9, 10), ROW4(11, 12, 13, 14),
	ROW4(15, 16, 17, 18), ROW4(19, 20, 21, 22),
	ROW4(23, 24, 25, OTHER), ROW4(OTHER, OTHER, OTHER, 63),
	ROW4(OTHER, 26, 27, 28), ROW4(29, 30, 31, 32),
	ROW4(33, 34, 35, 36), ROW4(37, 38, 39, 40),
	ROW4(41, 42, 43, 44), ROW4(45, 46, 47, 48),
	ROW4(49, 50, 51, OTHER), NONE4,
	HIGH16, HIGH16, HIGH16, HIGH16, HIGH16, HIGH16, HIGH16, HIGH16
};
/* clang-format on */

/* All of a Python str must be ASCII, also the part behind the padding. */
static bool
is_ascii(const unsigned char *p, const unsigned char *end)
{
	while (p < end)
		if (*p++ >= 0x80)
			return false;
	return true;
}

bool
osp__base64_decode(osp_str text, char *out, size_t *len)
{
	const unsigned char *in = (const unsigned char *) text.ptr;
	const unsigned char *end = in + text.len;
	unsigned char *o = (unsigned char *) out;
	unsigned bits = 0;
	unsigned digits = 0; /* digits read of the group of four */
	unsigned pads = 0;   /* padding characters since the last digit */

	*len = 0;
	while (in < end)
	{
		unsigned digit;

		while (digits == 0 && end - in >= 4)
		{
			unsigned a = digit_of[in[0]];
			unsigned b = digit_of[in[1]];
			unsigned c = digit_of[in[2]];
			unsigned d = digit_of[in[3]];

			if (((a | b | c | d) & (OTHER | NON_ASCII)) != 0)
				break;
			*o++ = (unsigned char) (a << 2 | b >> 4);
			*o++ = (unsigned char) (b << 4 | c >> 2);
			*o++ = (unsigned char) (c << 6 | d);
			in += 4;
			pads = 0;
		}
		if (in == end)
			break;
		digit = digit_of[*in++];
		if (digit == NON_ASCII)
			return false;
		if (digit == PAD && digits >= 2 && digits + ++pads >= 4)
		{
			if (!is_ascii(in, end))
				return false;
			digits = 0;
			break;
		}
		if (digit >= OTHER)
			continue;
		pads = 0;
		bits = bits << 6 | digit;
		digits = (digits + 1) & 3;
		if (digits != 1)
			*o++ = (unsigned char) (bits >> (digits == 0 ? 0 : 8 - 2 * digits));
	}
	if (digits != 0)
		return false;
	*len = (size_t) ((char *) o - out);
	return true;
}
