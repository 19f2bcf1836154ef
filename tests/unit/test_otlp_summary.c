/* SPDX-License-Identifier: Apache-2.0
 *
 * test_otlp_summary.c
 *	  Summaries of statements: the examples of OpenTelemetry's conventions, and words
 *	  that have several meanings in SQL.
 */
#include "tap.h"

#include <stdlib.h>

#include "otlp/otlp_summary.h"

static void
assert_summary(const char *statement, const char *expected)
{
	otlp_summary summary;
	char text[OTLP_SUMMARY_MAX + 1];

	otlp_summarize(osp_str_of(statement), OSP_SQL_POSTGRES_ANY, &summary);
	assert_true(summary.len <= OTLP_SUMMARY_MAX);
	memcpy(text, summary.text, summary.len);
	text[summary.len] = '\0';
	assert_string_equal(text, expected);
}

static void
test_conventions(void **state)
{
	(void) state;
	assert_summary("SELECT * FROM wuser_table WHERE username = ?",
				   "SELECT wuser_table");
	assert_summary("INSERT INTO shipping_details (order_id, address) SELECT "
				   "order_id, address FROM orders WHERE order_id = ?",
				   "INSERT shipping_details SELECT orders");
	assert_summary("SELECT * FROM songs, artists WHERE songs.artist_id == "
				   "artists.id",
				   "SELECT songs artists");
	assert_summary("SELECT order_date FROM (SELECT * FROM orders o JOIN "
				   "customers c ON o.customer_id = c.customer_id)",
				   "SELECT SELECT orders customers");
	assert_summary("SELECT * FROM \"song list\", 'artists'",
				   "SELECT \"song list\"");
}

static void
test_queries(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"-- nothing", ""},
		{"select 1", "select"},
		{"/* c */ SELECT a, b FROM public.t AS x, \"S\".\"T 2\" y",
		 "SELECT public.t \"S\".\"T 2\""},
		{"(SELECT a FROM t) UNION SELECT b FROM u ORDER BY 1, 2",
		 "SELECT t SELECT u"},
		{"WITH x AS (SELECT 1 FROM t) SELECT * FROM x LEFT JOIN LATERAL (SELECT "
		 "2 FROM u) z ON true",
		 "SELECT t SELECT x SELECT u"},
		{"SELECT extract(year FROM d), substring(a FROM 2), trim(both FROM b) "
		 "FROM ONLY t",
		 "SELECT t"},
		{"SELECT a FROM t WHERE a IS NOT DISTINCT FROM b AND c IN (1, 2)",
		 "SELECT t"},
		{"SELECT a FROM t JOIN u USING (x, y), v GROUP BY 1, 2 FOR UPDATE",
		 "SELECT t u v"},
		{"SELECT a FROM t FOR NO KEY UPDATE OF t", "SELECT t"},
		{"SELECT * FROM generate_series(1, 10) g, t",
		 "SELECT generate_series t"},
		{"SELECT a INTO b FROM c", "SELECT b c"},
		{"SELECT $$ FROM x $$, 'FROM y', E'\\' FROM z' FROM t", "SELECT t"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_summary(cases[i][0], cases[i][1]);
}

