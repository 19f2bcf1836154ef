/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_known.h
 *	  Statements of cached plans: their start records are made once (plan_cache.c), and
 *	  so are the stop records of nearly all statements (stop_templates.c).
 *
 * Most of the cost of tracing a short statement is fetching the code for it. So these
 * statements take a short path of their own, with templates of records
 * (record/template.h). Unusual cases take the long path, statement.c, which writes the
 * same bytes.
 */
#ifndef PGOSP_KNOWN_H
#define PGOSP_KNOWN_H

#include "pgosp.h"

#include "utils/plancache.h"

#include "record/template.h"

#include "context/id_source.h"

#pragma GCC visibility push(hidden)

/* ---- templates (session_templates.c) ---- */

/* A record of this session that is made once, in memory of its own. All zeroes: there
 * is none. */
typedef struct pgospTemplate
{
	uint64 epoch; /* pgosp_text_epoch when it was made; 0: not made */
	osp_template of;
	uint32 size; /* of the record's memory */
} pgospTemplate;

/* Makes a template, or makes it again; name and attributes are as for
 * osp_template_make. False: it is too long, or there is no memory, and the template
 * must not be used. */
extern bool pgosp_template_make(pgospTemplate *t, osp_record_kind kind,
								osp_str name, osp_str attributes);

/* Frees the memory of a template, whether it is made or not. */
extern void pgosp_template_free(pgospTemplate *t);

/* Is the template made and up to date? */
static inline bool
pgosp_template_is_made(const pgospTemplate *t)
{
	return likely(t->epoch == pgosp_text_epoch);
}

/* Publishes the record that was put, and prefetches memory for the next one, because
 * PostgreSQL does much between two records. */
static inline void
pgosp_template_commit(const osp_template *t, osp_producer *producer)
{
	osp_template_commit(t, producer);
	osp_template_prefetch(producer);
}

/* Opens a point whose ids, kind, top and times are set; the caller has to write its
 * start. */
static inline void
pgosp_point_open_unwritten(pgospPoint *point)
{
	if (unlikely(!osp__uuid_take(&point->trace_id, osp__generation())))
		osp_uuid_new(&point->trace_id);
	osp_id_set_uuid(&point->self, &point->trace_id);
	point->serial = pgosp_next_serial++;
	point->idle_ns = 0;
	point->paused_ns = 0;
	point->failed = false;
	point->calls = 0;
	point->left_out = 0;
	point->staged = false;
	point->due_ns = 0;
	point->may_be_caught = false;
	point->silent = false;
	point->open = true;
	dlist_insert_before(&pgosp_open_points.head, &point->node);
	pgosp_busy++;
}

/* Writes the start of a point that pgosp_point_open_unwritten opened. If the ring has
 * no room, the point becomes silent. */
static inline void
pgosp_point_write_start(pgospPoint *point, osp_producer *producer,
						const osp_template *start)
{
	osp_point_ids ids;

	pgosp_point_ids(point, &ids);
	if (likely(osp_template_put(start, producer, &ids, point->start_ns, 0) !=
			   NULL))
		pgosp_template_commit(start, producer);
	else
	{
		point->silent = true;
		osp_id_copy(&point->self, &point->parent_id);
		osp_producer_drop_stop(producer, &point->base_id);
	}
}

/* Prepares for a top-level statement that is traced under this context. */
static inline void
pgosp_statement_begins(osp_producer *producer, const osp_context *context)
{
	pgosp_worker_want(producer);
	pgosp_error_told = false;
	pgosp_lockwait_note(context);
	if ((pgosp_points & PGOSP_POINTS_COMMIT) != 0)
		pgosp_commit_remember(context);
}

/* ---- starts that may never be needed (staging.c) ---- */

/*
 * Like pgosp_stage_begin, but the start of the open point top is written only
 * when another record of top, or of a point under it, has to be written. The
 * template is borrowed until then.
 */
extern bool pgosp_stage_begin_unwritten(pgospPoint *top,
										const osp_template *start);

/* Writes the start that still has to be written by this template, which is about to
 * change. */
extern void pgosp_stage_write_start(const osp_template *start);

/* ---- starts, by the plan (plan_cache.c) ---- */

#define PGOSP_KNOWN_MAX 1024

/* The largest number of nodes of a plan that have templates; the others take
 * the long path. */
#define PGOSP_KNOWN_NODES 64

/* A cached plan, with the template for starts of its statements. */
typedef struct pgospKnown
{
	const PlannedStmt *plan; /* NULL: this entry is free */
	pgospTemplate start;
	uint16
		stop; /* number of its last statement's stop in pgosp_stops; 0: none */
	bool masked;                   /* its statements may hold a secret */
	bool slow;                     /* one took osprofiler.node_min_duration */
	struct pgospKnownNodes *nodes; /* NULL: none yet */
} pgospKnown;

/* A node of a cached plan, with the template for starts of its points. */
typedef struct pgospKnownNode
{
	pgospTemplate start;
	char index[NAMEDATALEN]; /* name of the scanned index; it may be renamed */
} pgospKnownNode;

