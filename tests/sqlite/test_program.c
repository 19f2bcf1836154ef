/* SPDX-License-Identifier: Apache-2.0
 *
 * test_program.c
 *	  The library in an application: contexts, callbacks, threads and forks; and the
 *	  application sees the same results with and without tracing.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "osprofiler/context.h"
#include "osprofiler/ids.h"
#include "tempdir.h"

#define OTHER "0d2f4a5c-9b1e-4c3d-8e7f-112233445566"

/* A context of trace OTHER, signed with this key. */
static osp_headers
sign(const char *key)
{
	osp_keyring *ring;
	osp_headers headers;
	osp_id id;

	assert_int_equal(
		osp_keyring_new(&osp_allocator_default, osp_str_of(key), &ring, NULL),
		OSP_OK);
	assert_true(osp_id_set(&id, OSP_STR(OTHER)));
	assert_int_equal(osp_context_sign(ring, 0, &id, &id, &headers), OSP_OK);
	osp_keyring_free(ring);
	return headers;
}

static void
select_with_comment(const char *key)
{
	osp_headers headers = sign(key);
	char comment[OSP_COMMENT_SPACE + 64];
	char sql[sizeof(comment) + 64];

	assert_true(osp_comment_write(&headers, comment, sizeof(comment)) > 0);
	(void) snprintf(sql, sizeof(sql), "SELECT 1 %s", comment);
	execute(sql, SQLITE_OK);
}

static void
test_context_in_a_comment(void **state)
{
	(void) state;
	select_with_comment(KEY);
	assert_true(collect_has("\"base_id\": \"" OTHER "\""));
	assert_false(collect_has("\"base_id\": \"" BASE "\""));

	/* A context with an invalid signature is ignored. */
	select_with_comment("another key");
	assert_true(collect_has("\"base_id\": \"" BASE "\""));

	/* A thread without a trace uses the configured keys. */
	osp_clean();
	select_with_comment(KEY);
	select_with_comment("another key");
	execute("SELECT 2", SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 3);
}

static void
test_context_in_the_uri(void **state)
{
	osp_headers headers = sign(KEY);
	char name[OSP_TRACE_INFO_MAX + 512];
	const char *dir = tempdir_make();
	sqlite3 *mine = db;

	(void) state;
	osp_clean();
	(void) snprintf(name,
					sizeof(name),
					"file:%s/uri.db?trace_info=%s&trace_hmac=%s",
					dir,
					headers.trace_info,
					headers.trace_hmac);
	db = open_file(name);
	execute("SELECT 1", SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 1);
	assert_true(collect_has("\"base_id\": \"" OTHER "\""));

	/* With an invalid signature there is no trace. */
	name[strlen(name) - 1] ^= 1;
	db = open_file(name);
	execute("SELECT 2", SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 1);
	db = mine;
	tempdir_remove();
}

/* Returns the only value of a statement's result. */
static const char *
value_of(const char *sql)
{
	static char value[4096];
	sqlite3_stmt *stmt = prepare(sql);

	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	(void) snprintf(value,
					sizeof(value),
					"%s",
					(const char *) sqlite3_column_text(stmt, 0));
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return value;
}

static void
test_sql_functions(void **state)
{
	osp_headers headers = sign(KEY);
	char sql[OSP_TRACE_INFO_MAX + 256];

	(void) state;
	osp_clean();
	assert_non_null(
		strstr(value_of("SELECT osprofiler_context()"), "\"active\": false"));
	assert_string_equal(value_of("SELECT osprofiler_start('no')"), "0");
	assert_string_equal(value_of("SELECT osprofiler_init('x', 'y')"),
						"bad_signature");
	(void) snprintf(sql,
					sizeof(sql),
					"SELECT osprofiler_init('%s', '%s')",
					headers.trace_info,
					headers.trace_hmac);
	assert_string_equal(value_of(sql), "accepted");
	assert_non_null(
		strstr(value_of("SELECT osprofiler_context()"), "\"active\": true"));
	assert_string_equal(
		value_of("SELECT osprofiler_start('job', '{\"n\": 1}')"), "1");
	execute("SELECT 1", SQLITE_OK);
	assert_string_equal(value_of("SELECT osprofiler_stop()"), "1");
	expect_tree("job\n`- sqlite  SELECT 1  1 row\n");
	assert_true(collect_has("\"n\": 1"));
	assert_string_equal(value_of("SELECT osprofiler_init(NULL, NULL)"), "none");
	execute("SELECT 2", SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 1);

	/* The function may not be used in a schema, which may come from somebody else. */
	execute("CREATE VIEW v AS SELECT osprofiler_start('x')", SQLITE_OK);
	execute("SELECT * FROM v", SQLITE_ERROR);
}

