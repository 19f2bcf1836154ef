/* SPDX-License-Identifier: Apache-2.0
 *
 * log_hook.c
 *	  The hook of the log: records errors that reach no other hook.
 *
 * PostgreSQL calls it only for what goes to the log, so a client's statement that
 * fails in analysis is recorded only with log_min_messages at error or below, which
 * is the default.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

static emit_log_hook_type prev_emit_log_hook;

/*
 * Is it the error of a deferred constraint? A deferred unique or exclusion constraint
 * is checked before any hook knows of the commit, and runs no statement. If no portal
 * is active, and no statement of ours has failed with this error, only such a check can
 * have found that a row violates a constraint.
 */
static bool
is_of_deferred_constraint(const ErrorData *edata)
{
	return ERRCODE_TO_CATEGORY(edata->sqlerrcode) ==
			   ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
		   edata->table_name != NULL && edata->constraint_name != NULL;
}

static void
read_error(const ErrorData *edata)
{
	if (edata->elevel == ERROR)
	{
		if (pgosp_busy > 0 && GetCurrentTransactionNestLevel() == 1)
			pgosp_executor_abort_begins();
		if (!pgosp_error_told && is_of_deferred_constraint(edata))
			pgosp_commit_look();
		if (pgosp_commit_is_open())
			pgosp_error_keep_reported(edata);
		if (!pgosp_error_told)
			pgosp_error_of_client(edata);
		pgosp_error_told = false;
	}
	else if (edata->elevel == FATAL)
	{
		if (pgosp_busy > 0)
			pgosp_error_keep_fatal(edata);

		/* A statement of the client has a snapshot while it is analysed and planned. The
		 * planner, if it runs, does not come back. */
		if (ActiveSnapshotSet() && !pgosp_commit_is_open())
		{
			pgosp_planning = false;
			pgosp_error_of_client(edata);
		}
	}
}

static void
pgosp_emit_log(ErrorData *edata)
{
	if (unlikely(edata->elevel >= ERROR) && !pgosp_reporting)
	{
		pgosp_reporting = true;
		read_error(edata);
		pgosp_reporting = false;
	}
	if (prev_emit_log_hook != NULL)
		prev_emit_log_hook(edata);
}

void
pgosp_log_init(void)
{
	prev_emit_log_hook = emit_log_hook;
	emit_log_hook = pgosp_emit_log;
}
