/* SPDX-License-Identifier: Apache-2.0
 *
 * client_operation.h
 *	  What is recorded of a statement, a connection, a cancel request.
 */
#ifndef OSPQ_POINT_H
#define OSPQ_POINT_H

#include <errno.h>

#include "pq_conn.h"

/* What a statement is, as its start tells. */
typedef struct ospq_facts
{
	const char *text; /* the statement; NULL: the prepared one's, or none */
	const char *operation; /* what is not just sent and run; NULL: it is */
	const char *name;      /* of the prepared statement or portal, or NULL */
	int param_count;
	const char *const *params; /* NULL: none */
	const int *param_lengths;
	const int *param_formats;
} ospq_facts;

/* Are statements traced at all (trace_sqlalchemy)? -1: not asked yet. */
extern int ospq_wanted;
extern bool ospq_ask_if_wanted(void);

static inline bool
ospq_statements_wanted(void)
{
	int wanted = __atomic_load_n(&ospq_wanted, __ATOMIC_RELAXED);

	return OSP_LIKELY(wanted >= 0) ? wanted == 1 : ospq_ask_if_wanted();
}

/*
 * Enters a wrapper that may start a point. False: the function is to be called
 * and nothing else. Else depth was raised, for ospq_leave.
 */
static inline bool
ospq_enter(void)
{
	ospq_need();
	if (osp__depth.libpq > 0 || OSP_LIKELY(!osp__hook_tracing()) ||
		!ospq_statements_wanted())
		return false;
	osp__depth.libpq++;
	return true;
}

/* The same for a wrapper that only goes on with points that are open. */
static inline ospq_conn *
ospq_enter_known(const PGconn *conn)
{
	ospq_conn *c;

	ospq_need();
	if (osp__depth.libpq > 0)
		return NULL;
	c = ospq_conn_find(conn);
	if (c != NULL)
		osp__depth.libpq++;
	return c;
}

static inline void
ospq_leave(void)
{
	osp__depth.libpq--;
}

/* Opens a point for a statement and records its start. False: not traced. */
extern bool ospq_start(ospq_conn *c, osp__point *point,
					   const ospq_facts *facts);

/* Records the stop, at this moment. */
extern void ospq_stop(const osp__point *point, const ospq_outcome *outcome);

/* Reads what a result says into an outcome, which borrows from the result. */
extern void ospq_read_result(ospq_outcome *outcome, const PGconn *conn,
							 PGresult *result);

/* The same where there is no result: what the connection says. */
extern void ospq_read_failure(ospq_outcome *outcome, const PGconn *conn);

/* Stops all statements that are open on a connection. */
extern void ospq_stop_all(ospq_conn *c, ospq_fate fate);

/* Stops the oldest open statement as its outcome says, and drops it. */
extern void ospq_stop_head(ospq_conn *c);

/* Keeps what a result says, until the statement stops. */
extern void ospq_open_read(ospq_open *open, const PGconn *conn,
						   PGresult *result);

/* db.connect */
extern bool ospq_connect_start(osp__point *point);
extern void ospq_connect_stop(const osp__point *point, PGconn *conn);

/* Records the cancel requests that were made meanwhile, see wrap_cancel.c. */
extern int ospq_cancels_pending;
extern void ospq_record_cancels(void);

#endif /* OSPQ_POINT_H */
