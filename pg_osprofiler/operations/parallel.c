/* SPDX-License-Identifier: Apache-2.0
 *
 * parallel.c
 *	  Parallel workers: their points, pg.worker, and how they get the context of the
 *	  trace.
 *
 * PostgreSQL passes all settings of a session that are not at their defaults to its
 * parallel workers. One of them is ours, osprofiler.parallel_context. It is set to an
 * empty text when the module is loaded; while a Gather starts its workers, the variable
 * behind the setting points to their context. This bypasses PostgreSQL's functions for
 * settings on purpose: nothing can be set in the middle of a parallel plan, and nothing
 * has to be undone after an error. Nobody else can set this setting, and it is not
 * shown.
 *
 * Workers that do not come from a Gather (of CREATE INDEX, or VACUUM) have no
 * context.
 */
#include "pgosp_node.h"

#include "access/parallel.h"
#include "executor/execParallel.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "utils/guc.h"

#define SETTING "osprofiler.parallel_context"

/* Size of the text: number of the key, number of the Gather, a time, a flag, two ids and
 * the characters between them. */
#define CONTEXT_SIZE (2 * OSP_ID_MAX + 96)

/* The context for the workers; in a worker, the context that it was given. */
static char *parallel_context = NULL;

bool
pgosp_is_gather(const PlanState *node)
{
	return IsA(node, GatherState) || IsA(node, GatherMergeState);
}

int
pgosp_gather_workers(const PlanState *node)
{
	return IsA(node, GatherState)
			   ? ((const GatherState *) node)->nworkers_launched
			   : ((const GatherMergeState *) node)->nworkers_launched;
}

static const ParallelExecutorInfo *
executor_info(const PlanState *node)
{
	return IsA(node, GatherState) ? ((const GatherState *) node)->pei
								  : ((const GatherMergeState *) node)->pei;
}

/* Writes the context for workers. Ids have no control characters, so each id has a line
 * of its own. */
static void
write_context(char context[CONTEXT_SIZE], const PlanState *gather,
			  const pgospPoint *parent, const pgospWorkerStage *stage)
{
	char storage[2][OSP_ID_MAX + 1];
	osp_str base = osp_id_text(&parent->base_id, storage[0]);
	osp_str self = osp_id_text(&parent->self, storage[1]);

	snprintf(context,
			 CONTEXT_SIZE,
			 "%zu %d " INT64_FORMAT " %d\n%.*s\n%.*s",
			 parent->key,
			 gather->plan->plan_node_id,
			 stage->due_ns,
			 stage->may_be_caught,
			 (int) base.len,
			 base.ptr,
			 (int) self.len,
			 self.ptr);
}

TupleTableSlot *
pgosp_gather_first(PlanState *node, pgospPoint *parent)
{
	char context[CONTEXT_SIZE];
	char *outer = parallel_context;
	pgospWorkerStage stage = {0, false};
	TupleTableSlot *slot = NULL;

	if (parent->top != NULL)
		pgosp_stage_tell_worker(parent->top, &stage);
	write_context(context, node, parent, &stage);
	parallel_context = context;
	PG_TRY();
	{
		slot = node->ExecProcNode(node);
	}
	PG_FINALLY();
	{
		parallel_context = outer;
	}
	PG_END_TRY();
	return slot;
}

static void
wait_for_worker(const ParallelWorkerInfo *worker)
{
	if (worker->bgwhandle != NULL)
		(void) WaitForBackgroundWorkerShutdown(worker->bgwhandle);
}

/*
 * After an error, the end of the transaction stops the workers. The points of the
 * leader close before that, and the workers would outlive them. So the workers are
 * stopped in the same way, a moment earlier.
 */
