/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_int.h
 *	  The profiler's functions for hooks, which trace calls of a library in the
 *	  same trace as the application's own points.
 *
 * A hook links libosprofiler.so.0, never the archive: the state of a thread
 * must be the one that the application's osp_init made, and there is only one
 * if there is only one library.
 *
 * A thread traces for hooks if the application called osp_init, or else if the
 * environment holds a context that its keys sign (OSPROFILER_TRACE_INFO,
 * OSPROFILER_TRACE_HMAC), as `osprofiler run` sets it. The application's own
 * osp_start still needs osp_init.
 *
 * A hook keeps its open points in its own memory, and may stop them in any
 * thread and order. Only between osp__hook_enter and osp__hook_leave is a point
 * the parent of other points of this thread.
 *
 *	  if (osp__hook_tracing() && osp__hook_open(&point))
 *		  if (osp__hook_begin(&point, OSP_RECORD_START, OSP_STR("db"),
 *							  point.start_ns, size, &w))
 *		  {
 *			  osp_put_str(&w, ...);
 *			  osp__hook_commit(&w);
 *		  }
 *
 * Nothing here fails: a point that cannot be recorded is counted as lost.
 *
 * The code that runs for every statement is inline, including the clock: a call
 * into another library and back costs as much as a whole record.
 */
#ifndef OSP_PROFILER_INT_H
#define OSP_PROFILER_INT_H

#include "base/shared.h"
#include "profiler/profiler_state.h"
#include "record/template.h"
#include "sql/sql_text.h"

/*
 * Says whether this thread is inside a hooked library: a hook that is loaded twice
 * (linked and preloaded), or is called by the library itself, does nothing then. For
 * libpq it is the guard of the outermost wrapper, NULL if there is none; for SQLite a
 * count.
 */
typedef struct osp__hook_depth
{
	const osp__guard *libpq;
	unsigned sqlite;
} osp__hook_depth;

/* As for osp__self: if the layout changes, the name must change, too. */
#define osp__depth osp__depth_2

OSP_SHARED extern __thread osp__hook_depth osp__depth
	__attribute__((tls_model("initial-exec")));

/* Marks a guard as in use. It lies on the stack of its wrapper. */
static inline void
osp__guard_set(osp__guard *guard)
{
	guard->self = guard;
	guard->mark = OSP__GUARD_MARK;
}

/*
 * Is the call that set this guard still running? A program may leave the call
 * by a longjmp, for example in a signal handler, and then nothing resets
 * osp__depth. The guard of a running call lies above this function's frame, and
 * is unchanged.
 */
OSP_SHARED bool osp__guard_holds(const osp__guard *guard);

/* Is there a context in the environment that is valid, or not verified yet? Then a
 * thread that does not trace may begin to. */
OSP_SHARED extern bool osp__environment_open;

/* Makes this thread trace in the environment's context, if it is valid. */
OSP_SHARED bool osp__hook_adopt(void);

/* Does this thread trace? Takes a few ns, whatever the answer. */
static inline bool
osp__hook_tracing(void)
{
	const osp__profiler *p = osp__self;

	if (p != NULL && (p->active || p->adopted || p->hooked > 0))
		return true;
	return OSP_UNLIKELY(
			   __atomic_load_n(&osp__environment_open, __ATOMIC_RELAXED)) &&
		   osp__hook_adopt();
}

/* The process's configuration; NULL if it is invalid, and then nothing is traced. */
OSP_SHARED const osp_config *osp__hook_config(void);

/* Makes the recordable form of a statement, like osp_sql_record. It is recorded
 * as `how` says and as the settings allow: with hide_params off, a text that
 * may be built from values is recorded, too. */
OSP_SHARED void osp__hook_record(osp_str text, osp_sql_recording how,
								 size_t max, osp_sql_space *space,
								 osp_sql_recorded *out);

/* Makes the recordable form of an error's message, like osp_sql_message, by
 * these rules and those of the settings. */
OSP_SHARED osp_str osp__hook_message(osp_str message, osp_sql_origin origin,
									 osp_sql_message_rules rules, char *space,
									 size_t size);

/* Makes the recordable form of an error's DETAIL or HINT, like osp_sql_detail. */
OSP_SHARED osp_str osp__hook_detail(osp_str detail, const char *sqlstate,
									osp_sql_origin origin,
									osp_sql_message_rules rules, char *space,
									size_t size);

/* Finds the context in the comments of a statement and verifies it like
 * osp__hook_verify. */
OSP_SHARED osp_verdict osp__hook_comment(osp_str text, osp_sql_dialect dialect,
										 osp_context *out);

/* Verifies a context from any source with the keys of this thread, or else with the
 * configured ones. */
OSP_SHARED osp_verdict osp__hook_verify(osp_str trace_info, osp_str trace_hmac,
										osp_context *out);

/*
 * Opens a new point below the one that is open in this thread: sets ids and time,
 * writes no record yet. The thread must trace, as osp__hook_tracing says. A hook may
 * set other ids afterwards.
 */
static inline void
osp__hook_open_tracing(osp__point *point)
{
	osp__profiler *p = osp__self;
	const osp_id *base = NULL;

	if (p->depth > 0)
	{
		osp__open_point *top = &p->points[p->depth - 1];

		osp_id_set_uuid(&point->parent_id, &top->trace_id);
		top->has_children = true;
		base = top->base_id;
	}
	else
		osp_id_copy(&point->parent_id, &p->parent_id);
	osp_id_copy(&point->base_id, base != NULL ? base : &p->base_id);
	p->has_children = true;
	point->generation = osp__generation();
	if (OSP_UNLIKELY(!osp__uuid_take(&point->trace_id, point->generation)))
		osp_uuid_new(&point->trace_id);
	point->masked = false;
	point->start_ns = osp_clock_now(&p->clock);
}

