/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_point.h
 *	  Points: what is open, and what waits to be recorded.
 */
#ifndef PGOSP_POINT_H
#define PGOSP_POINT_H

#include "pgosp_setting.h"

#pragma GCC visibility push(hidden)

/* ---- points (operation_stack.c) ---- */

/* Error of a point that failed; message is UTF-8. */
typedef struct pgospError
{
	bool known; /* else only that it did not end as it should */
	char sqlstate[5];
	osp_str message;
	osp_str detail; /* these are empty if there is nothing to record */
	osp_str hint;
	osp_str places; /* of the CONTEXT */
} pgospError;

/* What the kinds of points have for themselves. */
typedef struct pgospPointKind
{
	/* Puts what the stop tells: at most stop_size bytes of the point. */
	void (*put_stop)(osp_writer *w, const pgospPoint *point);
	/*
	 * The point is about to close: the last occasion to tell of what is in it.
	 * May be NULL; is not asked when the session ends.
	 */
	void (*closing)(pgospPoint *point);
	/* The stop is written; the memory is its owner's again. May be NULL. */
	void (*closed)(pgospPoint *point);
	/* A point right under this one was closed. May be NULL. */
	void (*child_closed)(pgospPoint *point);
	/* A point that a user opens in this one hangs beside it, not under it. */
	bool user_beside;
	/* A statement, in which others may run. */
	bool is_statement;
	/* It may outlive the statement that it is opened in. */
	bool spans_statements;
} pgospPointKind;

struct pgospPoint
{
	dlist_node node; /* in the list of open points, by age */
	const pgospPointKind *kind;
	pgospPoint *parent; /* the open point round it, or NULL */
	uint64 serial;      /* grows from point to point */
	int calls;          /* points of calls under it; see call.c */
	bool open;
	bool silent; /* its start was not written: it writes no stop */
	bool staged; /* of a top: its records wait (see staging.c) */
	bool failed; /* while its stop is written: it ended with an error */
	bool masked; /* it, or what it is in, may hold a secret: no values show */
	/*
	 * The point of the top-level statement that this one belongs to, maybe
	 * itself; NULL if there is none, or if that has ended.
	 */
	pgospPoint *top;
	uint64 points;   /* of a top: how many it has, itself included */
	uint64 left_out; /* points right under it beyond osprofiler.max_points */
	osp_str name;
	size_t stop_size;
	size_t key; /* that signed its context */
	int64 start_ns;
	int64 idle_ns;   /* since when it waits for the client; 0: it is at work */
	int64 paused_ns; /* how long it waited for the client before */
	int64 stop_ns;   /* while its stop is written */
	osp_uuid trace_id;
	osp_id base_id;
	osp_id parent_id;
	osp_id self; /* the parent id of its children */
};

/*
 * Where a new point hangs: under an open point, or, if there is none, under a
 * context. With both, the context says which key signed it last.
 */
typedef struct pgospParent
{
	pgospPoint *point;
	const osp_context *context;
} pgospParent;

/* Puts what the start tells. */
typedef void (*pgosp_put_start)(osp_writer *w, const void *what);

/*
 * Opens a point now and writes its start: put puts at most size bytes. The
 * owner has set kind, name and stop_size.
 */
extern void pgosp_point_open(pgospPoint *point, const pgospParent *parent,
							 pgosp_put_start put, const void *what,
							 size_t size);

/* Has the running statement's top-level statement as many as it may have? */
static inline bool
pgosp_point_is_full(void)
{
	const pgospPoint *top = pgosp_current->top;

	return unlikely(top != NULL && top->points >= (uint64) pgosp_max_points);
}

/*
 * May there be one more point in the running statement? Else it is counted by
 * parent->point, whose stop tells how many were left out. For those who can
 * spare themselves more than pgosp_point_open, which looks at this, too.
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
 * The same for what is told later than it began: at a time in the past, that is
 * not before the start of the parent.
 */
