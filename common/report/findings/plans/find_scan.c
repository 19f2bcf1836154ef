/* SPDX-License-Identifier: Apache-2.0
 *
 * find_scan.c
 *	  Rules about plan nodes that read: rows that were read in vain, and
 *	  index-only scans that visited the table.
 */
#include "report/findings/plans/plans.h"

enum
{
	SUM_REMOVED,
	SUM_ROWS,
	SUM_LOOPS,
	SUM_PARTITIONS /* scans below an Append */
};

/* Rows are read in vain if this many are left out in all, and for each row that is
 * kept. The bounds for pairs of rows are higher, because comparing a pair is faster
 * than reading a row. */
#define REMOVED_MIN  1000
#define REMOVED_EACH 9
#define PAIRS_MIN    100000
#define PAIRS_EACH   99

#define FETCHES_MIN 1000

static bool
is_wasteful(int64_t removed, int64_t kept, int64_t least, int64_t each)
{
	return removed >= least && removed / each >= kept;
}

/* Did a subquery run for most of the rows that op met? Then the filter is that subquery,
 * for which no index of this table helps; it has a rule of its own. A subquery among the
 * results runs only for the rows that are kept. */
static bool
filters_by_subplan(const osp__findings *f, const osp__op *op)
{
	int64_t met = osp__node_rows_met(op);
	const osp__op *child = osp__op_child(f, op);

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE && child->subplan &&
			osp__op_fact(child, OSP__LOOPS) > met / 2)
			return true;
	return false;
}

/* The fact that counts the rows which op read in vain; OSP__FACT_COUNT: there are
 * none. */
static osp__fact
wasted(osp__findings *f, const osp__op *op)
{
	int64_t rows = osp__op_fact(op, OSP__ROWS);
	int64_t pairs = osp__op_fact(op, OSP__JOIN_REMOVED);

	if (is_wasteful(
			osp__op_fact(op, OSP__REMOVED), rows, REMOVED_MIN, REMOVED_EACH) &&
		!filters_by_subplan(f, op))
		return OSP__REMOVED;
	if (is_wasteful(osp__op_fact(op, OSP__RECHECK_REMOVED),
					rows,
					REMOVED_MIN,
					REMOVED_EACH))
		return OSP__RECHECK_REMOVED;
	if (is_wasteful(pairs, rows, PAIRS_MIN, PAIRS_EACH) ||
		(pairs + rows >= PAIRS_MIN && osp__joins_all(f, op)))
		return OSP__JOIN_REMOVED;
	return OSP__FACT_COUNT;
}

bool
osp__reads_in_vain(osp__findings *f, const osp__op *op)
{
	return op->kind == OSP__OP_NODE && wasted(f, op) != OSP__FACT_COUNT;
}

/* Does the node belong to the check of a foreign key, which has a rule of its own? */
static bool
checks_foreign_key(osp__findings *f, osp__op *op)
{
	const osp__op *statement = osp__op_statement(op);

	return statement != NULL && statement->parent->kind == OSP__OP_TRIGGER &&
		   osp__is_foreign_key(f, statement->parent);
}

/* Claims the inner side of a join, which is read again and again. */
static void
claim_inner_side(osp__findings *f, osp__group *group, osp__op *join)
{
	osp__op *child = osp__op_child(f, join);

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE && osp__op_fact(child, OSP__LOOPS) > 1)
			osp__claim_node(f, group, child, false);
}

/* Does op scan one of several tables that are read as one, such as partitions? */
static bool
is_of_append(const osp__op *op)
{
	return op->parent->kind == OSP__OP_NODE &&
		   op->parent->node_kind == OSP__NODE_APPEND;
}

/* A key that is the same for scans that are reported together: by their table and the
 * way they read it, or, for partitions, each of which may take little, by their
 * filter. */
static uint64_t
key_of(osp__findings *f, const osp__op *op, bool of_append)
{
	if (!of_append)
		return op->shape;
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "node", "filter", &f->scratch);
	return osp__name_shape(osp_buf_str(&f->scratch), OSP_STR("Append"));
}

void
osp__look_filters(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;
		osp__fact fact;
		bool of_append;

		if (op->kind != OSP__OP_NODE)
			continue;
		fact = wasted(f, op);
		if (fact == OSP__FACT_COUNT || checks_foreign_key(f, op))
			continue;
		of_append = is_of_append(op);
		group = osp__group_of(f, key_of(f, op, of_append) + (uint64_t) fact);
		osp__claim_node(f, group, op, true);
		if (fact == OSP__JOIN_REMOVED)
			claim_inner_side(f, group, op);
		if (group == NULL)
			continue;
		group->sums[SUM_REMOVED] += osp__op_fact(op, fact);
		group->sums[SUM_ROWS] += osp__op_fact(op, OSP__ROWS);
		group->sums[SUM_LOOPS] += osp__op_fact(op, OSP__LOOPS);
		group->sums[SUM_PARTITIONS] += of_append;
	}
}

static void
say_member(osp__findings *f, const osp__op *op, const char *key, osp_buf *out)
{
	osp__op_member(f, op, "node", key, out);
}

