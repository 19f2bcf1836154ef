/* SPDX-License-Identifier: Apache-2.0
 *
 * json_plain.h
 *	  Checks bytes of JSON texts, many at a time. A plain byte stands for itself
 *	  inside a string of json.dumps. Private to common/.
 */
#ifndef OSPROFILER_JSON_PLAIN_H
#define OSPROFILER_JSON_PLAIN_H

#include <endian.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/hex.h"
#include "osprofiler/base.h"

#define OSP__EVERY_BYTE(b) (UINT64_C(0x0101010101010101) * (b))
#define OSP__JSON_IS_PLAIN(c) \
	((c) >= 0x20 && (c) < 0x7f && (c) != '"' && (c) != '\\')

/*
 * Sets the top bit of each of eight bytes that is not plain; the first byte in memory
 * is the lowest. A borrow or carry can only spoil bytes behind a marked one, so the
 * first mark is right, and so is a result of 0.
 */
static inline uint64_t
osp__json_marks(uint64_t word)
{
	uint64_t quote = word ^ OSP__EVERY_BYTE('"');
	uint64_t backslash = word ^ OSP__EVERY_BYTE('\\');
	uint64_t marks = word | (word + OSP__EVERY_BYTE(1)); /* 0x7f and above */

	marks |= (word - OSP__EVERY_BYTE(0x20)) & ~word;        /* below 0x20 */
	marks |= (quote - OSP__EVERY_BYTE(1)) & ~quote;         /* zero: a quote */
	marks |= (backslash - OSP__EVERY_BYTE(1)) & ~backslash; /* zero: a \ */
	return marks & OSP__EVERY_BYTE(0x80);
}

/* How many of the eight bytes at p are plain before the first that is not. */
static inline unsigned
osp__json_count_plain(const char *p)
{
	uint64_t word;
	uint64_t marks;

	memcpy(&word, p, sizeof(word));
	marks = osp__json_marks(le64toh(word));
	return marks == 0 ? 8 : (unsigned) __builtin_ctzll(marks) / 8;
}

/* Is it white space in JSON? */
static inline bool
osp__json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The code of the four hex digits at p, which are those of an escape \uXXXX, or -1. */
static inline int
osp__json_hex4(const char *p)
{
	int code = 0;
	int i;

	for (i = 0; i < 4; i++)
	{
		int digit = osp__hex_value(p[i]);

		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

#define OSP__PLAIN_BLOCK 16

/* Like osp__json_count_plain for sixteen bytes, which are also copied to out. */
static inline unsigned
osp__json_copy_plain(char *out, const char *p)
{
#ifdef __SSE2__
	__m128i bytes = _mm_loadu_si128((const __m128i *) (const void *) p);
	__m128i special;
	unsigned marks;

	/* This comparison is signed: bytes from 0x80 on are below the space, too. */
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

/* How many of the sixteen bytes at p stand before the first that is a backslash or at
 * least 0x7f. */
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

/* Like osp__json_copy_if_plain for less than a block: copies pieces that overlap. */
static inline bool
osp__json_copy_if_plain_short(char *out, const char *in, size_t len)
{
	uint64_t word = OSP__EVERY_BYTE('a');
	uint64_t last;
	uint32_t half;

	if (len < 4)
	{
		size_t i;

		for (i = 0; i < len; i++)
		{
			out[i] = in[i];
			word = word << 8 | (unsigned char) in[i];
		}
		return osp__json_marks(word) == 0;
	}
	if (len < 8)
	{
		memcpy(&half, in, sizeof(half));
		word = half;
		memcpy(out, &half, sizeof(half));
		memcpy(&half, in + len - sizeof(half), sizeof(half));
		word = word << 32 | half;
		memcpy(out + len - sizeof(half), &half, sizeof(half));
		return osp__json_marks(word) == 0;
	}
	memcpy(&word, in, sizeof(word));
	memcpy(&last, in + len - sizeof(last), sizeof(last));
	memcpy(out, &word, sizeof(word));
	memcpy(out + len - sizeof(last), &last, sizeof(last));
	return (osp__json_marks(word) | osp__json_marks(last)) == 0;
}

/*
 * Copies len bytes, and returns whether all of them are plain; if not, it may
 * stop early.
 */
static inline bool
osp__json_copy_if_plain(char *out, const char *in, size_t len)
{
	size_t i;

	if (len < OSP__PLAIN_BLOCK)
		return osp__json_copy_if_plain_short(out, in, len);
	for (i = 0; i + OSP__PLAIN_BLOCK <= len; i += OSP__PLAIN_BLOCK)
	{
		if (osp__json_copy_plain(out + i, in + i) < OSP__PLAIN_BLOCK)
			return false;
	}
	i = len - OSP__PLAIN_BLOCK;
	return osp__json_copy_plain(out + i, in + i) == OSP__PLAIN_BLOCK;
}

#endif /* OSPROFILER_JSON_PLAIN_H */
