/* SPDX-License-Identifier: Apache-2.0
 *
 * test_timestamp.c
 *	  Times are converted to text and back, for each day that 64 bits of nanoseconds can
 *	  represent.
 */
#include "tap.h"

#include <stdio.h>
#include <time.h>

#include "osprofiler/notification.h"

#define NS     INT64_C(1000000000)
#define DAY_NS (86400 * NS)

static void
assert_shown(int64_t ns, const char *expected)
{
	char text[OSP_TIMESTAMP_LEN + 1];

	osp_timestamp_text(ns, text);
	assert_string_equal(text, expected);
}

static void
test_text(void **state)
{
	(void) state;
	assert_shown(0, "1970-01-01T00:00:00.000000");
	assert_shown(999, "1970-01-01T00:00:00.000000");
	assert_shown(1000, "1970-01-01T00:00:00.000001");
	assert_shown(-1, "1969-12-31T23:59:59.999999");
	assert_shown(-NS, "1969-12-31T23:59:59.000000");
	assert_shown(951782399 * NS, "2000-02-28T23:59:59.000000");
	assert_shown(951868800 * NS, "2000-03-01T00:00:00.000000");
	assert_shown(1795363018 * NS + 22333999, "2026-11-22T15:56:58.022333");
	assert_shown(INT64_MAX, "2262-04-11T23:47:16.854775");
	assert_shown(INT64_MIN, "1677-09-21T00:12:43.145224");
}

static void
test_every_day(void **state)
{
	int64_t day;

	(void) state;
	for (day = -106000; day <= 106000; day++)
	{
		time_t seconds = (time_t) day * 86400 + 3723;
		char expected[64];
		char text[OSP_TIMESTAMP_LEN + 1];
		struct tm tm;
		int64_t back;

		assert_non_null(gmtime_r(&seconds, &tm));
		(void) snprintf(expected,
						sizeof(expected),
						"%04d-%02d-%02dT01:02:03.000004",
						tm.tm_year + 1900,
						tm.tm_mon + 1,
						tm.tm_mday);
		osp_timestamp_text(seconds * NS + 4000, text);
		assert_string_equal(text, expected);
		assert_true(osp_timestamp_parse(osp_str_of(text), &back));
		assert_true(back == seconds * NS + 4000);
	}
}

static void
assert_read(const char *text, int64_t expected)
{
	int64_t ns = 0;

	assert_true(osp_timestamp_parse(osp_str_of(text), &ns));
	assert_true(ns == expected);
}

static void
test_parse(void **state)
{
	(void) state;
	assert_read("1970-01-01T00:00:00.000001", 1000);
	assert_read("2026-11-22T15:56:58.022333", 1795363018 * NS + 22333000);
	assert_read("2026-11-22T15:56:58.5", 1795363018 * NS + 500000000);
	assert_read("2026-11-22T15:56:58.05", 1795363018 * NS + 50000000);
	assert_read("2000-02-29T00:00:00.0", 951782400 * NS);

	/* strptime() accepts one digit where two are usual, and upper or lower case. */
	assert_read("1970-1-2t3:4:5.1", 97445 * NS + 100000000);
}

/* Texts that are not timestamps. */
static void
test_refused(void **state)
{
	static const char *const texts[] = {"",
										"yesterday",
										"2026",
										"2026-11-22",
										"2026-13-01T00:00:00.0",
										"2026-00-01T00:00:00.0",
										"2026-02-29T00:00:00.0",
										"1900-02-29T00:00:00.0",
										"2026-04-31T00:00:00.0",
										"2026-11-22T24:00:00.0",
										"2026-11-22T00:60:00.0",
										"2026-11-22T00:00:60.0",
										"2026-11-22T00:00:00.",
										"2026-11-22T00:00:00.0x",
										"2026-11-22T00:00:00.-1",
										" 2026-11-22T00:00:00.0",
										"02026-11-22T00:00:00.0",
										"0001-01-01T00:00:00.0",
										"9999-01-01T00:00:00.0",
										"2026-11-22T00:00:00.0+1",
										"2026-11-22T00:00:00.0+01:0",
										"2026-11-22T00:00:00.0+24:00",
										"2026-11-22T00:00:00.0ZZ"};
	size_t i;
	int64_t ns;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		assert_false(osp_timestamp_parse(osp_str_of(texts[i]), &ns));
	}
}

/* Timestamps of other programs. */
static void
test_foreign(void **state)
{
	const int64_t second = 1795363018 * NS;

	(void) state;
	assert_read("2026-11-22T15:56:58", second);
	assert_read("2026-11-22T15:56:58Z", second);
	assert_read("2026-11-22 15:56:58.022333", second + 22333000);
	assert_read("2026-11-22T15:56:58.123456789", second + 123456789);
	assert_read("2026-11-22T15:56:58.12345678999999999999", second + 123456789);
	assert_read("2026-11-22T15:56:58.1Z", second + 100000000);
	assert_read("2026-11-22T17:26:58.5+01:30", second + 500000000);
	assert_read("2026-11-22T14:56:58-0100", second);
	assert_read("2026-11-22T14:56:58-01", second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
