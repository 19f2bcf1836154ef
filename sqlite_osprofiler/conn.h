/* SPDX-License-Identifier: Apache-2.0
 *
 * conn.h
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

#include "profiler_int.h"
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

/* An open statement: its start is recorded, its stop is not. */
typedef struct osp_sqlite_stmt
{
	struct osp_sqlite_stmt *next;
	osp_sqlite_conn *conn;
	sqlite3_stmt *stmt;
	const void *thread; /* that started it, see osp_sqlite__thread */
	osp__point point;

	bool running;
	bool removed;      /* while it ran: the runner frees it */
	bool has_children; /* statements below it may be open */
	bool first_step;   /* hook only: its first sqlite3_step has not returned */
	bool trigger_open;
	bool statistics;
	int status[OSP_SQLITE_STATUS_COUNT]; /* of sqlite3_stmt_status, at start */
	uint64_t rows;

	osp__point trigger; /* the trigger that runs */
	uint64_t trigger_steps;
} osp_sqlite_stmt;

/* An application's own callback, which ours stands in front of. */
typedef struct osp_sqlite_app_trace
{
	unsigned mask; /* of sqlite3_trace_v2 */
	int (*fn)(unsigned, void *, void *, void *);
	void (*old)(void *, const char *); /* of sqlite3_trace */
	void *ctx;
	bool profile; /* sqlite3_profile is in use: needs PROFILE events */
} osp_sqlite_app_trace;

struct osp_sqlite_conn
{
	osp_sqlite_conn *next; /* in the registry's bucket */
	sqlite3 *db;
	bool enabled;
	bool wrapped;     /* statements come by the wrappers, not by the hook */
	bool has_context; /* of the URI of the database */
	int lock;
	osp_sqlite_stmt *open;
	osp_sqlite_options options;
	osp_sqlite_app_trace app;
	osp_context context;
	size_t name_len;
	char name[256]; /* encoded attribute: the database file */
};

/*
 * Counts up when something happened after which the wrappers must look at every
 * statement: one was opened, a context came by URI or comment.
 */
extern int osp_sqlite__watch;

static inline void
osp_sqlite__watch_all(void)
{
	if (__atomic_load_n(&osp_sqlite__watch, __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&osp_sqlite__watch, 1, __ATOMIC_RELAXED);
}

/* The connection's state; NULL: it is not traced. */
osp_sqlite_conn *osp_sqlite__conn_find(sqlite3 *db);

/* A new one, in the registry; NULL: no memory. */
osp_sqlite_conn *osp_sqlite__conn_new(sqlite3 *db);

/* Stops what is open and frees it: the destructor of a function of SQLite. */
void osp_sqlite__conn_free(void *ptr);

/* Calls fn for every connection, with the registry locked. */
void osp_sqlite__conn_each(void (*fn)(osp_sqlite_conn *, void *), void *ctx);

/* A fresh statement, not in a list; NULL: no memory. */
osp_sqlite_stmt *osp_sqlite__stmt_new(void);
void osp_sqlite__stmt_free(osp_sqlite_stmt *st);

/* The open statement of this handle; NULL: none is open. */
osp_sqlite_stmt *osp_sqlite__stmt_find(osp_sqlite_conn *conn,
									   const sqlite3_stmt *stmt);

/*
 * The same for a caller that is about to run it: *out is marked as running.
 * False: it is running already, in another thread or further up in this one.
 */
bool osp_sqlite__stmt_run(osp_sqlite_conn *conn, const sqlite3_stmt *stmt,
						  osp_sqlite_stmt **out);

/*
 * For the hook: the statement of this thread that a nested one runs in. Exact
 * while that is in its first sqlite3_step; later it is the one opened last.
 */
osp_sqlite_stmt *osp_sqlite__stmt_outer(osp_sqlite_conn *conn);

void osp_sqlite__stmt_add(osp_sqlite_conn *conn, osp_sqlite_stmt *st);

/* What a run left. */
typedef enum osp_sqlite_end
{
	OSP_SQLITE_OPEN,  /* it goes on later */
	OSP_SQLITE_ENDED, /* it is the caller's now */
	OSP_SQLITE_GONE   /* somebody ended it meanwhile; it is freed */
} osp_sqlite_end;

/* Ends a run; ended: the statement is through, take it out of the list. */
osp_sqlite_end osp_sqlite__stmt_ran(osp_sqlite_conn *conn, osp_sqlite_stmt *st,
									bool ended);

/*
 * Takes the open statement of this handle out of the list, it is the caller's
 * then. NULL: none is open, or it is running.
 */
osp_sqlite_stmt *osp_sqlite__stmt_take(osp_sqlite_conn *conn,
									   const sqlite3_stmt *stmt);

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

/* Tells this thread from all others that live. */
static inline const void *
osp_sqlite__thread(void)
{
	return &osp__depth;
}

#endif /* OSP_SQLITE_CONN_H */
