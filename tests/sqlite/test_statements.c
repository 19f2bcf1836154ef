/* SPDX-License-Identifier: Apache-2.0
 *
 * test_statements.c
 *	  Each statement has one start and one stop, the right parent and the right outcome,
 *	  also where SQLite's trace hook reports it in an unusual way.
 *
 * These are the cases and their tests:
 *
 *	  a plain statement                      test_one_statement
 *	  reset or finalized before its end      test_reset_and_finalize_before_the_end
 *	  stepped again after its end            test_step_after_done
 *	  sqlite3_exec, sqlite3_get_table        test_exec_and_get_table
 *	  finalized by sqlite3_exec              test_exec_aborted
 *	  not prepared; nothing but a comment    test_cannot_be_prepared
 *	  triggers and their steps               test_triggers
 *	  actions of foreign keys                test_foreign_key_actions
 *	  functions and tables that run SQL      test_nested_by_a_function,
 *	                                         test_nested_by_virtual_tables
 *	  values in messages and built texts     test_values
 *	  whose nested statement it is           test_nested_in_one_of_two
 *	  a text that begins with a comment      test_comments_are_text
 *	  EXPLAIN: an end without a start        test_explain
 *	  ALTER, schema, incremental blobs       test_work_on_the_schema
 *	  VACUUM                                 test_vacuum
 *	  prepared anew: two ends; or it fails   test_prepared_anew
 *	  BUSY, with and without a reset         test_busy
 *	  a COMMIT that is refused               test_refused_commit
 *	  failures, and stale error codes        test_errors, test_interrupt
 *	  durations in milliseconds              test_time
 *	  close refused; statements after it     test_close
 *	  switched on or off in mid-statement    test_switched_on_late,
 *	                                         test_switched_off_early
 *	  open when a point or a thread ends     test_left_open
 *	  open when the process ends             programs.t
 *	  threads; fork                          test_program.c: test_serialised_threads,
 *	                                         test_multi_thread_mode, test_fork
 *	  one callback for each connection       test_program.c:
 *	                                         test_callbacks_of_the_application
 */
#include "fixture.h"

#include <string.h>
#include <unistd.h>

#include "tempdir.h"

