/* SPDX-License-Identifier: Apache-2.0
 *
 * pg_session.h
 *	  A session with a PostgreSQL server, which is made again after a failure.
 *	  It uses libpq, which never waits itself here.
 */
#ifndef OSP_PG_SESSION_H
#define OSP_PG_SESSION_H

#include <libpq-fe.h>

#include "osprofiler/driver.h"
#include "wait.h"

#define PG_SQLSTATE_LEN 5

typedef struct osp_pg
{
	osp_wait wait;
	PQconninfoOption *settings; /* of the connection string */
	PGconn *session;            /* NULL: there is no session */
	uint64_t sessions;          /* number of sessions, including this one */
	char where[128];            /* "postgresql at HOST:PORT" */
	char sqlstate[PG_SQLSTATE_LEN + 1]; /* of the last failed statement */
} osp_pg;

/* Reads the connection string, without connecting. OSP_EINVAL. */
osp_status osp__pg_init(osp_pg *pg, const osp_driver_options *options,
						osp_error *err) OSP_MUST_CHECK;
void osp__pg_term(osp_pg *pg);

/*
 * Begins a call of the driver: makes a session unless there is a working one.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM. After one of these errors, in this call
 * or one of those below, the session is dropped.
 */
osp_status osp__pg_begin_call(osp_pg *pg, osp_error *err) OSP_MUST_CHECK;

void osp__pg_drop(osp_pg *pg);

/*
 * Sends a statement with one parameter, if that is not NULL. Its results are
 * read by osp__pg_result(), each row separately.
 */
osp_status osp__pg_query(osp_pg *pg, const char *statement,
						 const char *parameter, osp_error *err) OSP_MUST_CHECK;

/*
 * Reads the next result of the statement, returned owned (PQclear); NULL: there
 * are no more. OSP_EREFUSED: the server refused the statement, see sqlstate;
 * the session remains.
 */
osp_status osp__pg_result(osp_pg *pg, PGresult **result,
						  osp_error *err) OSP_MUST_CHECK;

/* Sends a statement and reads all its results, without returning rows. */
osp_status osp__pg_run(osp_pg *pg, const char *statement, const char *parameter,
					   osp_error *err) OSP_MUST_CHECK;

/* Send rows in the format of COPY, after a result PGRES_COPY_IN, and end them. */
osp_status osp__pg_copy(osp_pg *pg, osp_str rows,
						osp_error *err) OSP_MUST_CHECK;
osp_status osp__pg_end_copy(osp_pg *pg, osp_error *err) OSP_MUST_CHECK;

/*
 * Turns a refusal of the server into OSP_EUNAVAIL with its message and drops
 * the session, which ends a call of the driver. Other results stay the same.
 */
osp_status osp__pg_refused(osp_pg *pg, osp_status status, osp_error *err);

#endif /* OSP_PG_SESSION_H */
