/* SPDX-License-Identifier: Apache-2.0
 *
 * find_claims.c
 *	  Functions that rules use: they claim time for a cause, and walk the tree.
 */
#include "report/findings/findings.h"

void *
osp__keyed(const osp__table *table, uint64_t key)
{
	size_t pos = 0;
	uint64_t *found;

	while ((found = osp__table_next(table, key, &pos)) != NULL)
		if (*found == key)
			break;
	return found;
}

void *
osp__keyed_or_new(osp__findings *f, osp__table *table, uint64_t key,
				  size_t size)
{
	uint64_t *made = osp__keyed(table, key);

	if (made != NULL)
		return made;
	made = osp__arena_alloc(&f->arena, size);
	if (made == NULL || !osp__table_reserve(table, 1))
	{
		f->status = OSP_ENOMEM;
		return NULL;
	}
	memset(made, 0, size);
	*made = key;
	osp__table_add(table, key, made);
	return made;
}

osp__group *
osp__group_of(osp__findings *f, uint64_t key)
{
	size_t pos = 0;
	osp__group *group;

	while ((group = osp__table_next(&f->by_key, key, &pos)) != NULL)
		if (group->key == key)
			return group;
	group = osp__arena_alloc(&f->arena, sizeof(*group));
	if (group == NULL || !osp__table_reserve(&f->by_key, 1))
	{
		f->status = OSP_ENOMEM;
		return NULL;
	}
	memset(group, 0, sizeof(*group));
	group->rule = f->rule;
	group->key = key;
	group->next = f->groups;
	f->groups = group;
	osp__table_add(&f->by_key, key, group);
	return group;
}

void
osp__count_op(osp__group *group, osp__op *op)
{
	if (group->count < OSP__EVIDENCE_OPS_MAX)
		group->examples[group->count] = op;
	if (group->first == NULL)
		group->first = op;
	if (group->largest == NULL || osp__op_ns(op) > osp__op_ns(group->largest))
		group->largest = op;
	group->count++;
}

/* How long an operation itself was at what a claim is for: asked_ns, if that was
 * measured, and not divided among the operations that ran at the same time. A claim of
 * all that is left of a share is one of all that is left of the operation's time. Times
 * of nodes that were estimated are parts of the share. */
static int64_t
spent_ns(const osp__op *op, const osp__op *node, int64_t asked_ns)
{
	int64_t ns = asked_ns;

	if (asked_ns == op->left_ns)
		ns = op->busy_left_ns;
	else if (node != NULL && !op->timed_nodes && op->own_ns > 0)
		ns = osp__ns_of((double) asked_ns * (double) op->busy_ns /
						(double) op->own_ns);
	return ns < op->busy_left_ns ? ns : op->busy_left_ns;
}

/* Claims ns of the time that timed has left, for the work of a node, if it is not
 * NULL. */
static void
claim_of(osp__findings *f, osp__group *group, osp__op *timed, osp__op *node,
		 int64_t ns)
{
	osp__claim *claim;
	int64_t spent = spent_ns(timed, node, ns);

	if (ns > timed->left_ns)
		ns = timed->left_ns;
	if (ns <= 0 || group == NULL)
		return;
	if (spent < ns)
		spent = ns;
	claim = osp__arena_alloc(&f->arena, sizeof(*claim));
	if (claim == NULL)
	{
		f->status = OSP_ENOMEM;
		return;
	}
	claim->op = timed;
	claim->node = node;
	claim->ns = ns;
	claim->spent_ns = spent;
	claim->apart_ns = 0;
	claim->next = group->claims;
	group->claims = claim;
	group->ns += ns;
	group->spent_ns += spent;
	timed->left_ns -= ns;
	timed->busy_left_ns -= spent;
	if (node != NULL)
		timed->nodes_ns += ns;
}

void
osp__claim_more(osp__findings *f, osp__group *group, osp__op *op, int64_t ns)
{
	claim_of(f, group, op->timed, NULL, ns);
}

void
osp__claim_time(osp__findings *f, osp__group *group, osp__op *op, int64_t ns)
{
	if (group == NULL || ns <= 0)
		return;
	osp__count_op(group, op);
	osp__claim_more(f, group, op, ns);
}

osp__op *
osp__op_child(const osp__findings *f, const osp__op *op)
{
	const osp__node *child =
		op->node != NULL ? op->node->first_child : f->report->first_root;

	return child != NULL ? osp__op_of(f, child) : NULL;
}

osp__op *
osp__op_sibling(const osp__findings *f, const osp__op *op)
{
	return op->node != NULL && op->node->next_sibling != NULL
			   ? osp__op_of(f, op->node->next_sibling)
			   : NULL;
}