static void
test_changes(void **state)
{
	static const char *const cases[][2] = {
		{"UPDATE ONLY t SET a = (SELECT 1 FROM u), b = 2 WHERE c",
		 "UPDATE t SELECT u"},
		{"DELETE FROM t WHERE a IN (SELECT b FROM u)", "DELETE t SELECT u"},
		{"INSERT INTO t VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET b = 1",
		 "INSERT t"},
		{"REPLACE INTO t VALUES (1)", "REPLACE t"},
		{"SELECT replace(a, 'b', 'c') FROM t", "SELECT t"},
		{"MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 1 "
		 "WHEN NOT MATCHED THEN INSERT VALUES (1)",
		 "MERGE t"},
		{"TRUNCATE TABLE t, u", "TRUNCATE t"},
		{"COPY t (a, b) FROM STDIN", "COPY t"},
		{"COPY (SELECT a FROM t) TO STDOUT", "COPY SELECT t"},
		{"LOCK TABLE t IN SHARE MODE", "LOCK t"},
		{"CALL s.p(1, 2)", "CALL s.p"},
		{"BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN"},
		{"SAVEPOINT s123", "SAVEPOINT"},
		{"SET search_path = a, b", "SET"},
		{"INSERT INTO t VALUES (1); SELECT 2 FROM u", "INSERT t SELECT u"},
		{"EXPLAIN (ANALYZE) SELECT a FROM t", "EXPLAIN ANALYZE SELECT t"},
		{"DECLARE c123 CURSOR FOR SELECT a FROM t", "DECLARE SELECT t"},
		{"PREPARE p123 AS SELECT a FROM t", "PREPARE SELECT t"},
		{"EXECUTE p123(1)", "EXECUTE"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_summary(cases[i][0], cases[i][1]);
}

static void
test_definitions(void **state)
{
	static const char *const cases[][2] = {
		{"CREATE TABLE IF NOT EXISTS s.t (a int REFERENCES u ON DELETE CASCADE)",
		 "CREATE TABLE s.t"},
		{"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX i"},
		{"CREATE INDEX ON t (a)", "CREATE INDEX t"},
		{"CREATE OR REPLACE FUNCTION f() RETURNS int", "CREATE FUNCTION f"},
		{"CREATE MATERIALIZED VIEW v AS SELECT a FROM t",
		 "CREATE VIEW v SELECT t"},
		{"CREATE TEMP TABLE t AS SELECT 1", "CREATE TABLE t SELECT"},
		{"CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()",
		 "CREATE TRIGGER x"},
		{"ALTER TABLE ONLY t ADD COLUMN a int", "ALTER TABLE t"},
		{"DROP TABLE IF EXISTS t, u", "DROP TABLE t"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_summary(cases[i][0], cases[i][1]);
}

static void
test_params(void **state)
{
	otlp_summary summary;

	(void) state;
	otlp_summarize(OSP_STR("SELECT $1"), OSP_SQL_POSTGRES_ANY, &summary);
	assert_true(summary.has_params);
	otlp_summarize(OSP_STR("SELECT ?2"), OSP_SQL_SQLITE, &summary);
	assert_true(summary.has_params);
	otlp_summarize(OSP_STR("SELECT '$1', 2"), OSP_SQL_POSTGRES_ANY, &summary);
	assert_false(summary.has_params);
}

/* Long texts, deeply nested ones, and texts that are not SQL. */
static void
test_any(void **state)
{
	const size_t size = 200000;
	char *text = malloc(size);
	otlp_summary summary;
	size_t i;

	(void) state;
	assert_non_null(text);
	for (i = 0; i + 15 <= size; i += 15)
		memcpy(text + i, "SELECT a FROM t", 15);
	otlp_summarize(osp_str_n(text, i), OSP_SQL_POSTGRES_ANY, &summary);
	assert_true(summary.len <= OTLP_SUMMARY_MAX);
	memset(text, '(', size);
	memcpy(text + 1000, "SELECT a FROM t, u", 18);
	otlp_summarize(osp_str_n(text, size), OSP_SQL_POSTGRES_ANY, &summary);
	memset(text, ')', size);
	otlp_summarize(osp_str_n(text, size), OSP_SQL_POSTGRES_ANY, &summary);
	assert_int_equal(summary.len, 0);
	memset(text, 'x', size);
	otlp_summarize(osp_str_n(text, size), OSP_SQL_POSTGRES_ANY, &summary);
	assert_int_equal(summary.len, 0);
	srand(1);
	for (i = 0; i < size; i++)
		text[i] = "SELECT FROM,().;\"'$x\n"[rand() % 21];
	for (i = 0; i < size; i += 100)
		otlp_summarize(osp_str_n(text + i, 100), OSP_SQL_SQLITE, &summary);
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conventions),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_definitions),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