extern void pgosp_point_open_at(pgospPoint *point, const pgospParent *parent,
								pgosp_put_start put, const void *what,
								size_t size, int64 start_ns);

/*
 * Opens a point under one that is open, at a time in the past: its start is a
 * template. False, and nothing is done, if that cannot be: it has to be staged.
 */
struct osp_template;
extern bool pgosp_point_open_known_at(pgospPoint *point, pgospPoint *parent,
									  const struct osp_template *start,
									  int64 start_ns);

/*
 * The server stops working on the point, which stays open: from now on time passes
 * for the client alone. If it closes before it is resumed, it ended here, without
 * an error.
 */
static inline void
pgosp_point_pause(pgospPoint *point)
{
	point->idle_ns = pgosp_now();
}

/* The server works on a point again that was paused. */
extern void pgosp_point_resume(pgospPoint *point);

/* Waits for the client of less than this, in total, are not reported. */
#define PGOSP_PAUSE_MIN_NS INT64CONST(100000)

/* How long the server worked on the point until a time at which it did. */
static inline int64
pgosp_point_active_ns(const pgospPoint *point, int64 until_ns)
{
	return until_ns - point->start_ns - point->paused_ns;
}

/* The stop of a point is written, and so it is open no more. */
static inline void
pgosp_point_leave(pgospPoint *point)
{
	point->open = false;
	dlist_delete(&point->node);
	pgosp_busy--;
	if (pgosp_current == point)
		pgosp_current = NULL;
}

/* Borrowed from the point. */
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

/* The same at a time in the past; what is under it has ended by then. */
extern void pgosp_point_close_at(pgospPoint *point, const pgospError *error,
								 int64 stop_ns);

/* Closes all that is open; for the end of the session. */
extern void pgosp_point_close_all(const pgospError *error);

/* Its ids are given to somebody else, so it has to be recorded in any case. */
extern void pgosp_point_hand_on(pgospPoint *point);

/* Is it not known yet whether this point will be recorded? */
static inline bool
pgosp_point_is_staged(const pgospPoint *point)
{
	return unlikely(point->top != NULL && point->top->staged);
}

/* Is lower the same as, or somewhere under, ancestor? */
extern bool pgosp_point_is_under(const pgospPoint *lower,
								 const pgospPoint *ancestor);

/* ---- statements that may be too quick to be recorded (staging.c) ---- */

/* The records of this top-level statement shall wait. False: no memory. */
extern bool pgosp_stage_begin(pgospPoint *top);

/* Has it taken as long as it must at this time? */
extern bool pgosp_stage_is_late(const pgospPoint *top, int64 now_ns);

/* Room for a record, NULL if there is none; its size, 0 if it was given up. */
extern void *pgosp_stage_reserve(const pgospPoint *top, bool start,
								 size_t size);
extern void pgosp_stage_commit(const pgospPoint *top, size_t size);

/* They go to the ring; false: it has no room for them, and they are lost. */
extern bool pgosp_stage_keep(pgospPoint *top);

/* They are thrown away. */
extern void pgosp_stage_drop(pgospPoint *top);

/* ---- points of users (user_operation.c) ---- */

/* The innermost open point of a user, NULL if none; see user_operation.c. */
extern pgospPoint *pgosp_user_point(void);

/* Where a point in the running statement hangs: there may be a user's between. */
extern void pgosp_nested_parent(pgospParent *parent);

/* Where a point under this context hangs: there may be a user's between. */
extern void pgosp_parent_of_context(const osp_context *context,
									pgospParent *parent);

extern bool pgosp_user_start(const pgospParent *parent, osp_str name,
							 osp_str info);
extern bool pgosp_user_stop(osp_str info);

/* Closes those that hang under a context that is no longer there. */
extern void pgosp_user_close_all(void);

#pragma GCC visibility pop

#endif /* PGOSP_POINT_H */
