/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_sqlite.c
 *	  Findings about SQLite, and their advice.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

#define SHOP "/srv/a shop.db"

/* The command that shows SQLite's plan can be executed as it is printed. */
static void
test_sqlite_plan_command(void **state)
{
	osp_buf out;

	(void) state;
	findings_of("sqlite_scan", &out);
	assert_non_null(strstr(
		out.ptr,
		"/shop.db 'EXPLAIN QUERY PLAN SELECT * FROM item WHERE owner = 4711'\""));
	osp_buf_term(&out);
}

/* Reading rows gets no more time than it can have taken: a join that looks up rows by
 * an index takes time for that. If each row takes long, the time is only put on reading
 * if the statement does nothing else. */
static void
test_sqlite_scan_bounds(void **state)
{
	static const struct
	{
		int ms;
		const char *stats;
		const char *says; /* NULL: there is no finding */
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

/* Writes the findings about a statement of SQLite that is repeated. */
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

/* The advice does not propose what SQLite lacks: COPY, ANY, pipelines, FETCH and
 * statement-level triggers. */
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

/* Only changes that are committed one by one get the advice to use one transaction. */
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

/* The finding names the statement with the longest total wait, not the longest
 * statement, and how often it was executed. */
static void
test_sqlite_sync_evidence(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;
	int i;

	(void) state;
	findings_add_statement(report,
						   "sqlite",
						   "DROP TABLE t",
						   &at,
						   50,
						   "\"syncs\": {\"count\": 4, \"ms\": 49}, ");
	for (i = 0; i < 100; i++)
		findings_add_statement(
			report,
			"sqlite",
			i % 2 == 0 ? "INSERT INTO t VALUES (1)"
					   : "INSERT INTO t VALUES (2)",
			&at,
			6,
			"\"changes\": 1, \"syncs\": {\"count\": 4, \"ms\": 5}, ");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, "\"rule\": \"sqlite_sync\""));
	assert_non_null(strstr(json.ptr, "101 statements waited 549 ms"));
	assert_non_null(strstr(
		json.ptr, "\"evidence\": \"INSERT INTO t VALUES (2), 100 times\""));
	assert_non_null(strstr(json.ptr, "synchronous = NORMAL"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Adds statements of a transaction. Each takes each_ms, and there
 * is pause_ms after it. */
static void
add_transactions(osp_report *report, const char *file, bool one, int each_ms,
				 int pause_ms, int commit_ms)
{
	int at = 10;
	int i;

	findings_add_sqlite(report, 7, 1, file, "BEGIN", 0, 1, "");
	for (i = 0; i < 40; i++)
	{
		findings_add_sqlite(report,
							7,
							1,
							file,
							"INSERT INTO t VALUES (1)",
							at,
							at + each_ms,
							"");
		at += each_ms + pause_ms;
		if (one)
			continue;
		findings_add_sqlite(
			report, 7, 1, file, "COMMIT", at, at + commit_ms, "");
		findings_add_sqlite(
			report, 7, 1, file, "BEGIN", at + commit_ms, at + commit_ms, "");
		at += commit_ms;
	}
	findings_add_sqlite(report, 7, 1, file, "COMMIT", at, at + 1, "");
}

/* The advice does not propose what the program already does. Commits do not count as
 * pauses of the program. */
static void
test_sqlite_repeats(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	add_transactions(report, SHOP, true, 5, 0, 0);
	findings_assert_says(
		report,
		(const char *const[4]){"They are in one transaction already",
							   "make the indexes afterwards"},
		(const char *const[4]){"executemany"});

	report = osp_report_new(&osp_allocator_default);
	add_transactions(report, SHOP, true, 5, 4, 0);
	findings_assert_says(
		report,
		(const char *const[4]){"executemany", "161 ms between them\""},
		(const char *const[4]){"in one transaction already"});

	report = osp_report_new(&osp_allocator_default);
	add_transactions(report, SHOP, false, 1, 0, 12);
	findings_assert_says(
		report,
		(const char *const[4]){"with the commits between them: ",
							   "481 ms between them, 481 ms of it COMMIT\"",
							   "executemany"},
		(const char *const[4]){"in one transaction already",
							   "with the pauses"});
}

/* Many rows in one transaction, at a few microseconds each, are no finding. Without a
 * transaction, or if each takes long, they are. */
static void
test_sqlite_bulk(void **state)
{
	static const struct
	{
		const char *begins;
		const char *stop;
		bool found;
	} cases[] = {
		{"BEGIN", "\"changes\": 1, \"elapsed_ns\": 3000, ", false},
		{"BEGIN", "\"changes\": 1, \"elapsed_ns\": 300000, ", true},
		{"BEGIN", "\"elapsed_ns\": 3000, ", true},
		{"ANALYZE", "\"changes\": 1, \"elapsed_ns\": 3000, ", true},
	};
	size_t i;
	int n;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);

		findings_add_sqlite(report, 7, 1, SHOP, cases[i].begins, 0, 0, "");
		for (n = 1; n < 100; n++)
			findings_add_sqlite(report,
								7,
								1,
								SHOP,
								"INSERT INTO t VALUES (1)",
								n,
								n + 1,
								cases[i].stop);
		findings_add_sqlite(report, 7, 1, SHOP, "COMMIT", 100, 101, "");
		findings_assert_says(
			report,
			(const char *const[4]){cases[i].found ? "\"rule\": \"repeat\""
												  : "\"findings\""},
			(const char *const[4]){cases[i].found ? NULL
												  : "\"rule\": \"repeat\""});
	}
}

/* Rows that one call inserts in one transaction are already together. Such a load
 * counts as one, also if the same statement was executed before it. */
static void
test_sqlite_executemany(void **state)
{
	static const char row[] = "\"changes\": 1, \"elapsed_ns\": 2000, ";
	int tight;

	(void) state;
	for (tight = 0; tight < 2; tight++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int n;

		findings_add_sqlite(
			report, 7, 1, SHOP, "INSERT INTO t VALUES (1)", 0, 0, row);
		findings_add_sqlite(report, 7, 1, SHOP, "BEGIN", 1, 1, "");
		for (n = 2; n < 90; n++)
			findings_add_sqlite(report,
								7,
								1,
								SHOP,
								"INSERT INTO t VALUES (1)",
								n,
								n + 1,
								tight ? row : "\"changes\": 1, ");
		findings_add_sqlite(report, 7, 1, SHOP, "COMMIT", 100, 101, "");
		findings_explain(report, &json, &words);
		assert_true((strstr(json.ptr, "\"rule\": \"repeat\"") == NULL) ==
					(tight != 0));
		assert_null(strstr(json.ptr, "executemany"));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The advice for a scan depends on the kind of statement. */
static void
test_sqlite_scan_advice(void **state)
{
	static const char scan[] =
		"\"stats\": {\"fullscan_steps\": 400000, \"vm_steps\": 1200000}, ";
	static const struct
	{
		const char *statement;
		const char *says;
		const char * not ;
	} cases[] = {
		{"SELECT a FROM t WHERE b = 1", "try CREATE INDEX", "NOCASE"},
		{"SELECT a FROM t WHERE b = 1",
		 "Which table is scanned is shown by: sqlite3 ",
		 "foreign_keys"},
		{"SELECT a FROM t WHERE b LIKE 'x%'",
		 "(column COLLATE NOCASE)",
		 "foreign_keys"},
		{"SELECT a FROM t WHERE b LIKE ?", "(column COLLATE NOCASE)", "fts5"},
		{"DELETE FROM t WHERE a = 1",
		 "Which table is scanned, unless a trigger does it, is shown by: sqlite3 "
		 "'/srv/a shop.db' 'PRAGMA foreign_keys = ON; EXPLAIN QUERY PLAN DELETE FROM t "
		 "WHERE a = 1'\"",
		 "NOCASE"},
		{"SELECT o.id FROM o JOIN cu ON o.customer = cu.id WHERE cu.x >= 3 AND "
		 "cu.y <> 4",
		 "try CREATE INDEX on what it compares (o.customer, cu.id, cu.x), and "
		 "ANALYZE.",
		 "cu.y,"},
		{"SELECT a FROM t JOIN u USING (k) WHERE b IN (1, 2) AND c BETWEEN 1 AND "
		 "2 GROUP BY g = 1",
		 "(k, b, c)",
		 "expression"},
		{"SELECT a.id FROM a JOIN b ON a.x + b.y = 500",
		 "It compares an expression",
		 "try CREATE INDEX"},
		{"SELECT a FROM t WHERE lower(b) = 'x'",
		 "It compares an expression",
		 "try CREATE INDEX"},
		{"SELECT * FROM t ORDER BY a LIMIT 3",
		 "compares nothing, so it reads all rows: an index on the columns of "
		 "ORDER BY",
		 "try CREATE INDEX"},
		{"SELECT max(a) FROM t",
		 "an index on the column of min() or max()",
		 "try"},
		{"SELECT sum(a) FROM t",
		 "ask for fewer, or keep what it returns",
		 "try"},
		{"SELECT", "on the columns that it compares, and ANALYZE", "nothing"},
		{"DELETE FROM t WHERE a = 1",
		 "they need an index on the columns that refer to it.",
		 "NOCASE"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);

		findings_add_sqlite(
			report, 7, 1, SHOP, cases[i].statement, 0, 300, scan);
		findings_assert_says(report,
							 (const char *const[4]){cases[i].says},
							 (const char *const[4]){cases[i].not });
	}
}

/* Statements on two files are two causes. Each names its file. */
static void
test_sqlite_files(void **state)
{
	static const char *const files[] = {"/srv/a.db", "/srv/b.db"};
	static const char scan[] =
		"\"stats\": {\"fullscan_steps\": 400000, \"vm_steps\": 1200000, "
		"\"sorts\": 1}, ";
	osp_report *report = osp_report_new(&osp_allocator_default);
	int i;

	(void) state;
	for (i = 0; i < 2; i++)
		findings_add_sqlite(report,
							7,
							i,
							files[i],
							"SELECT a FROM t WHERE b LIKE '%x%'",
							400 * i,
							400 * i + 300,
							scan);
	findings_assert_says(
		report,
		(const char *const[4]){
			"SQLite read whole tables, 400,000 rows of /srv/a.db, to return",
			"rows of /srv/b.db, to return",
			"LIKE '%x%'; it sorted rows, too\"",
			"No index helps a LIKE"},
		(const char *const[4]){"try CREATE INDEX"});

	report = osp_report_new(&osp_allocator_default);
	for (i = 0; i < 40; i++)
		findings_add_sqlite(report,
							7,
							i % 2,
							files[i % 2],
							"SELECT a FROM t WHERE b = 1",
							10 * i,
							10 * i + 9,
							"");
	findings_assert_says(
		report,
		(const char *const[4]){"ran 20 times in /srv/a.db, which",
							   "ran 20 times in /srv/b.db, which"},
		(const char *const[4]){NULL});
}

static osp_status
append(void *ctx, osp_str piece)
{
	osp_buf_add_str((osp_buf *) ctx, piece);
	return osp_buf_status((osp_buf *) ctx);
}

/* The page marks all statements of a repetition, not only the first ones. */
static void
test_sqlite_page_claims(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	const char *claims;
	const char *end;
	osp_buf data;
	int rows = 1;

	(void) state;
	add_transactions(report, SHOP, true, 5, 0, 0);
	osp_buf_init(&data, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_page_write(report, append, &data), OSP_OK);
	claims = strstr(data.ptr, "\"claims\":[[");
	assert_non_null(claims);
	end = strchr(claims, ']');
	for (; claims < end; claims++)
		rows += *claims == ',';
	assert_true(rows >= 40);
	osp_buf_term(&data);
	osp_report_free(report);
}

/* The command is correct for any name of the file. */
static void
test_sqlite_plan_of_any_file(void **state)
{
	static const struct
	{
		const char *file;
		const char *says;
		const char *unsaid;
	} cases[] = {
		{"/srv/shop.db",
		 " is shown by: sqlite3 /srv/shop.db 'EXPLAIN QUERY PLAN SELECT a FROM "
		 "t'\"",
		 NULL},
		{"/srv/a shop's.db",
		 " is shown by: sqlite3 '/srv/a shop'\\\\''s.db' 'EXPLAIN QUERY PLAN SELECT",
		 NULL},
		{":memory:",
		 " is shown if the program itself executes: EXPLAIN QUERY PLAN SELECT a "
		 "FROM t\"",
		 "sqlite3"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);

		findings_add_sqlite(
			report,
			7,
			1,
			cases[i].file,
			"SELECT a FROM t",
			0,
			300,
			"\"stats\": {\"fullscan_steps\": 400000, \"vm_steps\": "
			"1200000}, ");
		findings_assert_says(report,
							 (const char *const[4]){cases[i].says},
							 (const char *const[4]){cases[i].unsaid});
	}
}

/* The text of a trace comes from outside, so a text of several statements is not
 * printed as a command: executing it would run them. */
static void
test_sqlite_plan_of_several(void **state)
{
	static const struct
	{
		const char *file;
		const char *statement;
		bool shown;
	} cases[] = {
		{"/srv/a.db", "SELECT a FROM t; DROP TABLE t", false},
		{"/srv/a.db", "SELECT a FROM t /* ; */;\\nATTACH 'x' AS y", false},
		{"-cmd", "SELECT a FROM t", false},
		{"/srv/a.db", "SELECT a FROM t WHERE b <> ';' -- ;", true},
		{"/srv/a.db", "SELECT a FROM t;", true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		static const char command[] = "is shown by: sqlite3 ";
		static const char words[] =
			" EXPLAIN QUERY PLAN shows which table is scanned.";
		osp_report *report = osp_report_new(&osp_allocator_default);
		bool shown = cases[i].shown;

		findings_add_sqlite(
			report,
			7,
			1,
			cases[i].file,
			cases[i].statement,
			0,
			300,
			"\"stats\": {\"fullscan_steps\": 400000, \"vm_steps\": "
			"1200000}, ");
		findings_assert_says(report,
							 (const char *const[4]){shown ? command : words},
							 (const char *const[4]){shown ? words : command});
	}
}

/* If the sqlite3 shell is missing, the advice names its package. */
static void
test_sqlite_plan_without_shell(void **state)
{
	char *path = strdup(getenv("PATH"));
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_int_equal(setenv("PATH", "/nowhere:/no", 1), 0);
	findings_add_sqlite(
		report,
		7,
		1,
		"/srv/a.db",
		"SELECT a FROM t",
		0,
		300,
		"\"stats\": {\"fullscan_steps\": 400000, \"vm_steps\": 1200000}, ");
	findings_assert_says(report,
						 (const char *const[4]){
							 "The command sqlite3 is in the package sqlite3."},
						 (const char *const[4]){NULL});
	assert_int_equal(setenv("PATH", path, 1), 0);
	free(path);
}

static osp_status
draw_tree(osp_report *report, const osp_draw_options *options, osp_buf *text)
{
	osp_buf_init(text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	return osp_report_draw(report, options, text);
}

/* The tree names the process and the file if there are several. */
static void
test_sqlite_places(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, false, 0, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	findings_add_sqlite(report, 7, 1, "/srv/a/x.db", "SELECT 1", 0, 1, "");
	assert_int_equal(draw_tree(report, &options, &text), OSP_OK);
	assert_null(strstr(text.ptr, "pid"));
	osp_buf_term(&text);
	findings_add_sqlite(report, 8, 1, "/srv/b/x.db", "SELECT 2", 5, 6, "");
	assert_int_equal(draw_tree(report, &options, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "  pid 7, a/x.db  SELECT 1"));
	assert_non_null(strstr(text.ptr, "  pid 8, b/x.db  SELECT 2"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The time between fetched rows is the program's own time. Statements that run
 * meanwhile keep their time. */
static void
test_sqlite_pauses(void **state)
{
	static const struct
	{
		const char *stop; /* of a statement of 1 s */
		const char *says[3];
	} cases[] = {
		{"\"rows\": 40, \"active_ms\": 50, \"stats\": {\"vm_steps\": 120000}, ",
		 {"\"rule\": \"application\"",
		  "\"time_ms\": 550.0",
		  "above all between the rows that it fetched: 550 ms in SELECT id "
		  "FROM a"}},
		{"\"rows\": 1, \"active_ms\": 600, \"stats\": "
		 "{\"fullscan_steps\": 400000, \"vm_steps\": 1200000}, ",
		 {"\"rule\": \"sqlite_scan\"",
		  "\"time_ms\": 600.0",
		  "that took 600 ms"}},
	};
	size_t i;
	size_t k;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;

		findings_add_sqlite(
			report, 1, 1, "a.db", "SELECT id FROM a", 0, 1000, cases[i].stop);

		/* Another statement runs between the rows for 400 ms. */
		if (i == 0)
			findings_add_sqlite(report, 1, 1, "a.db", "VACUUM", 300, 700, "");
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		for (k = 0; k < 3; k++)
			if (strstr(json.ptr, cases[i].says[k]) == NULL)
				fail_msg("no %s: %s", cases[i].says[k], json.ptr);
		assert_null(strstr(json.ptr, "hardly computed"));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Explains a statement whose start says which times are not measured. */
static void
explain_unmeasured(const char *statement, const char *unmeasured, int count,
				   const char *stop, osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf words;
	int i;

	for (i = 0; i < count; i++)
	{
		char file[64];

		(void) snprintf(file,
						sizeof(file),
						"/a.db%s%s%s",
						*unmeasured != '\0' ? "\", \"unmeasured\": \"" : "",
						unmeasured,
						"");
		findings_add_sqlite(
			report, 1, 1, file, statement, i * 10, i * 10 + 10, stop);
	}
	findings_explain(report, json, &words);
	osp_buf_term(&words);
}

/* Times that are not measured are reported as unknown, and not put on another cause. */
static void
test_sqlite_unmeasured(void **state)
{
	static const char changed[] =
		"\"changes\": 1, \"stats\": {\"vm_steps\": 9}, ";
	static const char fetched[] =
		"\"rows\": 4, \"stats\": {\"vm_steps\": 20}, ";
	static const char called[] = "\"rows\": 1, \"stats\": {\"vm_steps\": 5}, ";
	static const struct
	{
		const char *statement;
		const char *unmeasured;
		const char *stop;
		int count;
		const char *says;
		bool syncs; /* the finding says that syncs are not measured */
	} cases[] = {
		{"INSERT INTO t VALUES (1)",
		 "syncs",
		 changed,
		 300,
		 "ran 300 times",
		 true},
		{"INSERT INTO t VALUES (1)", "", changed, 300, "ran 300 times", false},
		{"SELECT a FROM t WHERE b = 1",
		 "syncs",
		 fetched,
		 300,
		 "ran 300 times",
		 false},
		{"COMMIT",
		 "syncs",
		 "\"stats\": {\"vm_steps\": 2}, ",
		 1,
		 "likely it waited for a lock or the disk",
		 true},
		{"SELECT a FROM t",
		 "busy, syncs, pauses",
		 fetched,
		 1,
		 "the program took its time between the rows that it fetched, or it "
		 "waited for a lock or the disk",
		 true},
		{"SELECT a FROM t",
		 "",
		 fetched,
		 1,
		 "likely it read from the disk",
		 false},
		{"SELECT slow(1)",
		 "",
		 called,
		 1,
		 "most likely a function of the program or of an extension, slow()",
		 false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_buf json;

		explain_unmeasured(cases[i].statement,
						   cases[i].unmeasured,
						   cases[i].count,
						   cases[i].stop,
						   &json);
		if (strstr(json.ptr, cases[i].says) == NULL)
			fail_msg("no %s: %s", cases[i].says, json.ptr);
		if ((strstr(json.ptr, "waiting for the disk is not measured here") !=
			 NULL) != cases[i].syncs)
			fail_msg("%s: %s", cases[i].statement, json.ptr);
		osp_buf_term(&json);
	}
}

/* The time of functions of the program is not put on reading rows. */
static void
test_sqlite_functions(void **state)
{
	static const struct
	{
		const char *statement;
		const char *says;
	} cases[] = {
		{"SELECT sum(slow(a)) FROM t", "extension, slow()"},
		{"WITH n(i) AS (SELECT a FROM t) SELECT sum(main.x.a + my_f(i)) FROM n",
		 "extension, my_f()"},
		{"SELECT a FROM t WHERE b REGEXP 'x+'", "extension, regexp()"},
		{"SELECT sum(a) FROM t WHERE b LIKE lower('X') AND (c IN (1, 2))",
		 "that took 1.40 s"},
		{"WITH n(i) AS (SELECT max(a) FROM t), m(k) AS NOT MATERIALIZED (SELECT "
		 "1) SELECT i FROM n JOIN json_each(n.i) WHERE EXISTS (SELECT 1)",
		 "that took 1.40 s"},
		{"UPDATE main.t SET a = 1 WHERE b = cast(c AS varchar(10))",
		 "that took 1.40 s"},
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
			"sqlite",
			cases[i].statement,
			&at,
			1400,
			"\"stats\": {\"fullscan_steps\": 200000, \"vm_steps\": 790000}, ");
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].says) == NULL ||
			(strstr(json.ptr, "each row took 7.00 us: ") != NULL) !=
				(strstr(cases[i].says, "that took") != NULL))
			fail_msg("%s: %s", cases[i].statement, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* If a program fetches the rows of a SELECT slowly, the statement holds its read lock
 * meanwhile. Without measured pauses it is unknown whether its scan took the time. */
static void
test_sqlite_slow_reader(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add_sqlite(report,
						1,
						1,
						"/a.db",
						"SELECT a FROM t",
						0,
						2000,
						"\"rows\": 40, \"active_ms\": 50, ");
	findings_add_sqlite(
		report,
		2,
		1,
		"/a.db",
		"INSERT INTO t VALUES (1)",
		500,
		2010,
		"\"changes\": 1, \"busy\": {\"count\": 9, \"ms\": 1500}, ");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr,
						   "the holder, process 1: SELECT a FROM t, idle for "
						   "1.95 s between its rows\""));
	assert_non_null(strstr(json.ptr, "finish its SELECT"));
	osp_buf_term(&json);
	osp_buf_term(&words);
	explain_unmeasured(
		"SELECT a FROM t WHERE b = 1",
		"busy, syncs, pauses",
		200,
		"\"rows\": 40, \"stats\": {\"fullscan_steps\": 2000, \"vm_steps\": "
		"6000}, ",
		&json);
	assert_non_null(strstr(json.ptr, "that took at most 120 ms"));
	osp_buf_term(&json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sqlite_plan_command),
		cmocka_unit_test(test_sqlite_scan_bounds),
		cmocka_unit_test(test_sqlite_advice),
		cmocka_unit_test(test_sqlite_sync_advice),
		cmocka_unit_test(test_sqlite_sync_evidence),
		cmocka_unit_test(test_sqlite_places),
		cmocka_unit_test(test_sqlite_repeats),
		cmocka_unit_test(test_sqlite_bulk),
		cmocka_unit_test(test_sqlite_executemany),
		cmocka_unit_test(test_sqlite_scan_advice),
		cmocka_unit_test(test_sqlite_files),
		cmocka_unit_test(test_sqlite_page_claims),
		cmocka_unit_test(test_sqlite_plan_of_any_file),
		cmocka_unit_test(test_sqlite_plan_of_several),
		cmocka_unit_test(test_sqlite_plan_without_shell),
		cmocka_unit_test(test_sqlite_pauses),
		cmocka_unit_test(test_sqlite_unmeasured),
		cmocka_unit_test(test_sqlite_functions),
		cmocka_unit_test(test_sqlite_slow_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
