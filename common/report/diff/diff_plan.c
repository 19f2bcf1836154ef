/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_plan.c
 *	  Compares the plans of the statements of a row.
 *
 * The starts of a statement and of its planning name the kind of the plan. The plan's
 * nodes are operations below the statement, which are recorded if it took long. The
 * stop of a planning has the expected cost.
 */
#include "report/diff/diff.h"

#include <math.h>

/* Finds the member "plan" in the starts or stops of an operation; NULL: there is none.
 * It is valid until the next point is read. */
static yyjson_val *
read_plan(osp__diff *d, osp_report *report, const osp__node *node, bool stop)
{
	static const char key[] = "\"plan\"";
	const osp__point *point = node->first;
	yyjson_val *plan = NULL;

	for (; point != NULL && plan == NULL; point = point->next)
	{
		if (point->stop != stop ||
			memmem(point->json.ptr, point->json.len, key, sizeof(key) - 1) ==
				NULL)
			continue;
		d->status = osp__json_read(&report->reader, point->json);
		if (d->status != OSP_OK)
			return NULL;
		plan = yyjson_obj_get(osp__json_root(&report->reader), "info");
		plan = yyjson_obj_get(yyjson_obj_get(plan, "db"), "plan");
	}
	return plan;
}

/* Is op a plan node of the leader process? Nodes of parallel workers are copies of
 * those. */
static bool
is_plan_node(const osp__op *op)
{
	return op->kind == OSP__OP_NODE && !op->in_worker;
}

/* The operation after op below the statement. Only plan nodes are entered, because
 * other operations inside the statement may hold any number of statements. Updates
 * *level, the number of levels between the statement and the result. */
static const osp__op *
next_op(const osp__findings *f, const osp__op *op, const osp__op *statement,
		int *level)
{
	const osp__op *next = NULL;

	if (op == statement || is_plan_node(op))
		next = osp__op_child(f, op);
	if (next != NULL)
	{
		++*level;
		return next;
	}
	next = osp__op_beside(f, op, statement);
	for (; next != NULL && op->parent != next->parent; op = op->parent)
		--*level;
	return next;
}

/* Appends the nodes of a statement's plan, "Sort (Hash Join (A, B))". */
static void
put_nodes(osp__diff *d, const osp__diff_trace *trace, const osp__op *statement,
		  osp_buf *out)
{
	const osp__op *op = statement;
	int level = -1;
	int last = -1;

	while ((op = next_op(&trace->findings, op, statement, &level)) != NULL)
	{
		if (!is_plan_node(op))
			continue;
		if (level > last && last >= 0)
			osp_buf_add_str(out, OSP_STR(" ("));
		for (; last > level; last--)
			osp_buf_add_char(out, ')');
		if (out->len > 0 && out->ptr[out->len - 1] != '(')
			osp_buf_add_str(out, OSP_STR(", "));
		last = level;
		d->status = osp__report_describe(trace->report, op->node, &d->what);
		if (d->status != OSP_OK)
			return;
		osp_buf_add_str(out, osp_buf_str(&d->what.detail));
	}
	for (; last > 0; last--)
		osp_buf_add_char(out, ')');
}

static osp__diff_plan *
find_plan(const osp__diff_side *side, uint64_t hash)
{
	osp__diff_plan *plan = side->plans;

	while (plan != NULL && plan->hash != hash)
		plan = plan->next;
	return plan;
}

/* Counts a plan of a side, which is added if it is new. */
static void
add_plan(osp__diff *d, osp__diff_side *side, osp_str kind, osp_str nodes)
{
	uint64_t hash = osp__name_shape(nodes, kind);
	osp__diff_plan *plan = find_plan(side, hash);

	if (plan == NULL)
	{
		if (side->plan_count >= OSP__DIFF_PLANS_MAX)
		{
			side->plans_left_out = true;
			return;
		}
		plan = osp__arena_alloc(&d->arena, sizeof(*plan));
		if (plan == NULL)
		{
			d->status = OSP_ENOMEM;
			return;
		}
		memset(plan, 0, sizeof(*plan));
		plan->hash = hash;
		plan->kind = osp__diff_keep(d, kind);
		plan->nodes = osp__diff_keep(d, nodes);
		plan->next = side->plans;
		side->plans = plan;
		side->plan_count++;
	}
	plan->count++;
}

