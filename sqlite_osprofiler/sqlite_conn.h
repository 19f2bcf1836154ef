/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_conn.h
 *	  The state of a traced connection, and of its open statements.
 *
 * Locks. The registry of connections has a mutex; each connection has a lock
 * for its list of open statements, which is held for a few instructions and
 * never while foreign code runs. Order: registry, then connection. SQLite's own
 * mutexes may be held by the caller of any function here, so nothing here takes
 * them while it holds one of ours.
 *
 * A statement is *running* during its sqlite3_step. Only the thread that runs
 * it uses its members. Another thread that takes it from the list meanwhile
 * marks it, and the thread that runs it frees it.
 */
#ifndef OSP_SQLITE_CONN_H
#define OSP_SQLITE_CONN_H

#include "osprofiler/sqlite.h"

#include <features.h>
#include <sched.h>
#if __GLIBC_PREREQ(2, 32)
#include <sys/single_threaded.h>
#endif

#include "profiler/profiler_int.h"
#include "sqlite_api.h"

/* Counters of sqlite3_stmt_status that are recorded. */
enum
{
	OSP_SQLITE_FULLSCAN,
	OSP_SQLITE_SORT,
	OSP_SQLITE_AUTOINDEX,
	OSP_SQLITE_VM,
	OSP_SQLITE_STATUS_COUNT
};

typedef struct osp_sqlite_conn osp_sqlite_conn;

/* Waits of one kind: their number, and their total time. */
typedef struct osp_sqlite_wait
{
	uint64_t count;
	int64_t ns;
} osp_sqlite_wait;

/* The waits of a statement (statement_waits.h). */
typedef struct osp_sqlite_waits
{
	osp_sqlite_wait busy;  /* calls of the program's busy handler */
	osp_sqlite_wait syncs; /* fsync and fdatasync, for the disk */
	int64_t paused_ns;     /* for the program, between two rows */
} osp_sqlite_waits;

/* An open statement: its start has been recorded, its stop has not. */
typedef struct osp_sqlite_stmt
{
	struct osp_sqlite_stmt *next;
	osp_sqlite_conn *conn;
	sqlite3_stmt *stmt;
	const void *thread; /* the one that started it, by osp_sqlite__thread() */
	const void *exec;   /* the sqlite3_exec call that runs it, or NULL */
	osp__point point;

	bool running;
	bool removed;      /* from the list, while it ran */
	bool has_children; /* statements below it may be open */
	bool first_step;   /* of the hook: the first sqlite3_step is going on */
	bool trigger_open;
	bool trigger_commits; /* the statement's end includes a commit */
	bool statistics;
	bool columns; /* it returns rows, so their number is recorded */
	bool writes;  /* sqlite3_changes gives its changed rows */
	bool fires;   /* it may fire triggers, since it writes */
	bool values;  /* it, or one that runs it, has parameters */
	int status[OSP_SQLITE_STATUS_COUNT]; /* counters at its start */
	uint64_t rows;
	int64_t returned_ns; /* time of its last row, by the coarse clock */
	osp_sqlite_waits waits;

	osp__point trigger; /* the point of the running trigger */
	uint64_t trigger_steps;
	int64_t trigger_seen_ns; /* when the trigger's last step began */
} osp_sqlite_stmt;

/* An application's own callbacks, which our callback calls. */
typedef struct osp_sqlite_app_trace
{
	unsigned events; /* the events for which they are called */
	unsigned mask;   /* as given to sqlite3_trace_v2 */
	int (*fn)(unsigned, void *, void *, void *);
	void (*old)(void *, const char *); /* as given to sqlite3_trace */
	void *ctx;
	void (*profile)(void *, const char *, sqlite3_uint64);
	void *profile_ctx;
} osp_sqlite_app_trace;

/*
 * The longest name of a database file that is recorded, and the size of all
 * attributes in where.
 */
#define OSP_SQLITE_FILE_MAX  240
#define OSP_SQLITE_WHERE_MAX (OSP_SQLITE_FILE_MAX + 128)

struct osp_sqlite_conn
{
	osp_sqlite_conn *next; /* in the bucket of the registry */
	sqlite3 *db;
	bool enabled;
	bool wrapped;     /* traced by the wrappers, not by the hook */
	bool live;        /* enabled and wrapped */
	bool has_context; /* the database's URI had one */
	bool registered;  /* if wrapped: the hook reports triggers */
	bool asleep;      /* the hook gets starts only, see hook.c */
	unsigned idle;    /* statements since the last traced one */
	int lock;
	uint64_t prepared; /* statements that the wrappers saw prepared */
	uint64_t id;       /* new for each connection, and for changed options */
	uint64_t number;   /* in the order of opening; starts have it */
	osp_sqlite_stmt *open;
	osp_sqlite_options options;
	osp_sqlite_app_trace app;
	int (*busy_fn)(void *, int); /* the program's busy handler */
	void *busy_ctx;
	osp_context context;
	size_t where_len;
	/*
	 * Encoded attributes of every start: the database file, the connection's
	 * number, and last the process.
	 */
	char where[OSP_SQLITE_WHERE_MAX];
};

