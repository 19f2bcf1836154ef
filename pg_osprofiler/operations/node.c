/* SPDX-License-Identifier: Apache-2.0
 *
 * node.c
 *	  Points for the nodes of a plan, pg.node.
 *
 * PostgreSQL counts and times what each node does, as for EXPLAIN ANALYZE. We
 * ask for that when a traced statement starts, and report it when the
 * statement's point is about to close. PostgreSQL does not keep when a node was
 * first executed. So the function of each node is replaced by one of ours,
 * which reads the clock at the first call and puts the original function back.
 *
 * A point's interval begins when the node was first executed, and is as long as the
 * node and the nodes under it were at work; a node that waits for its caller between
 * two rows is not at work. The interval is stretched if needed, so that no node ends
 * before a node under it. A node that is not called for its rows (Hash, bitmaps) begins
 * with the first node under it, or with the node above. A node that was not executed
 * has no length. Under a Gather, PostgreSQL adds up the times of all processes, so a
 * node there is as long as their mean. The Gather itself ends with the statement,
 * because its workers may.
 *
 * By default, nodes of slow statements are reported (osprofiler.node_min_duration). For
 * these, PostgreSQL only counts rows and does not read the clock for each row. It must
 * be asked before the statement starts, which costs some hundred instructions for each
 * node and some nanoseconds for each row. So it is asked for all traced statements,
 * except those of a cached plan that is expected to be cheap and never was slow. The
 * intervals of such nodes only show their order.
 *
 * The points of workers are under their Gather, and are written before the nodes are
 * reported. So the points of a Gather and of the nodes above it are opened when they
 * are first executed.
 */
#include "pgosp_execution.h"
#include "pgosp_known.h"
#include "pgosp_node.h"

#include "access/parallel.h"
#include "portability/instr_time.h"

/* The largest number of nodes of one statement that are reported, and the
 * highest number of a node that we have room for. */
#define TOLD_MAX 1000
#define ID_MAX   100000

typedef struct pgospNode
{
	bool seen;
	bool above_gather;        /* or is one itself */
	int above;                /* number of the node above; -1: it is the top */
	unsigned told;            /* turn in which it was reported last */
	ExecProcNodeMtd original; /* the function that ours replaces */
	int64 first_ns;           /* 0: not executed, or not noticed */
	const char *subplan;      /* name of the subplan of which it is the top */
	PlanState *gather;        /* NULL: it is none */
	pgospNodePoint *early;    /* opened before the end; NULL: not */
} pgospNode;

struct pgospNodes
{
	pgospPoint *statement;
	PlanState *top;
	struct pgospKnown *known; /* the plan's entry in the plan cache, or NULL */
	bool told_of;             /* false: only Gathers are of interest */
	bool untimed;             /* only rows were counted */
	bool workers;             /* workers are points */
	bool over;
	unsigned turn; /* of reporting: a cursor has several */
	int count;     /* number of nodes */
	int size;      /* size of the array */
	pgospNode *nodes;
};

static const pgospPointKind node_kind = {
	.put_stop = pgosp_put_node_stop,
};

void
pgosp_nodes_ask(QueryDesc *queryDesc)
{
	if (!IsParallelWorker())
		queryDesc->instrument_options |=
			INSTRUMENT_TIMER | INSTRUMENT_ROWS | INSTRUMENT_BUFFERS;
}

/* Rows of a cached plan below this cost are not counted as long as its
 * executions are quick: PostgreSQL is expected to run it in less than a
 * millisecond. */
#define CHEAP_COST 100

bool
pgosp_nodes_ask_for_rows(const pgospStatementPoint *statement,
						 QueryDesc *queryDesc)
{
	const struct pgospKnown *known = statement->known;

	if (pgosp_node_min_duration < 0)
		return false;
	if (known != NULL && !known->slow &&
		queryDesc->plannedstmt->planTree->total_cost < CHEAP_COST &&
		pgosp_node_min_duration > 0)
		return false;
	queryDesc->instrument_options |= INSTRUMENT_ROWS;
	return true;
}

