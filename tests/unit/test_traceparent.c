/* SPDX-License-Identifier: Apache-2.0
 *
 * test_traceparent.c
 *	  W3C trace contexts: which are valid, their ids, and their places in a statement.
 */
#include "tap.h"

#include <stdlib.h>

#include "osprofiler/context.h"

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define VALID  "00-" TRACE "-" PARENT "-01"
#define ZERO32 "00000000000000000000000000000000"

static void
assert_str(osp_str text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	assert_memory_equal(text.ptr, expected, text.len);
}

static bool
read_exactly(osp_str text, osp_traceparent *out)
{
	/* An allocation of the exact size, so that sanitizers detect reading beyond it. */
	char *copy = malloc(text.len > 0 ? text.len : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, text.ptr, text.len);
	ok = osp_traceparent_read(osp_str_n(copy, text.len), out);
	free(copy);
	return ok;
}

static void
test_ids(void **state)
{
	char storage[OSP_ID_MAX + 1];
	osp_traceparent read;

	(void) state;
	assert_true(read_exactly(OSP_STR(VALID), &read));
	assert_true(read.sampled);
	assert_str(osp_id_text(&read.base_id, storage),
			   "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
	assert_str(osp_id_text(&read.parent_id, storage),
			   "00000000-0000-0000-00f0-67aa0ba902b7");
	assert_true(read_exactly(OSP_STR("00-" TRACE "-" PARENT "-00"), &read));
	assert_false(read.sampled);
}

static void
test_write(void **state)
{
	char out[OSP_TRACEPARENT_LEN + 1];
	osp_traceparent read;
	osp_id text;

	(void) state;
	assert_true(read_exactly(OSP_STR(VALID), &read));
	assert_true(osp_traceparent_write(&read.base_id, &read.parent_id, out));
	assert_string_equal(out, VALID);

	/* Only the lower half of an operation's id is written. */
	assert_true(osp_traceparent_write(&read.base_id, &read.base_id, out));
	assert_string_equal(out, "00-" TRACE "-a3ce929d0e0e4736-01");

	/* Ids for which there is no valid traceparent, and ids that are no UUIDs. */
	memset(read.parent_id.bytes, 0, sizeof(osp_uuid));
	assert_false(osp_traceparent_write(&read.base_id, &read.parent_id, out));
	assert_string_equal(out, "");
	assert_false(osp_traceparent_write(&read.parent_id, &read.base_id, out));
	assert_true(osp_id_set(&text, OSP_STR("any text of sixteen b")));
	assert_false(osp_traceparent_write(&text, &read.base_id, out));
	assert_false(osp_traceparent_write(&read.base_id, &text, out));
}

static void
test_forms(void **state)
{
	static const struct
	{
		const char *text;
		bool valid;
		bool sampled;
	} cases[] = {
		{VALID, true, true},
		{"00-" TRACE "-" PARENT "-03", true, true},
		{"00-" TRACE "-" PARENT "-02", true, false},
		{"00-" TRACE "-" PARENT "-ff", true, true},
		{"cc-" TRACE "-" PARENT "-01", true, true},
		{"01-" TRACE "-" PARENT "-01-what-the-future-brings", true, true},
		{"01-" TRACE "-" PARENT "-01-", true, true},
		{"01-" TRACE "-" PARENT "-01.", false, false},
		{"00-" TRACE "-" PARENT "-01-", false, false},
		{"00-" TRACE "-" PARENT "-011", false, false},
		{"ff-" TRACE "-" PARENT "-01", false, false},
		{"00-" ZERO32 "-" PARENT "-01", false, false},
		{"00-" TRACE "-0000000000000000-01", false, false},
		{"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", false, false},
		{"00-" TRACE "-00F067AA0BA902B7-01", false, false},
		{"0A-" TRACE "-" PARENT "-01", false, false},
		{"00-" TRACE "-" PARENT "-0A", false, false},
		{"00-" TRACE "-" PARENT "-0g", false, false},
		{"00-" TRACE "-" PARENT "-0", false, false},
		{"00-" TRACE "-" PARENT "-", false, false},
		{"00-" TRACE "_" PARENT "-01", false, false},
		{"00_" TRACE "-" PARENT "-01", false, false},
		{"00-" TRACE "-" PARENT "_01", false, false},
		{"00-" TRACE "0-" PARENT "-1", false, false},
		{" " VALID, false, false},
		{VALID " ", false, false},
		{"", false, false},
		{"-", false, false},
		{"00", false, false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_traceparent read = {.sampled = false};

		assert_int_equal(read_exactly(osp_str_of(cases[i].text), &read),
						 cases[i].valid);
		if (cases[i].valid)
			assert_int_equal(read.sampled, cases[i].sampled);
	}
}

/* Any byte is replaced in any place, and the text is cut to each length. */
static void
test_every_change(void **state)
{
	char text[] = VALID;
	osp_traceparent read;
	size_t i;
	int c;

	(void) state;
	for (i = 0; i < sizeof(text) - 1; i++)
	{
		char was = text[i];

		assert_false(read_exactly(osp_str_n(text, i), &read));
		for (c = 0; c < 256; c++)
		{
			bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

			text[i] = (char) c;
			assert_int_equal(
				read_exactly(osp_str_n(text, sizeof(text) - 1), &read),
				was == '-' ? c == '-' : hex);
		}
		text[i] = was;
	}
}

static void
assert_found(const char *text, bool whole, const char *expected)
{
	char out[OSP_TRACEPARENT_SPACE];
	osp_str found;

	assert_int_equal(
		osp_comment_traceparent(osp_str_of(text), whole, out, &found),
		expected != NULL);
	assert_str(found, expected != NULL ? expected : "");
}

static void
test_places(void **state)
{
	(void) state;
	assert_found("SELECT 1 /*traceparent='" VALID "'*/", false, VALID);
	assert_found("/*traceparent='" VALID "'*/ SELECT 1", false, VALID);
	assert_found("SELECT 1 /*a='b',traceparent='" VALID
				 "',tracestate='x%3Dy'*/;",
				 false,
				 VALID);
	assert_found("SELECT 1 /*traceparent='00%2D1'*/", false, "00-1");
	assert_found(
		"SELECT 1 /*traceparent='1'*/ /*traceparent='2'*/", false, "2");
	assert_found("SELECT 1 /*traceparent='1'*/ /*other='2'*/", false, "1");
	assert_found("SELECT '/*traceparent=''1''*/'", false, NULL);
	assert_found("SELECT 1 -- /*traceparent='1'*/", false, NULL);
	assert_found("SELECT 1 /*trace_info='1',trace_hmac='2'*/", false, NULL);
	assert_found("SELECT 1", false, NULL);
	assert_found("", false, NULL);
	assert_found("traceparent='1'", false, NULL);
	assert_found("traceparent='1'", true, "1");
	assert_found("/*traceparent='1'*/", true, "1");
	assert_found("SELECT 1 /*traceparent='1'*/", true, NULL);
	assert_found("", true, NULL);
}

/* Lists as programs and people write them: one invalid pair does not make the others
 * invalid. */
static void
test_loose(void **state)
{
	(void) state;
	assert_found("SELECT 1 /* traceparent=" VALID " */", false, VALID);
	assert_found("SELECT 1 /*traceparent=" VALID "*/", false, VALID);
	assert_found("/*app=foo,traceparent='" VALID "'*/ SELECT 1", false, VALID);
	assert_found(
		"SELECT 1 /*application:Api,traceparent:" VALID "*/", false, VALID);
	assert_found("SELECT 1 /*a:b='c',traceparent='" VALID "'*/", false, VALID);
	assert_found(
		"SELECT 1 /*a='it''s',traceparent='" VALID "'*/", false, VALID);
	assert_found("SELECT 1 /*traceparent='" VALID "',*/", false, VALID);
	assert_found("SELECT 1 /*traceparent=\"" VALID "\"*/", false, VALID);
	assert_found("SELECT 1 /*{\"traceparent\": \"" VALID "\"}*/", false, VALID);
	assert_found("SELECT 1 /*traceparent = " VALID ";a=b*/", false, VALID);
	assert_found("SELECT 1 /* x traceparent=" VALID "*/ -- y", false, VALID);
	assert_found("SELECT 1 /*traceparent='" VALID "'*/ -- y\n;", false, VALID);
	assert_found("traceparent=" VALID, true, VALID);
	assert_found("/* traceparent: " VALID " */", true, VALID);

	/* A key that only ends in "traceparent" is not found, and neither is one without a
	 * value. */
	assert_found("SELECT 1 /* x_traceparent=" VALID " */", false, NULL);
	assert_found("SELECT 1 /* the traceparent */", false, NULL);
	assert_found("SELECT 1 /* traceparent= */", false, NULL);

	/* In a well-formed list, text inside of a value is not searched. */
	assert_found("SELECT 1 /*a='x,traceparent=" VALID "'*/", false, NULL);
}

/* A traceparent and a signed context are not confused. One that is too long is reported
 * as too long. */
static void
test_both(void **state)
{
	static const char both[] =
		"SELECT 1 /*traceparent='t',trace_info='i',trace_hmac='h'*/";
	char space[OSP_COMMENT_SPACE];
	char out[OSP_TRACEPARENT_SPACE];
	char text[2000] = "traceparent='";
	osp_str info;
	osp_str hmac;
	osp_str found;

	(void) state;
	assert_true(osp_comment_context(osp_str_of(both), space, &info, &hmac));
	assert_str(info, "i");
	assert_str(hmac, "h");
	assert_found(both, false, "t");
	assert_false(osp_comment_context(
		OSP_STR("SELECT 1 /*traceparent='t'*/"), space, &info, &hmac));

	memset(text + strlen(text), '0', 1500);
	text[1513] = '\'';
	assert_true(osp_comment_traceparent(osp_str_of(text), true, out, &found));
	assert_int_equal(found.len, OSP_TRACEPARENT_MAX + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_every_change),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_loose),
		cmocka_unit_test(test_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
