/* SPDX-License-Identifier: Apache-2.0
 *
 * test_waits.c
 *	  Statements wait for locks of other connections, and for checkpoints. The program's
 *	  busy handler and timeout work as they do without tracing.
 */
#include "fixture.h"

#include <string.h>

#include "tempdir.h"

/* A second connection, which is not traced and holds the lock. */
static sqlite3 *other;
static sqlite3 *in_memory;
static char file[256];

static void
execute_other(const char *sql)
{
	assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int
set_up_file(void **state)
{
	(void) set_up(state);
	in_memory = db;
	(void) snprintf(file, sizeof(file), "%s/waits.db", tempdir_make());
	assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
	execute_other("CREATE TABLE t(a)");
	db = open_file(file);
	return 0;
}

static int
tear_down_file(void **state)
{
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	db = in_memory;
	tempdir_remove();
	return tear_down(state);
}

/* The calls of the program's busy handler. */
typedef struct calls
{
	int count;
	int last;
	int release_at; /* the call that releases the lock */
} calls;

static int
on_busy(void *ctx, int count)
{
	calls *seen = ctx;

	seen->last = count;
	seen->count++;
	assert_int_equal(usleep(1000), 0);
	if (seen->count == seen->release_at)
		execute_other("COMMIT");
	return 1;
}

static int
give_up(void *ctx, int count)
{
	(void) count;
	++*(int *) ctx;
	return 0;
}

static void
test_handler_of_the_program(void **state)
{
	calls seen = {0, -1, 3};

	(void) state;
	assert_int_equal(sqlite3_busy_handler(db, on_busy, &seen), SQLITE_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	assert_false(collect_has("\"busy\""));
	execute_other("BEGIN IMMEDIATE");
	execute("INSERT INTO t VALUES (2)", SQLITE_OK);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.last, 2);
	assert_true(collect_has("\"busy\": {\"count\": 3, \"ms\": "));
	assert_true(collect_has("\"journal\": \"rollback\""));
	assert_true(collect_elapsed("statement", "INSERT INTO t VALUES (2)") >=
				3 * 1000000);
}

/* A busy handler that gives up at once, and no handler. */
static void
test_handler_that_gives_up(void **state)
{
	int count = 0;

	(void) state;
	assert_int_equal(sqlite3_busy_handler(db, give_up, &count), SQLITE_OK);
	execute_other("BEGIN IMMEDIATE");
	execute("INSERT INTO t VALUES (1)", SQLITE_BUSY);
	assert_int_equal(count, 1);
	assert_true(collect_has("\"busy\": {\"count\": 1, \"ms\": "));
	assert_int_equal(sqlite3_busy_handler(db, NULL, NULL), SQLITE_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_BUSY);
	assert_int_equal(count, 1);
	execute_other("COMMIT");
}

/* SQLite's own handler is called through ours, and the timeout stays the same. */
static void
test_timeout(void **state)
{
	sqlite3_stmt *stmt;

	(void) state;
	assert_int_equal(sqlite3_busy_timeout(db, 30), SQLITE_OK);
	stmt = prepare("PRAGMA busy_timeout");
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), 30);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	execute_other("BEGIN IMMEDIATE");
	execute("INSERT INTO t VALUES (1)", SQLITE_BUSY);
	assert_true(collect_has("\"busy\": {\"count\": "));
	assert_true(collect_elapsed("statement", "INSERT INTO t VALUES (1)") >=
				25 * 1000000);
	execute("PRAGMA busy_timeout = 0", SQLITE_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_BUSY);
	execute_other("COMMIT");
}

