/* SPDX-License-Identifier: Apache-2.0
 *
 * text_values.c
 *	  Whether values of parameters may be in a message or in the text of a nested
 *	  statement.
 *
 * A function may build a statement of its arguments: EXECUTE in PL/pgSQL does, and
 * query_to_xml($1) runs the value itself. A text of which this is known not to be so
 * is the client's own, or is a part of a function's source. PL/pgSQL saves the plans
 * of the statements in a source and runs a built one by a plan that is used once.
 * The plans of a function in SQL lie in memory of its own, or are saved.
 */
#include "pgosp.h"

#include "nodes/params.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* Is there a $ with a digit behind it? */
static bool
has_parameter(const char *text)
{
	const char *p = text;

	while ((p = strchr(p, '$')) != NULL)
		if (*++p >= '0' && *p <= '9')
			return true;
	return false;
}

/* FETCH runs the query of a cursor in its portal, which is gone when FETCH itself
 * reports an error. */
static bool
portal_has_values(void)
{
	return ActivePortal != NULL && ActivePortal->portalParams != NULL;
}

/* There is no text of the client's while a transaction ends that was begun by the
 * extended protocol. */
static bool
text_has_values(osp_str text)
{
	return text.len == 0 || has_parameter(text.ptr) ||
		   osp_sql_runs_deferred(text, OSP_SQL_POSTGRES_ANY) ||
		   osp_sql_secret(text, OSP_SQL_POSTGRES_ANY) == OSP_SQL_VALUES;
}

bool
pgosp_text_client_has_values(void)
{
	osp_str text = osp_str_of(debug_query_string);

	return portal_has_values() || text_has_values(text) ||
		   osp_sql_reads_rows(text, OSP_SQL_POSTGRES_ANY);
}

/* Does the plan's memory show that its text is in a function's source? */
static bool
is_of_source(const PlannedStmt *plan)
{
	MemoryContext memory =
		GetMemoryChunkContext(unconstify(PlannedStmt *, plan));

	if (strcmp(memory->name, "CachedPlan") == 0)
		return MemoryContextGetParent(memory) == CacheMemoryContext;
	return strcmp(memory->name, "SQL function") == 0;
}

bool
pgosp_text_may_be_built(const pgospStatementFacts *facts)
{
	return pgosp_hide_params && facts->string != debug_query_string &&
		   (facts->plan == NULL || !is_of_source(facts->plan)) &&
		   (portal_has_values() ||
			text_has_values(osp_str_of(debug_query_string)));
}
