/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_missing.c
 *	  In which cases the server's part of a trace is known to be missing.
 */
#include "tap.h"

#include <stdio.h>

#include "osprofiler/report.h"

#define BASE "11111111-2222-4333-8444-555555555555"

/* Adds the start of an operation with this name. db is the object db of its info. */
static void
add(osp_report *report, const char *name, const char *db)
{
	static unsigned count = 0;
	char json[1024];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s-start\", \"base_id\": \"" BASE
					"\", \"trace_id\": \"id%u\", \"parent_id\": \"" BASE
					"\", \"timestamp\": \"2026-11-22T22:15:58.000001\", "
					"\"info\": {\"db\": {%s}, \"host\": \"h\"}, \"project\": "
					"null, \"service\": null}",
					name,
					count++,
					db);
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

/* Is the server's part found to be missing in a trace of two operations? */
static bool
lacks(const char *name, const char *db, const char *other_name,
	  const char *other_db, osp_buf *server)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	bool result;

	assert_non_null(report);
	add(report, name, db);
	if (other_name != NULL)
		add(report, other_name, other_db);
	osp_buf_reset(server);
	assert_int_equal(osp_report_lacks_server(report, server, &result), OSP_OK);
	osp_report_free(report);
	return result;
}

#define SENT \
	"\"statement\": \"SELECT 1\", \"server\": \"h1\", \"sends_context\": true"

static void
test_told_server(void **state)
{
	osp_buf server;

	(void) state;
	osp_buf_init(&server, &osp_allocator_default, 1024);
	assert_true(lacks("db", SENT, NULL, NULL, &server));
	assert_true(osp_str_eq(osp_buf_str(&server), OSP_STR("h1")));
	assert_true(lacks("db", "\"statement\": \"x\"", "db", SENT, &server));
	assert_true(lacks("db", SENT, "pgx", "", &server));
	assert_true(lacks("db", SENT, "sqlite", "", &server));

	assert_false(lacks("db", SENT, "pg", "", &server));
	assert_false(lacks("pg.plan", "", "db", SENT, &server));
	osp_buf_term(&server);
}

static void
test_server_that_was_not_told(void **state)
{
	static const char *const cases[] = {
		"\"statement\": \"SELECT 1\"",
		"\"statement\": \"SELECT 1\", \"sends_context\": false",
		"\"statement\": \"SELECT 1\", \"sends_context\": \"yes\"",
		SENT ", \"name\": \"prepared\"",
		SENT ", \"operation\": \"close\"",
		"\"server\": \"h1\", \"sends_context\": true",
		"",
	};
	osp_buf server;
	size_t i;

	(void) state;
	osp_buf_init(&server, &osp_allocator_default, 1024);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_false(lacks("db", cases[i], NULL, NULL, &server));
	assert_false(lacks("db.connect", SENT, NULL, NULL, &server));
	assert_false(lacks("wsgi", SENT, NULL, NULL, &server));
	osp_buf_term(&server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_server),
		cmocka_unit_test(test_server_that_was_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
