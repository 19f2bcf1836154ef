/* SPDX-License-Identifier: Apache-2.0
 *
 * propagate.h
 *	  Sends the trace's context to the server, if that cannot change what the
 *	  program sees.
 */
#ifndef OSPQ_PROPAGATE_H
#define OSPQ_PROPAGATE_H

#include "pq_conn.h"

/* The slow part of ospq_with_comment. */
extern const char *ospq_comment(ospq_conn *c, ospq_sent *sent,
								const osp__point *point, const char *sql);

/* Should osprofiler.set_context be called before prepared statements? */
extern bool ospq_tells_prepared(void);

/* Should statements get comments? -1: the setting has not been read yet. */
extern int ospq_by_comment;

/* Do statements get comments in this process? Reads the setting. */
extern bool ospq_sends_comments(void);

/*
 * Returns the statement with a comment that names the point as its parent,
 * borrowed from *sent until the next call; or sql itself if it should get none.
 */
static inline const char *
ospq_with_comment(ospq_conn *c, ospq_sent *sent, const osp__point *point,
				  const char *sql)
{
	if (__atomic_load_n(&ospq_by_comment, __ATOMIC_RELAXED) == 0)
		return sql;
	return ospq_comment(c, sent, point, sql);
}

/* Stops adding comments to statements of this process. */
extern void ospq_end_comments(void);

/*
 * Returns the start-up option that names the connection's parent, followed by
 * the options of the program, which may be incomplete at their end. Returned
 * owned (osp_allocator_default), NULL if no option should be sent. The option
 * has only the environment's context, which is valid as long as the process: a
 * pooled connection outlives the points of a request.
 */
extern char *ospq_startup_option(const char *program);

/* Did the server, or a pooler, refuse the connection because of the option? */
extern bool ospq_option_refused(const PGconn *conn);

/* Removes our option from the connection's PQoptions. False: it was not there. */
extern bool ospq_hide_option(PGconn *conn);

#endif /* OSPQ_PROPAGATE_H */
