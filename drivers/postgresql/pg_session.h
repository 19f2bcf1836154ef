/* SPDX-License-Identifier: Apache-2.0
 *
 * pg_session.h
 *	  A session with a PostgreSQL server that makes itself again after a failure,
 *	  by libpq, which never waits by itself here.
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
	PGconn *session;            /* NULL: there is none */
	uint64_t sessions;          /* so many there have been, with this one */
	char where[128];            /* "postgresql at HOST:PORT" */
	char sqlstate[PG_SQLSTATE_LEN + 1]; /* of the statement that failed last */
} osp_pg;

/* Reads the connection string, without connecting. OSP_EINVAL. */
osp_status osp__pg_init(osp_pg *pg, const osp_driver_options *options,
						osp_error *err) OSP_MUST_CHECK;
void osp__pg_term(osp_pg *pg);

/* A call of the driver begins: makes a session unless there is one in order.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM, as of all calls below; these drop it. */
osp_status osp__pg_begin_call(osp_pg *pg, osp_error *err) OSP_MUST_CHECK;

void osp__pg_drop(osp_pg *pg);

/*
 * Sends a statement with one parameter, if that is not NULL; its rows come one by
 * one. Or a statement whose rows are not of interest, as far as its first result.
 */
osp_status osp__pg_query(osp_pg *pg, const char *statement,
						 const char *parameter, osp_error *err) OSP_MUST_CHECK;

/*
 * The next result of what was sent, returned owned (PQclear); NULL: there are no
 * more. OSP_EREFUSED: the server refused it, see sqlstate; the session goes on.
 */
osp_status osp__pg_result(osp_pg *pg, PGresult **result,
						  osp_error *err) OSP_MUST_CHECK;

/* All of them, for a statement whose rows do not matter. */
osp_status osp__pg_run(osp_pg *pg, const char *statement, const char *parameter,
					   osp_error *err) OSP_MUST_CHECK;

/* Rows in the form of COPY, after a result PGRES_COPY_IN; and their end. */
osp_status osp__pg_copy(osp_pg *pg, osp_str rows,
						osp_error *err) OSP_MUST_CHECK;
osp_status osp__pg_end_copy(osp_pg *pg, osp_error *err) OSP_MUST_CHECK;

/* What the server refused ends the call: OSP_EUNAVAIL with its message in err. */
osp_status osp__pg_refused(osp_pg *pg, osp_status status, osp_error *err);

#endif /* OSP_PG_SESSION_H */
