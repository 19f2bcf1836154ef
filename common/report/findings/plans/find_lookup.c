/* SPDX-License-Identifier: Apache-2.0
 *
 * find_lookup.c
 *	  Rule: a join read a whole table to find the few rows that match its other side,
 *	  because there is no index on the columns of the join condition.
 *
 * If there is such an index, the planner has judged it to be slower, and
 * nothing is claimed. Nothing is claimed either if looking up the rows would
 * read more pages than the table has, or if the statement failed before the join had
 * seen enough to tell.
 */
#include "report/findings/plans/plans.h"

/* The rule applies only if the scan reads at least ROWS_MIN rows, FOUND_EACH
 * rows for each row found, and OTHER_EACH for each row of the other side. */
#define ROWS_MIN   10000
#define FOUND_EACH 10
#define OTHER_EACH 100

/* How many pages read in order cost as much as the page of one row that is looked up:
 * random_page_cost. */
#define PAGES_OF_ROW 4.0

/* The largest number of columns of a proposed index. */
#define COLUMNS_MAX 4

/* The largest number of nodes between a join and the scan below it: Hash, Sort,
 * Materialize. */
#define BETWEEN_MAX 4

enum
{
	SUM_READ,
	SUM_FOUND,
	SUM_OTHER
};

typedef struct lookup
{
	osp__op *join;
	osp__op *scan;
	const osp__op *other; /* the join's child on the other side */
} lookup;

static osp__op *
next_node(const osp__findings *f, osp__op *op)
{
	while (op != NULL && op->kind != OSP__OP_NODE)
		op = osp__op_sibling(f, op);
	return op;
}

/* The member with the condition of a join; NULL: op is not a join. */
static const char *
condition_key(const osp__op *op)
{
	switch (op->node_kind)
	{
		case OSP__NODE_HASH_JOIN:
			return "hash_cond";
		case OSP__NODE_MERGE_JOIN:
			return "merge_cond";
		case OSP__NODE_NESTED_LOOP:
		case OSP__NODE_NESTED_LOOP_LEFT:
			return "join_filter";
		default:
			return NULL;
	}
}

static bool
is_join(const osp__op *op)
{
	return op->kind == OSP__OP_NODE && condition_key(op) != NULL;
}

/* The scan of a whole table on a side of a join, if only nodes that pass all rows on
 * are between them. NULL: there is none. */
static osp__op *
scan_below(const osp__findings *f, osp__op *side)
{
	int i;

	for (i = 0; side != NULL && i < BETWEEN_MAX; i++)
	{
		if (side->node_kind == OSP__NODE_SEQ_SCAN)
			return side;
		if (side->node_kind != OSP__NODE_HASH &&
			side->node_kind != OSP__NODE_SORT &&
			side->node_kind != OSP__NODE_MATERIALIZE)
			return NULL;
		side = next_node(f, osp__op_child(f, side));
	}
	return NULL;
}

/* Would an index have read far fewer pages than the scan did? */
static bool
finds_few(const lookup *l)
{
	int64_t read = osp__op_fact(l->scan, OSP__ROWS);
	int64_t found = osp__op_fact(l->join, OSP__ROWS);
	int64_t other = osp__op_fact(l->other, OSP__ROWS);
	double pages = (double) osp__op_fact(l->scan, OSP__RELATION_PAGES);

	if (!l->scan->parallel)
		pages *= (double) osp__op_fact(l->scan, OSP__LOOPS);
	return read >= ROWS_MIN && found <= read / FOUND_EACH &&
		   other <= read / OTHER_EACH &&
		   (double) (found + other) * PAGES_OF_ROW <= pages;
}

/*
 * Do the counted rows of the other side, and of the join, belong to the rows that
 * were scanned? If the statement failed, they do in a nested loop, and in a hash
 * join whose hash table has the other side. In other joins the rows of the other
 * side may not have come yet: a merge join first sorts the scanned rows, and a hash
 * join may put them into its table.
 */
