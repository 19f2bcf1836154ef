/* SPDX-License-Identifier: Apache-2.0
 *
 * lockwait.c
 *	  Waits for locks: what for, how long, and who held it.
 *
 * The sampling of wait_sampling.c sees that the backend waits for a lock. Who holds it
 * stands in PostgreSQL's lock table, of which a part must be locked to be read.
 * The function of the timer may do that at this one place: while what is waited
 * for is said to be a lock, the backend is in the middle of waiting for its
 * latch, has no such lock itself and does not change what it notes of them. The
 * part is locked for readers only, only if that is to be had at once, once for
 * each wait, and while at most HOLDERS_MAX entries are looked at. Nothing is
 * allocated and nothing raised.
 *
 * What was seen is written as a point later, when the backend is at one of our
 * hooks anyway; it has the times at which it was seen. When the end of the wait
 * was not seen, it is the time of that hook.
 *
 * The trace of the backend that held the lock: every traced backend notes in the
 * header of its ring the trace of each of its last transactions, by its process
 * and the number that a transaction has in its backend; the lock table has these,
 * too. The note stays when the backend ends.
 *
 * With log_lock_waits PostgreSQL logs a wait again whenever it is woken after
 * deadlock_timeout. We must not wake it, so then the timer is not set again. But
 * PostgreSQL logs the end of such a wait, too, and our hook of the log sees that. A
 * wait that was not logged at all ended before deadlock_timeout.
 */
#include "pgosp.h"

#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#define LOCKWAITS_MAX 8 /* kept until they are written */
#define HOLDERS_MAX   64
#define LOOK_MAX      5 /* ms */
#define LOOK_SPARE    2 /* ms before deadlock_timeout */
#define START_SIZE    1024
#define STOP_SIZE     64
#define NS_PER_MS     INT64CONST(1000000)

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

static pgospLockWait lockwaits[LOCKWAITS_MAX];

/* ---- inside of the timer's function ---- */

static bool
conflicts(const LOCK *lock, const PROCLOCK *held)
{
	LOCKMASK mask =
		GetLocksMethodTable(lock)->conflictTab[MyProc->waitLockMode];
	const PGPROC *leader = MyProc->lockGroupLeader;

	return held->tag.myProc != MyProc && (held->holdMask & mask) != 0 &&
		   (leader == NULL || held->tag.myProc->lockGroupLeader != leader);
}

static void
note_holder(pgospLockWait *wait, const PGPROC *proc)
{
	if (proc->lockGroupLeader != NULL)
		proc = proc->lockGroupLeader;
	if (wait->holders++ > 0)
		return;
	wait->pid = proc->pid;
	wait->key = pgosp_lockwait_key(proc);
}

static void
find_holders(pgospLockWait *wait)
{
	LWLock *partition = LockHashPartitionLock(LockTagHashCode(&wait->tag));
	PROCLOCK *held = NULL;
	LOCK *lock;
	int i;

	if (!LWLockConditionalAcquire(partition, LW_SHARED))
		return;
	lock = MyProc->waitLock;
	if (lock != NULL && memcmp(&lock->tag, &wait->tag, sizeof(LOCKTAG)) == 0)
		for (i = 0; i < HOLDERS_MAX; i++)
		{
			held = pgosp_next_holder(lock, held);
			if (held == NULL)
				break;
			if (conflicts(lock, held))
				note_holder(wait, held->tag.myProc);
		}
	LWLockRelease(partition);
	wait->held = wait->holders > 0;
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
	wait->holders = 0;
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
		if (pgosp_lockwaits == LOCKWAITS_MAX)
			return true;
		wait = &lockwaits[pgosp_lockwaits];
		begin_wait(wait, lock, now, before);
		pgosp_lockwaits++;
	}
	if (!wait->held)
		find_holders(wait);
	*ms = Min(*ms, LOOK_MAX);
	return !waits_are_logged() ||
		   now - wait->start_ns + (*ms + LOOK_SPARE) * NS_PER_MS <
			   DeadlockTimeout * NS_PER_MS;
}

/* ---- at our hooks ---- */

