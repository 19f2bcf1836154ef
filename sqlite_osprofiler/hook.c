/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.c
 *	  SQLite's trace hook, ours and the application's at the same time.
 *
 * A connection whose statements are traced by the wrappers needs the hook only to
 * notice triggers. For the others the hook is the only source: STMT is a start and
 * PROFILE a stop. Their wrong reports are corrected as far as possible:
 *
 * - The text of a top-level statement is recognised by its address, never by its
 *   first characters: users write comments, too.
 * - A trigger, its steps, and the actions of a foreign key are reported as
 *   statements. They are recognised by their handle, which is open already.
 * - EXPLAIN has a stop without a start.
 * - After a change of the schema a statement has two stops. At the first one the
 *   last error of the log is SQLITE_SCHEMA.
 * - SQLite's time has only milliseconds, so we measure it ourselves.
 * - SQLite's error code is not up to date during the callback, so the error is
 *   taken from the log.
 *
 * PROFILE makes SQLite read its clock twice for every statement. So it is asked
 * for only while something can be traced: always if there are keys by which a
 * context in a comment could be verified, or if the connection has a context of
 * its own; otherwise while a thread traces. At other times a connection sleeps,
 * and the thread that begins to trace wakes it. That fails if another thread is
 * using the connection at that moment; then the first statement after that is not
 * traced. Without a mutex (multi-thread mode) a connection cannot be woken by
 * other threads, so it does not sleep.
 *
 * The callback runs in the thread of the statement, with the connection's mutex
 * held.
 */
#include "hook.h"

#include "fast.h"

/*
 * The events that we register for. SQLite may report statements of its own
 * schema work during a step.
 */
#define HOOK_MASK (SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE | SQLITE_TRACE_ROW)

__thread int osp_sqlite__logged = 0;

/*
 * Is x the text that SQLite reports for a statement that begins inside another
 * one? It may be NULL if there was no memory for the text. Then the statement
 * is inside another one, but what it is remains unknown.
 */
static bool
is_nested_text(const char *x, const char *sql)
{
	return x == NULL || (x[0] == '-' && x[1] == '-' && x[2] == ' ' &&
						 strcmp(x + 3, sql) == 0);
}

static void
trigger_event(osp_sqlite_conn *conn, osp_sqlite_stmt *st, const char *x)
{
	static const char prefix[] = "-- TRIGGER ";
	const size_t len = sizeof(prefix) - 1;

	if (!conn->options.triggers)
		return;

	/* Inside a statement that is itself nested the dashes are repeated. */
	if (strncmp(x, "-- -- ", 6) == 0)
		x += 3;
	if (strncmp(x, prefix, len) == 0)
		osp_sqlite__trigger_start(st, osp_str_of(x + len));
	else if (st->trigger_open)
		osp_sqlite__trigger_step(st);
}

static void
start_by_hook(osp_sqlite_conn *conn, sqlite3_stmt *stmt, const char *sql,
			  bool nested)
{
	osp_sqlite_stmt *outer = NULL;
	osp_sqlite_stmt *st;

	if (nested)
	{
		if (!conn->options.nested)
			return;
		outer = osp_sqlite__stmt_outer(conn);
	}
	if (outer != NULL)
	{
		osp__hook_enter(&outer->point);
		outer->has_children = true;
	}
	osp_sqlite__innermost = outer;
	st = osp_sqlite__begin(conn, stmt, sql);
	osp_sqlite__innermost = NULL;
	if (outer != NULL)
		osp__hook_leave(&outer->point);
	if (st == NULL)
		return;
	st->first_step = true;
	osp_sqlite__stmt_add(conn, st);
	osp_sqlite__logged = 0;
}

/* Handles STMT of a connection that has wrappers: only its triggers are of interest. */
static void
on_stmt_wrapped(osp_sqlite_conn *conn, sqlite3_stmt *stmt, const char *x)
{
	const char *sql;
	osp_sqlite_stmt *st;

	if (__atomic_load_n(&conn->open, __ATOMIC_RELAXED) == NULL)
		return;
	sql = sqlite3_sql(stmt);
	if (OSP_LIKELY(x == sql) || sql == NULL || is_nested_text(x, sql))
		return;
	st = osp_sqlite__stmt_find(conn, stmt);
	if (st != NULL)
		trigger_event(conn, st, x);
}

/*
 * Ends a statement that sqlite3_exec cut short and finalized without a PROFILE
 * event. The statement at its address now is another one: it never ran, while
 * an open one has.
 */
