/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_watch.c
 *	  Sees which lock the backend waits for, and who holds it.
 *
 * The sampling of wait_sampling.c sees that the backend waits for a lock. Who holds it
 * stands in PostgreSQL's lock table, of which a part must be locked to be read
 * (lock_peer.c). The function of the timer may do that at this one place: while what
 * is waited for is said to be a lock, the backend is in the middle of waiting for its
 * latch, has no such lock itself and does not change what it notes of them. It is
 * done once for each wait.
 *
 * With log_lock_waits PostgreSQL logs a wait again whenever it is woken after
 * deadlock_timeout. We must not wake it, so then the timer is not set again. But
 * PostgreSQL logs the end of such a wait, too, and our hook of the log sees that. A
 * wait that was not logged at all ended before deadlock_timeout.
 */
#include "pgosp_lockwait.h"
#include "pgosp_point.h"

#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#define LOOK_MAX   5 /* ms */
#define LOOK_SPARE 2 /* ms before deadlock_timeout */

/* What the timer's function has seen; see pgosp_lockwaits_take. */
static pgospLockWait lockwaits[PGOSP_LOCKWAITS_MAX];

static void
find_holders(pgospLockWait *wait)
{
	PGPROC *holder = pgosp_lock_holder(MyProc, &wait->tag, &wait->holders);
	PGPROC *root;

	wait->held = holder != NULL;
	if (holder == NULL)
		return;
	pgosp_lock_peer_note(&wait->holder, holder);
	root = pgosp_lock_root(holder, &wait->chain);
	if (root != NULL)
		pgosp_lock_peer_note(&wait->root, root);
	if (wait->tag.locktag_type == LOCKTAG_TRANSACTION)
		wait->has_row = pgosp_lock_row(&wait->row);
}

/* When it began, if PostgreSQL knows; else when we could have seen it first. */
static int64
start_of_wait(int64 now, int64 before)
{
	TimestampTz start = pgosp_wait_start(MyProc);
	int64 ago = start != 0 ? (GetCurrentTimestamp() - start) * 1000 : -1;

	return Max(ago >= 0 ? now - ago : before, pgosp_current->start_ns);
}

static void
begin_wait(pgospLockWait *wait, const LOCK *lock, int64 now, int64 before)
{
	wait->start_ns = start_of_wait(now, before);
	wait->over = false;
	wait->logged = false;
	wait->held = false;
	wait->tag = lock->tag;
	wait->mode = MyProc->waitLockMode;
	wait->has_row = false;
	wait->holders = 0;
	wait->chain = 0;
	wait->parent = pgosp_current;
	wait->parent_serial = pgosp_current->serial;
}

/* Does PostgreSQL log waits, to the server's log or to the client? */
static bool
waits_are_logged(void)
{
	return log_lock_waits &&
		   (log_min_messages <= ERROR || client_min_messages <= LOG);
}

bool
pgosp_lockwait_look(uint32 event, int64 now, int64 before, int *ms)
{
	const LOCK *lock = (event & 0xFF000000U) == PG_WAIT_LOCK
						   ? *(LOCK *volatile *) &MyProc->waitLock
						   : NULL;
	pgospLockWait *wait =
		pgosp_lockwaits > 0 ? &lockwaits[pgosp_lockwaits - 1] : NULL;

	if (wait != NULL && !wait->over &&
		(lock == NULL || memcmp(&lock->tag, &wait->tag, sizeof(LOCKTAG)) != 0))
	{
		wait->over = true;
		wait->stop_ns = now;
	}
	if (lock == NULL)
		return true;
	if (wait == NULL || wait->over)
	{
		if (pgosp_lockwaits == PGOSP_LOCKWAITS_MAX)
			return true;
		wait = &lockwaits[pgosp_lockwaits];
		begin_wait(wait, lock, now, before);
		pgosp_lockwaits++;
	}
	if (!wait->held)
		find_holders(wait);
	*ms = Min(*ms, LOOK_MAX);
	return !waits_are_logged() ||
		   now - wait->start_ns + (*ms + LOOK_SPARE) * PGOSP_NS_PER_MS <
			   DeadlockTimeout * PGOSP_NS_PER_MS;
}

void
pgosp_lockwait_logged(void)
{
	pgospLockWait *wait =
		pgosp_lockwaits > 0 ? &lockwaits[pgosp_lockwaits - 1] : NULL;

	if (wait == NULL || wait->over)
		return;
	wait->logged = true;
	if (pgosp_waits_for_lock(MyProc))
		return;
	wait->stop_ns = pgosp_now();
	wait->over = true;
	pgosp_waits_add(pgosp_lockwait_event(wait), wait->stop_ns);
	pgosp_waits_look_again();
}

int64
pgosp_lockwait_end(const pgospLockWait *wait, int64 now)
{
	int64 timeout_ns = wait->start_ns + DeadlockTimeout * PGOSP_NS_PER_MS;

	if (wait->over)
		return wait->stop_ns;
	return wait->logged || !waits_are_logged() ? now : Min(now, timeout_ns);
}

int
pgosp_lockwaits_take(pgospLockWait seen[PGOSP_LOCKWAITS_MAX])
{
	int count = pgosp_lockwaits;

	/* From here on the timer's function begins with the first. */
	memcpy(seen, lockwaits, sizeof(lockwaits));
	pgosp_lockwaits = 0;
	return count;
}
