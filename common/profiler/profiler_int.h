/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_int.h
 *	  The profiler as hooks use it: points of libraries that an application
 *	  calls, in the same trace as its own.
 *
 * A hook links libosprofiler.so.0, never the archive: the state of a thread
 * must be the one that the application's osp_init made, and there is only one
 * if there is only one library.
 *
 * A thread traces for hooks if the application called osp_init, or else if the
 * environment holds a context that its keys sign (OSPROFILER_TRACE_INFO,
 * OSPROFILER_TRACE_HMAC), as `osprofiler run` sets it. The application's own
 * osp_start needs its osp_init all the same.
 *
 * A hook keeps its open points itself, where it likes, and may stop them in any
 * thread and order. Only between osp__hook_enter and osp__hook_leave does a
 * point become the parent of what else this thread does.
 *
 *	  if (osp__hook_tracing() && osp__hook_open(&point))
 *		  if (osp__hook_begin(&point, OSP_RECORD_START, OSP_STR("db"),
 *							  point.start_ns, size, &w))
 *		  {
 *			  osp_put_str(&w, ...);
 *			  osp__hook_commit(&w);
 *		  }
 *
 * Nothing here fails: what cannot be recorded is counted, and not traced.
 *
 * What every statement comes by is inline, down to the clock: a call into
 * another library and back costs as much as a whole record.
 */
#ifndef OSP_PROFILER_INT_H
#define OSP_PROFILER_INT_H

#include "base/shared.h"
#include "profiler/profiler_state.h"
#include "record/template.h"
#include "sql/sql_text.h"

/*
 * Whether this thread is inside a hooked library: a hook that is loaded twice
 * (linked and preloaded), or called by the library itself, stays out of the way.
 * For libpq it is the guard of the outermost wrapper, NULL if there is none; for
 * SQLite a count.
 */
typedef struct osp__hook_depth
{
	const osp__guard *libpq;
	unsigned sqlite;
} osp__hook_depth;

/* As with osp__self: another layout has another name. */
#define osp__depth osp__depth_2

OSP_SHARED extern __thread osp__hook_depth osp__depth
	__attribute__((tls_model("initial-exec")));

/* Marks a guard, which lies on the stack of its wrapper, as in use. */
static inline void
osp__guard_set(osp__guard *guard)
{
	guard->self = guard;
	guard->mark = OSP__GUARD_MARK;
}

/*
 * Does the call still run whose guard this is? A program may leave it by a
 * longjmp, in a signal handler for example, and then nothing resets osp__depth.
 * The guard of a call that runs lies above our own frame, and is as it was set.
 */
OSP_SHARED bool osp__guard_holds(const osp__guard *guard);

/* Is there a context in the environment that was not looked at yet, or that is
 * valid? Then a thread that does not trace may begin to. */
OSP_SHARED extern bool osp__environment_open;

/* Takes the environment's context for this thread, if it is valid. */
OSP_SHARED bool osp__hook_adopt(void);

/* Does this thread trace? A few ns, whatever the answer. */
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

/* The process's configuration; NULL if it is wrong, then nothing traces. */
OSP_SHARED const osp_config *osp__hook_config(void);

/* The statement as it may be recorded, as osp_sql_record; how is completed by the
 * settings: with hide_params off, a text that may be built of values is shown. */
OSP_SHARED void osp__hook_record(osp_str text, osp_sql_recording how,
								 size_t max, osp_sql_space *space,
								 osp_sql_recorded *out);

/* The message of an error, as osp_sql_message; the rules are completed by the
 * settings. */
OSP_SHARED osp_str osp__hook_message(osp_str message, osp_sql_origin origin,
									 osp_sql_message_rules rules, char *space,
									 size_t size);

/* Its DETAIL or HINT, as osp_sql_detail. */
OSP_SHARED osp_str osp__hook_detail(osp_str detail, const char *sqlstate,
									osp_sql_origin origin,
									osp_sql_message_rules rules, char *space,
									size_t size);

