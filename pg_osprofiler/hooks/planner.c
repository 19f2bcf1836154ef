/* SPDX-License-Identifier: Apache-2.0
 *
 * planner.c
 *	  How statements are planned: the points pg.plan.
 *
 * A statement that the client sent is planned before it has a point. So it is
 * only measured here, and told when the statement starts, which then begins with
 * its planning; a failed one when its error is told. Which planning belongs to a
 * statement that starts is seen by the plan: where it stands in its text, its
 * costs, its first relation; its address is of no use, for plans are copied. A
 * plan that is used again is not found again, nor in another transaction.
 *
 * Any other statement is planned while something runs that is a point, and its
 * planning hangs under that one.
 *
 * The planner computes functions of constants, and these may run statements.
 * They hang under the planning; while a client's statement is planned there is
 * no point for them to hang under, and they are passed over.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "optimizer/planner.h"

#define STOP_SIZE 1024

pgosp_hot_data bool pgosp_planning = false;

static planner_hook_type prev_planner;

/* Statements that are planned and did not start yet; rules, and pipelines of
 * prepared statements, make several. The oldest gives way. */
static pgospPlan plans[4];
static unsigned next_plan = 0;

static pgospPlan failed_plan;

typedef struct pgospPlanPoint
{
	pgospPoint point; /* first */
	const pgospPlan *plan;
	bool planned; /* else it failed */
	bool generic;
} pgospPlanPoint;

static void
put_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospPlanPoint *told = (const pgospPlanPoint *) point;
	const pgospPlan *plan = told->plan;

	osp_put_object(w, OSP_STR("db"));
	if (told->planned)
	{
		osp_put_object(w, OSP_STR("plan"));
		if (plan->custom || told->generic)
			osp_put_str(w,
						OSP_STR("kind"),
						plan->custom ? OSP_STR("custom") : OSP_STR("generic"));
		osp_put_f64(w, OSP_STR("cost"), plan->cost);
		osp_put_f64(w, OSP_STR("rows"), plan->rows);
		osp_put_end(w);
	}
	pgosp_put_buffers(w, &plan->after, &plan->before);
	osp_put_end(w);
}

static const pgospPointKind plan_kind = {
	.put_stop = put_stop,
};

static void
begin_plan(pgospPlan *plan, const ParamListInfoData *params)
{
	plan->kept = false;
	plan->custom = params != NULL && params->numParams > 0;
	plan->transaction = GetCurrentTransactionStartTimestamp();
	plan->before = pgBufferUsage;
	plan->start_ns = pgosp_now();
}

static void
identify_plan(pgospPlan *plan, const PlannedStmt *planned)
{
	const Plan *top = planned->planTree;

	plan->location = planned->stmt_location;
	plan->length = planned->stmt_len;
	plan->query_id = (uint64) planned->queryId;
	plan->relation = planned->relationOids != NIL
						 ? linitial_oid(planned->relationOids)
						 : InvalidOid;
	plan->rows = top != NULL ? top->plan_rows : 0;
	plan->cost = top != NULL ? top->total_cost : 0;
}

static void
end_plan(pgospPlan *plan, const PlannedStmt *planned)
{
	plan->stop_ns = pgosp_now();
	plan->after = pgBufferUsage;
	if (planned != NULL)
		identify_plan(plan, planned);
}

static bool
is_plan_of(const pgospPlan *plan, const pgospPlan *wanted)
{
	return plan->kept && plan->transaction == wanted->transaction &&
		   plan->location == wanted->location &&
		   plan->length == wanted->length &&
		   plan->query_id == wanted->query_id &&
		   plan->relation == wanted->relation && plan->rows == wanted->rows &&
		   plan->cost == wanted->cost;
}

