/* SPDX-License-Identifier: Apache-2.0
 *
 * test_json_escape.c
 *	  Escaping for JSON: json.dumps' bytes, bytes that are not UTF-8, output
 *	  that does not fit.
 */
#include "tap.h"

#include <stdlib.h>

#include "json/json_escape.h"

/* A text, and its form in Python: json.dumps(text.decode(.., 'replace')). */
static const struct
{
	const char *text;
	const char *escaped;
} cases[] = {
	{"", ""},
	{"SELECT 1", "SELECT 1"},
	{"\"", "\\\""},
	{"\\", "\\\\"},
	{"/", "/"},
	{"\b\t\n\f\r", "\\b\\t\\n\\f\\r"},
	{"\x01\x1f\x7f", "\\u0001\\u001f\\u007f"},
	{"\x0b ~", "\\u000b ~"},
	{"0123456\n89", "0123456\\n89"},
	{"01234567\n9", "01234567\\n9"},
	{"0123456789abcdef\"", "0123456789abcdef\\\""},
	{"éж€😀", "\\u00e9\\u0436\\u20ac\\ud83d\\ude00"},
	{"01234567é01234567", "01234567\\u00e901234567"},
	{"\xef\xbf\xbf", "\\uffff"},
	{"\xf0\x90\x80\x80", "\\ud800\\udc00"},
	{"\xf4\x8f\xbf\xbf", "\\udbff\\udfff"},

	/* surrogates in UTF-8, which Python keeps as "\ud800" */
	{"\xed\xa0\x80", "\\ud800"},
	{"\xed\xbf\xbf", "\\udfff"},

	/* one replacement for each maximal invalid part */
	{"\xff", "\\ufffd"},
	{"\x80\x80", "\\ufffd\\ufffd"},
	{"\xc3", "\\ufffd"},
	{"\xc3(", "\\ufffd("},
	{"\xc0\x80", "\\ufffd\\ufffd"},
	{"\xe2\x82", "\\ufffd"},
	{"\xe2\x82x", "\\ufffdx"},
	{"\xe0\x80\x80", "\\ufffd\\ufffd\\ufffd"},
	{"\xf0\x9f\x98", "\\ufffd"},
	{"\xf0\x9f\x98\xf0\x9f\x98\x80", "\\ufffd\\ud83d\\ude00"},
	{"\xf0\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
	{"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
	{"\xf5", "\\ufffd"},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static void
test_bytes(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < CASES; i++)
	{
		size_t in_len = strlen(cases[i].text);
		size_t len = strlen(cases[i].escaped);
		size_t room = in_len * OSP__JSON_ESCAPE_GROWTH;
		char *in = malloc(in_len + 1);
		char *out = malloc(room + 1);
		size_t taken;

		assert_non_null(in);
		assert_non_null(out);
		memcpy(in, cases[i].text, in_len);
		assert_int_equal(
			osp__json_escape(osp_str_n(in, in_len), out, room, &taken), len);
		assert_memory_equal(out, cases[i].escaped, len);
		assert_int_equal(taken, in_len);
		free(out);
		free(in);
	}
}

/* A NUL is escaped like other characters. */
static void
test_nul(void **state)
{
	char out[32];
	size_t taken;

	(void) state;
	assert_int_equal(
		osp__json_escape(osp_str_n("a\0b", 3), out, sizeof(out), &taken), 8);
	assert_memory_equal(out, "a\\u0000b", 8);
}

/* Pieces of any size give the same bytes, and no character is divided. */
static void
test_pieces(void **state)
{
	static const char text[] =
		"SELECT 'é', \"a\tb\" FROM t\n-- 😀\xff\xe2\x82 and so on, and so on";
	char whole[sizeof(text) * OSP__JSON_ESCAPE_GROWTH];
	size_t taken;
	size_t len;
	size_t size;

	(void) state;
	len = osp__json_escape(
		osp_str_n(text, sizeof(text)), whole, sizeof(whole), &taken);
	assert_int_equal(taken, sizeof(text));
	for (size = 0; size < 40; size++)
	{
		char *piece = malloc(size + 1);
		size_t from = 0;
		size_t done = 0;

		assert_non_null(piece);
		for (;;)
		{
			osp_str rest = osp_str_n(text + from, sizeof(text) - from);
			size_t got = osp__json_escape(rest, piece, size, &taken);

			assert_in_range(got, 0, size);
			assert_memory_equal(piece, whole + done, got);
			from += taken;
			done += got;
			if (taken == 0 || from == sizeof(text))
				break;
		}

		/* The longest escape has 12 bytes. */
		if (size >= 12)
			assert_int_equal(done, len);
		free(piece);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
