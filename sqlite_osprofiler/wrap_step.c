/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_step.c
 *	  sqlite3_step, sqlite3_reset, sqlite3_finalize: where a statement begins
 *	  and where it ends.
 *
 * A point is one attempt to run a statement: from the first sqlite3_step to the
 * one that returns anything but SQLITE_ROW, or to a reset or finalize before
 * that. An attempt that ends with SQLITE_BUSY and the next one are two points.
 *
 * SQLite also calls these functions itself, in the middle of a step (a reset
 * after a change of the schema) and for statements of its own. Statements
 * without a text, and all statements that run while another one is prepared,
 * are SQLite's and are not traced.
 */
#include <dlfcn.h>

#include "fast.h"
#include "hook.h"
#include "sqlite_home.h"
#include "statement_kind.h"
#include "statement_waits.h"
#include "wrap_exec.h"
#include "wrap_prepare.h"
#include "wrappers.h"

__thread bool osp_sqlite__probing = false;
__thread unsigned osp_sqlite__probes = 0;

/* Is anything traced in this thread, or might it be? */
static inline bool
must_look(void)
{
	return osp_sqlite__is_watched() || osp__hook_tracing();
}

static inline osp_sqlite_conn *
wrapped_conn(sqlite3_stmt *stmt)
{
	osp_sqlite_conn *conn = osp_sqlite__conn_find(sqlite3_db_handle(stmt));

	return OSP_LIKELY(conn != NULL && conn->live) ? conn : NULL;
}

/* Is this thread doing work that SQLite's own hook would not report? */
static bool
is_hidden(const osp_sqlite_conn *conn)
{
	if (osp_sqlite__preparing > 0 ||
		(osp__depth.sqlite > 0 && !conn->options.nested))
		return true;
	return osp_sqlite__innermost != NULL &&
		   osp_sqlite__innermost->conn == conn &&
		   osp_sqlite__is_vacuum(
			   osp_str_of(sqlite3_sql(osp_sqlite__innermost->stmt)));
}

/*
 * Registers SQLite's hook, which reports triggers, for this connection. It is
 * called when the first statement that writes is traced, since only such
 * statements fire triggers.
 */
static void
hear_triggers(osp_sqlite_conn *conn)
{
	if (!conn->options.triggers)
		return;
	sqlite3_mutex_enter(sqlite3_db_mutex(conn->db));
	__atomic_store_n(&conn->registered, true, __ATOMIC_RELAXED);
	(void) osp_sqlite__hook_register(conn);
	sqlite3_mutex_leave(sqlite3_db_mutex(conn->db));
}

/*
 * Begins a point for a statement that is stepped and not open yet, if it is to
 * be traced.
 */
static inline osp_sqlite_stmt *
begin(osp_sqlite_conn *conn, sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st;
	const char *text;

	if (OSP_UNLIKELY(osp_sqlite__preparing > 0 || osp__depth.sqlite > 0) &&
		is_hidden(conn))
		return NULL;

	/* The statement has returned rows already, and was not traced when it began. */
	if (sqlite3_data_count(stmt) > 0)
		return NULL;
	text = sqlite3_sql(stmt);
	if (text == NULL)
		return NULL;
	st = osp_sqlite__begin(conn, stmt, text);
	if (st == NULL)
		return NULL;
	if (osp_sqlite__innermost != NULL)
		osp_sqlite__innermost->has_children = true;
	st->exec = osp_sqlite__exec_here();
	st->running = true;
	osp_sqlite__stmt_add(conn, st);
	if (st->fires &&
		OSP_UNLIKELY(!__atomic_load_n(&conn->registered, __ATOMIC_RELAXED)))
		hear_triggers(conn);
	return st;
}

/*
 * Fills in the code that SQLite returned, and its message. message has to be
 * freed with sqlite3_free.
 */
static void
judge(sqlite3 *db, int rc, osp_sqlite_result *result, char **message)
{
	int extended;

	result->rc = rc;
	if (OSP_LIKELY(rc == SQLITE_DONE || rc == SQLITE_OK))
		return;

	/*
	 * The mutex keeps another thread that uses the connection from changing
	 * code and message.
	 */
	sqlite3_mutex_enter(sqlite3_db_mutex(db));
	extended = sqlite3_extended_errcode(db);
	if ((extended & 0xff) == (rc & 0xff))
	{
		result->rc = extended;
		*message = sqlite3_mprintf("%s", sqlite3_errmsg(db));
	}
	sqlite3_mutex_leave(sqlite3_db_mutex(db));
	result->message = *message;
}

/* Ends the point of a statement whose last step returned rc. */
static void
end(osp_sqlite_stmt *st, int rc)
{
	osp_sqlite_result result = {.outcome = OSP_SQLITE_RETURNED};
	char *message = NULL;

	judge(st->conn->db, rc, &result, &message);
	osp_sqlite__look(st, &result);
	osp_sqlite__finish(st, &result);
	osp_sqlite__stmt_free(st);
	if (OSP_UNLIKELY(message != NULL))
		sqlite3_free(message);
}

