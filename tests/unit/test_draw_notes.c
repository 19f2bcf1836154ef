/* SPDX-License-Identifier: Apache-2.0
 *
 * test_draw_notes.c
 *	  The drawn tree: the notes after and below an operation.
 */
#include "tap.h"

#include <stdio.h>

#include "drawn_fixture.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

/* DETAIL, HINT and CONTEXT are lines below an operation. They are not repeated below
 * the operations under it that have the same error. */
static void
test_notes(void **state)
{
	static const char error[] =
		"\"etype\": \"unique_violation\", \"message\": \"no\", "
		"\"detail\": \"Key (a)=(***) already exists.\", "
		"\"context\": \"PL/pgSQL function f() line 3\\nSQL function\", ";
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	drawn_add_both(report, "db", "a", DRAWN_BASE, 0, "", error);
	drawn_add_both(report, "pg", "b", "a", 0, "", error);
	drawn_add_both(
		report, "pg", "c", DRAWN_BASE, 0, "", "\"detail\": \"of none\", ");
	drawn_add_both(report,
				   "pg",
				   "d",
				   "c",
				   0,
				   "",
				   "\"etype\": \"no_data\", \"hint\": \"so\", ");
	drawn_add_both(report, "pg", "e", "c", 1, "", "");
	draw_report(report, &options, &text);
	assert_non_null(
		strstr(text.ptr, "   DETAIL: Key (a)=(***) already exists.\n"));
	assert_non_null(strstr(
		text.ptr, "   CONTEXT: PL/pgSQL function f() line 3 SQL function\n"));
	assert_null(strstr(strstr(text.ptr, "CONTEXT") + 1, "CONTEXT"));
	assert_null(strstr(text.ptr, "of none"));
	assert_non_null(strstr(text.ptr, "  │    HINT: so\n"));
	osp_buf_term(&text);
	assert_drawn_tree(report,
					  "5 operations\n"
					  "db  shop  unique_violation: no\n"
					  "└─ pg  postgres  unique_violation: no\n"
					  "pg  postgres\n"
					  "├─ pg  no_data\n"
					  "└─ pg\n");
}

/* How often the part occurs in a text. */
static int
times_in(const char *text, const char *part)
{
	int times = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		times++;
	return times;
}

/* The notes of an error are only left out if the same notes are drawn above. They are
 * drawn if the operation above has an error of the same type without notes, or with
 * other notes. */
static void
test_notes_below(void **state)
{
#define FAILED(notes) "\"etype\": \"unique_violation\", " notes
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	int i;

	(void) state;
	assert_non_null(report);

	/* A client that only knows the type of the error. */
	drawn_add_both(report, "db", "a", DRAWN_BASE, 0, "", FAILED(""));
	drawn_add_both(
		report, "pg", "b", "a", 0, "", FAILED("\"detail\": \"D1\", "));

	/* An error was caught, and another one of the same type raised. Between that one
	 * and its cause is an operation that only knows the type. */
	drawn_add_both(
		report, "pg", "c", DRAWN_BASE, 1, "", FAILED("\"detail\": \"D2\", "));
	drawn_add_both(
		report, "pg", "d", "c", 1, "", FAILED("\"detail\": \"D3\", "));
	drawn_add_both(report, "pg.function", "e", "d", 1, "", FAILED(""));
	drawn_add_both(
		report, "pg", "f", "e", 1, "", FAILED("\"detail\": \"D3\", "));

	/* The same notes for an error of another type. */
	drawn_add_both(report,
				   "pg",
				   "g",
				   "f",
				   1,
				   "",
				   "\"etype\": \"no_data\", \"detail\": \"D3\", ");
	drawn_add_both(report, "pg", "h", "f", 2, "", FAILED("\"hint\": \"H\", "));
	for (i = 0; i < 2; i++)
	{
		draw_report(report, &options, &text);
		assert_int_equal(times_in(text.ptr, "DETAIL: D1\n"), 1);
		assert_int_equal(times_in(text.ptr, "DETAIL: D2\n"), 1);
		assert_int_equal(times_in(text.ptr, "DETAIL: D3\n"), 2);
		assert_int_equal(times_in(text.ptr, "HINT: H\n"), 1);
		osp_buf_term(&text);
	}
	osp_report_free(report);
}