static bool
has_met(const lookup *l)
{
	const osp__op *statement = osp__op_statement(l->join);

	if (statement == NULL || !statement->failed)
		return true;
	return osp__op_fact(l->other, OSP__ROWS) > 0 &&
		   (l->other->node_kind == OSP__NODE_HASH ||
			l->join->node_kind == OSP__NODE_NESTED_LOOP ||
			l->join->node_kind == OSP__NODE_NESTED_LOOP_LEFT);
}

/* ---- the columns ---- */

typedef struct columns
{
	osp_str names[COLUMNS_MAX];
	unsigned count;
} columns;

/* Is it a column of the table with this alias? */
static bool
is_of(const osp__expr *expr, osp_str alias)
{
	return expr->kind == OSP__EXPR_COLUMN && expr->text.len > alias.len &&
		   alias.len > 0 && memcmp(expr->text.ptr, alias.ptr, alias.len) == 0 &&
		   expr->text.ptr[alias.len] == '.';
}

static void
add_columns(columns *list, const osp__expr *condition, osp_str alias)
{
	const osp__expr *at;

	if (condition->kind == OSP__EXPR_AND)
	{
		for (at = condition->first; at != NULL; at = at->next)
			add_columns(list, at, alias);
		return;
	}
	if (condition->kind != OSP__EXPR_OPERATOR ||
		strcmp(condition->symbol, "=") != 0)
		return;
	for (at = condition->first; at != NULL; at = at->next)
		if (is_of(at, alias) && list->count < COLUMNS_MAX)
			list->names[list->count++] = at->name;
}

/* The join condition, and the columns that were read from it. */
typedef struct join_columns
{
	osp_buf condition;
	osp_buf alias;
	osp__expr_tree tree;
	columns list;
} join_columns;

/* Finds the columns of the scan's table that the join compares. end_columns() must be
 * called in any case. */
static void
begin_columns(osp__findings *f, join_columns *j, const lookup *l)
{
	const osp__expr *expr;

	osp_buf_init(&j->condition, f->report->alc, OSP__FINDING_TEXT);
	osp_buf_init(&j->alias, f->report->alc, OSP__FINDING_TEXT);
	j->list.count = 0;
	osp__op_member(f, l->join, "node", condition_key(l->join), &j->condition);
	osp__op_member(f, l->scan, "node", "alias", &j->alias);
	if (j->alias.len == 0)
		osp__op_member(f, l->scan, "node", "relation", &j->alias);
	if (j->condition.len == 0)
		return;
	expr = osp__expr_read(&j->tree, osp_buf_str(&j->condition));
	if (expr != NULL)
		add_columns(&j->list, expr, osp_buf_str(&j->alias));
}

static void
end_columns(join_columns *j)
{
	osp_buf_term(&j->condition);
	osp_buf_term(&j->alias);
}

/* Is there no index that could look up the rows, although the columns are known? */
static bool
lacks_index(osp__findings *f, const lookup *l)
{
	join_columns j;
	osp__scan scan;
	bool lacks;
	unsigned i;

	begin_columns(f, &j, l);
	osp__scan_init(f, &scan, l->scan);
	lacks = j.list.count > 0 && scan.texts[OSP__SCAN_RELATION].len > 0;
	for (i = 0; i < j.list.count; i++)
		lacks = lacks && osp__scan_index_on(&scan, &j.list.names[i], 1) == NULL;
	osp__scan_term(&scan);
	end_columns(&j);
	return lacks;
}

/* ---- the rule ---- */

/* Is this side of the join a scan that should have been a lookup? */
static bool
read_side(osp__findings *f, osp__op *scanned, const osp__op *matched, lookup *l)
{
	l->scan = scan_below(f, scanned);
	l->other = matched;
	return l->scan != NULL && !l->scan->claimed && has_met(l) && finds_few(l) &&
		   lacks_index(f, l);
}

