/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_plan.c
 *	  Were the statements of a row planned in another way?
 *
 * The start of a statement names the kind of its plan, that of its planning too; the
 * nodes are operations below it, recorded for statements that took long; and the
 * end of a planning has the cost that was expected.
 */
#include "report/diff/diff.h"

/* The member "plan" of a point of an operation; NULL: none has one. What it names
 * lives until the next point is read. */
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

/* Is op a node of the leader's plan? Those of workers are copies of them. */
static bool
is_plan_node(const osp__op *op)
{
	return op->kind == OSP__OP_NODE && !op->in_worker;
}

/* The operation after op below the statement, where nothing is entered but nodes of its
 * plan: what else runs in it may hold any number of statements. Keeps *level, which is
 * how far below the statement the operation is. */
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

/* Counts a plan of a side. */
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

/* The largest cost that was expected when the statement was planned. */
static void
note_cost(osp__diff *d, const osp__diff_trace *trace, const osp__op *statement,
		  osp__diff_side *side)
{
	const osp__findings *f = &trace->findings;
	const osp__op *op = osp__op_child(f, statement);

	for (; op != NULL && d->status == OSP_OK; op = osp__op_sibling(f, op))
	{
		double cost;

		if (op->kind != OSP__OP_PLAN)
			continue;
		cost = osp__report_number(yyjson_obj_get(
			read_plan(d, trace->report, op->node, true), "cost"));
		if (cost > side->plan_cost)
			side->plan_cost = cost;
	}
}

void
osp__diff_note_plan(osp__diff *d, const osp__diff_trace *trace,
					const osp__op *op, osp__diff_side *side)
{
	osp_str kind = osp__json_str(
		yyjson_obj_get(read_plan(d, trace->report, op->node, false), "kind"));

	/* The text is the reader's, which reads the nodes next. */
	kind = osp__diff_keep(d, kind);
	osp_buf_reset(&d->scratch);
	if (d->status == OSP_OK)
		put_nodes(d, trace, op, &d->scratch);
	if (d->status == OSP_OK)
		d->status = osp_buf_status(&d->scratch);
	if (d->status == OSP_OK && (kind.len > 0 || d->scratch.len > 0))
		add_plan(d, side, kind, osp_buf_str(&d->scratch));
	note_cost(d, trace, op, side);
}

/* May each plan of one side, of those with nodes or with a kind, also be one of the
 * other? A list from which plans were left out may lack it. */
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

	/* Those that were left out may differ. */
	return a->plans_left_out || b->plans_left_out ? OSP__DIFF_UNKNOWN : verdict;
}
