/* SPDX-License-Identifier: Apache-2.0
 *
 * first_execution.c
 *	  Finds out whether a prepared statement was executed before.
 *
 * PostgreSQL 14 and later count how often they bind a prepared statement, but not the
 * executions that fail before they have a plan. PostgreSQL 13 only counts the plans for
 * the values of one execution. So a prepared statement is marked when the context in its
 * comment is used. The mark is a callback in the memory of the statement, and is freed
 * with the statement. An execution is identified by the time of its Bind.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "commands/prepare.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/timestamp.h"

typedef struct pgospUsedMark
{
	MemoryContextCallback callback; /* must be first */
	TimestampTz bound;              /* the execution that used the context */
} pgospUsedMark;

/* How many statements of the session are marked. */
static unsigned marks = 0;

/* Called with the end of a marked statement; its address also identifies a mark. */
static void
mark_is_freed(void *arg)
{
	marks--;
}

static const pgospUsedMark *
find_mark(MemoryContext memory)
{
	const MemoryContextCallback *callback;

	for (callback = memory->reset_cbs; callback != NULL;
		 callback = callback->next)
		if (callback->func == mark_is_freed)
			return (const pgospUsedMark *) callback;
	return NULL;
}

/* The memory of a portal's prepared statement; NULL: it has none, or an unnamed one,
 * which cannot be found from its portal. */
static MemoryContext
memory_of_portal(const PortalData *portal)
{
	const PreparedStatement *prepared;

	if (portal->prepStmtName == NULL)
		return NULL;
	prepared = FetchPreparedStatement(portal->prepStmtName, false);
	return prepared != NULL ? prepared->plansource->context : NULL;
}

/* Finds the prepared statement that Bind is about to plan: its text itself is the
 * identifier of its memory, while other messages have a copy of a text. */
static MemoryContext
memory_of_bound_statement(void)
{
	MemoryContext memory = CacheMemoryContext->firstchild;

	while (memory != NULL && memory->ident != debug_query_string)
		memory = memory->nextchild;
	return memory;
}

/* The memory of the prepared statement that the client executes; NULL: none is
 * found. There is no active portal while a Bind is processed, or if an Execute
 * of the unnamed portal fails early. Then the statement is found by its
 * text. */
static MemoryContext
memory_of_statement(void)
{
	MemoryContext memory;
	Portal portal;

	if (ActivePortal != NULL)
		return memory_of_portal(ActivePortal);
	if (debug_query_string == NULL)
		return NULL;
	memory = memory_of_bound_statement();
	if (memory != NULL)
		return memory;
	portal = GetPortalByName("");
	return PortalIsValid(portal) && portal->sourceText != NULL &&
				   strcmp(portal->sourceText, debug_query_string) == 0
			   ? memory_of_portal(portal)
			   : NULL;
}

/* When the client bound the execution. Without an active portal, its Bind is
 * the current message, or the execution fails in the current message, so the
 * time of that message stands for it. */
static TimestampTz
bound_at(void)
{
	return ActivePortal != NULL ? ActivePortal->creation_time
								: GetCurrentStatementStartTimestamp();
}

static bool
was_used_before(MemoryContext memory)
{
	const pgospUsedMark *mark = find_mark(memory);

	return mark != NULL && mark->bound != bound_at();
}

static bool
was_bound_before(const CachedPlanSource *source)
{
#ifdef PGOSP_COUNTS_EXECUTIONS
	if (source->num_custom_plans + source->num_generic_plans > 1)
		return true;
#endif
	return was_used_before(source->context);
}

bool
pgosp_is_executed_again(void)
{
	const PreparedStatement *prepared;
	MemoryContext memory;

	if (ActivePortal == NULL)
	{
		/* A simple query has none, and the search would pass the whole cache. */
		if (marks == 0)
			return false;
		memory = memory_of_statement();
		return memory != NULL && was_used_before(memory);
	}
	if (ActivePortal->cplan == NULL)
		return false;
	if (ActivePortal->prepStmtName == NULL)
		return ActivePortal->cplan->generation > 1;
	prepared = FetchPreparedStatement(ActivePortal->prepStmtName, false);
	return prepared != NULL && was_bound_before(prepared->plansource);
}

void
pgosp_execution_uses_comment(void)
{
	MemoryContext memory = memory_of_statement();
	pgospUsedMark *mark;

	if (memory == NULL || find_mark(memory) != NULL)
		return;
	mark = MemoryContextAllocExtended(memory, sizeof(*mark), MCXT_ALLOC_NO_OOM);
	if (mark == NULL)
		return;
	mark->callback.func = mark_is_freed;
	mark->callback.arg = NULL;
	mark->bound = bound_at();
	MemoryContextRegisterResetCallback(memory, &mark->callback);
	marks++;
}
