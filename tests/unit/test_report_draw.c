/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_draw.c
 *	  The drawn tree: the parts of its lines.
 */
#include "tap.h"

#include <stdio.h>

#include "drawn_fixture.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

static void
assert_drawn(const osp_draw_options *options, const char *expected)
{
	osp_report *report = drawn_make_trace();
	osp_buf text;

	draw_report(report, options, &text);
	assert_string_equal(text.ptr, expected);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The options that tests of other parts use: without times, hosts and ids. */
static void
test_plain(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, false, false, false};

	(void) state;
	assert_drawn(
		&options,
		"7 operations\n"
		"wsgi  shop  GET /orders?a=1  "
		"(12 left out)\n"
		"├─ db  SELECT * FROM orders \\x1b[2J\n"
		"│  └─ pg  postgres  SELECT * FROM orders…  12 rows\n"
		"│     └─ pg.plan\n"
		"├─ db  INSERT INTO log (id, note) VALUES (7, 'hello')  "
		"unique_violation: duplicate key value violates unique constraint\n"
		"└─ rpc  a.b.c  (running or lost: no process here knows which)\n"
		"cron  (start lost)\n");
}

/* An operation of a database is described by the member db of its info. */
static void
test_inside_db(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, false, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	drawn_add(report,
			  "pg.trigger-start",
			  "t",
			  DRAWN_BASE,
			  0,
			  "\"db\": {\"trigger\": {\"name\": \"note\"}}, ");
	drawn_add(report,
			  "pg.wait-start",
			  "w",
			  "t",
			  1,
			  "\"db\": {\"lock\": {\"name\": \"ShareLock on tuple\"}}, ");
	draw_report(report, &options, &text);
	assert_string_equal(
		text.ptr,
		"2 operations\n"
		"pg.trigger  postgres  note  (running or lost: no process here knows which)\n"
		"└─ pg.wait  ShareLock on tuple  (running or lost: no process here knows which)\n");
	osp_buf_term(&text);
	osp_report_free(report);
}

static void
test_times(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};

	(void) state;
	assert_drawn(
		&options,
		"Trace " DRAWN_BASE "  12.3 ms  7 operations\n"
		"DURATION                OPERATION\n"
		" 12.3 ms  ━━━━━━━━━━━━  wsgi  shop@web1  GET /orders?a=1  "
		"(12 left out)\n"
		" 4.30 ms   ━━━━         ├─ db  SELECT * FROM orders \\x1b[2J\n"
		" 3.10 ms   ━━━          │  └─ pg  postgres@db1  SELECT * FROM "
		"orders…  12 rows\n"
		" 99.1 us   ╸            │     └─ pg.plan\n"
		" 1.30 ms        ━       ├─ db  INSERT INTO log (id, no…  "
		"unique_violation: dupl…\n"
		"       ?          ┄┄┄┄  └─ rpc  a.b.c  (running or lost)\n"
		"       ?             ╺  cron  (start lost)\n");
}

static void
test_ascii_and_ids(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, false, 70, true, true, false};

	(void) state;
	assert_drawn(
		&options,
		"Trace " DRAWN_BASE "  12.3 ms  7 operations\n"
		"DURATION  OPERATION\n"
		" 12.3 ms  wsgi  w  shop@web1  GET /orders?a=1  "
		"(12 left out)\n"
		" 4.30 ms  |- db  d  SELECT * FROM orders \\x1b[2J\n"
		" 3.10 ms  |  `- pg  p  postgres@db1  SELECT * FROM orders...  12 "
		"rows\n"
		" 99.1 us  |     `- pg.plan  l\n"
		" 1.30 ms  |- db  e  INSERT INTO log (id,...  "
		"unique_violation: dup...\n"
		"       ?  `- rpc  r  a.b.c  (unfinished)\n"
		"       ?  cron  c  (start lost)\n");
}

