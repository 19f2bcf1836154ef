/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_check.c
 *	  The invariants of a trace: each breach is reported in one line. There is no breach
 *	  if the clocks are too inexact to prove it.
 */
#include "tap.h"

#include <stdio.h>

#include "osprofiler/report.h"

#define TEXT_MAX 65536
#define BASE     "base"

static void
add_at(osp_report *report, const char *name, const char *id, const char *parent,
	   int us, const char *host)
{
	char json[512];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s\", \"base_id\": \"" BASE
					"\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					"\"timestamp\": \"2026-11-22T00:00:00.%06d\", \"info\": "
					"{\"host\": \"%s\"}, \"project\": null, \"service\": null}",
					name,
					id,
					parent,
					us,
					host);
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

static void
add(osp_report *report, const char *name, const char *id, const char *parent,
	int us)
{
	add_at(report, name, id, parent, us, "h");
}

static void
add_pair(osp_report *report, const char *name, const char *id,
		 const char *parent, int start_us, int stop_us)
{
	char full[64];

	(void) snprintf(full, sizeof(full), "%s-start", name);
	add(report, full, id, parent, start_us);
	(void) snprintf(full, sizeof(full), "%s-stop", name);
	add(report, full, id, parent, stop_us);
}

static void
take_line(void *ctx, const char *line)
{
	osp_buf_add_str(ctx, osp_str_of(line));
	osp_buf_add_char(ctx, '\n');
}

static void
assert_breaches(osp_report *report, size_t count, const char *expected)
{
	osp_buf lines;
	size_t breaches = 99;

	osp_buf_init(&lines, &osp_allocator_default, TEXT_MAX);
	osp_buf_add(&lines, "", 0);
	assert_int_equal(osp_report_check(report, take_line, &lines, &breaches),
					 OSP_OK);
	assert_string_equal(lines.ptr, expected);
	assert_int_equal(breaches, count);
	osp_buf_term(&lines);
}

static int
setup(void **state)
{
	*state = osp_report_new(&osp_allocator_default);
	return *state == NULL;
}

static int
teardown(void **state)
{
	osp_report_free(*state);
	return 0;
}

static void
test_whole(void **state)
{
	osp_report *report = *state;

	assert_breaches(report, 0, "");
	add_pair(report, "pg", "a", BASE, 10, 90);
	add_pair(report, "pg.plan", "b", "a", 10, 20);
	add_pair(report, "pg", "c", "a", 20, 90);
	add_pair(report, "pg", "d", BASE, 90, 90);
	assert_breaches(report, 0, "");
}

static void
test_pairs(void **state)
{
	osp_report *report = *state;

	add(report, "pg-start", "a", BASE, 1);
	add(report, "db-stop", "b", BASE, 2);
	add_pair(report, "x", "c", BASE, 3, 4);
	add(report, "y-stop", "c", BASE, 5);
	add_pair(report, "back", "d", BASE, 7, 6);
	assert_breaches(
		report,
		4,
		"pg a: has no end: it is still running, or was interrupted\n"
		"db b: its start was lost\n"
		"x c: has 1 starts and 2 stops of different names\n"
		"back d: ends before it begins\n");
}

/* A point may be delivered twice. Two operations with the same id are a breach. */
static void
test_twice(void **state)
{
	osp_report *report = *state;

	add_pair(report, "pg", "a", BASE, 1, 2);
	add_pair(report, "pg", "a", BASE, 1, 2);
	add(report, "pg-stop", "a", BASE, 2);
	assert_breaches(report, 0, "");

	add(report, "pg-stop", "a", BASE, 3);
	assert_breaches(report,
					1,
					"pg a: pg-stop came more than once, with different "
					"contents\n");
}

static void
test_parents(void **state)
{
	osp_report *report = *state;

	add_pair(report, "pg", "a", "nobody", 1, 2);
	add_pair(report, "pg", "b", "c", 3, 3);
	add_pair(report, "pg", "c", "b", 3, 3);
	assert_breaches(report,
					2,
					"pg a: its parent nobody is not in the trace\n"
					"pg b: its parents form a ring\n");
}

/* Ids are JSON. */
static void
add_whole(osp_report *report, const char *id, const char *parent)
{
	static const char *const ends[] = {"start", "stop"};
	size_t i;

	for (i = 0; i < 2; i++)
	{
		char json[512];

		(void) snprintf(json,
						sizeof(json),
						"{\"name\": \"pg-%s\", \"base_id\": \"" BASE
						"\", \"trace_id\": %s, %s\"timestamp\": "
						"\"2026-11-22T00:00:00.00000%zu\", \"info\": {}}",
						ends[i],
						id,
						parent,
						i);
		assert_int_equal(osp_report_add(report, osp_str_of(json), NULL),
						 OSP_OK);
	}
}

/* An operation without a parent is a root, also if another operation has no id. */
static void
test_roots(void **state)
{
	osp_report *report = *state;

	add_whole(report, "\"a\"", "\"parent_id\": null, ");
	add_whole(report, "null", "\"parent_id\": null, ");
	add_whole(report, "\"b\"", "\"parent_id\": \"\", ");
	add_whole(report, "\"c\"", "");
	add_whole(report, "\"\"", "\"parent_id\": \"\", ");
	assert_breaches(report, 0, "");
}

