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

#include "access/parallel.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#define MESSAGE_MAX 3072

/* Must be free when an error is copied, so that this cannot run out of it. */
#define RESERVE (1024 * 1024)

bool pgosp_reporting = false;

static emit_log_hook_type prev_emit_log_hook;

pgosp_hot_data bool pgosp_error_told = false;

/* The last error that was reported while a commit was open. */
static pgospError reported = {false};
static char reported_message[MESSAGE_MAX];

static pgospError fatal = {false};
static char fatal_message[MESSAGE_MAX];

static const pgospPointKind failed_kind = {
	.put_stop = pgosp_put_statement_stop,
};

static void
set_error(pgospError *error, int sqlerrcode, osp_str message, char *space)
{
	osp_str text = pgosp_text_utf8(message, (size_t) MESSAGE_MAX);

	memcpy(space, text.ptr, text.len);
	error->known = true;
	error->message = osp_str_n(space, text.len);
	memcpy(error->sqlstate, unpack_sql_state(sqlerrcode), 5);
}

/*
 * The message as it may be told. One on a text that was not understood quotes
 * from that text, be it the client's or one that a function made.
 */
static osp_str
message_of(const ErrorData *edata)
{
	osp_str message = osp_str_of(edata->message);
	const char *text = edata->internalquery != NULL ? edata->internalquery
													: debug_query_string;

	if (text != NULL)
		pgosp_redact_message(osp_str_of(text),
							 edata->sqlerrcode != ERRCODE_SYNTAX_ERROR,
							 &message);
	return message;
}

/* What is told of an error that a statement failed with. */
static void
set_error_of(pgospError *error, const ErrorData *edata, char *space)
{
	osp_str message = OSP_STR("");

	if (edata->sqlerrcode == ERRCODE_SYNTAX_ERROR)
		message = message_of(edata);
	else if (edata->sqlerrcode != ERRCODE_OUT_OF_MEMORY)
		message = osp_str_of(edata->message);
	set_error(error, edata->sqlerrcode, message, space);
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

	set_error(error, code, OSP_STR(""), message);
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
	set_error(&error, edata->sqlerrcode, message_of(edata), message);
	if (plan != NULL)
		pgosp_plan_tell(plan, &statement.point, &error);
	pgosp_point_close(&statement.point, &error);
}

static void
look_at(const ErrorData *edata)
{
	if (edata->elevel == ERROR)
	{
		if (pgosp_commit_is_open())
			set_error(&reported,
					  edata->sqlerrcode,
					  osp_str_of(edata->message),
					  reported_message);
		if (!pgosp_error_told)
			tell_failed_statement(edata);
		pgosp_error_told = false;
	}
	else if (edata->elevel == FATAL && pgosp_busy > 0)
		set_error(&fatal,
				  edata->sqlerrcode,
				  osp_str_of(edata->message),
				  fatal_message);
}

static void
pgosp_emit_log(ErrorData *edata)
{
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
