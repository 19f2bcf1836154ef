/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_in_place.c
 *	  sqlite3_exec for a program that has all of SQLite except this function.
 *
 * A static library of SQLite may have sqlite3_exec in a member of its own, as
 * Debian's has. If libosprofiler_sqlite.so comes before the static library, the
 * linker finds the name in ours and leaves that member out. SQLite calls
 * sqlite3_exec itself, to read a schema.
 */
#include "sqlite_home.h"

/*
 * Makes the array in which a row is passed to the program: names, values, then
 * a NULL.
 */
static char **
make_columns(sqlite3_stmt *stmt, int count)
{
	char **columns = osp_calloc(
		&osp_allocator_default, 2 * (size_t) count + 1, sizeof(*columns));
	int i;

	for (i = 0; i < count && columns != NULL; i++)
		columns[i] = (char *) (uintptr_t) sqlite3_column_name(stmt, i);
	return columns;
}

/*
 * Passes a row to the program. Returns SQLITE_ROW, or the reason to read no
 * further row.
 */
static int
give_row(sqlite3_stmt *stmt, char ***columns,
		 int (*fn)(void *, int, char **, char **), void *ctx)
{
	int count = sqlite3_column_count(stmt);
	int i;

	if (*columns == NULL)
		*columns = make_columns(stmt, count);
	if (*columns == NULL)
		return SQLITE_NOMEM;
	for (i = 0; i < count; i++)
	{
		char *value = (char *) (uintptr_t) sqlite3_column_text(stmt, i);

		if (value == NULL && sqlite3_column_type(stmt, i) != SQLITE_NULL)
			return SQLITE_NOMEM;
		(*columns)[count + i] = value;
	}
	return fn(ctx, count, *columns + count, *columns) == 0 ? SQLITE_ROW
														   : SQLITE_ABORT;
}

/*
 * Runs one statement, and finalizes it. *cut: the returned code is ours, and
 * not an error of the connection.
 */
static int
run_statement(sqlite3_stmt *stmt, int (*fn)(void *, int, char **, char **),
			  void *ctx, bool *cut)
{
	char **columns = NULL;
	int given = SQLITE_ROW;
	int rc;

	while (given == SQLITE_ROW && osp_sqlite__home.step(stmt) == SQLITE_ROW)
		if (fn != NULL)
			given = give_row(stmt, &columns, fn, ctx);
	rc = osp_sqlite__home.finalize(stmt);
	osp_free(&osp_allocator_default, columns);
	*cut = given != SQLITE_ROW;
	return *cut ? given : rc;
}

int
osp_sqlite__exec_in_place(sqlite3 *db, const char *sql,
						  int (*fn)(void *, int, char **, char **), void *ctx,
						  char **message)
{
	bool cut = false;
	int rc = SQLITE_OK;

	sqlite3_mutex_enter(sqlite3_db_mutex(db));
	while (rc == SQLITE_OK && sql != NULL && *sql != '\0')
	{
		sqlite3_stmt *stmt = NULL;

		rc = osp_sqlite__home.prepare_v2(db, sql, -1, &stmt, &sql);
		if (rc == SQLITE_OK && stmt != NULL)
			rc = run_statement(stmt, fn, ctx, &cut);
		sql += strspn(sql, " \t\n\v\f\r");
	}
	if (message != NULL)
		*message = rc == SQLITE_OK ? NULL
								   : sqlite3_mprintf("%s",
													 cut ? sqlite3_errstr(rc)
														 : sqlite3_errmsg(db));
	sqlite3_mutex_leave(sqlite3_db_mutex(db));
	return rc;
}
