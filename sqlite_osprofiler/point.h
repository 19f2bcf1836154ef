/* SPDX-License-Identifier: Apache-2.0
 *
 * point.h
 *	  The points of statements: which trace they belong to, what they say.
 */
#ifndef OSP_SQLITE_POINT_H
#define OSP_SQLITE_POINT_H

#include "conn.h"

/* How a statement ended, beside what SQLite returned. */
typedef enum osp_sqlite_outcome
{
	OSP_SQLITE_RETURNED, /* sqlite3_step returned DONE or an error */
	OSP_SQLITE_RESET,    /* sqlite3_reset or sqlite3_finalize before that */
	OSP_SQLITE_LEFT_OPEN /* what it was part of ended: its caller's point, its
						  * connection, the process */
} osp_sqlite_outcome;

/* What the stop of a statement says. */
typedef struct osp_sqlite_result
{
	osp_sqlite_outcome outcome;
	int rc;              /* SQLITE_OK, ROW, DONE, or an extended error code */
	const char *message; /* of an error; NULL: SQLite's text for the code */
	bool has_changes;
	bool has_rows;
	bool has_status;
	int64_t changes;
	int status[OSP_SQLITE_STATUS_COUNT];
} osp_sqlite_result;

/* Once in a process, when the first connection is traced. */
void osp_sqlite__point_init(void);

/* Is it worth while to try? text is not NULL. */
bool osp_sqlite__may_be_traced(const osp_sqlite_conn *conn, const char *text);

/*
 * Starts a point for this statement and records it. It is not in the
 * connection's list yet. NULL: it is not traced. text is sqlite3_sql(stmt).
 */
osp_sqlite_stmt *osp_sqlite__start(osp_sqlite_conn *conn, sqlite3_stmt *stmt,
								   const char *text);

/*
 * What there is to say of a statement that is not finalized yet, after
 * sqlite3_step or before it is reset.
 */
void osp_sqlite__look(const osp_sqlite_stmt *st, osp_sqlite_result *result);

/* Records the stop, and before it those of points that are open below it. */
void osp_sqlite__stop(osp_sqlite_stmt *st, const osp_sqlite_result *result);

/* A statement that could not even be prepared: both records. */
void osp_sqlite__failed_prepare(osp_sqlite_conn *conn, osp_str text,
								int64_t start_ns, int rc, const char *message);

/* A statement that ended before anybody saw it start: both records. */
void osp_sqlite__late(osp_sqlite_conn *conn, sqlite3_stmt *stmt,
					  const char *text);

/* A trigger begins to run in this statement; one of its steps begins. */
void osp_sqlite__trigger_start(osp_sqlite_stmt *st, osp_str name);
void osp_sqlite__trigger_step(osp_sqlite_stmt *st);

/* Stops all that is open in this connection; that is open in the process. */
void osp_sqlite__close_all(osp_sqlite_conn *conn);
void osp_sqlite__close_process(void);

#endif /* OSP_SQLITE_POINT_H */