static void
test_one_statement(void **state)
{
	sqlite3_stmt *stmt = prepare("SELECT 1");

	(void) state;
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(collect_count("sqlite-stop"), 0);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	assert_int_equal(collect_count("sqlite-stop"), 1);
	assert_int_equal(sqlite3_reset(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	expect_tree("sqlite  SELECT 1  1 row\n");
	assert_true(collect_has("\"db\": {\"statement\": \"SELECT 1\", "
							"\"name\": \":memory:\", \"connection\": "));
	assert_true(collect_has("\"stats\": {\"vm_steps\": "));
	assert_false(collect_has("\"outcome\""));
}

static void
test_reset_and_finalize_before_the_end(void **state)
{
	sqlite3_stmt *stmt = prepare("VALUES (1), (2), (3)");

	(void) state;
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_reset(stmt), SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 1);
	assert_true(collect_has("\"outcome\": \"reset\""));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	expect_tree("sqlite  VALUES (1), (2), (3)  1 row\n"
				"sqlite  VALUES (1), (2), (3)  2 rows\n");
}

static void
test_step_after_done(void **state)
{
	sqlite3_stmt *stmt = prepare("VALUES (1)");
	int i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	expect_tree("sqlite  VALUES (1)  1 row\n"
				"sqlite  VALUES (1)  1 row\n"
				"sqlite  VALUES (1)  1 row\n");
}

static void
test_exec_and_get_table(void **state)
{
	char **table;
	int rows;
	int columns;

	(void) state;
	execute("SELECT 1; SELECT 2 ;SELECT 3", SQLITE_OK);
	assert_int_equal(
		sqlite3_get_table(db, "SELECT 4", &table, &rows, &columns, NULL),
		SQLITE_OK);
	sqlite3_free_table(table);
	expect_tree("sqlite  SELECT 1;  1 row\n"
				"sqlite  SELECT 2 ;  1 row\n"
				"sqlite  SELECT 3  1 row\n"
				"sqlite  SELECT 4  1 row\n");
}

static int
stop_at_second(void *ctx, int columns, char **values, char **names)
{
	int *rows = ctx;

	(void) columns;
	(void) values;
	(void) names;
	return ++*rows == 2 ? 1 : 0;
}

/* A callback that aborts its own sqlite3_exec, and executes another one inside. */
static int
exec_inside(void *ctx, int columns, char **values, char **names)
{
	int rows = 0;

	(void) columns;
	(void) values;
	(void) names;
	(void) ctx;
	return sqlite3_exec(
		db, "VALUES (7), (8), (9)", stop_at_second, &rows, NULL);
}

/* The callback aborts a statement. SQLite finalizes it by an internal call that the
 * wrappers do not see. */
static void
test_exec_aborted(void **state)
{
	int rows = 0;

	(void) state;
	assert_int_equal(sqlite3_exec(db,
								  "SELECT 1; VALUES (1), (2), (3); SELECT 4",
								  stop_at_second,
								  &rows,
								  NULL),
					 SQLITE_ABORT);
	if (!BY_HOOK)
	{
		assert_int_equal(collect_count("sqlite-stop"), 2);
		assert_true(collect_has("\"outcome\": \"reset\""));
	}
	assert_int_equal(
		sqlite3_exec(db, "VALUES (5), (6)", exec_inside, NULL, NULL),
		SQLITE_ABORT);
	if (BY_HOOK)
	{
		/* A later statement at the address of an aborted one is recorded as itself. */
		execute("SELECT 6", SQLITE_OK);
		execute("SELECT 7", SQLITE_OK);
		assert_int_equal(collect_count("sqlite-start"), 6);
		assert_true(collect_has("SELECT 7"));
		return;
	}
	assert_int_equal(collect_count("sqlite-stop"), 4);
	expect_tree("sqlite  SELECT 1;  1 row\n"
				"sqlite  VALUES (1), (2), (3);  1 row\n"
				"sqlite  VALUES (5), (6)  1 row\n"
				"sqlite  VALUES (7), (8), (9)  2 rows\n");
}

static void
test_cannot_be_prepared(void **state)
{
	sqlite3_stmt *stmt;

	(void) state;
	execute("SELEC 1", SQLITE_ERROR);
	execute("-- nothing but a comment", SQLITE_OK);
	execute("", SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v3(db, "SELECT no_such", -1, 0, &stmt, NULL),
		SQLITE_ERROR);
	assert_string_equal(sqlite3_errmsg(db), "no such column: no_such");

	/* SQLite does not report these statements to the hook. */
	expect_tree(EXPECT("sqlite  SELEC 1  SQLITE_ERROR: near \"SELEC\": syntax "
					   "error\n"
					   "sqlite  SELECT no_such  SQLITE_ERROR: no such column: "
					   "no_such\n",
					   ""));
}

static void
test_triggers(void **state)
{
	(void) state;
	osp_clean();
	execute("CREATE TABLE t(a); CREATE TABLE log(a);"
			"CREATE TRIGGER one AFTER INSERT ON t BEGIN"
			" INSERT INTO log VALUES (new.a); DELETE FROM log WHERE a = 9;"
			"END;",
			SQLITE_OK);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	execute("INSERT INTO t VALUES (1), (2)", SQLITE_OK);
	expect_tree("sqlite  INSERT INTO t VALUES (1), (2)\n"
				"|- sqlite.trigger  one\n"
				"`- sqlite.trigger  one\n");
	assert_true(collect_has("\"steps\": 2"));
	assert_true(collect_has("\"changes\": 2"));
}

#define COMMIT_MS 60

static int
commit_slowly(void *ctx)
{
	(void) ctx;
	(void) usleep(COMMIT_MS * 1000);
	return 0;
}

/* The time of the commit does not count as the trigger's. It is not known exactly when
 * the trigger ended, so its elapsed time is a bound. */
static void
test_trigger_before_slow_commit(void **state)
{
	const int64_t commit_ns = COMMIT_MS * INT64_C(1000000);

	(void) state;
	osp_clean();
	execute("CREATE TABLE t(a); CREATE TABLE log(a);"
			"CREATE TRIGGER late AFTER INSERT ON t BEGIN"
			" INSERT INTO log VALUES (new.a); END;"
			"CREATE TRIGGER early BEFORE INSERT ON t BEGIN"
			" INSERT INTO log VALUES (new.a); END;",
			SQLITE_OK);
	(void) sqlite3_commit_hook(db, commit_slowly, NULL);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	expect_tree("sqlite  INSERT INTO t VALUES (1)\n"
				"|- sqlite.trigger  early\n"
				"`- sqlite.trigger  late\n");
	assert_true(collect_elapsed("statement", "INSERT INTO t VALUES (1)") >=
				commit_ns);
	assert_in_range(collect_elapsed("name", "early"), 0, commit_ns - 1);
	assert_in_range(collect_elapsed("name", "late"), 0, commit_ns - 1);
	assert_int_equal(collect_count("sqlite.trigger-stop"), 2);
	assert_true(collect_has("\"elapsed_is\": \"at most\""));
	assert_true(collect_has("\"elapsed_is\": \"at least\""));
}

/* In a transaction the end of a statement is no commit. */
static void
test_trigger_in_transaction(void **state)
{
	(void) state;
	osp_clean();
	execute("CREATE TABLE t(a); CREATE TRIGGER late AFTER INSERT ON t BEGIN"
			" SELECT 1; END; BEGIN",
			SQLITE_OK);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	assert_true(collect_has("\"elapsed_is\": \"at most\""));
	assert_false(collect_has("\"elapsed_is\": \"at least\""));
}

static void
test_foreign_key_actions(void **state)
{
	(void) state;
	osp_clean();
	execute("PRAGMA foreign_keys = 1; CREATE TABLE p(a PRIMARY KEY);"
			"CREATE TABLE c(a REFERENCES p ON DELETE CASCADE);"
			"INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1), (2)",
			SQLITE_OK);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	execute("DELETE FROM p", SQLITE_OK);
	expect_tree("sqlite  DELETE FROM p\n");
	assert_true(collect_has("\"changes\": 2"));
}

/* Executes the SQL that is its argument. */
static void
run_nested(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void) argc;
	sqlite3_result_int(ctx,
					   sqlite3_exec(sqlite3_context_db_handle(ctx),
									(const char *) sqlite3_value_text(argv[0]),
									NULL,
									NULL,
									NULL));
}