/*
 * Not 0 once the wrappers must check every statement: since one was opened, or
 * a context came by URI or comment; also while the wrappers are tested.
 */
extern unsigned osp_sqlite__watch;

static inline void
osp_sqlite__watch_all(void)
{
	if (OSP_UNLIKELY(__atomic_load_n(&osp_sqlite__watch, __ATOMIC_RELAXED) ==
					 0))
		(void) __atomic_fetch_add(&osp_sqlite__watch, 1, __ATOMIC_RELAXED);
}

static inline bool
osp_sqlite__is_watched(void)
{
	return __atomic_load_n(&osp_sqlite__watch, __ATOMIC_RELAXED) != 0;
}

/*
 * The connection that a thread asked for last; valid while the registry has
 * this version.
 */
typedef struct osp_sqlite_last
{
	uint64_t version;
	sqlite3 *db;
	osp_sqlite_conn *conn;
} osp_sqlite_last;

extern __thread osp_sqlite_last osp_sqlite__last
	__attribute__((tls_model("initial-exec")));
extern uint64_t osp_sqlite__version; /* grows with every change */

osp_sqlite_conn *osp_sqlite__conn_look_up(sqlite3 *db);

/* Finds the state of a connection; NULL: it is not traced. */
static inline osp_sqlite_conn *
osp_sqlite__conn_find(sqlite3 *db)
{
	const osp_sqlite_last *last = &osp_sqlite__last;

	if (OSP_LIKELY(last->db == db &&
				   last->version ==
					   __atomic_load_n(&osp_sqlite__version, __ATOMIC_ACQUIRE)))
		return last->conn;
	return osp_sqlite__conn_look_up(db);
}

/* Makes the state of a connection in the registry; NULL: no memory. */
osp_sqlite_conn *osp_sqlite__conn_new(sqlite3 *db);

/*
 * Removes a connection's state from the registry and frees it. Called when
 * SQLite frees the connection.
 */
void osp_sqlite__conn_free(osp_sqlite_conn *conn);

/* Calls fn for every connection, with the registry locked. */
void osp_sqlite__conn_each(void (*fn)(osp_sqlite_conn *, void *), void *ctx);

/* Makes a new number for the id of a connection. */
uint64_t osp_sqlite__conn_new_id(void);

/* Is this the only thread? True only if the process has never had another one. */
static inline bool
osp_sqlite__is_alone(void)
{
#if __GLIBC_PREREQ(2, 32)
	return __libc_single_threaded;
#else
	return false;
#endif
}

static inline void
osp_sqlite__conn_lock(osp_sqlite_conn *conn)
{
	if (OSP_LIKELY(osp_sqlite__is_alone()))
		return;
	while (__atomic_exchange_n(&conn->lock, 1, __ATOMIC_ACQUIRE) != 0)
		(void) sched_yield();
}

static inline void
osp_sqlite__conn_unlock(osp_sqlite_conn *conn)
{
	__atomic_store_n(&conn->lock, 0, __ATOMIC_RELEASE);
}

/* Freed statements that a thread keeps for reuse. */
typedef struct osp_sqlite_spares
{
	osp_sqlite_stmt *first;
	unsigned count; /* the maximum also if none may be kept */
} osp_sqlite_spares;

#define OSP_SQLITE_SPARES_MAX 16

extern __thread osp_sqlite_spares osp_sqlite__spares
	__attribute__((tls_model("initial-exec")));

/* Allocate and free a statement that is in no list. New is NULL if there is no
 * memory. */
osp_sqlite_stmt *osp_sqlite__stmt_new_slow(void);
void osp_sqlite__stmt_free_slow(osp_sqlite_stmt *st);

static inline osp_sqlite_stmt *
osp_sqlite__stmt_new(void)
{
	osp_sqlite_spares *spares = &osp_sqlite__spares;
	osp_sqlite_stmt *st = spares->first;

	if (OSP_UNLIKELY(st == NULL))
		return osp_sqlite__stmt_new_slow();
	spares->first = st->next;
	spares->count--;
	return st;
}

static inline void
osp_sqlite__stmt_free(osp_sqlite_stmt *st)
{
	osp_sqlite_spares *spares = &osp_sqlite__spares;

	if (OSP_UNLIKELY(spares->count >= OSP_SQLITE_SPARES_MAX))
	{
		osp_sqlite__stmt_free_slow(st);
		return;
	}
	st->next = spares->first;
	spares->first = st;
	spares->count++;
}

/*
 * Finds the statement of this handle in the list; the caller has locked the
 * connection.
 */
static inline osp_sqlite_stmt *
osp_sqlite__stmt_in_list(const osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st = conn->open;

	while (st != NULL && st->stmt != stmt)
		st = st->next;
	return st;
}

/*
 * Removes the statement from the list; the caller has locked the connection.
 * False: it is not there.
 */
static inline bool
osp_sqlite__stmt_unlink(osp_sqlite_conn *conn, const osp_sqlite_stmt *st)
{
	osp_sqlite_stmt **link = &conn->open;

	while (*link != NULL && *link != st)
		link = &(*link)->next;
	if (OSP_UNLIKELY(*link == NULL))
		return false;
	__atomic_store_n(link, st->next, __ATOMIC_RELAXED);
	return true;
}

