/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_state.h
 *	  The state of a thread, for profiler.c, profiler_hook.c and the inline
 *	  functions for hooks.
 */
#ifndef OSP_PROFILER_STATE_H
#define OSP_PROFILER_STATE_H

#include "base/shared.h"
#include "context/id_source.h"
#include "osprofiler/context.h"
#include "osprofiler/profiler.h"
#include "profiler/config.h"
#include "record/producer.h"

/* Bytes for the names of all points that are open in a thread. */
#define OSP__NAMES_MAX (32 * 1024)

/* A point that a hook opened. */
typedef struct osp__point
{
	osp_uuid trace_id;
	int64_t start_ns;
	uint64_t generation; /* of the process, so a child does not stop it */
	osp_id base_id;
	osp_id parent_id;
	bool masked; /* its statement may hold a secret: show no values */
} osp__point;

/* Marks a running call of a hooked library, see osp__guard_holds. */
typedef struct osp__guard
{
	const struct osp__guard *self;
	uint64_t mark;
} osp__guard;

#define OSP__GUARD_MARK UINT64_C(0x6f7370726f66696c)

typedef struct osp__open_point
{
	osp_uuid trace_id;
	const osp_id *base_id; /* of a hook's point, borrowed; NULL: the thread's */
	int64_t start_ns;
	uint32_t name_at; /* offset in names */
	uint32_t name_len;
	bool has_children; /* points of hooks were opened below it */
} osp__open_point;

/* State of a thread. The members that every statement needs come first. */
typedef struct osp__profiler
{
	bool active;       /* the application called osp_init */
	bool adopted;      /* traces in the environment's context, for hooks only */
	bool has_children; /* points of hooks were opened in this thread */
	bool has_producer;
	bool counted;    /* included in osp__tracers */
	uint32_t hooked; /* points of hooks in the stack */

	uint64_t generation; /* of the process, see fork.h */
	osp_clock clock;

	uint32_t depth;  /* number of open points */
	uint32_t beyond; /* opened above OSP_STACK_MAX, not traced */
	uint32_t names_len;
	osp_id base_id;
	osp_id parent_id; /* parent of the points at the bottom */
	osp_producer producer;
	osp__point call;    /* the point of the running libpq call */
	uint32_t call_kind; /* kind of that call; 0: none is running */
	osp__open_point points[OSP_STACK_MAX];
	char names[OSP__NAMES_MAX];

	char *keys; /* the text of the keys in ring; NULL: the configured keys */
	osp_keyring *ring;
	size_t key;
	int64_t retry_ns; /* time of the next attempt to get a producer */
	osp_buf scratch;  /* for the notifier: a record, and below its JSON */
	osp_buf json;
} osp__profiler;

/*
 * Hooks in other libraries read and change all of this. If the layout changes,
 * the name must change too, so that libraries that do not fit together do not
 * load.
 */
#define osp__self osp__self_4

/* The state of this thread; NULL if it has none yet. */
OSP_SHARED extern __thread osp__profiler *osp__self
	__attribute__((tls_model("initial-exec")));

/* The state of this thread, which is made if it has none; NULL: no memory. */
osp__profiler *osp__profiler_get(void);

/* The configuration of the process, known once osp__profiler_get() was called; NULL if
 * it is invalid. */
const osp_config *osp__profiler_config(void);

/* Gets the configured project and service, which stand in each record of this process;
 * empty if there are none. */
OSP_SHARED void osp__profiler_labels(osp_str *project, osp_str *service);

/* Forgets all open points, and continues in the same trace. */
void osp__profiler_restart(osp__profiler *p);

/*
 * Opens the thread's ring if it has none of this process. Does nothing if there
 * is a notifier.
 */
osp_status osp__profiler_open_ring(osp__profiler *p) OSP_MUST_CHECK;

/* Sets the thread's keys. Setting up keys costs some microseconds, so they are kept if
 * the list is the same as last time. */
osp_status osp__profiler_use_keys(osp__profiler *p,
								  const char *keys) OSP_MUST_CHECK;

/* Sets the thread's keys to the configured ones, from the variable and the file. */
osp_status osp__profiler_use_configured_keys(osp__profiler *p) OSP_MUST_CHECK;

/* The base id of the thread's trace, borrowed until it changes. */
static inline const osp_id *
osp__profiler_base(const osp__profiler *p)
{
	const osp_id *base = p->depth > 0 ? p->points[p->depth - 1].base_id : NULL;

	return base != NULL ? base : &p->base_id;
}

/* Sets *id to the parent id for children of this thread's open point. */
static inline void
osp__profiler_current(const osp__profiler *p, osp_id *id)
{
	if (p->depth > 0)
		osp_id_set_uuid(id, &p->points[p->depth - 1].trace_id);
	else
		osp_id_copy(id, &p->parent_id);
}

/* Counts the verdict on a context that arrived, for `osprofiler status`. */
void osp__profiler_note(osp_verdict verdict);

/* Updates the count of threads that trace after active or adopted was changed, and
 * tells the hooks if this thread begins to trace. */
void osp__profiler_count(osp__profiler *p);

/* Tells the hooks that a point stops; NULL: the thread stops tracing. */
void osp__profiler_tell(const osp_uuid *trace_id);

/* Is there a notifier? */
OSP_SHARED extern bool osp__profiler_has_notifier;

/*
 * Begins a record for this thread's ring, or for the notifier if there is one;
 * osp__profiler_commit ends it. False: it is dropped.
 */
bool osp__profiler_begin(osp__profiler *p, osp_writer *w, osp_record_kind kind,
						 const osp_point_ids *ids, osp_str name, int64_t now_ns,
						 int64_t elapsed_ns, size_t info_max);
void osp__profiler_commit(osp__profiler *p, osp_writer *w);

#endif /* OSP_PROFILER_STATE_H */
