/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_known.h
 *	  Statements that are run again and again: their records are made once
 *	  (known.c), and so are the stops of nearly all statements (stop.c).
 *
 * What it costs to trace a short statement is, more than anything, the code that
 * has to be fetched for it. So these go a short way of their own, straight and
 * by templates (osprofiler/template.h). Whatever is not as usual goes the long
 * way, by statement.c, and gets the same bytes.
 */
#ifndef PGOSP_KNOWN_H
#define PGOSP_KNOWN_H

#include "pgosp.h"

#include "osprofiler/template.h"

#pragma GCC visibility push(hidden)

/* A template of this session's records; as osp_template_make. */
static inline bool
pgosp_template_make(osp_template *t, void *space, size_t size,
					osp_record_kind kind, osp_str name, osp_str attributes)
{
	return osp_template_make(
		t, space, size, kind, name, pgosp_project, pgosp_service, attributes);
}

/* The record that was put; PostgreSQL has much else to do before the next one. */
static inline void
pgosp_template_commit(const osp_template *t, osp_producer *producer)
{
	osp_template_commit(t, producer);
	osp_template_prefetch(producer);
}

/* A statement at the top is about to be traced, under this context. */
static inline void
pgosp_statement_begins(osp_producer *producer, const osp_context *context)
{
	pgosp_worker_want(producer);
	pgosp_error_told = false;
	pgosp_lockwait_note(producer, context);
	if ((pgosp_points & PGOSP_POINTS_COMMIT) != 0)
		pgosp_commit_remember(context);
}

/* ---- starts, by the plan (known.c) ---- */

#define PGOSP_KNOWN_BITS 10

/* Nodes of a plan that may be known; those beyond take the long way. */
#define PGOSP_KNOWN_NODES 64

/* A plan that the server keeps, and the start of its statements. */
typedef struct pgospKnown
{
	const PlannedStmt *plan; /* NULL: this place is free */
	uint64 epoch;            /* what pgosp_text_epoch was when it was made */
	osp_template start;
	void *space; /* of the template; in the plan's own memory */
	size_t space_size;
	struct pgospKnownNodes *nodes; /* in the plan's memory; NULL: none yet */
} pgospKnown;

/* A node of such a plan, and the start of its points. */
typedef struct pgospKnownNode
{
	uint64 epoch; /* 0: it is not known */
	osp_template start;
	void *space;
	size_t space_size;
	char index[NAMEDATALEN]; /* that it scans; may be renamed under the plan */
} pgospKnownNode;

typedef struct pgospKnownNodes
{
	int size; /* by plan_node_id */
	pgospKnownNode nodes[FLEXIBLE_ARRAY_MEMBER];
} pgospKnownNodes;

extern pgospKnown pgosp_known[1 << PGOSP_KNOWN_BITS];

/* The place where a plan is looked for first; the other one is its neighbour. */
static inline pgospKnown *
pgosp_known_place(const PlannedStmt *plan)
{
	uint64 hash = (uint64) (uintptr_t) plan * UINT64CONST(0x9E3779B97F4A7C15);

	return &pgosp_known[hash >> (64 - PGOSP_KNOWN_BITS)];
}

static inline pgospKnown *
pgosp_known_neighbour(const pgospKnown *place)
{
	return &pgosp_known[(place - pgosp_known) ^ 1];
}

/* What is known of this plan; NULL if it is nothing. */
static inline pgospKnown *
pgosp_known_plan(const PlannedStmt *plan)
{
	pgospKnown *known = pgosp_known_place(plan);

	if (known->plan != plan)
		known = pgosp_known_neighbour(known);
	return likely(known->plan == plan) ? known : NULL;
}

/* The start of this plan's statements; NULL if it has to be made. */
static inline const osp_template *
pgosp_known_start(const PlannedStmt *plan)
{
	const pgospKnown *known = pgosp_known_plan(plan);

	return likely(known != NULL && known->epoch == pgosp_text_epoch)
			   ? &known->start
			   : NULL;
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
	if (node->epoch != pgosp_text_epoch ||
		(index != NULL && strcmp(index, node->index) != 0))
		return NULL;
	return &node->start;
}

/* Is it the running portal's plan, one that the server keeps, and is there a
 * place for it? */
extern bool pgosp_known_may_learn(const PlannedStmt *plan);

/*
 * Such a plan has been traced, with these attributes in its start. It is known
 * from now on, and forgotten when the server throws it away.
 */
extern void pgosp_known_learn(const PlannedStmt *plan, osp_str attributes);

/* The same for a node of a plan that is known. */
extern void pgosp_known_learn_node(pgospKnown *known, int id, const char *index,
								   osp_str attributes);

/* ---- stops (stop.c, nodeknown.c) ---- */

/*
 * Is there nothing open under this point, which may be closed already, and has it
 * nothing to tell of itself? Then the ring where a template can be put for its
 * stop, and its ids, for as long as the point is not changed; else NULL.
 */
static inline osp_producer *
pgosp_point_stops_by_template(const pgospPoint *point, osp_point_ids *ids)
{
	osp_producer *producer = pgosp_producer_if_open();

	if (unlikely(!point->open || point->silent || point->left_out > 0 ||
				 pgosp_point_is_staged(point) || pgosp_lockwaits > 0 ||
				 producer == NULL ||
				 pgosp_open_points.head.prev != &point->node))
		return NULL;
	pgosp_point_ids(point, ids);
	return osp_template_may(producer, ids) ? producer : NULL;
}

/*
 * Closes the point of a statement that ended well, if it is at the top and has
 * nothing unusual to tell. False: pgosp_point_close has to.
 */
extern bool pgosp_statement_stop(pgospStatementPoint *statement);

#pragma GCC visibility pop

#endif /* PGOSP_KNOWN_H */
