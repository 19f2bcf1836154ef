/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_holder.h
 *	  Finds out which connection had a database of SQLite locked, if its operations are
 *	  in the trace. Private to report/findings/sqlite/.
 */
#ifndef OSPROFILER_LOCK_HOLDER_H
#define OSPROFILER_LOCK_HOLDER_H

#include "report/findings/findings.h"

/* A wait for a lock: of one statement, or of several attempts up to the one that
 * succeeded. */
typedef struct osp__lock_wait
{
	const osp__op *op;
	int64_t from_ns;
	int64_t until_ns;
	bool writes;   /* it wanted to write, or to commit writes */
	bool upgrade;  /* its transaction had read before */
	bool wal;      /* the database is known to have a WAL */
	bool rollback; /* it is known to have a rollback journal */
} osp__lock_wait;

/* The connection that had the lock for the longest part of a wait. */
typedef struct osp__lock_holder
{
	const osp__op *op; /* took the lock, when it was held longest */
	osp__locking locking;
	int64_t count;         /* how often it held the lock during the wait */
	int64_t ns;            /* time in all; if once: also before and after */
	int64_t idle_ns;       /* time it was idle with the lock; 0: little */
	const osp__op *before; /* operation before the idle time */
	const osp__op *after;  /* after it; NULL: the trace ends */
} osp__lock_holder;

void osp__lock_wait_of(osp__findings *f, const osp__op *op,
					   osp__lock_wait *wait);

/* Finds the connection that held the lock. False: no connection in the trace held it
 * long enough to explain the wait. */
bool osp__find_lock_holder(osp__findings *f, const osp__lock_wait *wait,
						   osp__lock_holder *holder);

#endif /* OSPROFILER_LOCK_HOLDER_H */