static void
add_function(const char *name,
			 void (*fn)(sqlite3_context *, int, sqlite3_value **))
{
	assert_int_equal(sqlite3_create_function(
						 db, name, -1, SQLITE_UTF8, NULL, fn, NULL, NULL),
					 SQLITE_OK);
}

static void
test_nested_by_a_function(void **state)
{
	(void) state;
	add_function("run", run_nested);
	execute("SELECT run('SELECT run(''SELECT 3'')')", SQLITE_OK);
	expect_tree("sqlite  SELECT run('SELECT run(''SELECT 3'')')  1 row\n"
				"`- sqlite  SELECT run('SELECT 3')  1 row\n"
				"   `- sqlite  SELECT 3  1 row\n");
}

static void
test_nested_by_virtual_tables(void **state)
{
	(void) state;
	osp_clean();
	execute("CREATE VIRTUAL TABLE f USING fts5(x);"
			"CREATE VIRTUAL TABLE r USING rtree(i, a, b)",
			SQLITE_OK);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	execute("INSERT INTO r VALUES (1, 0, 1)", SQLITE_OK);
	execute("INSERT INTO f VALUES ('a b')", SQLITE_OK);
	assert_non_null(strstr(
		collect_tree(), "sqlite  INSERT INTO r VALUES (1, 0, 1)\n|- sqlite  "));
	assert_non_null(strstr(
		collect_tree(), "sqlite  INSERT INTO f VALUES ('a b')\n|- sqlite  "));
	assert_in_range(collect_count("sqlite-start"), 6, 20);
}

/* Prepares a statement, binds the text to its parameters and steps it once. */
static void
execute_with(const char *sql, const char *value, int expected)
{
	sqlite3_stmt *stmt = NULL;
	int i;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	for (i = 1; i <= sqlite3_bind_parameter_count(stmt); i++)
		assert_int_equal(sqlite3_bind_text(stmt, i, value, -1, SQLITE_STATIC),
						 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt) & 0xff, expected);
	(void) sqlite3_finalize(stmt);
}

