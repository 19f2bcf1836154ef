/* SPDX-License-Identifier: Apache-2.0
 *
 * test_crc32c.c
 *	  CRC-32C: known sums, and a comparison of the two implementations.
 */
#include "tap.h"

#include <stdlib.h>

#include "ship/crc32c.h"
#include "ship/spool.h"

typedef uint32_t (*crc_fn)(uint32_t crc, const void *bytes, size_t len);

/* The sums of RFC 3720, B.4, and of the usual text "123456789". */
static void
check_known(crc_fn crc)
{
	unsigned char bytes[32];
	int i;

	assert_int_equal(crc(0, "", 0), 0);
	assert_int_equal(crc(0, "123456789", 9), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc(0, bytes, sizeof(bytes)), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		bytes[i] = (unsigned char) i;
	assert_int_equal(crc(0, bytes, sizeof(bytes)), 0x46dd794e);
	for (i = 0; i < 32; i++)
		bytes[i] = (unsigned char) (31 - i);
	assert_int_equal(crc(0, bytes, sizeof(bytes)), 0x113fdb5c);
}

static void
test_known_sums(void **state)
{
	(void) state;
	check_known(osp_crc32c);
	check_known(osp__crc32c_tables);
#if defined(__x86_64__)
	if (osp__crc32c_has_sse42())
		check_known(osp__crc32c_sse42);
#endif
}

/* All lengths and alignments, in one part and in two. */
static void
test_both_agree(void **state)
{
	unsigned char bytes[256 + 8];
	size_t shift;
	size_t len;
	size_t i;

	(void) state;
	srand(1);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) rand();
	for (shift = 0; shift < 8; shift++)
		for (len = 0; len <= 256; len++)
		{
			const unsigned char *p = bytes + shift;
			uint32_t sum = osp__crc32c_tables(0, p, len);
			size_t half = len / 3;

			assert_int_equal(sum, osp_crc32c(0, p, len));
			assert_int_equal(
				sum, osp_crc32c(osp_crc32c(0, p, half), p + half, len - half));
			assert_int_equal(sum,
							 osp__crc32c_tables(osp__crc32c_tables(0, p, half),
												p + half,
												len - half));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sums),
		cmocka_unit_test(test_both_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