/* Finds the context in the comments of a statement and verifies it, as
 * osp__hook_verify. */
OSP_SHARED osp_verdict osp__hook_comment(osp_str text, osp_sql_dialect dialect,
										 osp_context *out);

/* Verifies a context that came another way, by the keys of this thread, or else
 * the configured ones. */
OSP_SHARED osp_verdict osp__hook_verify(osp_str trace_info, osp_str trace_hmac,
										osp_context *out);

/*
 * A new point below what is open in this thread, which traces, as
 * osp__hook_tracing just said: ids and time, no record yet. A hook may set other
 * ids afterwards.
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

/* The time of a point of this thread. */
static inline int64_t
osp__hook_now(void)
{
	osp__profiler *p = osp__self;

	return OSP_LIKELY(p != NULL) ? osp_clock_now(&p->clock) : osp_mono_now();
}

/* The same, if the thread traces; false if it does not. */
static inline bool
osp__hook_open(osp__point *point)
{
	if (OSP_UNLIKELY(!osp__hook_tracing()))
		return false;
	osp__hook_open_tracing(point);
	return true;
}

/* The same below a verified context, whether this thread traces or not. */
OSP_SHARED bool osp__hook_open_in(osp__point *point,
								  const osp_context *context);

/*
 * Begins a record of the point in this thread's ring, of at most info_max bytes
 * of info. False: it is dropped, and osp__hook_commit must not be called.
 */
OSP_SHARED bool osp__hook_begin(const osp__point *point, osp_record_kind kind,
								osp_str name, int64_t now_ns, size_t info_max,
								osp_writer *w);
OSP_SHARED void osp__hook_commit(osp_writer *w);

/* The start of the point was dropped, and no stop will be written: counts that, too. */
OSP_SHARED void osp__hook_drop_stop(const osp__point *point);

/*
 * The same for a hook that is in a hurry: the ring that the record of this point
 * goes to, for osp_point_begin and osp_point_commit, which a compiler can make
 * one of much. NULL: osp__hook_begin has to be asked.
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
 * The same for a template (record/template.h) that is put for this point:
 * ids are what it takes. NULL: it cannot be put.
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

/* Makes the point the parent of what this thread opens from here on... */
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

/* Leaves a point that is not the innermost one, or not there at all. */
OSP_SHARED void osp__hook_leave_outer(const osp__point *point);

/* Is this entry of the stack the hook's point? */
static inline bool
osp__hook_is_entry(const osp__open_point *entry, const osp__point *point)
{
	return entry->base_id == &point->base_id && entry->name_len == 0;
}

/* ...until here. Points that the application left open above it are dropped. */
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
 * What a hook wants to hear of. At most OSP__LISTENERS_MAX of them.
 *
 * begins: a thread, this one, traces from now on.
 *
 * stops: in the thread of a point of the application that is about to stop, with
 * its id: what is open below it has to be stopped; with NULL when the thread
 * traces no more. Only where a hook opened points since.
 */
#define OSP__LISTENERS_MAX 8
typedef struct osp__listener
{
	void (*begins)(void);
	void (*stops)(const osp_uuid *trace_id);
} osp__listener;

/* listener stays where it is for ever. */
OSP_SHARED void osp__hook_listen(const osp__listener *listener);

/* How many threads trace. In a child, those of the parent are among them. */
OSP_SHARED extern unsigned osp__tracers;

/* The signed context for calling on from below the point, which was opened in
 * this thread. False when there is no key to sign with. */
OSP_SHARED bool osp__hook_sign(const osp__point *point, osp_headers *out);

/* Is it the environment's context that this thread traces in? */
OSP_SHARED bool osp__hook_adopted(void);

/* Was the point opened by this process, not by the parent that forked it? */
OSP_SHARED bool osp__hook_ours(const osp__point *point);

#endif /* OSP_PROFILER_INT_H */