/* The events that the application's callbacks have received. */
static char heard[128 * 1024];

static void
hear(const char *text)
{
	size_t len = strlen(heard);

	(void) snprintf(heard + len, sizeof(heard) - len, "%s|", text);
}

static int
on_trace_v2(unsigned event, void *ctx, void *p, void *x)
{
	(void) ctx;
	(void) p;
	if (event == SQLITE_TRACE_STMT)
		hear(x);
	if (event == SQLITE_TRACE_PROFILE)
		hear("profile");
	if (event == SQLITE_TRACE_ROW)
		hear("row");
	if (event == SQLITE_TRACE_CLOSE)
		hear("close");
	return 0;
}

static void
on_trace(void *ctx, const char *sql)
{
	(void) ctx;
	hear(sql);
}

static void
on_profile(void *ctx, const char *sql, sqlite3_uint64 ns)
{
	(void) ctx;
	(void) ns;
	hear("old profile");
	hear(sql);
}

/* Calls sqlite3_trace, sqlite3_profile and sqlite3_trace_v2 in all orders. Each of them
 * may end the callbacks of another. */
static const char *
use_callbacks_of_old(bool traced)
{
	static char result[2][sizeof(heard)];
	sqlite3 *mine = db;
	int marks[2];
	unsigned i;

	heard[0] = '\0';
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	if (traced)
		attach(db);
	for (i = 0; i < 8 * 8 * 8; i++)
	{
		unsigned calls = i;
		int k;

		for (k = 0; k < 3; k++, calls /= 8)
		{
			int *mark = &marks[calls & 1];
			void *before = NULL;

			switch (calls % 8)
			{
				case 0:
				case 1:
					before = sqlite3_trace(db, on_trace, mark);
					break;
				case 2:
				case 3:
					before = sqlite3_profile(db, on_profile, mark);
					break;
				case 4:
					before = sqlite3_trace(db, NULL, mark);
					break;
				case 5:
					before = sqlite3_profile(db, NULL, mark);
					break;
				case 6:
					(void) sqlite3_trace_v2(db,
											SQLITE_TRACE_STMT |
												SQLITE_TRACE_PROFILE,
											on_trace_v2,
											NULL);
					break;
				default:
					(void) sqlite3_trace_v2(
						db, SQLITE_TRACE_STMT, on_trace_v2, NULL);
					break;
			}
			hear(before == NULL ? "-" : before == &marks[0] ? "0" : "1");
		}
		execute("SELECT 1", SQLITE_OK);
		hear("#");
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	db = mine;
	memcpy(result[traced], heard, sizeof(heard));
	return result[traced];
}

/* Makes the same calls with or without tracing. Returns the events that the application
 * received. */
static const char *
use_callbacks(bool traced)
{
	static char result[2][sizeof(heard)];
	sqlite3_stmt *stmt;
	sqlite3 *mine = db;
	int marks[2];

	heard[0] = '\0';
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	if (traced)
		attach(db);
	execute("CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN"
			" SELECT 1; END",
			SQLITE_OK);
	assert_int_equal(
		sqlite3_trace_v2(
			db, SQLITE_TRACE_STMT | SQLITE_TRACE_ROW, on_trace_v2, NULL),
		SQLITE_OK);
	execute("INSERT INTO t VALUES (1); SELECT * FROM t", SQLITE_OK);
	hear("#2");
	assert_int_equal(
		sqlite3_trace_v2(
			db, SQLITE_TRACE_PROFILE | SQLITE_TRACE_CLOSE, on_trace_v2, NULL),
		SQLITE_OK);
	execute("SELECT 1", SQLITE_OK);
	hear("#3");
	assert_null(sqlite3_trace(db, on_trace, &marks[0]));
	stmt = prepare("SELECT ?");
	assert_int_equal(sqlite3_bind_int(stmt, 1, 42), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	hear("#4");
	assert_ptr_equal(sqlite3_trace(db, NULL, &marks[1]), &marks[0]);
	assert_null(sqlite3_profile(db, on_profile, &marks[1]));
	execute("SELECT 2", SQLITE_OK);
	hear("#5");
	assert_ptr_equal(sqlite3_profile(db, NULL, NULL), &marks[1]);
	assert_int_equal(
		sqlite3_trace_v2(db, SQLITE_TRACE_CLOSE, on_trace_v2, NULL), SQLITE_OK);
	execute("SELECT 3", SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	db = mine;
	memcpy(result[traced], heard, sizeof(heard));
	return result[traced];
}

static void
test_callbacks_of_the_application(void **state)
{
	const char *bare;

	(void) state;
	bare = use_callbacks(false);
	assert_int_equal(collect_count("sqlite-stop"), 0);
	assert_string_equal(use_callbacks(true), bare);
	assert_int_equal(collect_count("sqlite-stop"), 8);
	(void) collect_tree();
}

static void
test_callbacks_of_old(void **state)
{
	const char *bare;

	(void) state;
	bare = use_callbacks_of_old(false);
	assert_non_null(strstr(bare, "old profile"));
	assert_string_equal(use_callbacks_of_old(true), bare);
	assert_int_equal(collect_count("sqlite-stop"), 8 * 8 * 8);
	(void) collect_tree();
}

static void
set_errno(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void) argc;
	(void) argv;
	errno = 4242;
	sqlite3_result_int(ctx, 1);
}

/* Executes statements, and appends everything that the application can ask for after
 * each of them. */
static void
describe(const char *sql, char *out, size_t size)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail = sql;
	size_t len = strlen(out);
	int rc = SQLITE_OK;

	while (*tail != '\0')
	{
		int prepared = sqlite3_prepare_v2(db, tail, -1, &stmt, &tail);
		int rows = 0;
		int reset;

		while (stmt != NULL && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			rows++;
		reset = sqlite3_finalize(stmt);
		(void) snprintf(out + len,
						size - len,
						"%d %d %d %d %d %d %s %d %d %d\n",
						prepared,
						rc,
						rows,
						reset,
						sqlite3_errcode(db),
						sqlite3_extended_errcode(db),
						sqlite3_errmsg(db),
						sqlite3_changes(db),
						sqlite3_total_changes(db),
						errno);
		len += strlen(out + len);
		stmt = NULL;
		if (prepared != SQLITE_OK)
			break;
	}
}

static void
run_script(bool traced, char *out, size_t size)
{
	static const char *const script[] = {
		"CREATE TABLE t(a UNIQUE, b NOT NULL); CREATE TABLE l(x);",
		"CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM l; END;",
		"INSERT INTO t VALUES (1, 1), (2, 2);",
		"INSERT INTO t VALUES (1, 1);",
		"SELECT set_errno();",
		"INSERT OR IGNORE INTO t VALUES (1, 1);",
		"UPDATE t SET b = b + 1; SELECT * FROM t; DELETE FROM t WHERE a = 2;",
		"INSERT INTO t VALUES (3, NULL);",
		"SELEC;",
		"SELECT abs(-9223372036854775808);",
		"INSERT INTO t VALUES (7, 7) RETURNING a, b;",
		"BEGIN; INSERT INTO t VALUES (8, 8); ROLLBACK; COMMIT;",
		"CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('a');",
		"DROP TABLE t; SELECT * FROM t;",
	};
	sqlite3 *mine = db;
	size_t i;

	out[0] = '\0';
	errno = 0;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	if (traced)
		attach(db);
	errno = 0;
	assert_int_equal(
		sqlite3_create_function(
			db, "set_errno", 0, SQLITE_UTF8, NULL, set_errno, NULL, NULL),
		SQLITE_OK);
	for (i = 0; i < sizeof(script) / sizeof(script[0]); i++)
		describe(script[i], out, size);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	db = mine;
}

static void
test_nothing_changes_for_the_application(void **state)
{
	static char bare[16384];
	static char traced[16384];

	(void) state;
	run_script(false, bare, sizeof(bare));
	run_script(true, traced, sizeof(traced));
	assert_string_equal(traced, bare);
	assert_true(collect_count("sqlite-stop") > 20);
}

#define THREADS    4
#define STATEMENTS 500

/* A thread that executes its own statements on a connection that all threads share. */
static void *
use_shared_connection(void *conn)
{
	sqlite3_stmt *stmt;
	int i;

	if (osp_init(KEY, BASE, NULL) != OSP_OK)
		return "osp_init";
	osp_start("thread", NULL);
	for (i = 0; i < STATEMENTS; i++)
	{
		if (sqlite3_exec(conn, "INSERT INTO t VALUES (1)", NULL, NULL, NULL) !=
			SQLITE_OK)
			return "exec";
		if (sqlite3_prepare_v2(conn, "VALUES (1), (2)", -1, &stmt, NULL) !=
				SQLITE_OK ||
			sqlite3_step(stmt) != SQLITE_ROW ||
			sqlite3_finalize(stmt) != SQLITE_OK)
			return "select";
	}
	osp_stop(NULL);
	return NULL;
}

static void
run_threads(void *(*fn)(void *), void *arg)
{
	pthread_t threads[THREADS];
	void *result;
	int i;

	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fn, arg), 0);
	for (i = 0; i < THREADS; i++)
	{
		assert_int_equal(pthread_join(threads[i], &result), 0);
		if (result != NULL)
			fail_msg("%s", (const char *) result);
	}
}

