/* SPDX-License-Identifier: Apache-2.0
 *
 * test_trace_name.c
 *	  The forms of a trace's name that users may give.
 */
#include "tap.h"

#include "osprofiler/report.h"

#define UUID   "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"
#define DIGITS "4bf92f3577b34da6a3ce929d0e0e4736"

static void
assert_forms(const char *name, const char *second, const char *third)
{
	const char *expected[] = {name, second, third};
	char text[OSP_ID_MAX + 1];
	unsigned n;
	osp_id id;

	for (n = 0; n < 3 && expected[n] != NULL; n++)
	{
		assert_true(osp_trace_name_form(osp_str_of(name), n, &id));
		assert_true(
			osp_str_eq(osp_id_text(&id, text), osp_str_of(expected[n])));
	}
	assert_false(osp_trace_name_form(osp_str_of(name), n, &id));
}

static void
test_forms(void **state)
{
	(void) state;
	assert_forms(UUID, UUID, DIGITS);
	assert_forms(DIGITS, UUID, DIGITS);
	assert_forms("4BF92F3577B34DA6A3CE929D0E0E4736", UUID, DIGITS);
	assert_forms("4BF92F35-77b3-4da6-a3ce-929d0e0e4736", UUID, DIGITS);
	assert_forms("00-" DIGITS "-00f067aa0ba902b7-01", UUID, NULL);
	assert_forms("my trace", NULL, NULL);
	assert_forms(DIGITS "0", NULL, NULL);
	assert_forms("4bf92f3577b34da6a3ce929d0e0e473g", NULL, NULL);
	assert_forms("-", NULL, NULL);
}

static void
test_no_id(void **state)
{
	char name[OSP_ID_MAX + 2];
	osp_id id;

	(void) state;
	assert_false(osp_trace_name_form(OSP_STR(""), 0, &id));
	memset(name, 'x', sizeof(name));
	assert_false(
		osp_trace_name_form(osp_str_n(name, sizeof(name) - 1), 0, &id));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_no_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
