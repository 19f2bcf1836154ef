/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_unfinished.c
 *	  What is said of traces that are not finished: their heading, and the findings.
 */
#include "tap.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "findings_fixture.h"

#define WORKING 7

static osp_process_state
tell(void *ctx, osp_str host, int64_t pid, int64_t since_ns)
{
	(void) ctx;
	(void) host;
	(void) since_ns;
	return pid == WORKING ? OSP_PROCESS_WORKS : OSP_PROCESS_UNKNOWN;
}

static const osp_draw_options options = {
	sizeof(options), false, true, 100, true, false, false};

/* A request that executed a statement for 20 ms, and began another one. */
static osp_report *
make_trace(int pid)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char info[160];
	int i;

	assert_non_null(report);
	osp_report_ask_process(report, tell, NULL);
	findings_add(report, "web-start", "w", FINDINGS_BASE, "h", 0, "");
	for (i = 0; i < 20; i++)
	{
		int at = i;

		findings_add_statement(report, "db", "SELECT 1", &at, 1, "");
	}
	findings_add(report, "db-start", "d", "w", "h", 20, "");
	(void) snprintf(
		info,
		sizeof(info),
		"\"db\": {\"statement\": \"UPDATE t SET n = 1;\", \"pid\": %d}, ",
		pid);
	findings_add(report, "pg-start", "p", "d", "h", 21, info);
	findings_add(report,
				 "pg.wait-start",
				 "l",
				 "p",
				 "h",
				 28,
				 "\"db\": {\"lock\": {\"name\": \"ShareLock on t\"}}, ");
	return report;
}

/* Asserts the heading of the drawn trace, and the beginning of the findings. */
static void
assert_begins(osp_report *report, const char *heading, const char *why)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_draw(report, &options, &text), OSP_OK);
	if (strncmp(text.ptr, heading, strlen(heading)) != 0)
		fail_msg("the heading is not '%s': %s", heading, text.ptr);
	osp_buf_term(&text);
	(void) findings_draw(report, &options, &text);
	if (strncmp(text.ptr, why, strlen(why)) != 0)
		fail_msg("the findings do not begin with '%s': %s", why, text.ptr);
	osp_buf_term(&text);
}

static void
assert_json(osp_report *report, const char *member)
{
	osp_buf json;

	osp_buf_init(&json, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &json), OSP_OK);
	if (strstr(json.ptr, member) == NULL)
		fail_msg("'%s' is not in %s", member, json.ptr);
	osp_buf_term(&json);
}

/* The process is at work: the statement runs, and what it waits for is known. */
static void
test_running(void **state)
{
	osp_report *report = make_trace(WORKING);

	(void) state;
	assert_begins(
		report,
		"Trace " FINDINGS_BASE "  28.0 ms so far  24 operations\n"
		"Still running: UPDATE t SET n = 1; it waits for ShareLock on t\n",
		"Still running: UPDATE t SET n = 1; it waits for ShareLock on t.\n"
		"Why it took 28.0 ms until the last point that is here:\n");
	assert_json(
		report,
		"\"duration_ms\": 28.0, \"unfinished\": {\"state\": \"running\", "
		"\"begun\": \"2026-11-22T22:15:00.021000\", \"operation\": "
		"\"p\", \"what\": \"UPDATE t SET n = 1\", \"waits_for\": "
		"\"ShareLock on t\", \"count\": 1.0}, ");
	osp_report_free(report);
}

/* Nobody knows the process. */
static void
test_running_or_lost(void **state)
{
	osp_report *report = make_trace(WORKING + 1);

	(void) state;
	assert_begins(report,
				  "Trace " FINDINGS_BASE "  28.0 ms so far  24 operations\n"
				  "Not finished, running or lost: UPDATE t SET n = 1; it "
				  "waits for ShareLock on t\n",
				  "Not finished, running or lost: UPDATE t SET n = 1; ");
	assert_json(report, "\"unfinished\": {\"state\": \"unfinished\", ");
	osp_report_free(report);
}

/* Points of its tracer were lost after it had begun. */
static void
test_end_lost(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int at = 1;

	(void) state;
	assert_non_null(report);
	findings_add(report, "web-start", "w", FINDINGS_BASE, "h", 0, "");
	findings_add_statement(report, "db", "SELECT 1", &at, 60, "");
	findings_add(report,
				 "osprofiler.lost-start",
				 "o",
				 FINDINGS_BASE,
				 "h",
				 90,
				 "\"lost_points\": 1, ");
	findings_add(report,
				 "osprofiler.lost-stop",
				 "o",
				 FINDINGS_BASE,
				 "h",
				 90,
				 "\"lost_points\": 1, ");
	assert_begins(report,
				  "Trace " FINDINGS_BASE
				  "  61.0 ms so far  2 operations  1 point lost\n"
				  "Not finished, end lost: web\n",
				  "Not finished, end lost: web.");
	assert_json(report, "\"unfinished\": {\"state\": \"end lost\", ");
	osp_report_free(report);
}