/* Notes the number of a plan's tree; plans that read and join tables in the same way
 * have the same number. */
static void
note_tree(osp__diff_side *side, uint64_t tree)
{
	unsigned i = 0;

	while (i < side->tree_count && side->trees[i] != tree)
		i++;
	if (i == OSP__DIFF_PLANS_MAX)
		side->trees_left_out = true;
	else if (i == side->tree_count && tree != 0)
		side->trees[side->tree_count++] = tree;
}

/* Notes from the statement's planning the number of the plan, and the expected cost if
 * it is the largest so far. */
static void
note_planning(osp__diff *d, const osp__diff_trace *trace,
			  const osp__op *statement, osp__diff_side *side)
{
	const osp__findings *f = &trace->findings;
	const osp__op *op = osp__op_child(f, statement);

	for (; op != NULL && d->status == OSP_OK; op = osp__op_sibling(f, op))
	{
		double cost;

		if (op->kind != OSP__OP_PLAN)
			continue;
		note_tree(side, op->plan);
		cost = osp__report_number(yyjson_obj_get(
			read_plan(d, trace->report, op->node, true), "cost"));
		if (cost > side->plan_cost && isfinite(cost))
			side->plan_cost = cost;
	}
}

void
osp__diff_note_plan(osp__diff *d, const osp__diff_trace *trace,
					const osp__op *op, osp__diff_side *side)
{
	osp_str kind = osp__json_str(
		yyjson_obj_get(read_plan(d, trace->report, op->node, false), "kind"));

	/* The text lies in the reader's memory, which is needed for the nodes next. */
	kind = osp__diff_keep(d, kind);
	osp_buf_reset(&d->scratch);
	if (d->status == OSP_OK)
		put_nodes(d, trace, op, &d->scratch);
	if (d->status == OSP_OK)
		d->status = osp_buf_status(&d->scratch);
	if (d->status == OSP_OK && (kind.len > 0 || d->scratch.len > 0))
		add_plan(d, side, kind, osp_buf_str(&d->scratch));
	note_planning(d, trace, op, side);
}

/* Can each plan of one side also be a plan of the other? Plans are compared by their
 * nodes or by their kind. A side whose list is incomplete may have any plan. */
static bool
are_among(const osp__diff_side *side, const osp__diff_side *other, bool nodes)
{
	const osp__diff_plan *plan = side->plans;

	for (; plan != NULL; plan = plan->next)
	{
		osp_str text = nodes ? plan->nodes : plan->kind;
		const osp__diff_plan *same = other->plans;

		while (same != NULL &&
			   !osp_str_eq(text, nodes ? same->nodes : same->kind))
			same = same->next;
		if (text.len > 0 && same == NULL && !other->plans_left_out)
			return false;
	}
	return true;
}

static bool
has_plan(const osp__diff_side *side, bool nodes)
{
	const osp__diff_plan *plan = side->plans;

	while (plan != NULL && (nodes ? plan->nodes : plan->kind).len == 0)
		plan = plan->next;
	return plan != NULL;
}

bool
osp__diff_has_nodes(const osp__diff_side *side)
{
	return has_plan(side, true);
}

static bool
has_tree(const osp__diff_side *side, uint64_t tree)
{
	unsigned i;

	for (i = 0; i < side->tree_count; i++)
		if (side->trees[i] == tree)
			return true;
	return side->trees_left_out;
}

