/* SPDX-License-Identifier: Apache-2.0
 *
 * utility.c
 *	  Traces utility statements, by the ProcessUtility hook.
 *
 * A utility statement runs from call to return. Statements that set or reset
 * the context itself (SET osprofiler.*, RESET ALL, DISCARD ALL) are not points,
 * nor are the steps into which PostgreSQL divides a statement (such as the
 * sequence of a serial column). The point of a COMMIT stays open until the
 * transaction has ended: see commit.c.
 */
#include "pgosp_catch.h"
#include "pgosp_known.h"

#include "nodes/parsenodes.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

static pgosp_hot_data ProcessUtility_hook_type prev_ProcessUtility;

static const pgospPointKind utility_kind = {
	.put_stop = pgosp_put_statement_stop,
	.is_statement = true,
};

/*
 * A utility statement that runs. Procedures call each other, so to save stack these
 * structs are elsewhere; free ones are in a list.
 */
typedef struct pgospCommand
{
	pgospStatementPoint statement;
	pgospCatch catch;
	pgospPlace outer;          /* pgosp_utility_place around it */
	struct pgospCommand *next; /* in the list of free ones */
} pgospCommand;

static pgospCommand first_command;
static pgospCommand *free_commands = &first_command;

/* Takes or makes a command; NULL: there is no memory. */
static pgospCommand *
new_command(void)
{
	pgospCommand *command = free_commands;

	if (unlikely(command == NULL))
		return MemoryContextAllocExtended(TopMemoryContext,
										  sizeof(*command),
										  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	free_commands = command->next;
	return command;
}

static inline void
free_command(pgospCommand *command)
{
	command->next = free_commands;
	free_commands = command;
}

static void
facts_of(const PlannedStmt *pstmt, const char *string,
		 const ParamListInfoData *params, pgospStatementFacts *facts)
{
	facts->string = string != NULL ? string : "";
	facts->location = pstmt->stmt_location;
	facts->length = pstmt->stmt_len;
	facts->query_id = (uint64) pstmt->queryId;
	facts->params = params;
	facts->utility = pstmt->utilityStmt;
	facts->plan = pstmt;
	facts->failed = false;
	facts->reused = false;
}

static bool
changes_context(const Node *statement)
{
	if (IsA(statement, VariableSetStmt))
	{
		const VariableSetStmt *set = (const VariableSetStmt *) statement;

		return set->kind == VAR_RESET_ALL ||
			   (set->name != NULL &&
				pg_strncasecmp(set->name, "osprofiler.", 11) == 0);
	}
	return IsA(statement, DiscardStmt) &&
		   ((const DiscardStmt *) statement)->target == DISCARD_ALL;
}

/*
 * Is it SET application_name by the client, and may that bring a context? Then the
 * context is taken from it. Tools that send contexts so set the old name again later,
 * so no such statement is an operation.
 */
static bool
brings_context(const PlannedStmt *pstmt, const pgospStatementFacts *facts)
{
	VariableSetStmt *set = (VariableSetStmt *) pstmt->utilityStmt;

	if (!pgosp_accept_application_name || !pgosp_accept_traceparent ||
		!IsA(set, VariableSetStmt) || pgosp_current != NULL ||
		set->name == NULL ||
		pg_strcasecmp(set->name, "application_name") != 0 ||
		!pgosp_context_is_of_client(facts->string))
		return false;
	pgosp_context_use_up(facts->string);
	if (set->kind == VAR_SET_VALUE)
		pgosp_context_of_application_name(
			osp_str_of(ExtractSetVariableArgs(set)));
	return true;
}

static bool
is_wanted(const PlannedStmt *pstmt, ProcessUtilityContext context,
		  const pgospStatementFacts *facts, pgospParent *parent)
{
	if (context == PROCESS_UTILITY_SUBCOMMAND)
		return false;
	if (changes_context(pstmt->utilityStmt))
	{
		pgosp_context_use_up(facts->string);
		return false;
	}
	if (brings_context(pstmt, facts))
		return false;
	return pgosp_statement_wanted(facts, parent);
}

/* Is it COMMIT, END or PREPARE TRANSACTION? */
static bool
ends_transaction(const Node *statement)
{
	const TransactionStmt *stmt = (const TransactionStmt *) statement;

	return IsA(statement, TransactionStmt) &&
		   (stmt->kind == TRANS_STMT_COMMIT ||
			stmt->kind == TRANS_STMT_PREPARE);
}

static bool
is_rollback(const Node *statement)
{
	return IsA(statement, TransactionStmt) &&
		   ((const TransactionStmt *) statement)->kind == TRANS_STMT_ROLLBACK;
}

static bool
commits_prepared(const Node *statement)
{
	return IsA(statement, TransactionStmt) &&
		   ((const TransactionStmt *) statement)->kind ==
			   TRANS_STMT_COMMIT_PREPARED;
}

/* Did the statement do what it says? A COMMIT of a failed transaction is a ROLLBACK. */
static bool
will_commit(const QueryCompletion *qc)
{
	return qc != NULL && qc->commandTag != CMDTAG_ROLLBACK;
}

static pg_noinline void
fail_utility(pgospStatementPoint *statement, pgospPoint *outer)
{
	pgospError error;

	pgosp_error_capture(&error);
	pgosp_commit_ends(&statement->point, &error);
	pgosp_current = outer;
	pgosp_point_close(&statement->point, &error);
	if (outer == NULL)
		pgosp_error_told = true;
}

static void
close_utility(pgospStatementPoint *statement)
{
	if (!pgosp_statement_stop(statement))
		pgosp_point_close(&statement->point, NULL);
}

/* Ends a statement that succeeded. If stays is set and the transaction ends
 * after the statement, its point stays open until then. */
static inline void
end_utility(pgospStatementPoint *statement, pgospPoint *outer, bool stays,
			const QueryCompletion *qc)
{
	pgosp_commit_ends(&statement->point, NULL);
	statement->usage.counts_rows =
		qc != NULL && command_tag_display_rowcount(qc->commandTag);
	if (qc != NULL && qc->commandTag != CMDTAG_UNKNOWN)
	{
		statement->usage.command = GetCommandTagName(qc->commandTag);
		statement->usage.rows = qc->nprocessed;
	}
	pgosp_current = outer;
	if (!stays || !will_commit(qc))
		close_utility(statement);
	else
	{
		pgosp_current = &statement->point;
		pgosp_commit_begins(statement->usage.command);
	}
}

static void
set_place(const PlannedStmt *pstmt, const char *string)
{
	pgosp_utility_place.string = string;
	pgosp_utility_place.location = pstmt->stmt_location;
	pgosp_utility_place.length = pstmt->stmt_len;
}

/* Runs a statement whose point is open. `statement` is that point. It is in
 * command, except for a statement that ends a transaction:
 * pgosp_commit_statement() has the point of that one. */
static pgosp_hot pg_noinline void
run_traced(pgospCommand *command, pgospStatementPoint *statement,
		   PGOSP_UTILITY_ARGS)
{
	pgospPoint *outer = pgosp_current;

	pgosp_current = &statement->point;
	command->outer = pgosp_utility_place;
	if (unlikely(pstmt->stmt_len > 0 || pstmt->stmt_location > 0))
		set_place(pstmt, queryString);
	if (commits_prepared(pstmt->utilityStmt))
		pgosp_commit_prepared();
	PGOSP_TRY(&command->catch, &statement->point);
	{
		prev_ProcessUtility(PGOSP_UTILITY_PASS);
	}
	PGOSP_CATCH(&command->catch);
	{
		pgosp_utility_place = command->outer;
		fail_utility(statement, outer);
		free_command(command);
		PG_RE_THROW();
	}
	PGOSP_END_TRY(&command->catch);
	pgosp_utility_place = command->outer;
	end_utility(statement, outer, statement != &command->statement, qc);
	free_command(command);
}

/* Opens the point of a statement; false: it has none. */
static pgosp_hot pg_noinline bool
open_utility(pgospStatementPoint *statement, const PlannedStmt *pstmt,
			 const char *string, ProcessUtilityContext context,
			 const ParamListInfoData *params)
{
	bool top = pgosp_current == NULL;
	pgospStatementFacts facts;
	pgospParent parent;

	statement->armed = 0;
	if (!top || !pgosp_statement_open_known(statement, &utility_kind, pstmt))
	{
		facts_of(pstmt, string, params, &facts);
		if (!is_wanted(pstmt, context, &facts, &parent))
			return false;
		pgosp_statement_open(statement, &utility_kind, &parent, &facts);
		if (top)
			pgosp_statement_learn(&facts, pstmt);
	}
	statement->usage.command =
		GetCommandTagName(CreateCommandTag(pstmt->utilityStmt));
	return true;
}

static pgosp_hot pg_noinline void
trace(PGOSP_UTILITY_ARGS)
{
	pgospCommand *command = new_command();
	pgospStatementPoint *statement;

	if (command == NULL)
	{
		prev_ProcessUtility(PGOSP_UTILITY_PASS);
		return;
	}
	statement = &command->statement;
	if (ends_transaction(pstmt->utilityStmt))
		(void) pgosp_commit_statement(&statement);
	if (open_utility(statement, pstmt, queryString, context, params))
		run_traced(command, statement, PGOSP_UTILITY_PASS);
	else
	{
		free_command(command);
		prev_ProcessUtility(PGOSP_UTILITY_PASS);
	}
}

static pgosp_hot pg_noinline void
maybe_traced(PGOSP_UTILITY_ARGS)
{
	if (unlikely(is_rollback(pstmt->utilityStmt)))
		pgosp_executor_abort_begins();
	trace(PGOSP_UTILITY_PASS);

	/* Points that a user opened under a context end when the context changes. */
	if (pgosp_current == NULL && pgosp_context_is_stale())
		pgosp_user_close_all();
}

static pgosp_hot void
pgosp_ProcessUtility(PGOSP_UTILITY_ARGS)
{
	if (likely(!pgosp_anything_to_do(
				   queryString, pstmt->stmt_location, pstmt->stmt_len) &&
			   !pgosp_accept_application_name))
		prev_ProcessUtility(PGOSP_UTILITY_PASS);
	else
		maybe_traced(PGOSP_UTILITY_PASS);
}

void
pgosp_utility_init(void)
{
	prev_ProcessUtility = ProcessUtility_hook != NULL ? ProcessUtility_hook
													  : standard_ProcessUtility;
	ProcessUtility_hook = pgosp_ProcessUtility;
}