/*
 * Is any statement of this connection open? The answer is exact for the thread
 * that opened it.
 */
static inline bool
osp_sqlite__any_open(const osp_sqlite_conn *conn)
{
	return __atomic_load_n(&conn->open, __ATOMIC_RELAXED) != NULL;
}

/* Finds the open statement of this handle; NULL: it is not open. */
static inline osp_sqlite_stmt *
osp_sqlite__stmt_find(osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st;

	osp_sqlite__conn_lock(conn);
	st = osp_sqlite__stmt_in_list(conn, stmt);
	osp_sqlite__conn_unlock(conn);
	return st;
}

/*
 * Finds the open statement of this handle for a caller that is about to run it,
 * and marks it as running. False: it is already running, in another thread or
 * in an outer call of this one.
 */
static inline bool
osp_sqlite__stmt_run(osp_sqlite_conn *conn, const sqlite3_stmt *stmt,
					 osp_sqlite_stmt **out)
{
	osp_sqlite_stmt *st;
	bool free_to_run = true;

	*out = NULL;
	if (OSP_LIKELY(!osp_sqlite__any_open(conn)))
		return true;
	osp_sqlite__conn_lock(conn);
	st = osp_sqlite__stmt_in_list(conn, stmt);
	if (st != NULL)
	{
		free_to_run = !st->running;
		st->running = true;
	}
	osp_sqlite__conn_unlock(conn);
	*out = st;
	return free_to_run;
}

/*
 * For the hook: finds the statement of this thread inside of which SQLite runs
 * a nested statement. This is known only while the outer statement is in its
 * first sqlite3_step. Otherwise the statement that was opened last is returned.
 */
osp_sqlite_stmt *osp_sqlite__stmt_outer(osp_sqlite_conn *conn);

static inline void
osp_sqlite__stmt_add(osp_sqlite_conn *conn, osp_sqlite_stmt *st)
{
	osp_sqlite__conn_lock(conn);
	st->next = conn->open;
	__atomic_store_n(&conn->open, st, __ATOMIC_RELAXED);
	osp_sqlite__conn_unlock(conn);
}

/* The state of a statement after a run. */
typedef enum osp_sqlite_end
{
	OSP_SQLITE_OPEN,  /* it will be continued */
	OSP_SQLITE_ENDED, /* it belongs to the caller now */
	OSP_SQLITE_GONE   /* another thread ended it meanwhile; it is freed */
} osp_sqlite_end;

/*
 * Ends a run of a statement. If ended is true the statement is complete, and is
 * removed from the list.
 */
static inline osp_sqlite_end
osp_sqlite__stmt_ran(osp_sqlite_conn *conn, osp_sqlite_stmt *st, bool ended)
{
	osp_sqlite_end end = OSP_SQLITE_OPEN;

	osp_sqlite__conn_lock(conn);
	if (OSP_UNLIKELY(st->removed))
		end = OSP_SQLITE_GONE;
	else if (ended)
	{
		(void) osp_sqlite__stmt_unlink(conn, st);
		end = OSP_SQLITE_ENDED;
	}
	st->running = false;
	osp_sqlite__conn_unlock(conn);
	if (OSP_UNLIKELY(end == OSP_SQLITE_GONE))
		osp_sqlite__stmt_free(st);
	return end;
}

/*
 * Removes the open statement of this handle from the list and gives it to the
 * caller. NULL: it is not open, or is running.
 */
static inline osp_sqlite_stmt *
osp_sqlite__stmt_take(osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st;

	/*
	 * Most often no statement is open, which can be seen without the lock: the
	 * thread that opened this statement did so before it called this.
	 */
	if (!osp_sqlite__any_open(conn))
		return NULL;
	osp_sqlite__conn_lock(conn);
	st = osp_sqlite__stmt_in_list(conn, stmt);
	if (st != NULL && st->running)
		st = NULL;
	if (st != NULL)
		(void) osp_sqlite__stmt_unlink(conn, st);
	osp_sqlite__conn_unlock(conn);
	return st;
}

/*
 * Removes the first open statement that match accepts, and copies it; false if
 * there is none. If it is running, it is marked for the thread that runs it.
 */
bool osp_sqlite__stmt_take_if(osp_sqlite_conn *conn,
							  bool (*match)(const osp_sqlite_stmt *,
											const void *),
							  const void *ctx, osp_sqlite_stmt *copy);

/* The process is ending: statements of other threads are no longer freed. */
extern bool osp_sqlite__exiting;

/*
 * The innermost traced statement that runs in this thread. While statements are
 * reported by SQLite's own hook, it is known only when a nested one begins.
 */
extern __thread osp_sqlite_stmt *osp_sqlite__innermost
	__attribute__((tls_model("initial-exec")));

/* A value that no other living thread has. */
static inline const void *
osp_sqlite__thread(void)
{
	return &osp__depth;
}

#endif /* OSP_SQLITE_CONN_H */