static void
test_times(void **state)
{
	osp_report *report = *state;

	add_pair(report, "pg", "a", BASE, 1000, 2000);
	add_pair(report, "pg.plan", "b", "a", 999, 2001);
	assert_breaches(report,
					2,
					"pg.plan b: begins before its parent pg a by 1.00 us\n"
					"pg.plan b: ends after its parent pg a by 1.00 us\n");
}

/* The clocks of two tracers on the same host may differ a little. */
static void
test_clocks(void **state)
{
	osp_report *report = *state;

	add_pair(report, "db", "a", BASE, 10000, 20000);
	add_pair(report, "pg", "b", "a", 8500, 21999);
	add_pair(report, "pg", "c", "a", 15000, 23000);
	add_at(report, "pg-start", "d", "a", 1, "other");
	add_at(report, "pg-stop", "d", "a", 900000, "other");
	assert_breaches(report, 1, "pg c: ends after its parent db a by 3.00 ms\n");
}

/* If a parent has no stop, it is unknown when it ended. */
static void
test_open_parent(void **state)
{
	osp_report *report = *state;

	add(report, "pg-start", "a", BASE, 10);
	add_pair(report, "pg", "b", "a", 20, 30);
	assert_breaches(
		report,
		1,
		"pg a: has no end: it is still running, or was interrupted\n");
}

static void
add_info(osp_report *report, const char *name, const char *id,
		 const char *parent, int us, const char *info)
{
	char json[512];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s\", \"base_id\": \"" BASE
					"\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					"\"timestamp\": \"2026-11-22T00:00:00.%06d\", \"info\": "
					"{%s, \"host\": \"h\"}, \"project\": null, \"service\": "
					"null}",
					name,
					id,
					parent,
					us,
					info);
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

/* If a client has given up, its operation may end before the server's. If it has
 * received the answer, that is a breach. */
static void
assert_left(const char *outcome, bool may)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	assert_non_null(report);
	add(report, "db-start", "a", BASE, 10000);
	add_info(report, "db-stop", "a", BASE, 20000, outcome);
	add_pair(report, "pg", "b", "a", 11000, 90000);
	assert_breaches(report,
					may ? 0 : 1,
					may ? "" : "pg b: ends after its parent db a by 70.0 ms\n");
	osp_report_free(report);
}

static void
test_client_gave_up(void **state)
{
	(void) state;
	assert_left("\"db\": {\"outcome\": \"interrupted\"}", true);
	assert_left("\"db\": {\"outcome\": \"discarded\"}", true);
	assert_left("\"etype\": \"libpq_error\"", true);
	assert_left("\"etype\": \"OperationalError\"", true);
	assert_left("\"db\": {\"rows\": 1}", false);
}

/* Within one tracer, a child may not outlive its parent, even if the parent failed. */
static void
test_failed_parent(void **state)
{
	osp_report *report = *state;

	add(report, "pg-start", "a", BASE, 10);
	add_info(report, "pg-stop", "a", BASE, 20, "\"etype\": \"x\"");
	add_pair(report, "pg.plan", "b", "a", 11, 21);
	assert_breaches(
		report, 1, "pg.plan b: ends after its parent pg a by 1.00 us\n");
}

/* The parent in a traceparent is a span with 64 bits, which another system has
 * recorded. */
static void
test_foreign_parent(void **state)
{
	osp_report *report = *state;

	add_pair(report, "pg", "a", "00000000-0000-0000-00f0-67aa0ba902b7", 1, 2);
	assert_breaches(report, 0, "");
	add_pair(report, "pg", "b", "00000000-0000-4000-00f0-67aa0ba902b7", 1, 2);
	add_pair(report, "pg", "c", "00000000-0000-0000-", 1, 2);
	assert_breaches(report,
					2,
					"pg b: its parent 00000000-0000-4000-00f0-67aa0ba902b7 is "
					"not in the trace\n"
					"pg c: its parent 00000000-0000-0000- is not in the "
					"trace\n");
}

static void
test_lost(void **state)
{
	osp_report *report = *state;

	add(report, "pg-start", "a", BASE, 1);
	add_info(report, "pg-start", "b", BASE, 2, "\"lost_points\": 3");
	add(report, "pg-stop", "b", BASE, 3);
	assert_breaches(report, 2, "pg a: its end was lost\n3 points lost\n");
}

static void
test_malformed(void **state)
{
	osp_report *report = *state;

	assert_int_equal(osp_report_add(report, OSP_STR("{"), NULL), OSP_EPROTO);
	add_pair(report, "p\\u001b\\ng", "a\\\"", BASE, 1, 1);
	add(report, "p\\u001b\\ng-stop", "a\\\"", BASE, 2);
	assert_breaches(report,
					2,
					"p\\x1b g a\": p\\x1b g-stop came more than once, with "
					"different contents\n"
					"1 point malformed\n");
}

#define check_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		check_test(test_whole),
		check_test(test_pairs),
		check_test(test_twice),
		check_test(test_parents),
		check_test(test_roots),
		check_test(test_times),
		check_test(test_clocks),
		check_test(test_open_parent),
		cmocka_unit_test(test_client_gave_up),
		check_test(test_failed_parent),
		check_test(test_foreign_parent),
		check_test(test_lost),
		check_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