/* Appends "Seq Scan on account read 1,000,000 rows and kept 3 of them". */
static void
say_rows_read(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp__say_op(f, group->largest, &finding->cause);
	if (group->sums[SUM_PARTITIONS] > 1)
	{
		osp_buf_add_str(&finding->cause, OSP_STR(" and "));
		osp__say_number(&finding->cause,
						group->sums[SUM_PARTITIONS] - 1,
						"other partition");
	}
	osp_buf_add_str(&finding->cause, OSP_STR(" read "));
	osp__say_number(&finding->cause,
					group->sums[SUM_REMOVED] + group->sums[SUM_ROWS],
					"row");
	osp_buf_add_str(&finding->cause, OSP_STR(" and kept "));
	osp__say_count(&finding->cause, group->sums[SUM_ROWS]);
}

static void
tell_filter(osp__findings *f, osp__finding *finding)
{
	say_rows_read(f, finding);
	osp_buf_reset(&f->scratch);
	say_member(f, finding->group->largest, "filter", &f->scratch);
	if (f->scratch.len > 0)
		osp_buf_addf(&finding->cause, " by the filter %s", f->scratch.ptr);
	osp_buf_add_char(&finding->cause, '.');
	if (finding->group->sums[SUM_PARTITIONS] > 1)
		osp__say_partition_step(f, finding->group->largest, &finding->step);
	else
		osp__say_index_step(f, finding->group->largest, &finding->step);
}

static void
tell_recheck(osp__findings *f, osp__finding *finding)
{
	say_rows_read(f, finding);
	osp_buf_add_str(
		&finding->cause,
		OSP_STR(", because its bitmap did not fit into work_mem and "
				"knew only pages, not rows."));
	osp_buf_add_str(&finding->step,
					OSP_STR("Try a larger work_mem in the session that runs "
							"this statement."));
}

/* Writes the texts for a join that only a nested loop could do. */
static void
tell_pairs(osp__findings *f, osp__finding *finding)
{
	osp_buf_reset(&f->scratch);
	say_member(f, finding->group->largest, "join_filter", &f->scratch);
	osp_buf_addf(&finding->cause,
				 ": %s, so each row of one side meets each of the other.",
				 f->scratch.len > 0 ? "its condition has no equality"
									: "it has no condition");
	osp_buf_add_str(
		&finding->step,
		OSP_STR("See whether the sides have something in common that must be "
				"equal, and join by that, too; or make the sides smaller "
				"before: by GROUP BY on what is compared, or by conditions of "
				"each side."));
}

static void
tell_join_filter(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp__say_op(f, group->largest, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" compared "));
	osp__say_number(&finding->cause,
					group->sums[SUM_REMOVED] + group->sums[SUM_ROWS],
					"pair");
	osp_buf_add_str(&finding->cause, OSP_STR(" of rows and kept "));
	osp__say_count(&finding->cause, group->sums[SUM_ROWS]);
	if (osp__joins_all(f, group->largest))
	{
		tell_pairs(f, finding);
		return;
	}
	osp_buf_add_char(&finding->cause, '.');
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Join by equality of columns of the same type, so that "
				"PostgreSQL can hash, merge or use an index; ANALYZE the "
				"tables if EXPLAIN expects few rows."));
}

void
osp__tell_filters(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	osp__fact fact = wasted(f, group->largest);

	if (fact == OSP__REMOVED)
		tell_filter(f, finding);
	else if (fact == OSP__RECHECK_REMOVED)
		tell_recheck(f, finding);
	else
		tell_join_filter(f, finding);
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_node_time(group, &finding->evidence);
	if (group->sums[SUM_LOOPS] > 1)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(" in "));
		osp__say_number(&finding->evidence, group->sums[SUM_LOOPS], "loop");
		osp__add_figure(finding, "loops", (double) group->sums[SUM_LOOPS]);
	}
	osp__add_figure(finding, "rows_removed", (double) group->sums[SUM_REMOVED]);
	osp__add_figure(finding, "rows_kept", (double) group->sums[SUM_ROWS]);
}

bool
osp__visits_table(const osp__op *op)
{
	int64_t fetches = osp__op_fact(op, OSP__HEAP_FETCHES);

	return fetches >= FETCHES_MIN && fetches >= osp__op_fact(op, OSP__ROWS) / 2;
}

void
osp__look_heap_fetches(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;

		if (!osp__visits_table(op))
			continue;
		group = osp__group_of(f, op->shape);
		osp__claim_node(f, group, op, true);
		if (group == NULL)
			continue;
		group->sums[SUM_REMOVED] += osp__op_fact(op, OSP__HEAP_FETCHES);
		group->sums[SUM_ROWS] += osp__op_fact(op, OSP__ROWS);
	}
}

void
osp__tell_heap_fetches(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp__say_op(f, group->largest, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" had to visit the table "));
	osp__say_number(&finding->cause, group->sums[SUM_REMOVED], "time");
	osp_buf_add_str(&finding->cause, OSP_STR(" for "));
	osp__say_number(&finding->cause, group->sums[SUM_ROWS], "row");
	osp_buf_add_str(&finding->cause,
					OSP_STR(", because the visibility map does not mark the "
							"pages as visible to all."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_node_time(group, &finding->evidence);
	osp_buf_add_str(&finding->step, OSP_STR("VACUUM "));
	say_member(f, group->largest, "relation", &finding->step);
	osp_buf_add_str(&finding->step,
					OSP_STR(", and let autovacuum come to it more often "
							"(autovacuum_vacuum_scale_factor of the table). It "
							"leaves out pages with rows that a long "
							"transaction or a replication slot may still "
							"need: see the oldest backend_xmin in "
							"pg_stat_activity, and xmin in "
							"pg_replication_slots."));
	osp__add_figure(finding, "heap_fetches", (double) group->sums[SUM_REMOVED]);
}
