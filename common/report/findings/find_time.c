/* SPDX-License-Identifier: Apache-2.0
 *
 * find_time.c
 *	  Divides the time of a trace among its operations.
 *
 * All starts and ends are visited in the order of time. Between two of them,
 * the operations that run and have no running child share the time in equal
 * parts. Instead of adding to each of them, one sum of the share of a single
 * operation is kept (idle_before remembers its value), so the work does not
 * grow with their number.
 *
 * Nodes of plans and parallel workers have no time of their own here: a node tells how
 * long it worked, but not when, and workers run beside their statement, which waits for
 * them. Rules take their time from that of the statement.
 *
 * The query of a cursor in a function lasts from its first row to its last, including
 * all that the function does in between. The query gets the time in which it was
 * executed; the rest belongs to the function and to the statements beside the query.
 *
 * The same holds for a statement of SQLite if the program does other things between its
 * rows: the pauses belong to the program, or to the statements that it runs in them.
 *
 * A server on another host has another clock. If it seems to work outside of
 * the client's call, its operations are moved into the middle of the call.
 */
#include <stdlib.h>

#include "report/findings/findings.h"

/* If the pauses between rows are at most 1/20 of a statement, they stay part of its
 * time. */
#define PAUSES_SHARE 20

/* The part of a time by which rounding may change it, at most. */
#define ROUNDING_PART 1000

typedef struct event
{
	int64_t ns;
	osp__op *op;
	bool begins;
} event;

static const struct
{
	const char *name;
	osp__op_kind kind;
} kinds[] = {
	{"pg", OSP__OP_PG},
	{"db", OSP__OP_DB},
	{"pg.parse", OSP__OP_PARSE},
	{"pg.plan", OSP__OP_PLAN},
	{"pg.node", OSP__OP_NODE},
	{"pg.trigger", OSP__OP_TRIGGER},
	{"pg.function", OSP__OP_FUNCTION},
	{"pg.commit", OSP__OP_COMMIT},
	{"pg.wait", OSP__OP_WAIT},
	{"pg.worker", OSP__OP_WORKER},
	{"db.connect", OSP__OP_CONNECT},
	{"sqlite", OSP__OP_SQLITE},
	{"sqlite.trigger", OSP__OP_TRIGGER},
	{"sqlite.checkpoint", OSP__OP_CHECKPOINT},
};

static osp__op_kind
kind_of(osp_str name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (osp_str_eq(name, osp_str_of(kinds[i].name)))
			return kinds[i].kind;
	return name.len > 3 && memcmp(name.ptr, "pg.", 3) == 0 ? OSP__OP_SERVER
														   : OSP__OP_OTHER;
}

static int64_t
clamp(const osp__findings *f, int64_t ns)
{
	if (ns < 0)
		return 0;
	return ns < f->total_ns ? ns : f->total_ns;
}

/* How far an operation that another host recorded must be moved. */
static int64_t
shift_of(const osp__op *op, int64_t begin_ns, int64_t end_ns)
{
	const osp__op *parent = op->parent;
	int64_t spare = osp__op_ns(parent) - (end_ns - begin_ns);

	if (parent->node == NULL)
		return 0;
	if (osp_str_eq(parent->node->host, op->node->host))
		return parent->shift_ns;
	if ((begin_ns >= parent->begin_ns && end_ns <= parent->end_ns) || spare < 0)
		return 0;
	return parent->begin_ns + spare / 2 - begin_ns;
}

/* The latest end of an operation without a stop. If its process is still working on it,
 * it runs on. Any other is not assumed to have outlived its caller. */
static int64_t
latest_end_ns(const osp__findings *f, const osp__op *op)
{
	return osp__report_state(f->report, op->node) == OSP__RUNNING
			   ? f->total_ns
			   : op->parent->end_ns - op->parent->shift_ns;
}

/* Limits a time, so that adding it to others cannot overflow. */
static int64_t
bounded(int64_t ns)
{
	if (ns < -OSP__JUDGED_MAX_NS)
		return -OSP__JUDGED_MAX_NS;
	return ns < OSP__JUDGED_MAX_NS ? ns : OSP__JUDGED_MAX_NS;
}

