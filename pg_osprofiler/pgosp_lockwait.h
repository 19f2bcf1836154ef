/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_lockwait.h
 *	  Waits for locks: seen by usage/lock_watch.c, written by
 *	  operations/lockwait.c.
 */
#ifndef PGOSP_LOCKWAIT_H
#define PGOSP_LOCKWAIT_H

#include "pgosp_usage.h"

#include "storage/lock.h"
#include "storage/proc.h"

#pragma GCC visibility push(hidden)

#define PGOSP_LOCKWAITS_MAX 8 /* kept until they are written */
#define PGOSP_NS_PER_MS     INT64CONST(1000000)

typedef struct pgospLockWait
{
	int64 start_ns;
	int64 stop_ns;
	bool over;
	bool logged; /* PostgreSQL will log its end */
	bool held;   /* somebody was seen to hold it */
	LOCKTAG tag;
	LOCKMODE mode;
	int holders;
	int pid;
	uint64 key; /* of the holder's transaction */
	pgospPoint *parent;
	uint64 parent_serial;
} pgospLockWait;

/* A transaction by its process and its own number; in the years, unique. */
static inline uint64
pgosp_lockwait_key(const PGPROC *proc)
{
	return (uint64) (uint32) proc->pid << 32 | pgosp_transaction_of(proc);
}

/* The event that pg_stat_activity shows during the wait. */
static inline uint32
pgosp_lockwait_event(const pgospLockWait *wait)
{
	return PG_WAIT_LOCK | wait->tag.locktag_type;
}

/* The timer looks: is there a lock to wait for? May make *ms, until the next
 * look, less; false if there must be none. */
extern bool pgosp_lockwait_look(uint32 event, int64 now, int64 before, int *ms);

/* PostgreSQL logs something, maybe in the middle of a wait that the timer looks at
 * no more: notes that the wait goes on, or has ended. */
extern void pgosp_lockwait_logged(void);

/* When the wait ended; now, if that was not seen. */
extern int64 pgosp_lockwait_end(const pgospLockWait *wait, int64 now);

/* Hands out the waits that were seen, and forgets them; returns how many. */
extern int pgosp_lockwaits_take(pgospLockWait seen[PGOSP_LOCKWAITS_MAX]);

#pragma GCC visibility pop

#endif /* PGOSP_LOCKWAIT_H */
