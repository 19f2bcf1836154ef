/* SPDX-License-Identifier: Apache-2.0
 *
 * set_context.h
 *	  Telling the server of the trace before a prepared statement.
 */
#ifndef OSPQ_SET_CONTEXT_H
#define OSPQ_SET_CONTEXT_H

#include "pq_conn.h"

/* What PQexecPrepared was called with. */
typedef struct ospq_execution
{
	const char *name;
	int count;
	const char *const *values;
	const int *lengths;
	const int *formats;
	int result_format;
} ospq_execution;

/*
 * PQexecPrepared, in one pipeline behind a call of osprofiler.set_context that
 * names the point. False: nothing was done, for it is not wanted, or could be
 * seen; the statement is to be executed as ever. Else *result is as ever.
 */
extern bool ospq_execute_told(ospq_conn *c, const osp__point *point,
							  const ospq_execution *e, PGresult **result);

/* The rest of ospq_note_text. */
extern void ospq_doubt_helper(ospq_conn *c, const char *sql);

/* A statement was sent: does it take prepared ones away? */
static inline void
ospq_note_text(ospq_conn *c, const char *sql)
{
	ospq_prepared_watch(&c->prepared, sql);
	if (OSP_UNLIKELY(c->helper == OSPQ_HELPER_READY))
		ospq_doubt_helper(c, sql);
}

#endif /* OSPQ_SET_CONTEXT_H */
