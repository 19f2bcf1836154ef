/* SPDX-License-Identifier: Apache-2.0
 *
 * hex.h
 *	  Hexadecimal digits. Private to common/.
 */
#ifndef OSPROFILER_HEX_H
#define OSPROFILER_HEX_H

/* The value of a digit in either case, or -1. */
static inline int
osp__hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char) (c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that a percent-encoding %XX at p stands for, or -1 if it is none. */
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

#endif /* OSPROFILER_HEX_H */
