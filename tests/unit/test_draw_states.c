/* SPDX-License-Identifier: Apache-2.0
 *
 * test_draw_states.c
 *	  The drawn tree of operations that are lost, running, interrupted or failed.
 */
#include "tap.h"

#include <stdio.h>

#include "drawn_fixture.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

/*
 * The head of the tree says how many points a tracer lost. Operations that this
 * tracer began before the loss, and that have no stop, may have lost it. That is not
 * said of later operations, or of other tracers' ones.
 */
static void
test_lost(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	drawn_add(report, "pg-start", "a", DRAWN_BASE, 0, "");
	drawn_add(report, "web-start", "w", DRAWN_BASE, 1, "");
	drawn_add(report, "pg-stop", "b", DRAWN_BASE, 2, "");
	drawn_add_both(
		report, "pg", "c", DRAWN_BASE, 5, "\"lost_points\": 12, ", "");
	drawn_add_both(
		report, "pg", "d", DRAWN_BASE, 6, "\"lost_points\": 1, ", "");
	drawn_add(report, "pg-start", "e", DRAWN_BASE, 8, "");
	assert_drawn_tree(
		report,
		"6 operations  13 points lost\n"
		"pg  postgres  (end lost)\n"
		"web  shop  (running or lost: no process here knows which)\n"
		"pg  (start lost)\n"
		"pg\n"
		"pg\n"
		"pg  (running or lost: no process here knows which)\n");
}

/* A point that arrives twice does not count twice as a loss. */
static void
test_lost_twice(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	drawn_add_both(
		report, "pg", "c", DRAWN_BASE, 5, "\"lost_points\": 1, ", "");
	drawn_add_both(
		report, "pg", "c", DRAWN_BASE, 5, "\"lost_points\": 1, ", "");
	assert_drawn_tree(report, "1 operation  1 point lost\npg  postgres\n");
}

