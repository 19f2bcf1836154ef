/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_longest.c
 *	  The longest statements, which are listed if the findings explain little of the
 *	  time.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

/* If only the client has recorded the trace, the three longest statements are listed,
 * the longest one first. Short statements are not listed. */
static void
test_longest_of_client(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	findings_add_statement(report, "db", "SELECT e", &at, 50, "");
	findings_add_statement(report, "db", "SELECT a", &at, 200, "");
	findings_add_statement(report, "db", "SELECT a, b", &at, 300, "");
	findings_add_statement(
		report, "db", "UPDATE stock SET n = 2", &at, 1000, "");
	findings_add_statement(report, "db", "SELECT 1, 2", &at, 250, "");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(strstr(
		json.ptr,
		"\"longest\": [{\"share\": 0.5555555555555556, \"time_ms\": 1000.0, "
		"\"count\": 1.0, \"statement\": \"UPDATE stock SET n = 2\", \"why\": \"the cause is in "
		"the server at h1, whose operations are missing\", \"operation\": "
		"\"s550\"}, {\"share\": 0.16666666666666666, "));
	assert_non_null(strstr(
		words.ptr,
		"Why it took 1.80 s:\n"
		" 100 %            Not explained, above all:\n"
		"  56 %  1.00 s    UPDATE stock SET n = 2: the cause is in the server "
		"at h1, whose operations are\n"
		"                  missing.\n"
		"  17 %  300 ms    SELECT a, b: "));
	assert_non_null(strstr(words.ptr, "  14 %  250 ms    SELECT 1, 2: "));
	assert_null(strstr(words.ptr, "SELECT a:"));
	assert_null(strstr(words.ptr, "SELECT e"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Executions of a statement with different values count together, also if a finding
 * explains most of the time. Nothing is said about executions that the finding
 * explains. */
static void
test_longest_of_many(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;
	int i;

	(void) state;
	for (i = 0; i < 20; i++)
	{
		char text[64];

		(void) snprintf(text, sizeof(text), "SELECT a FROM t WHERE b = %d", i);
		findings_add_statement(report, "pg", text, &at, 20 + (i == 7), "");
		findings_add_statement(report, "pg", "SELECT now()", &at, 1, "");
	}
	findings_explain(report, &json, &words);
	assert_non_null(strstr(words.ptr,
						   "401 ms    20 x SELECT a FROM t WHERE b = 7: "
						   "nothing in the trace says why."));
	assert_non_null(
		strstr(json.ptr,
			   "\"time_ms\": 401.0, \"count\": 20.0, \"statement\": "
			   "\"SELECT a FROM t WHERE b = 7\""));
	assert_null(strstr(words.ptr, "now()"));
	osp_buf_term(&json);
	osp_buf_term(&words);

	at = 0;
	report = osp_report_new(&osp_allocator_default);
	findings_add_statement(report,
						   "pg",
						   "SELECT pg_sleep(1)",
						   &at,
						   1000,
						   "\"db\": {\"waits\": {\"Timeout:PgSleep\": 950}}, ");
	findings_add_statement(report, "pg", "SELECT busy", &at, 200, "");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(words.ptr, "SELECT busy: nothing in the trace"));
	assert_null(strstr(words.ptr, "the causes above do not explain"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* A statement that another one with the same text runs, such as the query of CREATE
 * TABLE … AS, does not count as a second execution. */
static void
test_longest_of_one(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	const char text[] =
		"\"db\": {\"statement\": \"CREATE TABLE u AS SELECT 1\"}, ";
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, text);
	findings_add(report, "pg-start", "q", "s", "h", 100, text);
	findings_add(report, "pg-stop", "q", "s", "h", 990, "");
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, "\"time_ms\": 1000.0, \"count\": 1.0, "));
	assert_null(strstr(words.ptr, "2 x "));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* The server has recorded the trace, too, but that explains nothing; the counters of
 * SQLite do. */
static void
test_longest_of_database(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	findings_add_statement(report, "pg", "SELECT busy", &at, 1000, "");
	findings_add_statement(report,
						   "sqlite",
						   "INSERT INTO t VALUES (1)",
						   &at,
						   900,
						   "\"stats\": {\"vm_steps\": 12}, ");
	findings_add_statement(report,
						   "sqlite",
						   "SELECT sum(a) FROM t",
						   &at,
						   800,
						   "\"stats\": {\"vm_steps\": 50000000}, ");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(
		strstr(words.ptr, "SELECT busy: nothing in the trace says why.\n"));
	assert_non_null(strstr(
		json.ptr,
		"\"INSERT INTO t VALUES (1)\", \"why\": \"it hardly computed (12 "
		"steps): likely it waited for a lock or the disk\""));
	assert_non_null(strstr(json.ptr,
						   "\"SELECT sum(a) FROM t\", \"why\": \"nothing in "
						   "the trace says why\""));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* A plan is no cause, but a hint where to look. */
static void
test_longest_with_plan(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	findings_add_statement(report, "pg", "SELECT planned", &at, 950, "");
	findings_add(report, "pg.node-start", "n", "s0", "h", 1, "");
	findings_add(report, "pg.node-stop", "n", "s0", "h", 949, "");
	findings_explain(report, &json, &words);
	assert_non_null(
		strstr(words.ptr, "SELECT planned: its plan says what it did"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* If findings explain most of the time, or most of it is the application's, no
 * statement is listed. */
static void
test_longest_of_explained(void **state)
{
	static const char *const names[] = {
		"sleep", "lock_wait", "repeat", "application"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		osp_buf out;

		findings_of(names[i], &out);
		if (strstr(out.ptr, "\"longest\": []") == NULL)
			fail_msg("%s: %s", names[i], out.ptr);
		osp_buf_term(&out);
	}
}

/* The counters of SQLite are given for a statement that is not explained. */
static void
test_longest_of_sqlite(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	findings_add_statement(
		report,
		"sqlite",
		"CREATE INDEX i ON t (a)",
		&at,
		400,
		"\"stats\": {\"sorts\": 1, \"vm_steps\": 1080026}, ");
	findings_add_statement(
		report,
		"sqlite",
		"SELECT sum(a) FROM t JOIN u USING (b)",
		&at,
		300,
		"\"stats\": {\"fullscan_steps\": 2999, \"vm_steps\": 1080026}, ");
	findings_explain(report, &json, &words);
	assert_non_null(
		strstr(json.ptr,
			   "\"CREATE INDEX i ON t (a)\", \"why\": \"it sorted rows 1 time, "
			   "in 1,080,026 steps of SQLite's virtual machine\""));
	assert_non_null(
		strstr(json.ptr, "\"why\": \"it read 2,999 rows of whole tables, in "));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Figures of many executions are the sums of all of them. The longest one alone may
 * have waited for a CPU. */
static void
test_longest_of_sqlite_together(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;
	int i;

	(void) state;
	for (i = 0; i < 30; i++)
		findings_add_statement(
			report,
			"sqlite",
			"SELECT n FROM t WHERE a = ?",
			&at,
			i == 7 ? 55 : 31,
			i == 7
				? "\"stats\": {\"fullscan_steps\": 9, \"vm_steps\": 2000}, "
				: "\"stats\": {\"fullscan_steps\": 9, \"vm_steps\": 90000}, ");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(
		json.ptr,
		"\"count\": 30.0, \"statement\": \"SELECT n FROM t WHERE a = ?\", "
		"\"why\": \"it read 270 rows of whole tables, in 2,612,000 steps of "));
	assert_null(strstr(json.ptr, "hardly computed"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* A statement has slow steps and no sort, and the program does not pause between its
 * rows. */
static void
test_slow_steps(void **state)
{
	static const struct
	{
		const char *stats;
		bool slow;
	} cases[] = {
		{"\"rows\": 1, \"stats\": {\"fullscan_steps\": 2000, \"vm_steps\": 100000}, ",
		 true},
		{"\"rows\": 9, \"stats\": {\"fullscan_steps\": 2000, \"vm_steps\": 100000}, ",
		 false},
		{"\"rows\": 1, \"stats\": {\"fullscan_steps\": 2000, \"sorts\": 1, "
		 "\"vm_steps\": 100000}, ",
		 false},
		{"\"rows\": 1, \"stats\": {\"fullscan_steps\": 2000, \"vm_steps\": 4000000}, ",
		 false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;

		findings_add_statement(report,
							   "sqlite",
							   "SELECT sum(f(a)) FROM t",
							   &at,
							   800,
							   cases[i].stats);
		findings_explain(report, &json, &words);
		assert_non_null(strstr(json.ptr, "it read 2,000 rows of whole tables"));
		assert_int_equal(
			strstr(json.ptr, "each: most likely a function of the program") !=
				NULL,
			cases[i].slow);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The text says how long the server computed, and how many points were left out below
 * the statement. */
static void
test_longest_computed(void **state)
{
	static const struct
	{
		const char *stop;
		int count;
		const char *why;
	} cases[] = {
		{"\"db\": {\"cpu\": {\"user_ms\": 900, \"of_ms\": 1000}}, ",
		 1,
		 "that is the statement's own work; the processor worked on it for about "
		 "900 ms\""},
		{"\"db\": {\"cpu\": {\"user_ms\": 900, \"of_ms\": 1000}}, "
		 "\"truncated\": 7000, ",
		 1,
		 "about 900 ms; 7,000 points below it were left out, beyond "
		 "osprofiler.max_points\""},
		{"\"db\": {\"cpu\": {\"user_ms\": 900, \"of_ms\": 1000}}, ",
		 3,
		 "own work; of the longest execution the processor worked for about 900 "
		 "ms\""},
		{"\"db\": {\"cpu\": {\"user_ms\": 400, \"of_ms\": 1000}}, ",
		 1,
		 "nothing in the trace says why\""},
		{"\"truncated\": 1, ",
		 1,
		 "1 point below it was left out, beyond osprofiler.max_points\""},
		{"\"db\": {\"cpu\": {\"user_ms\": 500, \"of_ms\": 1000}, \"waits\": "
		 "{\"Timeout:PgSleep\": 480}}, ",
		 1,
		 "a part that the causes above do not explain; the processor worked on "
		 "it for about 500 ms\""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;
		int n;

		for (n = 0; n < cases[i].count; n++)
			findings_add_statement(report,
								   "pg",
								   "CREATE INDEX i ON t (a)",
								   &at,
								   1000,
								   cases[i].stop);
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].why, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Points are left out below a statement, and below each operation in it. */
static void
test_longest_left_out(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add(report,
				 "pg-start",
				 "s",
				 FINDINGS_BASE,
				 "h",
				 0,
				 "\"db\": {\"statement\": \"INSERT INTO t SELECT 1\"}, ");
	findings_add(report, "pg.trigger-start", "a", "s", "h", 900, "");
	findings_add(report, "pg-start", "c", "a", "h", 900, "");
	findings_add(report, "pg-stop", "c", "a", "h", 901, "\"truncated\": 100, ");
	findings_add(report,
				 "pg.trigger-stop",
				 "a",
				 "s",
				 "h",
				 902,
				 "\"truncated\": 55508, ");
	findings_add(report, "pg.trigger-start", "b", "s", "h", 902, "");
	findings_add(report,
				 "pg.trigger-stop",
				 "b",
				 "s",
				 "h",
				 904,
				 "\"truncated\": 55508, ");
	findings_add(
		report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "\"truncated\": 2, ");
	findings_explain(report, &json, &words);
	if (strstr(json.ptr,
			   "111,118 points below it were left out, beyond "
			   "osprofiler.max_points\"") == NULL)
		fail_msg("%s", json.ptr);
	osp_buf_term(&json);
	osp_buf_term(&words);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_of_client),
		cmocka_unit_test(test_longest_of_many),
		cmocka_unit_test(test_longest_of_one),
		cmocka_unit_test(test_longest_of_database),
		cmocka_unit_test(test_longest_with_plan),
		cmocka_unit_test(test_longest_of_explained),
		cmocka_unit_test(test_longest_of_sqlite),
		cmocka_unit_test(test_longest_of_sqlite_together),
		cmocka_unit_test(test_slow_steps),
		cmocka_unit_test(test_longest_computed),
		cmocka_unit_test(test_longest_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
