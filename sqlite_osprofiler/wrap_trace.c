/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_trace.c
 *	  sqlite3_trace_v2, sqlite3_trace and sqlite3_profile: the only callback
 *	  that SQLite knows is ours, which calls those of the application.
 */
#include "hook.h"
#include "sqlite_home.h"
#include "wrappers.h"

/* Replaces the application's callback under the connection's mutex, as SQLite would. */
static int
replace(osp_sqlite_conn *conn, osp_sqlite_app_trace app, void **old_ctx)
{
	int rc;

	sqlite3_mutex_enter(sqlite3_db_mutex(conn->db));
	if (old_ctx != NULL)
		*old_ctx = conn->app.ctx;
	app.profile = conn->app.profile;
	app.profile_ctx = conn->app.profile_ctx;
	conn->app = app;
	rc = osp_sqlite__hook_register(conn);
	sqlite3_mutex_leave(sqlite3_db_mutex(conn->db));
	return rc;
}

int
osp_sqlite__trace_v2(sqlite3 *db, unsigned mask,
					 int (*fn)(unsigned, void *, void *, void *), void *ctx)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);
	osp_sqlite_app_trace app = {
		.events = mask, .mask = mask, .fn = fn, .ctx = ctx};

	if (conn == NULL)
		return real->trace_v2(db, mask, fn, ctx);
	if (mask == 0 || fn == NULL)
	{
		app.events = app.mask = 0;
		app.fn = NULL;
	}
	return replace(conn, app, NULL);
}

void *
osp_sqlite__trace(sqlite3 *db, void (*fn)(void *, const char *), void *ctx)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);
	osp_sqlite_app_trace app = {.old = fn, .ctx = ctx};
	void *old_ctx;

	if (conn == NULL)
		return real->trace(db, fn, ctx);
	app.events = fn != NULL ? SQLITE_TRACE_STMT : 0;
	(void) replace(conn, app, &old_ctx);
	return old_ctx;
}

/*
 * Sets the application's profile callback. As in SQLite since 3.28, this
 * removes the callback of sqlite3_trace. sqlite3_trace and sqlite3_trace_v2 in
 * turn stop this one, but it is kept, and is called again when sqlite3_trace_v2
 * asks for PROFILE events.
 */
void *
osp_sqlite__profile(sqlite3 *db,
					void (*fn)(void *, const char *, sqlite3_uint64), void *ctx)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);
	osp_sqlite_app_trace *app;
	void *old_ctx;

	if (conn == NULL)
		return real->profile(db, fn, ctx);
	sqlite3_mutex_enter(sqlite3_db_mutex(db));
	app = &conn->app;
	old_ctx = app->profile_ctx;
	app->profile = fn;
	app->profile_ctx = ctx;
	app->old = NULL;
	app->events = app->mask | (fn != NULL ? SQLITE_TRACE_PROFILE : 0);
	(void) osp_sqlite__hook_register(conn);
	sqlite3_mutex_leave(sqlite3_db_mutex(db));
	return old_ctx;
}

OSP_SQLITE_EXPORT(trace_v2);
OSP_SQLITE_EXPORT(trace);
OSP_SQLITE_EXPORT(profile);
