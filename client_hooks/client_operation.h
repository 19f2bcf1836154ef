/* SPDX-License-Identifier: Apache-2.0
 *
 * client_operation.h
 *	  What is recorded of a statement, a connection, a cancel request.
 */
#ifndef OSPQ_POINT_H
#define OSPQ_POINT_H

#include <errno.h>

#include "end_error.h"
#include "pq_conn.h"

/* What a statement is, as its start tells. */
typedef struct ospq_facts
{
	const char *text; /* the statement; NULL: the prepared one's, or none */
	const char *operation; /* what is not just sent and run; NULL: it is */
	bool is_name;          /* text is no SQL, but names what is called */
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
	int wanted = __atomic_load_n(&ospq_wanted, __ATOMIC_ACQUIRE);

	return OSP_LIKELY(wanted >= 0) ? wanted == 1 : ospq_ask_if_wanted();
}

/* What the call of libpq is that this thread is in; see osp__profiler. */
typedef enum ospq_call_kind
{
	OSPQ_CALL_OTHER, /* its point is elsewhere, or there is none */
	OSPQ_CALL_STATEMENT,
	OSPQ_CALL_CONNECT
} ospq_call_kind;

/* The rest of ospq_inside. */
extern bool ospq_still_inside(void);

/* Is this thread in a call of libpq already? One that the program left by a
 * longjmp ends here, as interrupted. */
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
 * Enters a wrapper that may start a point. False: the function is to be called
 * and nothing else. Else ospq_leave has to follow. The guard lies on the stack
 * of the wrapper.
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

/* The same for a wrapper that only goes on with points that are open. */
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
 * Where the point of a call lies that waits for its answer: not on the stack, so
 * that it can be stopped if the program leaves the call by a longjmp. After
 * ospq_enter only.
 */
static inline osp__point *
ospq_call_point(void)
{
	return &osp__self->call;
}

/* The point of the call was started; or it is stopped now, or kept elsewhere
 * (OSPQ_CALL_OTHER). */
static inline void
ospq_set_call(ospq_call_kind kind)
{
	osp__self->call_kind = kind;
}

/* Is the call still open? Not if it was interrupted meanwhile. */
static inline bool
ospq_call_is(const osp__guard *guard)
{
	return osp__depth.libpq == guard;
}

/* Opens a point for a statement and records its start. False: not traced. */
extern bool ospq_start(ospq_conn *c, osp__point *point,
					   const ospq_facts *facts);

/* Records the stop, at this moment. */
extern void ospq_stop(const osp__point *point, const ospq_outcome *outcome);

/* The same for the call that this thread is in, whose answer it waits for. */
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

/* db.connect, of the call that this thread is in. */
extern bool ospq_connect_start(void);
extern void ospq_connect_stop(const osp__point *point, PGconn *conn);

/* Records the cancel requests that were made meanwhile, see wrap_cancel.c. */
extern int ospq_cancels_pending;
extern void ospq_record_cancels(void);

#endif /* OSPQ_POINT_H */