/* There are more tracers than can be told apart, so any missing stop may be lost. */
static void
test_lost_by_many(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char name[16];
	char id[16];
	osp_buf text;
	int i;

	(void) state;
	assert_non_null(report);
	drawn_add(report, "web-start", "w", DRAWN_BASE, 1, "");
	for (i = 0; i < 20; i++)
	{
		(void) snprintf(name, sizeof(name), "t%d", i);
		(void) snprintf(id, sizeof(id), "%d", i);
		drawn_add_both(
			report, name, id, DRAWN_BASE, 5, "\"lost_points\": 1, ", "");
	}
	draw_report(report, &drawn_plain, &text);
	assert_non_null(strstr(text.ptr, "21 operations  20 points lost\n"));
	assert_non_null(strstr(text.ptr, "\nweb  shop  (end lost)\n"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Operations in a database are nested, so a child does not run any more when its parent
 * has ended. */
static void
test_parent_ended(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	drawn_add_both(report, "pg", "a", DRAWN_BASE, 0, "", "");
	drawn_add(report, "pg.plan-start", "b", "a", 1, "");
	drawn_add_both(report, "db", "c", DRAWN_BASE, 2000, "", "");
	drawn_add(report, "pg-start", "d", "c", 2001, "");
	assert_drawn_tree(
		report,
		"4 operations\n"
		"pg  postgres\n"
		"└─ pg.plan  (end lost)\n"
		"db  shop\n"
		"└─ pg  postgres  (running or lost: no process here knows which)\n");
}

typedef struct question
{
	int64_t pid; /* that works */
	int64_t lossy;
	int asked;
	int64_t since_ns;
} question;

static osp_process_state
tell(void *ctx, osp_str host, int64_t pid, int64_t since_ns)
{
	question *q = ctx;

	assert_true(osp_str_eq(host, pid < 100 ? OSP_STR("db1") : OSP_STR("web1")));
	q->asked++;
	q->since_ns = since_ns;
	if (pid == q->lossy)
		return OSP_PROCESS_LOSSY;
	return pid == q->pid ? OSP_PROCESS_WORKS : OSP_PROCESS_UNKNOWN;
}

/* A child without a pid is in the process of its parent if the tracer is the same. */
static void
test_running(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	question q = {.pid = 17, .lossy = 19};

	(void) state;
	assert_non_null(report);
	osp_report_ask_process(report, tell, &q);
	drawn_add(
		report, "pg-start", "a", DRAWN_BASE, 0, "\"db\": {\"pid\": 17}, ");
	drawn_add(report, "pg.plan-start", "b", "a", 1, "");
	drawn_add(
		report, "pg-start", "c", DRAWN_BASE, 2, "\"db\": {\"pid\": 18}, ");
	drawn_add(report, "pg-start", "d", DRAWN_BASE, 3, "");
	drawn_add_both(
		report, "pg", "e", DRAWN_BASE, 4, "\"db\": {\"pid\": 17}, ", "");
	assert_drawn_tree(report,
					  "5 operations\n"
					  "pg  postgres  (running)\n"
					  "└─ pg.plan  (running)\n"
					  "pg  (running or lost: no process here knows which)\n"
					  "pg  (running or lost: no process here knows which)\n"
					  "pg\n");
	assert_int_equal(q.asked, 3);
	assert_true(q.since_ns == INT64_C(1795385758000002000));
}

/* The pid in a client's statement is that of the server's process. The client waits as
 * long as the server is at work on the statement. */
static void
test_client_waits(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	question q = {.pid = 17};

	(void) state;
	assert_non_null(report);
	osp_report_ask_process(report, tell, &q);
	drawn_add(
		report, "db-start", "a", DRAWN_BASE, 0, "\"db\": {\"pid\": 17}, ");
	drawn_add(report, "pg-start", "b", "a", 1, "\"db\": {\"pid\": 17}, ");
	drawn_add(
		report, "db-start", "c", DRAWN_BASE, 2, "\"db\": {\"pid\": 17}, ");
	drawn_add_both(report, "pg", "d", "c", 3, "\"db\": {\"pid\": 17}, ", "");
	drawn_add(
		report, "db-start", "e", DRAWN_BASE, 5, "\"db\": {\"pid\": 18}, ");
	drawn_add(report, "pg-start", "f", "e", 6, "\"db\": {\"pid\": 18}, ");
	assert_drawn_tree(
		report,
		"6 operations\n"
		"db  shop  (running)\n"
		"└─ pg  postgres  (running)\n"
		"db  (running or lost: no process here knows which)\n"
		"└─ pg  postgres\n"
		"db  (running or lost: no process here knows which)\n"
		"└─ pg  postgres  (running or lost: no process here knows which)\n");
}

/*
 * The shipper reports points that found no room in a ring when there is room again.
 * The report is no operation and takes no time. Operations of processes that are at
 * work may still run.
 */
static void
test_lost_in_ring(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	question q = {.pid = 117, .lossy = 119};
	const osp_draw_options times = {
		sizeof(times), false, true, 60, true, false, false};

	(void) state;
	assert_non_null(report);
	osp_report_ask_process(report, tell, &q);
	drawn_add(
		report, "web-start", "a", DRAWN_BASE, 0, "\"db\": {\"pid\": 117}, ");
	drawn_add(
		report, "web-start", "b", DRAWN_BASE, 1, "\"db\": {\"pid\": 118}, ");
	drawn_add(
		report, "web-start", "c", DRAWN_BASE, 2, "\"db\": {\"pid\": 119}, ");
	drawn_add(
		report, "pg-start", "d", DRAWN_BASE, 3, "\"db\": {\"pid\": 18}, ");
	drawn_add(report, "web-stop", "e", DRAWN_BASE, 4, "");
	drawn_add_both(report,
				   "osprofiler.lost",
				   "f",
				   DRAWN_BASE,
				   500000,
				   "\"lost_points\": 7, ",
				   "\"lost_points\": 7, ");
	assert_drawn_as(report,
					&times,
					"Trace " DRAWN_BASE "  4.00 us so far\n"
					"5 operations  7 points lost\n"
					"Still running: web; and 3 other operations\n"
					"DURATION  OPERATION\n"
					"       ?  web  shop@web1  (running)\n"
					"       ?  web  (end lost)\n"
					"       ?  web  (unfinished)\n"
					"       ?  pg  postgres@db1  (unfinished)\n"
					"       ?  web  (start lost)\n");
}

/* In a trace with many unfinished operations, not all rings are checked for each of
 * them. */
static void
test_questions_are_bounded(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	question q = {.pid = 17, .lossy = 19};
	osp_buf text;
	char id[16];
	int i;

	(void) state;
	assert_non_null(report);
	osp_report_ask_process(report, tell, &q);
	for (i = 0; i < 1000; i++)
	{
		(void) snprintf(id, sizeof(id), "%d", i);
		drawn_add(
			report, "pg-start", id, DRAWN_BASE, i, "\"db\": {\"pid\": 1}, ");
	}
	draw_report(report, &drawn_plain, &text);
	assert_int_equal(q.asked, 256);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* An outcome in the stop is neither an error nor a lost end. */
static void
test_outcomes(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	drawn_add_both(
		report, "pg", "a", DRAWN_BASE, 0, "", "\"interrupted\": true, ");
	drawn_add_both(report,
				   "db",
				   "b",
				   DRAWN_BASE,
				   1,
				   "",
				   "\"db\": {\"outcome\": \"interrupted\"}, ");
	drawn_add_both(report,
				   "db",
				   "c",
				   DRAWN_BASE,
				   2,
				   "",
				   "\"db\": {\"outcome\": \"discarded\"}, ");
	drawn_add_both(report,
				   "db",
				   "d",
				   DRAWN_BASE,
				   3,
				   "",
				   "\"db\": {\"outcome\": \"not executed\"}, ");
	drawn_add_both(
		report, "sqlite", "e", DRAWN_BASE, 4, "", "\"outcome\": \"reset\", ");
	assert_drawn_tree(report,
					  "5 operations\n"
					  "pg  postgres  (interrupted)\n"
					  "db  shop  (interrupted)\n"
					  "db  shop  (discarded)\n"
					  "db  shop  (not executed)\n"
					  "sqlite  shop\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_lost_twice),
		cmocka_unit_test(test_lost_by_many),
		cmocka_unit_test(test_parent_ended),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_client_waits),
		cmocka_unit_test(test_lost_in_ring),
		cmocka_unit_test(test_questions_are_bounded),
		cmocka_unit_test(test_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
