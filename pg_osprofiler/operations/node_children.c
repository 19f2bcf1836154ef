/* SPDX-License-Identifier: Apache-2.0
 *
 * node_children.c
 *	  The nodes under a plan node, while it is executed.
 *
 * planstate_tree_walker is not used, because it raises an error where the stack
 * is too deep, and does not give the name of a subplan.
 */
#include "pgosp_node.h"

#include "miscadmin.h"

static void
visit_subplans(const List *subplans, pgosp_child visit, void *arg)
{
	const ListCell *cell;

	foreach (cell, subplans)
	{
		SubPlanState *subplan = lfirst_node(SubPlanState, cell);
		const char *name = subplan->subplan->plan_name;

		if (subplan->planstate != NULL)
			visit(subplan->planstate, name != NULL ? name : "SubPlan", arg);
	}
}

static void
visit_array(PlanState **nodes, int count, pgosp_child visit, void *arg)
{
	int i;

	for (i = 0; i < count; i++)
		if (nodes[i] != NULL)
			visit(nodes[i], NULL, arg);
}

static void
visit_custom(const CustomScanState *node, pgosp_child visit, void *arg)
{
	const ListCell *cell;

	foreach (cell, node->custom_ps)
		visit((PlanState *) lfirst(cell), NULL, arg);
}

/* Visits the inputs that some kinds of nodes have besides the two that all kinds may
 * have. */
static void
visit_special(PlanState *node, pgosp_child visit, void *arg)
{
	switch (nodeTag(node))
	{
		case T_ModifyTableState:
			visit_array(PGOSP_MODIFY_PLANS(node), visit, arg);
			break;
		case T_AppendState:
			visit_array(((AppendState *) node)->appendplans,
						((AppendState *) node)->as_nplans,
						visit,
						arg);
			break;
		case T_MergeAppendState:
			visit_array(((MergeAppendState *) node)->mergeplans,
						((MergeAppendState *) node)->ms_nplans,
						visit,
						arg);
			break;
		case T_BitmapAndState:
			visit_array(((BitmapAndState *) node)->bitmapplans,
						((BitmapAndState *) node)->nplans,
						visit,
						arg);
			break;
		case T_BitmapOrState:
			visit_array(((BitmapOrState *) node)->bitmapplans,
						((BitmapOrState *) node)->nplans,
						visit,
						arg);
			break;
		case T_SubqueryScanState:
			visit(((SubqueryScanState *) node)->subplan, NULL, arg);
			break;
		case T_CustomScanState:
			visit_custom((const CustomScanState *) node, visit, arg);
			break;
		default:
			break;
	}
}

pgosp_hot void
pgosp_node_children(PlanState *node, pgosp_child visit, void *arg)
{
	if (unlikely(stack_is_too_deep()))
		return;
	visit_subplans(node->initPlan, visit, arg);
	if (outerPlanState(node) != NULL)
		visit(outerPlanState(node), NULL, arg);
	if (innerPlanState(node) != NULL)
		visit(innerPlanState(node), NULL, arg);
	visit_special(node, visit, arg);
	visit_subplans(node->subPlan, visit, arg);
}

static const PlanState *
first_of(PlanState **nodes, int count)
{
	return count > 0 ? nodes[0] : NULL;
}

const PlanState *
pgosp_node_outer(const PlanState *node)
{
	switch (nodeTag(node))
	{
		case T_AppendState:
			return first_of(((const AppendState *) node)->appendplans,
							((const AppendState *) node)->as_nplans);
		case T_MergeAppendState:
			return first_of(((const MergeAppendState *) node)->mergeplans,
							((const MergeAppendState *) node)->ms_nplans);
		default:
			return outerPlanState(node);
	}
}
