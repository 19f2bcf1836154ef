/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_code.c
 *	  Findings about code that runs in the database: loops over a cursor, statements of
 *	  foreign keys, deferred triggers, and statements of which only some are recorded.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"
#include "report/findings/calls.h"

static void
begin(osp_report *report, const char *name, const char *id, const char *parent,
	  int ms, const char *db)
{
	char info[512];

	(void) snprintf(info, sizeof(info), "\"db\": {%s}, ", db);
	findings_add(report, name, id, parent, "h", ms, info);
}

/* Adds statements below another one, one after another. */
static void
add_inner(osp_report *report, const char *parent, const char *statement, int at,
		  int count, int ms)
{
	int i;

	for (i = 0; i < count; i++)
	{
		char id[16];
		char db[256];

		(void) snprintf(id, sizeof(id), "i%d", at);
		(void) snprintf(db, sizeof(db), "\"statement\": \"%s\"", statement);
		begin(report, "pg-start", id, parent, at, db);
		at += ms;
		findings_add(report, "pg-stop", id, parent, "h", at, "");
	}
}

static void
assert_words(const char *text, const char *words)
{
	if (strstr(text, words) == NULL)
		fail_msg("not \"%s\" in %s", words, text);
}

static void
assert_no_words(const char *text, const char *words)
{
	if (strstr(text, words) != NULL)
		fail_msg("\"%s\" in %s", words, text);
}

/* In a loop over the rows of a query, the time between the rows is the function's, not
 * the client's. */