bool
osp__records_functions(const osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count; i++)
		if (f->ops[i].kind == OSP__OP_FUNCTION)
			return true;
	return false;
}

osp__op *
osp__op_beside(const osp__findings *f, const osp__op *op, const osp__op *top)
{
	while (op != top)
	{
		osp__op *sibling = osp__op_sibling(f, op);

		if (sibling != NULL)
			return sibling;
		op = op->parent;
	}
	return NULL;
}

osp__op *
osp__op_below(const osp__findings *f, const osp__op *op, const osp__op *top)
{
	osp__op *child = osp__op_child(f, op);

	return child != NULL ? child : osp__op_beside(f, op, top);
}

osp__op *
osp__op_next_node(const osp__findings *f, const osp__op *at,
				  const osp__op *statement)
{
	osp__op *next = osp__op_below(f, at, statement);

	/* Nodes and workers are only below nodes, workers and their statement. */
	while (next != NULL && next->kind != OSP__OP_NODE)
		next = next->timed == statement ? osp__op_below(f, next, statement)
										: osp__op_beside(f, next, statement);
	return next;
}

void
osp__claim_below(osp__findings *f, osp__group *group, osp__op *op)
{
	if (group == NULL)
		return;
	osp__count_op(group, op);
	osp__claim_more_below(f, group, op);
}

/* How many levels up the operations around two others are searched. */
#define LEVELS_MAX 16

int64_t
osp__claim_gap(osp__findings *f, osp__group *group, const osp__op *before,
			   const osp__op *after)
{
	int64_t gap_ns = after->begin_ns - before->end_ns;
	int64_t left_ns = gap_ns;
	const osp__op *sides[] = {after, before};
	size_t i;

	for (i = 0; i < 2 && group != NULL; i++)
	{
		osp__op *at = sides[i]->parent;
		int level = 0;

		for (; at != NULL && left_ns > 0 && level < LEVELS_MAX; at = at->parent)
		{
			int64_t claimed_ns = group->ns;

			level++;
			osp__claim_more(f, group, at, left_ns);
			left_ns -= group->ns - claimed_ns;
		}
	}
	return gap_ns > 0 ? gap_ns : 0;
}

void
osp__claim_more_below(osp__findings *f, osp__group *group, osp__op *op)
{
	osp__op *at = op->emptied != f->rule ? op : NULL;

	while (at != NULL)
	{
		bool emptied = at->emptied == f->rule;

		if (!emptied && at->timed == at)
			osp__claim_more(f, group, at, at->left_ns);
		at->emptied = f->rule;
		at = emptied ? osp__op_beside(f, at, op) : osp__op_below(f, at, op);
	}
}

/* Do the figures of the statement around op include those of op? */
static bool
is_included(const osp__op *op)
{
	return op->kind == OSP__OP_PG || op->kind == OSP__OP_NODE;
}

int64_t
osp__op_own_fact(const osp__findings *f, const osp__op *op, osp__fact fact)
{
	int64_t value = osp__op_fact(op, fact);
	const osp__op *at;

	if (value == 0)
		return 0;
	at = osp__op_child(f, op);
	while (at != NULL)
	{
		if (is_included(at))
		{
			value -= osp__op_fact(at, fact);
			at = osp__op_beside(f, at, op);
		}
		else
			at = osp__op_below(f, at, op);
	}
	if (fact < OSP__FIRST_OF_ONE)
		value /= 1 + op->workers;
	return value > 0 ? value : 0;
}

double
osp__node_rows(const osp__findings *f, const osp__op *op)
{
	static const osp__fact facts[] = {OSP__ROWS,
									  OSP__REMOVED,
									  OSP__JOIN_REMOVED,
									  OSP__RECHECK_REMOVED,
									  OSP__HEAP_FETCHES};
	const osp__op *child;
	double rows = 0;
	size_t i;

	for (i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		rows += (double) osp__op_fact(op, facts[i]);
	for (child = osp__op_child(f, op); child != NULL;
		 child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE)
			rows += (double) osp__op_fact(child, OSP__ROWS);
	return rows;
}

void
osp__count_node_rows(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->kind != OSP__OP_NODE)
			continue;
		op->timed->node_rows += osp__node_rows(f, op);
		op->timed->node_loops += (double) osp__op_fact(op, OSP__LOOPS);
		if (osp__op_fact(op, OSP__NODE_TOTAL) > 0)
			op->timed->timed_nodes = true;
	}
	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->node_loops > 0 && osp__op_fact(op, OSP__WAIT_APART) > 0)
			op->apart_ns = osp__op_own_fact(f, op, OSP__WAIT_APART);
		if (op->apart_ns > op->own_ns)
			op->apart_ns = op->own_ns;
		op->apart_left_ns = op->apart_ns;
	}
}

