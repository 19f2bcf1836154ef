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

#define PGOSP_PEER_TEXT 1024

/* Another backend, as it was when the wait was first seen. */
typedef struct pgospLockPeer
{
	int pid;    /* 0: there is none, or it is a prepared transaction */
	uint64 key; /* of its transaction */
	bool known; /* what follows is; not with PostgreSQL 13 */
	Oid user;
	int state;       /* a BackendState */
	double state_ms; /* since when it is in that state */
	char application[NAMEDATALEN];
	char text
		[PGOSP_PEER_TEXT]; /* of its statement, the present or the last one */
} pgospLockPeer;

typedef struct pgospLockWait
{
	int64 start_ns;
	int64 stop_ns;
	bool over;
	bool logged; /* PostgreSQL will log its end */
	bool held;   /* somebody was seen to hold it */
	LOCKTAG tag;
	LOCKMODE mode;
	bool has_row; /* a transaction is waited for because of this row */
	LOCKTAG row;
	int holders;
	pgospLockPeer holder;
	int chain; /* the holder waits for somebody, who waits ...: how many */
	pgospLockPeer root; /* the last of them */
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

/* ---- lock_peer.c ---- */

/* Who holds the lock for which a backend waits: the first of those, *count of which
 * there are; NULL: nobody, or that cannot be seen now. */
extern PGPROC *pgosp_lock_holder(PGPROC *waiter, const LOCKTAG *tag,
								 int *count);

/* Who keeps the holder from going on, or the one who keeps that one: the last of a
 * chain of *length; NULL: the holder does not wait. */
extern PGPROC *pgosp_lock_root(PGPROC *holder, int *length);

/* The row that this backend has locked to change it, for which it has to wait for a
 * transaction; false: none. */
extern bool pgosp_lock_row(LOCKTAG *row);

/* Notes what a backend says of itself. */
extern void pgosp_lock_peer_note(pgospLockPeer *peer, const PGPROC *proc);

/* Hands out the waits that were seen, and forgets them; returns how many. */
extern int pgosp_lockwaits_take(pgospLockWait seen[PGOSP_LOCKWAITS_MAX]);

#pragma GCC visibility pop

#endif /* PGOSP_LOCKWAIT_H */