static pgospNode *
node_of(const pgospNodes *nodes, const PlanState *state)
{
	int id = state->plan->plan_node_id;

	return id >= 0 && id < nodes->size ? &nodes->nodes[id] : NULL;
}

/* Room for the node with this number; false if there is none. */
static bool
have_room(pgospNodes *nodes, int id)
{
	int size = Max(nodes->size, 16);
	pgospNode *grown;

	if (id < nodes->size)
		return true;
	if (id >= ID_MAX)
		return false;
	while (size <= id)
		size *= 2;
	grown = MemoryContextAllocExtended(nodes->top->state->es_query_cxt,
									   (Size) size * sizeof(*grown),
									   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (grown == NULL)
		return false;
	if (nodes->nodes != NULL)
	{
		memcpy(grown, nodes->nodes, (Size) nodes->size * sizeof(*grown));
		pfree(nodes->nodes);
	}
	nodes->nodes = grown;
	nodes->size = size;
	return true;
}

/* The nearest open point: that of the node with this number, or of a node above it. */
static pgospPoint *
nearest_point(const pgospNodes *nodes, int id)
{
	for (; id >= 0; id = nodes->nodes[id].above)
	{
		const pgospNode *node = &nodes->nodes[id];

		if (node->early != NULL && node->early->point.open)
			return &node->early->point;
	}
	return nodes->statement;
}

static void
init_point(pgospNodePoint *told, PlanState *state, const char *subplan)
{
	told->point.kind = &node_kind;
	told->point.name = OSP_STR("pg.node");
	told->point.stop_size = PGOSP_NODE_STOP_SIZE;
	told->node = state;
	told->subplan = subplan;
	told->counted = false;
	told->untimed = false;
	told->stopped = false;
	told->running = false;
}

static void
open_point(pgospNodePoint *told, pgospPoint *under, int64 start_ns)
{
	pgospParent parent = {under, NULL};

	pgosp_point_open_at(&told->point,
						&parent,
						pgosp_put_node_start,
						told,
						PGOSP_NODE_START_SIZE,
						start_ns);
}

/* Opens the point of a Gather, or of a node above one, before its workers run. */
static void
open_early(pgospNodes *nodes, PlanState *state, pgospNode *node)
{
	pgospPoint *under = nearest_point(nodes, node->above);

	if (!nodes->told_of || !under->open)
		return;
	node->early = MemoryContextAllocExtended(
		state->state->es_query_cxt, sizeof(*node->early), MCXT_ALLOC_NO_OOM);
	if (node->early == NULL)
		return;
	init_point(node->early, state, node->subplan);
	open_point(node->early, under, Max(node->first_ns, under->start_ns));
}

/* Called instead of a node's own function, the first time. */
static pgosp_hot TupleTableSlot *
first_exec(PlanState *state)
{
	pgospNodes *nodes = pgosp_execution_of(state->state)->nodes;
	pgospNode *node = node_of(nodes, state);

	state->ExecProcNode = node->original;
	node->first_ns = pgosp_now();
	if (likely(!node->above_gather))
		return state->ExecProcNode(state);
	open_early(nodes, state, node);
	if (node->gather != NULL && nodes->workers && nodes->statement->open)
		return pgosp_gather_first(
			state, nearest_point(nodes, state->plan->plan_node_id));
	return state->ExecProcNode(state);
}

static void
mark_above(pgospNodes *nodes, int id)
{
	for (; id >= 0 && !nodes->nodes[id].above_gather;
		 id = nodes->nodes[id].above)
		nodes->nodes[id].above_gather = true;
}

typedef struct pgospVisit
{
	pgospNodes *nodes;
	int above;
} pgospVisit;

static pgosp_hot void
visit(PlanState *state, const char *subplan, void *arg)
{
	const pgospVisit *from = (const pgospVisit *) arg;
	pgospNodes *nodes = from->nodes;
	int id = state->plan->plan_node_id;
	pgospVisit below = {nodes, id};
	pgospNode *node;

	if (id < 0 || !have_room(nodes, id))
		return;
	node = &nodes->nodes[id];
	if (node->seen)
		return;
	node->seen = true;
	node->above = from->above;
	node->subplan = subplan;
	nodes->count++;
	if (pgosp_is_gather(state))
	{
		node->gather = state;
		mark_above(nodes, id);
	}
	if (!nodes->untimed && (nodes->told_of || node->gather != NULL))
	{
		node->original = state->ExecProcNode;
		state->ExecProcNode = first_exec;
	}
	pgosp_node_children(state, visit, &below);
}

static pgospNodes *
new_nodes(PlanState *top, pgospPoint *statement)
{
	pgospNodes *nodes =
		MemoryContextAllocExtended(top->state->es_query_cxt,
								   sizeof(*nodes),
								   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);

	if (nodes == NULL)
		return NULL;
	nodes->statement = statement;
	nodes->top = top;
	return nodes;
}

pgospNodes *
pgosp_nodes_begin_late(pgospNodes *nodes, PlanState *top, pgospPoint *statement)
{
	pgospVisit from = {nodes, -1};

	if (nodes == NULL)
		from.nodes = new_nodes(top, statement);
	if (from.nodes == NULL)
		return NULL;
	from.nodes->told_of = true;
	from.nodes->untimed = true;
	visit(top, NULL, &from);
	return from.nodes;
}

pgosp_hot pgospNodes *
pgosp_nodes_begin(const QueryDesc *queryDesc, pgospPoint *statement)
{
	pgospVisit from = {NULL, -1};
	PlanState *top = queryDesc->planstate;
	bool told_of = (pgosp_points & PGOSP_POINTS_NODE) != 0;
	bool workers = (pgosp_points & PGOSP_POINTS_WORKER) != 0 &&
				   queryDesc->plannedstmt->parallelModeNeeded;

	if ((!told_of && !workers) || top == NULL || IsParallelWorker())
		return NULL;
	from.nodes = new_nodes(top, statement);
	if (from.nodes == NULL)
		return NULL;
	from.nodes->known =
		told_of ? pgosp_known_plan(queryDesc->plannedstmt) : NULL;
	from.nodes->told_of = told_of;
	from.nodes->workers = workers;
	visit(top, NULL, &from);
	return from.nodes;
}

void
pgosp_nodes_stop(const pgospNodes *nodes)
{
	int i;

	for (i = 0; i < nodes->size; i++)
		if (nodes->nodes[i].gather != NULL)
			pgosp_gather_stop(nodes->nodes[i].gather);
}

/* ---- reporting ---- */

typedef struct pgospTelling
{
	pgospNodes *nodes;
	pgospPoint *parent;
	int64 limit_ns;  /* nothing ends later */
	int64 latest_ns; /* end of the nodes reported here so far */
	int processes;   /* number of processes whose times are added up */
	bool failed;
	int *room; /* how many more nodes may be reported */
} pgospTelling;

static void
find_earliest(PlanState *state, const char *subplan, void *arg)
{
	int64 *earliest = (int64 *) arg;
	const pgospNode *node =
		node_of(pgosp_execution_of(state->state)->nodes, state);

	if (subplan != NULL || node == NULL)
		return;
	if (node->first_ns == 0)
		pgosp_node_children(state, find_earliest, arg);
	else if (*earliest == 0 || node->first_ns < *earliest)
		*earliest = node->first_ns;
}

static int64
start_of(const pgospTelling *telling, const pgospNodePoint *told,
		 const pgospNode *node)
{
	int64 start = 0;

	/* The nodes are placed one after another, in the order in which they are
	 * reported. */
	if (told->untimed)
		start = telling->nodes->statement->start_ns +
				(TOLD_MAX - *telling->room) * INT64CONST(1000);
	else if (told->counts.nloops > 0)
	{
		start = node->first_ns;
		if (start == 0)
			pgosp_node_children(told->node, find_earliest, &start);
	}
	return Min(Max(start, telling->parent->start_ns), telling->limit_ns);
}

/*
 * Copies what PostgreSQL has counted, and completes the counts in the copy:
 * others may read the original, too, and after an error nodes are in the middle
 * of their work.
 */
static pgosp_hot void
count_up(pgospNodePoint *told, const Instrumentation *instrument, bool failed)
{
	Instrumentation *counts = &told->counts;

	told->counted = true;
	told->stopped = failed;
	if (instrument == NULL)
	{
		memset(counts, 0, sizeof(*counts));
		return;
	}
	*counts = *instrument;
	if (!INSTR_TIME_IS_ZERO(counts->starttime))
	{
		instr_time now;

		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_ACCUM_DIFF(counts->counter, now, counts->starttime);
		INSTR_TIME_SET_ZERO(counts->starttime);
		counts->running = true;
		told->running = true;
	}
	InstrEndLoop(counts);
}

static void tell(PlanState *state, const char *subplan, void *arg);

/* Reports the nodes under a node; returns when the last of them ended. */
static int64
tell_below(const pgospTelling *telling, const pgospNodePoint *told,
		   pgospPoint *parent)
{
	pgospTelling below = *telling;

	below.parent = parent;
	below.latest_ns = 0;
	if (pgosp_is_gather(told->node))
		below.processes = 1 + pgosp_gather_workers(told->node);
	pgosp_node_children(told->node, tell, &below);
	return below.latest_ns;
}

static int64
end_of(const pgospTelling *telling, const pgospNodePoint *told,
	   const pgospNode *node, int64 latest_ns)
{
	double busy_ns = told->counts.total * 1e9 / telling->processes;
	int64 end = told->point.start_ns;

	if (node->early != NULL)
		return telling->limit_ns;
	if (told->untimed)
		return Max(end, latest_ns);
	if (busy_ns < (double) (telling->limit_ns - end))
		end += (int64) busy_ns;
	else
		end = telling->limit_ns;
	return Max(end, latest_ns);
}

/* Reports a node whose point was opened early. */
static void
tell_early(pgospTelling *telling, PlanState *state, pgospNode *node)
{
	pgospNodePoint *early = node->early;

	count_up(early, state->instrument, telling->failed);
	(void) tell_below(
		telling, early, early->point.open ? &early->point : telling->parent);
	pgosp_point_close_at(&early->point, NULL, telling->limit_ns);
	telling->latest_ns = telling->limit_ns;
}

static pgosp_hot void
tell(PlanState *state, const char *subplan, void *arg)
{
	pgospTelling *telling = (pgospTelling *) arg;
	pgospNode *node = node_of(telling->nodes, state);
	pgospNodePoint told;
	int64 start;
	int64 end;

	if (node == NULL || !node->seen || node->told == telling->nodes->turn ||
		*telling->room == 0)
		return;
	node->told = telling->nodes->turn;
	(*telling->room)--;
	if (node->early != NULL)
	{
		tell_early(telling, state, node);
		return;
	}
	init_point(&told, state, node->subplan);
	count_up(&told, state->instrument, telling->failed);
	told.untimed = telling->nodes->untimed;
	start = start_of(telling, &told, node);
	if (telling->nodes->known == NULL ||
		!pgosp_node_open_known(
			telling->nodes->known, &told, telling->parent, start))
		open_point(&told, telling->parent, start);
	end = end_of(telling, &told, node, tell_below(telling, &told, &told.point));
	if (!pgosp_node_stop(&told, end))
		pgosp_point_close_at(&told.point, NULL, end);
	telling->latest_ns = Max(telling->latest_ns, end);
}

pgosp_hot uint64
pgosp_nodes_tell(pgospNodes *nodes, bool failed, bool over)
{
	int room = TOLD_MAX;
	pgospTelling telling = {nodes, nodes->statement, 0, 0, 1, failed, &room};

	if (nodes->over || !nodes->told_of || !nodes->statement->open)
		return 0;
	nodes->over = over;
	nodes->turn++;
	telling.limit_ns = nodes->statement->idle_ns != 0
						   ? nodes->statement->idle_ns
						   : pgosp_now();
	tell(nodes->top, NULL, &telling);
	return (uint64) (nodes->count - (TOLD_MAX - room));
}