/* Sets the beginning and end of op, in time since the trace began. */
static void
set_times(const osp__findings *f, osp__op *op)
{
	const osp__node *node = op->node;
	int64_t started_ns = f->report->started_ns;
	int64_t elapsed_ns = bounded(node->elapsed_ns);
	int64_t begin_ns =
		bounded(osp__ns_between(started_ns, osp__node_start_ns(node)));
	int64_t end_ns =
		bounded(osp__ns_between(started_ns, osp__node_end_ns(node)));

	if (node->loss)
		end_ns = begin_ns;
	else if (node->stops == 0)
		end_ns = latest_end_ns(f, op);
	else if (elapsed_ns >= 0 && node->starts > 0)
		end_ns = begin_ns + elapsed_ns;
	else if (elapsed_ns > 0)
		begin_ns = end_ns - elapsed_ns;
	op->shift_ns = shift_of(op, begin_ns, end_ns);
	op->begin_ns = clamp(f, begin_ns + op->shift_ns);
	op->end_ns = clamp(f, end_ns + op->shift_ns);
	if (op->end_ns < op->begin_ns)
		op->end_ns = op->begin_ns;
}

static bool
is_statement(const osp__op *op)
{
	return op->kind == OSP__OP_PG || op->kind == OSP__OP_DB ||
		   op->kind == OSP__OP_SQLITE;
}

static void
init_op(osp__findings *f, osp__op *op, const osp__node *node)
{
	op->node = node;
	op->parent =
		node->parent != NULL ? osp__op_of(f, node->parent) : &f->ops[0];
	op->kind = kind_of(node->name);
	op->failed = osp__report_inside(node->etype).len > 0 &&
				 !osp_str_eq(node->etype, OSP_STR("\"None\""));
	op->statement = is_statement(op) ? op : op->parent->statement;
	op->timed = op;
	op->runner = op->parent->timed->sliced ? op->parent->timed->runner
										   : op->parent->timed;
	if (op->kind == OSP__OP_NODE || op->kind == OSP__OP_WORKER)
		op->timed = op->parent->timed;
	op->timed->workers += op->kind == OSP__OP_WORKER;
	op->in_worker = op->kind == OSP__OP_WORKER ||
					(op->kind == OSP__OP_NODE && op->parent->in_worker);
	if (op->kind == OSP__OP_NODE && !op->in_worker)
		op->timed->leader_nodes = true;
	set_times(f, op);
}

static int
compare_events(const void *a, const void *b)
{
	const event *x = (const event *) a;
	const event *y = (const event *) b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return y->begins - x->begins; /* empty operations begin before they end */
}

static bool
gets_time(const osp__op *op)
{
	return op->running && op->running_children == 0;
}

/* State of the sweep over the events. */
typedef struct sweep
{
	double share; /* time of an operation that shared since the beginning */
	int64_t now_ns;
	unsigned sharers;
} sweep;

/* Updates the sums if op has just begun or ceased to get time. before: did it get time
 * until now? */
static void
note_change(sweep *s, osp__op *op, bool before)
{
	bool now = gets_time(op);

	if (now == before)
		return;
	if (now)
	{
		s->sharers++;
		op->idle_before = s->share;
		op->busy_since_ns = s->now_ns;
		return;
	}
	s->sharers--;
	op->busy_ns += s->now_ns - op->busy_since_ns;
	op->own_ns =
		osp__ns_of((double) op->own_ns + s->share - op->idle_before + 0.5);
}

static void
visit(sweep *s, const event *at)
{
	osp__op *op = at->op;
	osp__op *parent = op->runner;
	bool before = gets_time(op);

	op->running = at->begins;
	note_change(s, op, before);
	if (parent == NULL)
		return;
	before = gets_time(parent);
	if (at->begins)
		parent->running_children++;
	else
		parent->running_children--;
	note_change(s, parent, before);
}

