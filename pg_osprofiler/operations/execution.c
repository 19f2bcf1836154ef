/* SPDX-License-Identifier: Apache-2.0
 *
 * execution.c
 *	  The table of executions: what is kept of a statement, found by its EState.
 */
#include "pgosp_execution.h"

#include "utils/memutils.h"

pgosp_hot_data pgospExecution pgosp_first_execution
	__attribute__((aligned(PG_CACHE_LINE_SIZE))) = {
		.callback = {NULL, &pgosp_first_execution}};
pgosp_hot_data pgospExecution *pgosp_spare_execution = &pgosp_first_execution;
pgosp_hot_data dlist_head pgosp_executions =
	DLIST_STATIC_INIT(pgosp_executions);

pgospExecution *
pgosp_other_execution(const EState *estate)
{
	dlist_iter iter;

	dlist_reverse_foreach(iter, &pgosp_executions)
	{
		pgospExecution *execution =
			dlist_container(pgospExecution, node, iter.cur);

		if (execution->estate == estate)
			return execution;
	}
	return NULL;
}

pgospExecution *
pgosp_execution_new(void)
{
	pgospExecution *execution = pgosp_spare_execution;

	pgosp_spare_execution = NULL;
	if (execution != NULL)
		return execution;
	execution = MemoryContextAllocExtended(TopMemoryContext,
										   sizeof(*execution),
										   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (execution == NULL)
		return NULL;
	execution->callback.func = pgosp_first_execution.callback.func;
	execution->callback.arg = execution;
	return execution;
}