static void
test_color(void **state)
{
	osp_draw_options options = {
		sizeof(options), true, true, 40, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	drawn_add(report, "pg-start", "p", DRAWN_BASE, 0, "");
	drawn_add(
		report, "pg-stop", "p", DRAWN_BASE, 999, "\"etype\": \"\\u001b[0m\", ");
	draw_report(report, &options, &text);
	assert_string_equal(
		text.ptr,
		"\033[1m" DRAWN_BASE "\033[0m\n"
		"\033[36m999 us\033[0m  \033[2m1 operation\033[0m\n"
		"\033[2mDURATION\033[0m  \033[2mOPERATION\033[0m\n"
		"  \033[36m999 us\033[0m  \033[1;31mpg\033[0m  "
		"\033[2mpostgres\033[0m\033[2m@\033[0m\033[2mdb1\033[0m  "
		"\033[1;31m\\x1b[0m\033[0m\n");
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Operations with the same id have one line. The head says that the tree is not
 * complete. */
static void
test_repeated(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	drawn_add(report, "pg-start", "p", DRAWN_BASE, 0, "");
	drawn_add(report, "pg-stop", "p", DRAWN_BASE, 10, "");
	drawn_add(report, "pg-stop", "p", DRAWN_BASE, 20, "");
	draw_report(report, &options, &text);
	assert_non_null(strstr(
		text.ptr, "1 operation\n1 point with the id of another, not shown"));
	osp_buf_term(&text);
	drawn_add(report, "pg-start", "p", DRAWN_BASE, 30, "");
	draw_report(report, &options, &text);
	assert_non_null(strstr(
		text.ptr, "1 operation\n2 points with the ids of others, not shown"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* A time that is only a bound is marked as one, wherever times are drawn. */
static void
test_bounds(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	drawn_add_both(report, "sqlite", "a", DRAWN_BASE, 0, "", "");
	drawn_add_both(report,
				   "sqlite.trigger",
				   "b",
				   "a",
				   0,
				   "\"trigger\": {\"name\": \"late\"}, ",
				   "\"elapsed_ns\": 1000, \"elapsed_is\": \"at least\", ");
	drawn_add_both(report,
				   "sqlite.trigger",
				   "c",
				   "a",
				   0,
				   "\"trigger\": {\"name\": \"early\"}, ",
				   "\"elapsed_ns\": 1000, \"elapsed_is\": \"at most\", ");
	draw_report(report, &options, &text);
	assert_non_null(strstr(text.ptr, "late  (or longer)\n"));
	assert_non_null(strstr(text.ptr, "early  (or shorter)\n"));
	osp_buf_term(&text);
	assert_drawn_tree(report,
					  "3 operations\n"
					  "sqlite  shop\n"
					  "├─ sqlite.trigger  late\n"
					  "└─ sqlite.trigger  early\n");
}

static void
add_rows(osp_report *report, const char *id, int us, const char *statement,
		 const char *result)
{
	char start[256];

	(void) snprintf(
		start, sizeof(start), "\"db\": {\"statement\": \"%s\"}, ", statement);
	drawn_add_both(report, "pg", id, DRAWN_BASE, us, start, result);
}

/* The number of rows is drawn if it says something about the command. */
static void
test_rows(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add_rows(report,
			 "a",
			 0,
			 "BEGIN",
			 "\"db\": {\"rows\": 0, \"command\": \"BEGIN\"}, ");
	add_rows(report,
			 "b",
			 1,
			 "SELECT 1 WHERE false",
			 "\"db\": {\"rows\": 0, \"command\": \"SELECT\"}, ");
	add_rows(report,
			 "c",
			 2,
			 "insert",
			 "\"db\": {\"rows\": 1, \"command\": \"INSERT 0 1\"}, "
			 "\"etype\": \"unique_violation\", ");
	add_rows(report, "d", 3, "show all", "\"db\": {\"rows\": 0}, ");
	add_rows(report, "e", 4, "show all", "\"db\": {\"rows\": 360}, ");
	add_rows(report, "f", 5, "delete\\nfrom t", "\"rows\": 0, ");
	add_rows(report,
			 "g",
			 6,
			 "EXECUTE x",
			 "\"db\": {\"rows\": 0, \"command\": \"SELECT\"}, ");
	add_rows(report, "h", 7, "SELECTED", "\"rows\": 0, ");
	add_rows(report,
			 "i",
			 8,
			 "SELECT 2",
			 "\"db\": {\"rows\": 3}, \"interrupted\": true, ");
	drawn_add_both(report,
				   "pg.worker",
				   "j",
				   DRAWN_BASE,
				   9,
				   "\"db\": {\"worker\": {\"name\": \"worker 0\"}}, ",
				   "\"db\": {\"rows\": 0}, ");
	assert_drawn_tree(report,
					  "10 operations\n"
					  "pg  postgres  BEGIN\n"
					  "pg  SELECT 1 WHERE false  0 rows\n"
					  "pg  insert  unique_violation\n"
					  "pg  show all\n"
					  "pg  show all  360 rows\n"
					  "pg  delete from t  0 rows\n"
					  "pg  EXECUTE x  0 rows\n"
					  "pg  SELECTED\n"
					  "pg  SELECT 2  (interrupted)\n"
					  "pg.worker  worker 0  0 rows\n");
}

/* Stops may arrive before their starts, as from Redis. The drawing is the same. */
static void
test_rows_backwards(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	drawn_add(report, "db-stop", "a", DRAWN_BASE, 9, "\"db\": {\"rows\": 0}, ");
	drawn_add(report,
			  "db-start",
			  "a",
			  DRAWN_BASE,
			  8,
			  "\"db\": {\"statement\": \"SET a\"}, ");
	drawn_add(
		report, "db-stop", "b", DRAWN_BASE, 10, "\"db\": {\"rows\": 0}, ");
	drawn_add(report,
			  "db-start",
			  "b",
			  DRAWN_BASE,
			  9,
			  "\"db\": {\"statement\": \"SELECT a\"}, ");
	assert_drawn_tree(report,
					  "2 operations\ndb  shop  SET a\ndb  SELECT a  0 rows\n");
}

/* Preparing a statement is not drawn like executing it. */
static void
test_prepare(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	drawn_add_both(report,
				   "db",
				   "a",
				   DRAWN_BASE,
				   0,
				   "\"db\": {\"statement\": \"SELECT $1\", \"operation\": "
				   "\"prepare\", \"name\": \"s\"}, ",
				   "");
	drawn_add_both(report,
				   "db",
				   "b",
				   DRAWN_BASE,
				   1,
				   "\"db\": {\"statement\": \"SELECT $1\", \"name\": \"s\"}, ",
				   "\"db\": {\"rows\": 1}, ");
	drawn_add_both(report,
				   "db",
				   "c",
				   DRAWN_BASE,
				   2,
				   "\"db\": {\"operation\": \"close\", \"name\": \"s\"}, ",
				   "");
	drawn_add_both(report,
				   "db",
				   "d",
				   DRAWN_BASE,
				   3,
				   "\"db\": {\"operation\": \"sync\"}, ",
				   "");
	assert_drawn_tree(report,
					  "4 operations\n"
					  "db  shop  prepare: SELECT $1\n"
					  "db  SELECT $1  1 row\n"
					  "db  close: s\n"
					  "db  sync\n");
}

static void
test_deep(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, false, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	char id[16];
	char parent[16];
	int i;

	(void) state;
	assert_non_null(report);
	for (i = 1; i <= 100; i++)
	{
		(void) snprintf(id, sizeof(id), "%d", i);
		(void) snprintf(parent, sizeof(parent), "%d", i - 1);
		drawn_add(report, "x", id, parent, i, "");
	}
	draw_report(report, &options, &text);
	assert_non_null(strstr(text.ptr, "(+91)                      └─ x"));
	osp_buf_term(&text);
	osp_report_free(report);
}

static void
assert_duration(int64_t ns, const char *expected)
{
	char text[OSP__DURATION_MAX];

	osp__duration_text(ns, text);
	assert_string_equal(text, expected);
}

static void
test_durations(void **state)
{
	(void) state;
	assert_duration(-5, "0 ns");
	assert_duration(0, "0 ns");
	assert_duration(999, "999 ns");
	assert_duration(1000, "1.00 us");
	assert_duration(1234, "1.23 us");
	assert_duration(1235, "1.24 us");
	assert_duration(9994, "9.99 us");
	assert_duration(9995, "10.0 us");
	assert_duration(12345, "12.3 us");
	assert_duration(99949, "99.9 us");
	assert_duration(99950, "100 us");
	assert_duration(999499, "999 us");
	assert_duration(999500, "1.00 ms");
	assert_duration(12345678, "12.3 ms");
	assert_duration(999499999, "999 ms");
	assert_duration(999500000, "1.00 s");
	assert_duration(59960000000, "60.0 s");
	assert_duration(3600000000000, "3600 s");
	assert_duration(INT64_MAX, "9223372037 s");
}

/* If only the server has recorded a trace, its session is drawn once, unless there are
 * several sessions, or the trace has an operation of a client. */
static void
test_session(void **state)
{
	static const char *const infos[] = {
		"\"db\": {\"namespace\": \"shop\", \"user\": \"anna\", "
		"\"application\": \"psql\\u001b\", \"statement\": \"SELECT 1\"}, ",
		"\"db\": {\"namespace\": \"shop\", \"user\": \"bob\", "
		"\"application\": \"***\", \"statement\": \"SELECT 1\"}, ",
		"\"db\": {\"statement\": \"SELECT 1\"}, ",
	};
	static const struct
	{
		int second; /* which of the infos the second statement has */
		const char *tracer;
		bool is_told;
	} cases[] = {
		{0, "pg", true}, {2, "pg", true}, {1, "pg", false}, {2, "db", false}};
	osp_draw_options options = {
		.struct_size = sizeof(options), .times = true, .unicode = true};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf text;

		drawn_add_both(report, "pg", "a", DRAWN_BASE, 0, infos[0], "");
		drawn_add_both(report,
					   cases[i].tracer,
					   "b",
					   DRAWN_BASE,
					   2000,
					   infos[cases[i].second],
					   "");
		draw_report(report, &options, &text);
		if ((strstr(text.ptr,
					"\nSession:  database shop, user anna, program psql") !=
			 NULL) != cases[i].is_told ||
			(strstr(text.ptr, "Session:") != NULL) != cases[i].is_told ||
			strchr(text.ptr, '\033') != NULL)
			fail_msg("%zu: %s", i, text.ptr);
		osp_buf_term(&text);
		osp_report_free(report);
	}
}

/* If client and server have the same clock, the time on the network is drawn. */
static void
test_on_the_way(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, true, false, false};
	static const char *const hosts[] = {"web1", "db1"};
	int i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf text;

		assert_non_null(report);
		drawn_add_at(report, hosts[i], "db-start", "d", DRAWN_BASE, 0, "");
		drawn_add(report, "pg-start", "p", "d", 30000, "");
		drawn_add(report, "pg-stop", "p", "d", 40000, "");
		drawn_add_at(report, hosts[i], "db-stop", "d", DRAWN_BASE, 60000, "");
		draw_report(report, &options, &text);
		assert_true(
			(strstr(text.ptr, "(30.0 ms before the server, 20.0 ms after)") !=
			 NULL) == (i == 1));
		osp_buf_term(&text);
		osp_report_free(report);
	}
}

/* If the service has no name, only the host is drawn, which does not look like an
 * address then. */
static void
test_no_service(void **state)
{
	const osp_draw_options options = {
		.struct_size = sizeof(options), .times = true, .width = 80};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_int_equal(
		osp_report_add(report,
					   OSP_STR("{\"name\": \"sqlite-start\", \"base_id\": "
							   "\"" DRAWN_BASE "\", \"trace_id\": \"a\", "
							   "\"parent_id\": \"" DRAWN_BASE
							   "\", \"timestamp\": "
							   "\"2026-11-22T15:56:01.000000\", \"info\": "
							   "{\"host\": \"vm\"}, \"project\": null, "
							   "\"service\": null}"),
					   NULL),
		OSP_OK);
	draw_report(report, &options, &text);
	assert_non_null(strstr(text.ptr, "sqlite  on vm"));
	osp_buf_term(&text);
	osp_report_free(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_service),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_inside_db),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_ascii_and_ids),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_backwards),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
