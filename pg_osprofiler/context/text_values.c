/* SPDX-License-Identifier: Apache-2.0
 *
 * text_values.c
 *	  Finds out whether values of parameters may be in a message or in the text of a
 *	  nested statement.
 *
 * A function may build a statement from its arguments: EXECUTE in PL/pgSQL does, and
 * query_to_xml($1) runs the value itself. Only the client's own text, or a part of a
 * function's source, is known not to be built so. PL/pgSQL saves the plans of the
 * statements in a source, but runs a built statement with a plan that is used once. The
 * plans of a function in SQL are in memory of the function, or are saved.
 */
#include "pgosp.h"

#include "nodes/params.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* Does the text have a $ followed by a digit? */
static bool
has_parameter(const char *text)
{
	const char *p = text;

	while ((p = strchr(p, '$')) != NULL)
		if (*++p >= '0' && *p <= '9')
			return true;
	return false;
}

/* Does the running portal have parameters? FETCH runs the query of a cursor in the
 * cursor's portal, which is gone when FETCH itself reports an error. */
static bool
portal_has_values(void)
{
	return ActivePortal != NULL && ActivePortal->portalParams != NULL;
}

/* Does the text run a prepared statement? The comment of a context is left out, because
 * the name trace_hmac in it is a word of a secret. */
static bool
executes_prepared(osp_str text)
{
	bool inside;

	text = osp_sql_comment_trim(text, OSP_SQL_POSTGRES_ANY, false, &inside);
	return osp_sql_secret(text, OSP_SQL_POSTGRES_ANY) == OSP_SQL_VALUES;
}

/* May the client's text use values of parameters? While a transaction ends that the
 * extended protocol began, there is no text of the client. */
static bool
text_has_values(osp_str text)
{
	return text.len == 0 || has_parameter(text.ptr) ||
		   osp_sql_runs_deferred(text, OSP_SQL_POSTGRES_ANY) ||
		   executes_prepared(text);
}

bool
pgosp_text_client_has_values(void)
{
	osp_str text = osp_str_of(debug_query_string);

	return portal_has_values() || text_has_values(text) ||
		   osp_sql_reads_rows(text, OSP_SQL_POSTGRES_ANY);
}

/* Does the memory of the plan show that its text is in the source of a function? */
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
	bool hides_constants = pgosp_statement_text != OSP_STATEMENT_FULL;

	return (pgosp_hide_params || hides_constants) &&
		   facts->string != debug_query_string &&
		   (facts->plan == NULL || !is_of_source(facts->plan)) &&
		   (hides_constants || portal_has_values() ||
			text_has_values(osp_str_of(debug_query_string)));
}