static bool
read_join(osp__findings *f, osp__op *join, lookup *l)
{
	osp__op *outer = next_node(f, osp__op_child(f, join));
	osp__op *inner =
		outer != NULL ? next_node(f, osp__op_sibling(f, outer)) : NULL;

	l->join = join;
	return inner != NULL && !join->claimed &&
		   (read_side(f, outer, inner, l) || read_side(f, inner, outer, l));
}

static void
claim_lookup(osp__findings *f, const lookup *l)
{
	osp__group *group = osp__group_of(f, l->scan->shape);
	osp__op *at = l->scan->parent;

	osp__claim_node(f, group, l->scan, true);
	for (; at != l->join; at = at->parent)
		osp__claim_node(f, group, at, false);
	osp__claim_node(f, group, l->join, false);
	if (group == NULL)
		return;
	group->sums[SUM_READ] += osp__op_fact(l->scan, OSP__ROWS);
	group->sums[SUM_FOUND] += osp__op_fact(l->join, OSP__ROWS);
	group->sums[SUM_OTHER] += osp__op_fact(l->other, OSP__ROWS);
}

void
osp__look_lookups(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		lookup l;

		if (is_join(op) && read_join(f, op, &l))
			claim_lookup(f, &l);
	}
}

/* Finds the join of a scan again, for the text of the finding. */
static void
lookup_of(osp__findings *f, osp__op *scan, lookup *l)
{
	osp__op *side = scan;
	osp__op *at;

	while (!is_join(side->parent))
		side = side->parent;
	l->scan = scan;
	l->join = side->parent;
	l->other = NULL;
	for (at = next_node(f, osp__op_child(f, l->join)); at != NULL;
		 at = next_node(f, osp__op_sibling(f, at)))
		if (at != side)
			l->other = at;
}

/* After an error in the statement the server's cache could not be asked for the indexes
 * of the table, so there may be one. */
static void
say_lookup_step(osp__findings *f, const lookup *l, osp_buf *step)
{
	join_columns j;
	osp__scan scan;
	osp_str table;
	bool known;
	unsigned i;

	begin_columns(f, &j, l);
	osp__scan_init(f, &scan, l->scan);
	table = osp__scan_str(&scan, OSP__SCAN_RELATION);
	known = osp__scan_str(&scan, OSP__SCAN_INDEXES).len > 0;
	osp_buf_add_str(step,
					known ? OSP_STR("No index begins")
						  : OSP_STR("No index was used that begins"));
	osp_buf_addf(step,
				 " with what the join compares. If statements like this are "
				 "frequent, try CREATE INDEX CONCURRENTLY ON %.*s (",
				 (int) table.len,
				 table.ptr);
	for (i = 0; i < j.list.count; i++)
	{
		if (i > 0)
			osp_buf_add_str(step, OSP_STR(", "));
		osp_buf_add_str(step, j.list.names[i]);
	}
	osp_buf_add_char(step, ')');
	if (!known)
		osp_buf_add_str(step,
						OSP_STR(", unless there is one that the planner did "
								"not choose"));
	osp_buf_add_str(step, OSP_STR(", and look at EXPLAIN again."));
	osp__scan_term(&scan);
	end_columns(&j);
}

void
osp__tell_lookups(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	lookup l;

	lookup_of(f, group->largest, &l);
	osp__say_op(f, l.scan, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" read "));
	osp__say_number(&finding->cause, group->sums[SUM_READ], "row");
	osp_buf_add_str(&finding->cause, OSP_STR(", and "));
	osp__say_op(f, l.join, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" kept "));
	osp__say_count(&finding->cause, group->sums[SUM_FOUND]);
	osp_buf_add_str(&finding->cause, OSP_STR(" of them, for "));
	osp__say_number(&finding->cause, group->sums[SUM_OTHER], "row");
	osp_buf_add_str(&finding->cause, OSP_STR(" of its other side."));
	osp__say_statement(f, l.scan, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_node_time(group, &finding->evidence);
	say_lookup_step(f, &l, &finding->step);
	osp__add_figure(finding, "rows_read", (double) group->sums[SUM_READ]);
	osp__add_figure(finding, "rows_kept", (double) group->sums[SUM_FOUND]);
}
