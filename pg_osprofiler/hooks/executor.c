/* SPDX-License-Identifier: Apache-2.0
 *
 * executor.c
 *	  Traces optimizable statements, by the hooks of the executor.
 *
 * The execution that we keep of a statement (execution.c) lives exactly as long as its
 * EState: a callback of the EState's memory context frees it. If the point is still
 * open then, the callback closes it. So standard_ExecutorEnd is still inside the point,
 * and a statement that an error or the end of a transaction throws away has a stop,
 * too.
 *
 * When a message of the client has been answered, the plan of a portal stays until the
 * portal is dropped: by the next Bind, a Close, or the end of the transaction. The time
 * until then is the client's. So a statement of the client that ran to its end in such
 * a portal stops at this end, and one that has more rows is paused until it is run
 * again (pgosp_point_pause). Portals of the simple protocol, which are not visible, are
 * dropped at once.
 *
 * A statement may run in slices. If the statement in which it was opened ends first
 * (DECLARE CURSOR, a function that returns a cursor), its point closes with that
 * statement. The next slice opens a new point, under the statement that runs then, such
 * as a FETCH.
 */
#include "pgosp_execution.h"
#include "pgosp_known.h"

#include "access/parallel.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"

static pgosp_hot_data ExecutorStart_hook_type prev_ExecutorStart;
static pgosp_hot_data ExecutorRun_hook_type prev_ExecutorRun;
static pgosp_hot_data ExecutorFinish_hook_type prev_ExecutorFinish;
static pgosp_hot_data ExecutorEnd_hook_type prev_ExecutorEnd;

/* Makes sure that the nodes of a slow statement are reported, too. */
static void
keep_nodes_if_slow(pgospExecution *execution)
{
	pgospPoint *point = &execution->statement.point;
	PlanState *top = execution->counted;
	int64 until_ns = point->idle_ns != 0 ? point->idle_ns : pgosp_now();

	if (!pgosp_nodes_are_slow(pgosp_point_active_ns(point, until_ns)))
		return;
	execution->counted = NULL;
	execution->nodes = pgosp_nodes_begin_late(execution->nodes, top, point);
}

/* Reports what the nodes of the plan did so far. over: the nodes will do no more. */
static void
report_nodes(pgospExecution *execution, bool over)
{
	if (execution->counted != NULL)
		keep_nodes_if_slow(execution);
	if (execution->nodes != NULL)
		execution->statement.usage.nodes_left_out =
			pgosp_nodes_tell(execution->nodes, execution->failed, over);
}

/* Leaves out what other statements have used since this one was paused. */
static void
resume_usage(pgospExecution *execution)
{
	pgospUsage *usage = &execution->statement.usage;

	BufferUsageAccumDiff(&usage->buffers, &pgBufferUsage, &execution->buffers);
	usage->other_blocks = pgosp_other_blocks(&usage->buffers);
	WalUsageAccumDiff(&usage->wal, &pgWalUsage, &execution->wal);
	execution->sliced = false;
}

static void
close_execution(pgospPoint *point)
{
	pgospExecution *execution = (pgospExecution *) point;

	if (unlikely(execution->sliced))
		resume_usage(execution);
	report_nodes(execution, false);
}

static const pgospPointKind execution_kind = {
	.put_stop = pgosp_put_statement_stop,
	.closing = close_execution,
	.user_beside = true,
	.is_statement = true,
};

static void
facts_of(const QueryDesc *queryDesc, pgospStatementFacts *facts)
{
	const PlannedStmt *plan = queryDesc->plannedstmt;

	facts->string = queryDesc->sourceText != NULL ? queryDesc->sourceText : "";
	facts->location = plan->stmt_location;
	facts->length = plan->stmt_len;
	facts->query_id = (uint64) plan->queryId;
	facts->params = queryDesc->params;
	facts->utility = NULL;
	facts->plan = plan;
	facts->failed = false;
	facts->reused = false;
}

static const char *
command_of(const QueryDesc *queryDesc)
{
	if (likely(queryDesc->operation == CMD_SELECT))
		return "SELECT";
	switch (queryDesc->operation)
	{
		case CMD_INSERT:
			return "INSERT";
		case CMD_UPDATE:
			return "UPDATE";
		case CMD_DELETE:
			return "DELETE";
		default:
			return PGOSP_OTHER_COMMAND(queryDesc->operation);
	}
}

