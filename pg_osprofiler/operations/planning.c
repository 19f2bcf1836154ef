/* SPDX-License-Identifier: Apache-2.0
 *
 * planning.c
 *	  The planning of statements: the operations pg.plan.
 *
 * A statement that the client sent is planned before it has a point. So the planning is
 * only measured then. It is reported when the statement starts, whose point then begins
 * with its planning; a failed planning is reported with its error. The planning of a
 * statement belongs to the message that made its portal, and a portal has the time of
 * this message. If a message plans several statements, they are distinguished by the
 * contents of the plan (its address is of no use, because plans are copied), and start
 * in the order in which they were planned. A plan that is used again has no planning.
 *
 * Any other statement is planned while a point runs, and its planning is
 * reported under that point.
 *
 * The planner computes functions of constants, and these may run statements,
 * which are reported under the planning. While a client's statement is planned
 * there is no point yet, so statements of such functions are not reported.
 */
#include "pgosp_known.h"

#include "access/xact.h"
#include "nodes/nodeFuncs.h"
#include "tcop/pquery.h"

#define STOP_SIZE 1024

/* Plannings of statements that have not started yet; rules, and pipelines of prepared
 * statements, make several. The oldest one is overwritten. */
static pgospPlan plans[4];
static unsigned next_plan = 0;

static pgospPlan failed_plan;

/* The planning of the nested statement that was planned last. If this statement has a
 * portal of its own, as for EXECUTE and loops of PL/pgSQL, it starts next. */
static pgospPlan nested_plan;

static void
put_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospPlanPoint *told = (const pgospPlanPoint *) point;
	const pgospPlan *plan = told->plan;

	osp_put_object(w, OSP_STR("db"));
	if (told->planned)
	{
		osp_put_object(w, OSP_STR("plan"));
		if (plan->kind != NULL)
			osp_put_str(w, OSP_STR("kind"), osp_str_of(plan->kind));
		osp_put_f64(w, OSP_STR("cost"), plan->cost);
		osp_put_f64(w, OSP_STR("rows"), plan->rows);
		osp_put_u64(w, OSP_STR("tree"), plan->tree);
		osp_put_end(w);
	}
	pgosp_put_buffers(w, &plan->after, &plan->before);
	osp_put_end(w);
}

static const pgospPointKind plan_kind = {
	.put_stop = put_stop,
};

void
pgosp_plan_point_init(pgospPlanPoint *told, const pgospPlan *plan)
{
	told->point.kind = &plan_kind;
	told->point.name = OSP_STR("pg.plan");
	told->point.stop_size = STOP_SIZE;
	told->point.open = false;
	told->plan = plan;
	told->planned = false;
}

/* Does the query have a parameter of the client, or a variable? */
static bool
has_parameter(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((const Param *) node)->paramkind == PARAM_EXTERN;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_parameter, context, 0);
	return expression_tree_walker(node, has_parameter, context);
}

/* The kind of a plan: custom plans are for the given values of parameters, generic ones
 * for any values. */
static const char *
kind_of(Query *parse, const ParamListInfoData *params)
{
	if (params != NULL && params->numParams > 0)
		return "custom";
	return has_parameter((Node *) parse, NULL) ? "generic" : NULL;
}

void
pgosp_plan_begin(pgospPlan *plan, Query *parse, const ParamListInfoData *params)
{
	plan->kept = false;
	plan->kind =
		(pgosp_points & PGOSP_POINTS_PLAN) != 0 ? kind_of(parse, params) : NULL;
	plan->message = GetCurrentStatementStartTimestamp();
	plan->location = parse->stmt_location;
	plan->length = parse->stmt_len;
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

void
pgosp_plan_end(pgospPlan *plan, const PlannedStmt *planned)
{
	plan->stop_ns = pgosp_now();
	plan->after = pgBufferUsage;
	if (planned == NULL)
		return;
	identify_plan(plan, planned);
	plan->tree =
		(pgosp_points & PGOSP_POINTS_PLAN) != 0 ? pgosp_plan_tree(planned) : 0;
}

static bool
is_plan_of(const pgospPlan *plan, const pgospPlan *wanted)
{
	return plan->kept && plan->message == wanted->message &&
		   plan->location == wanted->location &&
		   plan->length == wanted->length &&
		   plan->query_id == wanted->query_id &&
		   plan->relation == wanted->relation && plan->rows == wanted->rows &&
		   plan->cost == wanted->cost;
}

void
pgosp_plan_keep(const pgospPlan *plan)
{
	plans[next_plan] = *plan;
	plans[next_plan].kept = true;
	next_plan = (next_plan + 1) % lengthof(plans);
}

void
pgosp_plan_keep_nested(const pgospPlan *plan)
{
	nested_plan = *plan;
	nested_plan.kept = true;
}

static bool
identify_running(pgospPlan *wanted, const PlannedStmt *planned)
{
	if (ActivePortal == NULL)
		return false;
	wanted->message = ActivePortal->creation_time;
	identify_plan(wanted, planned);
	return true;
}

bool
pgosp_plan_was_nested(const PlannedStmt *planned)
{
	pgospPlan wanted;

	return identify_running(&wanted, planned) &&
		   is_plan_of(&nested_plan, &wanted);
}

/* The oldest planning that fits, because statements start in the order in which they
 * were planned. */
const pgospPlan *
pgosp_plan_of(const PlannedStmt *planned)
{
	pgospPlan wanted;
	unsigned i;

	if (!identify_running(&wanted, planned))
		return NULL;
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

/* A custom plan has no other owner than the portal, so its count is one. */
bool
pgosp_plan_is_kept(const PlannedStmt *planned)
{
	const CachedPlan *cached = pgosp_cached_plan_of(planned);

	return cached != NULL && cached->refcount > 1;
}

void
pgosp_put_plan(osp_writer *w, const pgospStatementFacts *facts)
{
	bool has_values = facts->params != NULL && facts->params->numParams > 0;

	if (facts->utility != NULL || facts->plan == NULL ||
		pgosp_cached_plan_of(facts->plan) == NULL ||
		!(has_values || facts->reused))
		return;
	osp_put_object(w, OSP_STR("plan"));
	if (has_values)
		osp_put_str(
			w,
			OSP_STR("kind"),
			osp_str_of(pgosp_plan_is_kept(facts->plan) ? "generic" : "custom"));
	if (facts->reused)
		osp_put_bool(w, OSP_STR("reused"), true);
	osp_put_end(w);
}

void
pgosp_plan_keep_failed(const pgospPlan *plan)
{
	failed_plan.kept = false;
	if (plan == NULL)
		return;
	failed_plan = *plan;
	failed_plan.kept = true;
}

const pgospPlan *
pgosp_plan_failed(void)
{
	if (!failed_plan.kept ||
		failed_plan.message != GetCurrentStatementStartTimestamp())
		return NULL;
	failed_plan.kept = false;
	return &failed_plan;
}

static void
put_nothing(osp_writer *w, const void *what)
{
}

void
pgosp_plan_tell(const pgospPlan *plan, pgospPoint *statement,
				const pgospError *error)
{
	pgospPlanPoint told;
	pgospParent parent;

	pgosp_plan_point_init(&told, plan);
	told.planned = error == NULL;
	parent.point = statement;
	parent.context = NULL;
	pgosp_point_open_at(
		&told.point, &parent, put_nothing, NULL, 0, plan->start_ns);
	pgosp_lockwaits_write_early(&told.point, error != NULL, plan->stop_ns);
	pgosp_point_close_at(&told.point, error, plan->stop_ns);
}
