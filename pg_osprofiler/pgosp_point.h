/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_point.h
 *	  Points: operations that are open, each with a start record and a stop
 *	  record.
 */
#ifndef PGOSP_POINT_H
#define PGOSP_POINT_H

#include "pgosp_setting.h"

#pragma GCC visibility push(hidden)

/* ---- points (operation_stack.c) ---- */

/* Error of a point that failed; message is UTF-8. */
typedef struct pgospError
{
	bool known; /* false: only known that it did not end normally */
	char sqlstate[5];
	osp_str message;
	osp_str detail; /* detail, hint and places are empty if not recorded */
	osp_str hint;
	osp_str places; /* places named in the CONTEXT */
} pgospError;

/* What differs between the kinds of points. */
typedef struct pgospPointKind
{
	/* Encodes the attributes of the stop, in at most the point's stop_size bytes. */
	void (*put_stop)(osp_writer *w, const pgospPoint *point);
	/*
	 * Called before the point closes: the last chance to report what is in it.
	 * May be NULL; not called when the session ends.
	 */
	void (*closing)(pgospPoint *point);
	/* Called when the stop is written; the point's owner may reuse the memory. May be
	 * NULL. */
	void (*closed)(pgospPoint *point);
	/* Called when a child of the point was closed. May be NULL. */
	void (*child_closed)(pgospPoint *point);
	/* The point of a user that is opened in this one is its sibling, not its child. */
	bool user_beside;
	/* It is a statement, in which others may run. */
	bool is_statement;
	/* It may outlive the statement in which it is opened. */
	bool spans_statements;
} pgospPointKind;

struct pgospPoint
{
	dlist_node node; /* in the list of open points, by age */
	const pgospPointKind *kind;
	pgospPoint *parent; /* the open point around it, or NULL */
	uint64 serial;      /* grows from point to point */
	int calls;          /* points of calls under it; see call.c */
	bool open;
	bool silent; /* its start was not written, so no stop is either */
	bool staged; /* top only: its records wait; see staging.c */
	bool failed; /* while its stop is written: it failed */
	bool masked; /* it, or a point around it, may hold a secret: hide values */
	bool may_be_caught; /* top in a worker: the leader may catch its error */
	/*
	 * The point of the top-level statement that this one belongs to, maybe
	 * itself; NULL if there is none, or if that has ended.
	 */
	pgospPoint *top;
	uint64 points;   /* top only: number of its points, itself included */
	uint64 left_out; /* children left out because of osprofiler.max_points */
	osp_str name;
	size_t stop_size;
	size_t key; /* number of the key that signed its context */
	int64 start_ns;
	int64 idle_ns;   /* since when it waits for the client; 0: it is at work */
	int64 paused_ns; /* how long it waited for the client before */
	int64 stop_ns;   /* while its stop is written */
	int64 due_ns;    /* top only: how long the server works on it before it is
					  * recorded, known to its parallel workers; 0: as
					  * osprofiler.min_duration says */
	int nest_level;  /* staged top only: of the transaction when it began */
	osp_uuid trace_id;
	osp_id base_id;
	osp_id parent_id;
	osp_id self; /* the parent id of its children */
};

/*
 * The parent of a new point: an open point or, if there is none, a context. If
 * both are set, the context says which key signed it last.
 */
typedef struct pgospParent
{
	pgospPoint *point;
	const osp_context *context;
} pgospParent;

/* Encodes the attributes of a start. */
typedef void (*pgosp_put_start)(osp_writer *w, const void *what);

/*
 * Opens a point now and writes its start, for which put encodes at most size
 * bytes. The owner has set kind, name and stop_size.
 */
extern void pgosp_point_open(pgospPoint *point, const pgospParent *parent,
							 pgosp_put_start put, const void *what,
							 size_t size);

/* Does the running top-level statement have as many points as it may have? */
static inline bool
pgosp_point_is_full(void)
{
	const pgospPoint *top = pgosp_current->top;

	return unlikely(top != NULL && top->points >= (uint64) pgosp_max_points);
}

/*
 * May there be one more point in the running statement? If not, parent->point
 * counts it, and its stop reports how many were left out. For callers that can
 * save work by it; pgosp_point_open checks this, too.
 */
static inline bool
pgosp_point_may_open(const pgospParent *parent)
{
	if (likely(!pgosp_point_is_full()))
		return true;
	parent->point->left_out++;
	return false;
}

/*
 * Like pgosp_point_open, for a point that is reported after it began: start_ns
 * is in the past, but not before the start of the parent.
 */
extern void pgosp_point_open_at(pgospPoint *point, const pgospParent *parent,
								pgosp_put_start put, const void *what,
								size_t size, int64 start_ns);

/* Whether the statement of a parallel worker is recorded (pgosp_stage_tell_worker). */
typedef struct pgospWorkerStage
{
	int64 due_ns; /* the worker is recorded only if it is open at this time, or
				   * fails; 0: in any case */
	bool may_be_caught; /* do not record it only because it fails */
} pgospWorkerStage;

