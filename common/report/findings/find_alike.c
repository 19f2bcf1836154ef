/* SPDX-License-Identifier: Apache-2.0
 *
 * find_alike.c
 *	  Explains executions whose plan is not recorded, mostly because they were too
 *	  short, by longer executions of the same statement: if a rule has found the cause
 *	  in their plans, it is most likely the cause of the others, too.
 */
#include "report/findings/findings.h"

/* A statement that takes this long on average does more than look up a row. */
#define MEAN_MIN_NS (INT64_C(1) * 1000000)

/* The executions of one statement in a server. */
typedef struct alike
{
	uint64_t key;
	int64_t planned; /* executions with recorded plan nodes */
	int64_t
		explained; /* of these, how many a rule found slow for most of their time,
					* but for that in which others had the CPU */
	int64_t others;
	int64_t others_ns;
	osp__group *group; /* the group with the largest claim in one execution */
	int64_t group_ns;
} alike;

/* Does the rule find causes that lie in the plan, whatever the values are? For example,
 * the rule about spilled data does not: data of another execution may fit into
 * memory. */
static bool
is_of_plan(const osp__rule *rule)
{
	static const char *const names[] = {"dead_rows",
										"estimate",
										"filter",
										"heap_fetches",
										"lookup",
										"offset",
										"skip_locked",
										"subplan"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(rule->name, names[i]) == 0)
			return true;
	return false;
}

static bool
is_execution(const osp__op *op)
{
	return op->kind == OSP__OP_PG && op->shape != 0 &&
		   op->control == OSP__CONTROL_NONE;
}

static void
count_executions(osp__findings *f, osp__table *table)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		const osp__op *op = &f->ops[i];
		alike *at;

		if (!is_execution(op))
			continue;
		at = osp__keyed_or_new(f, table, op->shape, sizeof(alike));
		if (at == NULL)
			return;
		if (!op->leader_nodes)
		{
			at->others++;
			at->others_ns += op->own_ns;
			continue;
		}
		at->planned++;
		at->explained += op->nodes_ns > 0 &&
						 op->nodes_ns >= (op->own_ns - op->starved_ns) / 2;
	}
}

/* Finds for each statement the group that has claimed the most work of a plan's nodes
 * in one execution. */
static void
find_groups(osp__findings *f, const osp__table *table)
{
	osp__group *group;

	for (group = f->groups; group != NULL; group = group->next)
	{
		const osp__claim *claim =
			is_of_plan(group->rule) ? group->claims : NULL;

		for (; claim != NULL; claim = claim->next)
		{
			alike *at = claim->node != NULL && is_execution(claim->op)
							? osp__keyed(table, claim->op->shape)
							: NULL;

			if (at == NULL || claim->ns <= at->group_ns)
				continue;
			at->group = group;
			at->group_ns = claim->ns;
		}
	}
}

static void
claim(osp__findings *f, osp__group *group, osp__op *op)
{
	int64_t claimed_ns = group->spent_ns;

	osp__claim_more(f, group, op, op->left_ns);
	claimed_ns = group->spent_ns - claimed_ns;
	group->alike_ns += claimed_ns;
	group->alike += claimed_ns > 0;
}

void
osp__claim_alike(osp__findings *f)
{
	osp__table table;
	size_t i;

	osp__table_init(&table, f->report->alc);
	count_executions(f, &table);
	if (f->status == OSP_OK)
		find_groups(f, &table);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		const alike *at = is_execution(op) && !op->leader_nodes
							  ? osp__keyed(&table, op->shape)
							  : NULL;

		if (at == NULL || at->group == NULL ||
			at->explained <= at->planned / 2 ||
			at->others_ns / at->others < MEAN_MIN_NS)
			continue;
		claim(f, at->group, op);
	}
	osp__table_term(&table);
}