int64_t
osp__node_own_ns(const osp__findings *f, const osp__op *op)
{
	return osp__node_own_ns_with_loops(f, op, 0);
}

int64_t
osp__node_own_ns_with_loops(const osp__findings *f, const osp__op *op,
							double rows_of_loop)
{
	const osp__op *statement = op->timed;
	int64_t ns = osp__op_fact(op, OSP__NODE_TOTAL);
	const osp__op *child;

	if (!statement->timed_nodes && statement->node_rows > 0)
	{
		double all =
			statement->node_rows + rows_of_loop * statement->node_loops;
		double own = osp__node_rows(f, op) +
					 rows_of_loop * (double) osp__op_fact(op, OSP__LOOPS);

		return osp__ns_of((double) osp__nodes_ns(statement) * own / all);
	}
	for (child = osp__op_child(f, op); child != NULL;
		 child = osp__op_sibling(f, child))
		ns -= osp__op_fact(child, OSP__NODE_TOTAL);
	return ns > 0 ? ns : 0;
}

double
osp__part_of_nodes(const osp__op *statement)
{
	double whole = (double) osp__nodes_ns(statement);
	double left = (double) statement->left_ns + (double) statement->nodes_ns -
				  (double) statement->apart_left_ns;

	if (statement->timed_nodes || whole <= 0)
		return 1;
	if (left < 0)
		return 0;
	return left < whole ? left / whole : 1;
}

void
osp__claim_node(osp__findings *f, osp__group *group, osp__op *op, bool count)
{
	double ns =
		(double) osp__node_own_ns(f, op) * osp__part_of_nodes(op->timed);

	osp__claim_node_ns(f, group, op, (int64_t) ns, count);
}

void
osp__claim_node_ns(osp__findings *f, osp__group *group, osp__op *op, int64_t ns,
				   bool count)
{
	if (op->claimed || group == NULL)
		return;
	op->claimed = true;
	if (ns > osp__nodes_ns(op->timed) - op->timed->nodes_ns)
		ns = osp__nodes_ns(op->timed) - op->timed->nodes_ns;
	ns = osp__node_most_ns(f, op, ns);
	if (count && (ns > 0 || group->count == 0))
		osp__count_op(group, op);
	claim_of(f, group, op->timed, op, ns);
}

void
osp__claim_io(osp__findings *f, osp__group *group, osp__op *op, int64_t ns)
{
	if (group == NULL || ns <= 0)
		return;
	op->claimed = true;
	osp__count_op(group, op);
	claim_of(f, group, op, op, ns);
}

/* Notes that the last claim of a group is for time that is apart from a plan. */
static void
note_apart(const osp__group *group, osp__op *op)
{
	osp__claim *claim = group != NULL ? group->claims : NULL;

	if (claim == NULL || claim->op != op)
		return;
	claim->apart_ns =
		claim->ns < op->apart_left_ns ? claim->ns : op->apart_left_ns;
	op->apart_left_ns -= claim->apart_ns;
}

void
osp__claim_fact(osp__findings *f, uint64_t key, osp__fact fact)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;
		int64_t ns;

		if (osp__op_fact(op, fact) == 0)
			continue;
		ns = osp__op_own_fact(f, op, fact);
		if (ns <= 0)
			continue;
		group = osp__group_of(f, key);
		osp__claim_time(f, group, op, ns);
		if (fact == OSP__WAIT_SLEEP || fact == OSP__WAIT_CLIENT_READ ||
			fact == OSP__WAIT_CLIENT_WRITE)
			note_apart(group, op);
	}
}

/* The largest number of operations from a failure to the next attempt. */
#define BETWEEN_MAX 8

osp__op *
osp__next_attempt(const osp__findings *f, const osp__op *failed)
{
	osp__op *op = osp__op_sibling(f, failed);
	int i;

	for (i = 0; op != NULL && i < BETWEEN_MAX; i++)
	{
		if (op->kind == failed->kind && op->shape == failed->shape &&
			failed->shape != 0)
			return op;
		op = osp__op_sibling(f, op);
	}
	return NULL;
}

void
osp__claim_until(osp__findings *f, osp__group *group, const osp__op *failed,
				 const osp__op *attempt)
{
	const osp__op *before = failed;

	while (before != attempt)
	{
		osp__op *op = osp__op_sibling(f, before);

		(void) osp__claim_gap(f, group, before, op);
		if (op->control != OSP__CONTROL_NONE)
			osp__claim_more_below(f, group, op);
		before = op;
	}
}
