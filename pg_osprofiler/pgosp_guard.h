/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_guard.h
 *	  Errors of statements at the top, without PG_TRY (guard.c).
 *
 * To set up PG_TRY costs a short statement more than to write one of its points.
 * A statement that the client itself has sent needs none: nobody catches its
 * error but PostgreSQL's main loop, which first has it logged and then aborts the
 * transaction. Both tell us. So such a statement is *guarded* while it runs; at
 * most one is at any time, for whatever runs in it is not at the top.
 */
#ifndef PGOSP_GUARD_H
#define PGOSP_GUARD_H

#include "pgosp.h"

#include "access/xact.h"
#include "tcop/pquery.h"
#include "utils/guc.h"

#pragma GCC visibility push(hidden)

extern pgospPoint *pgosp_guarded;         /* NULL: none */
extern SubTransactionId pgosp_guarded_in; /* where it began to be */

/*
 * May the statement be guarded whose plan is the running portal's own? It is the
 * client's, for functions' portals have names; and errors go to the log, where
 * they are read.
 */
static inline bool
pgosp_guard_may(void)
{
	return ActivePortal->name[0] == '\0' && log_min_messages <= ERROR &&
		   log_min_messages != LOG;
}

/* The statement runs from here on. */
static inline void
pgosp_guard(pgospPoint *point)
{
	pgosp_guarded = point;
	pgosp_guarded_in = ActivePortal->activeSubid;
	pgosp_current = point;
	pgosp_busy++; /* so that the end of the transaction is looked at */
}

/* It has come back, or never will. */
static inline void
pgosp_unguard(void)
{
	pgosp_guarded = NULL;
	pgosp_current = NULL;
	pgosp_busy--;
}

/* An error is logged. Is it one that the guarded statement has failed with? */
extern bool pgosp_guard_is_over(void);

/* This one it is. */
extern void pgosp_guard_fails(const pgospError *error);

/* This subtransaction, or the transaction, is aborted. */
extern void pgosp_guard_abort(SubTransactionId id);

extern void pgosp_guard_init(void);

#pragma GCC visibility pop

#endif /* PGOSP_GUARD_H */
