/* SPDX-License-Identifier: Apache-2.0
 *
 * known.c
 *	  The starts of statements that are run again and again.
 *
 * A statement that the client has prepared is run by a generic plan after a
 * while, and that plan is the same object every time. The start of such a
 * statement is made once, and found by the plan's address: it lies in the plan's
 * own memory, whose end makes us forget the plan before another one can lie
 * there. No known plan gives way to another; where both places of one are taken
 * it is not known, and its statements take the long way.
 */
#include "pgosp_known.h"

#include "tcop/pquery.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

/* A longer one does not gain from it, and takes memory. */
#define RECORD_MAX 4096

#define NODES_STEP 8

/* For a longer name of the application, or of the service. */
#define SLACK 256

pgospKnown pgosp_known[1 << PGOSP_KNOWN_BITS]
	__attribute__((aligned(PG_CACHE_LINE_SIZE)));

/* The memory of the portal's plan, if it is one that is used again. */
static MemoryContext
memory_of(const PlannedStmt *plan)
{
	CachedPlan *cached = ActivePortal != NULL ? ActivePortal->cplan : NULL;

	/* A custom plan has no other owner than the portal. */
	if (cached == NULL || !cached->is_saved || cached->is_oneshot ||
		cached->refcount < 2 ||
		!list_member_ptr(cached->stmt_list, unconstify(PlannedStmt *, plan)))
		return NULL;
	return cached->context;
}

bool
pgosp_known_may_learn(const PlannedStmt *plan)
{
	const pgospKnown *known = pgosp_known_place(plan);
	const pgospKnown *other = pgosp_known_neighbour(known);

	return (known->plan == plan || other->plan == plan || known->plan == NULL ||
			other->plan == NULL) &&
		   memory_of(plan) != NULL;
}

static void
forget(void *arg)
{
	pgospKnown *known = (pgospKnown *) arg;

	known->plan = NULL;
}

/* The place of this plan, which may be new to us; NULL if there is none. */
static pgospKnown *
place_for(const PlannedStmt *plan, MemoryContext memory)
{
	pgospKnown *known = pgosp_known_place(plan);
	pgospKnown *other = pgosp_known_neighbour(known);
	MemoryContextCallback *callback;

	if (known->plan == plan)
		return known;
	if (other->plan == plan)
		return other;
	if (known->plan != NULL)
		known = other;
	if (known->plan != NULL)
		return NULL;
	callback = MemoryContextAllocExtended(
		memory, sizeof(*callback), MCXT_ALLOC_NO_OOM);
	if (callback == NULL)
		return NULL;
	callback->func = forget;
	callback->arg = known;
	MemoryContextRegisterResetCallback(memory, callback);
	memset(known, 0, sizeof(*known));
	known->plan = plan;
	return known;
}

/* Makes a template of these attributes in memory that goes with the plan. */
static bool
make_start(osp_template *start, void **space, size_t *space_size, osp_str name,
		   osp_str attributes, MemoryContext memory)
{
	size_t size = OSP_TEMPLATE_SIZE(name.len + pgosp_project.len +
									pgosp_service.len + attributes.len);

	if (size > RECORD_MAX)
		return false;
	if (size > *space_size)
	{
		if (*space != NULL)
			pfree(*space);
		*space_size = 0;
		*space =
			MemoryContextAllocExtended(memory, size + SLACK, MCXT_ALLOC_NO_OOM);
		if (*space == NULL)
			return false;
		*space_size = size + SLACK;
	}
	return pgosp_template_make(
		start, *space, *space_size, OSP_RECORD_START, name, attributes);
}

void
pgosp_known_learn(const PlannedStmt *plan, osp_str attributes)
{
	MemoryContext memory = memory_of(plan);
	pgospKnown *known = memory != NULL ? place_for(plan, memory) : NULL;

	if (known == NULL)
		return;
	known->epoch = 0;
	if (make_start(&known->start,
				   &known->space,
				   &known->space_size,
				   OSP_STR("pg"),
				   attributes,
				   memory))
		known->epoch = pgosp_text_epoch;
}

/* The place of the node with this number; NULL: too many, or no memory. */
static pgospKnownNode *
node_of(pgospKnown *known, int id, MemoryContext memory)
{
	pgospKnownNodes *old = known->nodes;
	int size = old != NULL ? old->size : 0;
	pgospKnownNodes *grown;

	if (id < 0 || id >= PGOSP_KNOWN_NODES)
		return NULL;
	if (id < size)
		return &old->nodes[id];
	size = (id / NODES_STEP + 1) * NODES_STEP;
	grown =
		MemoryContextAllocExtended(memory,
								   offsetof(pgospKnownNodes, nodes) +
									   (size_t) size * sizeof(pgospKnownNode),
								   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (grown == NULL)
		return NULL;
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
	/* The portal that runs the plan may not be the running one any more. */
	MemoryContext memory =
		known->space != NULL ? GetMemoryChunkContext(known->space) : NULL;
	pgospKnownNode *node = memory != NULL ? node_of(known, id, memory) : NULL;

	if (node == NULL)
		return;
	node->epoch = 0;
	strlcpy(node->index, index != NULL ? index : "", sizeof(node->index));
	if (make_start(&node->start,
				   &node->space,
				   &node->space_size,
				   OSP_STR("pg.node"),
				   attributes,
				   memory))
		node->epoch = pgosp_text_epoch;
}
