/* SPDX-License-Identifier: Apache-2.0
 *
 * client_operation.h
 *	  The operations that are recorded: statements, connections, cancel
 *	  requests.
 */
#ifndef OSPQ_POINT_H
#define OSPQ_POINT_H

#include <errno.h>

#include "end_error.h"
#include "pq_conn.h"

/* The facts about a statement that its start record has. */
typedef struct ospq_facts
{
	/* The statement. NULL: that of the prepared statement, or none. */
	const char *text;
	/* The kind of call, such as "prepare". NULL: the statement is simply executed. */
	const char *operation;
	bool is_name;     /* text is a name instead of SQL */
	const char *name; /* of the prepared statement or portal, or NULL */
	int param_count;
	const char *const *params; /* NULL: there are none */
	const int *param_lengths;
	const int *param_formats;
} ospq_facts;

/*
 * Are statements traced at all (trace_sqlalchemy)? -1: the setting has not been
 * read.
 */
extern int ospq_wanted;
extern bool ospq_ask_if_wanted(void);

static inline bool
ospq_statements_wanted(void)
{
	int wanted = __atomic_load_n(&ospq_wanted, __ATOMIC_ACQUIRE);

	return OSP_LIKELY(wanted >= 0) ? wanted == 1 : ospq_ask_if_wanted();
}

/* The kind of libpq call that this thread is in; stored in osp__profiler. */
typedef enum ospq_call_kind
{
	OSPQ_CALL_OTHER, /* its point is elsewhere, or it has none */
	OSPQ_CALL_STATEMENT,
	OSPQ_CALL_CONNECT
} ospq_call_kind;

/* The slow part of ospq_inside. */
extern bool ospq_still_inside(void);

/*
 * Is this thread already in a call of libpq? If the program left that call by a
 * longjmp, it is ended here as interrupted.
 */
static inline bool
ospq_inside(void)
{
	return OSP_UNLIKELY(osp__depth.libpq != NULL) && ospq_still_inside();
}

/* Ends the call that this thread is in, as interrupted. */
extern void ospq_interrupt_call(void);

static inline void
ospq_set_inside(osp__guard *guard)
{
	osp__guard_set(guard);
	osp__depth.libpq = guard;
}

/*
 * Enters a wrapper that may start a point. False: only the original function is
 * to be called. True: ospq_leave must follow. guard has to be on the stack of
 * the wrapper.
 */
static inline bool
ospq_enter(osp__guard *guard)
{
	ospq_need();
	if (OSP_LIKELY(!osp__hook_tracing()) || ospq_inside() ||
		!ospq_statements_wanted())
		return false;
	ospq_set_inside(guard);
	return true;
}

/*
 * Enters a wrapper that starts no point, but continues points that are open.
 * Returns the connection; NULL: only the original function is to be called.
 */
static inline ospq_conn *
ospq_enter_known(osp__guard *guard, const PGconn *conn)
{
	ospq_conn *c;

	ospq_need();
	if (ospq_inside())
		return NULL;
	c = ospq_conn_find(conn);
	if (c != NULL)
		ospq_set_inside(guard);
	return c;
}

static inline void
ospq_leave(void)
{
	osp__depth.libpq = NULL;
}

/*
 * The place for the point of a call that waits for its answer. It is not on the
 * stack, so that the point can be stopped if the program leaves the call by a
 * longjmp. Only valid after ospq_enter.
 */
static inline osp__point *
ospq_call_point(void)
{
	return &osp__self->call;
}

/*
 * Notes that the point of the call was started, or, with OSPQ_CALL_OTHER, that
 * it is about to be stopped, or was moved elsewhere.
 */
static inline void
ospq_set_call(ospq_call_kind kind)
{
	osp__self->call_kind = kind;
}

/* Is the call with this guard still open? It is not if it was ended as interrupted. */
static inline bool
ospq_call_is(const osp__guard *guard)
{
	return osp__depth.libpq == guard;
}

/* Opens a point for a statement and records its start. False: it is not traced. */
extern bool ospq_start(ospq_conn *c, osp__point *point,
					   const ospq_facts *facts);

/* Records the stop of the point, with the present time. */
extern void ospq_stop(const osp__point *point, const ospq_outcome *outcome);

/*
 * Starts the point of the call that this thread is in, as ospq_start does. For
 * a call that waits for its answer.
 */
static inline bool
ospq_start_call(ospq_conn *c, const ospq_facts *facts)
{
	ospq_forget_earlier_error(c);
	if (!ospq_start(c, ospq_call_point(), facts))
		return false;
	ospq_set_call(OSPQ_CALL_STATEMENT);
	return true;
}

static inline void
ospq_stop_call(const ospq_outcome *outcome)
{
	ospq_set_call(OSPQ_CALL_OTHER);
	ospq_stop(ospq_call_point(), outcome);
}

/* Fills in the outcome from a result, from which it borrows texts. */
extern void ospq_read_result(ospq_outcome *outcome, const PGconn *conn,
							 PGresult *result);

/* Fills in the outcome from the connection's error if there is no result. */
extern void ospq_read_failure(ospq_outcome *outcome, const PGconn *conn);

/* Stops all statements that are open on a connection. */
extern void ospq_stop_all(ospq_conn *c, ospq_fate fate);

/* Stops the oldest open statement with its outcome, and removes it from the queue. */
extern void ospq_stop_head(ospq_conn *c);

/* Keeps a copy of the result's facts until the statement stops. */
extern void ospq_open_read(ospq_open *open, const PGconn *conn,
						   PGresult *result);

/* Start and stop the point db.connect of the call that this thread is in. */
extern bool ospq_connect_start(void);
extern void ospq_connect_stop(const osp__point *point, PGconn *conn);

/*
 * Records the cancel requests that were noted since the last call, see
 * wrap_cancel.c.
 */
extern int ospq_cancels_pending;
extern void ospq_record_cancels(void);

#endif /* OSPQ_POINT_H */