/* Time in which a client's program executed no operation has a line of its own. */
static void
test_gaps(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	drawn_add(report, "wsgi-start", "w", DRAWN_BASE, 0, "");
	drawn_add(report, "db-start", "d", "w", 0, "");
	drawn_add(report, "db-start", "e", "d", 30000, "");
	drawn_add(report, "db-stop", "e", "d", 40000, "");
	drawn_add(report, "db-start", "f", "d", 290000, "");
	drawn_add(report, "db-stop", "f", "d", 300000, "");
	drawn_add(report, "db-stop", "d", "w", 300000, "");
	drawn_add(report, "db-start", "g", "w", 700000, "");
	drawn_add(report, "db-stop", "g", "w", 720000, "");
	drawn_add(report, "db-start", "open", "w", 730000, "");
	drawn_add(report, "db-start", "h", "w", 900000, "");
	drawn_add(report, "db-stop", "h", "w", 910000, "");
	drawn_add(report, "wsgi-stop", "w", DRAWN_BASE, 999000, "");
	draw_report(report, &options, &text);

	/* There is no such line within a statement, or where something may have run. */
	assert_non_null(strstr(text.ptr,
						   "\n  400 ms    +300 ms                "
						   "├─ (no operation)\n 20.0 ms    +700 ms "));
	assert_null(strstr(strstr(text.ptr, "(no operation)") + 1, "(no op"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Adds a node of a plan. Its start and its stop have these members. */
static void
add_node(osp_report *report, const char *id, const char *start,
		 const char *stop)
{
	char info[512];

	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"name\": \"%s\", %s}}, ",
					id,
					start);
	drawn_add(report, "pg.node-start", id, DRAWN_BASE, 1000, info);
	(void) snprintf(info, sizeof(info), "\"db\": {\"node\": {%s}}, ", stop);
	drawn_add(report, "pg.node-stop", id, DRAWN_BASE, 2000, info);
}

/* Numbers that are not valid figures are not drawn. */
static void
test_no_figures(void **state)
{
	static const char *const stops[] = {
		"\"rows\": 1e400, \"loops\": 1e23",
		"\"rows\": 1e16, \"loops\": 1",
		"\"rows\": 1e15, \"loops\": 1e-300",
		"\"rows\": 1000, \"loops\": 1, \"rows_removed_by_filter\": 1e400",
		"\"rows\": 1000, \"loops\": 1e400",
		"\"sort_space_type\": \"Disk\", \"sort_space_kb\": 1e30",
		"\"disk_kb\": 1e30",
		"\"hash_batches\": 1e308",
		"\"heap_fetches\": 99999999999999999999999",
		"\"io_read_ms\": 1e15",
		"\"io_read_ms\": 1e300",
		"\"workers_launched\": 1e99"};
	const osp_draw_options options = {.struct_size = sizeof(options),
									  .unicode = true};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
	{
		char id[16];

		(void) snprintf(id, sizeof(id), "n%zu", i);
		add_node(report, id, "\"plan_rows\": 1e400", stops[i]);
	}
	add_node(report,
			 "tiny",
			 "\"plan_rows\": 1e-300, \"workers_planned\": 1e400",
			 "\"rows\": 1000, \"loops\": 1");
	drawn_add(report, "sqlite-start", "g", DRAWN_BASE, 1000, "");
	drawn_add(report,
			  "sqlite-stop",
			  "g",
			  DRAWN_BASE,
			  9000,
			  "\"checkpoint\": {\"moved\": 1e400, \"pages\": 3}, \"busy\": "
			  "{\"ms\": 1e100}, \"syncs\": {\"ms\": Infinity}, ");
	draw_report(report, &options, &text);
	assert_string_equal(text.ptr,
						"14 operations\n"
						"pg.node  postgres  n0\n"
						"pg.node  n1\n"
						"pg.node  n10\n"
						"pg.node  n11\n"
						"pg.node  n2\n"
						"pg.node  n3  1000 rows\n"
						"pg.node  n4  1000 rows\n"
						"pg.node  n5\n"
						"pg.node  n6\n"
						"pg.node  n7\n"
						"pg.node  n8\n"
						"pg.node  n9\n"
						"pg.node  tiny  1000 rows\n"
						"sqlite  shop\n");
	osp_buf_term(&text);
	osp_report_free(report);
}

static void
test_remarks(void **state)
{
	const osp_draw_options options = {.struct_size = sizeof(options),
									  .unicode = true};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	add_node(report, "a", "\"plan_rows\": 2", "\"rows\": 4000, \"loops\": 20");
	add_node(report, "b", "\"plan_rows\": 25", "\"rows\": 4000, \"loops\": 20");
	add_node(report,
			 "c",
			 "\"plan_rows\": 1",
			 "\"rows\": 100, \"loops\": 100, "
			 "\"rows_removed_by_filter\": 1900");
	add_node(report,
			 "d",
			 "\"plan_rows\": 1",
			 "\"rows\": 1, \"loops\": 1, \"rows_removed_by_filter\": 999");
	add_node(report,
			 "e",
			 "\"plan_rows\": 9",
			 "\"rows\": 9, \"loops\": 1, \"sort_space_type\": \"Disk\", "
			 "\"sort_space_kb\": 1234");
	add_node(report,
			 "f",
			 "\"plan_rows\": 9, \"workers_planned\": 3",
			 "\"rows\": 9, \"loops\": 1, \"workers_launched\": 1");
	add_node(report, "h", "\"plan_rows\": 1", "\"rows\": 300, \"loops\": 1");
	add_node(report,
			 "i",
			 "\"plan_rows\": 3, \"workers_planned\": 2",
			 "\"rows\": 9, \"loops\": 3, \"workers_launched\": 2");
	add_node(report,
			 "j",
			 "\"plan_rows\": 9, \"workers_planned\": 2",
			 "\"rows\": 9, \"loops\": 1");
	drawn_add(report, "pg-start", "g", DRAWN_BASE, 1000, "");
	drawn_add(
		report,
		"pg-stop",
		"g",
		DRAWN_BASE,
		9000,
		"\"db\": {\"jit\": {\"generation_ms\": 12.5, \"emission_ms\": 100}, "
		"\"io_read_ms\": 9}, ");
	draw_report(report, &options, &text);
	assert_string_equal(
		text.ptr,
		"10 operations\n"
		"pg.node  postgres  a  4000 rows  (2 expected per loop, 100 times as "
		"many came)\n"
		"pg.node  b  4000 rows\n"
		"pg.node  c  100 rows  (100 loops, kept 100 of 2000)\n"
		"pg.node  d  1 row\n"
		"pg.node  e  9 rows  (1234 kB on disk)\n"
		"pg.node  f  9 rows  (1 of 3 workers)\n"
		"pg.node  h  300 rows  (1 expected, 300 times as many came)\n"
		"pg.node  i  9 rows\n"
		"pg.node  j  9 rows\n"
		"pg  (113 ms JIT)\n");
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Time in which several children ran is counted once, and only as far as it is within
 * the parent's time. */
static void
test_self_time(void **state)
{
	const osp_draw_options options = {
		.struct_size = sizeof(options), .times = true, .width = 80};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	drawn_add(report, "app-start", "a", DRAWN_BASE, 100000, "");
	drawn_add(report, "job-start", "b", "a", 110000, "");
	drawn_add(report, "job-start", "c", "a", 120000, "");
	drawn_add(report, "job-stop", "b", "a", 130000, "");
	drawn_add(report, "job-stop", "c", "a", 140000, "");
	drawn_add(report, "job-start", "d", "a", 190000, "");
	drawn_add(report, "app-stop", "a", DRAWN_BASE, 200000, "");
	drawn_add(report, "job-stop", "d", "a", 250000, "");
	draw_report(report, &options, &text);
	assert_non_null(strstr(text.ptr, "app  shop@web1  (self 60.0 ms)\n"));
	osp_buf_term(&text);
	osp_report_free(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_notes_below),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_no_figures),
		cmocka_unit_test(test_self_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
