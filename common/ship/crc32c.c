/* SPDX-License-Identifier: Apache-2.0
 *
 * crc32c.c
 *	  CRC-32C (Castagnoli), the checksum of the spool.
 *
 * x86-64 has an instruction for it since SSE4.2; it is checked once whether
 * this processor has it. Elsewhere eight tables process eight bytes at a time.
 * Both give the same sums, so a spool may move between machines of the same
 * byte order.
 */
#include "ship/crc32c.h"

#include <endian.h>
#include <pthread.h>

#include "ship/spool.h"

#define POLYNOMIAL UINT32_C(0x82f63b78) /* Castagnoli's, bits reversed */

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* Fills tables[n][b] with the effect of byte b on a sum when n more bytes follow it. */
static void
fill_tables(void)
{
	uint32_t b;
	int n;

	for (b = 0; b < 256; b++)
	{
		uint32_t crc = b;
		int bit;

		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
		tables[0][b] = crc;
	}
	for (n = 1; n < 8; n++)
		for (b = 0; b < 256; b++)
			tables[n][b] =
				(tables[n - 1][b] >> 8) ^ tables[0][tables[n - 1][b] & 0xff];
}

uint32_t
osp__crc32c_tables(uint32_t crc, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	(void) pthread_once(&tables_once, fill_tables);
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8)
	{
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		word = le64toh(word) ^ crc;
		crc = tables[7][word & 0xff] ^ tables[6][(word >> 8) & 0xff] ^
			  tables[5][(word >> 16) & 0xff] ^ tables[4][(word >> 24) & 0xff] ^
			  tables[3][(word >> 32) & 0xff] ^ tables[2][(word >> 40) & 0xff] ^
			  tables[1][(word >> 48) & 0xff] ^ tables[0][word >> 56];
	}
	for (; len > 0; p++, len--)
		crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) uint32_t
osp__crc32c_sse42(uint32_t crc, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t sum = ~crc;

	for (; len >= 8; p += 8, len -= 8)
	{
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (; len > 0; p++, len--)
		sum = __builtin_ia32_crc32qi((uint32_t) sum, *p);
	return ~(uint32_t) sum;
}

bool
osp__crc32c_has_sse42(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("sse4.2") != 0;
}

uint32_t
osp_crc32c(uint32_t crc, const void *bytes, size_t len)
{
	/* 0: not checked yet. If several threads check at once, they find the same. */
	static int answer = 0;
	int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);

	if (OSP_UNLIKELY(known == 0))
	{
		known = osp__crc32c_has_sse42() ? 1 : -1;
		__atomic_store_n(&answer, known, __ATOMIC_RELAXED);
	}
	return known > 0 ? osp__crc32c_sse42(crc, bytes, len)
					 : osp__crc32c_tables(crc, bytes, len);
}

#else

bool
osp__crc32c_has_sse42(void)
{
	return false;
}

uint32_t
osp_crc32c(uint32_t crc, const void *bytes, size_t len)
{
	return osp__crc32c_tables(crc, bytes, len);
}

#endif