/* The tracer reports that the operation was broken off, and the trace ends there. What
 * was broken off before its end, or inside of what went on, is no matter. */
static void
test_interrupted(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int at = 0;

	(void) state;
	assert_non_null(report);
	findings_add_statement(
		report, "db", "SELECT 1", &at, 60, "\"interrupted\": true, ");
	assert_begins(report,
				  "Trace " FINDINGS_BASE "  60.0 ms  1 operation\n"
				  "Interrupted: SELECT 1\n",
				  "Interrupted: SELECT 1.\nWhy it took 60.0 ms:\n");
	assert_json(report, "\"unfinished\": {\"state\": \"interrupted\", ");
	findings_add_statement(report, "db", "SELECT 2", &at, 30, "");
	assert_begins(report,
				  "Trace " FINDINGS_BASE "  90.0 ms  2 operations\nDURATION",
				  "Why it took 90.0 ms:\n");
	osp_report_free(report);
}

/* A stop that was lost inside an ended operation leaves the trace finished. */
static void
test_lost_inside(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	findings_add(report, "db-start", "d", FINDINGS_BASE, "h", 0, "");
	findings_add(report, "pg-start", "p", "d", "h", 1, "");
	findings_add(report, "db-stop", "d", FINDINGS_BASE, "h", 90, "");
	assert_begins(report,
				  "Trace " FINDINGS_BASE "  90.0 ms  2 operations\n",
				  "Why it took 90.0 ms:\n");
	osp_report_free(report);

	/* Unless its process is at work on it: the client has given up. */
	report = osp_report_new(&osp_allocator_default);
	assert_non_null(report);
	osp_report_ask_process(report, tell, NULL);
	findings_add(report, "db-start", "d", FINDINGS_BASE, "h", 0, "");
	findings_add(
		report, "pg-start", "p", "d", "h", 1, "\"db\": {\"pid\": 7}, ");
	findings_add(report, "db-stop", "d", FINDINGS_BASE, "h", 90, "");
	assert_begins(report,
				  "Trace " FINDINGS_BASE "  90.0 ms so far  2 operations\n"
				  "Still running: pg\n",
				  "Still running: pg.\n");
	osp_report_free(report);
}

/* Of several operations the first that is known to run is named. Without findings the
 * text is not empty. */
static void
test_several(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	osp_report_ask_process(report, tell, NULL);
	findings_add(report, "pg-start", "a", FINDINGS_BASE, "h", 0, "");
	findings_add(report,
				 "pg-start",
				 "b",
				 FINDINGS_BASE,
				 "h",
				 2,
				 "\"db\": {\"pid\": 7, \"statement\": \"SELECT 2\"}, ");
	findings_add(report,
				 "pg-start",
				 "c",
				 FINDINGS_BASE,
				 "h",
				 1,
				 "\"db\": {\"pid\": 7, \"statement\": \"SELECT 1\"}, ");
	assert_begins(
		report,
		"Trace " FINDINGS_BASE "  2.00 ms so far  3 operations\n"
		"Still running: SELECT 1; and 2 other operations\n",
		"Still running: SELECT 1; and 2 other operations. In the 2.00 ms until "
		"the last point that is here no\nsingle cause stands out.\n");
	osp_report_free(report);
}

/* How long ago the operation began is said if it is running on this host, and began
 * within a day. */
static void
test_age(void **state)
{
	static const struct
	{
		int seconds;
		const char *begin;
	} cases[] = {
		{60, "Still running, begun "},
		{-3600, "Still running: "},
		{2 * 24 * 3600, "Still running: "},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		time_t begun = time(NULL) - cases[i].seconds;
		char host[256] = "";
		char when[32];
		char json[1024];
		struct tm tm;
		osp_buf text;

		assert_non_null(report);
		osp_report_ask_process(report, tell, NULL);
		assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
		assert_non_null(gmtime_r(&begun, &tm));
		assert_true(strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm) > 0);
		(void) snprintf(
			json,
			sizeof(json),
			"{\"name\": \"pg-start\", \"base_id\": "
			"\"" FINDINGS_BASE "\", \"trace_id\": \"p\", \"parent_id\": "
			"\"" FINDINGS_BASE "\", \"timestamp\": \"%s.000000\", \"info\": "
			"{\"db\": {\"pid\": 7}, \"host\": \"%s\"}, "
			"\"project\": null, \"service\": null}",
			when,
			host);
		assert_int_equal(osp_report_add(report, osp_str_of(json), NULL),
						 OSP_OK);
		(void) findings_draw(report, &options, &text);
		if (strncmp(text.ptr, cases[i].begin, strlen(cases[i].begin)) != 0)
			fail_msg("not '%s': %s", cases[i].begin, text.ptr);
		osp_buf_term(&text);
		osp_report_free(report);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_running_or_lost),
		cmocka_unit_test(test_end_lost),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_lost_inside),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
