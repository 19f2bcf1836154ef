/* SPDX-License-Identifier: Apache-2.0
 *
 * first_execution.c
 *	  Finds out whether the prepared statement of a portal was executed before.
 *
 * PostgreSQL 14 and later count how often they bind a prepared statement. PostgreSQL 13
 * only counts the plans for the values of one execution, so there we remember the first
 * execution of each prepared statement with a context in a comment. A statement is
 * identified by its address and the time when it was prepared, an execution by the time
 * when its portal was made.
 */
#include "pgosp.h"

#include "commands/prepare.h"
#include "tcop/pquery.h"
#include "utils/portal.h"
#include "utils/timestamp.h"

#ifdef PGOSP_COUNTS_EXECUTIONS

static bool
was_bound_before(const PreparedStatement *prepared)
{
	return prepared->plansource->num_custom_plans +
			   prepared->plansource->num_generic_plans >
		   1;
}

#else

/* If two statements have the same place, only one of them is remembered. */
#define PLACES 1024

typedef struct executed_statement
{
	const CachedPlanSource *source;
	TimestampTz prepared;
	TimestampTz executed;
} executed_statement;

static executed_statement executed[PLACES];

static bool
was_bound_before(const PreparedStatement *prepared)
{
	const CachedPlanSource *source = prepared->plansource;
	uint64 hash = (uint64) (uintptr_t) source * UINT64CONST(0x9e3779b97f4a7c15);
	executed_statement *statement = &executed[hash >> 54];

	if (statement->source != source ||
		statement->prepared != prepared->prepare_time)
	{
		statement->source = source;
		statement->prepared = prepared->prepare_time;
		statement->executed = ActivePortal->creation_time;
	}
	return statement->executed != ActivePortal->creation_time;
}

#endif

bool
pgosp_is_executed_again(void)
{
	const PreparedStatement *prepared;

	if (ActivePortal == NULL || ActivePortal->cplan == NULL)
		return false;
	if (ActivePortal->prepStmtName == NULL)
		return ActivePortal->cplan->generation > 1;
	prepared = FetchPreparedStatement(ActivePortal->prepStmtName, false);
	return prepared != NULL && was_bound_before(prepared);
}
