/* SPDX-License-Identifier: Apache-2.0
 *
 * osprofiler.c
 *	  The entry point of the extension, and the end of a session that has traced
 *	  something.
 *
 * The module may be loaded with the server, with a session, or by LOAD. It
 * needs no shared memory, so it works the same in all three.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "fmgr.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"

PG_MODULE_MAGIC;

void _PG_init(void);

/* Closes everything that is open when the backend ends. */
static void
end_session(int code, Datum arg)
{
	const pgospError *fatal = pgosp_error_fatal();
	pgospError interrupted = {false};

	pgosp_executor_session_ends();
	pgosp_point_close_all(fatal != NULL ? fatal : &interrupted);
	pgosp_setting_gate = false;
	pgosp_comment_gate = false;
	pgosp_worker_session_ends();
	pgosp_producer_close();
}

/* Called when something is traced in this session for the first time. */
static void
begin_session(void)
{
	pgosp_executor_session_begins();
	before_shmem_exit(end_session, 0);
}

void
_PG_init(void)
{
	if (IsTransactionState())
		pgosp_loaded_at = GetCurrentTimestamp();

	/* LOAD may come in the middle of a session, which may have prepared statements
	 * already. */
	pgosp_comment_seen = debug_query_string != NULL;
	pgosp_first_trace_hook = begin_session;
	pgosp_replaced_init();
	pgosp_guc_init();
	pgosp_log_init();
	pgosp_analysis_init();
	pgosp_planner_init();
	pgosp_executor_init();
	pgosp_parallel_init();
	pgosp_utility_init();
	pgosp_commit_init();
	pgosp_function_manager_init();
	pgosp_worker_deliver_left();
}