static void
test_serialised_threads(void **state)
{
	(void) state;
	osp_clean();
	execute("CREATE TABLE t(a)", SQLITE_OK);
	run_threads(use_shared_connection, db);
	assert_int_equal(collect_count("thread-stop"), THREADS);
	assert_int_equal(collect_count("sqlite-start"), THREADS * STATEMENTS * 2);
	assert_int_equal(collect_count("sqlite-stop"), THREADS * STATEMENTS * 2);
	(void) collect_tree();
}

/* A thread that opens and closes connections without a mutex. */
static void *
use_own_connections(void *unused)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *own;
	int i;

	(void) unused;
	if (osp_init(KEY, BASE, NULL) != OSP_OK)
		return "osp_init";
	for (i = 0; i < STATEMENTS / 10; i++)
	{
		if (sqlite3_open_v2(":memory:", &own, flags, NULL) != SQLITE_OK ||
			osp_sqlite_enable(own, NULL) != SQLITE_OK ||
			sqlite3_exec(own, "SELECT 1", NULL, NULL, NULL) != SQLITE_OK ||
			sqlite3_close(own) != SQLITE_OK)
			return "own connection";
	}
	return NULL;
}

static void
test_multi_thread_mode(void **state)
{
	(void) state;
	run_threads(use_own_connections, NULL);
	assert_int_equal(collect_count("sqlite-stop"), THREADS * STATEMENTS / 10);
	(void) collect_tree();
}

