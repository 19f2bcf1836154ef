/* SPDX-License-Identifier: Apache-2.0
 *
 * lockwait.c
 *	  Waits for locks: what for, how long, and who held it.
 *
 * The timer sees the waits (usage/lock_watch.c).
 *
 * What was seen is written as a point later, when the backend is at one of our
 * hooks anyway; it has the times at which it was seen. When the end of the wait
 * was not seen, it is the time of that hook.
 *
 * The trace of the backend that held the lock: every traced backend notes in the
 * header of its ring the trace of each of its last transactions, by its process
 * and the number that a transaction has in its backend; the lock table has these,
 * too. The note stays when the backend ends.
 */
#include "pgosp.h"

#include "storage/lmgr.h"
#include "storage/lock.h"

#define START_SIZE 1024
#define STOP_SIZE  64

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
		pgosp_waits_add(pgosp_lockwait_event(wait),
						pgosp_lockwait_end(wait, now));
	pgosp_point_close_at(&point, NULL, pgosp_lockwait_end(wait, now));
}

void
pgosp_lockwaits_write(void)
{
	static pgospLockWait seen[PGOSP_LOCKWAITS_MAX];
	static bool writing = false;
	int count;
	int i;

	if (writing)
		return;
	writing = true;
	count = pgosp_lockwaits_take(seen);
	for (i = 0; i < count; i++)
		write_wait(&seen[i], pgosp_now());
	writing = false;
}
