/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_exec.c
 *	  sqlite3_exec, and with it sqlite3_get_table.
 *
 * It prepares and steps by the functions that are wrapped, but finalizes by one
 * of SQLite's own. So a statement that is cut short, because the callback says
 * so or its memory runs out, would stay open. A statement that a call began,
 * and that is open when the call returns, has been finalized by the call.
 */
#include "wrap_exec.h"

#include "sqlite_home.h"
#include "sqlite_operation.h"
#include "wrappers.h"

__thread osp_sqlite_exec *osp_sqlite__exec_now = NULL;

static bool
is_of(const osp_sqlite_stmt *st, const void *exec)
{
	return st->exec == exec;
}

static void
end_cut_short(sqlite3 *db, const osp_sqlite_exec *exec)
{
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);
	osp_sqlite_result result = {.outcome = OSP_SQLITE_RESET};
	osp_sqlite_stmt st;

	/* The statement is finalized already, so its counters cannot be read. */
	while (conn != NULL && osp_sqlite__any_open(conn) &&
		   osp_sqlite__stmt_take_if(conn, is_of, exec, &st))
	{
		result.has_rows = conn->options.rows && st.rows > 0;
		osp_sqlite__stop(&st, &result);
	}
}

int
osp_sqlite__exec(sqlite3 *db, const char *sql,
				 int (*fn)(void *, int, char **, char **), void *ctx,
				 char **message)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	osp_sqlite_exec exec = {osp_sqlite__exec_now, osp__depth.sqlite};
	int rc;

	if (OSP_UNLIKELY(real != &osp_sqlite__home))
		return real->exec(db, sql, fn, ctx, message);
	osp_sqlite__exec_now = &exec;
	rc = real->exec(db, sql, fn, ctx, message);
	osp_sqlite__exec_now = exec.outer;
	if (OSP_UNLIKELY(rc != SQLITE_OK) && osp_sqlite__is_watched())
		end_cut_short(db, &exec);
	return rc;
}

OSP_SQLITE_EXPORT(exec);
