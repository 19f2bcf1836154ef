/* SPDX-License-Identifier: Apache-2.0
 *
 * test_memory.c
 *	  Each single allocation fails once: those of SQLite, of this library and of the
 *	  core.
 */
#include "fixture.h"

#include <errno.h>
#include <string.h>

/* The sanitizers define malloc themselves, so it cannot be replaced here. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL 0
#else
#define CAN_FAIL 1
#endif

static long fail_at; /* counts down to the call that fails; 0: none */
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

/* Is the malloc of this file called? Under valgrind its own one is called. */
static bool
can_fail(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return CAN_FAIL && (preloaded == NULL || strstr(preloaded, "vg") == NULL);
}

/* Executes a statement inside another one; it fires a trigger. */
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

/* Switches lookaside memory off, so that SQLite allocates all its objects and can fail
 * each time. With the hook, the connection is traced from its opening on. */
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

/* Any of these calls may fail, so their results are ignored. */
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

	/* In the last round no allocation failed, so everything was traced. */
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
