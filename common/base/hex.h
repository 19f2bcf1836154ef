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

#endif /* OSPROFILER_HEX_H */