/* Values of parameters are hidden in messages, and in the texts of statements that
 * SQLite builds from them. Statements inside one that may hold a secret are masked. */
static void
test_values(void **state)
{
	(void) state;
	add_function("run", run_nested);
	execute("CREATE TABLE t(a UNIQUE);"
			"CREATE VIRTUAL TABLE f USING fts5(x)",
			SQLITE_OK);
	execute_with("ATTACH ? AS x", "/nosuch/LEAK", SQLITE_CANTOPEN);
	execute_with("SELECT * FROM f WHERE f MATCH ?", "\"LEAK", SQLITE_ERROR);
	execute_with("SELECT json_extract('{}', ?)", "$LEAK[", SQLITE_ERROR);
	execute_with("INSERT INTO t VALUES (?), (?1)", "LEAK", SQLITE_CONSTRAINT);
	execute_with("SELECT * FROM pragma_table_info(?)", "LEAK", SQLITE_DONE);
	execute_with("SELECT run(?)", "SELECT 'LEAK'", SQLITE_ROW);
	execute_with("SELECT run(?)", "SELECT run('SELECT ''LEAK''')", SQLITE_ROW);
	execute("SELECT 'password', run('SELECT ''LEAK''')", SQLITE_OK);
	/* This message contains a secret that is not in the statement. */
	execute("CREATE TRIGGER no BEFORE DELETE ON t BEGIN"
			" SELECT raise(ABORT, 'password=LEAK'); END",
			SQLITE_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	execute("DELETE FROM t", SQLITE_CONSTRAINT);
	assert_true(BY_HOOK || collect_has("\"password=***\""));
	/* In a text that does not parse, everything after the first quote is hidden. */
	execute("'LEAK'", SQLITE_ERROR);
	execute("ALTER \"LEAK\"", SQLITE_ERROR);
	assert_false(collect_has("LEAK"));
	if (BY_HOOK)
		return;
	assert_non_null(strstr(collect_tree(), "unable to open database\n"));
	assert_non_null(strstr(collect_tree(), "UNIQUE constraint failed: t.a\n"));
	assert_non_null(strstr(collect_tree(), "SELECT run(?)  1 row\n"));
	assert_non_null(strstr(collect_tree(), "SELECT ?  1 row\n"));
	assert_non_null(strstr(collect_tree(), "SELECT '***'  1 row\n"));
}

/* Statement A is stepped, then B, then A again, which executes C. C belongs to A. */
static void
test_nested_in_one_of_two(void **state)
{
	sqlite3_stmt *a;
	sqlite3_stmt *b;

	(void) state;
	add_function("run", run_nested);
	a = prepare("SELECT 0 UNION ALL SELECT run('SELECT 3')");
	b = prepare("VALUES (1), (2)");
	assert_int_equal(sqlite3_step(a), SQLITE_ROW);
	assert_int_equal(sqlite3_step(b), SQLITE_ROW);
	assert_int_equal(sqlite3_step(a), SQLITE_ROW);
	assert_int_equal(sqlite3_step(a), SQLITE_DONE);
	assert_int_equal(sqlite3_step(b), SQLITE_ROW);
	assert_int_equal(sqlite3_finalize(a), SQLITE_OK);
	assert_int_equal(sqlite3_finalize(b), SQLITE_OK);
	expect_tree(
		EXPECT("sqlite  SELECT 0 UNION ALL SELECT run('SELECT 3')  2 rows\n"
			   "`- sqlite  SELECT 3  1 row\n"
			   "sqlite  VALUES (1), (2)  2 rows\n",
			   "sqlite  SELECT 0 UNION ALL SELECT run('SELECT 3')  2 rows\n"
			   "sqlite  VALUES (1), (2)  2 rows\n"
			   "`- sqlite  SELECT 3  1 row\n"));
}

static void
test_comments_are_text(void **state)
{
	(void) state;
	execute("-- TRIGGER mine\nSELECT 1", SQLITE_OK);
	execute("/* one */ SELECT 2 -- two", SQLITE_OK);
	assert_int_equal(collect_count("sqlite-start"), 2);
	assert_int_equal(collect_count("sqlite-stop"), 2);
	assert_int_equal(collect_count("sqlite.trigger-start"), 0);
	(void) collect_tree();
}

static void
test_explain(void **state)
{
	(void) state;
	execute("EXPLAIN SELECT 1", SQLITE_OK);
	execute("EXPLAIN QUERY PLAN SELECT 2", SQLITE_OK);
	assert_int_equal(collect_count("sqlite-start"), 2);
	assert_non_null(strstr(collect_tree(), "sqlite  EXPLAIN SELECT 1"));
	assert_non_null(
		strstr(collect_tree(), "sqlite  EXPLAIN QUERY PLAN SELECT 2"));
}

/* Statements that SQLite executes on its own schema are not recorded. */
static void
test_work_on_the_schema(void **state)
{
	sqlite3_blob *blob;

	(void) state;
	execute("CREATE TABLE t(a, b); INSERT INTO t VALUES (x'0102', 1);"
			"ALTER TABLE t RENAME COLUMN b TO c",
			SQLITE_OK);
	assert_int_equal(sqlite3_blob_open(db, "main", "t", "a", 1, 0, &blob),
					 SQLITE_OK);
	assert_int_equal(sqlite3_blob_reopen(blob, 1), SQLITE_OK);
	assert_int_equal(sqlite3_blob_close(blob), SQLITE_OK);
	expect_tree("sqlite  CREATE TABLE t(a, b);\n"
				"sqlite  INSERT INTO t VALUES (x'0102', 1);\n"
				"sqlite  ALTER TABLE t RENAME COLUMN b TO c\n");
}

static void
test_vacuum(void **state)
{
	(void) state;
	execute("CREATE TABLE t(a); VACUUM", SQLITE_OK);
	expect_tree("sqlite  CREATE TABLE t(a);\nsqlite  VACUUM\n");
}

static void
test_prepared_anew(void **state)
{
	sqlite3_stmt *stmt;

	(void) state;
	execute("CREATE TABLE t(a); INSERT INTO t VALUES (1)", SQLITE_OK);
	stmt = prepare("SELECT * FROM t");
	execute("ALTER TABLE t ADD b", SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	assert_int_equal(sqlite3_reset(stmt), SQLITE_OK);
	execute("DROP TABLE t", SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ERROR);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_ERROR);

	/* Without SQLite's log, the hook takes the first of two stops for the end. */
	expect_tree(EXPECT("sqlite  CREATE TABLE t(a);\n"
					   "sqlite  INSERT INTO t VALUES (1)\n"
					   "sqlite  ALTER TABLE t ADD b\n"
					   "sqlite  SELECT * FROM t  1 row\n"
					   "sqlite  DROP TABLE t\n"
					   "sqlite  SELECT * FROM t  SQLITE_ERROR: no such "
					   "table: t\n",
					   "sqlite  CREATE TABLE t(a);\n"
					   "sqlite  INSERT INTO t VALUES (1)\n"
					   "sqlite  ALTER TABLE t ADD b\n"
					   "sqlite  SELECT * FROM t  0 rows\n"
					   "sqlite  DROP TABLE t\n"
					   "sqlite  SELECT * FROM t  0 rows\n"));
}

static void
test_busy(void **state)
{
	char file[256];
	sqlite3_stmt *stmt;
	sqlite3 *other;
	sqlite3 *mine = db;

	(void) state;
	(void) snprintf(file, sizeof(file), "%s/busy.db", tempdir_make());
	osp_clean();
	db = open_file(file);
	execute("CREATE TABLE t(a)", SQLITE_OK);
	assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
					 SQLITE_OK);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	stmt = prepare("INSERT INTO t VALUES (1)");
	assert_int_equal(sqlite3_step(stmt), SQLITE_BUSY);
	assert_int_equal(sqlite3_step(stmt), SQLITE_BUSY);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	db = mine;

	/* The hook does not report further steps if the statement was not reset before. */
	expect_tree(EXPECT(
		"sqlite  INSERT INTO t VALUES (1)  SQLITE_BUSY: database is locked\n"
		"sqlite  INSERT INTO t VALUES (1)  SQLITE_BUSY: database is locked\n"
		"sqlite  INSERT INTO t VALUES (1)\n",
		"sqlite  INSERT INTO t VALUES (1)  SQLITE_BUSY: database is locked\n"));
	tempdir_remove();
}

