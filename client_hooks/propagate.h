/* SPDX-License-Identifier: Apache-2.0
 *
 * propagate.h
 *	  Telling the server of the trace, where it cannot change what happens.
 */
#ifndef OSPQ_PROPAGATE_H
#define OSPQ_PROPAGATE_H

#include "pq_conn.h"

/* The rest of ospq_with_comment. */
extern const char *ospq_comment(ospq_conn *c, ospq_sent *sent,
								const osp__point *point, const char *sql);

/* Is osprofiler.set_context to be called before prepared statements? */
extern bool ospq_tells_prepared(void);

/* Are comments wanted? -1: the setting has not been read yet. */
extern int ospq_by_comment;

/* Do statements get comments in this process? Reads the setting. */
extern bool ospq_sends_comments(void);

/*
 * The statement with a comment that names the point as its parent, borrowed from
 * *sent until the next call; sql itself where there shall be none.
 */
static inline const char *
ospq_with_comment(ospq_conn *c, ospq_sent *sent, const osp__point *point,
				  const char *sql)
{
	if (__atomic_load_n(&ospq_by_comment, __ATOMIC_RELAXED) == 0)
		return sql;
	return ospq_comment(c, sent, point, sql);
}

/* No statement of this process gets a comment any more. */
extern void ospq_end_comments(void);

/*
 * The start-up option that names the connection's parent, before the options of the
 * program, which may end in the middle of one. Returned owned
 * (osp_allocator_default), NULL if none is wanted. Only the environment's context
 * is named so, for it lasts as long as the process; a
 * pooled connection outlives the points of a request.
 */
extern char *ospq_startup_option(const char *program);

/* Did the server, or a pooler, refuse the connection for the option? */
extern bool ospq_option_refused(const PGconn *conn);

/* Cuts our option off what the connection says of itself. */
extern void ospq_hide_option(PGconn *conn);

#endif /* OSPQ_PROPAGATE_H */
