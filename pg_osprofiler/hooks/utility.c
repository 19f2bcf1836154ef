/* SPDX-License-Identifier: Apache-2.0
 *
 * utility.c
 *	  Utility statements, by the ProcessUtility hook.
 *
 * A utility statement runs from call to return, so its point is on the C stack.
 * What sets or resets the context itself (SET osprofiler.*, RESET ALL, DISCARD
 * ALL) is no point, nor are the steps into which PostgreSQL divides a statement
 * (the sequence of a serial column, say). The point of a COMMIT stays open until
 * the transaction has ended: see commit.c.
 */
#include "pgosp_guard.h"
#include "pgosp_known.h"

#include "nodes/parsenodes.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"

static pgosp_hot_data ProcessUtility_hook_type prev_ProcessUtility;

static void
guarded_failed(pgospPoint *point, const pgospError *error, bool last)
{
	pgosp_point_close(point, error);
}

static const pgospPointKind utility_kind = {
	.put_stop = pgosp_put_statement_stop,
	.failed = guarded_failed,
};

/* The point of a BEGIN, which may be guarded, and so outlive the call. */
static pgosp_hot_data pgospStatementPoint begin;

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
	facts->failed = false;
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

/* Is it BEGIN, START TRANSACTION, COMMIT or END? They run nothing else. */
static inline bool
is_plain(const Node *statement)
{
	const TransactionStmt *stmt = (const TransactionStmt *) statement;

	return IsA(statement, TransactionStmt) &&
		   (stmt->kind == TRANS_STMT_BEGIN || stmt->kind == TRANS_STMT_START ||
			stmt->kind == TRANS_STMT_COMMIT);
}

/* What is plain; told if it fails. */
static inline const char *
command_of(const TransactionStmt *stmt)
{
	return stmt->kind == TRANS_STMT_COMMIT  ? "COMMIT"
		   : stmt->kind == TRANS_STMT_BEGIN ? "BEGIN"
											: "START TRANSACTION";
}

static bool
commits_prepared(const Node *statement)
{
	return IsA(statement, TransactionStmt) &&
		   ((const TransactionStmt *) statement)->kind ==
			   TRANS_STMT_COMMIT_PREPARED;
}

/* It did what it says; a COMMIT of a failed transaction is a ROLLBACK. */
static bool
will_commit(const QueryCompletion *qc)
{
	return qc != NULL && qc->commandTag != CMDTAG_ROLLBACK;
}

static void
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

/* It went well. stays: leave the point open if the transaction ends after this. */
static inline void
end_utility(pgospStatementPoint *statement, pgospPoint *outer, bool stays,
			const QueryCompletion *qc)
{
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

static pgosp_hot pg_noinline void
run_guarded(pgospStatementPoint *statement, bool stays, PGOSP_UTILITY_ARGS)
{
	pgosp_guard(&statement->point);
	prev_ProcessUtility(PGOSP_UTILITY_PASS);
	pgosp_unguard();
	end_utility(statement, NULL, stays, qc);
}

static pg_noinline void
run_caught(pgospStatementPoint *statement, bool stays, PGOSP_UTILITY_ARGS)
{
	pgospPoint *outer = pgosp_current;

	pgosp_current = &statement->point;
	if (commits_prepared(pstmt->utilityStmt))
		pgosp_commit_prepared();
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
	pgosp_commit_ends(&statement->point, NULL);
	end_utility(statement, outer, stays, qc);
}

/* Runs the statement, traced if it is to be. */
static pg_noinline void
trace(PGOSP_UTILITY_ARGS)
{
	bool top = pgosp_current == NULL;
	pgospStatementPoint local;
	pgospStatementPoint *statement = &local;
	pgospStatementFacts facts;
	pgospParent parent;
	bool stays = ends_transaction(pstmt->utilityStmt) &&
				 pgosp_commit_statement(&statement);

	local.armed = 0;
	if (!top || !pgosp_statement_open_known(statement, &utility_kind, pstmt))
	{
		facts_of(pstmt, queryString, params, &facts);
		if (!is_wanted(pstmt, context, &facts, &parent))
		{
			prev_ProcessUtility(PGOSP_UTILITY_PASS);
			return;
		}
		pgosp_statement_open(statement, &utility_kind, &parent, &facts);
		if (top)
			pgosp_statement_learn(&facts, pstmt);
	}
	statement->usage.command =
		GetCommandTagName(CreateCommandTag(pstmt->utilityStmt));
	run_caught(statement, stays, PGOSP_UTILITY_PASS);
}

/* Runs a plain statement that is known, if it can be guarded. */
static inline bool
trace_plain(PGOSP_UTILITY_ARGS)
{
	const TransactionStmt *stmt = (const TransactionStmt *) pstmt->utilityStmt;
	bool stays = stmt->kind == TRANS_STMT_COMMIT;
	pgospStatementPoint *statement = &begin;

	if (unlikely(pgosp_current != NULL || begin.point.open ||
				 (stays && !pgosp_commit_statement(&statement)) ||
				 ActivePortal == NULL || !pgosp_guard_may() ||
				 !pgosp_statement_open_known(statement, &utility_kind, pstmt)))
		return false;
	statement->usage.command = command_of(stmt);
	run_guarded(statement, stays, PGOSP_UTILITY_PASS);
	return true;
}

static pgosp_hot pg_noinline void
maybe_traced(PGOSP_UTILITY_ARGS)
{
	if (likely(is_plain(pstmt->utilityStmt)) && trace_plain(PGOSP_UTILITY_PASS))
		return;
	trace(PGOSP_UTILITY_PASS);

	/* Points that a user opened under a context end with it. */
	if (pgosp_current == NULL && pgosp_context_is_stale())
		pgosp_user_close_all();
}

static pgosp_hot void
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
