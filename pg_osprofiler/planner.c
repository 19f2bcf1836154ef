/* SPDX-License-Identifier: Apache-2.0
 *
 * planner.c
 *	  What runs while a statement is planned.
 *
 * The planner computes functions of constants, and these may run statements.
 * The statement that they belong to has no point yet, so they would look as if
 * the client had sent them; they are passed over.
 */
#include "pgosp.h"

#include "optimizer/planner.h"

bool pgosp_planning = false;

static planner_hook_type prev_planner;

static pg_noinline PlannedStmt *
plan_in_trace(PGOSP_PLANNER_ARGS)
{
	PlannedStmt *plan = NULL;

	pgosp_planning = true;
	PG_TRY();
	{
		plan = prev_planner(PGOSP_PLANNER_PASS);
	}
	PG_FINALLY();
	{
		pgosp_planning = false;
	}
	PG_END_TRY();
	return plan;
}

static PlannedStmt *
pgosp_planner(PGOSP_PLANNER_ARGS)
{
	if (likely(!pgosp_setting_gate || pgosp_current != NULL || pgosp_planning))
		return prev_planner(PGOSP_PLANNER_PASS);
	return plan_in_trace(PGOSP_PLANNER_PASS);
}

void
pgosp_planner_init(void)
{
	prev_planner = planner_hook != NULL ? planner_hook : standard_planner;
	planner_hook = pgosp_planner;
}