static void
test_loop_over_cursor(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	begin(report,
		  "pg-start",
		  "d",
		  FINDINGS_BASE,
		  0,
		  "\"statement\": \"DO $$ loop $$\"");
	begin(report,
		  "pg-start",
		  "c",
		  "d",
		  10,
		  "\"statement\": \"SELECT id FROM leaf\"");
	add_inner(report, "d", "UPDATE t SET n = n + 1 WHERE id = 1", 100, 40, 15);
	findings_add(report,
				 "pg-stop",
				 "c",
				 "d",
				 "h",
				 990,
				 "\"db\": {\"active_ms\": 150.0}, ");
	findings_add(report, "pg-stop", "d", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_words(json.ptr, "\"findings\": [{\"rule\": \"repeat\"");
	assert_words(words.ptr, "  60 %  600 ms ");
	assert_no_words(json.ptr, "client_wait");
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* The time between two fetches of a client is the client's. */
static void
test_portal_in_slices(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	findings_add_statement(report,
						   "pg",
						   "SELECT id FROM leaf",
						   &at,
						   1000,
						   "\"db\": {\"active_ms\": 150.0}, ");
	findings_explain(report, &json, &words);
	assert_words(json.ptr, "\"findings\": [{\"rule\": \"client_wait\"");
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* PostgreSQL itself executes the statements of a foreign key, not a program. */
static void
test_cascade(void **state)
{
	static const struct
	{
		const char *statement;
		const char *step;
	} cases[] = {
		{"DELETE FROM ONLY \\\"public\\\".\\\"leaf\\\" WHERE $1 "
		 "OPERATOR(pg_catalog.=) \\\"child\\\"",
		 "ON leaf (child), unless there is one."},
		{"DELETE FROM ONLY \\\"My S\\\".\\\"Le.af\\\" WHERE $1 "
		 "OPERATOR(pg_catalog.=) \\\"a\\\" AND $2 OPERATOR(pg_catalog.=) "
		 "\\\"b c\\\"",
		 "ON \\\"Le.af\\\" (a, \\\"b c\\\"), unless there is one."},
		{"UPDATE ONLY \\\"public\\\".\\\"leaf\\\" SET \\\"child\\\" = NULL "
		 "WHERE $1 OPERATOR(pg_catalog.=) \\\"child\\\"",
		 "ON leaf (child), unless there is one."},
		{"SELECT 1 FROM ONLY \\\"public\\\".\\\"leaf\\\" x WHERE $1 "
		 "OPERATOR(pg_catalog.=) \\\"child\\\" FOR KEY SHARE OF x",
		 "ON leaf (child), unless there is one."},
		{"SELECT 1 FROM ONLY \\\"public\\\".\\\"child\\\" x WHERE \\\"id\\\" "
		 "OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x",
		 "looks up and locks the row that it refers to."},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;

		begin(report,
			  "pg-start",
			  "d",
			  FINDINGS_BASE,
			  0,
			  "\"statement\": \"DELETE FROM parent WHERE id < 30\"");
		add_inner(report, "d", cases[i].statement, 10, 190, 5);
		findings_add(report, "pg-stop", "d", FINDINGS_BASE, "h", 1000, "");
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		assert_words(json.ptr, "\"findings\": [{\"rule\": \"trigger\"");
		assert_words(json.ptr, "in 190 executions, 5.00 ms each.");
		assert_words(json.ptr, cases[i].step);
		assert_no_words(json.ptr, "= ANY");
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

#define FIRST                                                   \
	"SELECT 1 FROM ONLY \\\"public\\\".\\\"parent\\\" x WHERE " \
	"\\\"id\\\" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x"
#define SECOND                                                    \
	"SELECT 1 FROM ONLY \\\"public\\\".\\\"child\\\" x WHERE $1 " \
	"OPERATOR(pg_catalog.=) \\\"parent\\\" FOR KEY SHARE OF x"
#define SEARCH "When a referenced row is deleted"
#define LOOKUP "For each row that is inserted"

/* The check of a deleted row first searches for another row with the same key, as the
 * check of an inserted row does. All calls after the first ones are one operation,
 * which is the longest one, and has no statements below it. */
static void
test_foreign_key(void **state)
{
	static const struct
	{
		const char *trigger; /* the end of its object */
		const char *statements[2];
		const char *folded; /* how its stop begins; NULL: none is folded */
		const char *truncated;
		const char *cause;
		const char *step;
		bool index;
		bool left_out;
	} cases[] = {
		{", \"event\": \"DELETE\"",
		 {FIRST, SECOND},
		 NULL,
		 "",
		 " in 10 checks, ",
		 SEARCH,
		 true,
		 false},
		{"", {FIRST, SECOND}, NULL, "", " in 10 checks, ", SEARCH, true, false},
		{", \"event\": \"UPDATE\"",
		 {FIRST, SECOND},
		 NULL,
		 "",
		 " in 10 checks, ",
		 SEARCH,
		 true,
		 false},
		{", \"event\": \"DELETE\"",
		 {FIRST, NULL},
		 NULL,
		 "",
		 " in 10 checks, ",
		 SEARCH,
		 false,
		 false},
		{", \"event\": \"INSERT\"",
		 {FIRST, NULL},
		 NULL,
		 "",
		 " in 10 checks, ",
		 LOOKUP,
		 false,
		 false},
		{", \"event\": \"UPDATE\"",
		 {FIRST, NULL},
		 NULL,
		 "",
		 " in 10 checks, ",
		 LOOKUP,
		 false,
		 false},
		{", \"event\": \"INSERT\"",
		 {NULL, NULL},
		 NULL,
		 "",
		 " in 10 checks, ",
		 LOOKUP,
		 false,
		 false},
		{"",
		 {FIRST, NULL},
		 "\"db\": {\"calls\": 90, \"total_ms\": 600}, ",
		 "\"truncated\": 70, ",
		 " in 100 checks, ",
		 LOOKUP,
		 false,
		 false},
		{"",
		 {FIRST, SECOND},
		 "\"db\": {\"calls\": 90, \"total_ms\": 600}, ",
		 "",
		 " in 100 checks, ",
		 SEARCH,
		 true,
		 false},
		{", \"event\": \"INSERT\"",
		 {FIRST, NULL},
		 NULL,
		 "\"truncated\": 70, ",
		 " in at least 10 checks, ",
		 LOOKUP,
		 false,
		 true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char db[256];
		osp_buf json;
		osp_buf words;
		int at = 0;

		(void) snprintf(db,
						sizeof(db),
						"\"trigger\": {\"type\": \"foreign_key\", \"name\": "
						"\"child_fkey\"%s}",
						cases[i].trigger);
		begin(
			report, "pg-start", "d", FINDINGS_BASE, 0, "\"statement\": \"W\"");
		for (at = 0; at < 200; at += 20)
		{
			char id[16];
			int n;

			(void) snprintf(id, sizeof(id), "t%d", at);
			begin(report, "pg.trigger-start", id, "d", at, db);
			for (n = 0; n < 2; n++)
				if (cases[i].statements[n] != NULL)
					add_inner(
						report, id, cases[i].statements[n], at + n * 5, 1, 5);
			findings_add(report, "pg.trigger-stop", id, "d", "h", at + 19, "");
		}
		if (cases[i].folded != NULL)
		{
			begin(report, "pg.trigger-start", "f", "d", 200, db);
			findings_add(
				report, "pg.trigger-stop", "f", "d", "h", 950, cases[i].folded);
		}
		findings_add(report,
					 "pg-stop",
					 "d",
					 FINDINGS_BASE,
					 "h",
					 1000,
					 cases[i].truncated);
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		assert_words(json.ptr, "\"findings\": [{\"rule\": \"trigger\"");
		assert_words(json.ptr, cases[i].cause);
		assert_words(json.ptr, cases[i].step);
		assert_int_equal(strstr(json.ptr, "ON child (parent)") != NULL,
						 cases[i].index);
		assert_int_equal(strstr(json.ptr, "were left out beyond") != NULL,
						 cases[i].left_out);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The trigger of a constraint fires for each row. A statement-level trigger cannot
 * replace it. */
static void
test_deferred_trigger(void **state)
{
	static const struct
	{
		const char *parent;
		const char *words;
		const char *no_words;
	} cases[] = {
		{"pg.commit", "deferred to the end", "transition table"},
		{"pg", "transition table", "deferred"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char name[32];
		osp_buf json;
		osp_buf words;

		(void) snprintf(name, sizeof(name), "%s-start", cases[i].parent);
		begin(report, name, "c", FINDINGS_BASE, 0, "\"pid\": 7");
		begin(report,
			  "pg.trigger-start",
			  "t",
			  "c",
			  10,
			  "\"trigger\": {\"name\": \"check_sum\", \"table\": \"entry\"}");
		findings_add(report, "pg.trigger-stop", "t", "c", "h", 950, "");
		(void) snprintf(name, sizeof(name), "%s-stop", cases[i].parent);
		findings_add(report, name, "c", FINDINGS_BASE, "h", 1000, "");
		findings_explain(report, &json, &words);
		assert_words(json.ptr, "\"findings\": [{\"rule\": \"trigger\"");
		assert_words(json.ptr, cases[i].words);
		assert_no_words(json.ptr, cases[i].no_words);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Of 1,000 statements the first 100 are recorded; they took 10 % of the time. A tenth
 * of these is another statement. */
static void
test_left_out(void **state)
{
	static const struct
	{
		const char *stop;
		const char *words;
		const char *share;
	} cases[] = {
		{"\"truncated\": 900, ", "ran some 900 times", "  90 %  900 ms "},
		{"", "ran 90 times", "   9 %  90.0 ms "},
	};
	size_t i;
	int n;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;

		begin(report,
			  "pg-start",
			  "d",
			  FINDINGS_BASE,
			  0,
			  "\"statement\": \"SELECT sum(amount) FROM invoice\"");
		for (n = 0; n < 10; n++)
		{
			add_inner(report, "d", "SELECT tenant()", n * 10, 9, 1);
			add_inner(
				report, "d", "INSERT INTO seen VALUES (1)", n * 10 + 9, 1, 1);
		}
		findings_add(
			report, "pg-stop", "d", FINDINGS_BASE, "h", 1000, cases[i].stop);
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		assert_words(json.ptr, "\"findings\": [{\"rule\": \"repeat\"");
		assert_words(json.ptr, cases[i].words);
		assert_words(words.ptr, cases[i].share);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

#define POINTS                                                                   \
	"SET osprofiler.points = 'statement, nested, parse, plan, commit, trigger, " \
	"worker, wait, function' (the default, and function)"

/* Only functions are found in a statement, not names of tables, columns or types. */
static void
test_names_of_calls(void **state)
{
	static const struct
	{
		const char *statement;
		const char *calls;
	} cases[] = {
		{"SELECT f(a), s.g(b), f(2) FROM h(1) AS t(a int)", "f() g() h() "},
		{"SELECT 1 FROM a JOIN b ON near(a.x, b.x)", "near() "},
		{"create table if not exists t(a)", ""},
		{"CREATE TABLE t(a int(4), b numeric(3), PRIMARY KEY (a), UNIQUE (b), "
		 "CHECK (fits(a)))",
		 "fits() "},
		{"CREATE TABLE s.t(a varchar(3) REFERENCES s.u(a))", ""},
		{"CREATE TEMP TABLE t AS SELECT f(1)", "f() "},
		{"CREATE INDEX CONCURRENTLY ON t(lower(a)) INCLUDE (b)", "lower() "},
		{"CREATE UNIQUE INDEX i ON s.t(a)", ""},
		{"INSERT INTO t(a, b) SELECT f(1), 2 ON CONFLICT (a) DO NOTHING",
		 "f() "},
		{"COPY s.t(a, b) FROM STDIN", ""},
		{"ALTER TABLE t SET (fillfactor = 10)", ""},
		{"CREATE VIEW v(a) AS SELECT f(1)", "f() "},
		{"WITH w(a) AS (SELECT f(1)) SELECT 1 FROM w WHERE EXISTS (SELECT 1)",
		 "f() "},
		{"VACUUM (ANALYZE) t(a)", ""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp__calls calls = osp__calls_in(osp_str_of(cases[i].statement));
		char found[200] = "";
		unsigned k;

		for (k = 0; k < calls.count; k++)
			(void) snprintf(found + strlen(found),
							sizeof(found) - strlen(found),
							"%.*s() ",
							(int) calls.found[k].len,
							calls.found[k].ptr);
		assert_string_equal(found, cases[i].calls);
	}
}

/* The advice to record functions does not name functions that the kind "function" does
 * not record: those of PostgreSQL and its extensions, and those that a trace with
 * functions lacks. */
static void
test_built_in(void **state)
{
	static const struct
	{
		const char *statement;
		bool records;
		const char *words;
		bool points;
	} cases[] = {
		{"SELECT max(md5(id::text || note)) FROM orders",
		 false,
		 "; it calls md5(), which is in C or SQL and so recorded by no kind of",
		 false},
		{"SELECT Length(pg_catalog.Repeat('x', 9)), Pg_Sleep(1)",
		 false,
		 "calls Length(), Repeat() and Pg_Sleep(), which are in C or SQL",
		 false},
		{"SELECT md5(note), burn(3) FROM orders",
		 false,
		 "; it calls burn(): SET ",
		 true},
		{"SELECT app.md5(note) FROM orders",
		 false,
		 "; it calls md5(): SET ",
		 true},
		{"SELECT md5s(note) FROM orders",
		 false,
		 "; it calls md5s(): SET ",
		 true},
		{"SELECT burn(3) FROM orders", true, "says why\"", false},
		{"SELECT note FROM orders", false, "says why\"", false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;

		findings_add_statement(report, "pg", cases[i].statement, &at, 900, "");
		if (cases[i].records)
		{
			findings_add_statement(report, "pg", "SELECT 1", &at, 9, "");
			begin(report,
				  "pg.function-start",
				  "f",
				  "s900",
				  901,
				  "\"function\": {\"name\": \"g\"}");
			findings_add(report, "pg.function-stop", "f", "s900", "h", 902, "");
		}
		findings_explain(report, &json, &words);
		assert_words(json.ptr, cases[i].words);
		assert_int_equal(strstr(json.ptr, POINTS) != NULL, cases[i].points);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The same for a statement that computed all the time. */
static void
test_expression_step(void **state)
{
	static const struct
	{
		const char *statement;
		const char *step;
	} cases[] = {
		{"SELECT burn(3)", "\"next_step\": \"" POINTS},
		{"DO $$ loop $$", "\"next_step\": \"" POINTS},
		{"CALL app.burn(3)", "\"next_step\": \"" POINTS},
		{"SELECT md5(repeat('x', 9))",
		 "\"next_step\": \"Functions in C and SQL are recorded by no kind of "
		 "operation"},
		{"SELECT a FROM v",
		 "\"next_step\": \"If it reads a view that calls functions: " POINTS},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;

		findings_add_statement(
			report,
			"pg",
			cases[i].statement,
			&at,
			900,
			"\"db\": {\"cpu\": {\"user_ms\": 899, \"of_ms\": 899}}, \"elapsed_ns\": 900000000, ");
		if (strncmp(cases[i].statement, "SELECT", 6) == 0)
		{
			begin(report,
				  "pg.node-start",
				  "n",
				  "s0",
				  1,
				  "\"node\": {\"type\": \"Result\"}");
			begin(report,
				  "pg.node-stop",
				  "n",
				  "s0",
				  899,
				  "\"node\": {\"rows\": 1, \"loops\": 1}");
		}
		findings_explain(report, &json, &words);
		assert_words(json.ptr, "\"findings\": [{\"rule\": \"expression\"");
		assert_words(json.ptr, cases[i].step);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The CPU time is counted from some time after the beginning of the statement. The time
 * before that is not taken for computing. */
static void
test_measured_later(void **state)
{
	static const struct
	{
		const char *usage;
		const char *found;
		const char *time;
	} cases[] = {
		{"\"cpu\": {\"user_ms\": 0.1, \"of_ms\": 192}, \"waits\": "
		 "{\"Timeout:PgSleep\": 210}",
		 "\"findings\": [{\"rule\": \"sleep\"",
		 "\"time_ms\": 210.0"},
		{"\"cpu\": {\"user_ms\": 0.1, \"of_ms\": 192}, \"waits\": "
		 "{\"Timeout:PgSleep\": 191}",
		 "\"findings\": [{\"rule\": \"sleep\"",
		 "\"time_ms\": 191.0"},
		{"\"cpu\": {\"user_ms\": 0.1, \"of_ms\": 192}",
		 "\"findings\": []",
		 "\"time_ms\": 211.0"},

		/* computed during all of the counted time, so also before */
		{"\"cpu\": {\"user_ms\": 192, \"of_ms\": 192}",
		 "\"findings\": [{\"rule\": \"expression\"",
		 "\"time_ms\": 211.0"},

		/* a function that sleeps and computes */
		{"\"cpu\": {\"user_ms\": 96, \"of_ms\": 192}, \"waits\": "
		 "{\"Timeout:PgSleep\": 105}",
		 "\"findings\": [{\"rule\": \"expression\"",
		 "\"time_ms\": 105.0"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char stop[256];
		osp_buf json;
		osp_buf words;
		int at = 0;

		(void) snprintf(stop,
						sizeof(stop),
						"\"db\": {%s}, \"elapsed_ns\": 211000000, ",
						cases[i].usage);
		findings_add_statement(report, "pg", "SELECT f()", &at, 211, stop);
		begin(report,
			  "pg.node-start",
			  "n",
			  "s0",
			  1,
			  "\"node\": {\"type\": \"Result\"}");
		begin(report,
			  "pg.node-stop",
			  "n",
			  "s0",
			  210,
			  "\"node\": {\"rows\": 1, \"loops\": 1}");
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		assert_words(json.ptr, cases[i].found);
		assert_words(json.ptr, cases[i].time);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The advice about a cancelled statement proposes EXPLAIN only if the statement has a
 * plan. EXPLAIN shows neither the work of functions nor waits for locks, so there is
 * separate advice for these. */
static void
test_cancelled_step(void **state)
{
	static const struct
	{
		const char *statement;
		const char *usage;
		const char *explain; /* NULL: EXPLAIN is not proposed */
		bool functions;
		bool locks;
	} cases[] = {
		{"UPDATE t SET n = 1", "", "EXPLAIN shows its plan.", false, true},
		{"UPDATE t SET n = 1",
		 "\"cpu\": {\"user_ms\": 1, \"of_ms\": 440}",
		 "EXPLAIN shows its plan.",
		 false,
		 true},
		{"UPDATE t SET n = 1",
		 "\"cpu\": {\"user_ms\": 430, \"of_ms\": 440}",
		 "EXPLAIN shows its plan.",
		 false,
		 false},
		{"SELECT burn(90000000)",
		 "\"cpu\": {\"user_ms\": 430, \"of_ms\": 440}",
		 "EXPLAIN shows its plan, and nothing of what its functions do.",
		 true,
		 false},
		{"SELECT md5(a) FROM t",
		 "\"cpu\": {\"user_ms\": 430, \"of_ms\": 440}",
		 "EXPLAIN shows its plan.",
		 false,
		 false},
		{"DO $$ loop $$",
		 "\"cpu\": {\"user_ms\": 430, \"of_ms\": 440}",
		 NULL,
		 true,
		 false},
		{"CREATE INDEX i ON t (a)", "", NULL, false, true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char stop[256];
		osp_buf json;
		osp_buf words;
		int at = 0;

		(void) snprintf(stop,
						sizeof(stop),
						"\"db\": {%s}, \"etype\": \"query_canceled\", "
						"\"message\": \"canceling\", ",
						cases[i].usage);
		findings_add_statement(
			report, "pg", cases[i].statement, &at, 450, stop);
		findings_explain(report, &json, &words);
		assert_words(json.ptr, "\"findings\": [{\"rule\": \"failed\"");
		if (cases[i].explain != NULL)
			assert_words(json.ptr, cases[i].explain);
		else
			assert_no_words(json.ptr, "EXPLAIN");
		assert_int_equal(strstr(json.ptr, POINTS) != NULL, cases[i].functions);
		assert_int_equal(strstr(json.ptr, "pg_blocking_pids()") != NULL,
						 cases[i].locks);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_over_cursor),
		cmocka_unit_test(test_portal_in_slices),
		cmocka_unit_test(test_cascade),
		cmocka_unit_test(test_foreign_key),
		cmocka_unit_test(test_names_of_calls),
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_expression_step),
		cmocka_unit_test(test_measured_later),
		cmocka_unit_test(test_cancelled_step),
		cmocka_unit_test(test_deferred_trigger),
		cmocka_unit_test(test_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