void
pgosp_gather_stop(const PlanState *node)
{
	const ParallelExecutorInfo *info = executor_info(node);
	ParallelContext *context = info != NULL ? info->pcxt : NULL;
	int i;

	if (context == NULL || context->worker == NULL)
		return;
	for (i = 0; i < context->nworkers_launched; i++)
	{
		ParallelWorkerInfo *worker = &context->worker[i];

		if (worker->error_mqh == NULL)
			continue;
		TerminateBackgroundWorker(worker->bgwhandle);
		shm_mq_detach(worker->error_mqh);
		worker->error_mqh = NULL;
	}
	HOLD_INTERRUPTS();
	for (i = 0; i < context->nworkers_launched; i++)
		wait_for_worker(&context->worker[i]);
	RESUME_INTERRUPTS();
}

/* ---- in the worker ---- */

typedef struct pgospWorkerStart
{
	int gather;
	pgospWorkerStage stage;
} pgospWorkerStart;

static void
put_start(osp_writer *w, const void *what)
{
	const pgospWorkerStart *start = (const pgospWorkerStart *) what;

	char name[32];
	int len = snprintf(name, sizeof(name), "worker %d", ParallelWorkerNumber);

	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("worker"));
	osp_put_str(w, OSP_STR("name"), osp_str_n(name, (size_t) len));
	osp_put_i64(w, OSP_STR("number"), ParallelWorkerNumber);
	osp_put_i64(w, OSP_STR("node"), start->gather);
	if (MyProc->lockGroupLeader != NULL)
		osp_put_i64(w, OSP_STR("leader_pid"), MyProc->lockGroupLeader->pid);
	osp_put_end(w);
	osp_put_encoded(w, pgosp_session_attributes());
	osp_put_end(w);
}

/* Reads the context that pgosp_gather_first has written. */
static bool
read_context(osp_context *context, pgospWorkerStart *start)
{
	char *end;
	const char *text = parallel_context;
	const char *line;

	if (text == NULL || text[0] == '\0')
		return false;
	memset(context, 0, sizeof(*context));
	context->key = (size_t) strtoul(text, &end, 10);
	start->gather = (int) strtol(end, &end, 10);
	start->stage.due_ns = strtoll(end, &end, 10);
	start->stage.may_be_caught = strtol(end, &end, 10) != 0;
	if (*end++ != '\n')
		return false;
	line = strchr(end, '\n');
	return line != NULL &&
		   osp_id_set(&context->base_id,
					  osp_str_n(end, (size_t) (line - end))) &&
		   osp_id_set(&context->parent_id, osp_str_of(line + 1));
}

bool
pgosp_parallel_open(pgospStatementPoint *worker, const pgospPointKind *kind)
{
	osp_context context;
	pgospWorkerStart start;
	pgospParent parent = {NULL, &context};

	if (!read_context(&context, &start) || pgosp_producer() == NULL)
		return false;
	pgosp_statement_init(worker, kind, OSP_STR("pg.worker"));
	pgosp_point_open_due(
		&worker->point, &parent, put_start, &start, 2048, &start.stage);
	pgosp_usage_begin(&worker->usage, pgosp_now());
	return true;
}

/* ---- the setting ---- */

static bool
check_context(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || (*newval)[0] == '\0' || InitializingParallelWorker)
		return true;
	GUC_check_errdetail("The setting is for parallel workers alone.");
	return false;
}

static void
assign_context(const char *newval, void *extra)
{
	pgosp_is_traced_worker =
		IsParallelWorker() && newval != NULL && newval[0] != '\0';
	pgosp_gates_update();
}

static const char *
show_context(void)
{
	return "";
}

void
pgosp_parallel_init(void)
{
	DefineCustomStringVariable(SETTING,
							   "Trace context handed to parallel workers.",
							   NULL,
							   &parallel_context,
							   "",
							   PGC_SIGHUP,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE |
								   GUC_DISALLOW_IN_FILE,
							   check_context,
							   assign_context,
							   show_context);
	SetConfigOption(SETTING, "", PGC_SIGHUP, PGC_S_OVERRIDE);
}
