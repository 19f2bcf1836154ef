/* SPDX-License-Identifier: Apache-2.0
 *
 * test_json_member.c
 *	  Reads one text member of a JSON object.
 */
#include "tap.h"

#include "failing_alloc.h"
#include "osprofiler/json.h"

static void
assert_member(const char *json, const char *name, osp_status expected,
			  const char *text)
{
	osp_buf buf;

	osp_buf_init(&buf, &osp_allocator_default, 4096);
	assert_int_equal(
		osp_json_member_text(&buf, osp_str_of(json), osp_str_of(name)),
		expected);
	assert_true(osp_str_eq(osp_buf_str(&buf), osp_str_of(text)));
	osp_buf_term(&buf);
}

static void
test_members(void **state)
{
	(void) state;
	assert_member("{\"a\": \"x\", \"b\": \"y\"}", "b", OSP_OK, "y");
	assert_member("{\"a\": \"\"}", "a", OSP_OK, "");
	assert_member("{\"a\": \"\\u0436\\\"\\n\"}", "a", OSP_OK, "ж\"\n");
	assert_member("{\"\\u0061\": \"x\"}", "a", OSP_OK, "x");
	assert_member("{\"o\": {\"a\": \"x\"}}", "a", OSP_ENOENT, "");
	assert_member("{}", "a", OSP_ENOENT, "");
	assert_member("{\"a\": 1}", "a", OSP_ENOENT, "");
	assert_member("{\"a\": null}", "a", OSP_ENOENT, "");
}

static void
test_no_object(void **state)
{
	static const char *const texts[] = {
		"", "[\"a\"]", "\"a\"", "null", "{\"a\": \"x\"", "{\"a\": \"x\"} x"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_member(texts[i], "a", OSP_EPROTO, "");
}

static void
test_out_of_memory(void **state)
{
	const size_t length = 100000;
	failing_alloc fa;
	osp_buf json;
	size_t i;

	(void) state;
	osp_buf_init(&json, &osp_allocator_default, 2 * length);
	osp_buf_add_str(&json, OSP_STR("{\"a\": \""));
	for (i = 0; i < length; i++)
		osp_buf_add_char(&json, 'x');
	osp_buf_add_str(&json, OSP_STR("\"}"));
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_status status;
		osp_buf buf;

		osp_buf_init(&buf, &fa.alc, 2 * length);
		status = osp_json_member_text(&buf, osp_buf_str(&json), OSP_STR("a"));
		if (status == OSP_OK)
			assert_int_equal(buf.len, length);
		osp_buf_term(&buf);
		failing_alloc_check(&fa, status);
	}
	assert_true(fa.fail_at > 2);
	osp_buf_term(&json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_members),
									   cmocka_unit_test(test_no_object),
									   cmocka_unit_test(test_out_of_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
