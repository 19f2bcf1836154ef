/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_draw.c
 *	  The drawn tree, as it is on a wide terminal, a narrow one and none.
 */
#include "tap.h"

#include <stdio.h>

#include "osprofiler/report.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

#define TEXT_MAX ((size_t) 1 << 24)
#define BASE     "11111111-2222-4333-8444-555555555555"

/* Members of a point, from its trace_id on; 22:15:58 and us. */
static void
add_at(osp_report *report, const char *host, const char *name, const char *id,
	   const char *parent, int us, const char *info)
{
	char json[2048];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s\", \"base_id\": \"" BASE
					"\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					"\"timestamp\": \"2026-11-22T22:15:58.%06d\", \"info\": "
					"{%s\"host\": \"%s\"}, \"project\": null, \"service\": "
					"\"%s\"}",
					name,
					id,
					parent,
					us,
					info,
					host,
					name[0] == 'p' ? "postgres" : "shop");
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

static void
add(osp_report *report, const char *name, const char *id, const char *parent,
	int us, const char *info)
{
	add_at(report, name[0] == 'p' ? "db1" : "web1", name, id, parent, us, info);
}

static osp_report *
make_trace(void)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	assert_non_null(report);
	add(report,
		"wsgi-start",
		"w",
		BASE,
		0,
		"\"request\": {\"path\": \"/orders\", \"query\": \"a=1\", "
		"\"method\": \"GET\"}, ");
	add(report,
		"db-start",
		"d",
		"w",
		1000,
		"\"db\": {\"statement\": \"SELECT *\\n   FROM orders "
		"\\u001b[2J\"}, ");
	add(report,
		"pg-start",
		"p",
		"d",
		1200,
		"\"db\": {\"statement\": \"SELECT * FROM orders\", "
		"\"statement_length\": 9999}, ");
	add(report, "pg.plan-start", "l", "p", 1200, "");
	add(report, "pg.plan-stop", "l", "p", 1300, "\"elapsed_ns\": 99123, ");
	add(report,
		"pg-stop",
		"p",
		"d",
		4300,
		"\"db\": {\"rows\": 12}, \"elapsed_ns\": 3099123, ");
	add(report, "db-stop", "d", "w", 5300, "");
	add(report,
		"db-start",
		"e",
		"w",
		6000,
		"\"db\": {\"statement\": \"INSERT INTO log (id, note) VALUES (7, "
		"'hello')\"}, ");
	add(report,
		"db-stop",
		"e",
		"w",
		7300,
		"\"etype\": \"unique_violation\", \"message\": \"duplicate key value "
		"violates unique constraint\", ");
	add(report,
		"rpc-start",
		"r",
		"w",
		8000,
		"\"function\": {\"name\": \"a.b.c\"}, ");
	add(report, "wsgi-stop", "w", BASE, 12300, "\"truncated\": 12, ");
	add(report, "cron-stop", "c", BASE, 12300, "\"interrupted\": true, ");
	return report;
}

static void
draw(osp_report *report, const osp_draw_options *options, osp_buf *text)
{
	osp_buf_init(text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_draw(report, options, text), OSP_OK);
}

