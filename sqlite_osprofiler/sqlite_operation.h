/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_operation.h
 *	  The points of statements: which trace they belong to, and which facts they
 *	  record.
 */
#ifndef OSP_SQLITE_POINT_H
#define OSP_SQLITE_POINT_H

#include "sqlite_conn.h"

/* How a statement ended, besides the code that SQLite returned. */
typedef enum osp_sqlite_outcome
{
	OSP_SQLITE_RETURNED, /* sqlite3_step returned DONE or an error */
	OSP_SQLITE_RESET,    /* it was reset or finalized before that */
	OSP_SQLITE_LEFT_OPEN /* its parent, connection or process ended */
} osp_sqlite_outcome;

/* The facts that the stop of a statement records. */
typedef struct osp_sqlite_result
{
	osp_sqlite_outcome outcome;
	int rc;              /* SQLITE_OK, ROW, DONE, or an extended error code */
	bool in_prepare;     /* sqlite3_prepare was being called */
	const char *message; /* of the error; NULL: SQLite's standard text */
	bool has_changes;
	bool has_rows;
	bool has_status;
	int64_t changes;
	int status[OSP_SQLITE_STATUS_COUNT];
} osp_sqlite_result;

#define OSP_SQLITE_NAME OSP_STR("sqlite")

/* The space that a start record needs besides its texts. */
#define OSP_SQLITE_START_MAX (OSP_SQLITE_WHERE_MAX + 64)

static inline bool
osp_sqlite__is_error(int rc)
{
	return rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE;
}

/* Did any counter besides that of VM steps grow? */
static inline bool
osp_sqlite__is_worked(const osp_sqlite_result *result)
{
	return (result->status[OSP_SQLITE_FULLSCAN] |
			result->status[OSP_SQLITE_SORT] |
			result->status[OSP_SQLITE_AUTOINDEX]) != 0;
}

/* Reads the present counters of sqlite3_stmt_status. */
static inline void
osp_sqlite__read_status(sqlite3_stmt *stmt, int status[OSP_SQLITE_STATUS_COUNT])
{
	status[OSP_SQLITE_FULLSCAN] =
		sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
	status[OSP_SQLITE_SORT] =
		sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_SORT, 0);
	status[OSP_SQLITE_AUTOINDEX] =
		sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_AUTOINDEX, 0);
	status[OSP_SQLITE_VM] =
		sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
}

/* Fills in the members that every statement has when it begins. */
static inline void
osp_sqlite__stmt_set(osp_sqlite_stmt *st, osp_sqlite_conn *conn,
					 sqlite3_stmt *stmt)
{
	osp_sqlite__watch_all();
	st->conn = conn;
	st->stmt = stmt;
	st->thread = osp_sqlite__thread();
	st->exec = NULL;
	st->running = false;
	st->removed = false;
	st->has_children = false;
	st->first_step = false;
	st->trigger_open = false;
	st->rows = 0;
	memset(&st->waits, 0, sizeof(st->waits));
	st->statistics = conn->options.statistics;
	if (st->statistics)
		osp_sqlite__read_status(stmt, st->status);
}

/* Does the text have a comment that may contain a context? */
bool osp_sqlite__has_comment_context(osp_str text);

/*
 * Encodes the attributes of this statement's start. Borrowed from space, empty
 * if that is too small. *masked: the text may contain a secret.
 */
osp_str osp_sqlite__start_attributes(const osp_sqlite_conn *conn, osp_str text,
									 void *space, size_t size, bool *masked);

/* Called once in a process, when the first connection is traced. */
void osp_sqlite__operations_init(void);

/* May the statement be traced, so that it is worth while to try? text is not NULL. */
bool osp_sqlite__may_be_traced(const osp_sqlite_conn *conn, const char *text);

/*
 * Starts a point for this statement and records it. The caller adds it to the
 * connection's list. NULL: it is not traced. text is sqlite3_sql(stmt).
 */
osp_sqlite_stmt *osp_sqlite__start(osp_sqlite_conn *conn, sqlite3_stmt *stmt,
								   const char *text);

/*
 * Records the start of st, whose point is open, without a template.
 * was_dropped: there was no room for the record. False: it could not be
 * recorded, and st was freed.
 */
bool osp_sqlite__start_again(osp_sqlite_conn *conn, osp_sqlite_stmt *st,
							 const char *text, bool was_dropped);

/* Returns sqlite3_changes64, or sqlite3_changes in an older SQLite. */
int64_t osp_sqlite__changes(sqlite3 *db);

/*
 * Fills in the facts about a statement that is not finalized yet, after
 * sqlite3_step or before it is reset.
 */
static inline void
osp_sqlite__look(const osp_sqlite_stmt *st, osp_sqlite_result *result)
{
	const osp_sqlite_options *options = &st->conn->options;
	int i;

	result->has_rows = options->rows && (st->rows > 0 || st->columns);
	if (st->writes && result->rc == SQLITE_DONE)
	{
		result->has_changes = true;
		result->changes = osp_sqlite__changes(st->conn->db);
	}
	result->has_status = st->statistics;
	if (!st->statistics)
		return;
	osp_sqlite__read_status(st->stmt, result->status);
	for (i = 0; i < OSP_SQLITE_STATUS_COUNT; i++)
		result->status[i] -= st->status[i];
}

/*
 * Records the stop of a statement, and before that the stops of points that are
 * open below it.
 */
void osp_sqlite__stop(osp_sqlite_stmt *st, const osp_sqlite_result *result);

/* A call that prepares a statement, and that is recorded as a point. */
typedef struct osp_sqlite_preparation
{
	osp_str text;
	int64_t start_ns;
	int rc;
	const char *message; /* of the error */
	osp_sqlite_waits waits;
} osp_sqlite_preparation;

/*
 * Records both start and stop of a preparation that failed, or had to wait for
 * a lock.
 */
void osp_sqlite__preparation(osp_sqlite_conn *conn,
							 const osp_sqlite_preparation *done);

/* Records both start and stop of a statement whose start was not noticed. */
void osp_sqlite__late(osp_sqlite_conn *conn, sqlite3_stmt *stmt,
					  const char *text);

/* Record that a trigger begins in this statement, and that one of its steps begins. */
void osp_sqlite__trigger_start(osp_sqlite_stmt *st, osp_str name);
void osp_sqlite__trigger_step(osp_sqlite_stmt *st);

/* Stops all open statements of this connection. */
void osp_sqlite__close_all(osp_sqlite_conn *conn);

/*
 * Stops all statements that are open below an operation of the application,
 * since that stops. NULL: the trace of this thread ends, so all that it opened
 * are stopped.
 */
void osp_sqlite__close_below(const osp_uuid *trace_id);

#endif /* OSP_SQLITE_POINT_H */
