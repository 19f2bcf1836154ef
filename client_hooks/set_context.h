/* SPDX-License-Identifier: Apache-2.0
 *
 * set_context.h
 *	  Sends the trace's context to the server before a prepared statement.
 */
#ifndef OSPQ_SET_CONTEXT_H
#define OSPQ_SET_CONTEXT_H

#include "pq_conn.h"

/* The arguments of PQexecPrepared. */
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
 * Executes a prepared statement in one pipeline after a call of
 * osprofiler.set_context that names the point as parent. False: nothing was
 * sent, since this is not wanted or the program could notice it; the statement
 * has to be executed as usual. True: *result is what PQexecPrepared would
 * return.
 */
extern bool ospq_execute_told(ospq_conn *c, const osp__point *point,
							  const ospq_execution *e, PGresult **result);

/* The slow part of ospq_note_text. */
extern void ospq_doubt_helper(ospq_conn *c, const char *sql);

/* Notes a statement that was sent: it may remove prepared statements. */
static inline void
ospq_note_text(ospq_conn *c, const char *sql)
{
	ospq_prepared_watch(&c->prepared, sql);
	if (OSP_UNLIKELY(c->helper == OSPQ_HELPER_READY))
		ospq_doubt_helper(c, sql);
}

#endif /* OSPQ_SET_CONTEXT_H */
