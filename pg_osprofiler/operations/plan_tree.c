/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_tree.c
 *	  Computes a number for the shape of a plan: two plans of a statement that read and
 *	  join in the same way have the same number, whatever their values and costs are.
 *
 * A relation counts by its place in the statement, not by its OID, so that the plans
 * for two partitions of a table are the same. Where there are partitions, their
 * indexes are left out, too: each partition has its own.
 */
#include "pgosp.h"

#include "nodes/plannodes.h"

#define FNV_OFFSET UINT64CONST(0xcbf29ce484222325)
#define FNV_PRIME  UINT64CONST(0x100000001b3)

/* Deeper nodes are left out, because the planner has checked the depth of the stack for
 * its own needs only. */
#define DEPTH_MAX 64

/* Added behind each node, so that the number also shows where the children of a node
 * end. */
#define END_OF_NODE UINT64CONST(0xff)

typedef struct treeWalk
{
	uint64 hash;
	bool partitions;
} treeWalk;

static void walk_plan(treeWalk *walk, const Plan *plan, int depth);

static void
add(treeWalk *walk, uint64 value)
{
	walk->hash = (walk->hash ^ value) * FNV_PRIME;
}

static void
walk_plans(treeWalk *walk, const List *plans, int depth)
{
	const ListCell *cell;

	foreach (cell, plans)
		walk_plan(walk, (const Plan *) lfirst(cell), depth);
}

static void
add_index(treeWalk *walk, const Scan *scan, Oid index)
{
	add(walk, scan->scanrelid);
	if (!walk->partitions)
		add(walk, index);
}

/* Adds what distinguishes a node from others of its type. */
static void
add_details(treeWalk *walk, const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_ForeignScan:
			add(walk, ((const Scan *) plan)->scanrelid);
			break;
		case T_IndexScan:
			add_index(
				walk, (const Scan *) plan, ((const IndexScan *) plan)->indexid);
			break;
		case T_IndexOnlyScan:
			add_index(walk,
					  (const Scan *) plan,
					  ((const IndexOnlyScan *) plan)->indexid);
			break;
		case T_BitmapIndexScan:
			add_index(walk,
					  (const Scan *) plan,
					  ((const BitmapIndexScan *) plan)->indexid);
			break;
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			add(walk, (uint64) ((const Join *) plan)->jointype);
			break;
		case T_Agg:
			add(walk, (uint64) ((const Agg *) plan)->aggstrategy);
			break;
		default:
			break;
	}
}

static void
add_children(treeWalk *walk, const Plan *plan, int depth)
{
	walk_plan(walk, plan->lefttree, depth);
	walk_plan(walk, plan->righttree, depth);
	switch (nodeTag(plan))
	{
		case T_Append:
			walk_plans(walk, ((const Append *) plan)->appendplans, depth);
			break;
		case T_MergeAppend:
			walk_plans(walk, ((const MergeAppend *) plan)->mergeplans, depth);
			break;
		case T_BitmapAnd:
			walk_plans(walk, ((const BitmapAnd *) plan)->bitmapplans, depth);
			break;
		case T_BitmapOr:
			walk_plans(walk, ((const BitmapOr *) plan)->bitmapplans, depth);
			break;
		case T_SubqueryScan:
			walk_plan(walk, ((const SubqueryScan *) plan)->subplan, depth);
			break;
		case T_ModifyTable:
			walk_plans(walk, PGOSP_MODIFY_LIST(plan), depth);
			break;
		default:
			break;
	}
}

static void
walk_plan(treeWalk *walk, const Plan *plan, int depth)
{
	if (plan == NULL || depth >= DEPTH_MAX)
		return;
	add(walk, (uint64) nodeTag(plan));
	add_details(walk, plan);
	add_children(walk, plan, depth + 1);
	add(walk, END_OF_NODE);
}

uint64
pgosp_plan_tree(const PlannedStmt *planned)
{
	treeWalk walk = {FNV_OFFSET, planned->appendRelations != NIL};

	walk_plan(&walk, planned->planTree, 0);
	walk_plans(&walk, planned->subplans, 0);

	/* Integers in JSON are exact only up to 53 bits. */
	return walk.hash >> 11;
}