static void
end_unheard(osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_result result = {.outcome = OSP_SQLITE_RESET};
	osp_sqlite_stmt *st = osp_sqlite__stmt_take(conn, stmt);

	if (st == NULL)
		return;
	result.has_rows = conn->options.rows && st->rows > 0;
	osp_sqlite__stop(st, &result);
	osp_sqlite__stmt_free(st);
}

static void
on_stmt(osp_sqlite_conn *conn, sqlite3_stmt *stmt, const char *x)
{
	const char *sql = sqlite3_sql(stmt);
	osp_sqlite_stmt *st;

	if (sql == NULL)
		return;
	if (__atomic_load_n(&conn->open, __ATOMIC_RELAXED) == NULL &&
		!osp_sqlite__may_be_traced(conn, sql))
		return;
	st = osp_sqlite__stmt_find(conn, stmt);
	if (st != NULL && x == sql &&
		sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0) == 0)
	{
		end_unheard(conn, stmt);
		st = NULL;
	}
	if (st == NULL)
		start_by_hook(conn, stmt, sql, x != sql);
	else if (x != sql && !is_nested_text(x, sql))
		trigger_event(conn, st, x);
}

static void
on_row(osp_sqlite_conn *conn, sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st;

	if (conn->wrapped || __atomic_load_n(&conn->open, __ATOMIC_RELAXED) == NULL)
		return;
	st = osp_sqlite__stmt_find(conn, stmt);
	if (st == NULL)
		return;
	st->rows++;
	st->first_step = false;
}

/* Derives from the state of a statement how it stopped. */
static void
judge(sqlite3_stmt *stmt, osp_sqlite_result *result)
{
	if (sqlite3_stmt_busy(stmt) == 0)
	{
		result->rc = osp_sqlite__logged != 0 ? osp_sqlite__logged : SQLITE_DONE;
		return;
	}
	if (sqlite3_data_count(stmt) > 0)
	{
		result->rc = SQLITE_ROW;
		result->outcome = OSP_SQLITE_RESET;
		return;
	}

	/*
	 * The statement may be continued: another connection holds a lock, or a
	 * commit was refused.
	 */
	result->rc = osp_sqlite__logged != 0 ? osp_sqlite__logged : SQLITE_BUSY;
}

static void
on_profile(osp_sqlite_conn *conn, sqlite3_stmt *stmt)
{
	osp_sqlite_result result = {.rc = SQLITE_DONE};
	osp_sqlite_stmt *st;
	const char *sql;

	if (conn->wrapped)
		return;
	st = osp_sqlite__stmt_find(conn, stmt);
	if (st == NULL)
	{
		sql = sqlite3_sql(stmt);
		if (sql != NULL && sqlite3_stmt_isexplain(stmt) != 0 &&
			osp_sqlite__may_be_traced(conn, sql))
			osp_sqlite__late(conn, stmt, sql);
		return;
	}
	if (osp_sqlite__logged == SQLITE_SCHEMA)
	{
		/*
		 * The statement is prepared again and runs once more, so this is not
		 * its end.
		 */
		osp_sqlite__logged = 0;
		return;
	}
	judge(stmt, &result);
	osp_sqlite__logged = 0;
	osp_sqlite__look(st, &result);
	st = osp_sqlite__stmt_take(conn, stmt);
	if (st == NULL)
		return;
	osp_sqlite__finish(st, &result);
	osp_sqlite__stmt_free(st);
}

/* Passes an event to the application's own callbacks, in SQLite's order. */
static void
pass_on(const osp_sqlite_conn *conn, unsigned event, void *p, void *x)
{
	const osp_sqlite_app_trace *app = &conn->app;
	char *text = NULL;
	const char *sql;

	if ((app->events & event) == 0)
		return;
	if (app->profile != NULL && event == SQLITE_TRACE_PROFILE)
		app->profile(
			app->profile_ctx, sqlite3_sql(p), *(const sqlite3_uint64 *) x);
	if (app->fn != NULL && (app->mask & event) != 0)
		(void) app->fn(event, app->ctx, p, x);
	if (app->old == NULL || event != SQLITE_TRACE_STMT)
		return;

	/* The callback of sqlite3_trace gets the text with its parameters filled in. */
	sql = sqlite3_sql(p);
	if (sql != NULL && (x == sql || is_nested_text(x, sql)))
		text = sqlite3_expanded_sql(p);
	app->old(app->ctx, text != NULL ? text : x);
	sqlite3_free(text);
}

/* A connection sleeps after this many statements without a trace. */
#define IDLE_MAX 1000

/* How many connections sleep. */
static unsigned sleepers = 0;

static unsigned
tracers(void)
{
	return __atomic_load_n(&osp__tracers, __ATOMIC_SEQ_CST);
}

