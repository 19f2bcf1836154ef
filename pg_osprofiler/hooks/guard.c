/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.c
 *	  The end of a guarded statement that failed.
 *
 * Normally its error is told when it is logged (errors.c), with the plan and all
 * else still there. Should the log have been passed by, the transaction's abort
 * finds the statement guarded. What is aborted inside of a statement, by a
 * function that catches an error, began later than the statement.
 */
#include "pgosp_guard.h"

#include "miscadmin.h"

pgosp_hot_data pgospPoint *pgosp_guarded = NULL;
pgosp_hot_data SubTransactionId pgosp_guarded_in = InvalidSubTransactionId;

/*
 * PostgreSQL's main loop has no context of errors, and holds interrupts off. Who
 * logs an error in the middle of a statement and goes on is not like that.
 */
bool
pgosp_guard_is_over(void)
{
	return pgosp_guarded != NULL && error_context_stack == NULL &&
		   InterruptHoldoffCount > 0;
}

void
pgosp_guard_fails(const pgospError *error)
{
	pgosp_current = NULL;
	pgosp_guarded->kind->failed(pgosp_guarded, error, false);
}

void
pgosp_guard_abort(SubTransactionId id)
{
	pgospPoint *point = pgosp_guarded;
	pgospError interrupted = {false};

	if (point != NULL && id <= pgosp_guarded_in)
	{
		pgosp_unguard();
		point->kind->failed(point, &interrupted, true);
	}
	pgosp_executor_transaction_ends(id);
}

static void
subtransaction_ends(SubXactEvent event, SubTransactionId id,
					SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		pgosp_guard_abort(id);
}

void
pgosp_guard_init(void)
{
	RegisterSubXactCallback(subtransaction_ends, NULL);
}