static void
assert_drawn(const osp_draw_options *options, const char *expected)
{
	osp_report *report = make_trace();
	osp_buf text;

	draw(report, options, &text);
	assert_string_equal(text.ptr, expected);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* What tests of other parts compare with: no time, no host, no id. */
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

/* A point of a database tells what it is in its part of the info. */
static void
test_inside_db(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, false, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	add(report,
		"pg.trigger-start",
		"t",
		BASE,
		0,
		"\"db\": {\"trigger\": {\"name\": \"note\"}}, ");
	add(report,
		"pg.wait-start",
		"w",
		"t",
		1,
		"\"db\": {\"lock\": {\"name\": \"ShareLock on tuple\"}}, ");
	draw(report, &options, &text);
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
		"Trace " BASE "  12.3 ms  7 operations\n"
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
		"Trace " BASE "  12.3 ms  7 operations\n"
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
	add(report, "pg-start", "p", BASE, 0, "");
	add(report, "pg-stop", "p", BASE, 999, "\"etype\": \"\\u001b[0m\", ");
	draw(report, &options, &text);
	assert_string_equal(
		text.ptr,
		"\033[1m" BASE "\033[0m\n"
		"\033[36m999 us\033[0m  \033[2m1 operation\033[0m\n"
		"\033[2mDURATION\033[0m  \033[2mOPERATION\033[0m\n"
		"  \033[36m999 us\033[0m  \033[1;31mpg\033[0m  "
		"\033[2mpostgres\033[0m\033[2m@\033[0m\033[2mdb1\033[0m  "
		"\033[1;31m\\x1b[0m\033[0m\n");
	osp_buf_term(&text);
	osp_report_free(report);
}

static const osp_draw_options plain = {
	sizeof(plain), false, true, 0, false, false, false};

/* Draws the report, and frees it. */
static void
assert_drawn_as(osp_report *report, const osp_draw_options *options,
				const char *expected)
{
	osp_buf text;

	draw(report, options, &text);
	assert_string_equal(text.ptr, expected);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The same, without times. */
static void
assert_tree(osp_report *report, const char *expected)
{
	assert_drawn_as(report, &plain, expected);
}

/* A start and a stop, the one ms long. */
static void
add_both(osp_report *report, const char *tracer, const char *id,
		 const char *parent, int us, const char *start, const char *stop)
{
	char name[64];

	(void) snprintf(name, sizeof(name), "%s-start", tracer);
	add(report, name, id, parent, us, start);
	(void) snprintf(name, sizeof(name), "%s-stop", tracer);
	add(report, name, id, parent, us + 1000, stop);
}

/* Columns of a line of UTF-8 without colours and wide characters. */
static size_t
count_columns(const char *line, const char *end)
{
	size_t columns = 0;

	for (; line < end; line++)
	{
		if (*line == '\033')
			line += strcspn(line, "m");
		else
			columns += ((unsigned char) *line & 0xC0) != 0x80;
	}
	return columns;
}

/* Texts longer than any line, in every place that has one; and a deep tree. */
static osp_report *
make_long_trace(void)
{
	static const char text[] =
		"xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx "
		"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9 xxxxxxxxx "
		"xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx";
	osp_report *report = make_trace();
	char start[600];
	char stop[600];
	char id[32];
	char parent[32] = "w";
	int i;

	(void) snprintf(
		start, sizeof(start), "\"db\": {\"statement\": \"%s\"}, ", text);
	(void) snprintf(stop,
					sizeof(stop),
					"\"etype\": \"%s\", \"message\": \"m\", \"db\": "
					"{\"rows\": 1234567890123}, ",
					text);
	for (i = 0; i < 90; i++)
	{
		bool odd = i % 2 != 0;

		(void) snprintf(id, sizeof(id), "deep-%d", i);
		add_at(report,
			   odd ? text : "h",
			   "web.a.very.long.name.of.an.operation.of.this.program-start",
			   id,
			   parent,
			   20000 + i,
			   start);
		if (i % 3 != 0)
			add_at(report,
				   odd ? text : "h",
				   "web.a.very.long.name.of.an.operation.of.this.program-stop",
				   id,
				   parent,
				   400000 - i,
				   i % 3 == 1 ? stop : "\"truncated\": 123456789, ");
		memcpy(parent, id, sizeof(id));
	}
	add(report, "pg-start", "late", "w", 900000, "");
	add_at(report,
		   "h",
		   "osprofiler.lost-start",
		   "lost",
		   BASE,
		   900001,
		   "\"lost_points\": 123456, ");
	add_at(report,
		   "h",
		   "osprofiler.lost-stop",
		   "lost",
		   BASE,
		   900001,
		   "\"lost_points\": 123456, ");
	return report;
}

/* No line is wider than asked for, and nothing is lost but texts. */
static void
test_widths(void **state)
{
	osp_report *report = make_long_trace();
	unsigned width;
	size_t lines = 0;

	(void) state;
	for (width = 40; width <= 250; width++)
	{
		unsigned look;

		for (look = 0; look < 8; look++)
		{
			osp_draw_options options = {.struct_size = sizeof(options),
										.width = width,
										.times = true,
										.color = (look & 1) != 0,
										.unicode = (look & 2) != 0,
										.ids = (look & 4) != 0};
			osp_buf findings;
			const char *line;
			const char *end;
			size_t count = 0;
			size_t found;
			osp_buf text;

			osp_buf_init(&findings, &osp_allocator_default, TEXT_MAX);
			assert_int_equal(
				osp_report_explain(report, &options, &findings, &found),
				OSP_OK);
			osp_buf_term(&findings);
			draw(report, &options, &text);
			assert_non_null(strstr(text.ptr, BASE));
			for (line = text.ptr; *line != '\0'; line = end + 1, count++)
			{
				end = strchr(line, '\n');
				assert_non_null(end);
				if (count_columns(line, end) > width)
					fail_msg(
						"%u columns: %.*s", width, (int) (end - line), line);
			}

			/* The head may need more lines. */
			assert_true(count >= 99);
			lines += count;
			osp_buf_term(&text);
		}
	}
	assert_true(lines > 0);
	osp_report_free(report);
}

/*
 * What a tracer lost is said in the head, and what it began before that and did
 * not end has lost its end; what it began afterwards, and what others began, not.
 */
static void
test_lost(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add(report, "pg-start", "a", BASE, 0, "");
	add(report, "web-start", "w", BASE, 1, "");
	add(report, "pg-stop", "b", BASE, 2, "");
	add_both(report, "pg", "c", BASE, 5, "\"lost_points\": 12, ", "");
	add_both(report, "pg", "d", BASE, 6, "\"lost_points\": 1, ", "");
	add(report, "pg-start", "e", BASE, 8, "");
	assert_tree(report,
				"6 operations  13 points lost\n"
				"pg  postgres  (end lost)\n"
				"web  shop  (running or lost: no process here knows which)\n"
				"pg  (start lost)\n"
				"pg\n"
				"pg\n"
				"pg  (running or lost: no process here knows which)\n");
}

/* A copy of a point says nothing new about what was lost. */
static void
test_lost_twice(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add_both(report, "pg", "c", BASE, 5, "\"lost_points\": 1, ", "");
	add_both(report, "pg", "c", BASE, 5, "\"lost_points\": 1, ", "");
	assert_tree(report, "1 operation  1 point lost\npg  postgres\n");
}

/* More tracers than are told apart: all of them may have lost any end. */
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
	add(report, "web-start", "w", BASE, 1, "");
	for (i = 0; i < 20; i++)
	{
		(void) snprintf(name, sizeof(name), "t%d", i);
		(void) snprintf(id, sizeof(id), "%d", i);
		add_both(report, name, id, BASE, 5, "\"lost_points\": 1, ", "");
	}
	draw(report, &plain, &text);
	assert_non_null(strstr(text.ptr, "21 operations  20 points lost\n"));
	assert_non_null(strstr(text.ptr, "\nweb  shop  (end lost)\n"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The tracers of databases nest: a child of what has ended does not run. */
static void
test_parent_ended(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add_both(report, "pg", "a", BASE, 0, "", "");
	add(report, "pg.plan-start", "b", "a", 1, "");
	add_both(report, "db", "c", BASE, 2000, "", "");
	add(report, "pg-start", "d", "c", 2001, "");
	assert_tree(
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

/* A child without a pid runs in its parent's process, if the tracer is the same. */
static void
test_running(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	question q = {.pid = 17, .lossy = 19};

	(void) state;
	assert_non_null(report);
	osp_report_ask_process(report, tell, &q);
	add(report, "pg-start", "a", BASE, 0, "\"db\": {\"pid\": 17}, ");
	add(report, "pg.plan-start", "b", "a", 1, "");
	add(report, "pg-start", "c", BASE, 2, "\"db\": {\"pid\": 18}, ");
	add(report, "pg-start", "d", BASE, 3, "");
	add_both(report, "pg", "e", BASE, 4, "\"db\": {\"pid\": 17}, ", "");
	assert_tree(report,
				"5 operations\n"
				"pg  postgres  (running)\n"
				"└─ pg.plan  (running)\n"
				"pg  (running or lost: no process here knows which)\n"
				"pg  (running or lost: no process here knows which)\n"
				"pg\n");
	assert_int_equal(q.asked, 3);
	assert_true(q.since_ns == INT64_C(1795385758000002000));
}

/*
 * The shipper says what found no room in a ring, when that is over. Its report is
 * no operation, and takes no time. What is known to be at work may still run.
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
	add(report, "web-start", "a", BASE, 0, "\"db\": {\"pid\": 117}, ");
	add(report, "web-start", "b", BASE, 1, "\"db\": {\"pid\": 118}, ");
	add(report, "web-start", "c", BASE, 2, "\"db\": {\"pid\": 119}, ");
	add(report, "pg-start", "d", BASE, 3, "\"db\": {\"pid\": 18}, ");
	add(report, "web-stop", "e", BASE, 4, "");
	add_both(report,
			 "osprofiler.lost",
			 "f",
			 BASE,
			 500000,
			 "\"lost_points\": 7, ",
			 "\"lost_points\": 7, ");
	assert_drawn_as(report,
					&times,
					"Trace " BASE "  4.00 us\n"
					"5 operations  7 points lost\n"
					"DURATION  OPERATION\n"
					"       ?  web  shop@web1  (running)\n"
					"       ?  web  (end lost)\n"
					"       ?  web  (unfinished)\n"
					"       ?  pg  postgres@db1  (unfinished)\n"
					"       ?  web  (start lost)\n");
}

/* A trace of many unfinished operations is no reason to look at all rings for
 * each of them. */
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
		add(report, "pg-start", id, BASE, i, "\"db\": {\"pid\": 1}, ");
	}
	draw(report, &plain, &text);
	assert_int_equal(q.asked, 256);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* What the stop says about how it ended is no error, and no end that is lost. */
static void
test_outcomes(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add_both(report, "pg", "a", BASE, 0, "", "\"interrupted\": true, ");
	add_both(report,
			 "db",
			 "b",
			 BASE,
			 1,
			 "",
			 "\"db\": {\"outcome\": \"interrupted\"}, ");
	add_both(report,
			 "db",
			 "c",
			 BASE,
			 2,
			 "",
			 "\"db\": {\"outcome\": \"discarded\"}, ");
	add_both(report,
			 "db",
			 "d",
			 BASE,
			 3,
			 "",
			 "\"db\": {\"outcome\": \"not executed\"}, ");
	add_both(report, "sqlite", "e", BASE, 4, "", "\"outcome\": \"reset\", ");
	assert_tree(report,
				"5 operations\n"
				"pg  postgres  (interrupted)\n"
				"db  shop  (interrupted)\n"
				"db  shop  (discarded)\n"
				"db  shop  (not executed)\n"
				"sqlite  shop\n");
}

/* DETAIL, HINT and CONTEXT are lines under an operation, and not once more under
 * those below it that have the same error. */
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
	add_both(report, "db", "a", BASE, 0, "", error);
	add_both(report, "pg", "b", "a", 0, "", error);
	add_both(report, "pg", "c", BASE, 0, "", "\"detail\": \"of none\", ");
	add_both(report,
			 "pg",
			 "d",
			 "c",
			 0,
			 "",
			 "\"etype\": \"no_data\", \"hint\": \"so\", ");
	add_both(report, "pg", "e", "c", 1, "", "");
	draw(report, &options, &text);
	assert_non_null(
		strstr(text.ptr, "   DETAIL: Key (a)=(***) already exists.\n"));
	assert_non_null(strstr(
		text.ptr, "   CONTEXT: PL/pgSQL function f() line 3 SQL function\n"));
	assert_null(strstr(strstr(text.ptr, "CONTEXT") + 1, "CONTEXT"));
	assert_null(strstr(text.ptr, "of none"));
	assert_non_null(strstr(text.ptr, "  │    HINT: so\n"));
	osp_buf_term(&text);
	assert_tree(report,
				"5 operations\n"
				"db  shop  unique_violation: no\n"
				"└─ pg  postgres  unique_violation: no\n"
				"pg  postgres\n"
				"├─ pg  no_data\n"
				"└─ pg\n");
}

/* How often a text stands in another one. */
static int
times_in(const char *text, const char *part)
{
	int times = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		times++;
	return times;
}

/* The notes of an error are left out only where the same ones stand above: not if the
 * operation above has the same type of error without notes, or with others. */
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

	/* A client that knows only the type. */
	add_both(report, "db", "a", BASE, 0, "", FAILED(""));
	add_both(report, "pg", "b", "a", 0, "", FAILED("\"detail\": \"D1\", "));

	/* One error was caught, and another one of its type raised; its cause is below,
	 * behind an operation that knows only the type. */
	add_both(report, "pg", "c", BASE, 1, "", FAILED("\"detail\": \"D2\", "));
	add_both(report, "pg", "d", "c", 1, "", FAILED("\"detail\": \"D3\", "));
	add_both(report, "pg.function", "e", "d", 1, "", FAILED(""));
	add_both(report, "pg", "f", "e", 1, "", FAILED("\"detail\": \"D3\", "));

	/* The same words about an error of another type. */
	add_both(report,
			 "pg",
			 "g",
			 "f",
			 1,
			 "",
			 "\"etype\": \"no_data\", \"detail\": \"D3\", ");
	add_both(report, "pg", "h", "f", 2, "", FAILED("\"hint\": \"H\", "));
	for (i = 0; i < 2; i++)
	{
		draw(report, &options, &text);
		assert_int_equal(times_in(text.ptr, "DETAIL: D1\n"), 1);
		assert_int_equal(times_in(text.ptr, "DETAIL: D2\n"), 1);
		assert_int_equal(times_in(text.ptr, "DETAIL: D3\n"), 2);
		assert_int_equal(times_in(text.ptr, "HINT: H\n"), 1);
		osp_buf_term(&text);
	}
	osp_report_free(report);
}

/* A time that is only a bound is drawn as one, wherever times are. */
static void
test_bounds(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	add_both(report, "sqlite", "a", BASE, 0, "", "");
	add_both(report,
			 "sqlite.trigger",
			 "b",
			 "a",
			 0,
			 "\"trigger\": {\"name\": \"late\"}, ",
			 "\"elapsed_ns\": 1000, \"elapsed_is\": \"at least\", ");
	add_both(report,
			 "sqlite.trigger",
			 "c",
			 "a",
			 0,
			 "\"trigger\": {\"name\": \"early\"}, ",
			 "\"elapsed_ns\": 1000, \"elapsed_is\": \"at most\", ");
	draw(report, &options, &text);
	assert_non_null(strstr(text.ptr, "late  (or longer)\n"));
	assert_non_null(strstr(text.ptr, "early  (or shorter)\n"));
	osp_buf_term(&text);
	assert_tree(report,
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
	add_both(report, "pg", id, BASE, us, start, result);
}

/* Rows are drawn where they are a fact about the command. */
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
	add_both(report,
			 "pg.worker",
			 "j",
			 BASE,
			 9,
			 "\"db\": {\"worker\": {\"name\": \"worker 0\"}}, ",
			 "\"db\": {\"rows\": 0}, ");
	assert_tree(report,
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

/* Stops may come before starts, as Redis has them: the drawing is the same. */
static void
test_rows_backwards(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add(report, "db-stop", "a", BASE, 9, "\"db\": {\"rows\": 0}, ");
	add(report,
		"db-start",
		"a",
		BASE,
		8,
		"\"db\": {\"statement\": \"SET a\"}, ");
	add(report, "db-stop", "b", BASE, 10, "\"db\": {\"rows\": 0}, ");
	add(report,
		"db-start",
		"b",
		BASE,
		9,
		"\"db\": {\"statement\": \"SELECT a\"}, ");
	assert_tree(report,
				"2 operations\ndb  shop  SET a\ndb  SELECT a  0 rows\n");
}

/* To prepare a statement is not to execute it. */
static void
test_prepare(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add_both(report,
			 "db",
			 "a",
			 BASE,
			 0,
			 "\"db\": {\"statement\": \"SELECT $1\", \"operation\": "
			 "\"prepare\", \"name\": \"s\"}, ",
			 "");
	add_both(report,
			 "db",
			 "b",
			 BASE,
			 1,
			 "\"db\": {\"statement\": \"SELECT $1\", \"name\": \"s\"}, ",
			 "\"db\": {\"rows\": 1}, ");
	add_both(report,
			 "db",
			 "c",
			 BASE,
			 2,
			 "\"db\": {\"operation\": \"close\", \"name\": \"s\"}, ",
			 "");
	add_both(
		report, "db", "d", BASE, 3, "\"db\": {\"operation\": \"sync\"}, ", "");
	assert_tree(report,
				"4 operations\n"
				"db  shop  prepare: SELECT $1\n"
				"db  SELECT $1  1 row\n"
				"db  close: s\n"
				"db  sync\n");
}

/* Columns of the widest line but the header. */
static size_t
widest(const osp_buf *text)
{
	const char *line = strchr(text->ptr, '\n') + 1;
	size_t columns = 0;

	while (*line != '\0')
	{
		const char *end = strchr(line, '\n');
		osp_buf shown;
		size_t here;

		osp_buf_init(&shown, &osp_allocator_default, TEXT_MAX);
		here = strspn(line, " ");
		here += osp__terminal_text(
			&shown, osp_str_n(line, (size_t) (end - line)), true, 0);
		columns = here > columns ? here : columns;
		osp_buf_term(&shown);
		line = end + 1;
	}
	return columns;
}

static void
test_width(void **state)
{
	osp_report *report = make_trace();
	unsigned width;

	(void) state;
	for (width = 40; width < 200; width++)
	{
		osp_draw_options options = {
			sizeof(options), false, true, width, true, false, false};
		osp_buf text;

		draw(report, &options, &text);
		assert_true(widest(&text) <= width);
		osp_buf_term(&text);
	}
	osp_report_free(report);
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
		add(report, "x", id, parent, i, "");
	}
	draw(report, &options, &text);
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

/* From 20 on, operations of one shape are one line; what is odd among them is not. */
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
	add(report, "wsgi-start", "w", BASE, 0, "");
	for (i = 0; i < 46; i++)
	{
		const char *stop = "";

		/* 21 of one shape, one of them below another; 19 of another one; one that
		 * fails and one that is open. */
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
		add(report, "db-start", id, "w", 1000 + i * 10, info);
		if (i != 2)
			add(report, "db-stop", id, "w", 1005 + i * 10, stop);
	}
	add(report, "db-start", "below", "d6", 1061, "");
	add(report, "wsgi-stop", "w", BASE, 9000, "");

	draw(report, &options, &text);
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

	/* With the times of all of them, and nothing folded if that is asked for. */
	options.times = true;
	draw(report, &options, &text);
	assert_non_null(strstr(text.ptr, "  105 us   +1.00 ms  "));
	assert_non_null(
		strstr(text.ptr, "(min 5.00 us, median 5.00 us, max 5.00 us)\n"));
	osp_buf_term(&text);
	options.all = true;
	draw(report, &options, &text);
	assert_null(strstr(text.ptr, " x db"));
	assert_non_null(strstr(text.ptr, "WHERE id = 6"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Adds count statements of some us each, one after another from *at on. */
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
		add(report, "sqlite-start", id, BASE, *at, info);
		*at += us;
		add(report, "sqlite-stop", id, BASE, *at, "");
		(*at)++;
	}
}

static void
draw_statements(osp_report *report, osp_buf *text)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, true, false, false};

	draw(report, &options, text);
	osp_report_free(report);
}

/* Statements of a long transaction are not folded with those of another one, nor
 * with those outside; those of many short ones are. */
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

/* A few that took far longer than the others have lines of their own, many are
 * folded by themselves; what took no time worth a line is folded with the others. */
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

/* Time in which a client's program ran no operation has a line of its own. */
static void
test_gaps(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 0, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_non_null(report);
	add(report, "wsgi-start", "w", BASE, 0, "");
	add(report, "db-start", "d", "w", 0, "");
	add(report, "db-start", "e", "d", 30000, "");
	add(report, "db-stop", "e", "d", 40000, "");
	add(report, "db-start", "f", "d", 290000, "");
	add(report, "db-stop", "f", "d", 300000, "");
	add(report, "db-stop", "d", "w", 300000, "");
	add(report, "db-start", "g", "w", 700000, "");
	add(report, "db-stop", "g", "w", 720000, "");
	add(report, "db-start", "open", "w", 730000, "");
	add(report, "db-start", "h", "w", 900000, "");
	add(report, "db-stop", "h", "w", 910000, "");
	add(report, "wsgi-stop", "w", BASE, 999000, "");
	draw(report, &options, &text);

	/* Not within a statement, and not where something may have run. */
	assert_non_null(strstr(text.ptr,
						   "\n  400 ms    +300 ms                "
						   "├─ (no operation)\n 20.0 ms    +700 ms "));
	assert_null(strstr(strstr(text.ptr, "(no operation)") + 1, "(no op"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* How long a statement was on its way, where client and server share a clock. */
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
		add_at(report, hosts[i], "db-start", "d", BASE, 0, "");
		add(report, "pg-start", "p", "d", 30000, "");
		add(report, "pg-stop", "p", "d", 40000, "");
		add_at(report, hosts[i], "db-stop", "d", BASE, 60000, "");
		draw(report, &options, &text);
		assert_true(
			(strstr(text.ptr, "(30.0 ms before the server, 20.0 ms after)") !=
			 NULL) == (i == 1));
		osp_buf_term(&text);
		osp_report_free(report);
	}
}

/* A node of a plan with these members of its start and its stop. */
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
	add(report, "pg.node-start", id, BASE, 1000, info);
	(void) snprintf(info, sizeof(info), "\"db\": {\"node\": {%s}}, ", stop);
	add(report, "pg.node-stop", id, BASE, 2000, info);
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
	add(report, "pg-start", "g", BASE, 1000, "");
	add(report,
		"pg-stop",
		"g",
		BASE,
		9000,
		"\"db\": {\"jit\": {\"generation_ms\": 12.5, \"emission_ms\": 100}, "
		"\"io_read_ms\": 9}, ");
	draw(report, &options, &text);
	assert_string_equal(
		text.ptr,
		"9 operations\n"
		"pg.node  postgres  a  4000 rows  (2 expected per loop, 100 times as "
		"many came)\n"
		"pg.node  b  4000 rows\n"
		"pg.node  c  100 rows  (100 loops, kept 100 of 2000)\n"
		"pg.node  d  1 row\n"
		"pg.node  e  9 rows  (1234 kB on disk)\n"
		"pg.node  f  9 rows  (1 of 3 workers)\n"
		"pg.node  h  300 rows  (1 expected, 300 times as many came)\n"
		"pg.node  i  9 rows\n"
		"pg  (113 ms JIT)\n");
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The time in which children ran is counted once, and only within the parent's. */
static void
test_self_time(void **state)
{
	const osp_draw_options options = {
		.struct_size = sizeof(options), .times = true, .width = 80};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	add(report, "app-start", "a", BASE, 100000, "");
	add(report, "job-start", "b", "a", 110000, "");
	add(report, "job-start", "c", "a", 120000, "");
	add(report, "job-stop", "b", "a", 130000, "");
	add(report, "job-stop", "c", "a", 140000, "");
	add(report, "job-start", "d", "a", 190000, "");
	add(report, "app-stop", "a", BASE, 200000, "");
	add(report, "job-stop", "d", "a", 250000, "");
	draw(report, &options, &text);
	assert_non_null(strstr(text.ptr, "app  shop@web1  (self 60.0 ms)\n"));
	osp_buf_term(&text);
	osp_report_free(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_inside_db),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_ascii_and_ids),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_lost_twice),
		cmocka_unit_test(test_lost_by_many),
		cmocka_unit_test(test_parent_ended),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_lost_in_ring),
		cmocka_unit_test(test_questions_are_bounded),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_notes_below),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_backwards),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_folds),
		cmocka_unit_test(test_folds_of_transactions),
		cmocka_unit_test(test_folds_of_outliers),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_on_the_way),
		cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_self_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
