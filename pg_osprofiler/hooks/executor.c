/* SPDX-License-Identifier: Apache-2.0
 *
 * executor.c
 *	  Optimizable statements, by the hooks of the executor.
 *
 * What we keep of a statement is found by its EState and lives exactly as long:
 * a callback of the EState's memory context gives it back. That callback also
 * closes the point, so it closes last in the regular course (what runs in
 * standard_ExecutorEnd is still inside), and surely when an error or the end of
 * a transaction throws the statement away. A statement that is guarded while it
 * runs does without: nobody but the client's portal runs it, so it comes to its end,
 * or it fails, or it is lost with the (sub)transaction that the portal was made in.
 *
 * A statement may run in slices. When the statement in which it was opened ends
 * first (DECLARE CURSOR, a function that returns a cursor) its point closes with
 * that, and the next slice opens a new one, under what runs then: a FETCH.
 */
#include "pgosp_guard.h"
#include "pgosp_known.h"

#include "access/parallel.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"

typedef struct pgospExecution
{
	pgospStatementPoint statement; /* first */
	dlist_node node;               /* in the list, if it is not the first */
	const EState *estate;          /* NULL: it is free */
	pgospNodes *nodes;       /* NULL: none are told; gone with the EState */
	bool ended;              /* ExecutorEnd was called: all is well */
	bool failed;             /* it will not run again */
	bool watched;            /* the callback will come */
	SubTransactionId within; /* else: that its portal was made in */
	MemoryContextCallback callback;
} pgospExecution;

static void forget_execution(void *arg);

/*
 * Most sessions never need a second one. A known statement has the first. Those
 * that are free are all zeroes, but for the point, which is not open, and the
 * callback. Of two that are free the first is kept.
 */
static pgosp_hot_data pgospExecution first __attribute__((
	aligned(PG_CACHE_LINE_SIZE))) = {.callback = {forget_execution, &first}};
static pgosp_hot_data pgospExecution *spare = &first;

/* All but the first, by age. */
static pgosp_hot_data dlist_head executions = DLIST_STATIC_INIT(executions);

/* What the first one is for, if it is guarded while it runs, by pgosp_guard
 * instead of PG_TRY. */
static pgosp_hot_data const EState *guarded = NULL;

static pgosp_hot_data ExecutorStart_hook_type prev_ExecutorStart;
static pgosp_hot_data ExecutorRun_hook_type prev_ExecutorRun;
static pgosp_hot_data ExecutorFinish_hook_type prev_ExecutorFinish;
static pgosp_hot_data ExecutorEnd_hook_type prev_ExecutorEnd;

/* Tells what the nodes of the plan did so far. over: they will do no more. */
static void
tell_nodes(pgospExecution *execution, bool over)
{
	if (execution->nodes != NULL)
		execution->statement.usage.nodes_left_out =
			pgosp_nodes_tell(execution->nodes, execution->failed, over);
}

static void
close_execution(pgospPoint *point)
{
	if (point == &first.statement.point)
		guarded = NULL;
	tell_nodes((pgospExecution *) point, false);
}

static void guarded_failed(pgospPoint *point, const pgospError *error,
						   bool last);

