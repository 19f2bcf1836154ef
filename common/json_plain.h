/* SPDX-License-Identifier: Apache-2.0
 *
 * json_plain.h
 *	  The bytes that stand for themselves inside a JSON string of json.dumps,
 *	  looked for eight at a time. Private to common/.
 */
#ifndef OSPROFILER_JSON_PLAIN_H
#define OSPROFILER_JSON_PLAIN_H

#include <endian.h>

#include "osprofiler/base.h"

#define OSP__EVERY_BYTE(b) (UINT64_C(0x0101010101010101) * (b))
#define OSP__JSON_IS_PLAIN(c) \
	((c) >= 0x20 && (c) < 0x7f && (c) != '"' && (c) != '\\')

/*
 * How many of the eight bytes at p, from the first on, stand for themselves.
 * Each term sets the top bit of a byte that does not. A borrow or carry can
 * only spoil bytes behind one that is marked already, so the first mark is
 * right.
 */
static inline unsigned
osp__json_count_plain(const char *p)
{
	uint64_t word;
	uint64_t quote;
	uint64_t backslash;
	uint64_t marks;

	memcpy(&word, p, sizeof(word));
	word = le64toh(word);
	quote = word ^ OSP__EVERY_BYTE('"');
	backslash = word ^ OSP__EVERY_BYTE('\\');
	marks = word | (word + OSP__EVERY_BYTE(1));             /* 0x7f and above */
	marks |= (word - OSP__EVERY_BYTE(0x20)) & ~word;        /* below 0x20 */
	marks |= (quote - OSP__EVERY_BYTE(1)) & ~quote;         /* zero: a quote */
	marks |= (backslash - OSP__EVERY_BYTE(1)) & ~backslash; /* zero: a \ */
	marks &= OSP__EVERY_BYTE(0x80);
	return marks == 0 ? 8 : (unsigned) __builtin_ctzll(marks) / 8;
}

#endif /* OSPROFILER_JSON_PLAIN_H */
