/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_conn.h
 *	  What is known of a traced connection, and of its open statements.
 *
 * Locks. The registry of connections has a mutex; a connection has a lock of its
 * own round its list of open statements, held for a few instructions and never
 * while foreign code runs. Order: registry, then connection. SQLite's own
 * mutexes may be held by the caller of any function here, so nothing here takes
 * them while it holds one of ours.
 *
 * A statement is *running* while its sqlite3_step is under way. Only the thread
 * that runs it uses what is in it; whoever else takes it from the list meanwhile
 * marks it, and the runner frees it.
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

/* Waits of one kind: how often, and how long in all. */
typedef struct osp_sqlite_wait
{
	uint64_t count;
	int64_t ns;
} osp_sqlite_wait;

/* What a statement waited for (statement_waits.h). */
typedef struct osp_sqlite_waits
{
	osp_sqlite_wait busy;  /* calls of the program's busy handler */
	osp_sqlite_wait syncs; /* of files, until they are on the disk */
	int64_t paused_ns;     /* between its rows, for the program to go on */
} osp_sqlite_waits;

/* An open statement: its start is recorded, its stop is not. */
typedef struct osp_sqlite_stmt
{
	struct osp_sqlite_stmt *next;
	osp_sqlite_conn *conn;
	sqlite3_stmt *stmt;
	const void *thread; /* that started it, see osp_sqlite__thread */
	const void *exec;   /* the call of sqlite3_exec that runs it, or NULL */
	osp__point point;

	bool running;
	bool removed;      /* while it ran: the runner frees it */
	bool has_children; /* statements below it may be open */
	bool first_step;   /* hook only: its first sqlite3_step has not returned */
	bool trigger_open;
	bool trigger_commits; /* the statement's end includes a commit */
	bool statistics;
	bool columns; /* its rows are worth a count, be it 0 */
	bool writes;  /* sqlite3_changes is about it */
	bool fires;   /* triggers: it is not read-only */
	bool values;  /* of parameters: it has some, or runs in one that has */
	int status[OSP_SQLITE_STATUS_COUNT]; /* of sqlite3_stmt_status, at start */
	uint64_t rows;
	int64_t
		returned_ns; /* when it returned its last row, by the coarse clock */
	osp_sqlite_waits waits;

	osp__point trigger; /* the trigger that runs */
	uint64_t trigger_steps;
	int64_t trigger_seen_ns; /* when its last step began */
} osp_sqlite_stmt;

/* An application's own callbacks, which ours stands in front of. */
typedef struct osp_sqlite_app_trace
{
	unsigned events; /* that they are called for */
	unsigned mask;   /* of sqlite3_trace_v2 */
	int (*fn)(unsigned, void *, void *, void *);
	void (*old)(void *, const char *); /* of sqlite3_trace */
	void *ctx;
	void (*profile)(void *, const char *, sqlite3_uint64);
	void *profile_ctx;
} osp_sqlite_app_trace;

/* Room for the name of the database file, and what is beside it. */
#define OSP_SQLITE_FILE_MAX  240
#define OSP_SQLITE_WHERE_MAX (OSP_SQLITE_FILE_MAX + 128)

struct osp_sqlite_conn
{
	osp_sqlite_conn *next; /* in the registry's bucket */
	sqlite3 *db;
	bool enabled;
	bool wrapped;     /* statements come by the wrappers, not by the hook */
	bool live;        /* enabled and wrapped */
	bool has_context; /* of the URI of the database */
	bool registered;  /* wrapped: the hook is, to hear of triggers */
	bool asleep;      /* by the hook: it hears of starts only, see hook.c */
	unsigned idle;    /* by the hook: statements since one was traced */
	int lock;
	uint64_t prepared; /* how many statements were, by the wrappers */
	uint64_t id;       /* of no other connection, and not of this one with other
				  * options, in all of the process's life */
	uint64_t number;   /* in order of opening, as starts say it */
	osp_sqlite_stmt *open;
	osp_sqlite_options options;
	osp_sqlite_app_trace app;
	int (*busy_fn)(void *, int); /* the program's busy handler */
	void *busy_ctx;
	osp_context context;
	size_t where_len;
	char where[OSP_SQLITE_WHERE_MAX]; /* encoded attributes of every start: the
									   * database file, the connection's number,
									   * and last the process */
};