static pg_noinline void
close_point(pgospExecution *execution)
{
	pgospError interrupted = {false};

	pgosp_point_close(&execution->statement.point,
					  execution->ended ? NULL : &interrupted);
}

/* Called when the EState is freed: frees what we keep of the statement. */
static pgosp_hot void
forget_execution(void *arg)
{
	pgospExecution *execution = (pgospExecution *) arg;

	/* The plan may be gone by now. */
	execution->nodes = NULL;
	execution->counted = NULL;
	if (unlikely(!execution->ended ||
				 !pgosp_statement_stop(&execution->statement)))
		close_point(execution);
	if (unlikely(execution != &pgosp_first_execution))
		dlist_delete(&execution->node);
	pgosp_busy--;
	pgosp_execution_free(execution);
}

static inline void
remember(pgospExecution *execution, const QueryDesc *queryDesc)
{
	execution->estate = queryDesc->estate;
	pgosp_busy++;
	MemoryContextRegisterResetCallback(queryDesc->estate->es_query_cxt,
									   &execution->callback);
	if (unlikely(execution != &pgosp_first_execution))
		dlist_push_tail(&pgosp_executions, &execution->node);
}

/* plan: how the statement was planned, if that is to be reported here. */
static void
open_execution(pgospExecution *execution, const QueryDesc *queryDesc,
			   const pgospParent *parent, const pgospStatementFacts *facts,
			   const pgospPlan *plan)
{
	pgosp_statement_open_planned(
		&execution->statement, &execution_kind, parent, facts, &plan);
	execution->statement.usage.command = command_of(queryDesc);
	if (plan != NULL)
		pgosp_plan_tell(plan, &execution->statement.point, NULL);
}

static void
fail_execution(pgospExecution *execution, const pgospError *error)
{
	execution->failed = true;
	if (execution->nodes != NULL)
		pgosp_nodes_stop(execution->nodes);
	pgosp_point_close(&execution->statement.point, error);
}

/* Records the error that is being thrown. */
static pg_noinline void
catch_error(pgospExecution *execution)
{
	pgospPoint *outer = execution->outer;
	pgospError error;

	pgosp_current = outer;
	pgosp_error_capture(&error);
	fail_execution(execution, &error);
	if (outer == NULL)
		pgosp_error_told = true;
}

/* ---- pauses ---- */

/* Is it a portal that stays after the message was answered? */
static inline bool
is_kept_portal(void)
{
	return ActivePortal != NULL && ActivePortal->visible;
}

/* Does the plan stay with the running portal after it has run? */
static inline bool
is_kept(const QueryDesc *queryDesc)
{
	return is_kept_portal() && ActivePortal->queryDesc == queryDesc;
}

/* Pauses a statement that will have more slices. */
static void
pause_execution(pgospExecution *execution)
{
	if (!execution->statement.point.open)
		return;
	execution->buffers = pgBufferUsage;
	execution->wal = pgWalUsage;
	execution->sliced = true;
	pgosp_point_pause(&execution->statement.point);
}

static inline void
resume_execution(pgospExecution *execution)
{
	if (execution->statement.point.idle_ns != 0)
		pgosp_point_resume(&execution->statement.point);
	if (unlikely(execution->sliced))
		resume_usage(execution);
}

/* Reads the last facts from the plan before it is freed. */
static pg_noinline void
look_at_end(pgospExecution *execution, const EState *estate)
{
	pgospUsage *usage = &execution->statement.usage;

	report_nodes(execution, true);
	execution->nodes = NULL;
	execution->counted = NULL;
	pgosp_usage_add_jit(usage, estate);
	if (usage->jit_functions > 0 || usage->nodes_left_out > 0)
		execution->statement.plain = false;
}

/* Calls look_at_end if there are nodes to report, or something was compiled. */
static inline void
maybe_look_at_end(pgospExecution *execution, const EState *estate)
{
	if (unlikely(execution->nodes != NULL || execution->counted != NULL ||
				 estate->es_jit != NULL || estate->es_jit_worker_instr != NULL))
		look_at_end(execution, estate);
}

/* Ends the point of a client's statement that has run to its end, while its portal
 * stays. */
static inline void
stop_execution(pgospExecution *execution, const EState *estate)
{
	maybe_look_at_end(execution, estate);
	if (unlikely(!pgosp_statement_stop(&execution->statement)))
		pgosp_point_close(&execution->statement.point, NULL);
}

/* ---- start ---- */

