/* SPDX-License-Identifier: Apache-2.0
 *
 * json_plain.h
 *	  The bytes that stand for themselves inside a JSON string of json.dumps,
 *	  looked for eight at a time. Private to common/.
 */
#ifndef OSPROFILER_JSON_PLAIN_H
#define OSPROFILER_JSON_PLAIN_H

#include <endian.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

#define OSP__PLAIN_BLOCK 16

/* As osp__json_count_plain, of sixteen bytes, which are copied to out. */
static inline unsigned
osp__json_copy_plain(char *out, const char *p)
{
#ifdef __SSE2__
	__m128i bytes = _mm_loadu_si128((const __m128i *) (const void *) p);
	__m128i special;
	unsigned marks;

	/* Bytes are signed here: those from 0x80 on are below the space, too. */
	_mm_storeu_si128((__m128i *) (void *) out, bytes);
	special = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
	marks = (unsigned) _mm_movemask_epi8(special);
	return marks == 0 ? OSP__PLAIN_BLOCK : (unsigned) __builtin_ctz(marks);
#else
	unsigned plain = osp__json_count_plain(p);

	memcpy(out, p, OSP__PLAIN_BLOCK);
	return plain < 8 ? plain : 8 + osp__json_count_plain(p + 8);
#endif
}

/* How many of the sixteen bytes at p are neither a backslash nor DEL and above. */
static inline unsigned
osp__json_count_unescaped(const char *p)
{
#ifdef __SSE2__
	__m128i bytes = _mm_loadu_si128((const __m128i *) (const void *) p);
	__m128i special;
	unsigned marks;

	special = _mm_cmplt_epi8(bytes, _mm_setzero_si128());
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
	marks = (unsigned) _mm_movemask_epi8(special);
	return marks == 0 ? OSP__PLAIN_BLOCK : (unsigned) __builtin_ctz(marks);
#else
	unsigned i;

	for (i = 0; i < OSP__PLAIN_BLOCK; i++)
	{
		if (p[i] == '\\' || (unsigned char) p[i] >= 0x7f)
			break;
	}
	return i;
#endif
}

#endif /* OSPROFILER_JSON_PLAIN_H */