/* The oldest that fits: statements start in the order they were planned in. */
const pgospPlan *
pgosp_plan_of(const PlannedStmt *planned)
{
	pgospPlan wanted;
	unsigned i;

	wanted.transaction = GetCurrentTransactionStartTimestamp();
	identify_plan(&wanted, planned);
	for (i = 0; i < lengthof(plans); i++)
	{
		pgospPlan *plan = &plans[(next_plan + i) % lengthof(plans)];

		if (is_plan_of(plan, &wanted))
		{
			plan->kept = false;
			return plan;
		}
	}
	return NULL;
}

const pgospPlan *
pgosp_plan_failed(void)
{
	if (!failed_plan.kept)
		return NULL;
	failed_plan.kept = false;
	return &failed_plan;
}

static void
put_nothing(osp_writer *w, const void *what)
{
}

void
pgosp_plan_tell(const pgospPlan *plan, pgospPoint *statement, bool generic,
				const pgospError *error)
{
	pgospPlanPoint told;
	pgospParent parent;

	told.point.kind = &plan_kind;
	told.point.name = OSP_STR("pg.plan");
	told.point.stop_size = STOP_SIZE;
	told.plan = plan;
	told.planned = error == NULL;
	told.generic = generic;
	parent.point = statement;
	parent.context = NULL;
	pgosp_point_open_at(
		&told.point, &parent, put_nothing, NULL, 0, plan->start_ns);
	pgosp_point_close_at(&told.point, error, plan->stop_ns);
}

/* Plans a statement of the client, and keeps in mind how that went. */
static pg_noinline PlannedStmt *
plan_measured(PGOSP_PLANNER_ARGS)
{
	PlannedStmt *planned = NULL;
	pgospPlan plan;

	pgosp_planning = true;
	pgosp_disarm();
	begin_plan(&plan, boundParams);
	failed_plan.kept = false;
	PG_TRY();
	{
		planned = prev_planner(PGOSP_PLANNER_PASS);
	}
	PG_CATCH();
	{
		pgosp_planning = false;
		end_plan(&plan, NULL);
		failed_plan = plan;
		failed_plan.kept = (pgosp_points & PGOSP_POINTS_PLAN) != 0;
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_planning = false;
	if ((pgosp_points & PGOSP_POINTS_PLAN) != 0)
	{
		end_plan(&plan, planned);
		plan.kept = true;
		plans[next_plan] = plan;
		next_plan = (next_plan + 1) % lengthof(plans);
	}
	return planned;
}

/* In PG_CATCH: tells the error that goes by. outer is what ran before. */
static void
fail_plan(pgospPlanPoint *told, pgospPlan *plan, pgospPoint *outer)
{
	pgospError error;

	pgosp_current = outer;
	pgosp_error_capture(&error);
	end_plan(plan, NULL);
	pgosp_point_close(&told->point, &error);
}

/* Plans a statement while another one runs. */
static PlannedStmt *
plan_traced(pgospPlanPoint *told, pgospPlan *plan, PGOSP_PLANNER_ARGS)
{
	pgospPoint *outer = pgosp_current;
	PlannedStmt *planned = NULL;

	pgosp_current = &told->point;
	PG_TRY();
	{
		planned = prev_planner(PGOSP_PLANNER_PASS);
	}
	PG_CATCH();
	{
		fail_plan(told, plan, outer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_current = outer;
	told->planned = true;
	end_plan(plan, planned);
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

	if ((pgosp_points & PGOSP_POINTS_PLAN) == 0)
		return prev_planner(PGOSP_PLANNER_PASS);
	memset(&facts, 0, sizeof(facts));
	facts.string = query_string != NULL ? query_string : "";
	facts.location = parse->stmt_location;
	facts.length = parse->stmt_len;
	if (!pgosp_statement_wanted(&facts, &parent))
		return prev_planner(PGOSP_PLANNER_PASS);
	begin_plan(&plan, boundParams);
	told.point.kind = &plan_kind;
	told.point.name = OSP_STR("pg.plan");
	told.point.stop_size = STOP_SIZE;
	told.plan = &plan;
	told.planned = false;
	told.generic = false;
	pgosp_statement_open_part(&told.point, &parent, &facts);
	return plan_traced(&told, &plan, PGOSP_PLANNER_PASS);
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
