/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sqlstate.c
 *	  PostgreSQL's condition names.
 */
#include "tap.h"

#include "notify/batch.h"

typedef struct condition
{
	const char *state;
	const char *name;
} condition;

static const condition conditions[] = {
#define SQLSTATE(state, name) {state, name},
#include "notify/sqlstate.def"
#undef SQLSTATE
};

#define COUNT (sizeof(conditions) / sizeof(conditions[0]))

static void
test_all(void **state)
{
	size_t i;

	(void) state;
	assert_true(COUNT > 200);
	for (i = 0; i < COUNT; i++)
	{
		assert_int_equal(strlen(conditions[i].state), 5);
		assert_string_equal(osp_sqlstate_name(conditions[i].state),
							conditions[i].name);

		/* The table has to be sorted for a binary search. */
		if (i > 0)
			assert_true(strcmp(conditions[i - 1].state, conditions[i].state) <
						0);
	}
}

static void
test_some(void **state)
{
	(void) state;
	assert_string_equal(osp_sqlstate_name("23505"), "unique_violation");
	assert_string_equal(osp_sqlstate_name("22012"), "division_by_zero");
	assert_string_equal(osp_sqlstate_name("57014"), "query_canceled");
	assert_string_equal(osp_sqlstate_name("P0001"), "raise_exception");
	assert_string_equal(osp_sqlstate_name("XX000"), "internal_error");
	assert_string_equal(osp_sqlstate_name("25P04"), "transaction_timeout");
	assert_string_equal(osp_sqlstate_of(OSP_STR("unique_violation")), "23505");
	assert_null(osp_sqlstate_of(OSP_STR("SQLITE_BUSY")));
	assert_null(osp_sqlstate_of(OSP_STR("")));
}

static void
test_unknown(void **state)
{
	(void) state;
	assert_null(osp_sqlstate_name("00000"));
	assert_null(osp_sqlstate_name("01000")); /* a warning */
	assert_null(osp_sqlstate_name("23599"));
	assert_null(osp_sqlstate_name("ZZZZZ"));
	assert_null(osp_sqlstate_name("\0\0\0\0\0"));
	assert_null(osp_sqlstate_name("\xff\xff\xff\xff\xff"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_some),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