static const pgospPointKind execution_kind = {
	.put_stop = pgosp_put_statement_stop,
	.closing = close_execution,
	.failed = guarded_failed,
	.user_beside = true,
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
	facts->failed = false;
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

static inline pgospExecution *
find_execution(const EState *estate)
{
	dlist_iter iter;

	if (likely(first.estate == estate))
		return &first;
	dlist_reverse_foreach(iter, &executions)
	{
		pgospExecution *execution =
			dlist_container(pgospExecution, node, iter.cur);

		if (execution->estate == estate)
			return execution;
	}
	return NULL;
}

/* NULL if there is no memory: then the statement is not traced. */
static pgospExecution *
new_execution(void)
{
	pgospExecution *execution = spare;

	spare = NULL;
	if (execution != NULL)
		return execution;
	execution = MemoryContextAllocExtended(TopMemoryContext,
										   sizeof(*execution),
										   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (execution == NULL)
		return NULL;
	execution->callback.func = forget_execution;
	execution->callback.arg = execution;
	return execution;
}

static void
free_execution(pgospExecution *execution)
{
	pgospExecution *surplus = spare;

	execution->estate = NULL;
	execution->ended = false;
	execution->failed = false;
	execution->watched = false;
	spare = execution;
	if (unlikely(surplus == &first))
	{
		spare = surplus;
		surplus = execution;
	}
	if (unlikely(surplus != NULL))
		pfree(surplus);
}

static pg_noinline void
close_point(pgospExecution *execution)
{
	pgospError interrupted = {false};

	pgosp_point_close(&execution->statement.point,
					  execution->ended ? NULL : &interrupted);
}

/* The EState goes, and with it what we keep of the statement. */
static inline void
forget(pgospExecution *execution)
{
	/* The plan may be gone by now. */
	execution->nodes = NULL;
	if (unlikely(pgosp_guarded == &execution->statement.point))
		pgosp_unguard();
	if (unlikely(!execution->ended ||
				 !pgosp_statement_stop(&execution->statement)))
		close_point(execution);
	if (likely(execution == &first))
		guarded = NULL;
	else
		dlist_delete(&execution->node);
	pgosp_busy--;
	free_execution(execution);
}

static void
forget_execution(void *arg)
{
	forget((pgospExecution *) arg);
}

void
pgosp_executor_transaction_ends(SubTransactionId id)
{
	if (first.estate != NULL && !first.watched && first.within >= id)
		forget(&first);
}

static inline void
remember(pgospExecution *execution, const QueryDesc *queryDesc)
{
	execution->estate = queryDesc->estate;
	pgosp_busy++;
}

static void
remember_watched(pgospExecution *execution, const QueryDesc *queryDesc)
{
	/* Where another EState lies, the one before is no more. */
	if (queryDesc->estate == first.estate)
		forget(&first);
	remember(execution, queryDesc);
	execution->watched = true;
	MemoryContextRegisterResetCallback(queryDesc->estate->es_query_cxt,
									   &execution->callback);
	if (execution != &first)
		dlist_push_tail(&executions, &execution->node);
}

/* plan: how it was planned, if that is to be told here. */
static void
open_execution(pgospExecution *execution, const QueryDesc *queryDesc,
			   const pgospParent *parent, const pgospStatementFacts *facts,
			   const pgospPlan *plan)
{
	pgosp_statement_open_planned(
		&execution->statement, &execution_kind, parent, facts, &plan);
	execution->statement.usage.command = command_of(queryDesc);
	if (plan != NULL)
		pgosp_plan_tell(plan,
						&execution->statement.point,
						!plan->custom && facts->params != NULL &&
							facts->params->numParams > 0,
						NULL);
}

static void
fail_execution(pgospExecution *execution, const pgospError *error)
{
	execution->failed = true;
	if (execution->nodes != NULL)
		pgosp_nodes_stop(execution->nodes);
	pgosp_point_close(&execution->statement.point, error);
}

static void
guarded_failed(pgospPoint *point, const pgospError *error, bool last)
{
	pgospExecution *execution = (pgospExecution *) point;

	fail_execution(execution, error);
	if (!last)
		return;
	if (execution->estate == NULL)
		free_execution(execution);
	else if (!execution->watched)
		forget(execution);
}

/* In PG_CATCH: tells the error that goes by. outer is what ran before. */
static void
catch_error(pgospExecution *execution, pgospPoint *outer)
{
	pgospError error;

	pgosp_current = outer;
	pgosp_error_capture(&error);
	fail_execution(execution, &error);
	if (outer == NULL)
		pgosp_error_told = true;
}

/* What is left of a portal may be finished when it is thrown away; by whom, it
 * is not known then. */
static inline bool
is_guarded(const EState *estate)
{
	return estate == guarded && pgosp_current == NULL && ActivePortal != NULL;
}

static pg_noinline void
start_caught(QueryDesc *queryDesc, int eflags, pgospExecution *execution)
{
	pgospPoint *outer = pgosp_current;

	pgosp_current = &execution->statement.point;
	PG_TRY();
	{
		prev_ExecutorStart(queryDesc, eflags);
	}
	PG_CATCH();
	{
		catch_error(execution, outer);
		free_execution(execution);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_current = outer;
}

/* The statement has started: what is in it that we follow? nodes: they may be. */
static inline void
look_at_plan(pgospExecution *execution, QueryDesc *queryDesc, bool nodes)
{
	if ((pgosp_points & PGOSP_POINTS_TRIGGER) != 0 &&
		queryDesc->plannedstmt->resultRelations != NIL)
		pgosp_trigger_prepare(queryDesc->estate);
	if (nodes)
		execution->nodes =
			pgosp_nodes_begin(queryDesc, &execution->statement.point);
}

static void
start_traced(QueryDesc *queryDesc, int eflags, pgospExecution *execution)
{
	if ((pgosp_points & PGOSP_POINTS_NODE) != 0)
		pgosp_nodes_ask(queryDesc);
	start_caught(queryDesc, eflags, execution);
	remember_watched(execution, queryDesc);
	look_at_plan(execution, queryDesc, pgosp_nodes_may_be_wanted(queryDesc));
}

/* The first one, whose point is open. */
static inline void
start_guarded(QueryDesc *queryDesc, int eflags)
{
	bool nodes = unlikely(pgosp_nodes_may_be_wanted(queryDesc));

	if (unlikely((pgosp_points & PGOSP_POINTS_NODE) != 0))
		pgosp_nodes_ask(queryDesc);
	pgosp_guard(&first.statement.point);
	first.within = ActivePortal->createSubid;
	prev_ExecutorStart(queryDesc, eflags);
	pgosp_unguard();
	guarded = queryDesc->estate;

	/* What is kept of nodes must not outlive them. */
	if (unlikely(nodes))
		remember_watched(&first, queryDesc);
	else
		remember(&first, queryDesc);
	look_at_plan(&first, queryDesc, nodes);
}

/* A parallel worker's part of a statement: pg.worker stands for it. */
static void
start_worker(QueryDesc *queryDesc, int eflags)
{
	pgospExecution *execution = new_execution();

	if (execution != NULL &&
		pgosp_parallel_open(&execution->statement, &execution_kind))
	{
		start_traced(queryDesc, eflags, execution);
		return;
	}
	if (execution != NULL)
		free_execution(execution);
	prev_ExecutorStart(queryDesc, eflags);
}

/* Opens the point of a statement that was traced before. False: it is none, or is
 * not traced. */
static inline bool
open_known(const QueryDesc *queryDesc, int eflags)
{
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || spare != &first ||
		!pgosp_statement_open_known(
			&first.statement, &execution_kind, queryDesc->plannedstmt))
		return false;
	spare = NULL;
	first.statement.usage.command = command_of(queryDesc);
	return true;
}

static pg_noinline void
start_maybe_wanted(QueryDesc *queryDesc, int eflags)
{
	pgospExecution *execution = NULL;
	bool top = pgosp_current == NULL;
	pgospStatementFacts facts;
	pgospParent parent;

	facts_of(queryDesc, &facts);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 &&
		pgosp_statement_wanted(&facts, &parent))
		execution = new_execution();
	if (execution == NULL)
	{
		prev_ExecutorStart(queryDesc, eflags);
		return;
	}
	open_execution(execution,
				   queryDesc,
				   &parent,
				   &facts,
				   top && (pgosp_points & PGOSP_POINTS_PLAN) != 0
					   ? pgosp_plan_of(queryDesc->plannedstmt)
					   : NULL);
	if (top)
		pgosp_statement_learn(&facts, queryDesc->plannedstmt);
	start_traced(queryDesc, eflags, execution);
}

static pgosp_hot pg_noinline void
start_maybe_traced(QueryDesc *queryDesc, int eflags)
{
	bool top = pgosp_current == NULL;

	if (likely(top && open_known(queryDesc, eflags)))
	{
		if (likely(pgosp_guard_may()))
			start_guarded(queryDesc, eflags);
		else
			start_traced(queryDesc, eflags, &first);
	}
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

/*
 * The execution of a statement that is about to run, with its point open; NULL
 * if it is not traced. A cursor that was suspended, or was opened before there
 * was anything to trace, gets its point here.
 */
static pgospExecution *
execution_to_run(const QueryDesc *queryDesc)
{
	pgospExecution *execution = find_execution(queryDesc->estate);
	bool known = execution != NULL;
	pgospStatementFacts facts;
	pgospParent parent;

	if (known && (execution->statement.point.open || execution->failed))
		return execution->failed ? NULL : execution;
	if (!known && (pgosp_current == NULL || pgosp_point_is_full()))
		return NULL;
	facts_of(queryDesc, &facts);
	if (!pgosp_statement_wanted(&facts, &parent))
		return NULL;
	if (!known)
	{
		execution = new_execution();
		if (execution == NULL)
			return NULL;
		remember_watched(execution, queryDesc);
	}
	open_execution(execution, queryDesc, &parent, &facts, NULL);
	return execution;
}

static pg_noinline void
run_caught(pgospExecution *execution, PGOSP_RUN_ARGS)
{
	pgospPoint *outer = pgosp_current;

	pgosp_current = &execution->statement.point;
	PG_TRY();
	{
		prev_ExecutorRun(PGOSP_RUN_PASS);
	}
	PG_CATCH();
	{
		catch_error(execution, outer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_current = outer;
}

static pg_noinline void
run_maybe_traced(PGOSP_RUN_ARGS)
{
	pgospExecution *execution = execution_to_run(queryDesc);

	if (execution == NULL)
	{
		prev_ExecutorRun(PGOSP_RUN_PASS);
		return;
	}
	run_caught(execution, PGOSP_RUN_PASS);
	execution->statement.usage.rows += queryDesc->estate->es_processed;
}

static pgosp_hot pg_noinline void
run_guarded(PGOSP_RUN_ARGS)
{
	pgosp_guard(&first.statement.point);
	prev_ExecutorRun(PGOSP_RUN_PASS);
	pgosp_unguard();
	first.statement.usage.rows += queryDesc->estate->es_processed;
}

static pgosp_hot void
pgosp_ExecutorRun(PGOSP_RUN_ARGS)
{
	if (likely(pgosp_busy == 0))
		prev_ExecutorRun(PGOSP_RUN_PASS);
	else if (likely(is_guarded(queryDesc->estate)))
		run_guarded(PGOSP_RUN_PASS);
	else
		run_maybe_traced(PGOSP_RUN_PASS);
}

/* Nothing is left to run: no trigger, no part of the plan. */
static bool
finishes_at_once(const EState *estate)
{
	return (estate->es_top_eflags & EXEC_FLAG_SKIP_TRIGGERS) != 0 &&
		   estate->es_auxmodifytables == NIL;
}

static pg_noinline void
finish_caught(pgospExecution *execution, QueryDesc *queryDesc)
{
	pgospPoint *outer = pgosp_current;

	pgosp_current = &execution->statement.point;
	PG_TRY();
	{
		prev_ExecutorFinish(queryDesc);
	}
	PG_CATCH();
	{
		catch_error(execution, outer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_current = outer;
}

static pg_noinline void
finish_maybe_traced(QueryDesc *queryDesc)
{
	pgospExecution *execution = find_execution(queryDesc->estate);

	if (execution == NULL || !execution->statement.point.open)
		prev_ExecutorFinish(queryDesc);
	else
		finish_caught(execution, queryDesc);
}

static pgosp_hot pg_noinline void
finish_guarded(QueryDesc *queryDesc)
{
	pgosp_guard(&first.statement.point);
	prev_ExecutorFinish(queryDesc);
	pgosp_unguard();
}

static pgosp_hot void
pgosp_ExecutorFinish(QueryDesc *queryDesc)
{
	if (likely(pgosp_busy == 0 || finishes_at_once(queryDesc->estate)))
		prev_ExecutorFinish(queryDesc);
	else if (likely(is_guarded(queryDesc->estate)))
		finish_guarded(queryDesc);
	else
		finish_maybe_traced(queryDesc);
}

static pg_noinline void
end_maybe_traced(const EState *estate)
{
	pgospExecution *execution = find_execution(estate);
	pgospUsage *usage;

	if (execution == NULL)
		return;
	tell_nodes(execution, true);
	execution->nodes = NULL;
	usage = &execution->statement.usage;
	pgosp_usage_add_jit(usage, estate);
	if (usage->jit_functions > 0 || usage->nodes_left_out > 0)
		execution->statement.plain = false;
	execution->ended = true;
}

/* Has it neither nodes to tell of, nor anything that was compiled? */
static inline bool
ends_at_once(const EState *estate)
{
	return likely(first.nodes == NULL && estate->es_jit == NULL &&
				  estate->es_jit_worker_instr == NULL);
}

static pgosp_hot pg_noinline void
end_first(QueryDesc *queryDesc)
{
	const EState *estate = queryDesc->estate;

	if (ends_at_once(estate))
		first.ended = true;
	else
		end_maybe_traced(estate);
	prev_ExecutorEnd(queryDesc);

	/* If it is watched, it is forgotten by now. */
	if (first.estate == estate)
		forget(&first);
}

static pgosp_hot void
pgosp_ExecutorEnd(QueryDesc *queryDesc)
{
	if (queryDesc->estate == first.estate)
	{
		end_first(queryDesc);
		return;
	}
	if (unlikely(pgosp_busy > 0))
		end_maybe_traced(queryDesc->estate);
	prev_ExecutorEnd(queryDesc);
}

pgospNodes *
pgosp_nodes_of(const EState *estate)
{
	return find_execution(estate)->nodes;
}

static void
stop_nodes(pgospExecution *execution)
{
	if (execution->nodes != NULL && !execution->failed)
		pgosp_nodes_stop(execution->nodes);
	execution->nodes = NULL;
}

void
pgosp_executor_session_ends(void)
{
	dlist_iter iter;

	stop_nodes(&first);
	dlist_foreach (iter, &executions)
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
}
