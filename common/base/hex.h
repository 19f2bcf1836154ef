/* SPDX-License-Identifier: Apache-2.0
 *
 * hex.h
 *	  Hexadecimal digits. Private to common/.
 */
#ifndef OSPROFILER_HEX_H
#define OSPROFILER_HEX_H

#include <endian.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The value of a digit in either case, or -1. */
static inline int
osp__hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char) (c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of a percent-encoding %XX at p, or -1 if there is no encoding at p. */
static inline int
osp__percent_byte(const char *p, const char *end)
{
	int high;
	int low;

	if (end - p < 3 || p[0] != '%')
		return -1;
	high = osp__hex_value(p[1]);
	low = osp__hex_value(p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Writes four bytes as their eight hex digits. */
static inline void
osp__hex_write4(char *out, const unsigned char *bytes)
{
	uint32_t value;
	uint64_t digits;
	uint64_t letters; /* 1 in each byte whose digit is a letter */

	/* Spreads the nibbles to one byte each, then turns each into its character. */
	memcpy(&value, bytes, sizeof(value));
	digits = be32toh(value);
	digits = (digits | digits << 16) & UINT64_C(0x0000ffff0000ffff);
	digits = (digits | digits << 8) & UINT64_C(0x00ff00ff00ff00ff);
	digits = (digits | digits << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	letters = (digits + UINT64_C(0x0606060606060606)) >> 4 &
			  UINT64_C(0x0101010101010101);
	digits += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
	digits = htobe64(digits);
	memcpy(out, &digits, sizeof(digits));
}

#ifdef __SSE2__
/* The digits of sixteen nibbles, one in each byte. */
static inline __m128i
osp__hex_digits(__m128i nibbles)
{
	__m128i letters = _mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9));

	return _mm_add_epi8(_mm_add_epi8(nibbles, _mm_set1_epi8('0')),
						_mm_and_si128(letters, _mm_set1_epi8('a' - '0' - 10)));
}
#endif

/* Writes sixteen bytes as their 32 hex digits. */
static inline void
osp__hex_write16(char *out, const unsigned char *bytes)
{
#ifdef __SSE2__
	const __m128i low_bits = _mm_set1_epi8(0x0f);
	__m128i all = _mm_loadu_si128((const __m128i *) (const void *) bytes);
	__m128i high = _mm_and_si128(_mm_srli_epi16(all, 4), low_bits);
	__m128i low = _mm_and_si128(all, low_bits);

	_mm_storeu_si128((__m128i *) (void *) out,
					 osp__hex_digits(_mm_unpacklo_epi8(high, low)));
	_mm_storeu_si128((__m128i *) (void *) (out + 16),
					 osp__hex_digits(_mm_unpackhi_epi8(high, low)));
#else
	int i;

	for (i = 0; i < 16; i += 4)
		osp__hex_write4(out + 2 * i, bytes + i);
#endif
}

#endif /* OSPROFILER_HEX_H */