static void
sweep_events(const event *events, size_t count)
{
	sweep s = {0, 0, 0};
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (i > 0 && s.sharers > 0)
			s.share += (double) (events[i].ns - events[i - 1].ns) / s.sharers;
		s.now_ns = events[i].ns;
		visit(&s, &events[i]);
	}
}

static osp_status
divide(osp__findings *f)
{
	event *events =
		osp_calloc(f->report->alc, f->op_count, 2 * sizeof(*events));
	size_t count = 0;
	size_t i;

	if (events == NULL)
		return OSP_ENOMEM;
	for (i = 0; i < f->op_count; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->timed != op || op->sliced)
			continue;
		events[count++] = (event){op->begin_ns, op, true};
		events[count++] = (event){op->end_ns, op, false};
	}
	qsort(events, count, sizeof(*events), compare_events);
	sweep_events(events, count);
	osp_free(f->report->alc, events);
	return OSP_OK;
}

/* An operation that summarizes many calls lasts as long as its parent, but tells how
 * long the calls took. Gives the rest back to the parent. */
static void
give_back(osp__op *op)
{
	int64_t total_ns = osp__op_fact(op, OSP__CALLS_TOTAL);

	if (osp__op_fact(op, OSP__CALLS) > 0 && op->own_ns > total_ns)
	{
		op->parent->timed->own_ns += op->own_ns - total_ns;
		op->own_ns = total_ns;
		op->parent->timed->busy_ns += op->busy_ns - total_ns;
		op->busy_ns = total_ns;
	}
}

static uint64_t
plan_node_key(const osp__findings *f, const osp__op *op)
{
	uint64_t key = (uint64_t) (op->timed - f->ops) << 24;

	return (key + (uint64_t) osp__op_fact(op, OSP__NODE_ID)) *
		   UINT64_C(0x9e3779b97f4a7c15);
}

static osp_status
index_leaders_nodes(osp__findings *f, osp__table *table)
{
	size_t i;

	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->kind != OSP__OP_NODE || op->in_worker ||
			osp__op_fact(op, OSP__NODE_ID) == 0)
			continue;
		if (!osp__table_reserve(table, 1))
			return OSP_ENOMEM;
		osp__table_add(table, plan_node_key(f, op), op);
	}
	return OSP_OK;
}

static void
add_spill(osp__op *leader, const osp__op *worker)
{
	int64_t kb = osp__op_fact(worker, OSP__DISK_KB);
	int64_t *facts = leader->facts;

	facts[OSP__DISK_KB] =
		osp__bounded_count((double) facts[OSP__DISK_KB] + (double) kb);
	if (facts[OSP__DISK_KB_MOST] < kb)
		facts[OSP__DISK_KB_MOST] = kb;
	if (facts[OSP__BATCHES] < osp__op_fact(worker, OSP__BATCHES))
		facts[OSP__BATCHES] = osp__op_fact(worker, OSP__BATCHES);
}

static bool
did_spill(const osp__op *op)
{
	return op->kind == OSP__OP_NODE && (osp__op_fact(op, OSP__DISK_KB) > 0 ||
										osp__op_fact(op, OSP__BATCHES) > 1);
}

/* Adds the spilled data of workers, which is only in their own nodes, to the
 * leader's. */
static osp_status
add_workers_spills(osp__findings *f)
{
	osp__table table;
	osp_status status;
	size_t i;

	osp__table_init(&table, f->report->alc);
	status = index_leaders_nodes(f, &table);
	for (i = 1; i < f->op_count && status == OSP_OK; i++)
	{
		const osp__op *op = &f->ops[i];
		size_t pos = 0;
		osp__op *leader;

		if (!op->in_worker || !did_spill(op) || !op->timed->leader_nodes)
			continue;
		while ((leader = osp__table_next(&table, plan_node_key(f, op), &pos)) !=
			   NULL)
			if (leader->timed == op->timed && leader->facts != NULL &&
				leader->facts[OSP__NODE_ID] == osp__op_fact(op, OSP__NODE_ID))
			{
				add_spill(leader, op);
				break;
			}
	}
	osp__table_term(&table);
	return status;
}

