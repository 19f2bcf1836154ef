/* SPDX-License-Identifier: Apache-2.0
 *
 * test_memory.c
 *	  Memory runs out, at every single place where some is asked for: by SQLite,
 *	  by us, by the core.
 */
#include "fixture.h"

#include <errno.h>
#include <string.h>

/* The sanitizers have a malloc of their own, and no room for another. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL 0
#else
#define CAN_FAIL 1
#endif

static long fail_at; /* 0: none; else counts down */
static bool failed;

#if CAN_FAIL

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

static bool
is_to_fail(void)
{
	if (fail_at == 0 || --fail_at > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

OSP_API void *
malloc(size_t size)
{
	return is_to_fail() ? NULL : __libc_malloc(size);
}

OSP_API void *
calloc(size_t count, size_t size)
{
	return is_to_fail() ? NULL : __libc_calloc(count, size);
}

OSP_API void *
realloc(void *ptr, size_t size)
{
	return is_to_fail() ? NULL : __libc_realloc(ptr, size);
}
#endif

/* Is our malloc the one that is called? valgrind puts its own before it. */
static bool
can_fail(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return CAN_FAIL && (preloaded == NULL || strstr(preloaded, "vg") == NULL);
}

/* A statement within a statement, with a trigger within that. */
static void
insert_nested(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void) argc;
	(void) argv;
	sqlite3_result_int(ctx,
					   sqlite3_exec(sqlite3_context_db_handle(ctx),
									"INSERT INTO t VALUES (2)",
									NULL,
									NULL,
									NULL));
}

/* No memory of the connection's own: what it says of statements is allocated,
 * too, each time. By the hook it is traced from its opening. */
static void
prepare_connection(sqlite3 *conn)
{
	(void) sqlite3_db_config(conn, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
#ifndef TEST_BY_HOOK
	(void) osp_sqlite_enable(conn, NULL);
#endif
	(void) sqlite3_create_function(
		conn, "insert_nested", 0, SQLITE_UTF8, NULL, insert_nested, NULL, NULL);
}

/* What comes of it does not matter: it may fail anywhere. */
static void
work(void)
{
	sqlite3 *conn = NULL;
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_open(":memory:", &conn) == SQLITE_OK)
	{
		prepare_connection(conn);
		(void) sqlite3_exec(conn,
							"CREATE TABLE t(a UNIQUE);"
							"CREATE TRIGGER g AFTER INSERT ON t BEGIN"
							" SELECT 1; END; INSERT INTO t VALUES (1)",
							NULL,
							NULL,
							NULL);
		(void) sqlite3_exec(conn, "INSERT INTO t VALUES (1)", NULL, NULL, NULL);
		(void) sqlite3_exec(
			conn, "DELETE FROM t WHERE insert_nested()", NULL, NULL, NULL);
		(void) sqlite3_exec(conn, "SELEC", NULL, NULL, NULL);
		if (sqlite3_prepare_v2(conn,
							   "SELECT osprofiler_context(), a FROM t",
							   -1,
							   &stmt,
							   NULL) == SQLITE_OK)
			(void) sqlite3_step(stmt);
		(void) sqlite3_finalize(stmt);
	}
	(void) sqlite3_close(conn);
}

static void
test_every_allocation_fails(void **state)
{
	long n;

	(void) state;
	for (n = 1;; n++)
	{
		failed = false;
		fail_at = n;
		work();
		fail_at = 0;
		if (!failed)
			break;
	}
	print_message("# %ld allocations failed, one a time\n", n - 1);
	assert_true(n > 20 || !can_fail());

	/* The last time all went well: everything was traced. */
	assert_true(collect_count("sqlite-stop") >= 5);
	assert_int_equal(collect_count("sqlite-start"),
					 collect_count("sqlite-stop"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
