/* SPDX-License-Identifier: Apache-2.0
 *
 * osprofiler.c
 *	  Where PostgreSQL enters the extension.
 *
 * The module may be loaded with the server, with a session, or by LOAD. It
 * needs no shared memory, so it works the same in all three.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

TimestampTz pgosp_loaded_at = 0;

void _PG_init(void);

void
_PG_init(void)
{
	if (IsTransactionState())
		pgosp_loaded_at = GetCurrentTimestamp();
	pgosp_guc_init();
	pgosp_errors_init();
	pgosp_planner_init();
	pgosp_executor_init();
	pgosp_parallel_init();
	pgosp_utility_init();
	pgosp_commit_init();
	pgosp_call_init();
}
