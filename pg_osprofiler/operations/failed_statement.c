/* SPDX-License-Identifier: Apache-2.0
 *
 * failed_statement.c
 *	  Statements that failed before they could become an operation.
 *
 * A statement that has a syntax error, or that fails in analysis or planning, never
 * comes to the hooks of the executor. It gets a start and a stop at once, when its
 * error is seen.
 */
#include "pgosp.h"
#include "pgosp_catch.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

static const pgospPointKind failed_kind = {
	.put_stop = pgosp_put_statement_stop,
};

/* The point is opened with a start time in the past, because only the error showed that
 * the statement has to be recorded. */
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

/*
 * Finds the statement of a string in which an error is, by the position of the error,
 * in characters. The statements before it have run.
 */
static void
find_failed_statement(pgospStatementFacts *facts, int position)
{
	int len = (int) strlen(facts->string);
	int before = pg_mbcharcliplen(facts->string, len, position - 1);
	osp_sql_lexer lexer;
	osp_sql_token token;
	const char *begin = osp_sql_last_statement(
		osp_str_n(facts->string, (size_t) before), OSP_SQL_POSTGRES_ANY);

	facts->location = (int) (begin - facts->string);
	osp_sql_lexer_init(&lexer,
					   osp_str_n(begin, (size_t) (len - facts->location)),
					   OSP_SQL_POSTGRES_ANY);
	while (osp_sql_next(&lexer, &token))
		if (token.kind == OSP_SQL_SEMICOLON)
			break;
	facts->length = (int) (lexer.pos - begin);
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
report_nested_error(const ErrorData *edata, void *arg)
{
	static char texts[PGOSP_ERROR_MAX];
	pgospStatementFacts facts;
	pgospParent parent;
	pgospError error;

	if (edata->elevel != ERROR || edata->internalquery == NULL)
		return;
	pgosp_nested_parent(&parent);
	if (!pgosp_point_may_open(&parent))
		return;
	memset(&facts, 0, sizeof(facts));
	facts.string = edata->internalquery;
	facts.failed = true;

	/* A syntax error concerns the whole text. */
	if (edata->sqlerrcode != ERRCODE_SYNTAX_ERROR)
		find_failed_statement(&facts, edata->internalpos);
	pgosp_error_read(&error, edata, texts);
	pgosp_error_statement(&facts, &parent, pgosp_now(), &error);
}

/*
 * A nested statement that has a syntax error, or fails in analysis, reaches no hook of
 * ours, and a function may catch its error. Such an error has its position in the text
 * of the statement. That text is known once the callbacks inside the statement have
 * been called, and our first callback after them is that of the innermost running
 * statement.
 */
void
pgosp_error_passes(void *arg)
{
	if (likely(getinternalerrposition() <= 0) || pgosp_reporting ||
		(pgosp_points & PGOSP_POINTS_NESTED) == 0 ||
		running_statement() != (const pgospPoint *) arg)
		return;
	pgosp_error_copy(report_nested_error, NULL);
}

/* Is this the only statement of the client's string, so that no other one has run
 * before? */
static bool
is_alone(const pgospStatementFacts *facts)
{
	osp_str text = pgosp_text_of_statement(facts->string, 0, 0);

	return osp_sql_last_statement(text, OSP_SQL_POSTGRES_ANY) == text.ptr;
}

void
pgosp_error_of_client(const ErrorData *edata)
{
	static char texts[PGOSP_ERROR_MAX];
	pgospStatementPoint statement;
	pgospStatementFacts facts;
	const pgospPlan *plan;
	pgospParent parent;
	pgospError error;
	int64 arrival_ns;

	if (debug_query_string == NULL || pgosp_current != NULL ||
		MyBackendType != B_BACKEND || CritSectionCount > 0)
		return;
	pgosp_see_text(debug_query_string, 0, 0);
	if (!pgosp_anything_to_do(debug_query_string, 0, 0))
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
	else if (edata->cursorpos > 0 && !is_alone(&facts) && ActiveSnapshotSet())
	{
		/* Analysis has a snapshot; the parser has none. */
		find_failed_statement(&facts, edata->cursorpos);
	}
	if (!pgosp_statement_wanted(&facts, &parent))
		return;
	if ((pgosp_points & PGOSP_POINTS_PLAN) == 0)
		plan = NULL;
	if (plan == NULL && parent.point == NULL && is_alone(&facts) &&
		pgosp_arrival(
			GetCurrentStatementStartTimestamp(), pgosp_now(), &arrival_ns))
		pgosp_statement_open_past(
			&statement, &failed_kind, &parent, &facts, arrival_ns);
	else
		pgosp_statement_open_planned(
			&statement, &failed_kind, &parent, &facts, &plan);
	pgosp_lockwaits_write_early(&statement.point, true, pgosp_now());
	pgosp_error_read(&error, edata, texts);
	if (plan != NULL)
		pgosp_plan_tell(plan, &statement.point, &error);
	pgosp_point_close(&statement.point, &error);
}