/*
 * Must the connection stay awake? It must if its statements may be traced
 * although no thread traces, or if it could not be woken.
 */
static bool
is_sleepless(const osp_sqlite_conn *conn)
{
	const osp_config *config = osp__hook_config();

	return conn->wrapped || conn->has_context ||
		   sqlite3_db_mutex(conn->db) == NULL ||
		   (config != NULL && config->enabled &&
			(config->hmac_keys[0] != '\0' ||
			 config->hmac_keys_file[0] != '\0'));
}

/*
 * Wakes a connection. The caller of this function, and of the next one, holds
 * the connection's mutex.
 */
static void
wake(osp_sqlite_conn *conn)
{
	conn->asleep = false;
	conn->idle = 0;
	(void) __atomic_fetch_sub(&sleepers, 1, __ATOMIC_SEQ_CST);
	(void) osp_sqlite__hook_register(conn);
}

static void
fall_asleep(osp_sqlite_conn *conn)
{
	conn->asleep = true;
	(void) __atomic_fetch_add(&sleepers, 1, __ATOMIC_SEQ_CST);
	(void) osp_sqlite__hook_register(conn);

	/* A thread that began to trace meanwhile may not have seen that it sleeps. */
	if (tracers() > 0)
		wake(conn);
}

static void
wake_one(osp_sqlite_conn *conn, void *unused)
{
	sqlite3_mutex *mutex = sqlite3_db_mutex(conn->db);

	(void) unused;
	if (mutex == NULL || sqlite3_mutex_try(mutex) != SQLITE_OK)
		return;
	if (conn->asleep)
		wake(conn);
	sqlite3_mutex_leave(mutex);
}

void
osp_sqlite__hook_forget(const osp_sqlite_conn *conn)
{
	if (conn->asleep)
		(void) __atomic_fetch_sub(&sleepers, 1, __ATOMIC_SEQ_CST);
}

void
osp_sqlite__hook_wake(void)
{
	if (__atomic_load_n(&sleepers, __ATOMIC_SEQ_CST) > 0)
		osp_sqlite__conn_each(wake_one, NULL);
}

/* Should the event be ignored, since the connection sleeps, or falls asleep now? */
static bool
is_asleep(osp_sqlite_conn *conn)
{
	if (conn->asleep)
	{
		if (OSP_UNLIKELY(tracers() > 0))
			wake(conn);
		return true;
	}
	if (OSP_LIKELY(conn->wrapped || tracers() > 0 ||
				   osp_sqlite__any_open(conn)))
	{
		conn->idle = 0;
		return false;
	}
	if (++conn->idle < IDLE_MAX)
		return false;
	conn->idle = 0;
	if (is_sleepless(conn))
		return false;
	fall_asleep(conn);
	return true;
}

static int
on_event(unsigned event, void *ctx, void *p, void *x)
{
	osp_sqlite_conn *conn = ctx;

	if (OSP_LIKELY(conn->enabled) && !is_asleep(conn))
	{
		if (event == SQLITE_TRACE_STMT && conn->wrapped)
			on_stmt_wrapped(conn, p, x);
		else if (event == SQLITE_TRACE_STMT)
			on_stmt(conn, p, x);
		else if (event == SQLITE_TRACE_ROW)
			on_row(conn, p);
		else if (event == SQLITE_TRACE_PROFILE)
			on_profile(conn, p);
	}
	if (OSP_UNLIKELY(conn->app.events != 0))
		pass_on(conn, event, p, x);
	return 0;
}

static unsigned
our_mask(const osp_sqlite_conn *conn)
{
	if (!conn->enabled)
		return 0;
	if (!conn->wrapped)
		return conn->asleep ? SQLITE_TRACE_STMT : HOOK_MASK;
	return conn->registered && conn->options.triggers ? SQLITE_TRACE_STMT : 0;
}

int
osp_sqlite__hook_register(osp_sqlite_conn *conn)
{
	unsigned mask = our_mask(conn) | conn->app.events;

	return sqlite3_trace_v2(conn->db, mask, mask != 0 ? on_event : NULL, conn);
}

int
osp_sqlite__hook_attach(osp_sqlite_conn *conn)
{
	sqlite3_mutex *mutex = sqlite3_db_mutex(conn->db);
	int rc;

	sqlite3_mutex_enter(mutex);
	rc = osp_sqlite__hook_register(conn);
	if (rc == SQLITE_OK && !conn->asleep && tracers() == 0 &&
		!is_sleepless(conn))
		fall_asleep(conn);
	sqlite3_mutex_leave(mutex);
	return rc;
}