/* Like pgosp_point_open, for the point of a parallel worker. */
extern void pgosp_point_open_due(pgospPoint *point, const pgospParent *parent,
								 pgosp_put_start put, const void *what,
								 size_t size, const pgospWorkerStage *stage);

/*
 * Opens a point under an open one, at a time in the past, with a template for
 * its start. False: that is not possible here, and nothing was done.
 */
struct osp_template;
extern bool pgosp_point_open_known_at(pgospPoint *point, pgospPoint *parent,
									  const struct osp_template *start,
									  int64 start_ns);

/*
 * Notes that the server stops working on the point, which stays open: from now on it
 * waits for the client. If it closes before it is resumed, it ended at this moment,
 * without an error.
 */
static inline void
pgosp_point_pause(pgospPoint *point)
{
	point->idle_ns = pgosp_now();
}

/* Notes that the server works on a paused point again. */
extern void pgosp_point_resume(pgospPoint *point);

/* Waits of a point for the client are not reported if they are shorter than this in
 * total. */
#define PGOSP_PAUSE_MIN_NS INT64CONST(100000)

/* How long the server worked on the point until until_ns, when it was not paused. */
static inline int64
pgosp_point_active_ns(const pgospPoint *point, int64 until_ns)
{
	return until_ns - point->start_ns - point->paused_ns;
}

/* Removes a point, whose stop is written, from the open points. */
static inline void
pgosp_point_leave(pgospPoint *point)
{
	point->open = false;
	dlist_delete(&point->node);
	pgosp_busy--;
	if (pgosp_current == point)
		pgosp_current = NULL;
}

/* The ids of a point, borrowed from it. */
static inline void
pgosp_point_ids(const pgospPoint *point, osp_point_ids *ids)
{
	ids->base_id = &point->base_id;
	ids->parent_id = &point->parent_id;
	ids->trace_id = point->trace_id;
}

/*
 * Closes a point and, before it, everything that is open under it. error is
 * NULL if all went well. Nothing happens if it is not open.
 */
extern void pgosp_point_close(pgospPoint *point, const pgospError *error);

/* Like pgosp_point_close, at a time in the past, by which everything under the point
 * has ended. */
extern void pgosp_point_close_at(pgospPoint *point, const pgospError *error,
								 int64 stop_ns);

/* Closes all open points at the end of the session. */
extern void pgosp_point_close_all(const pgospError *error);

/* Makes sure that a point is recorded, because its ids are given to others. */
extern void pgosp_point_hand_on(pgospPoint *point);

/* Is it not decided yet whether this point will be recorded? */
static inline bool
pgosp_point_is_staged(const pgospPoint *point)
{
	return unlikely(point->top != NULL && point->top->staged);
}

/* Is lower the same as, or somewhere under, ancestor? */
extern bool pgosp_point_is_under(const pgospPoint *lower,
								 const pgospPoint *ancestor);

/* ---- statements that may be too quick to be recorded (staging.c) ---- */

/* Makes the records of this top-level statement wait. False: there is no memory. */
extern bool pgosp_stage_begin(pgospPoint *top);

/* Sets what parallel workers that begin now have to know of their top-level statement:
 * whether the statement may catch their errors, and the time at which it will have
 * taken osprofiler.min_duration. That time is known, since the statement is not paused
 * before its workers have ended. */
extern void pgosp_stage_tell_worker(pgospPoint *top, pgospWorkerStage *stage);

/* Has this top-level statement, or a parallel worker's part of one, taken
 * osprofiler.min_duration at this time? */
extern bool pgosp_stage_is_late(const pgospPoint *top, int64 now_ns);

/* Reserves room for a record; NULL: there is none. The commit gives its size; 0: the
 * record was given up. */
extern void *pgosp_stage_reserve(const pgospPoint *top, bool start,
								 size_t size);
extern void pgosp_stage_commit(const pgospPoint *top, size_t size);

/* Moves the waiting records of this statement into the ring; false: the ring has no
 * room, and they are lost. */
extern bool pgosp_stage_keep(pgospPoint *top);

/* Throws the waiting records of this statement away. */
extern void pgosp_stage_drop(pgospPoint *top);

/* ---- points of users (user_operation.c) ---- */

/* The innermost open point of a user, NULL if none; see user_operation.c. */
extern pgospPoint *pgosp_user_point(void);

/* The parent of a point in the running statement: that statement, or a user's point
 * opened in it. */
extern void pgosp_nested_parent(pgospParent *parent);

/* The parent of a point under this context: the context, or a user's open point in the
 * same trace. */
extern void pgosp_parent_of_context(const osp_context *context,
									pgospParent *parent);

extern bool pgosp_user_start(const pgospParent *parent, osp_str name,
							 osp_str info);
extern bool pgosp_user_stop(osp_str info);

/* Closes the points of users whose context is no longer set. */
extern void pgosp_user_close_all(void);

#pragma GCC visibility pop

#endif /* PGOSP_POINT_H */