/* The present time by the clock that this thread's points use. */
static inline int64_t
osp__hook_now(void)
{
	osp__profiler *p = osp__self;

	return OSP_LIKELY(p != NULL) ? osp_clock_now(&p->clock) : osp_mono_now();
}

/* Opens a new point like osp__hook_open_tracing if the thread traces; else returns
 * false. */
static inline bool
osp__hook_open(osp__point *point)
{
	if (OSP_UNLIKELY(!osp__hook_tracing()))
		return false;
	osp__hook_open_tracing(point);
	return true;
}

/* Opens a new point below a verified context, whether this thread traces or not. */
OSP_SHARED bool osp__hook_open_in(osp__point *point,
								  const osp_context *context);

/*
 * Begins a record of the point in this thread's ring, with room for info_max
 * bytes of info. False: the record is dropped, and osp__hook_commit must not be
 * called.
 */
OSP_SHARED bool osp__hook_begin(const osp__point *point, osp_record_kind kind,
								osp_str name, int64_t now_ns, size_t info_max,
								osp_writer *w);
OSP_SHARED void osp__hook_commit(osp_writer *w);

/* Counts the missing stop of a point as dropped, too. For a point whose start was
 * dropped and that will get no stop. */
OSP_SHARED void osp__hook_drop_stop(const osp__point *point);

/*
 * A faster way than osp__hook_begin: returns the ring for this point's records, for
 * osp_point_begin and osp_point_commit, which the compiler can inline. NULL:
 * osp__hook_begin must be used.
 */
static inline osp_producer *
osp__hook_producer(const osp__point *point)
{
	osp__profiler *p = osp__self;

	if (OSP_UNLIKELY(p == NULL || !p->has_producer ||
					 osp__profiler_has_notifier ||
					 p->generation != point->generation ||
					 p->generation != osp__generation()))
		return NULL;
	return &p->producer;
}

/*
 * Like osp__hook_producer, for a template (record/template.h) of this point's
 * record: also fills the ids that it needs. NULL: no template can be used.
 */
static inline osp_producer *
osp__hook_templates(const osp__point *point, osp_point_ids *ids)
{
	osp_producer *producer = osp__hook_producer(point);

	ids->base_id = &point->base_id;
	ids->parent_id = &point->parent_id;
	ids->trace_id = point->trace_id;
	return OSP_LIKELY(producer != NULL && osp_template_may(ids)) ? producer
																 : NULL;
}

/* Makes the point the parent of all points that this thread opens before
 * osp__hook_leave. */
static inline void
osp__hook_enter(const osp__point *point)
{
	osp__profiler *p = osp__self;
	osp__open_point *entry;

	if (OSP_UNLIKELY(p == NULL || p->depth == OSP_STACK_MAX))
		return;
	entry = &p->points[p->depth++];
	entry->trace_id = point->trace_id;
	entry->base_id = &point->base_id;
	entry->name_at = p->names_len;
	entry->name_len = 0;
	entry->has_children = false;
	p->hooked++;
}

/* Leaves a point that is not the innermost one, or was never entered. */
OSP_SHARED void osp__hook_leave_outer(const osp__point *point);

/* Is this entry of the stack the hook's point? */
static inline bool
osp__hook_is_entry(const osp__open_point *entry, const osp__point *point)
{
	return entry->base_id == &point->base_id && entry->name_len == 0;
}

/* Ends osp__hook_enter. Points above it that the application left open are dropped. */
static inline void
osp__hook_leave(const osp__point *point)
{
	osp__profiler *p = osp__self;

	if (OSP_UNLIKELY(p == NULL))
		return;
	if (OSP_UNLIKELY(p->depth == 0 ||
					 !osp__hook_is_entry(&p->points[p->depth - 1], point)))
	{
		osp__hook_leave_outer(point);
		return;
	}
	p->names_len = p->points[--p->depth].name_at;
	p->hooked--;
}

/*
 * Callbacks of a hook. There are at most OSP__LISTENERS_MAX listeners.
 *
 * begins: called in a thread that begins to trace.
 *
 * stops: called with a point's id before the application's point stops, in its thread:
 * the hook must stop its open points below it. Called with NULL when the thread stops
 * tracing. Both only if a hook has opened points there.
 */
#define OSP__LISTENERS_MAX 8
typedef struct osp__listener
{
	void (*begins)(void);
	void (*stops)(const osp_uuid *trace_id);
} osp__listener;

/* Registers a listener, which must stay in memory for ever. */
OSP_SHARED void osp__hook_listen(const osp__listener *listener);

/* How many threads trace. In a forked child, those of the parent are included. */
OSP_SHARED extern unsigned osp__tracers;

/* Makes the signed context for a call to another service below the point, which was
 * opened in this thread. False: there is no key to sign with. */
OSP_SHARED bool osp__hook_sign(const osp__point *point, osp_headers *out);

/* Does this thread trace in the environment's context? */
OSP_SHARED bool osp__hook_adopted(void);

/* Was the point opened by this process, not by the parent that forked it? */
OSP_SHARED bool osp__hook_ours(const osp__point *point);

#endif /* OSP_PROFILER_INT_H */