/* The statement has started: prepares to follow its triggers and plan nodes. */
static inline void
look_at_plan(pgospExecution *execution, QueryDesc *queryDesc)
{
	if ((pgosp_points & PGOSP_POINTS_TRIGGER) != 0 &&
		queryDesc->plannedstmt->resultRelations != NIL)
		pgosp_trigger_prepare(queryDesc->estate);
	if (pgosp_nodes_may_be_wanted(queryDesc))
		execution->nodes =
			pgosp_nodes_begin(queryDesc, &execution->statement.point);
}

static pgosp_hot pg_noinline void
start_traced(QueryDesc *queryDesc, int eflags, pgospExecution *execution)
{
	bool counted = false;

	execution->outer = pgosp_current;
	if (unlikely((pgosp_points & PGOSP_POINTS_NODE) != 0))
		pgosp_nodes_ask(queryDesc);
	else
		counted = pgosp_nodes_ask_for_rows(&execution->statement, queryDesc);
	pgosp_current = &execution->statement.point;
	PGOSP_TRY(&execution->catch, &execution->statement.point);
	{
		prev_ExecutorStart(queryDesc, eflags);
	}
	PGOSP_CATCH(&execution->catch);
	{
		catch_error(execution);
		pgosp_execution_free(execution);
		PG_RE_THROW();
	}
	PGOSP_END_TRY(&execution->catch);
	pgosp_current = execution->outer;
	remember(execution, queryDesc);
	look_at_plan(execution, queryDesc);
	if (counted)
		execution->counted = queryDesc->planstate;

	/* Bind starts the statement, and Execute, which may come later, runs it. */
	if (execution->outer == NULL && is_kept_portal())
		pgosp_point_pause(&execution->statement.point);
}

/* Starts a parallel worker's part of a statement, for which the point pg.worker is
 * opened. */
static void
start_worker(QueryDesc *queryDesc, int eflags)
{
	pgospExecution *execution = pgosp_execution_new();

	if (execution != NULL &&
		pgosp_parallel_open(&execution->statement, &execution_kind))
	{
		start_traced(queryDesc, eflags, execution);
		return;
	}
	if (execution != NULL)
		pgosp_execution_free(execution);
	prev_ExecutorStart(queryDesc, eflags);
}

/* Opens the point of a statement whose plan has an entry in the plan cache. False: it
 * has none, or the statement needs the long path. */
static inline bool
open_known(const QueryDesc *queryDesc, int eflags)
{
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0 ||
		pgosp_spare_execution != &pgosp_first_execution ||
		!pgosp_statement_open_known(&pgosp_first_execution.statement,
									&execution_kind,
									queryDesc->plannedstmt))
		return false;
	pgosp_spare_execution = NULL;
	pgosp_first_execution.statement.usage.command = command_of(queryDesc);
	return true;
}

static pg_noinline void
start_maybe_wanted(QueryDesc *queryDesc, int eflags)
{
	pgospExecution *execution = NULL;
	bool top = pgosp_current == NULL;
	const pgospPlan *plan = NULL;
	pgospStatementFacts facts;
	pgospParent parent;

	facts_of(queryDesc, &facts);
	pgosp_statement_place(&facts);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 &&
		pgosp_statement_wanted(&facts, &parent))
		execution = pgosp_execution_new();
	if (execution == NULL)
	{
		prev_ExecutorStart(queryDesc, eflags);
		return;
	}
	execution->location = facts.location;
	execution->length = facts.length;
	if (top)
	{
		plan = pgosp_plan_of(queryDesc->plannedstmt);
		pgosp_bind_was_slow(
			&parent, &facts, plan != NULL ? plan->start_ns : pgosp_now());
	}
	facts.reused = pgosp_plan_is_kept(queryDesc->plannedstmt) && plan == NULL &&
				   !pgosp_plan_was_nested(queryDesc->plannedstmt);
	open_execution(execution,
				   queryDesc,
				   &parent,
				   &facts,
				   top && (pgosp_points & PGOSP_POINTS_PLAN) != 0 ? plan
																  : NULL);
	if (top)
		pgosp_statement_learn(&facts, queryDesc->plannedstmt);
	if (top && pgosp_parse_was_kept(facts.string))
		pgosp_point_hand_on(&execution->statement.point);
	start_traced(queryDesc, eflags, execution);
}

