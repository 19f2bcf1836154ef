/* SPDX-License-Identifier: Apache-2.0
 *
 * errors.c
 *	  Errors: what a point that failed tells, and statements that failed before
 *	  they could become a point.
 *
 * An error that passes a hook is read there, whether somebody catches it later or
 * not. A statement of the client that has a syntax error, or that fails in analysis
 * or planning, reaches no hook of ours but the one of the log; it gets a start and
 * a stop at once. PostgreSQL calls that hook only for what goes to the log, so this
 * needs log_min_messages at error or below, which is the default.
 */
#include "pgosp.h"
#include "pgosp_catch.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#define MESSAGE_MAX 3072

/* Must be free when an error is copied, so that this cannot run out of it. */
#define RESERVE (1024 * 1024)

static emit_log_hook_type prev_emit_log_hook;

/* The last error that was reported while a commit was open. */
static pgospError reported = {false};
static char reported_message[MESSAGE_MAX];

static pgospError fatal = {false};
static char fatal_message[MESSAGE_MAX];

static const pgospPointKind failed_kind = {
	.put_stop = pgosp_put_statement_stop,
};

/* Notes the error, with its message as it may be recorded. */
static void
set_error(pgospError *error, int sqlerrcode, osp_str message, bool masked,
		  char *space)
{
	osp_str text;

	error->known = true;
	memcpy(error->sqlstate, unpack_sql_state(sqlerrcode), 5);
	text = pgosp_text_message(
		message, error->sqlstate, masked, space, MESSAGE_MAX);
	memmove(space, text.ptr, Min(text.len, MESSAGE_MAX));
	error->message = osp_str_n(space, Min(text.len, MESSAGE_MAX));
}

/*
 * May the message show a secret? It does if the text may that has the error, be
 * it the client's or one that a function made. One that was not understood may be
 * anything, if it has quotes and is no single query.
 */
static bool
is_masked(const ErrorData *edata)
{
	const char *text = edata->internalquery != NULL ? edata->internalquery
													: debug_query_string;

	if (pgosp_current != NULL && pgosp_current->masked)
		return true;
	if (text == NULL)
		return false;
	if (edata->sqlerrcode == ERRCODE_SYNTAX_ERROR &&
		strpbrk(text, "'\"$") != NULL &&
		!osp_sql_is_query(osp_str_of(text), OSP_SQL_POSTGRES_ANY))
		return true;
	return pgosp_text_is_secret(osp_str_of(text));
}

/* What is told of an error that a statement failed with. */
static void
set_error_of(pgospError *error, const ErrorData *edata, char *space)
{
	osp_str message = OSP_STR("");

	if (edata->sqlerrcode != ERRCODE_OUT_OF_MEMORY)
		message = osp_str_of(edata->message);
	set_error(error, edata->sqlerrcode, message, is_masked(edata), space);
}

/* Is there memory enough to copy any error? */
static bool
have_reserve(MemoryContext memory)
{
	void *probe =
		MemoryContextAllocExtended(memory, RESERVE, MCXT_ALLOC_NO_OOM);

	if (probe == NULL)
		return false;
	pfree(probe);
	return true;
}

void
pgosp_error_capture(pgospError *error)
{
	static char message[MESSAGE_MAX];
	MemoryContext memory = pgosp_error_memory();
	int code = geterrcode();

	set_error(error, code, OSP_STR(""), false, message);
	if (code != ERRCODE_OUT_OF_MEMORY && memory != NULL && have_reserve(memory))
	{
		MemoryContext old = MemoryContextSwitchTo(memory);

		set_error_of(error, CopyErrorData(), message);
		MemoryContextSwitchTo(old);
		MemoryContextReset(memory);
	}
}

const pgospError *
pgosp_error_reported(void)
{
	static pgospError taken;

	taken = reported;
	reported.known = false;
	return taken.known ? &taken : NULL;
}

const pgospError *
pgosp_error_fatal(void)
{
	return fatal.known ? &fatal : NULL;
}

/* Opened in the past, for it was not known that it would fail. */
void
pgosp_error_statement(const pgospStatementFacts *facts,
					  const pgospParent *parent, int64 start_ns,
					  const pgospError *error)
{
	pgospStatementPoint statement;

	pgosp_statement_open_past(
		&statement, &failed_kind, parent, facts, start_ns);
	pgosp_point_close(&statement.point, error);
}

