/* SPDX-License-Identifier: Apache-2.0
 *
 * test_terminal_text.c
 *	  Text from outside that is written to a terminal: it cannot control the terminal,
 *	  and fits into its width.
 */
#include "tap.h"

#include "report/terminal_text.h"

#define TEXT_MAX 65536

static void
assert_shown_str(osp_str text, bool unicode, size_t max_columns,
				 const char *expected, size_t columns)
{
	osp_buf buf;

	osp_buf_init(&buf, &osp_allocator_default, TEXT_MAX);
	osp_buf_add_char(&buf, '>');
	assert_int_equal(osp__terminal_text(&buf, text, unicode, max_columns),
					 columns);
	assert_string_equal(buf.ptr + 1, expected);
	osp_buf_term(&buf);
}

static void
assert_shown(const char *text, const char *expected, size_t columns)
{
	assert_shown_str(osp_str_of(text), true, 0, expected, columns);
}

static void
assert_cut(const char *text, size_t max_columns, const char *expected,
		   size_t columns)
{
	assert_shown_str(osp_str_of(text), true, max_columns, expected, columns);
}

static void
test_white_space(void **state)
{
	(void) state;
	assert_shown("", "", 0);
	assert_shown(" \n\t ", "", 0);
	assert_shown("SELECT 1", "SELECT 1", 8);
	assert_shown("\n  SELECT *\n\tFROM t\r\n", "SELECT * FROM t", 15);
	assert_shown("a\u2028b\u2029c", "a b c", 5);
}

static void
test_controls(void **state)
{
	(void) state;
	assert_shown("a\033[31mb", "a\\x1b[31mb", 10);
	assert_shown("\x07\x7f", "\\x07\\x7f", 8);
	assert_shown("\xc2\x9b"
				 "1m",
				 "\\x9b1m",
				 6);
	assert_shown("a\u202eb\u200bc\ufeff", "a\\u202eb\\u200bc\\ufeff", 21);
	assert_shown("\U000e0041", "\\U000e0041", 10);
	assert_shown_str(OSP_STR("a\0b"), true, 0, "a\\x00b", 6);
	assert_shown("\x9b\xff\xe2\x82", "\\x9b\\xff\\xe2\\x82", 16);
	assert_shown("\xed\xa0\x80", "\\ud800", 6);
}

static void
test_columns(void **state)
{
	(void) state;
	assert_shown("äж€", "äж€", 3);
	assert_shown("日本", "日本", 4);
	assert_shown("e\u0301x", "e\u0301x", 2);
	assert_shown("\U0001f600", "\U0001f600", 2);
}

static void
test_ascii(void **state)
{
	(void) state;
	assert_shown_str(
		OSP_STR("ä€\U0001f600"), false, 0, "\\u00e4\\u20ac\\U0001f600", 22);
	assert_shown_str(OSP_STR("0123456789"), false, 8, "01234...", 8);
}

static void
test_cut(void **state)
{
	(void) state;
	assert_cut("0123456789", 10, "0123456789", 10);
	assert_cut("0123456789", 9, "01234567…", 9);
	assert_cut("0123456789", 1, "…", 1);
	assert_cut("0", 1, "0", 1);
	assert_shown_str(OSP_STR("0123"), false, 2, "", 0);
	assert_shown_str(OSP_STR("0123"), false, 3, "...", 3);

	/* The text is never cut inside a character or an escape, nor after a space. */
	assert_cut("äöü", 2, "ä…", 2);
	assert_cut("日本語", 5, "日本…", 5);
	assert_cut("日本語", 4, "日…", 3);
	assert_cut("a\033b", 5, "a…", 2);
	assert_cut("ab cdef", 4, "ab…", 3);
	assert_cut("ab cdef", 5, "ab c…", 5);
	assert_cut("ab      ", 2, "ab", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_white_space),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
