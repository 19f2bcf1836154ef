/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_busy.c
 *	  sqlite3_busy_handler: how long statements wait for locks of other
 *	  connections.
 *
 * SQLite calls the handler that the program gave, again and again, until it
 * gets the lock or the handler says to give up. We give SQLite a handler that
 * calls the program's and measures how long that took. sqlite3_busy_timeout and
 * PRAGMA busy_timeout pass SQLite's own handler to this function, so they are
 * measured, too, unless SQLite was built to call its own functions directly.
 */
#include "sqlite_home.h"
#include "statement_waits.h"
#include "wrappers.h"

/* Calls the program's handler and measures it. The connection's mutex is held. */
static int
on_busy(void *ctx, int count)
{
	osp_sqlite_conn *conn = ctx;
	osp_sqlite_waits *waits;
	int64_t begin_ns;
	int answer;

	if (osp_sqlite__waits_here(conn) == NULL)
		return conn->busy_fn(conn->busy_ctx, count);
	begin_ns = osp__hook_now();
	answer = conn->busy_fn(conn->busy_ctx, count);

	/* Another thread may have ended the statement meanwhile. */
	waits = osp_sqlite__waits_here(conn);
	if (waits != NULL)
	{
		waits->busy.count++;
		waits->busy.ns += osp__hook_now() - begin_ns;
	}
	return answer;
}

int
osp_sqlite__busy_handler(sqlite3 *db, int (*fn)(void *, int), void *ctx)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	osp_sqlite_conn *conn;
	int rc;

	if (OSP_UNLIKELY(real != &osp_sqlite__home) || fn == NULL)
		return real->busy_handler(db, fn, ctx);
	conn = osp_sqlite__conn_find(db);
	if (conn == NULL)
		return real->busy_handler(db, fn, ctx);
	sqlite3_mutex_enter(sqlite3_db_mutex(db));
	conn->busy_fn = fn;
	conn->busy_ctx = ctx;
	rc = real->busy_handler(db, on_busy, conn);
	sqlite3_mutex_leave(sqlite3_db_mutex(db));
	return rc;
}

OSP_SQLITE_EXPORT(busy_handler);
