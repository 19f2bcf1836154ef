/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_cache.c
 *	  Templates for the starts of statements that have cached plans.
 *
 * After some executions, a prepared statement is run with a generic plan, which is the
 * same object every time. The start of such a statement is made once, in an entry that
 * is found by the plan's address. A callback removes the entry when the plan's memory
 * is freed, before another plan can have the same address. No entry replaces another:
 * if both places of a plan in the table are taken, it gets no entry, and its statements
 * take the long path.
 */
#include "pgosp_known.h"

#include "tcop/pquery.h"
#include "utils/memutils.h"

#define NODES_STEP 8

#define PLACE_BITS 10

/* The entries, next to each other in memory. The first one is never used. */
static pgospKnown plans[1 + PGOSP_KNOWN_MAX]
	__attribute__((aligned(PG_CACHE_LINE_SIZE)));

/* The hash table: numbers of entries, each in the place of its plan's address or in the
 * neighbour of that place. */
static uint16 places[1 << PLACE_BITS];

/* Numbers of entries that were freed, to be used first, and the number of all entries
 * that were ever used. */
static uint16 free_ones[PGOSP_KNOWN_MAX];
static int free_count = 0;
static int used_count = 0;

const CachedPlan *
pgosp_cached_plan_of(const PlannedStmt *plan)
{
	const CachedPlan *cached =
		ActivePortal != NULL ? ActivePortal->cplan : NULL;

	return cached != NULL && list_member_ptr(cached->stmt_list, plan) ? cached
																	  : NULL;
}

/* The memory of the running portal's cached plan, if the plan is used again; else
 * NULL. */
static MemoryContext
memory_of(const PlannedStmt *plan)
{
	const CachedPlan *cached = pgosp_cached_plan_of(plan);

	/* A custom plan is owned by the portal alone, so its count is one. */
	return cached != NULL && cached->is_saved && !cached->is_oneshot &&
				   cached->refcount > 1
			   ? cached->context
			   : NULL;
}

static uint16 *
place_of(const PlannedStmt *plan)
{
	uint64 hash = (uint64) (uintptr_t) plan * UINT64CONST(0x9E3779B97F4A7C15);

	return &places[hash >> (64 - PLACE_BITS)];
}

static uint16 *
neighbour_of(const uint16 *place)
{
	return &places[(place - places) ^ 1];
}

pgosp_hot pgospKnown *
pgosp_known_plan(const PlannedStmt *plan)
{
	const uint16 *place = place_of(plan);
	pgospKnown *known = &plans[*place];

	if (known->plan != plan)
		known = &plans[*neighbour_of(place)];
	if (known->plan != plan)
		return NULL;
	osp_template_prefetch_record(&known->start.of);
	return known;
}

/* A free place for a plan without an entry; NULL: both places are taken. */
static uint16 *
free_place(const PlannedStmt *plan)
{
	uint16 *place = place_of(plan);

	if (*place != 0)
		place = neighbour_of(place);
	return *place == 0 ? place : NULL;
}

bool
pgosp_known_may_learn(const PlannedStmt *plan)
{
	return (pgosp_known_plan(plan) != NULL || free_place(plan) != NULL) &&
		   memory_of(plan) != NULL;
}

static void
free_nodes(pgospKnownNodes *nodes)
{
	int i;

	if (nodes == NULL)
		return;
	for (i = 0; i < nodes->size; i++)
		pgosp_template_free(&nodes->nodes[i].start);
	pfree(nodes);
}

static void
forget(void *arg)
{
	pgospKnown *known = (pgospKnown *) arg;
	uint16 number = (uint16) (known - plans);
	uint16 *place = place_of(known->plan);

	if (*place != number)
		place = neighbour_of(place);
	*place = 0;
	known->plan = NULL;
	pgosp_template_free(&known->start);
	free_nodes(known->nodes);
	free_ones[free_count++] = number;
}

/* Finds or makes the entry of a plan; NULL: there is no place, or no memory. */
static pgospKnown *
known_of(const PlannedStmt *plan, MemoryContext memory)
{
	pgospKnown *known = pgosp_known_plan(plan);
	uint16 *place = known == NULL ? free_place(plan) : NULL;
	MemoryContextCallback *callback;

	if (place == NULL)
		return known;
	callback = MemoryContextAllocExtended(
		memory, sizeof(*callback), MCXT_ALLOC_NO_OOM);
	if (callback == NULL)
		return NULL;
	*place = (uint16) (free_count > 0 ? free_ones[--free_count] : ++used_count);
	known = &plans[*place];
	memset(known, 0, sizeof(*known));
	known->plan = plan;
	callback->func = forget;
	callback->arg = known;
	MemoryContextRegisterResetCallback(memory, callback);
	return known;
}

void
pgosp_known_learn(const PlannedStmt *plan, osp_str attributes, bool masked)
{
	MemoryContext memory = memory_of(plan);
	pgospKnown *known = memory != NULL ? known_of(plan, memory) : NULL;

	if (known == NULL)
		return;
	known->masked = masked;
	(void) pgosp_template_make(
		&known->start, OSP_RECORD_START, OSP_STR("pg"), attributes);
}

/* Finds or makes the place of the node with this number; NULL: the number is too high,
 * or there is no memory. */
static pgospKnownNode *
node_of(pgospKnown *known, int id)
{
	pgospKnownNodes *old = known->nodes;
	int size = old != NULL ? old->size : 0;
	pgospKnownNodes *grown;

	if (id < 0 || id >= PGOSP_KNOWN_NODES)
		return NULL;
	if (id < size)
		return &old->nodes[id];
	size = (id / NODES_STEP + 1) * NODES_STEP;
	grown = pgosp_record_space(offsetof(pgospKnownNodes, nodes) +
							   (size_t) size * sizeof(pgospKnownNode));
	if (grown == NULL)
		return NULL;
	memset(grown->nodes, 0, (size_t) size * sizeof(pgospKnownNode));
	grown->size = size;
	if (old != NULL)
	{
		memcpy(grown->nodes,
			   old->nodes,
			   (size_t) old->size * sizeof(pgospKnownNode));
		pfree(old);
	}
	known->nodes = grown;
	return &grown->nodes[id];
}

void
pgosp_known_learn_node(pgospKnown *known, int id, const char *index,
					   osp_str attributes)
{
	pgospKnownNode *node = node_of(known, id);

	if (node == NULL)
		return;
	strlcpy(node->index, index != NULL ? index : "", sizeof(node->index));
	(void) pgosp_template_make(
		&node->start, OSP_RECORD_START, OSP_STR("pg.node"), attributes);
}