static sqlite3_stmt *shared_stmt;

/* All threads step one statement. In serialised mode that is allowed, though hardly
 * useful. */
static void *
use_shared_statement(void *conn)
{
	int i;

	(void) conn;
	if (osp_init(KEY, BASE, NULL) != OSP_OK)
		return "osp_init";
	for (i = 0; i < STATEMENTS; i++)
	{
		(void) sqlite3_step(shared_stmt);
		(void) sqlite3_reset(shared_stmt);
	}
	return NULL;
}

static void
test_one_statement_in_many_threads(void **state)
{
	(void) state;
	osp_clean();
	shared_stmt = prepare("VALUES (1), (2), (3)");
	run_threads(use_shared_statement, db);
	assert_int_equal(sqlite3_finalize(shared_stmt), SQLITE_OK);
	assert_int_equal(collect_count("sqlite-start"),
					 collect_count("sqlite-stop"));
}

static void *
interrupt_later(void *conn)
{
	(void) usleep(20000);
	sqlite3_interrupt(conn);
	return NULL;
}

static void
test_interrupt_from_another_thread(void **state)
{
	pthread_t thread;

	(void) state;
	assert_int_equal(pthread_create(&thread, NULL, interrupt_later, db), 0);
	execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
			" SELECT count(*) FROM n",
			SQLITE_INTERRUPT);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(collect_has("\"etype\": \"SQLITE_INTERRUPT\""));
	(void) collect_tree();
}