static void
test_refused_commit(void **state)
{
	(void) state;
	osp_clean();
	execute("PRAGMA foreign_keys = 1; CREATE TABLE p(a PRIMARY KEY);"
			"CREATE TABLE c(a REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
			"BEGIN; INSERT INTO c VALUES (1)",
			SQLITE_OK);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	execute("COMMIT", SQLITE_CONSTRAINT);
	execute("ROLLBACK", SQLITE_OK);
	if (!BY_HOOK)
		expect_tree("sqlite  COMMIT  SQLITE_CONSTRAINT_FOREIGNKEY: FOREIGN KEY "
					"constraint failed\nsqlite  ROLLBACK\n");
	assert_int_equal(collect_count("sqlite-stop"), 2);
}

/* An error has its extended code and SQLite's message, and not the code of an earlier
 * call. */
static void
test_errors(void **state)
{
	(void) state;
	execute("CREATE TABLE t(a UNIQUE, b NOT NULL);"
			"CREATE TRIGGER no BEFORE DELETE ON t BEGIN"
			" SELECT raise(ABORT, 'may not go'); END;"
			"INSERT INTO t VALUES (1, 1)",
			SQLITE_OK);
	execute("INSERT INTO t VALUES (1, 1)", SQLITE_CONSTRAINT);
	execute("INSERT INTO t VALUES (2, NULL)", SQLITE_CONSTRAINT);
	execute("SELECT 1", SQLITE_OK);
	execute("DELETE FROM t", SQLITE_CONSTRAINT);
	execute("SELECT abs(-9223372036854775808)", SQLITE_ERROR);
	if (BY_HOOK)
		assert_int_equal(collect_count("sqlite-stop"), 8);
	else
		assert_non_null(strstr(
			collect_tree(),
			"sqlite  INSERT INTO t VALUES (1, 1)\n"
			"sqlite  INSERT INTO t VALUES (1, 1)  SQLITE_CONSTRAINT_UNIQUE: "
			"UNIQUE constraint failed: t.a\n"
			"sqlite  INSERT INTO t VALUES (2, NULL)  "
			"SQLITE_CONSTRAINT_NOTNULL: NOT NULL constraint failed: t.b\n"
			"sqlite  SELECT 1  1 row\n"
			"sqlite  DELETE FROM t  SQLITE_CONSTRAINT_TRIGGER: may not go\n"
			"`- sqlite.trigger  no\n"
			"sqlite  SELECT abs(-9223372036854775808)  SQLITE_ERROR: "
			"integer overflow\n"));
	(void) collect_tree();
}