static pgosp_hot pg_noinline void
start_maybe_traced(QueryDesc *queryDesc, int eflags)
{
	bool top = pgosp_current == NULL;

	if (likely(top && open_known(queryDesc, eflags)))
		start_traced(queryDesc, eflags, &pgosp_first_execution);
	else if (top && IsParallelWorker())
		start_worker(queryDesc, eflags);
	else
		start_maybe_wanted(queryDesc, eflags);
}

static pgosp_hot void
pgosp_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	const PlannedStmt *plan = queryDesc->plannedstmt;

	if (likely(!pgosp_anything_to_do(
			queryDesc->sourceText, plan->stmt_location, plan->stmt_len)))
		prev_ExecutorStart(queryDesc, eflags);
	else
		start_maybe_traced(queryDesc, eflags);
}

/* ---- run, finish, end ---- */

/*
 * Opens a point for a cursor that was suspended, or was opened before anything was
 * traced, when it runs. NULL: it is not traced. execution: NULL if we know nothing of
 * the statement.
 */
static pg_noinline pgospExecution *
open_to_run(pgospExecution *execution, const QueryDesc *queryDesc)
{
	bool known = execution != NULL;
	pgospStatementFacts facts;
	pgospParent parent;

	if (!known && (pgosp_current == NULL || pgosp_point_is_full()))
		return NULL;
	facts_of(queryDesc, &facts);
	if (known && (execution->location > 0 || execution->length > 0))
	{
		facts.location = execution->location;
		facts.length = execution->length;
	}
	if (!pgosp_statement_wanted(&facts, &parent))
		return NULL;
	if (!known)
	{
		execution = pgosp_execution_new();
		if (execution == NULL)
			return NULL;
		remember(execution, queryDesc);
	}
	open_execution(execution, queryDesc, &parent, &facts, NULL);
	return execution;
}

/* The execution of a statement that is about to run, with its point open; NULL: it is
 * not traced. */
static inline pgospExecution *
execution_to_run(const QueryDesc *queryDesc, ScanDirection direction)
{
	pgospExecution *execution = pgosp_execution_of(queryDesc->estate);

	if (likely(execution != NULL && execution->statement.point.open))
	{
		resume_execution(execution);
		return execution;
	}

	/* The client has asked again after the last row. */
	if (ScanDirectionIsNoMovement(direction) ||
		(execution != NULL && execution->failed))
		return NULL;
	return open_to_run(execution, queryDesc);
}

static pgosp_hot pg_noinline void
end_run(pgospExecution *execution)
{
	const QueryDesc *queryDesc = execution->run.queryDesc;
	const EState *estate = queryDesc->estate;

	pgosp_current = execution->outer;
	execution->statement.usage.rows += estate->es_processed;
	if (!is_kept(queryDesc))
		return;
	if (likely(execution->outer == NULL &&
			   (execution->run.count == 0 ||
				estate->es_processed < execution->run.count)))
		stop_execution(execution, estate);
	else
		pause_execution(execution);
}

/*
 * Recursive functions have this function on the stack at each level. So everything that
 * is needed afterwards is kept in the execution, not on the stack.
 */
static pgosp_hot pg_noinline void
run_traced(pgospExecution *execution)
{
	execution->outer = pgosp_current;
	pgosp_current = &execution->statement.point;
	PGOSP_TRY(&execution->catch, &execution->statement.point);
	{
		prev_ExecutorRun(PGOSP_RUN_KEPT(&execution->run));
	}
	PGOSP_CATCH(&execution->catch);
	{
		catch_error(execution);
		PG_RE_THROW();
	}
	PGOSP_END_TRY(&execution->catch);
	end_run(execution);
}

static pgosp_hot pg_noinline void
run_maybe_traced(PGOSP_RUN_ARGS)
{
	pgospExecution *execution = execution_to_run(queryDesc, direction);

	if (execution == NULL)
	{
		prev_ExecutorRun(PGOSP_RUN_PASS);
		return;
	}
	PGOSP_RUN_KEEP(&execution->run);
	run_traced(execution);
}

static pgosp_hot void
pgosp_ExecutorRun(PGOSP_RUN_ARGS)
{
	if (likely(pgosp_busy == 0))
		prev_ExecutorRun(PGOSP_RUN_PASS);
	else
		run_maybe_traced(PGOSP_RUN_PASS);
}

/* Can the statement have queued a trigger? */
static inline bool
may_have_triggers(const EState *estate)
{
	int i;

	if (pgosp_has_other_result_relations(estate))
		return true;
	for (i = 0; i < pgosp_result_relation_count(estate); i++)
		if (pgosp_result_relation(estate, i)->ri_TrigDesc != NULL)
			return true;
	return false;
}

