/* SPDX-License-Identifier: Apache-2.0
 *
 * test_threads.c
 *	  Connections of the run-time extension sleep while nothing is traced. Threads wake
 *	  them while other threads use, open and close them.
 */
#include "fixture.h"

#include <pthread.h>

#define THREADS 3
#define ROUNDS  30

/* A connection sleeps after this number of statements that were not traced. */
#define PAUSE 1100

static bool over; /* the threads without a trace have to end */

static bool
run(sqlite3 *conn, const char *sql)
{
	return sqlite3_exec(conn, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool
run_often(sqlite3 *conn, int times)
{
	sqlite3_stmt *stmt;
	bool done =
		sqlite3_prepare_v2(conn, "SELECT 0", -1, &stmt, NULL) == SQLITE_OK;
	int i;

	for (i = 0; i < times && done; i++)
		done = sqlite3_step(stmt) == SQLITE_ROW &&
			   sqlite3_reset(stmt) == SQLITE_OK;
	return sqlite3_finalize(stmt) == SQLITE_OK && done;
}

/* Begins a trace again and again, which wakes the connections. */
static void *
trace_now_and_then(void *conn)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
	{
		if (osp_init(KEY, BASE, NULL) != OSP_OK)
			return "osp_init";
		if (!run(conn, "SELECT 1; VALUES (2), (3)"))
			return "traced";
		osp_clean();
		if (!run_often(conn, PAUSE))
			return "not traced";
	}
	return NULL;
}

/* Opens and closes connections, which sleep from the beginning. */
static void *
open_and_close(void *unused)
{
	sqlite3 *own;

	(void) unused;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
	{
		if (sqlite3_open(":memory:", &own) != SQLITE_OK ||
			!run(own, "SELECT 4") || sqlite3_close(own) != SQLITE_OK)
			return "own connection";
	}
	return NULL;
}

/* Uses a connection all the time, and never traces. */
static void *
use_untraced(void *conn)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
	{
		if (!run_often(conn, 100))
			return "statement";
	}
	return NULL;
}

static void
start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	assert_int_equal(pthread_create(thread, NULL, fn, arg), 0);
}

static void
join(pthread_t thread)
{
	void *result;

	assert_int_equal(pthread_join(thread, &result), 0);
	if (result != NULL)
		fail_msg("%s", (const char *) result);
}

static void
test_woken_in_use(void **state)
{
	pthread_t tracing[THREADS];
	pthread_t others[2];
	sqlite3 *idle = open_file(":memory:");
	int i;

	(void) state;
	osp_clean();
	over = false;
	start(&others[0], open_and_close, NULL);
	start(&others[1], use_untraced, idle);
	for (i = 0; i < THREADS; i++)
		start(&tracing[i], trace_now_and_then, db);
	for (i = 0; i < THREADS; i++)
		join(tracing[i]);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		join(others[i]);
	assert_int_equal(sqlite3_close(idle), SQLITE_OK);

	/* Some statements may be missing, because the connection was busy when a trace
	 * began. */
	assert_true(collect_count("sqlite-start") > 0);
	assert_in_range(collect_count("sqlite-start"), 1, THREADS * ROUNDS * 2);
	assert_int_equal(collect_count("sqlite-start"),
					 collect_count("sqlite-stop"));
	(void) collect_tree();
}

static void *
trace_once(void *conn)
{
	if (osp_init(KEY, BASE, NULL) != OSP_OK)
		return "osp_init";
	return run(conn, "SELECT 5") ? NULL : "traced";
}

/* No thread uses the connection when another thread begins a trace, so no statement is
 * missing. */
static void
test_woken_by_another_thread(void **state)
{
	pthread_t thread;

	(void) state;
	osp_clean();
	assert_true(run_often(db, PAUSE));
	start(&thread, trace_once, db);
	join(thread);
	expect_tree("sqlite  SELECT 5  1 row\n");
}

/* Begins a trace in a thread that does not use the connection. Another thread's
 * statements are not traced. */
static void *
only_begin(void *unused)
{
	(void) unused;
	return osp_init(KEY, BASE, NULL) == OSP_OK ? NULL : "osp_init";
}

static void
test_woken_for_nothing(void **state)
{
	pthread_t thread;

	(void) state;
	osp_clean();
	assert_true(run_often(db, PAUSE));
	start(&thread, only_begin, NULL);
	join(thread);
	assert_true(run_often(db, PAUSE));
	assert_int_equal(collect_count("sqlite-start"), 0);
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	execute("SELECT 6", SQLITE_OK);
	expect_tree("sqlite  SELECT 6  1 row\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_woken_in_use),
		TEST(test_woken_by_another_thread),
		TEST(test_woken_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