static inline int
traced_step(osp_sqlite_conn *conn, osp_sqlite_stmt *st, sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *outer = osp_sqlite__innermost;
	int rc;

	osp_sqlite__pause_end(st);
	osp_sqlite__innermost = st;
	osp__depth.sqlite++;
	osp__hook_enter(&st->point);
	rc = osp_sqlite__home.step(stmt);
	osp__hook_leave(&st->point);
	osp__depth.sqlite--;
	osp_sqlite__innermost = outer;
	if (rc == SQLITE_ROW)
	{
		st->rows++;
		osp_sqlite__pause_begin(st);
	}
	if (osp_sqlite__stmt_ran(conn, st, rc != SQLITE_ROW) == OSP_SQLITE_ENDED)
		end(st, rc);
	return rc;
}

/*
 * Steps a statement that is not traced. The depth is counted nevertheless, so
 * that statements inside it are known to be nested.
 */
static int
untraced_step(sqlite3_stmt *stmt)
{
	int rc;

	osp__depth.sqlite++;
	rc = osp_sqlite__home.step(stmt);
	osp__depth.sqlite--;
	return rc;
}

static int
look_and_step(sqlite3_stmt *stmt)
{
	osp_sqlite_conn *conn = wrapped_conn(stmt);
	osp_sqlite_stmt *st;

	if (OSP_UNLIKELY(conn == NULL))
	{
		osp_sqlite__probes += osp_sqlite__probing ? 1 : 0;
		return osp_sqlite__home.step(stmt);
	}
	if (!osp_sqlite__stmt_run(conn, stmt, &st))
		return osp_sqlite__home.step(stmt);
	if (st == NULL)
		st = begin(conn, stmt);
	return st != NULL ? traced_step(conn, st, stmt) : untraced_step(stmt);
}

int
osp_sqlite__step(sqlite3_stmt *stmt)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();

	if (OSP_LIKELY(!must_look()) || OSP_UNLIKELY(real != &osp_sqlite__home))
		return real->step(stmt);
	return look_and_step(stmt);
}

/*
 * Takes the open statement of this handle, which a reset or finalize is about
 * to end, out of the list.
 */
__attribute__((always_inline)) static inline osp_sqlite_stmt *
take(sqlite3_stmt *stmt, osp_sqlite_result *result)
{
	osp_sqlite_conn *conn = wrapped_conn(stmt);
	osp_sqlite_stmt *st;

	if (conn == NULL)
		return NULL;
	st = osp_sqlite__stmt_take(conn, stmt);
	if (st != NULL)
	{
		osp_sqlite__pause_end(st);
		osp_sqlite__look(st, result);
	}
	return st;
}

__attribute__((always_inline)) static inline void
end_early(osp_sqlite_stmt *st, int rc, osp_sqlite_result *result)
{
	/*
	 * SQLite may have freed the connection with its last statement, so its
	 * error message is not read.
	 */
	if (OSP_UNLIKELY(rc != SQLITE_OK))
		result->rc = rc;
	osp_sqlite__finish(st, result);
	osp_sqlite__stmt_free(st);
}

int
osp_sqlite__reset(sqlite3_stmt *stmt)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	osp_sqlite_result result = {.outcome = OSP_SQLITE_RESET};
	osp_sqlite_stmt *st = NULL;
	int rc;

	if (OSP_UNLIKELY(osp_sqlite__is_watched()) && real == &osp_sqlite__home)
		st = take(stmt, &result);
	rc = real->reset(stmt);
	if (OSP_UNLIKELY(st != NULL))
		end_early(st, rc, &result);
	return rc;
}

int
osp_sqlite__finalize(sqlite3_stmt *stmt)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	osp_sqlite_result result = {.outcome = OSP_SQLITE_RESET};
	osp_sqlite_stmt *st = NULL;
	int rc;

	if (OSP_UNLIKELY(osp_sqlite__is_watched()) && real == &osp_sqlite__home)
		st = take(stmt, &result);
	rc = real->finalize(stmt);
	if (OSP_UNLIKELY(st != NULL))
		end_early(st, rc, &result);
	return rc;
}

/*
 * Does SQLite call our wrapper when it steps a statement itself? A test
 * statement shows it.
 */
static bool
sees_own_steps(sqlite3 *db)
{
	unsigned before = osp_sqlite__probes;

	osp_sqlite__probing = true;
	(void) __atomic_fetch_add(&osp_sqlite__watch, 1, __ATOMIC_RELAXED);
	(void) osp_sqlite__home.exec(db, "SELECT 1", NULL, NULL, NULL);
	(void) __atomic_fetch_sub(&osp_sqlite__watch, 1, __ATOMIC_RELAXED);
	osp_sqlite__probing = false;
	return osp_sqlite__probes != before;
}

bool
osp_sqlite__wrappers_work(sqlite3 *db)
{
	static int known = 0; /* 1: they work, 2: they do not */
	int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (answer == 0)
	{
		bool ours =
			dlsym(RTLD_DEFAULT, "sqlite3_step") == (void *) osp_sqlite__step;

		/*
		 * Some builds of SQLite call their own functions directly. Then only
		 * the hook sees statements of sqlite3_exec.
		 */
		answer = ours && sees_own_steps(db) ? 1 : 2;
		__atomic_store_n(&known, answer, __ATOMIC_RELAXED);
	}
	return answer == 1;
}

OSP_SQLITE_EXPORT(step);
OSP_SQLITE_EXPORT(reset);
OSP_SQLITE_EXPORT(finalize);