/* Is there nothing left to run: no trigger, no part of the plan? */
static inline bool
finishes_at_once(const EState *estate)
{
	return estate->es_auxmodifytables == NIL &&
		   ((estate->es_top_eflags & EXEC_FLAG_SKIP_TRIGGERS) != 0 ||
			!may_have_triggers(estate));
}

static pg_noinline void
finish_traced(QueryDesc *queryDesc, pgospExecution *execution)
{
	execution->outer = pgosp_current;
	pgosp_current = &execution->statement.point;
	PGOSP_TRY(&execution->catch, &execution->statement.point);
	{
		prev_ExecutorFinish(queryDesc);
	}
	PGOSP_CATCH(&execution->catch);
	{
		catch_error(execution);
		PG_RE_THROW();
	}
	PGOSP_END_TRY(&execution->catch);
	pgosp_current = execution->outer;
}

static pg_noinline void
finish_maybe_traced(QueryDesc *queryDesc)
{
	pgospExecution *execution = pgosp_execution_of(queryDesc->estate);

	/* A paused statement has done all of its work. */
	if (execution == NULL || !execution->statement.point.open ||
		execution->statement.point.idle_ns != 0)
		prev_ExecutorFinish(queryDesc);
	else
		finish_traced(queryDesc, execution);
}

static pgosp_hot void
pgosp_ExecutorFinish(QueryDesc *queryDesc)
{
	if (likely(pgosp_busy == 0 || finishes_at_once(queryDesc->estate)))
		prev_ExecutorFinish(queryDesc);
	else
		finish_maybe_traced(queryDesc);
}

/* The end of the EState's memory does the rest: it closes the point. */
static pgosp_hot void
pgosp_ExecutorEnd(QueryDesc *queryDesc)
{
	if (unlikely(pgosp_busy > 0))
	{
		pgospExecution *execution = pgosp_execution_of(queryDesc->estate);

		if (execution != NULL)
		{
			if (execution->statement.point.open)
				maybe_look_at_end(execution, queryDesc->estate);
			execution->nodes = NULL;
			execution->counted = NULL;
			execution->ended = true;
		}
	}
	prev_ExecutorEnd(queryDesc);
}

static void
report_nodes_if_paused(pgospExecution *execution)
{
	if ((execution->nodes == NULL && execution->counted == NULL) ||
		!execution->statement.point.open ||
		execution->statement.point.idle_ns == 0)
		return;
	report_nodes(execution, true);
	execution->nodes = NULL;
	execution->counted = NULL;
}

void
pgosp_executor_abort_begins(void)
{
	dlist_iter iter;

	report_nodes_if_paused(&pgosp_first_execution);
	dlist_foreach (iter, &pgosp_executions)
		report_nodes_if_paused(dlist_container(pgospExecution, node, iter.cur));
}

static void
stop_nodes(pgospExecution *execution)
{
	if (execution->nodes != NULL && !execution->failed)
		pgosp_nodes_stop(execution->nodes);
	execution->nodes = NULL;
	execution->counted = NULL;
}

void
pgosp_executor_session_ends(void)
{
	dlist_iter iter;

	pgosp_executor_abort_begins();
	stop_nodes(&pgosp_first_execution);
	dlist_foreach (iter, &pgosp_executions)
		stop_nodes(dlist_container(pgospExecution, node, iter.cur));
}

void
pgosp_executor_session_begins(void)
{
	prev_ExecutorRun =
		ExecutorRun_hook != NULL ? ExecutorRun_hook : standard_ExecutorRun;
	prev_ExecutorFinish = ExecutorFinish_hook != NULL ? ExecutorFinish_hook
													  : standard_ExecutorFinish;
	prev_ExecutorEnd =
		ExecutorEnd_hook != NULL ? ExecutorEnd_hook : standard_ExecutorEnd;
	ExecutorRun_hook = pgosp_ExecutorRun;
	ExecutorFinish_hook = pgosp_ExecutorFinish;
	ExecutorEnd_hook = pgosp_ExecutorEnd;
}

void
pgosp_executor_init(void)
{
	prev_ExecutorStart = ExecutorStart_hook != NULL ? ExecutorStart_hook
													: standard_ExecutorStart;
	ExecutorStart_hook = pgosp_ExecutorStart;
	pgosp_first_execution.callback.func = forget_execution;
}