/* Forgets the facts of workers' nodes: the leader's nodes include them, since they are
 * added up when the workers end. They are kept if the leader's nodes are not in the
 * trace. */
static void
forget_workers_nodes(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->kind == OSP__OP_NODE && op->in_worker &&
			op->timed->leader_nodes)
			op->facts = NULL;
	}
}

/* Is it the query of a cursor from which the server itself fetches? */
static bool
is_inner_cursor(const osp__op *op)
{
	const osp__op *outer = op->parent->statement;

	return op->kind == OSP__OP_PG && osp__op_fact(op, OSP__ACTIVE) > 0 &&
		   outer != NULL && outer->kind == OSP__OP_PG;
}

/* Did the program pause for long between the rows of this statement of SQLite? */
static bool
is_paused(const osp__op *op)
{
	return op->kind == OSP__OP_SQLITE &&
		   osp__paused_ns(op) > osp__op_ns(op) / PAUSES_SHARE;
}

/* Gives a sliced operation the time in which it was executed, and takes it from its
 * runner. */
static void
take_active(osp__findings *f, osp__op *op)
{
	osp__op *runner = op->runner;
	int64_t ns = osp__op_fact(op, OSP__ACTIVE);
	const osp__op *child = osp__op_child(f, op);

	for (; child != NULL && ns > 0; child = osp__op_sibling(f, child))
		if (child->timed == child)
			ns -= osp__op_ns(child);
	if (ns > runner->own_ns)
		ns = runner->own_ns;
	if (ns <= 0)
		return;
	runner->own_ns -= ns;
	op->own_ns += ns;
	runner->busy_ns -= ns;
	op->busy_ns += ns;
}

/* Reads all operations, parents first. In the order of time a child may come first,
 * because clocks differ. */
static osp_status
read_ops(osp__findings *f)
{
	osp__node *node = f->report->first_root;
	osp_status status = OSP_OK;
	size_t count = 0;
	int depth = 0;

	f->walk[count++] = &f->ops[0];
	for (; node != NULL && status == OSP_OK;
		 node = osp__node_next(node, &depth))
	{
		osp__op *op = osp__op_of(f, node);

		f->walk[count++] = op;
		init_op(f, op, node);
		status = osp__op_read(f, op);
		op->inner_cursor = is_inner_cursor(op);
		op->sliced = op->inner_cursor || is_paused(op);
	}
	return status;
}

/* Notes that nothing of the operation's time is claimed yet. The shares of a division
 * are rounded; an operation that shared with none has no other time. */
static void
note_left(osp__op *op)
{
	if (op->busy_ns < op->own_ns + op->own_ns / ROUNDING_PART)
		op->busy_ns = op->own_ns;
	op->left_ns = op->own_ns;
	op->busy_left_ns = op->busy_ns;
}

osp_status
osp__findings_divide(osp__findings *f)
{
	osp_status status;
	size_t i;

	f->op_count = f->report->node_count + 1;
	f->ops = osp_calloc(f->report->alc, f->op_count, sizeof(*f->ops));
	f->walk = osp_calloc(f->report->alc, f->op_count, sizeof(void *));
	if (f->ops == NULL || f->walk == NULL)
		return OSP_ENOMEM;
	f->ops[0].timed = &f->ops[0];
	f->ops[0].end_ns = f->total_ns;
	status = read_ops(f);
	if (status == OSP_OK)
		status = divide(f);
	if (status == OSP_OK)
		status = add_workers_spills(f);
	if (status != OSP_OK)
		return status;
	forget_workers_nodes(f);
	for (i = 1; i < f->op_count; i++)
		give_back(&f->ops[i]);
	for (i = 1; i < f->op_count; i++)
		if (f->walk[i]->sliced)
			take_active(f, f->walk[i]);
	for (i = 0; i < f->op_count; i++)
		note_left(&f->ops[i]);
	osp__count_node_rows(f);
	return status;
}
