/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sql_record.c
 *	  Statements as they are recorded: secrets are masked, contexts are cut out, and
 *	  constants may become question marks.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/sql_text.h"

#define PG   OSP_SQL_POSTGRES
#define LITE OSP_SQL_SQLITE
#define CTX  "/*trace_hmac='LEAK',trace_info='eyJ'*/"
#define TP   "/*traceparent='00-1-2-01'*/"

/* Records a copy in an allocation of exactly its size, so that sanitizers detect
 * reading beyond it. */
static char *
record(const char *text, const osp_sql_recording *how)
{
	size_t len = strlen(text);
	char *copy = malloc(len > 0 ? len : 1);
	osp_sql_space space = {NULL, 0};
	osp_sql_recorded recorded;
	char *result;

	assert_non_null(copy);
	memcpy(copy, text, len);
	osp_sql_record(osp_str_n(copy, len), how, len, &space, &recorded);
	result = malloc(recorded.text.len + 1);
	assert_non_null(result);
	memcpy(result, recorded.text.ptr, recorded.text.len);
	result[recorded.text.len] = '\0';
	free(copy);
	osp_sql_space_free(&space);
	return result;
}

static void
assert_recorded(const char *text, const osp_sql_recording *how,
				const char *expected)
{
	char *first = record(text, how);
	char *again;

	if (strcmp(first, expected) != 0)
		print_message("# %s\n", text);
	assert_string_equal(first, expected);

	/* Recording a recorded text again does not change it. */
	if (!how->broken)
	{
		again = record(first, how);
		assert_string_equal(again, first);
		free(again);
	}
	free(first);
}

typedef struct record_case
{
	osp_sql_dialect dialect;
	const char *text;
	const char *recorded; /* NULL: as it is */
} record_case;

static void
check_cases(const record_case *cases, size_t count, osp_sql_recording how)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		how.dialect = cases[i].dialect;
		assert_recorded(cases[i].text,
						&how,
						cases[i].recorded != NULL ? cases[i].recorded
												  : cases[i].text);
	}
}

#define CHECK(cases, ...)                           \
	check_cases(cases,                              \
				sizeof(cases) / sizeof((cases)[0]), \
				(osp_sql_recording){__VA_ARGS__})

/* SQLite takes a name in double quotes for a string if there is nothing with this
 * name. */
