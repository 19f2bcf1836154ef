/* SPDX-License-Identifier: Apache-2.0
 *
 * test_saved.c
 *	  Notifications that are read from files: lines, lists, reports, and other files.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/saved.h"

/* All notifications that were passed on, each followed by a '|'. */
typedef struct collected
{
	char text[4096];
	size_t count;
	size_t stop_after; /* 0: never */
} collected;

static osp_status
collect(void *ctx, osp_str json)
{
	collected *c = ctx;
	size_t used = strlen(c->text);

	(void) snprintf(c->text + used,
					sizeof(c->text) - used,
					"%.*s|",
					(int) json.len,
					json.ptr);
	c->count++;
	return c->count == c->stop_after ? OSP_ENOMEM : OSP_OK;
}

static void
assert_saved(const char *text, const char *expected)
{
	collected c = {"", 0, 0};
	osp_error err = {OSP_OK, ""};

	assert_int_equal(osp_saved_points(osp_str_of(text), collect, &c, &err),
					 OSP_OK);
	assert_string_equal(c.text, expected);
}

static void
assert_malformed(const char *text, const char *message)
{
	collected c = {"", 0, 0};
	osp_error err = {OSP_OK, ""};

	assert_int_equal(osp_saved_points(osp_str_of(text), collect, &c, &err),
					 OSP_EPROTO);
	assert_string_equal(err.msg, message);
}

static void
test_lines_and_lists(void **state)
{
	(void) state;
	assert_saved("", "");
	assert_saved(" \n\t", "");
	assert_saved("{\"a\": 1}", "{\"a\": 1}|");
	assert_saved("{\"a\": 1}\n{\"b\": 2}\r\n", "{\"a\": 1}|{\"b\": 2}|");
	assert_saved("[]", "");
	assert_saved("[{\"a\": [1, {}]}, {}]\n{}", "{\"a\": [1, {}]}|{}|{}|");
}

static void
test_strings_hide_structure(void **state)
{
	(void) state;
	assert_saved("{\"a\": \"}\"}{}", "{\"a\": \"}\"}|{}|");
	assert_saved("{\"a\\\"}\": \"\\\\\"}{}", "{\"a\\\"}\": \"\\\\\"}|{}|");
	assert_saved("{\"x\": \"\\\"children\\\": [\"}",
				 "{\"x\": \"\\\"children\\\": [\"}|");
}

static void
test_report(void **state)
{
	(void) state;
	assert_saved(
		"{\"info\": {\"name\": \"total\"}, \"children\": [{\"info\": {\n"
		" \"meta.raw_payload.a-start\": {\"x\": 1},\n"
		" \"meta.raw_payload.a-stop\" : {\"y\": {\"meta.raw_payload.q\": {}}}"
		"}, \"children\": [{\"info\": {\"meta.raw_payload.b-start\": {\"z\":"
		" 2}}, \"children\": []}]}], \"stats\": {}}",
		"{\"x\": 1}|{\"y\": {\"meta.raw_payload.q\": {}}}|{\"z\": 2}|");

	/* children that are not at the top level do not make a report */
	assert_saved("{\"info\": {\"children\": []}}",
				 "{\"info\": {\"children\": []}}|");
	assert_saved("{\"children\": 1}", "{\"children\": 1}|");

	/* a payload that is not an object is ignored */
	assert_saved("{\"children\": [{\"meta.raw_payload.a\": null}]}", "");
}

static void
test_deep_report(void **state)
{
	const char *open = "{\"children\":[";
	const char *payload = "{\"meta.raw_payload.a\":{\"n\":1}}";
	size_t levels = 200000;
	size_t at = 0;
	size_t i;
	char *text = malloc(levels * (strlen(open) + 2) + strlen(payload) + 1);
	collected c = {"", 0, 0};

	(void) state;
	assert_non_null(text);
	for (i = 0; i < levels; i++, at += strlen(open))
		memcpy(text + at, open, strlen(open));
	memcpy(text + at, payload, strlen(payload));
	at += strlen(payload);
	for (i = 0; i < levels; i++, at += 2)
		memcpy(text + at, "]}", 2);
	assert_int_equal(osp_saved_points(osp_str_n(text, at), collect, &c, NULL),
					 OSP_OK);
	assert_string_equal(c.text, "{\"n\":1}|");
	free(text);
}

static void
test_malformed(void **state)
{
	(void) state;
	assert_malformed("x",
					 "line 1: a notification or a report should begin "
					 "here");
	assert_malformed("{}\n\n12",
					 "line 3: a notification or a report should begin here");
	assert_malformed("{}\n{\"a\": 1",
					 "line 2: the object that begins here has no end");
	assert_malformed("{\"a\": \"b}",
					 "line 1: the object that begins here has no end");
	assert_malformed("\n[{}", "line 2: the list that begins here has no end");
	assert_malformed("[[{}]]",
					 "line 1: a notification or a report should begin here");
	assert_malformed("{},{}",
					 "line 1: a notification or a report should begin here");
}

/* The reader does not read beyond the end of any byte string. A sanitizer checks that. */
static void
test_every_prefix(void **state)
{
	const char *text = "[{\"children\": [{\"meta.raw_payload.a\\\"\" : {\"b\": "
					   "[\"\\\\\", {}]}}]}, {\"c\": null}]";
	size_t len;

	(void) state;
	for (len = 0; len <= strlen(text); len++)
	{
		char *copy = malloc(len > 0 ? len : 1);
		collected c = {"", 0, 0};
		osp_status status;

		assert_non_null(copy);
		memcpy(copy, text, len);
		status = osp_saved_points(osp_str_n(copy, len), collect, &c, NULL);
		assert_true(status == OSP_OK || status == OSP_EPROTO);
		free(copy);
	}
}

static void
test_receiver_ends_it(void **state)
{
	collected c = {"", 0, 2};

	(void) state;
	assert_int_equal(osp_saved_points(OSP_STR("{}{}{}"), collect, &c, NULL),
					 OSP_ENOMEM);
	assert_int_equal(c.count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_and_lists),
		cmocka_unit_test(test_strings_hide_structure),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_deep_report),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_receiver_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