static void
interrupt_now(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void) argc;
	(void) argv;
	sqlite3_interrupt(sqlite3_context_db_handle(ctx));
	sqlite3_result_int(ctx, 1);
}

static void
test_interrupt(void **state)
{
	(void) state;
	add_function("interrupt", interrupt_now);
	execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
			" SELECT sum(interrupt()) FROM n",
			SQLITE_INTERRUPT);
	assert_int_equal(collect_count("sqlite-stop"), 1);
	if (!BY_HOOK)
		assert_true(collect_has("\"etype\": \"SQLITE_INTERRUPT\", "
								"\"message\": \"interrupted\""));
	(void) collect_tree();
}

static void
sleep_2ms(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void) argc;
	(void) argv;
	(void) usleep(2000);
	sqlite3_result_int(ctx, 1);
}

/* SQLite itself only measures milliseconds. */
static void
test_time(void **state)
{
	(void) state;
	add_function("sleep", sleep_2ms);
	execute("SELECT sleep()", SQLITE_OK);
	execute("SELECT 1", SQLITE_OK);
	assert_true(collect_elapsed("statement", "SELECT sleep()") >= 2000000);
	assert_true(collect_elapsed("statement", "SELECT 1") > 0);
	assert_int_not_equal(collect_elapsed("statement", "SELECT 1") % 1000000, 0);
}