typedef struct pgospKnownNodes
{
	int size; /* number of nodes; their index is plan_node_id */
	pgospKnownNode nodes[FLEXIBLE_ARRAY_MEMBER];
} pgospKnownNodes;

/* The entry of this plan; NULL: it has none. */
extern pgospKnown *pgosp_known_plan(const PlannedStmt *plan);

/* Notes that a statement was slow: from now on the rows of its plan's nodes are
 * counted. */
static inline void
pgosp_known_is_slow(const pgospStatementPoint *statement)
{
	if (statement->known != NULL)
		statement->known->slow = true;
}

/* The template for starts of this node; NULL: it has to be made. index: NULL if the
 * node scans none. */
static inline const osp_template *
pgosp_known_node(const pgospKnown *known, int id, const char *index)
{
	const pgospKnownNodes *all = known->nodes;
	const pgospKnownNode *node;

	if (all == NULL || id < 0 || id >= all->size)
		return NULL;
	node = &all->nodes[id];
	if (!pgosp_template_is_made(&node->start) ||
		(index != NULL && strcmp(index, node->index) != 0))
		return NULL;
	return &node->start.of;
}

/* The cached plan of the running portal, if it contains plan; else NULL. */
extern const CachedPlan *pgosp_cached_plan_of(const PlannedStmt *plan);

/* Is it a cached plan, that of the running portal, and does it have an entry or room
 * for one? */
extern bool pgosp_known_may_learn(const PlannedStmt *plan);

/*
 * Makes the entry of a plan for which pgosp_known_may_learn() was true, and
 * which has been traced with these attributes in its start. The entry is
 * removed when the server frees the plan.
 */
extern void pgosp_known_learn(const PlannedStmt *plan, osp_str attributes,
							  bool masked);

/* Makes the template for starts of a node, for a plan that has an entry. */
extern void pgosp_known_learn_node(pgospKnown *known, int id, const char *index,
								   osp_str attributes);

/* ---- statements by cached plans (statement_fast.c) ---- */

/*
 * Opens the point of a statement by a plan that has an entry, under the context of the
 * session. False: pgosp_statement_wanted has to be asked.
 */
extern bool pgosp_statement_open_known(pgospStatementPoint *statement,
									   const pgospPointKind *kind,
									   const PlannedStmt *plan);

/* ---- stops (stop_templates.c, node_fast.c) ---- */

/* The largest number of bytes of a stop's attributes, and of values in it that
 * vary. */
#define PGOSP_STOP_SIZE   224
#define PGOSP_STOP_VALUES 5

/* A template for stops, and where the values that vary are in it. */
typedef struct pgospStop
{
	pgospTemplate template;
	uint32 at[PGOSP_STOP_VALUES];
} pgospStop;

/* Notes that the last encoded value, of 8 bytes, is this one of the values that
 * vary. */
static inline void
pgosp_stop_mark(pgospStop *stop, int value, const osp_writer *w)
{
	stop->at[value] = (uint32) ((size_t) (w->pos - w->start) - sizeof(uint64));
}

/* Makes the template for stops of points of this name, with the attributes in w: at
 * most PGOSP_STOP_SIZE bytes. False: they are too long. */
extern bool pgosp_stop_make(pgospStop *stop, osp_str name, osp_writer *w);

/* Sets a value of 8 bytes in a record that was put. */
static inline void
pgosp_stop_set(char *record, const pgospStop *stop, int value, const void *of)
{
	memcpy(record + stop->at[value], of, sizeof(uint64));
}

/* Is this point open, the last one that was opened, and has nothing to report about
 * points or waits under it? */
static inline bool
pgosp_point_ends_alone(const pgospPoint *point)
{
	return point->open && point->left_out == 0 && !pgosp_has_lockwaits() &&
		   pgosp_open_points.head.prev == &point->node;
}

/*
 * May the point's stop be written by a template: does it end alone, with nothing to
 * report of itself? Then returns the ring, and the ids of the point, borrowed from it;
 * else NULL.
 */
static inline osp_producer *
pgosp_point_stops_by_template(const pgospPoint *point, osp_point_ids *ids)
{
	osp_producer *producer = pgosp_producer_if_open();

	if (unlikely(!pgosp_point_ends_alone(point) || point->silent ||
				 pgosp_point_is_staged(point) || producer == NULL))
		return NULL;
	pgosp_point_ids(point, ids);
	return osp_template_may(ids) ? producer : NULL;
}

/* The templates for stops of statements. The first element is not used. */
#define PGOSP_STOPS_MAX 48
extern pgospStop pgosp_stops[1 + PGOSP_STOPS_MAX];

/* Prefetches the stop that this plan's last statement had, because it is used again
 * soon. */
static inline void
pgosp_statement_stop_soon(const pgospKnown *known)
{
	osp_template_prefetch_record(&pgosp_stops[known->stop].template.of);
}

/*
 * Closes the point of a statement that ended well, if it is a top-level one and
 * has nothing unusual to report. False: pgosp_point_close has to be called.
 */
extern bool pgosp_statement_stop(pgospStatementPoint *statement);

#pragma GCC visibility pop

#endif /* PGOSP_KNOWN_H */
