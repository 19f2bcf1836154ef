/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.c
 *	  A traced connection, and functions of the tests for it.
 */
#include "fixture.h"

sqlite3 *db;

#ifdef TEST_BY_HOOK
void
attach(sqlite3 *conn)
{
	char *message = NULL;

	(void) sqlite3_enable_load_extension(conn, 1);
	if (sqlite3_load_extension(conn,
							   OSP_TEST_BUILD "/sqlite_osprofiler/osprofiler",
							   NULL,
							   &message) != SQLITE_OK)
		fail_msg("%s", message);
}
#else
void
attach(sqlite3 *conn)
{
	assert_int_equal(osp_sqlite_enable(conn, NULL), SQLITE_OK);
	assert_true(osp_sqlite_enabled(conn));
}
#endif

sqlite3 *
open_file(const char *name)
{
	const int flags =
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
	sqlite3 *conn;

	assert_int_equal(sqlite3_open_v2(name, &conn, flags, NULL), SQLITE_OK);
	attach(conn);
	return conn;
}

int
set_up(void **state)
{
	(void) state;
	collect_begin();
	db = open_file(":memory:");
	assert_int_equal(osp_init(KEY, BASE, NULL), OSP_OK);
	return 0;
}

int
tear_down(void **state)
{
	(void) state;
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	osp_clean();
	collect_end();
	return 0;
}

sqlite3_stmt *
prepare(const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return stmt;
}

void
execute(const char *sql, int rc)
{
	int got = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (got != rc)
		fail_msg("%s: %d, %s", sql, got, sqlite3_errmsg(db));
}

void
expect_tree(const char *expected)
{
	assert_string_equal(collect_tree(), expected);
}