/*
 * Not 0 when something happened after which the wrappers must look at every
 * statement: one was opened, a context came by URI or comment; or while they are
 * tried out.
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

/* A connection that a thread asked for, as long as version does not change. */
typedef struct osp_sqlite_last
{
	uint64_t version;
	sqlite3 *db;
	osp_sqlite_conn *conn;
} osp_sqlite_last;

extern __thread osp_sqlite_last osp_sqlite__last
	__attribute__((tls_model("initial-exec")));
extern uint64_t osp_sqlite__version; /* of the registry */

osp_sqlite_conn *osp_sqlite__conn_look_up(sqlite3 *db);

/* The connection's state; NULL: it is not traced. */
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

/* A new one, in the registry; NULL: no memory. */
osp_sqlite_conn *osp_sqlite__conn_new(sqlite3 *db);

/* Stops what is open and frees it: the destructor of a function of SQLite. */
void osp_sqlite__conn_free(osp_sqlite_conn *conn);

/* Calls fn for every connection, with the registry locked. */
void osp_sqlite__conn_each(void (*fn)(osp_sqlite_conn *, void *), void *ctx);

/* A number for a connection's id. */
uint64_t osp_sqlite__conn_new_id(void);

/* No other thread can be in here if there never was one. */
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

/* Statements that a thread keeps for its next ones. */
typedef struct osp_sqlite_spares
{
	osp_sqlite_stmt *first;
	unsigned count; /* the maximum, too, before the first and after the end */
} osp_sqlite_spares;

#define OSP_SQLITE_SPARES_MAX 16

extern __thread osp_sqlite_spares osp_sqlite__spares
	__attribute__((tls_model("initial-exec")));

/* A fresh statement, not in a list; NULL: no memory. */
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

/* The statement of this handle in the list of a connection that is locked. */
static inline osp_sqlite_stmt *
osp_sqlite__stmt_in_list(const osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st = conn->open;

	while (st != NULL && st->stmt != stmt)
		st = st->next;
	return st;
}

/* Unlinks the statement; the connection is locked. False: it is not there. */
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

/* Is any statement of this connection open? True for the thread that opened it. */
static inline bool
osp_sqlite__any_open(const osp_sqlite_conn *conn)
{
	return __atomic_load_n(&conn->open, __ATOMIC_RELAXED) != NULL;
}

/* The open statement of this handle; NULL: none is open. */
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
 * The same for a caller that is about to run it: *out is marked as running.
 * False: it is running already, in another thread or further up in this one.
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
 * For the hook: the statement of this thread that a nested one runs in. Exact
 * while that is in its first sqlite3_step; later it is the one opened last.
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

/* What a run left. */
typedef enum osp_sqlite_end
{
	OSP_SQLITE_OPEN,  /* it goes on later */
	OSP_SQLITE_ENDED, /* it is the caller's now */
	OSP_SQLITE_GONE   /* somebody ended it meanwhile; it is freed */
} osp_sqlite_end;

/* Ends a run; ended: the statement is through, take it out of the list. */
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
 * Takes the open statement of this handle out of the list, it is the caller's
 * then. NULL: none is open, or it is running.
 */
static inline osp_sqlite_stmt *
osp_sqlite__stmt_take(osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st;

	/* Most often there is none, and a look without the lock shows it: whoever
	 * opened this statement did so before it came here. */
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
 * Takes out the first open statement for which match is true and copies it;
 * false if there is none. One that is running has its runner told.
 */
bool osp_sqlite__stmt_take_if(osp_sqlite_conn *conn,
							  bool (*match)(const osp_sqlite_stmt *,
											const void *),
							  const void *ctx, osp_sqlite_stmt *copy);

/* The process ends: statements of other threads are not freed any more. */
extern bool osp_sqlite__exiting;

/* The innermost statement that runs in this thread and is traced, as far as it is
 * known: while SQLite's own hook reports, only while a nested one begins. */
extern __thread osp_sqlite_stmt *osp_sqlite__innermost
	__attribute__((tls_model("initial-exec")));

/* Tells this thread from all others that live. */
static inline const void *
osp_sqlite__thread(void)
{
	return &osp__depth;
}

#endif /* OSP_SQLITE_CONN_H */