/* A connection that refuses to close stays traced, and statements may outlive their
 * connection. */
static void
test_close(void **state)
{
	sqlite3_stmt *stmt = prepare("VALUES (1), (2)");

	(void) state;
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_close(db), SQLITE_BUSY);
	assert_int_equal(sqlite3_close(db), SQLITE_BUSY);
	assert_int_equal(sqlite3_close_v2(db), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	expect_tree("sqlite  VALUES (1), (2)  2 rows\n");
	db = open_file(":memory:");
}

/* If tracing begins in the middle of a statement, that statement is not traced. */
static void
test_switched_on_late(void **state)
{
	sqlite3_stmt *stmt = prepare("VALUES (1), (2)");

	(void) state;
	osp_clean();
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	expect_tree("");
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	expect_tree("sqlite  VALUES (1), (2)  1 row\n");
}

/* If tracing ends in the middle of a statement, its stop is recorded at that moment. */
static void
test_switched_off_early(void **state)
{
	sqlite3_stmt *stmt = prepare("VALUES (1), (2)");

	(void) state;
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	osp_clean();
	assert_true(collect_has("\"outcome\": \"open\""));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	expect_tree("sqlite  VALUES (1), (2)  1 row\n");
}

/* A connection that was not traced for a long time is traced again as soon as a thread
 * begins a trace. */
static void
test_traced_after_a_pause(void **state)
{
	sqlite3_stmt *stmt = prepare("SELECT 2");
	int i;

	(void) state;
	execute("SELECT 1", SQLITE_OK);
	osp_clean();
	for (i = 0; i < 3000; i++)
	{
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		assert_int_equal(sqlite3_reset(stmt), SQLITE_OK);
	}
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	execute("SELECT 3", SQLITE_OK);
	expect_tree("sqlite  SELECT 1  1 row\n"
				"sqlite  SELECT 2  1 row\n"
				"sqlite  SELECT 3  1 row\n");
}

static void
test_left_open(void **state)
{
	sqlite3_stmt *stmt = prepare("VALUES (1), (2)");

	(void) state;
	osp_start("request", NULL);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	osp_stop(NULL);
	osp_start("next", NULL);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	osp_stop(NULL);
	expect_tree("request\n"
				"`- sqlite  VALUES (1), (2)  1 row\n"
				"next\n");
}

static void
start_point(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void) argc;
	(void) argv;

	/* Operations are drawn in the order of their microseconds, so they must differ. */
	(void) usleep(10);
	osp_start("inside", NULL);
	osp_stop(NULL);
	sqlite3_result_int(ctx, 1);
}

/* The application's own operations and its SQL are in one tree. */
static void
test_with_own_points(void **state)
{
	(void) state;
	add_function("point", start_point);
	osp_start("outside", NULL);
	execute("SELECT point()", SQLITE_OK);
	osp_stop(NULL);
	expect_tree(EXPECT("outside\n"
					   "`- sqlite  SELECT point()  1 row\n"
					   "   `- inside\n",
					   "outside\n"
					   "|- sqlite  SELECT point()  1 row\n"
					   "`- inside\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_statement),
		TEST(test_reset_and_finalize_before_the_end),
		TEST(test_step_after_done),
		TEST(test_exec_and_get_table),
		TEST(test_exec_aborted),
		TEST(test_cannot_be_prepared),
		TEST(test_triggers),
		TEST(test_trigger_before_slow_commit),
		TEST(test_trigger_in_transaction),
		TEST(test_foreign_key_actions),
		TEST(test_nested_by_a_function),
		TEST(test_nested_by_virtual_tables),
		TEST(test_values),
		TEST(test_nested_in_one_of_two),
		TEST(test_comments_are_text),
		TEST(test_explain),
		TEST(test_work_on_the_schema),
		TEST(test_vacuum),
		TEST(test_prepared_anew),
		TEST(test_busy),
		TEST(test_refused_commit),
		TEST(test_errors),
		TEST(test_interrupt),
		TEST(test_time),
		TEST(test_close),
		TEST(test_switched_on_late),
		TEST(test_switched_off_early),
		TEST(test_traced_after_a_pause),
		TEST(test_left_open),
		TEST(test_with_own_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
