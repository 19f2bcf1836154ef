/* SPDX-License-Identifier: Apache-2.0
 *
 * test_draw_folds.c
 *	  The drawn tree: operations of the same shape that share a line.
 */
#include "tap.h"

#include <stdio.h>

#include "drawn_fixture.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

/* Twenty or more operations of the same shape share a line. Unusual ones among them
 * have lines of their own. */
static void
test_folds(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, false, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	char info[256];
	char id[16];
	int i;

	(void) state;
	assert_non_null(report);
	drawn_add(report, "wsgi-start", "w", DRAWN_BASE, 0, "");
	for (i = 0; i < 46; i++)
	{
		const char *stop = "";

		/* 21 operations of the same shape, of which one has a child; operations of
		 * another shape; one that fails, and one without a stop. */
		(void) snprintf(id, sizeof(id), "d%d", i);
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"statement\": \"%s %d\"}, ",
						i % 2 == 0 ? "SELECT name FROM t WHERE id =" : "SELECT",
						i);
		if (i == 4)
			stop = "\"etype\": \"deadlock_detected\", \"message\": \"no\", ";
		if (i > 40 && i % 2 == 1)
			continue;
		drawn_add(report, "db-start", id, "w", 1000 + i * 10, info);
		if (i != 2)
			drawn_add(report, "db-stop", id, "w", 1005 + i * 10, stop);
	}
	drawn_add(report, "db-start", "below", "d6", 1061, "");
	drawn_add(report, "wsgi-stop", "w", DRAWN_BASE, 9000, "");

	draw_report(report, &options, &text);
	assert_non_null(
		strstr(text.ptr, "├─ 21 x db  SELECT name FROM t WHERE id = 0\n"));
	assert_null(strstr(text.ptr, "WHERE id = 6"));
	assert_non_null(strstr(text.ptr, "├─ 20 x db  SELECT 1\n"));
	assert_non_null(strstr(text.ptr, "WHERE id = 4  deadlock_detected: no\n"));
	assert_non_null(strstr(text.ptr, "└─ db  SELECT name FROM t WHERE id = 4"));
	assert_non_null(strstr(
		text.ptr,
		"WHERE id = 2  (running or lost: no process here knows which)\n"));
	osp_buf_term(&text);

	/* The line has the times of all of them. With the option `all`, nothing is folded. */
	options.times = true;
	draw_report(report, &options, &text);
	assert_non_null(strstr(text.ptr, "  105 us   +1.00 ms  "));
	assert_non_null(
		strstr(text.ptr, "(min 5.00 us, median 5.00 us, max 5.00 us)\n"));
	osp_buf_term(&text);
	options.all = true;
	draw_report(report, &options, &text);
	assert_null(strstr(text.ptr, " x db"));
	assert_non_null(strstr(text.ptr, "WHERE id = 6"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Adds count statements of this many microseconds each, one after another from *at on. */
static void
add_statements(osp_report *report, int count, const char *statement, int us,
			   int *at)
{
	char info[256];
	char id[16];

	(void) snprintf(
		info, sizeof(info), "\"db\": {\"statement\": \"%s\"}, ", statement);
	for (; count > 0; count--)
	{
		(void) snprintf(id, sizeof(id), "d%d", *at);
		drawn_add(report, "sqlite-start", id, DRAWN_BASE, *at, info);
		*at += us;
		drawn_add(report, "sqlite-stop", id, DRAWN_BASE, *at, "");
		(*at)++;
	}
}

static void
draw_statements(osp_report *report, osp_buf *text)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, true, false, false};

	draw_report(report, &options, text);
	osp_report_free(report);
}

/* Statements of a long transaction do not share a line with statements of another
 * transaction, or outside of one. Statements of many short transactions do. */
static void
test_folds_of_transactions(void **state)
{
	static const char *const ends[] = {"COMMIT", "ROLLBACK", "END"};
	osp_report *report;
	osp_buf text;
	size_t i;
	int at;
	int k;

	(void) state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		at = 1000;
		report = osp_report_new(&osp_allocator_default);
		add_statements(report, 1, i == 1 ? "BEGIN IMMEDIATE" : "BEGIN", 5, &at);
		add_statements(report, 300, "INSERT INTO t VALUES (1)", 1, &at);
		add_statements(report, 1, ends[i], 5, &at);
		add_statements(report, 1, "BEGIN", 5, &at);
		add_statements(report, 200, "INSERT INTO t VALUES (1)", 1, &at);
		add_statements(report, 1, ends[i], 5, &at);
		add_statements(report, 40, "INSERT INTO t VALUES (1)", 500, &at);
		draw_statements(report, &text);
		assert_non_null(strstr(text.ptr, "300 x sqlite  INSERT"));
		assert_non_null(strstr(text.ptr, "200 x sqlite  INSERT"));
		assert_non_null(strstr(text.ptr, " 40 x sqlite  INSERT"));
		osp_buf_term(&text);
	}
	at = 1000;
	report = osp_report_new(&osp_allocator_default);
	for (k = 0; k < 50; k++)
	{
		add_statements(report, 1, "BEGIN", 5, &at);
		add_statements(report, k < 20 ? 3 : 30, "UPDATE t SET a = 1", 5, &at);
		add_statements(report, 1, "COMMIT", 5, &at);
		add_statements(report, 1, "UPDATE t SET a = 1", 5, &at);
	}
	draw_statements(report, &text);
	assert_non_null(strstr(text.ptr, " 50 x sqlite  shop@web1  BEGIN"));
	assert_non_null(strstr(text.ptr, " 960 x sqlite  UPDATE"));
	assert_non_null(strstr(text.ptr, " 50 x sqlite  UPDATE"));
	assert_non_null(strstr(text.ptr, " 50 x sqlite  COMMIT"));
	osp_buf_term(&text);
}

/* A few operations that took much longer than the others have lines of their own; if
 * there are many of them, they share a line. Operations that took almost no time share
 * the line of the others. */
static void
test_folds_of_outliers(void **state)
{
	static const struct
	{
		int count;
		int us;
		const char *says;
	} cases[] = {
		{2, 900, " 900 x sqlite  shop@web1  INSERT"},
		{30, 900, " 30 x sqlite  INSERT"},
		{30, 19, " 930 x sqlite  shop@web1  INSERT"},
		{2, 22, " 902 x sqlite  shop@web1  INSERT"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		int at = 1000;
		osp_buf text;

		add_statements(report, 800, "INSERT INTO t VALUES (1)", 2, &at);
		add_statements(report,
					   cases[i].count,
					   "INSERT INTO t VALUES (1)",
					   cases[i].us,
					   &at);
		add_statements(report, 100, "INSERT INTO t VALUES (1)", 2, &at);
		draw_statements(report, &text);
		if (strstr(text.ptr, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].says, text.ptr);
		assert_true((strstr(text.ptr, "  sqlite  INSERT") != NULL) == (i == 0));
		osp_buf_term(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folds),
		cmocka_unit_test(test_folds_of_transactions),
		cmocka_unit_test(test_folds_of_outliers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