/* A child process does not end the parent's open statement. */
static void
test_fork(void **state)
{
	sqlite3_stmt *stmt = prepare("VALUES (1), (2)");
	int status;
	pid_t child;

	(void) state;
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(collect_count("sqlite-start"), 1);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		sqlite3 *own;
		bool good;

		good = collect_count("sqlite-stop") == 0 &&
			   sqlite3_step(stmt) == SQLITE_ROW &&
			   sqlite3_finalize(stmt) == SQLITE_OK &&
			   collect_count("sqlite-stop") == 0 &&
			   sqlite3_open(":memory:", &own) == SQLITE_OK &&
			   osp_sqlite_enable(own, NULL) == SQLITE_OK &&
			   sqlite3_exec(own, "SELECT 5", NULL, NULL, NULL) == SQLITE_OK &&
			   sqlite3_close(own) == SQLITE_OK &&
			   collect_count("sqlite-stop") == 1;
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	expect_tree("sqlite  VALUES (1), (2)  1 row\n");
}

/* The number of the connection that recorded this statement in the process pid; 0: it
 * is not recorded. */
static long
recorded_by(const char *statement, pid_t pid)
{
	char text[256];
	long connection = 0;

	do
		(void) snprintf(text,
						sizeof(text),
						"\"db\": {\"statement\": \"%s\", \"name\": "
						"\":memory:\", \"connection\": %ld, \"unmeasured\": "
						"\"syncs\", \"pid\": %ld}",
						statement,
						++connection,
						(long) pid);
	while (!collect_has(text) && connection < 1000);
	return connection < 1000 ? connection : 0;
}

/* Each start has the number of its process and its connection, also if a child process
 * uses a connection of its parent. */
