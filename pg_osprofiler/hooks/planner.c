/* SPDX-License-Identifier: Apache-2.0
 *
 * planner.c
 *	  The hook of the planner: decides which plannings become operations; see
 *	  planning.c.
 */
#include "pgosp.h"

#include "optimizer/planner.h"
#include "tcop/tcopprot.h"

static planner_hook_type prev_planner;

/* Plans a statement of the client, and keeps the measured planning. */
static pg_noinline PlannedStmt *
plan_measured(PGOSP_PLANNER_ARGS)
{
	PlannedStmt *planned = NULL;
	pgospPlan plan;

	pgosp_planning = true;
	pgosp_disarm();
	pgosp_plan_begin(&plan, parse, boundParams);
	pgosp_plan_keep_failed(NULL);
	PG_TRY();
	{
		planned = prev_planner(PGOSP_PLANNER_PASS);
	}
	PG_CATCH();
	{
		pgosp_planning = false;
		pgosp_plan_end(&plan, NULL);
		pgosp_plan_keep_failed(&plan);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_planning = false;
	pgosp_plan_end(&plan, planned);
	pgosp_plan_keep(&plan);
	return planned;
}

/*
 * Plans a statement while another one runs. told: the point of the planning,
 * which is open only if plannings are reported. If the planning fails, the
 * statement will not be executed, so it gets a point here, with the error. The
 * client's own statement, which EXPLAIN has planned, needs none: EXPLAIN has a
 * point.
 */
static PlannedStmt *
plan_traced(pgospPlanPoint *told, pgospPlan *plan,
			const pgospStatementFacts *facts, const pgospParent *parent,
			PGOSP_PLANNER_ARGS)
{
	pgospPoint *outer = pgosp_current;
	PlannedStmt *planned = NULL;
	pgospError error;

	if (told->point.open)
		pgosp_current = &told->point;
	PG_TRY();
	{
		planned = prev_planner(PGOSP_PLANNER_PASS);
	}
	PG_CATCH();
	{
		pgosp_error_capture(&error);
		pgosp_current = outer;
		pgosp_plan_end(plan, NULL);
		pgosp_point_close(&told->point, &error);
		if (facts->string != debug_query_string)
			pgosp_error_statement(facts, parent, plan->start_ns, &error);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_current = outer;
	told->planned = true;
	pgosp_plan_end(plan, planned);
	pgosp_plan_keep_nested(plan);
	pgosp_point_close(&told->point, NULL);
	return planned;
}

static pg_noinline PlannedStmt *
plan_nested(PGOSP_PLANNER_ARGS)
{
	pgospPlanPoint told;
	pgospStatementFacts facts;
	pgospParent parent;
	pgospPlan plan;

	if ((pgosp_points & PGOSP_POINTS_NESTED) == 0)
		return prev_planner(PGOSP_PLANNER_PASS);
	pgosp_nested_parent(&parent);
	if (pgosp_point_is_full() && ((pgosp_points & PGOSP_POINTS_PLAN) == 0 ||
								  !pgosp_point_may_open(&parent)))
		return prev_planner(PGOSP_PLANNER_PASS);
	memset(&facts, 0, sizeof(facts));
	facts.string = query_string != NULL ? query_string : "";
	facts.location = parse->stmt_location;
	facts.length = parse->stmt_len;
	pgosp_statement_place(&facts);
	pgosp_plan_begin(&plan, parse, boundParams);
	pgosp_plan_point_init(&told, &plan);
	if ((pgosp_points & PGOSP_POINTS_PLAN) != 0)
		pgosp_statement_open_part(&told.point, &parent, &facts);
	return plan_traced(&told, &plan, &facts, &parent, PGOSP_PLANNER_PASS);
}

static PlannedStmt *
pgosp_planner(PGOSP_PLANNER_ARGS)
{
	if (likely(pgosp_planning || !pgosp_anything_to_do(query_string,
													   parse->stmt_location,
													   parse->stmt_len)))
		return prev_planner(PGOSP_PLANNER_PASS);
	if (pgosp_current != NULL)
		return plan_nested(PGOSP_PLANNER_PASS);
	return plan_measured(PGOSP_PLANNER_PASS);
}

void
pgosp_planner_init(void)
{
	prev_planner = planner_hook != NULL ? planner_hook : standard_planner;
	planner_hook = pgosp_planner;
}