/* With a WAL, other locks are waited for, so the journal mode is recorded. */
static void
test_wait_with_a_wal(void **state)
{
	calls seen = {0, -1, 3};

	(void) state;
	execute("PRAGMA journal_mode = WAL", SQLITE_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	assert_false(collect_has("\"journal\""));
	assert_int_equal(sqlite3_busy_handler(db, on_busy, &seen), SQLITE_OK);
	execute_other("BEGIN IMMEDIATE");
	execute("INSERT INTO t VALUES (2)", SQLITE_OK);
	assert_true(collect_has("\"journal\": \"wal\""));
}

/* A statement waits while it is prepared, because SQLite reads the schema. */
static void
test_wait_while_preparing(void **state)
{
	calls seen = {0, -1, 2};

	(void) state;
	assert_int_equal(sqlite3_busy_handler(db, on_busy, &seen), SQLITE_OK);
	execute_other("BEGIN EXCLUSIVE");
	execute("SELECT a FROM t", SQLITE_OK);
	assert_int_equal(seen.count, 2);
	expect_tree("sqlite  SELECT a FROM t  (not executed)\n"
				"sqlite  SELECT a FROM t  0 rows\n");
	assert_true(collect_has("\"busy\": {\"count\": 2, \"ms\": "));
}

/* Asserts that the tree has this line for a checkpoint. */
static void
expect_checkpoint(const char *mode, int moved, int pages)
{
	char line[100];

	(void) snprintf(line,
					sizeof(line),
					"sqlite.checkpoint  %s  (%d of %d pages moved)\n",
					mode,
					moved,
					pages);
	if (strstr(collect_tree(), line) == NULL)
		fail_msg("no %s in\n%s", line, collect_tree());
}

static const char fill[] =
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300)"
	"INSERT INTO t SELECT randomblob(4000) FROM n";

/* The checkpoint belongs to the statement that made the WAL too long. */
static void
test_automatic_checkpoint(void **state)
{
	const char *line;
	int moved = 0;
	int pages = 0;
	int end = 0;

	(void) state;
	execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF", SQLITE_OK);
	execute(fill, SQLITE_OK);
	assert_int_equal(collect_count("sqlite.checkpoint-stop"), 0);
	execute("PRAGMA wal_autocheckpoint = 100", SQLITE_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	assert_int_equal(collect_count("sqlite.checkpoint-stop"), 1);
	line = strstr(collect_tree(), "sqlite  INSERT INTO t VALUES (1)\n");
	assert_non_null(line);
	assert_int_equal(sscanf(line,
							"sqlite  INSERT INTO t VALUES (1)\n"
							"`- sqlite.checkpoint  passive  (%d of %d pages "
							"moved)%n",
							&moved,
							&pages,
							&end),
					 2);
	assert_true(end > 0 && line[end] == '\n');
	assert_true(moved == pages && pages > 300);
	assert_true(collect_has("\"checkpoint\": {\"pages\": "));
}

/* Checkpoints by the program's own call, with all arguments. */
static void
test_checkpoint_of_the_program(void **state)
{
	int pages = -7;
	int moved = -7;

	(void) state;
	execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF", SQLITE_OK);
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	assert_int_equal(sqlite3_wal_checkpoint_v2(
						 db, "main", SQLITE_CHECKPOINT_FULL, &pages, &moved),
					 SQLITE_OK);
	assert_true(pages > 0 && moved == pages);
	assert_int_equal(sqlite3_wal_checkpoint(db, NULL), SQLITE_OK);
	expect_checkpoint("full", moved, pages);
	expect_checkpoint("passive", moved, pages);
	assert_int_equal(sqlite3_wal_checkpoint_v2(
						 db, "nosuch", SQLITE_CHECKPOINT_FULL, NULL, NULL),
					 SQLITE_ERROR);
	assert_string_equal(sqlite3_errmsg(db), "unknown database: nosuch");
}

/* A reader keeps the checkpoint from ending, so the busy handler is called. */
static void
test_checkpoint_that_waits(void **state)
{
	calls seen = {0, -1, 2};

	(void) state;
	execute("PRAGMA journal_mode = WAL", SQLITE_OK);
	execute_other("BEGIN; SELECT * FROM t");
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	assert_int_equal(sqlite3_busy_handler(db, on_busy, &seen), SQLITE_OK);
	assert_int_equal(sqlite3_wal_checkpoint_v2(
						 db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL),
					 SQLITE_OK);
	assert_int_equal(seen.count, 2);
	assert_true(collect_has("\"busy\": {\"count\": 2, \"ms\": "));
	expect_checkpoint("restart", 1, 1);
}

static void
sleep_in_sql(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void) argc;
	assert_int_equal(usleep((unsigned) sqlite3_value_int(argv[0]) * 1000), 0);
	sqlite3_result_int(ctx, 1);
}

