/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_known.h
 *	  Statements that are run again and again: their records are made once
 *	  (plan_cache.c), and so are the stops of nearly all statements (stop_templates.c).
 *
 * What it costs to trace a short statement is, more than anything, the code that
 * has to be fetched for it. So these go a short way of their own, straight and
 * by templates (record/template.h). Whatever is not as usual goes the long
 * way, by statement.c, and gets the same bytes.
 */
#ifndef PGOSP_KNOWN_H
#define PGOSP_KNOWN_H

#include "pgosp.h"

#include "utils/plancache.h"

#include "record/template.h"

#include "context/id_source.h"

#pragma GCC visibility push(hidden)

/* ---- templates (session_templates.c) ---- */

/* A record of this session that is made once, in memory of its own. All zeroes:
 * there is none. */
typedef struct pgospTemplate
{
	uint64 epoch; /* what pgosp_text_epoch was when it was made; 0: it is not */
	osp_template of;
	uint32 size; /* of the memory behind it */
} pgospTemplate;

/* Makes it, maybe anew; name and attributes as osp_template_make takes them.
 * False: it is too long, or there is no memory, and it must not be put. */
extern bool pgosp_template_make(pgospTemplate *t, osp_record_kind kind,
								osp_str name, osp_str attributes);

/* Gives back what is behind it, made or not. */
extern void pgosp_template_free(pgospTemplate *t);

/* Is it made, and as it would be now? */
static inline bool
pgosp_template_is_made(const pgospTemplate *t)
{
	return likely(t->epoch == pgosp_text_epoch);
}

/* The record that was put; PostgreSQL has much else to do before the next one. */
static inline void
pgosp_template_commit(const osp_template *t, osp_producer *producer)
{
	osp_template_commit(t, producer);
	osp_template_prefetch(producer);
}

/* Opens a point whose ids, kind, top and times are set; its start is the caller's
 * to write. */
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
	point->silent = false;
	point->open = true;
	dlist_insert_before(&pgosp_open_points.head, &point->node);
	pgosp_busy++;
}

/* Writes the start of a point that was opened so. It is silent if the ring has no
 * room. */
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

/* A statement at the top is traced, under this context. */
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
 * As pgosp_stage_begin; the start of top, which is open, is written when something
 * has to be told of it. The template is borrowed until then.
 */
extern bool pgosp_stage_begin_unwritten(pgospPoint *top,
										const osp_template *start);

/* The template is about to change: what would be written by it is written now. */
extern void pgosp_stage_write_start(const osp_template *start);

/* ---- starts, by the plan (plan_cache.c) ---- */

#define PGOSP_KNOWN_MAX 1024

/* Nodes of a plan that may be known; those beyond take the long way. */
#define PGOSP_KNOWN_NODES 64

/* A plan that the server keeps, and the start of its statements. */
typedef struct pgospKnown
{
	const PlannedStmt *plan; /* NULL: this one is free */
	pgospTemplate start;
	uint16
		stop; /* that its last statement had; 0: none; see stop_templates.c */
	bool masked;                   /* its statements may hold a secret */
	bool slow;                     /* one took osprofiler.node_min_duration */
	struct pgospKnownNodes *nodes; /* NULL: none yet */
} pgospKnown;

/* A node of such a plan, and the start of its points. */
typedef struct pgospKnownNode
{
	pgospTemplate start;
	char index[NAMEDATALEN]; /* that it scans; may be renamed under the plan */
} pgospKnownNode;

typedef struct pgospKnownNodes
{
	int size; /* by plan_node_id */
	pgospKnownNode nodes[FLEXIBLE_ARRAY_MEMBER];
} pgospKnownNodes;

/* What is known of this plan; NULL if it is nothing. */
extern pgospKnown *pgosp_known_plan(const PlannedStmt *plan);

/* A statement was slow: from now on the rows of its nodes are counted. */
static inline void
pgosp_known_is_slow(const pgospStatementPoint *statement)
{
	if (statement->known != NULL)
		statement->known->slow = true;
}

/* The start of this node's points; NULL if it has to be made. index: NULL if it
 * scans none. */
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

/* The prepared statement's plan that the running portal has it from, or NULL. */
extern const CachedPlan *pgosp_cached_plan_of(const PlannedStmt *plan);

/* Is it the running portal's plan, one that the server keeps, and is there a
 * place for it? */
extern bool pgosp_known_may_learn(const PlannedStmt *plan);

/*
 * Such a plan has been traced, with these attributes in its start. It is known
 * from now on, and forgotten when the server throws it away.
 */
extern void pgosp_known_learn(const PlannedStmt *plan, osp_str attributes,
							  bool masked);

/* The same for a node of a plan that is known. */
extern void pgosp_known_learn_node(pgospKnown *known, int id, const char *index,
								   osp_str attributes);

/* ---- statements by such plans (statement_fast.c) ---- */

/*
 * Opens the point of a statement by a plan that is known, under the context that
 * the session has set. False: pgosp_statement_wanted has to be asked.
 */
extern bool pgosp_statement_open_known(pgospStatementPoint *statement,
									   const pgospPointKind *kind,
									   const PlannedStmt *plan);

/* ---- stops (stop_templates.c, node_fast.c) ---- */

/* Bytes of attributes, and values that are not the same every time. */
#define PGOSP_STOP_SIZE   224
#define PGOSP_STOP_VALUES 5

/* A stop that is put often, and where such values are in it. */
typedef struct pgospStop
{
	pgospTemplate template;
	uint32 at[PGOSP_STOP_VALUES];
} pgospStop;

/* The value that was put last, of 8 bytes, is this one of the stop's. */
static inline void
pgosp_stop_mark(pgospStop *stop, int value, const osp_writer *w)
{
	stop->at[value] = (uint32) ((size_t) (w->pos - w->start) - sizeof(uint64));
}

/* Makes the stop of points of this name, with what was put: at most
 * PGOSP_STOP_SIZE bytes. False: it was too much. */
extern bool pgosp_stop_make(pgospStop *stop, osp_str name, osp_writer *w);

/* Sets a value of 8 bytes in a record that was put. */
static inline void
pgosp_stop_set(char *record, const pgospStop *stop, int value, const void *of)
{
	memcpy(record + stop->at[value], of, sizeof(uint64));
}

/* Is there nothing open under this point, which may be closed already, and nothing
 * to be told of what was? */
static inline bool
pgosp_point_ends_alone(const pgospPoint *point)
{
	return point->open && point->left_out == 0 && !pgosp_has_lockwaits() &&
		   pgosp_open_points.head.prev == &point->node;
}

/*
 * Does this point end alone, and has it nothing to tell of itself? Then the ring
 * where a template can be put for its stop, and its ids, for as long as the point is
 * not changed; else NULL.
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

/* Those of statements. The first is none. */
#define PGOSP_STOPS_MAX 48
extern pgospStop pgosp_stops[1 + PGOSP_STOPS_MAX];

/* The stop that this plan's last statement had is put again soon. */
static inline void
pgosp_statement_stop_soon(const pgospKnown *known)
{
	osp_template_prefetch_record(&pgosp_stops[known->stop].template.of);
}

/*
 * Closes the point of a statement that ended well, if it is at the top and has
 * nothing unusual to tell. False: pgosp_point_close has to.
 */
extern bool pgosp_statement_stop(pgospStatementPoint *statement);

#pragma GCC visibility pop

#endif /* PGOSP_KNOWN_H */
