/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_state.h
 *	  What profiler.c, profiler_hook.c and the inline parts of hooks know of a
 *	  thread.
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
	uint64_t generation; /* of the process: a child does not stop it */
	osp_id base_id;
	osp_id parent_id;
	bool masked; /* a statement that may hold a secret: no values show */
} osp__point;

/* A call of a hooked library that runs, see osp__guard_holds. */
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
	uint32_t name_at; /* in names */
	uint32_t name_len;
	bool has_children; /* points of hooks were opened below it */
} osp__open_point;

/* What every statement needs comes first. */
typedef struct osp__profiler
{
	bool active;       /* the application called osp_init */
	bool adopted;      /* else: the environment's context, for hooks only */
	bool has_children; /* points of hooks were opened in this thread */
	bool has_producer;
	bool counted;    /* among osp__tracers */
	uint32_t hooked; /* points of hooks that are on the stack */

	uint64_t generation; /* of the process, see fork.h */
	osp_clock clock;

	uint32_t depth;  /* of points that are open */
	uint32_t beyond; /* opened above OSP_STACK_MAX, not traced */
	uint32_t names_len;
	osp_id base_id;
	osp_id parent_id; /* of the points at the bottom */
	osp_producer producer;
	osp__point call;    /* the point of the call of libpq that runs... */
	uint32_t call_kind; /* ...and what it is; 0: there is none */
	osp__open_point points[OSP_STACK_MAX];
	char names[OSP__NAMES_MAX];

	char *keys; /* the list that ring was made of; NULL: the configured keys */
	osp_keyring *ring;
	size_t key;
	int64_t retry_ns; /* without a producer: not tried again before */
	osp_buf scratch;  /* records and notifications for the notifier */
	osp_buf json;
} osp__profiler;

/*
 * Hooks are other libraries that read and change all this: with another layout
 * it gets another name, so that what does not fit together does not load.
 */
#define osp__self osp__self_4

/* The state of this thread; NULL: none was made. */
OSP_SHARED extern __thread osp__profiler *osp__self
	__attribute__((tls_model("initial-exec")));

/* The same, made if there is none; NULL: no memory. */
osp__profiler *osp__profiler_get(void);

/* The configuration of the process, once a profiler was made; NULL: wrong. */
const osp_config *osp__profiler_config(void);

/* The configured project and service, which each record of this process names;
 * empty if there are none. */
OSP_SHARED void osp__profiler_labels(osp_str *project, osp_str *service);

/* Forgets the points that are open, and goes on in this trace. */
void osp__profiler_restart(osp__profiler *p);

/*
 * The thread's ring, opened if it is not, or was the parent's. Not needed where
 * there is a notifier.
 */
osp_status osp__profiler_open_ring(osp__profiler *p) OSP_MUST_CHECK;

/* Keys cost some microseconds to set up: those of the last time are kept. */
osp_status osp__profiler_use_keys(osp__profiler *p,
								  const char *keys) OSP_MUST_CHECK;

/* The configured keys, of variable and file, as the thread's own. */
osp_status osp__profiler_use_configured_keys(osp__profiler *p) OSP_MUST_CHECK;

/* The trace that the thread is in, borrowed until that changes. */
static inline const osp_id *
osp__profiler_base(const osp__profiler *p)
{
	const osp_id *base = p->depth > 0 ? p->points[p->depth - 1].base_id : NULL;

	return base != NULL ? base : &p->base_id;
}

/* The id that children of this thread's open point get as parent. */
static inline void
osp__profiler_current(const osp__profiler *p, osp_id *id)
{
	if (p->depth > 0)
		osp_id_set_uuid(id, &p->points[p->depth - 1].trace_id);
	else
		osp_id_copy(id, &p->parent_id);
}

/* Counts a context that came, for `osprofiler status`. */
void osp__profiler_note(osp_verdict verdict);

/* Counts this thread among those that trace, or no longer; active or adopted was
 * changed. The hooks are told of the first. */
void osp__profiler_count(osp__profiler *p);

/* Tells the hooks that a point stops, NULL: that the thread traces no more. */
void osp__profiler_tell(const osp_uuid *trace_id);

/* Is there a notifier? */
OSP_SHARED extern bool osp__profiler_has_notifier;

/*
 * Begins a record for this thread's ring, or for the notifier if there is one;
 * false: it is dropped. Committed by osp__profiler_commit.
 */
bool osp__profiler_begin(osp__profiler *p, osp_writer *w, osp_record_kind kind,
						 const osp_point_ids *ids, osp_str name, int64_t now_ns,
						 int64_t elapsed_ns, size_t info_max);
void osp__profiler_commit(osp__profiler *p, osp_writer *w);

#endif /* OSP_PROFILER_STATE_H */
