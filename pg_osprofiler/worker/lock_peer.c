/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_peer.c
 *	  Reads the lock table, and what other backends show in pg_stat_activity.
 *
 * To read a part of the table, its lock is taken in shared mode, only if it is free at
 * once, and held for at most ENTRIES_MAX entries. Nothing is allocated, and no error is
 * raised.
 */
#include "wait_watch.h"

#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#define ENTRIES_MAX 64
#define CHAIN_MAX   8
#define READ_TRIES  8

/* Processes of one parallel statement do not wait for each other's locks. */
static bool
is_of_group(const PGPROC *waiter, const PGPROC *other)
{
	const PGPROC *leader = waiter->lockGroupLeader;

	return other == waiter ||
		   (leader != NULL && other->lockGroupLeader == leader);
}

static LOCKMASK
conflicts_of(const LOCK *lock, const PGPROC *waiter)
{
	return GetLocksMethodTable(lock)->conflictTab[waiter->waitLockMode];
}

static bool
conflicts(const LOCK *lock, const PROCLOCK *held, const PGPROC *waiter)
{
	return !is_of_group(waiter, held->tag.myProc) &&
		   (held->holdMask & conflicts_of(lock, waiter)) != 0;
}

/* Does other wait for the same lock, at least as long as waiter, in a mode that
 * conflicts? Then it gets the lock first, so it keeps waiter waiting without holding
 * the lock yet. */
static bool
is_ahead(const LOCK *lock, const PROCLOCK *held, PGPROC *waiter)
{
	PGPROC *other = held->tag.myProc;
	TimestampTz began = pgosp_wait_start(waiter);
	TimestampTz others = pgosp_wait_start(other);

	return !is_of_group(waiter, other) && other->waitLock == lock &&
		   (LOCKBIT_ON(other->waitLockMode) & conflicts_of(lock, waiter)) !=
			   0 &&
		   (began == 0 || others == 0 || others <= began);
}

PGPROC *
pgosp_lock_holder(PGPROC *waiter, const LOCKTAG *tag, int *count)
{
	LWLock *partition = LockHashPartitionLock(LockTagHashCode(tag));
	PGPROC *holder = NULL;
	PGPROC *ahead = NULL;
	PROCLOCK *held = NULL;
	LOCK *lock;
	int i;

	*count = 0;
	if (!LWLockConditionalAcquire(partition, LW_SHARED))
		return NULL;
	lock = waiter->waitLock;
	if (lock != NULL && memcmp(&lock->tag, tag, sizeof(LOCKTAG)) == 0)
		for (i = 0; i < ENTRIES_MAX; i++)
		{
			held = pgosp_next_holder(lock, held);
			if (held == NULL)
				break;
			if (conflicts(lock, held, waiter) && (*count)++ == 0)
				holder = held->tag.myProc;
			else if (ahead == NULL && is_ahead(lock, held, waiter))
				ahead = held->tag.myProc;
		}
	LWLockRelease(partition);
	if (holder == NULL && ahead != NULL)
	{
		holder = ahead;
		*count = 1;
	}
	return holder != NULL && holder->lockGroupLeader != NULL
			   ? holder->lockGroupLeader
			   : holder;
}

PGPROC *
pgosp_lock_root(PGPROC *holder, const PGPROC *waiter, int *length)
{
	PGPROC *root = NULL;

	for (*length = 0; *length < CHAIN_MAX; (*length)++)
	{
		const LOCK *lock = *(LOCK *volatile *) &holder->waitLock;
		LOCKTAG tag;
		int count;

		if (lock == NULL)
			break;

		/* The entry may belong to another lock by now, for which the holder does not
		 * wait. */
		tag = lock->tag;
		holder = pgosp_lock_holder(holder, &tag, &count);
		if (holder == NULL || holder == waiter)
			break;
		root = holder;
	}
	return root;
}

bool
pgosp_lock_row(PGPROC *waiter, LOCKTAG *row)
{
	int partition;

	for (partition = 0; partition < NUM_LOCK_PARTITIONS; partition++)
	{
		LWLock *lock = LockHashPartitionLockByIndex(partition);
		PROCLOCK *own = NULL;
		bool found = false;
		int i;

		if (!LWLockConditionalAcquire(lock, LW_SHARED))
			continue;
		for (i = 0; i < ENTRIES_MAX && !found; i++)
		{
			own = pgosp_next_own_lock(waiter, partition, own);
			if (own == NULL)
				break;
			found = own->tag.myLock->tag.locktag_type == LOCKTAG_TUPLE &&
					own->holdMask != 0;
			if (found)
				*row = own->tag.myLock->tag;
		}
		LWLockRelease(lock);
		if (found)
			return true;
	}
	return false;
}

