/* SPDX-License-Identifier: Apache-2.0
 *
 * utility.c
 *	  Utility statements, by the ProcessUtility hook.
 *
 * A utility statement runs from call to return, so its point is on the C stack.
 * What sets or resets the context itself (SET osprofiler.*, RESET ALL, DISCARD
 * ALL) is no point, nor are the steps into which PostgreSQL divides a statement
 * (the sequence of a serial column, say).
 */
#include "pgosp.h"

#include "nodes/parsenodes.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"

static ProcessUtility_hook_type prev_ProcessUtility;

static const pgospPointKind utility_kind = {
	.put_stop = pgosp_put_statement_stop,
};

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

static bool
is_wanted(const PlannedStmt *pstmt, ProcessUtilityContext context,
		  const pgospStatementFacts *facts, pgospParent *parent)
{
	if (context == PROCESS_UTILITY_SUBCOMMAND ||
		changes_context(pstmt->utilityStmt))
		return false;
	return pgosp_statement_wanted(facts, parent);
}

static void
fail_utility(pgospStatementPoint *statement, pgospPoint *outer)
{
	pgospError error;

	pgosp_current = outer;
	pgosp_error_capture(&error);
	pgosp_point_close(&statement->point, &error);
	if (outer == NULL)
		pgosp_errors_told();
}

static void
run_traced(pgospStatementPoint *statement, PGOSP_UTILITY_ARGS)
{
	pgospPoint *outer = pgosp_current;

	pgosp_current = &statement->point;
	PG_TRY();
	{
		prev_ProcessUtility(PGOSP_UTILITY_PASS);
	}
	PG_CATCH();
	{
		fail_utility(statement, outer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_current = outer;
	if (qc != NULL && qc->commandTag != CMDTAG_UNKNOWN)
	{
		statement->usage.command = GetCommandTagName(qc->commandTag);
		statement->usage.rows = qc->nprocessed;
	}
	pgosp_point_close(&statement->point, NULL);
}

static pg_noinline void
maybe_traced(PGOSP_UTILITY_ARGS)
{
	pgospStatementPoint statement;
	pgospStatementFacts facts;
	pgospParent parent;

	facts.string = queryString != NULL ? queryString : "";
	facts.location = pstmt->stmt_location;
	facts.length = pstmt->stmt_len;
	facts.query_id = (uint64) pstmt->queryId;
	facts.params = params;
	facts.utility = pstmt->utilityStmt;
	facts.failed = false;
	if (is_wanted(pstmt, context, &facts, &parent))
	{
		pgosp_statement_open(&statement, &utility_kind, &parent, &facts);
		statement.usage.command =
			GetCommandTagName(CreateCommandTag(pstmt->utilityStmt));
		run_traced(&statement, PGOSP_UTILITY_PASS);
	}
	else
		prev_ProcessUtility(PGOSP_UTILITY_PASS);

	/* Points that a user opened under a context end with it. */
	if (pgosp_current == NULL && pgosp_context_is_stale())
		pgosp_user_close_all();
}

static void
pgosp_ProcessUtility(PGOSP_UTILITY_ARGS)
{
	if (likely(!pgosp_anything_to_do(
			queryString, pstmt->stmt_location, pstmt->stmt_len)))
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