static void
test_double_quotes(void **state)
{
	static const record_case cases[] = {
		{LITE,
		 "select * from users where password in (\"x\")",
		 "select * from users where password in ('***')"},
		{LITE,
		 "select password from t where a like \"x\" or a between \"y\" and \"z\"",
		 "select password from t where a like '***' or a between '***' and '***'"},
		{LITE,
		 "insert into users(name, password) select \"bob\", \"x\"",
		 "insert into users(name, password) select '***', '***'"},
		{LITE,
		 "select password = upper(\"x\"), coalesce(a, \"y\"), 'a'||\"z\"",
		 "select password = upper('***'), coalesce(a, '***'), '***'||'***'"},
		{LITE, "select \"x\" as password", "select '***' as password"},
		{LITE,
		 "select password is not distinct from \"x\"",
		 "select password is not distinct from '***'"},
		{LITE,
		 "create table \"t\" (\"a\" text, \"password\" text default \"x\")",
		 "create table \"t\" (\"a\" text, \"password\" text default '***')"},
		{LITE,
		 "insert into \"t\" (\"a\", \"password\") values (\"x\", f(\"y\"))",
		 "insert into \"t\" (\"a\", \"password\") values ('***', f('***'))"},
		{LITE,
		 "select \"t\".\"password\" as \"p\" from \"t\" join \"u\" where t.\"a\" = ?",
		 NULL},
		{LITE, "update \"users\" set \"password\" = ?", NULL},
		{PG, "select \"password\" from t where \"a\" in (\"b\")", NULL},
	};
	static const record_case normalized[] = {
		{LITE,
		 "select a from \"t\" where b in (\"x\", 1)",
		 "select a from \"t\" where b in (?, ?)"},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
	CHECK(normalized, .detail = OSP_STATEMENT_NORMALIZED);
}

/* A server refuses these statements, but the client has sent them. */
static void
test_options(void **state)
{
	static const record_case cases[] = {
		{PG,
		 "create user mapping for public server s options (user bob, pass x)",
		 "create user mapping for public server s options (user '***'"},
		{PG,
		 "alter server s options (add host 'h', set port 5432)",
		 "alter server s options (add host '***', set port '***'"},
		{PG,
		 "alter server s options (drop host, set a 'b')",
		 "alter server s options (drop host, set a '***')"},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
}

static void
test_harmless(void **state)
{
	static const record_case cases[] = {
		{PG, "", NULL},
		{PG, "SELECT 1, 'x', \"y\" /* note */ -- z", NULL},
		{PG, "INSERT INTO t VALUES ('a', 2)", NULL},
		{PG, "COMMENT ON TABLE r IS 'harmless'", NULL},
		{PG, "SET search_path = 'a', b", NULL},
		{PG, "SET LOCAL work_mem TO '1MB'", NULL},
		{PG, "CREATE TABLE t (a text DEFAULT 'x')", NULL},
		{PG, "DO $$ BEGIN RAISE NOTICE 'x'; END $$", NULL},
		{PG, "DO $$ BEGIN -- a\nSET -- b\nx = 'y'; END $$", NULL},
		{PG, "DO E'BEGIN\\nSET x = 1;\\nEND'", NULL},
		{PG, "COPY t FROM '/tmp/x'", NULL},
		{PG, "BEGIN; UPDATE t SET a = 'x'; COMMIT", NULL},
		{PG, "UPDATE t SET a.b = 'x'", NULL},
		{PG, "SET SESSION AUTHORIZATION 'x'", NULL},
		{PG, "SELECT 'pass: 5', 'passes = 6', 'pass', ':'", NULL},
		{PG, "SELECT 'pass'::grade, 1 AS \"pass\", \"pass\"::int", NULL},
		{PG, "SELECT \"authorization\"::text, authorization::text", NULL},
		{PG, "BEGIN; INSERT INTO t VALUES ('a set', 'my a.b'); COMMIT", NULL},
		{PG, "SET SESSION work_mem = '1MB'", NULL},
		{PG, "SET \"search_path\" = 'a', b.c", NULL},
		{PG, "EXPLAIN UPDATE t SET a$b = 'x', \"c d\" = e.f", NULL},
		{PG, "SELECT 'http:\\/\\/host:8080\\/a'", NULL},
		{PG, "SELECT 'http://host/a:b@c'", NULL},
		{PG, "SELECT 'http://host:8080/a', 'a@b'", NULL},
		{PG, "SELECT 'http://u@[::1]:80/', '//h1:1,h2:2/d'", NULL},
		{PG, "SELECT 'http://' || h || ':' || p || '/x@y'", NULL},
		{PG, "SELECT name FROM pg_settings WHERE name = 'work_mem'", NULL},
		{PG, "SELECT a &\"b\", 1 FROM t", NULL},
		{PG,
		 "CREATE TRIGGER t BEFORE INSERT ON t EXECUTE FUNCTION f('x')",
		 NULL},
		{PG, "GRANT EXECUTE ON FUNCTION f(int) TO r", NULL},
		{PG, "DO $$ BEGIN EXECUTE format('x'); END $$", NULL},
		{LITE, "ATTACH 'file:a.db?mode=ro' AS x", NULL},
		{LITE, "PRAGMA foreign_keys = 'on'", NULL},
		{LITE, "PRAGMA main.foreign_key_check('t')", NULL},
		{LITE, "ATTACH 'x.db' AS x", NULL},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
}

static void
test_masked(void **state)
{
	static const record_case cases[] = {
		{PG, "ALTER ROLE b PASSWORD 'LEAK'", "ALTER ROLE b PASSWORD '***'"},
		{PG,
		 "/* c */ ALTER ROLE b PASSWORD 'LEAK'",
		 "ALTER ROLE b PASSWORD '***'"},
		{PG,
		 "-- LEAK\nALTER ROLE b PASSWORD 'LEAK'",
		 "ALTER ROLE b PASSWORD '***'"},
		{PG,
		 ";ALTER USER b PASSWORD $x$LEAK$x$;",
		 ";ALTER USER b PASSWORD '***';"},
		{PG,
		 "BEGIN; ALTER ROLE b PASSWORD U&'LEAK' ; COMMIT",
		 "BEGIN; ALTER ROLE b PASSWORD '***' ; COMMIT"},
		{PG,
		 "ALTER/* a b c d e f */ROLE b PASSWORD E'a'\n'b\\'LEAK'",
		 "ALTER ROLE b PASSWORD '***'"},
		{PG,
		 "ALTER ROLE b PASSWORD LEAK LEAK; SELECT 1",
		 "ALTER ROLE b PASSWORD '***'; SELECT '***'"},
		{PG, "ALTER ROLE b PASSWORD \"LEAK\"", "ALTER ROLE b PASSWORD '***'"},
		{PG, "ALTER ROLE b PASSWORD = LEAK", "ALTER ROLE b PASSWORD = '***'"},
		{PG, "ALTER ROLE b PASSWORD NULL", NULL},
		{PG, "ALTER ROLE b PASSWORD 'LEAK", "ALTER ROLE b '***'"},
		{PG,
		 "SELECT 1; ALTER ROLE b PASSWORD 'LEAK " CTX,
		 "SELECT '***'; ALTER ROLE b '***'"},
		{PG, "SELECT 'it's LEAK', token", "SELECT"},
		{PG, "SELECT token, 'it's LEAK and it's LEAK'", "SELECT token, '***'"},
		{PG,
		 "ALTER ROLE b SET app.x TO LEAK",
		 "ALTER ROLE b SET app.x TO '***'"},
		{PG, "SET myapp.pin = 1234", "SET myapp.pin = '***'"},
		{PG,
		 "SET LOCAL \"myapp\" . \"x\" TO LEAK, LEAK",
		 "SET LOCAL \"myapp\" . \"x\" TO '***'"},
		{PG, "SET /* /* */ x */ a /**/ . x='LEAK'", "SET a . x= '***'"},
		{PG, "SELECT 'token'$x$LEAK$x$", "SELECT '***' '***'"},
		{PG, "SET /* LEAK */ myapp.x = 'LEAK'", "SET myapp.x = '***'"},
		{PG, "SET session.pin = 'LEAK'", "SET session.pin = '***'"},
		{PG, "SET local.pin TO LEAK", "SET local.pin TO '***'"},
		{PG,
		 "SET SESSION session /**/ . pin = LEAK",
		 "SET SESSION session . pin = '***'"},
		{PG, "SET my$app.pin = 'LEAK'", "SET my$app.pin = '***'"},
		{PG, "SET \"my$app\".pin TO LEAK", "SET \"my$app\".pin TO '***'"},
		{PG, "SET \"my app\".pin TO 'LEAK'", "SET \"my app\".pin TO '***'"},
		{PG,
		 "SET LOCAL \"a-\"\"b\" . \"pin\" TO LEAK",
		 "SET LOCAL \"a-\"\"b\" . \"pin\" TO '***'"},
		{PG, "SET \"myapp.pin\" = LEAK", "SET \"myapp.pin\" = '***'"},
		{PG, "DO $$ BEGIN SET session.pin = 'LEAK'; END $$", "DO '***'"},
		{PG, "DO 'BEGIN SET my$app.pin = ''LEAK''; END'", "DO '***'"},
		{PG, "DO $$ BEGIN SET /* a b */ my.pin = 'LEAK'; END $$", "DO '***'"},
		{PG, "DO $$ BEGIN SET -- a b\n my.pin = 'LEAK'; END $$", "DO '***'"},
		{PG, "DO $$ BEGIN SET my /*x*/ . pin = 'LEAK'; END $$", "DO '***'"},
		{PG, "DO E'BEGIN SET -- a\\n my.pin = 1; END'", "DO '***'"},
		{PG,
		 "DO $$ BEGIN PERFORM '--'; SET /* a */ my.pin = 'LEAK'; END $$",
		 "DO '***'"},
		{PG,
		 "DO $$ BEGIN COPY t FROM /* a */ PROGRAM 'LEAK'; END $$",
		 "DO '***'"},
		{PG,
		 "DO $$ BEGIN ALTER /* a b c d e f */ ROLE b VALID UNTIL 'LEAK'; END $$",
		 "DO '***'"},
		{PG,
		 "DO $$ BEGIN COMMENT ON /* a b c d e */ ROLE b IS 'LEAK'; END $$",
		 "DO '***'"},
		{PG, "DO E'BEGIN\\nSET my.pin = \\'LEAK\\'; END'", "DO '***'"},
		{PG, "DO E'BEGIN\\r\\nSET my.pin = \\'LEAK\\'; END'", "DO '***'"},
		{PG, "DO E'BEGIN SET\\tmy.pin = \\'LEAK\\'; END'", "DO '***'"},
		{PG, "DO E'BEGIN\\012SET my.pin = \\'LEAK\\'; END'", "DO '***'"},
		{PG, "DO E'BEGIN\\x0aSET my.pin = \\'LEAK\\'; END'", "DO '***'"},
		{PG, "DO E'BEGIN\\u000aSET my.pin = \\'LEAK\\'; END'", "DO '***'"},
		{PG, "DO E'COPY t FROM\\nPROGRAM \\'LEAK\\''", "DO '***'"},
		{PG, "DO E'BEGIN SET my\\n.pin = \\'LEAK\\'; END'", "DO '***'"},
		{PG, "DO E'BEGIN SET \"my\"\\t.\\npin = \\'LEAK\\'; END'", "DO '***'"},
		{PG,
		 "DO $$BEGIN SET -- see C:\\temp dir\n my.pin = 'LEAK'; END$$",
		 "DO '***'"},
		{PG,
		 "ALTER FUNCTION f() SET session.pin = 'LEAK'",
		 "ALTER FUNCTION f() SET session.pin = '***'"},
		{PG,
		 "ALTER DATABASE d SET myapp.x='LEAK'",
		 "ALTER DATABASE d SET myapp.x= '***'"},
		{PG,
		 "ALTER SYSTEM SET primary_conninfo = 'LEAK'",
		 "ALTER SYSTEM SET primary_conninfo = '***'"},
		{PG,
		 "SELECT set_config('a.b', 'LEAK', false)",
		 "SELECT set_config('***', '***', false)"},
		{PG,
		 "CREATE SUBSCRIPTION s CONNECTION 'postgresql://u:LEAK@h/d' PUBLICATION p",
		 "CREATE SUBSCRIPTION s CONNECTION '***' PUBLICATION p"},
		{PG,
		 "CREATE USER MAPPING FOR u SERVER s OPTIONS (pin 'LEAK')",
		 "CREATE USER MAPPING FOR u SERVER s OPTIONS (pin '***')"},
		{PG,
		 "DO $$ BEGIN EXECUTE 'ALTER ROLE b PASS' || 'WORD ''LEAK'''; END $$",
		 "DO '***'"},
		{PG,
		 "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SET app.x = LEAK'",
		 "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS '***'"},
		{PG,
		 "COPY (SELECT 1) TO PROGRAM 'curl -u me:LEAK h'",
		 "COPY (SELECT '***') TO PROGRAM '***'"},
		{PG,
		 "EXPLAIN ANALYZE SELECT 'LEAK password'",
		 "EXPLAIN ANALYZE SELECT '***'"},
		{PG,
		 "CREATE TABLE t AS SELECT 'LEAK' AS password",
		 "CREATE TABLE t AS SELECT '***' AS password"},
		{PG,
		 "SELECT * FROM u WHERE api_key = 'LEAK'",
		 "SELECT * FROM u WHERE api_key = '***'"},
		{PG,
		 "SELECT * FROM u WHERE \"Private-Key\" = 'LEAK'",
		 "SELECT * FROM u WHERE \"Private-Key\" = '***'"},
		{PG,
		 "SELECT * FROM u WHERE token = 123456 AND id = 7",
		 "SELECT * FROM u WHERE token = '***' AND id = '***'"},
		{PG,
		 "SELECT 1 FROM u WHERE token IN (12, 34) OR 56 = token OR "
		 "token::int BETWEEN -78 AND 9.1e5",
		 "SELECT '***' FROM u WHERE token IN ('***', '***') OR '***' = token OR "
		 "token::int BETWEEN -'***' AND '***'"},
		{PG,
		 "INSERT INTO u (id, token) VALUES (1, 1234)",
		 "INSERT INTO u (id, token) VALUES ('***', '***')"},
		{PG, "SELECT 'redis://:LEAK@h', 'x'", "SELECT '***', '***'"},
		{PG, "SELECT 'redis://u:p@LE:w/AK@h', 'x'", "SELECT '***', '***'"},
		{PG, "SELECT 'redis://u:w/LEAK@h'", "SELECT '***'"},
		{PG, "SELECT 'redis://u:it''s LEAK@h'", "SELECT '***'"},
		{PG, "SELECT 'redis://u:12/34LEAK@h'", "SELECT '***'"},
		{PG, "SELECT 'redis://u:!''LEAK@h'", "SELECT '***'"},
		{PG, "SELECT 'redis://u:p LEAK@h'", "SELECT '***'"},
		{PG, "SELECT '{\"u\":\"redis:\\/\\/u:LEAK@h\\/0\"}'", "SELECT '***'"},
		{PG, "SELECT E'\"redis:\\\\/\\\\/u:LEAK@h\"'", "SELECT '***'"},
		{PG, "SELECT 'https:\\/\\/ghp_LEAK@h\\/x'", "SELECT '***'"},
		{PG, "SELECT '{\"Authorization\" : \"LEAK\"}'", "SELECT '***'"},
		{PG, "SELECT '{''Authorization'': ''LEAK''}'", "SELECT '***'"},
		{PG, "SELECT 'Authorization=LEAK'", "SELECT '***'"},
		{PG, "SELECT 'authorization  : LEAK'", "SELECT '***'"},
		{PG,
		 "SELECT '\"{\\\"Authorization\\\":\\\"LEAK\\\"}\"'",
		 "SELECT '***'"},
		{PG, "SELECT 'user=u pass = LEAK'", "SELECT '***'"},
		{PG, "SELECT f(pass := 'LEAK')", "SELECT f(pass := '***')"},
		{PG, "SELECT '{\"pass\": \"LEAK\"}'", "SELECT '***'"},
		{OSP_SQL_SQLITE,
		 "UPDATE t SET [pass] = 'LEAK'",
		 "UPDATE t SET [pass] = '***'"},
		{OSP_SQL_SQLITE,
		 "UPDATE t SET `pass`='LEAK'",
		 "UPDATE t SET `pass`='***'"},
		{PG, "SELECT '{''pass'': ''LEAK''}'", "SELECT '***'"},
		{PG, "SELECT '\"{\\\"pass\\\":\\\"LEAK\\\"}\"'", "SELECT '***'"},
		{PG,
		 "SELECT '\"{\\u0022pass\\u0022:\\u0022LEAK\\u0022}\"'",
		 "SELECT '***'"},
		{PG,
		 "SELECT '\"{\\u0022Authorization\\u0022:\\u0022LEAK\\u0022}\"'",
		 "SELECT '***'"},
		{PG, "SELECT 'pass\\u003dLEAK'", "SELECT '***'"},
		{PG,
		 "SELECT '{\"dsn\":\"user\\u003Du pass \\u003D LEAK\"}'",
		 "SELECT '***'"},
		{PG, "SELECT '{\"Authorization\\u003dLEAK\"}'", "SELECT '***'"},
		{PG, "SELECT 'a:1:{s:4:\"pass\";s:4:\"LEAK\";}'", "SELECT '***'"},
		{PG,
		 "SELECT E'a:1:{s:4:\\\"pass\\\";s:4:\\\"LEAK\\\";}'",
		 "SELECT '***'"},
		{PG,
		 "SELECT '[\"a:1:{s:4:\\\"pass\\\";s:4:\\\"LEAK\\\";}\"]'",
		 "SELECT '***'"},
		{PG,
		 "SELECT '[\"a:1:{s:4:\\u0022pass\\u0022;s:4:\\u0022LEAK\\u0022;}\"]'",
		 "SELECT '***'"},
		{PG,
		 "SELECT 'a:1:{s:13:\"Authorization\";s:4:\"LEAK\";}'",
		 "SELECT '***'"},
		{PG, "SELECT 'redis:\\u002F\\u002fu:LEAK@h'", "SELECT '***'"},
		{PG, "SELECT 'redis://u\\u003aLEAK\\u0040h'", "SELECT '***'"},
		{PG, "SELECT '{\"p\\u0061ssword\": \"LEAK\"}'", "SELECT '***'"},
		{PG, "SELECT '\"{\\\\u0070in\\\\u003a: LEAK}\"'", "SELECT '***'"},
		{OSP_SQL_SQLITE,
		 "SELECT '{\"p\\u0061ssword\": \"LEAK\"}'",
		 "SELECT '***'"},
		{PG, "SELECT E'p\\assword LEAK'", "SELECT '***'"},
		{PG,
		 "SELECT E'a\\n' WHERE b IN ('e') AND c ~ '\\d+'",
		 "SELECT E'a\\n' WHERE b IN ('e') AND c ~ '\\d+'"},
		{PG, "SELECT E'pass\\75LEAK'", "SELECT '***'"},
		{PG, "SELECT E'redis:\\57/u:LEAK@h'", "SELECT '***'"},
		{PG, "SELECT E'a\\n\\tb\\\\d'", "SELECT E'a\\n\\tb\\\\d'"},
		{PG, "SELECT '\\055', E'p\\x61ssword LEAK'", "SELECT '***', '***'"},
		{PG, "SELECT 'redis://u:%4cEAK@h'", "SELECT '***'"},
		{PG, "SELECT 'redis://u:LEAK@[::1]:5/'", "SELECT '***'"},
		{PG,
		 "SELECT format('ALTER ROLE b PASSWORD %L', 'LEAK')",
		 "SELECT format('***', '***')"},
		{PG,
		 "SELECT crypt('LEAK', gen_salt('bf'))",
		 "SELECT crypt('***', gen_salt('***'))"},
		{PG, "EXECUTE p('LEAK', 5)", "EXECUTE p('***', '***')"},
		{PG, "EXECUTE \"format\"('LEAK')", "EXECUTE \"format\"('***')"},
		{PG,
		 "DO $$ BEGIN EXECUTE 'PREPARE format AS SELECT $1; EXECUTE "
		 "format(''LEAK'')'; END $$",
		 "DO '***'"},
		{PG, "EXECUTE format ('LEAK')", "EXECUTE format ('***')"},
		{PG,
		 "EXPLAIN ANALYZE EXECUTE/**/function('LEAK')",
		 "EXPLAIN ANALYZE EXECUTE function('***')"},
		{PG,
		 "UPDATE pg_settings SET setting = 'LEAK' WHERE name = 'a.pin'",
		 "UPDATE pg_settings SET setting = '***' WHERE name = '***'"},
		{PG,
		 "WITH x AS (UPDATE pg_catalog.\"pg_settings\" SET setting = 'LEAK') "
		 "SELECT",
		 "WITH x AS (UPDATE pg_catalog.\"pg_settings\" SET setting = '***') "
		 "SELECT"},
		{PG,
		 "SET U&\"myapp\\002epin\" = LEAK",
		 "SET U&\"myapp\\002epin\" = '***'"},
		{PG,
		 "SET SESSION u&\"myapp!002epin\" UESCAPE '!' TO 1234",
		 "SET SESSION u&\"myapp!002epin\" UESCAPE '***' TO '***'"},
		{PG,
		 "SELECT * FROM u WHERE U&\"p\\0061ssword\" = 'LEAK'",
		 "SELECT * FROM u WHERE U&\"p\\0061ssword\" = '***'"},
		{PG,
		 "SELECT 1; /* x */ execute p(E'LEAK')",
		 "SELECT '***'; execute p('***')"},
		{PG, "SELECT 1 AS \"trace_hmac='LEAK'\"", "SELECT '***' AS '***'"},
		{PG, "SELECT 'trace_hmac=''LEAK'''", "SELECT '***'"},
		{LITE, "PRAGMA key='LEAK'", "PRAGMA key= '***'"},
		{LITE, "PRAGMA key = LEAK;", "PRAGMA key = '***';"},
		{LITE, "PRAGMA \"a.b\".key = LEAK", "PRAGMA \"a.b\".key = '***'"},
		{LITE, "PRAGMA [a.b c].key = LEAK", "PRAGMA [a.b c].key = '***'"},
		{LITE, "PRAGMA main.rekey(\"LEAK\")", "PRAGMA main.rekey( '***'"},
		{LITE,
		 "pragma hexkey=x'LEAK'; SELECT 1",
		 "pragma hexkey= '***'; SELECT '***'"},
		{LITE, "PRAGMA/**/textkey=LEAK", "PRAGMA textkey= '***'"},
		{LITE, "ATTACH 'a.db' AS a KEY 'LEAK'", "ATTACH '***' AS a KEY '***'"},
		{LITE, "ATTACH \"a.db\" AS a KEY LEAK", "ATTACH '***' AS a KEY '***'"},
		{PG,
		 "SELECT osprofiler.init('LEAK','LEAK')",
		 "SELECT osprofiler.init('***','***')"},
		{PG,
		 "DO $$ BEGIN PERFORM osprofiler.init('LEAK', 'x'); END $$",
		 "DO '***'"},
		{LITE,
		 "CREATE TABLE z AS SELECT osprofiler_init('LEAK', 'LEAK')",
		 "CREATE TABLE z AS SELECT osprofiler_init('***', '***')"},
		{LITE, "ATTACH 'file:a.db?key=LEAK' AS a", "ATTACH '***' AS a"},
		{LITE,
		 "ATTACH \"file:a.db?mode=ro&he%78k%65y=LEAK\" AS a",
		 "ATTACH '***' AS a"},
		{LITE,
		 "ATTACH 'file:a.db?cipher_s%61lt=LEAK' AS a",
		 "ATTACH '***' AS a"},
		{LITE, "SELECT 'file:a.db?%4BEY=LEAK'", "SELECT '***'"},
		{LITE, "PRAGMA cipher_salt = LEAK", "PRAGMA cipher_salt = '***'"},
		{LITE,
		 "PRAGMA main . cipher_license=LEAK",
		 "PRAGMA main . cipher_license= '***'"},
		{LITE, "PRAGMA hexrekey(LEAK)", "PRAGMA hexrekey( '***'"},
		{LITE,
		 "PRAGMA activate_extensions='LEAK'",
		 "PRAGMA activate_extensions= '***'"},
		{LITE,
		 "SELECT * FROM u WHERE \"password\" = \"LEAK\"",
		 "SELECT * FROM u WHERE '***' = '***'"},
		{LITE,
		 "INSERT INTO \"password\" VALUES (\"LEAK\")",
		 "INSERT INTO \"password\" VALUES ('***')"},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
}

/* Backslashes before quotes are read as the server reads them. */
static void
test_backslashes(void **state)
{
	osp_sql_recording how = {.dialect = OSP_SQL_POSTGRES_BACKSLASH};

	(void) state;
	assert_recorded(
		"SELECT 'password \\' LEAK', 'x'", &how, "SELECT '***', '***'");
	how.dialect = OSP_SQL_POSTGRES_ANY;
	assert_recorded("SELECT 'password \\' LEAK', 'x'", &how, "SELECT");
	how.dialect = PG;
	assert_recorded(
		"SELECT 'password \\', 'LEAK'", &how, "SELECT '***', '***'");
}

/* In statements below one that may hold a secret, all constants are masked. */
static void
test_below(void **state)
{
	static const record_case cases[] = {
		{PG,
		 "SELECT 'LEAK' || $1 /* LEAK */ , 5",
		 "SELECT '***' || $1 , '***'"},
		{PG, "SELECT a", NULL},
	};

	(void) state;
	CHECK(cases, .masked = true);
}

/* The statement lacks the quotes around a value, and the sign or the word before it. */
static void
test_malformed(void **state)
{
	static const record_case cases[] = {
		{LITE, "PRAGMA key LEAK;", "PRAGMA key '***';"},
		{LITE, "PRAGMA textkey LEAK", "PRAGMA textkey '***'"},
		{LITE, "pragma main.hexkey/**/LEAK", "pragma main.hexkey '***'"},
		{LITE,
		 "PRAGMA \"main\" . \"rekey\" LEAK",
		 "PRAGMA '***' . \"rekey\" '***'"},
		{LITE, "PRAGMA [my app].key = LEAK", "PRAGMA [my app].key = '***'"},
		{LITE, "PRAGMA \"my-app\".key LEAK", "PRAGMA \"my-app\".key '***'"},
		{LITE, "PRAGMA [main].[key] LEAK", "PRAGMA [main].[key] '***'"},
		{LITE, "PRAGMA `main`.`key` = LEAK", "PRAGMA `main`.`key` = '***'"},
		{LITE, "PRAGMA 'main'.'key' = LEAK", "PRAGMA '***'.'***' = '***'"},
		{LITE, "PRAGMA key : LEAK", "PRAGMA key '***'"},
		{LITE, "PRAGMA key :LEAK", "PRAGMA key '***'"},
		{LITE, "PRAGMA : key LEAK", "PRAGMA : key '***'"},
		{LITE, "PRAGMA key LEAK = 1", "PRAGMA key '***'"},
		{LITE, "PRAGMA key 'LEAK' LEAK", "PRAGMA key '***' '***'"},
		{LITE, "PRAGMA key \"LEAK\"", "PRAGMA key '***'"},
		{LITE, "EXPLAIN PRAGMA key 5", "EXPLAIN PRAGMA key '***'"},
		{LITE, "PRAGMA key", NULL},
		{LITE,
		 "PRAGMA key = 1; PRAGMA journal_mode",
		 "PRAGMA key = '***'; PRAGMA journal_mode"},
		{PG, "set myapp.pin LEAK;", "set myapp.pin '***';"},
		{PG, "SET LOCAL a . b := LEAK", "SET LOCAL a . b '***'"},
		{PG, "SET SESSION a.b, LEAK", "SET SESSION a.b '***'"},
		{PG, "SET \"a\".\"b\" 'LEAK' LEAK", "SET \"a\".\"b\" '***' '***'"},
		{PG, "SET a.b FROM LEAK", "SET a.b FROM '***'"},
		{PG, "SET role.pin LEAK", "SET role.pin '***'"},
		{PG, "SET LOCAL session . pin LEAK", "SET LOCAL session . pin '***'"},
		{PG, "SET U&\"a\\002eb\" LEAK", "SET U&\"a\\002eb\" '***'"},
		{PG, "alter system set x.y LEAK", "alter system set x.y '***'"},
		{PG, "ALTER SYSTEM SET x LEAK", "ALTER SYSTEM SET x '***'"},
		{PG,
		 "ALTER ROLE bob IN DATABASE d SET a.b LEAK",
		 "ALTER ROLE bob IN DATABASE d SET a.b '***'"},
		{PG, "ALTER ROLE bob SET a.b FROM CURRENT", NULL},
		{PG,
		 "SET ROLE bob; SET TIME ZONE x; ALTER ROLE bob PASSWORD LEAK",
		 "SET ROLE bob; SET TIME ZONE x; ALTER ROLE bob PASSWORD '***'"},
		{PG, "alter role bob encrypted LEAK", "alter role bob encrypted '***'"},
		{PG,
		 "alter role bob unencrypted LEAK",
		 "alter role bob unencrypted '***'"},
		{PG,
		 "ALTER ROLE bob ENCRYPTED PASSWORD 'LEAK' LOGIN",
		 "ALTER ROLE bob ENCRYPTED PASSWORD '***' LOGIN"},
		{PG,
		 "alter user bob identified by LEAK",
		 "alter user bob identified by '***'"},
		{PG,
		 "alter user bob identified LEAK",
		 "alter user bob identified '***'"},
		{PG,
		 "CREATE USER bob IDENTIFIED BY PASSWORD 'LEAK', x IDENTIFIED BY LEAK",
		 "CREATE USER bob IDENTIFIED BY PASSWORD '***', x IDENTIFIED BY "
		 "'***'"},
		{PG,
		 "CREATE ROLE bob PASSWORD : LEAK",
		 "CREATE ROLE bob PASSWORD '***'"},
		{PG,
		 "create subscription s connection LEAK publication p",
		 "create subscription s connection '***'"},
		{PG,
		 "ALTER SUBSCRIPTION s CONNECTION host=h LEAK",
		 "ALTER SUBSCRIPTION s CONNECTION '***'"},
		{PG,
		 "CREATE ROLE bob CONNECTION LIMIT 5 LOGIN",
		 "CREATE ROLE bob CONNECTION LIMIT '***' LOGIN"},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
}

/* An HTTP URI with a token in place of the user, as git accepts it. */
static void
test_tokens(void **state)
{
	static const record_case cases[] = {
		{PG, "select 'https://ghp_LEAK@github.com/x'", "select '***'"},
		{PG, "select 'HTTP://GLPAT-LEAK@h'", "select '***'"},
		{PG, "select 'git+https://sk-LEAK@h/x', 'y'", "select '***', '***'"},
		{LITE, "select 'https://LEAK56789012345678901@h/x'", "select '***'"},
		{PG,
		 "select 'https://bob@h/x', 'https://a2345678901234567890@h'",
		 NULL},
		{PG, "select 'https://h/@ghp_x', 'https://h?a=ghp_x@y'", NULL},
		{PG, "select 'https://ghp_.example.org/, me@h'", NULL},
		{PG, "select 'ssh://a23456789012345678901@h'", NULL},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
}

/* The statements by which SQLite's shell executes `.parameter set`. */
static void
test_shell_parameters(void **state)
{
	static const record_case cases[] = {
		{LITE,
		 "REPLACE INTO temp.sqlite_parameters(key,value)VALUES('@p','LEAK');",
		 "REPLACE INTO temp.sqlite_parameters(key,value)VALUES '***';"},
		{LITE,
		 "REPLACE INTO temp.sqlite_parameters(key,value)VALUES('@p',LEAK);",
		 "REPLACE INTO temp.sqlite_parameters(key,value)VALUES '***';"},
		{LITE,
		 "UPDATE temp.\"sqlite_parameters\" SET value = LEAK",
		 "UPDATE temp.\"sqlite_parameters\" SET value = '***'"},
		{LITE, "SELECT value FROM temp.sqlite_parameters WHERE key=?1", NULL},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
}

/* The name that a program gives to its connection. */
static void
test_names(void **state)
{
	static const char *const secret[] = {"password=LEAK",
										 "x Token: LEAK",
										 "the secret LEAK",
										 "db://me:LEAK@h/",
										 "https://ghp_LEAK@h"};
	static const char *const harmless[] = {
		"", "psql", "token-service", "PostgreSQL JDBC Driver", "http://h:80/x"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		assert_true(osp_sql_is_secret_name(osp_str_of(secret[i])));
	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		assert_false(osp_sql_is_secret_name(osp_str_of(harmless[i])));
}

/* Of a text that does not parse, nothing after the first quote is recorded, except in
 * one harmless query. */
static void
test_broken(void **state)
{
	static const record_case cases[] = {
		{PG, "SELECT 'x' FORM t", NULL},
		{PG, "SELECT 'LEAK' FORM token", "SELECT"},
		{PG, "ALTR TABLE 'LEAK'", "ALTR TABLE"},
		{PG,
		 "SELECT a FROM t WHERE token = 12LEAK",
		 "SELECT a FROM t WHERE token = '***'"},
		{PG, "ALTER ROLE b PASWORD 'LEAK'", "ALTER ROLE b '***'"},
		{PG, "ALTER ROLE b PASWORD LEAK", "ALTER ROLE b '***'"},
		{PG, "SELECT 1; SELECT 'LEAK", "SELECT 1; SELECT"},
		{PG, "/* it's */ SELEKT 'LEAK'", "SELEKT"},
		{PG,
		 "-- it's\nINSERT INTO secrets (a) VALUES ('LEAK')",
		 "INSERT INTO secrets (a) VALUES ("},
		{PG, "SELEKT a, $$LEAK$$", "SELEKT a,"},
	};

	(void) state;
	CHECK(cases, .broken = true);
}

static void
test_normalized(void **state)
{
	static const record_case cases[] = {
		{PG,
		 "SELECT 1, 'x', E'\\'', $$y$$, x'1f', 1.5e-3, -2, $1, \"a1\", b2",
		 "SELECT ?, ?, ?, ?, ?, ?, -?, $1, \"a1\", b2"},
		{PG, "SELECT 1 /* LEAK */ + 0xFF -- LEAK", "SELECT ? + ?"},
		{PG,
		 "SELECT true, null, 'x'::text[1]",
		 "SELECT true, null, ?::text[?]"},
		{PG, "SET myapp.x TO LEAK", "SET myapp.x TO ?"},
		{PG, "DO $$ LEAK $$", "DO ?"},
		{PG, "SELECT 'LEAK", "SELECT"},
		{PG, "SELECT 'it's LEAK', x'", "SELECT ?"},
		{PG, "SELECT j?name, k ?| y FROM t", "SELECT j?name, k ?| y FROM t"},
		{PG, "INSERT INTO t VALUES (2, 'LEAK')", "INSERT INTO t VALUES (?, ?)"},
		{LITE, "SELECT [a], `b`, :c, ?1, x'0f'", "SELECT [a], `b`, :c, ?1, ?"},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_NORMALIZED);
}

/* If a text may be built from values, no constant is shown. If it is not SQL, all of it
 * is hidden. */
static void
test_built(void **state)
{
	static const record_case cases[] = {
		{PG, "SELECT 'LEAK', 42 /* LEAK */ FROM t", "SELECT ?, ? FROM t"},
	};
	static const record_case broken[] = {
		{PG, "LEAK", "?"},
		{PG, "LEAK 'x'", "?"},
		{PG, "SELECT 12 FORM 'LEAK'", "SELECT ? FORM"},
	};

	(void) state;
	CHECK(cases, .built = true);
	CHECK(broken, .built = true, .broken = true);
}

/* All forms of numbers and strings that pg_stat_statements takes for constants become
 * question marks. */
static void
test_numbers(void **state)
{
	static const record_case cases[] = {
		{PG, "SELECT 1AS one, 2FROM t", "SELECT ? AS one, ? FROM t"},
		{PG,
		 "SELECT 1.5, .5, 5., 1e10, 1E-7, 1.5e+3",
		 "SELECT ?, ?, ?, ?, ?, ?"},
		{PG,
		 "SELECT 0x1F, 0o17, 0b11, 1_000, 1_0.0_1e1_0",
		 "SELECT ?, ?, ?, ?, ?"},
		{PG, "SELECT 1.5e, 9f86d081", "SELECT ? e, ?"},
		{PG, "SELECT a[1:2]", "SELECT a[?:?]"},
		{PG, "SELECT 1-1, -1, +1", "SELECT ?-?, -?, +?"},
		{PG,
		 "SELECT U&'x', E'x', B'1', X'f', n'x', $t$x$t$",
		 "SELECT ?, ?, ?, ?, ?, ?"},
		{PG,
		 "SELECT date '2024-01-01', int4 '5', interval '1' day",
		 "SELECT date ?, int4 ?, interval ? day"},
		{PG, "SELECT $1, $2::int, a1, t2.b3", "SELECT $1, $2::int, a1, t2.b3"},
		{LITE, "SELECT 1e5, 0xFF, ?1, $a1, :b2", "SELECT ?, ?, ?1, $a1, :b2"},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_NORMALIZED);
}

static void
test_none(void **state)
{
	static const record_case cases[] = {
		{PG, "/* LEAK */ ;(SELECT 'LEAK')", "SELECT"},
		{PG, "ALTER ROLE LEAK", "ALTER"},
		{PG, "'LEAK'", ""},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_NONE);
}

/* The signature of a context is not recorded, wherever its comment is. */
static void
test_cut(void **state)
{
	static const record_case cases[] = {
		{PG, CTX "SELECT 1", "SELECT 1"},
		{PG, "/*+ hint */ " CTX " SELECT 1", "/*+ hint */ SELECT 1"},
		{PG, "SELECT 1 " CTX " /* x */", "SELECT 1 /* x */"},
		{PG, "/* x */ -- n\n" CTX " SELECT 1", "/* x */ -- n\nSELECT 1"},
		{PG, "SELECT 1\n" CTX, "SELECT 1"},
		{PG, "SELECT 1 " CTX ";", "SELECT 1"},
		{PG, "SELECT" CTX "1", "SELECT 1"},
		{PG, "SELECT 1 -- " CTX "\n + 1", "SELECT 1 + 1"},
		{PG, "SELECT 1 -- " CTX, "SELECT 1"},
		{PG, "SELECT 1 /* /*trace_hmac='LEAK'*/ */", "SELECT 1"},
		{PG, "SELECT 1 /*trace_info='b'LEAK''*/", "SELECT 1"},
		{PG, "SELECT 1 /*trace_hmac='LEAK", "SELECT 1"},
		{PG, "SELECT 1 /*TRACE_HMAC='LEAK'*/", "SELECT 1"},
		{PG, "SELECT 1 " CTX CTX " + 1 " CTX, "SELECT 1 + 1"},
		{PG, "DO $$ BEGIN EXECUTE 'SELECT 1 " CTX "'; END $$", "DO '***'"},
		{LITE, CTX " SELECT 1", "SELECT 1"},
		{LITE, "SELECT [a'b] " CTX, "SELECT [a'b]"},
		{LITE, "SELECT 1 /* /*trace_hmac='LEAK'*/", "SELECT 1"},
		{PG, "SELECT 1 " TP, NULL},
	};
	static const record_case also_traceparents[] = {
		{PG, "SELECT 1 " TP, "SELECT 1"},
		{PG, "SELECT 1 /* traceparent=00-1 */ + 1", "SELECT 1 + 1"},
		{PG, CTX TP "SELECT 1", "SELECT 1"},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
	CHECK(also_traceparents, .traceparents = true);
}

/* Any size limit works: no character is divided, and no secret is visible where the
 * text is cut. */
static void
test_bounds(void **state)
{
	static const char text[] =
		"SELECT 'password', é, 'üLEAK', 1, \"ß\" " CTX " FROM t -- LEAK";
	osp_sql_recording how = {.dialect = PG};
	osp_sql_space space = {NULL, 0};
	osp_sql_recorded out;
	size_t size;

	(void) state;
	for (size = 0; size <= sizeof(text) * 3; size++)
	{
		char small[sizeof(text) * 3];
		size_t len =
			osp_sql_mask(osp_str_of(text), PG, OSP_SQL_SECRET, small, size);

		assert_true(len <= size);
		assert_true(len == 0 ||
					((unsigned char) small[len - 1] & 0xc0) != 0xc0);
		len = osp_sql_normalize(
			osp_str_of(text), PG, OSP_SQL_SECRET, small, size);
		assert_true(len <= size);
		osp_sql_record(osp_str_of(text), &how, size, &space, &out);
		assert_null(memmem(out.text.ptr, out.text.len, "LEAK", 4));
	}
	osp_sql_space_free(&space);
}

/* A long text with a context at its end is not copied. */
static void
test_long(void **state)
{
	const size_t size = 8 * 1024 * 1024;
	char *text = malloc(size + sizeof(CTX));
	osp_sql_recording how = {.dialect = PG};
	osp_sql_space space = {NULL, 0};
	osp_sql_recorded out;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', size);
	memcpy(text, "SELECT '", 8);
	text[size - 1] = '\'';
	memcpy(text + size, CTX, sizeof(CTX));
	osp_sql_record(
		osp_str_n(text, size + sizeof(CTX) - 1), &how, 100, &space, &out);
	assert_ptr_equal(out.text.ptr, text);
	assert_int_equal(out.text.len, size);
	assert_int_equal(out.full_len, size);
	assert_null(space.ptr);

	/* If the text may hold a secret, only its recorded beginning is copied and
	 * changed. */
	memcpy(text + size / 2, "password", 8);
	osp_sql_record(
		osp_str_n(text, size + sizeof(CTX) - 1), &how, 100, &space, &out);
	assert_true(osp_str_eq(out.text, OSP_STR("SELECT '***'")));
	assert_int_equal(out.full_len, size);
	assert_true(space.size < 1000);
	osp_sql_space_free(&space);
	free(text);
}

static bool
has_secret_word(osp_str text)
{
	return (osp_sql_words(text) & OSP_SQL_HAS_SECRET) != 0;
}

/* Each word for a secret, in each place and in upper and lower case. */
static void
test_words(void **state)
{
	static const char *const words[] = {
		"password",   "PASSWD",      "Passphrase",     "passcode",
		"pwd",        "secret",      "token",          "credential",
		"bearer",     "hmac",        "api key",        "api_key",
		"API-Key",    "apikey",      "private_key",    "PrivateKey",
		"access key", "signing_key", "encryption_key", "pgp_sym_encrypt",
		"crypt",      "set_config",  "dblink",         "hexkey",
		"textkey",    "rekey",       "trace_hmac"};
	char text[64];
	size_t i;
	int before;

	(void) state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (before = 0; before < 4; before++)
		{
			(void) snprintf(
				text, sizeof(text), "%.*s%s", before, "xyz", words[i]);
			if (!has_secret_word(osp_str_of(text)))
				print_message("# %s\n", text);
			assert_true(has_secret_word(osp_str_of(text)));
		}
	assert_false(has_secret_word(OSP_STR("")));
	assert_false(has_secret_word(OSP_STR("pw")));
	assert_false(has_secret_word(
		OSP_STR("SELECT passenger, tok, keyboard, access FROM apis, private")));
}


/* Statements that use the values of earlier statements. */
static void
test_earlier(void **state)
{
	static const char *const deferred[] = {
		"COMMIT",
		"end;",
		"/* c */ Commit",
		"SET /* c */ CONSTRAINTS ALL IMMEDIATE",
		"prepare transaction 'x'"};
	static const char *const others[] = {
		"", "SET", "SET x = 1", "PREPARE x AS SELECT 1", "SELECT 'COMMIT'"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(deferred) / sizeof(deferred[0]); i++)
	{
		assert_true(osp_sql_runs_deferred(osp_str_of(deferred[i]), PG));
		assert_true(osp_sql_may_run_earlier(osp_str_of(deferred[i])));
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(osp_sql_runs_deferred(osp_str_of(others[i]), PG));
	assert_true(osp_sql_reads_rows(OSP_STR("FETCH 5 FROM c"), PG));
	assert_true(osp_sql_reads_rows(OSP_STR("move c"), PG));
	assert_true(osp_sql_reads_rows(OSP_STR("copy t from stdin"), PG));
	assert_true(osp_sql_may_run_earlier(OSP_STR("FETCH c")));
	assert_true(osp_sql_may_run_earlier(OSP_STR("move c")));
	assert_false(osp_sql_may_run_earlier(OSP_STR("SELECT 1")));
	assert_false(osp_sql_reads_rows(OSP_STR("SELECT 1"), PG));
}

/* A new text of about len bytes that repeats a part, with room for 64 more. *used is its
 * length. */
static char *
repeated(const char *part, size_t len, size_t *used)
{
	char *text = malloc(len + 64);
	size_t part_len = strlen(part);

	assert_non_null(text);
	for (*used = 0; *used + part_len <= len; *used += part_len)
		memcpy(text + *used, part, part_len);
	return text;
}

/* If a text contains many beginnings of URIs, each byte is read only once. With
 * repeated reading these texts take minutes. */
static void
test_many_uris(void **state)
{
	static const char *const parts[] = {"http://example.org,",
										"http://a.org:80,",
										"://",
										"://[",
										"://[]:1",
										"://a:''",
										"file:?",
										"file:?a&",
										"http://a@b ",
										"http://["};
	const size_t len = 1000000;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		size_t used;
		char *text = repeated(parts[i], len, &used);

		assert_false(osp_sql_has_secret_uri(osp_str_n(text, used)));
		used += (size_t) snprintf(text + used, 64, " db://me:secret@host/");
		assert_true(osp_sql_has_secret_uri(osp_str_n(text, used)));
		free(text);
	}
}

/* The same for names whose closing quote is missing or far away. */
static void
test_many_names(void **state)
{
	static const char *const parts[] = {"SET \"\"a ",
										"PRAGMA [a ",
										"PRAGMA ``a ",
										"SET a ",
										"SET$",
										"SET a$",
										"SET /* ",
										"CREATE -- ",
										"/*SET*/",
										"/*CREATE*/((",
										"/*TO*/",
										"--SET\n"};
	const size_t len = 500000;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		size_t used;
		char *text = repeated(parts[i], len, &used);

		assert_int_equal(osp_sql_secret(osp_str_n(text, used), PG),
						 OSP_SQL_HARMLESS);
		used +=
			(size_t) snprintf(text + used, 64, "\"; SET \"my app\".pin = 1");
		assert_int_equal(osp_sql_secret(osp_str_n(text, used), PG),
						 OSP_SQL_SENSITIVE);
		free(text);
	}
}

/* A statement that no parser has accepted may be a misspelled statement that sets a
 * secret. */
static void
test_unknown(void **state)
{
	static const record_case cases[] = {
		{PG, "ALTER ROL bob PASWORD 'LEAK'", "ALTER ROL bob PASWORD '***'"},
		{PG, "ALTR ROLE bob PASWRD 'LEAK'", "ALTR ROLE bob PASWRD '***'"},
		{PG, "SET myapp,pin = 'LEAK'", "SET myapp,pin = '***'"},
		{PG, "SET LOCAL a,b = E'LEAK'", "SET LOCAL a,b = '***'"},
		{PG, "EXECUT p1($$LEAK$$, 2)", "EXECUT p1('***', 2)"},
		{PG, "\xef\xbb\xbfSET a = 'LEAK'", "\xef\xbb\xbfSET a = '***'"},
		{PG,
		 "SELECT 'a'; ALTR ROLE b P 'LEAK'",
		 "SELECT '***'; ALTR ROLE b P '***'"},
		{PG, "CALL login('LEAK", "CALL login("},
		{PG, "CALL login($$LEAK)", "CALL login("},
		{PG, "SET search_path = 'LEAK", "SET search_path ="},
		{PG,
		 "INSERT INTO t VALUES (1); NOTIFY a, 'LEAK",
		 "INSERT INTO t VALUES (1); NOTIFY a,"},
		{LITE, "ANALYZE \"LEAK", "ANALYZE"},
		{LITE, "PRAGM a = 'LEAK'", "PRAGM a = '***'"},
		{LITE, "PRAGM a = \"LEAK\"", "PRAGM a = '***'"},
		{PG, "SET application_name = 'x'", NULL},
		{PG, "SET SESSION search_path TO 'x'", NULL},
		{PG, "SET TIME ZONE 'UTC'", NULL},
		{PG, "CREATE TABLE t (a text DEFAULT 'x')", NULL},
		{PG, "CREATE OR REPLACE VIEW v AS SELECT 'x'", NULL},
		{PG, "ALTER TABLE t ALTER a SET DEFAULT 'x'", NULL},
		{PG, "(SELECT 'x') UNION SELECT 'y'; EXPLAIN SELECT 'z'", NULL},
		{PG, "DO $$ BEGIN END $$", NULL},
		{PG, "CALL f('it''s', E'\\'', \"a\"\"b\") -- 'x", NULL},
		{LITE, "PRAGMA foreign_keys = 'on'", NULL},
	};
	static const record_case parsed[] = {
		{PG, "IMPORT x 'y'", NULL},
	};

	(void) state;
	CHECK(cases, .detail = OSP_STATEMENT_FULL);
	CHECK(parsed, .parsed = true);
}

/* A byte-order mark precedes a token of SQLite. */
static void
test_marks(void **state)
{
	static const record_case cases[] = {
		{LITE,
		 "\xef\xbb\xbfPRAGMA key='LEAK'",
		 "\xef\xbb\xbfPRAGMA key= '***'"},
		{LITE,
		 "\xef\xbb\xbf\xef\xbb\xbf/* x */\xef\xbb\xbfPRAGMA key=LEAK",
		 NULL},
		{LITE, ";\xef\xbb\xbfPRAGMA \xef\xbb\xbfkey=LEAK", NULL},
		{LITE, "PRAGMA \"main\"\xef\xbb\xbf.\xef\xbb\xbfkey=LEAK", NULL},
		{LITE,
		 "\xef\xbb\xbf"
		 "ATTACH ':memory:' AS q KEY 'LEAK'",
		 NULL},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_sql_recording how = {.dialect = LITE};
		char *text = record(cases[i].text, &how);

		if (strstr(text, "LEAK") != NULL || strstr(text, "***") == NULL)
			fail_msg("%s", text);
		free(text);
	}
}

/* Words that are written with escapes, and statements that describe roles and
 * databases. */
static void
test_escapes(void **state)
{
	static const record_case cases[] = {
		{PG, "SELECT f(E'p\\x61ssword', 'LEAK')", "SELECT f('***', '***')"},
		{PG, "SELECT f(E'p\\141ssword', 'LEAK')", "SELECT f('***', '***')"},
		{PG, "SELECT f(E'p\\u0061ss', 'LEAK')", "SELECT f('***', '***')"},
		{PG, "SELECT f(e'p\\U00000061', 'LEAK')", "SELECT f('***', '***')"},
		{PG, "SELECT f(U&'p\\0061ss', 'LEAK')", "SELECT f('***', '***')"},
		{PG,
		 "SELECT f(u&'p!0061' UESCAPE '!')",
		 "SELECT f('***' UESCAPE '***')"},
		{PG, "SELECT f(E'postgres\\x3a//bob:pw@h')", "SELECT f('***')"},
		{OSP_SQL_POSTGRES_BACKSLASH, "SELECT f('p\\x61')", "SELECT f('***')"},
		{PG, "SELECT '\\x6162', E'a\\nb', E'\\\\x61', E'\\xe4\\u00e4'", NULL},
		{PG, "COMMENT ON ROLE bob IS 'LEAK'", "COMMENT ON ROLE bob IS '***'"},
		{PG,
		 "comment on database d is 'LEAK'",
		 "comment on database d is '***'"},
		{PG,
		 "SECURITY LABEL FOR p ON ROLE bob IS 'LEAK'",
		 "SECURITY LABEL FOR p ON ROLE bob IS '***'"},
		{PG, "COMMENT ON TABLE t IS 'x'", NULL},
		{PG, "SELECT f('pass phrase', 'LEAK')", "SELECT f('***', '***')"},
		{PG, "SELECT f('pass=LEAK')", "SELECT f('***')"},
		{PG, "SELECT f('Authorization: Basic LEAK')", "SELECT f('***')"},
		{PG, "SELECT authorization_id FROM t WHERE a = 'x'", NULL},
	};

	(void) state;
	CHECK(cases, .parsed = true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_double_quotes),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_backslashes),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_shell_parameters),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_normalized),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_many_uris),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_built),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_earlier),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