/* Steps through the rows of a statement, with a pause after each. */
static void
fetch_slowly(sqlite3_stmt *stmt, unsigned pause_ms)
{
	while (sqlite3_step(stmt) == SQLITE_ROW)
		assert_int_equal(usleep(pause_ms * 1000), 0);
}

/* The time between two rows, or before the program ends the statement, is not SQLite's
 * work, so the working time is recorded separately. */
static void
test_pauses_between_rows(void **state)
{
	static const char rows[] = "SELECT * FROM (VALUES (1), (2), (3))";
	static const char *const ends[] = {"fetched", "reset", "left open"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		sqlite3_stmt *stmt = prepare(rows);
		int64_t elapsed_ns;
		double active_ms;

		collect_begin();
		(void) osp_start(ends[i], NULL);
		if (i == 0)
			fetch_slowly(stmt, 30);
		else
		{
			assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
			assert_int_equal(usleep(90 * 1000), 0);
		}
		if (i == 2)
			(void) osp_stop(NULL);
		assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
		if (i != 2)
			(void) osp_stop(NULL);
		elapsed_ns = collect_elapsed("statement", rows);
		active_ms = collect_number("\"active_ms\": ");
		if (elapsed_ns < 90 * 1000000 || active_ms < 0 ||
			active_ms > (double) elapsed_ns / 1e6 - 70)
			fail_msg("%s: %.3f ms of %lld ns",
					 ends[i],
					 active_ms,
					 (long long) elapsed_ns);
	}
}

/* The time of a function that SQL calls counts as the statement's. Short statements
 * have no pauses. */
static void
test_no_pauses(void **state)
{
	(void) state;
	assert_int_equal(
		sqlite3_create_function(
			db, "sleep_ms", 1, SQLITE_UTF8, NULL, sleep_in_sql, NULL, NULL),
		SQLITE_OK);
	execute("SELECT sleep_ms(a) FROM (SELECT 20 AS a UNION ALL SELECT 30)",
			SQLITE_OK);
	execute("INSERT INTO t VALUES (1), (2)", SQLITE_OK);
	execute("SELECT a FROM t", SQLITE_OK);
	assert_false(collect_has("\"active_ms\""));
}

/* In a program that is linked with the library, the time for syncs is not measured. */
static void
test_unmeasured(void **state)
{
	(void) state;
	execute("INSERT INTO t VALUES (1)", SQLITE_OK);
	assert_true(collect_has("\"unmeasured\": \"syncs\""));
}

#define TEST_FILE(name) \
	cmocka_unit_test_setup_teardown(name, set_up_file, tear_down_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_FILE(test_handler_of_the_program),
		TEST_FILE(test_handler_that_gives_up),
		TEST_FILE(test_timeout),
		TEST_FILE(test_wait_with_a_wal),
		TEST_FILE(test_wait_while_preparing),
		TEST_FILE(test_automatic_checkpoint),
		TEST_FILE(test_checkpoint_of_the_program),
		TEST_FILE(test_checkpoint_that_waits),
		TEST_FILE(test_pauses_between_rows),
		TEST_FILE(test_no_pauses),
		TEST_FILE(test_unmeasured),
	};
	char run[128];
	int failed;

	(void) snprintf(run, sizeof(run), "/dev/shm/osprofiler-test-%d", getpid());
	if (setenv("OSPROFILER_RUN_DIR", run, 1) != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tempdir_remove_this(run);
	return failed;
}