/* The innermost statement that runs. */
static const pgospPoint *
running_statement(void)
{
	const pgospPoint *point = pgosp_current;

	while (point != NULL && !point->kind->is_statement)
		point = point->parent;
	return point;
}

static void
report_nested_error(const ErrorData *edata)
{
	static char message[MESSAGE_MAX];
	pgospStatementFacts facts;
	pgospParent parent;
	pgospError error;

	pgosp_nested_parent(&parent);
	if (!pgosp_point_may_open(&parent))
		return;
	memset(&facts, 0, sizeof(facts));
	facts.string = edata->internalquery;
	facts.failed = true;
	set_error_of(&error, edata, message);
	pgosp_error_statement(&facts, &parent, pgosp_now(), &error);
}

/*
 * A statement inside of another one that has a syntax error, or fails in analysis,
 * reaches no hook of ours, and its error may be caught by a function. Such an error
 * says where it is in the text of the statement. That text is known once the
 * callbacks further in have been called, and the one of the innermost statement
 * that runs is the first of ours.
 */
void
pgosp_error_passes(void *arg)
{
	MemoryContext memory;
	MemoryContext old;
	const ErrorData *edata;

	if (likely(getinternalerrposition() <= 0) || pgosp_reporting ||
		(pgosp_points & PGOSP_POINTS_NESTED) == 0 ||
		running_statement() != (const pgospPoint *) arg)
		return;
	memory = pgosp_error_memory();
	if (memory == NULL || !have_reserve(memory))
		return;
	old = MemoryContextSwitchTo(memory);
	edata = CopyErrorData();
	if (edata->elevel == ERROR && edata->internalquery != NULL)
		report_nested_error(edata);
	MemoryContextSwitchTo(old);
	MemoryContextReset(memory);
}

/* A client's statement failed, and no point has told so. */
static void
tell_failed_statement(const ErrorData *edata)
{
	static char message[MESSAGE_MAX];
	pgospStatementPoint statement;
	pgospStatementFacts facts;
	const pgospPlan *plan;
	pgospParent parent;
	pgospError error;

	if (debug_query_string == NULL || pgosp_current != NULL ||
		MyBackendType != B_BACKEND || CritSectionCount > 0 ||
		!pgosp_anything_to_do(debug_query_string, 0, 0))
		return;
	memset(&facts, 0, sizeof(facts));
	facts.string = debug_query_string;
	facts.failed = true;
	plan = pgosp_plan_failed();
	if (plan != NULL)
	{
		facts.location = plan->location;
		facts.length = plan->length;
	}
	if (!pgosp_statement_wanted(&facts, &parent))
		return;
	if ((pgosp_points & PGOSP_POINTS_PLAN) == 0)
		plan = NULL;
	pgosp_statement_open_planned(
		&statement, &failed_kind, &parent, &facts, &plan);
	set_error_of(&error, edata, message);
	if (plan != NULL)
		pgosp_plan_tell(plan, &statement.point, &error);
	pgosp_point_close(&statement.point, &error);
}

static void
look_at(const ErrorData *edata)
{
	if (edata->elevel == ERROR)
	{
		if (pgosp_busy > 0 && GetCurrentTransactionNestLevel() == 1)
			pgosp_executor_abort_begins();
		if (pgosp_commit_is_open())
			set_error_of(&reported, edata, reported_message);
		if (!pgosp_error_told)
			tell_failed_statement(edata);
		pgosp_error_told = false;
	}
	else if (edata->elevel == FATAL && pgosp_busy > 0)
		set_error_of(&fatal, edata, fatal_message);
}

static void
pgosp_emit_log(ErrorData *edata)
{
	if (unlikely(pgosp_lockwaits > 0) && edata->elevel == LOG)
		pgosp_lockwait_logged();
	if (unlikely(edata->elevel >= ERROR) && !pgosp_reporting)
	{
		pgosp_reporting = true;
		look_at(edata);
		pgosp_reporting = false;
	}
	if (prev_emit_log_hook != NULL)
		prev_emit_log_hook(edata);
}

void
pgosp_errors_init(void)
{
	prev_emit_log_hook = emit_log_hook;
	emit_log_hook = pgosp_emit_log;
}
