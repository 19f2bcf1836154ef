/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_sqlite.c
 *	  What is found in traces of SQLite, and what is advised there.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

/* The command that shows SQLite's plan can be typed as it is. */
static void
test_sqlite_plan_command(void **state)
{
	osp_buf out;

	(void) state;
	findings_of("sqlite_scan", &out);
	assert_non_null(strstr(
		out.ptr,
		"/shop.db', EXPLAIN QUERY PLAN SELECT * FROM item WHERE owner = 4711; names the table"));
	osp_buf_term(&out);
}

/* What reading rows can have taken is blamed on it, and no more: a join that looks
 * rows up by an index takes its time there. Rows of which each takes long are read
 * by a statement that does nothing else. */
static void
test_sqlite_scan_bounds(void **state)
{
	static const struct
	{
		int ms;
		const char *stats;
		const char *says; /* NULL: nothing is found */
	} cases[] = {
		{40, "\"fullscan_steps\": 2999, \"vm_steps\": 60000", NULL},
		{400, "\"fullscan_steps\": 29999, \"vm_steps\": 600000", NULL},
		{1000,
		 "\"fullscan_steps\": 400000, \"vm_steps\": 9000000",
		 "to return 0; that took at most 120 ms."},
		{300,
		 "\"fullscan_steps\": 3000, \"vm_steps\": 9010",
		 "to return 0; that took 300 ms."},
		{20,
		 "\"fullscan_steps\": 120000, \"vm_steps\": 900000",
		 "to return 0; that took 20.0 ms."},
		{500, "\"autoindex_rows\": 5000, \"vm_steps\": 5000000", NULL},
		{500,
		 "\"autoindex_rows\": 90000, \"vm_steps\": 5000000",
		 "to return 0; that took at most 90.0 ms."},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char stop[128];
		osp_buf json;
		osp_buf words;
		int at = 0;

		(void) snprintf(
			stop, sizeof(stop), "\"stats\": {%s}, ", cases[i].stats);
		findings_add_statement(
			report,
			"sqlite",
			"SELECT sum(n) FROM item JOIN movement USING (id)",
			&at,
			cases[i].ms,
			stop);
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		if (cases[i].says == NULL ? strstr(json.ptr, "\"findings\": []") == NULL
								  : strstr(json.ptr, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].stats, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Repeats a statement of SQLite, and returns what is found. */
static void
explain_repeated(const char *statement, const char *stop, osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf words;
	int at = 0;
	int i;

	for (i = 0; i < 40; i++)
		findings_add_statement(report, "sqlite", statement, &at, 5, stop);
	findings_explain(report, json, &words);
	osp_buf_term(&words);
}

/* SQLite has no COPY, no ANY, no pipeline, no FETCH, and no trigger of statements. */
static void
test_sqlite_advice(void **state)
{
	static const struct
	{
		const char *statement;
		const char *says;
	} cases[] = {
		{"INSERT INTO t VALUES (1)", "executemany"},
		{"SELECT a FROM t WHERE b = 1", "WHERE key IN ("},
		{"DELETE FROM t WHERE a = 1", "WHERE key IN ("},
		{"UPDATE t SET a = 2 WHERE a = 1", "executemany"},
		{"REPLACE INTO t VALUES (1)", "in one transaction"},
		{"FETCH x", "in one transaction"},
		{"SELECT count(*) FROM t", "Run it once"},
	};
	static const char *const foreign[] = {
		"ANY", "COPY", "pipeline", "FETCH 1000", "$1"};
	size_t i;
	size_t k;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *step;
		osp_buf json;

		explain_repeated(cases[i].statement, "", &json);
		step = strstr(json.ptr, "\"next_step\": ");
		if (step == NULL || strstr(step, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].statement, json.ptr);
		for (k = 0; k < sizeof(foreign) / sizeof(foreign[0]); k++)
			if (strstr(step, foreign[k]) != NULL)
				fail_msg("%s: %s", cases[i].statement, json.ptr);
		osp_buf_term(&json);
	}
}

/* Only changes that commit one by one are told to become one transaction. */
static void
test_sqlite_sync_advice(void **state)
{
	static const char *const statements[] = {"ANALYZE", "COMMIT", "COMMIT"};
	int count;

	(void) state;
	for (count = 2; count <= 3; count++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;
		int i;

		for (i = 0; i < count; i++)
			findings_add_statement(report,
								   "sqlite",
								   statements[i],
								   &at,
								   50,
								   "\"syncs\": {\"count\": 3, \"ms\": 45}, ");
		findings_explain(report, &json, &words);
		assert_non_null(strstr(json.ptr, "\"rule\": \"sqlite_sync\""));
		assert_true((strstr(json.ptr, "into one transaction") != NULL) ==
					(count == 3));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sqlite_plan_command),
		cmocka_unit_test(test_sqlite_scan_bounds),
		cmocka_unit_test(test_sqlite_advice),
		cmocka_unit_test(test_sqlite_sync_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