/* Compares the numbers of the plans, which are also recorded for quick statements. */
static osp__diff_verdict
compare_trees(const osp__diff_side *a, const osp__diff_side *b)
{
	unsigned i;

	if (a->tree_count == 0 || b->tree_count == 0)
		return OSP__DIFF_UNKNOWN;
	for (i = 0; i < a->tree_count; i++)
		if (!has_tree(b, a->trees[i]))
			return OSP__DIFF_OTHER;
	for (i = 0; i < b->tree_count; i++)
		if (!has_tree(a, b->trees[i]))
			return OSP__DIFF_OTHER;
	return a->trees_left_out || b->trees_left_out ? OSP__DIFF_UNKNOWN
												  : OSP__DIFF_SAME;
}

osp__diff_verdict
osp__diff_plans(const osp__diff_row *row)
{
	const osp__diff_side *a = &row->sides[0];
	const osp__diff_side *b = &row->sides[1];
	osp__diff_verdict verdict = OSP__DIFF_UNKNOWN;
	int nodes;

	for (nodes = 0; nodes <= 1; nodes++)
	{
		if (!has_plan(a, nodes) || !has_plan(b, nodes))
			continue;
		if (!are_among(a, b, nodes) || !are_among(b, a, nodes))
			return OSP__DIFF_OTHER;
		verdict = OSP__DIFF_SAME;
	}
	if (!has_plan(a, true) || !has_plan(b, true))
	{
		osp__diff_verdict trees = compare_trees(a, b);

		if (trees != OSP__DIFF_UNKNOWN)
			verdict = trees;
	}

	/* Plans that were left out may differ. */
	return a->plans_left_out || b->plans_left_out ? OSP__DIFF_UNKNOWN : verdict;
}

/* ---- which nodes changed ---- */

/* The nodes of a side that has only one plan; empty: it has several, or none. */
static osp_str
only_nodes(const osp__diff_side *side)
{
	return side->plan_count == 1 && !side->plans_left_out ? side->plans->nodes
														  : OSP_STR("");
}

/* Does a node begin at pos in a text like "Sort (Hash Join (A, B))"? */
static bool
begins_node(osp_str nodes, size_t pos)
{
	return pos == 0 || nodes.ptr[pos - 1] == '(' ||
		   (pos >= 2 && memcmp(nodes.ptr + pos - 2, ", ", 2) == 0);
}

/* Does a node end at pos? */
static bool
ends_node(osp_str nodes, size_t pos)
{
	return pos == nodes.len || nodes.ptr[pos] == ')' ||
		   (nodes.len - pos >= 2 && (memcmp(nodes.ptr + pos, ", ", 2) == 0 ||
									 memcmp(nodes.ptr + pos, " (", 2) == 0));
}

static bool
is_balanced(osp_str text)
{
	size_t i;
	int depth = 0;

	for (i = 0; i < text.len && depth >= 0; i++)
		depth += text.ptr[i] == '(' ? 1 : text.ptr[i] == ')' ? -1 : 0;
	return depth == 0 && text.len > 0;
}

bool
osp__diff_changed_nodes(const osp__diff_row *row, osp_str changed[2])
{
	osp_str a = only_nodes(&row->sides[0]);
	osp_str b = only_nodes(&row->sides[1]);
	size_t shorter = a.len < b.len ? a.len : b.len;
	size_t before = 0;
	size_t behind = 0;

	if (shorter == 0 || osp_str_eq(a, b))
		return false;
	while (before < shorter && a.ptr[before] == b.ptr[before])
		before++;
	while (!begins_node(a, before) || !begins_node(b, before))
		before--;
	while (behind < shorter - before &&
		   a.ptr[a.len - 1 - behind] == b.ptr[b.len - 1 - behind])
		behind++;
	while (!ends_node(a, a.len - behind) || !ends_node(b, b.len - behind))
		behind--;
	changed[0] = osp_str_n(a.ptr + before, a.len - behind - before);
	changed[1] = osp_str_n(b.ptr + before, b.len - behind - before);
	return before + behind > 0 && is_balanced(changed[0]) &&
		   is_balanced(changed[1]);
}