/* Copies the needed members of a backend's status; false: it changed meanwhile. */
static bool
copy_status(pgospLockPeer *peer, volatile PgBackendStatus *status, int pid)
{
	TimestampTz since;
	int before;
	int after;

	pgstat_begin_read_activity(status, before);
	if (status->st_procpid != pid)
		return false;
	peer->user = status->st_userid;
	peer->state = status->st_state;
	since = status->st_state_start_timestamp;
	strlcpy(peer->application, status->st_appname, sizeof(peer->application));
	strlcpy(peer->text, status->st_activity_raw, sizeof(peer->text));
	pgstat_end_read_activity(status, after);
	peer->state_ms =
		since != 0 ? (double) (GetCurrentTimestamp() - since) / 1000.0 : 0;
	return pgstat_read_activity_complete(before, after);
}

/* The status of another backend; NULL: it is not known. Its address comes from the
 * slot, which is a file, so it is checked: a wrong address must not crash the
 * server. */
static volatile PgBackendStatus *
status_of(const PGPROC *proc, const pgospLook *look)
{
	volatile PgBackendStatus *status =
		pgosp_status_of(proc, look->proc, look->status);

	return status != NULL && ShmemAddrIsValid((const void *) status) &&
				   ShmemAddrIsValid(status->st_appname) &&
				   ShmemAddrIsValid(status->st_activity_raw)
			   ? status
			   : NULL;
}

/* The trace to which the transaction of the backend belongs; false: none. */
static bool
trace_of(const PGPROC *proc, osp_uuid *trace)
{
	const pgospWatched *holder =
		pgosp_watched((uint32) (proc - ProcGlobal->allProcs));
	pgospTraceNote note;

	if (holder == NULL || holder->slot->pid != proc->pid)
		return false;

	/* The note is copied before it is checked, because it may change meanwhile. */
	memcpy(&note, &holder->slot->note, sizeof(note));
	if (note.transaction == 0 ||
		note.transaction != pgosp_transaction_of(proc) ||
		note.check != pgosp_note_check(&note))
		return false;
	memcpy(trace->bytes, note.base_id, sizeof(trace->bytes));
	return true;
}

/* Masks the text of another backend, which may hold a secret even if the backend is
 * never traced. In a text that was cut, the words that reveal a secret may be missing,
 * so all constants are removed. The text may be one that did not parse: it is if the
 * transaction failed, as behind a savepoint, which leaves the lock held. */
static void
mask_text(pgospLockPeer *peer)
{
	static osp_sql_space space = {NULL, 0};
	size_t len = strlen(peer->text);
	size_t max =
		Min(PGOSP_PEER_TEXT, (size_t) pgstat_track_activity_query_size);
	osp_sql_recording how = {
		.dialect = OSP_SQL_POSTGRES_ANY,
		.detail = OSP_STATEMENT_FULL,
		.broken = peer->state == STATE_IDLEINTRANSACTION_ABORTED,
		.built = len >= max - 1,
	};
	osp_sql_recorded recorded;

	/* The last character may be cut, too. */
	while (how.built && len > 0 && (unsigned char) peer->text[len - 1] >= 0x80)
		len--;
	osp_sql_record(osp_str_n(peer->text, len),
				   &how,
				   PGOSP_PEER_TEXT - 1,
				   &space,
				   &recorded);
	len = Min(recorded.text.len, PGOSP_PEER_TEXT - 1);
	memmove(peer->text, recorded.text.ptr, len);
	peer->text[len] = '\0';
}

void
pgosp_lock_peer_note(pgospLockPeer *peer, const PGPROC *proc,
					 const pgospLook *look)
{
	volatile PgBackendStatus *status = status_of(proc, look);
	int i;

	peer->pid = proc->pid;
	peer->traced = trace_of(proc, &peer->trace);
	peer->known = false;
	for (i = 0; i < READ_TRIES && status != NULL && !peer->known; i++)
		peer->known = copy_status(peer, status, peer->pid);
	if (!peer->known)
		return;
	mask_text(peer);
	if (osp_sql_is_secret_name(osp_str_of(peer->application)))
		strlcpy(peer->application, "***", sizeof(peer->application));
}