static void
test_process_and_connection(void **state)
{
	sqlite3 *other;
	long first;
	int status;
	pid_t child;

	(void) state;
	execute("SELECT 11", SQLITE_OK);
	first = recorded_by("SELECT 11", getpid());
	assert_true(first > 0);
	assert_int_equal(sqlite3_open(":memory:", &other), SQLITE_OK);
	assert_int_equal(osp_sqlite_enable(other, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "SELECT 12", NULL, NULL, NULL),
					 SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(recorded_by("SELECT 12", getpid()), first + 1);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		bool good =
			sqlite3_exec(db, "SELECT 11", NULL, NULL, NULL) == SQLITE_OK &&
			recorded_by("SELECT 11", getpid()) == first;

		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static long
resident_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	char line[128];
	char *resident;

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	(void) fclose(f);
	resident = strchr(line, ' ');
	assert_non_null(resident);
	return strtol(resident, NULL, 10);
}

static void
open_use_and_close(long times)
{
	sqlite3 *own;

	while (times-- > 0)
	{
		assert_int_equal(sqlite3_open(":memory:", &own), SQLITE_OK);
		assert_int_equal(osp_sqlite_enable(own, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_exec(own, "SELECT 1", NULL, NULL, NULL),
						 SQLITE_OK);
		assert_int_equal(sqlite3_close(own), SQLITE_OK);
	}
}

/*
 * The first connections write to each page of the ring. After that, further ones
 * need no more memory. TEST_CONNECTIONS sets a smaller number for tools that are
 * slow and use memory themselves.
 */
static void
test_many_connections(void **state)
{
	const char *count = getenv("TEST_CONNECTIONS");
	long before;

	(void) state;
	osp_set_notifier(NULL, NULL);
	if (count != NULL)
	{
		open_use_and_close(strtol(count, NULL, 10));
		return;
	}
	open_use_and_close(50000);
	before = resident_pages();
	open_use_and_close(50000);
	assert_in_range(resident_pages(), 0, before + 96);
}

static void
test_many_open_statements(void **state)
{
	static sqlite3_stmt *stmts[1000];
	size_t i;

	(void) state;
	for (i = 0; i < 1000; i++)
	{
		stmts[i] = prepare("VALUES (1), (2)");
		assert_int_equal(sqlite3_step(stmts[i]), SQLITE_ROW);
	}
	for (i = 0; i < 1000; i++)
		assert_int_equal(sqlite3_finalize(stmts[i]), SQLITE_OK);
	assert_int_equal(collect_count("sqlite-start"), 1000);
	assert_int_equal(collect_count("sqlite-stop"), 1000);
}

static void
test_options(void **state)
{
	osp_sqlite_options options;
	sqlite3_stmt *stmt;

	(void) state;
	osp_sqlite_options_init(&options);
	options.rows = false;
	options.statistics = false;
	options.triggers = false;
	options.parameters = true;
	options.statement_max = 30;
	assert_int_equal(osp_sqlite_enable(db, &options), SQLITE_OK);
	execute("CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN"
			" SELECT 1; END; INSERT INTO t VALUES (1)",
			SQLITE_OK);
	stmt = prepare("SELECT a FROM t WHERE a = ?");
	assert_int_equal(sqlite3_bind_int(stmt, 1, 1), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_true(collect_has("\"expanded\": \"SELECT a FROM t WHERE a = 1\""));
	assert_true(collect_has("\"CREATE TRIGGER g AFTER INSERT \""));
	assert_false(collect_has("\"rows\""));
	assert_false(collect_has("\"stats\""));
	assert_int_equal(collect_count("sqlite.trigger-start"), 0);
	osp_sqlite_disable(db);
	assert_false(osp_sqlite_enabled(db));
	execute("SELECT 1", SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 4);
	attach(db);
}

/* If a statement handle gets the address of a finalized one, its own text is recorded,
 * also if the former one was not traced. */
static void
test_same_address(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < 100; i++)
	{
		assert_string_equal(value_of("SELECT osprofiler_stop('{}')"), "1");
		execute("SELECT 'an equally long text !'", SQLITE_OK);
		execute("SELECT 'another text, as long!'", SQLITE_OK);
	}
	assert_int_equal(collect_count("sqlite-stop"), 200);
	assert_true(collect_has("SELECT 'an equally"));
	assert_true(collect_has("SELECT 'another"));
}

static void
test_texts(void **state)
{
	static char sql[1024 * 1024 + 64];

	(void) state;
	memset(sql, 'x', sizeof(sql));
	memcpy(sql, "SELECT '", 8);
	memcpy(sql + sizeof(sql) - 2, "'", 2);
	execute(sql, SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 1);
	execute("SELECT '\xff\xfe\xc3' -- \x80", SQLITE_OK);
	assert_int_equal(collect_count("sqlite-stop"), 2);
	assert_non_null(strstr(collect_tree(), "sqlite  SELECT '"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_context_in_a_comment),
		TEST(test_context_in_the_uri),
		TEST(test_sql_functions),
		TEST(test_callbacks_of_the_application),
		TEST(test_callbacks_of_old),
		TEST(test_nothing_changes_for_the_application),
		TEST(test_serialised_threads),
		TEST(test_multi_thread_mode),
		TEST(test_one_statement_in_many_threads),
		TEST(test_interrupt_from_another_thread),
		TEST(test_fork),
		TEST(test_process_and_connection),
		TEST(test_many_connections),
		TEST(test_many_open_statements),
		TEST(test_options),
		TEST(test_same_address),
		TEST(test_texts),
	};
	char run[128];
	int failed;

	(void) snprintf(run, sizeof(run), "/dev/shm/osprofiler-test-%d", getpid());
	if (setenv("OSPROFILER_RUN_DIR", run, 1) != 0 ||
		setenv("OSPROFILER_HMAC_KEYS", KEY, 1) != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tempdir_remove_this(run);
	return failed;
}
