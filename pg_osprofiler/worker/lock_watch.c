/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_watch.c
 *	  Finds out, in the background worker, which lock a backend waits for, and who holds
 *	  it.
 *
 * The sampling of wait_watch.c sees that a backend waits for a lock. The holder is in
 * PostgreSQL's lock table, of which a part must be locked to be read (lock_peer.c).
 * That is done when the wait is first seen, and again whenever the wait is twice as
 * old.
 */
#include "wait_watch.h"

#include "storage/lmgr.h"
#include "utils/timestamp.h"

/* The shortest time before the holder is looked up again. */
#define HOLDER_AGAIN_NS (20 * PGOSP_NS_PER_MS)

/* Reads into wait who holds the lock now; false: nobody, or it cannot be seen now. */
static bool
read_holders(pgospLockWait *wait, const pgospLook *look)
{
	PGPROC *holder = pgosp_lock_holder(look->proc, &wait->tag, &wait->holders);
	PGPROC *root;

	if (holder == NULL)
		return false;
	pgosp_lock_peer_note(&wait->holder, holder, look);
	root = pgosp_lock_root(holder, look->proc, &wait->chain);
	if (root != NULL)
		pgosp_lock_peer_note(&wait->root, root, look);
	wait->has_row = wait->tag.locktag_type == LOCKTAG_TRANSACTION &&
					pgosp_lock_row(look->proc, &wait->row);
	return true;
}

/* The time that another process has been in its state, as it was when the wait
 * began. */
static void
set_back(pgospLockPeer *peer, double age_ms)
{
	peer->state_ms = Max(peer->state_ms - age_ms, 0);
}

/* Notes who holds the lock. In a long wait another process may get the lock and hold it
 * for most of the time, so the holder is looked up again when the wait is twice as
 * old. */
static void
find_holders(pgospWatched *watched, const pgospLook *look)
{
	static pgospLockWait found;
	pgospLockWait *wait = watched->wait;
	int64 age_ns = Max(look->now_ns - wait->start_ns, 0);

	found = *wait;
	if (!read_holders(&found, look))
		return;
	set_back(&found.holder, (double) age_ns / PGOSP_NS_PER_MS);
	set_back(&found.root, (double) age_ns / PGOSP_NS_PER_MS);
	watched->holder_due_ns = look->now_ns + Max(age_ns, HOLDER_AGAIN_NS);
	*(volatile bool *) &wait->held = false;
	pg_write_barrier();
	wait->has_row = found.has_row;
	wait->row = found.row;
	wait->holders = found.holders;
	wait->holder = found.holder;
	wait->chain = found.chain;
	wait->root = found.root;
	pg_write_barrier();
	*(volatile bool *) &wait->held = true;
}

/* When the wait began, if PostgreSQL knows; else the earliest time at which it can have
 * begun. */
static int64
start_of_wait(const pgospLook *look)
{
	TimestampTz start = pgosp_wait_start(look->proc);
	int64 ago = start != 0 ? (GetCurrentTimestamp() - start) * 1000 : -1;

	return Max(ago >= 0 ? look->now_ns - ago : look->before_ns, look->since_ns);
}

/* The lock that the backend waits for; false: there is none, or it changes now. */
static bool
lock_of(const pgospLook *look, LOCKTAG *tag, LOCKMODE *mode)
{
	LOCK *volatile *waits_for = (LOCK *volatile *) &look->proc->waitLock;
	const LOCK *lock = *waits_for;

	if (lock == NULL)
		return false;
	*tag = lock->tag;
	*mode = look->proc->waitLockMode;
	pg_read_barrier();
	return *waits_for == lock;
}

/* The number for the next wait; false: there is no room. If the backend runs nothing
 * that is traced and takes no waits, the next wait replaces its last one. */
static bool
next_number(const pgospSlot *slot, uint32 *number)
{
	*number = slot->lockwaits_seen;
	if (*number - slot->lockwaits_taken < PGOSP_LOCKWAITS_MAX)
		return true;
	*number -= 1;
	return slot->lockwaits[*number % PGOSP_LOCKWAITS_MAX].parent == NULL;
}

static void
begin_wait(pgospWatched *watched, const pgospLook *look, const LOCKTAG *tag,
		   LOCKMODE mode)
{
	pgospSlot *slot = watched->slot;
	pgospLockWait *wait;
	uint32 number;

	if (!next_number(slot, &number))
		return;
	wait = &slot->lockwaits[number % PGOSP_LOCKWAITS_MAX];
	*(volatile bool *) &wait->held = false;
	pg_write_barrier();
	wait->start_ns = start_of_wait(look);
	wait->stop_ns = 0;
	wait->parent = look->current;
	wait->tag = *tag;
	wait->mode = mode;
	wait->has_row = false;
	wait->holders = 0;
	wait->chain = 0;
	pg_write_barrier();
	slot->lockwaits_seen = number + 1;
	watched->wait = wait;
	watched->wait_number = number;
	watched->wait_began = 0;
}

void
pgosp_lock_wait_ends(pgospWatched *watched, int64 now_ns)
{
	if (watched->wait == NULL)
		return;
	*(volatile int64 *) &watched->wait->stop_ns = now_ns;
	watched->wait = NULL;
}

/* Has the backend copied the wait? Then the wait's place in the slot is free again. */
static bool
is_taken(const pgospWatched *watched)
{
	return (int32) (watched->slot->lockwaits_taken - watched->wait_number) > 0;
}

/* Is it still the wait that was seen before? A backend may wait twice in a row for one
 * lock. */
static bool
goes_on(pgospWatched *watched, const pgospLook *look, const LOCKTAG *tag)
{
	TimestampTz began = pgosp_wait_start(look->proc);

	if (memcmp(tag, &watched->wait->tag, sizeof(*tag)) != 0)
		return false;
	if (watched->wait_began == 0)
		watched->wait_began = began;
	return began == 0 || began == watched->wait_began;
}

/*
 * When deadlock_timeout ends, a backend that waits for a lock wakes up to search for a
 * deadlock and to write to the log, which can take long. Its wait then goes on,
 * although its wait event is another one, or none.
 */
bool
pgosp_lock_look(pgospWatched *watched, pgospLook *look)
{
	LOCKTAG tag;
	LOCKMODE mode;
	bool waits = lock_of(look, &tag, &mode);

	if (watched->wait != NULL && is_taken(watched))
		watched->wait = NULL;
	if (watched->wait != NULL && (!waits || !goes_on(watched, look, &tag)))
		pgosp_lock_wait_ends(watched, look->now_ns);
	if (!waits)
		return false;
	if (watched->wait != NULL && look->event == 0)
		look->event = PG_WAIT_LOCK | tag.locktag_type;
	if (watched->wait == NULL &&
		look->event == (PG_WAIT_LOCK | tag.locktag_type))
		begin_wait(watched, look, &tag, mode);
	if (watched->wait != NULL &&
		(!watched->wait->held || look->now_ns >= watched->holder_due_ns))
		find_holders(watched, look);
	return true;
}