static void
put_object(osp_writer *w, const LOCKTAG *tag)
{
	osp_put_str(w,
				OSP_STR("type"),
				osp_str_of(GetLockNameFromTagType(tag->locktag_type)));
	switch ((LockTagType) tag->locktag_type)
	{
		case LOCKTAG_TUPLE:
			osp_put_i64(w, OSP_STR("tuple"), tag->locktag_field4);
			/* FALLTHROUGH */
		case LOCKTAG_PAGE:
			osp_put_i64(w, OSP_STR("page"), tag->locktag_field3);
			/* FALLTHROUGH */
		case LOCKTAG_RELATION:
		case LOCKTAG_RELATION_EXTEND:
			osp_put_i64(w, OSP_STR("relation"), tag->locktag_field2);
			break;
		case LOCKTAG_TRANSACTION:
			osp_put_i64(w, OSP_STR("transaction_id"), tag->locktag_field1);
			break;
		case LOCKTAG_VIRTUALTRANSACTION:
			break;
		default:
			osp_put_i64(w, OSP_STR("class"), tag->locktag_field2);
			osp_put_i64(w, OSP_STR("object"), tag->locktag_field3);
			break;
	}
}

static void
put_holder(osp_writer *w, const pgospLockWait *wait)
{
	const osp_producer *producer = pgosp_producer_if_open();
	char text[OSP_UUID_TEXT_LEN + 1];
	osp_uuid trace;

	if (!wait->held)
		return;
	osp_put_i64(w, OSP_STR("holders"), wait->holders);
	osp_put_i64(w, OSP_STR("pid"), wait->pid);
	if (producer == NULL || wait->pid == 0 ||
		!osp_run_trace_of(producer->path, wait->key, &trace))
		return;
	osp_uuid_text(&trace, text);
	osp_put_str(w, OSP_STR("base_id"), osp_str_of(text));
}

/* In words, for a tree of the trace. */
static void
put_name(osp_writer *w, const pgospLockWait *wait, const char *mode)
{
	char name[128];
	int len = snprintf(name,
					   sizeof(name),
					   "%s on %s",
					   mode,
					   GetLockNameFromTagType(wait->tag.locktag_type));

	if (wait->held && wait->pid != 0)
		snprintf(name + len,
				 sizeof(name) - (size_t) len,
				 ", held by process %d",
				 wait->pid);
	osp_put_str(w, OSP_STR("name"), osp_str_of(name));
}

static void
put_start(osp_writer *w, const void *what)
{
	const pgospLockWait *wait = (const pgospLockWait *) what;
	const char *mode =
		GetLockmodeName(wait->tag.locktag_lockmethodid, wait->mode);

	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("lock"));
	put_name(w, wait, mode);
	put_object(w, &wait->tag);
	osp_put_str(w, OSP_STR("mode"), osp_str_of(mode));
	osp_put_end(w);
	osp_put_object(w, OSP_STR("held_by"));
	put_holder(w, wait);
	osp_put_end(w);
	osp_put_end(w);
}

static void
put_stop(osp_writer *w, const pgospPoint *point)
{
}

static const pgospPointKind lockwait_kind = {
	.put_stop = put_stop,
};

static uint32
event_of(const pgospLockWait *wait)
{
	return PG_WAIT_LOCK | wait->tag.locktag_type;
}

/* Something is logged in the middle of a wait that the timer looks at no more. */
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
	pgosp_waits_add(event_of(wait), wait->stop_ns);
	pgosp_waits_look_again();
}

static int64
end_of_wait(const pgospLockWait *wait, int64 now)
{
	int64 timeout_ns = wait->start_ns + DeadlockTimeout * NS_PER_MS;

	if (wait->over)
		return wait->stop_ns;
	return wait->logged || !waits_are_logged() ? now : Min(now, timeout_ns);
}

static void
write_wait(const pgospLockWait *wait, int64 now)
{
	pgospParent parent = {wait->parent, NULL};
	pgospPoint point;

	if (!wait->parent->open || wait->parent->serial != wait->parent_serial)
		return;
	point.kind = &lockwait_kind;
	point.name = OSP_STR("pg.wait");
	point.stop_size = STOP_SIZE;
	pgosp_point_open_at(
		&point, &parent, put_start, wait, START_SIZE, wait->start_ns);
	if (!wait->over)
		pgosp_waits_add(event_of(wait), end_of_wait(wait, now));
	pgosp_point_close_at(&point, NULL, end_of_wait(wait, now));
}

void
pgosp_lockwaits_write(void)
{
	int count = pgosp_lockwaits;
	int i;

	/* From here on the timer's function begins with the first. */
	static pgospLockWait seen[LOCKWAITS_MAX];
	static bool writing = false;

	if (writing)
		return;
	writing = true;
	memcpy(seen, lockwaits, sizeof(seen));
	pgosp_lockwaits = 0;
	for (i = 0; i < count; i++)
		write_wait(&seen[i], pgosp_now());
	writing = false;
}
