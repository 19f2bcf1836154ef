/* SPDX-License-Identifier: Apache-2.0
 *
 * lockwait.c
 *	  Records waits for locks: for which lock, how long, and who held it.
 *
 * The background worker sees the waits (worker/lock_watch.c).
 *
 * If the backend waits for a transaction that has changed a row, that row is the one
 * that the backend has locked, in order to change it next. What another backend is
 * doing is read from its own entry in pg_stat_activity.
 *
 * A wait is written as a point later, when the backend reaches one of our hooks
 * anyway, with the times at which the worker saw it. If the worker did not see
 * the end of the wait, the time of the hook is taken.
 *
 * The trace of the backend that held the lock is recorded, too: each traced backend
 * notes in its slot to which trace its transaction belongs, and the worker reads that
 * when it sees the wait. When the wait ends, the backend may be gone.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"

#define START_SIZE 8192
#define STOP_SIZE  64

/* The largest number of bytes of another backend's statement, or of a name. */
#define TEXT_MAX 1536

/* The wait to write, and whether the catalog can be asked. */
typedef struct pgospWaitFacts
{
	pgospLockWait *wait;
	bool ask;
} pgospWaitFacts;

/* The locked object. If a transaction is waited for because of a row, the row says more
 * than the transaction's number. */
static const LOCKTAG *
object_of(const pgospLockWait *wait)
{
	return wait->has_row ? &wait->row : &wait->tag;
}

static bool
is_of_table(const LOCKTAG *tag)
{
	return tag->locktag_type == LOCKTAG_RELATION ||
		   tag->locktag_type == LOCKTAG_RELATION_EXTEND ||
		   tag->locktag_type == LOCKTAG_PAGE ||
		   tag->locktag_type == LOCKTAG_TUPLE;
}

/* The name of the table, or of the kind of object, in space of NAMEDATALEN bytes. */
static const char *
name_of(const pgospWaitFacts *facts, char *space)
{
	const LOCKTAG *tag = object_of(facts->wait);
	char *name = is_of_table(tag) && facts->ask &&
						 (tag->locktag_field1 == 0 ||
						  tag->locktag_field1 == MyDatabaseId)
					 ? get_rel_name(tag->locktag_field2)
					 : NULL;

	if (name == NULL)
		return GetLockNameFromTagType(tag->locktag_type);
	strlcpy(space, name, NAMEDATALEN);
	pfree(name);
	return space;
}

/* The key of an advisory lock is a constant of the statement that takes it. */
static bool
hides_keys(void)
{
	return pgosp_statement_text != OSP_STATEMENT_FULL;
}

static void
put_object(osp_writer *w, const LOCKTAG *tag)
{
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
		case LOCKTAG_ADVISORY:
			if (hides_keys())
				break;
			/* FALLTHROUGH */
		default:
			osp_put_i64(w, OSP_STR("class"), tag->locktag_field2);
			osp_put_i64(w, OSP_STR("object"), tag->locktag_field3);
			break;
	}
}

static const char *
state_name(int state)
{
	switch ((BackendState) state)
	{
		case STATE_IDLE:
			return "idle";
		case STATE_RUNNING:
			return "active";
		case STATE_IDLEINTRANSACTION:
			return "idle in transaction";
		case STATE_IDLEINTRANSACTION_ABORTED:
			return "idle in transaction (aborted)";
		case STATE_FASTPATH:
			return "fastpath function call";
		default:
			return "";
	}
}

/*
 * Encodes the present or last statement of another backend, as the server records
 * texts. In a text that was cut, the words that reveal a secret may be missing, so it
 * is recorded without its constants.
 */
static void
put_statement(osp_writer *w, char *text)
{
	size_t len = strlen(text);
	size_t max =
		Min(PGOSP_PEER_TEXT, (size_t) pgstat_track_activity_query_size);
	bool cut = len >= max - 1;
	osp_sql_recorded recorded;
	osp_str statement;

	if (len == 0)
		return;
	if (cut)
		text[pg_mbcliplen(text, (int) len, (int) len - 1)] = '\0';
	statement = pgosp_text_of_statement(text, 0, 0);
	pgosp_text_record(statement, false, false, cut, &recorded);
	osp_put_str(
		w,
		OSP_STR("statement"),
		osp_str_n(recorded.text.ptr, osp_utf8_prefix(recorded.text, TEXT_MAX)));
}

static void
put_peer(osp_writer *w, pgospLockPeer *peer, bool ask)
{
	char text[OSP_UUID_TEXT_LEN + 1];
	char *user;

	osp_put_i64(w, OSP_STR("pid"), peer->pid);
	if (peer->traced)
	{
		osp_uuid_text(&peer->trace, text);
		osp_put_str(w, OSP_STR("base_id"), osp_str_of(text));
	}
	if (!peer->known)
		return;
	user = ask ? GetUserNameFromId(peer->user, true) : NULL;
	if (peer->application[0] != '\0')
		osp_put_str(
			w,
			OSP_STR("application"),
			pgosp_text_utf8(osp_str_of(peer->application), NAMEDATALEN));
	if (user != NULL)
		osp_put_str(
			w, OSP_STR("user"), pgosp_text_utf8(osp_str_of(user), NAMEDATALEN));
	osp_put_str(w, OSP_STR("state"), osp_str_of(state_name(peer->state)));
	osp_put_f64(w, OSP_STR("state_ms"), peer->state_ms);
	put_statement(w, peer->text);
}

/* Appends "process 17 (nightly-batch, idle in transaction)". A prepared transaction has
 * no process. */
static void
describe_peer(StringInfo words, const pgospLockPeer *peer)
{
	if (peer->pid == 0)
	{
		appendStringInfoString(words, "a prepared transaction");
		return;
	}
	appendStringInfo(words, "process %d", peer->pid);
	if (peer->known)
		appendStringInfo(words,
						 " (%s%s%s)",
						 peer->application,
						 peer->application[0] != '\0' ? ", " : "",
						 state_name(peer->state));
}

/* Appends what is locked. Advisory locks are named by their keys: one of 64 bits, or
 * two of 32. NOTIFY locks a database that has no number. */
static void
describe_object(StringInfo words, const pgospWaitFacts *facts)
{
	const LOCKTAG *tag = object_of(facts->wait);
	char space[NAMEDATALEN];
	const char *name = name_of(facts, space);

	if (tag->locktag_type == LOCKTAG_ADVISORY && hides_keys())
		appendStringInfoString(words,
							   tag->locktag_field4 == 2
								   ? "the advisory lock (?, ?)"
								   : "the advisory lock ?");
	else if (tag->locktag_type == LOCKTAG_ADVISORY && tag->locktag_field4 == 2)
		appendStringInfo(words,
						 "the advisory lock (%d, %d)",
						 (int) tag->locktag_field2,
						 (int) tag->locktag_field3);
	else if (tag->locktag_type == LOCKTAG_ADVISORY)
		appendStringInfo(words,
						 "the advisory lock " INT64_FORMAT,
						 (int64) (((uint64) tag->locktag_field2 << 32) |
								  tag->locktag_field3));
	else if (tag->locktag_type == LOCKTAG_OBJECT &&
			 tag->locktag_field2 == DatabaseRelationId &&
			 tag->locktag_field3 == InvalidOid)
		appendStringInfoString(words, "the queue of NOTIFY");
	else if (is_of_table(tag) && name != space)
		appendStringInfo(words, "relation %u", tag->locktag_field2);
	else
		appendStringInfoString(words, name);
	if (tag->locktag_type == LOCKTAG_TUPLE)
		appendStringInfo(words,
						 ", row (%u,%u)",
						 tag->locktag_field3,
						 (unsigned) tag->locktag_field4);
}

/* Encodes the wait in words, as the name of the operation in a tree of the trace. */
static void
put_name(osp_writer *w, const pgospWaitFacts *facts, const char *mode)
{
	const pgospLockWait *wait = facts->wait;
	StringInfoData words;

	initStringInfo(&words);
	appendStringInfo(&words, "%s on ", mode);
	describe_object(&words, facts);
	if (wait->held)
	{
		appendStringInfoString(&words, ", held by ");
		describe_peer(&words, &wait->holder);
	}
	if (wait->held && wait->chain > 0)
	{
		appendStringInfoString(&words, ", which waits for ");
		describe_peer(&words, &wait->root);
	}
	osp_put_str(
		w,
		OSP_STR("name"),
		pgosp_text_utf8(osp_str_n(words.data, (size_t) words.len), TEXT_MAX));
	pfree(words.data);
}

static void
put_start(osp_writer *w, const void *what)
{
	const pgospWaitFacts *facts = (const pgospWaitFacts *) what;
	pgospLockWait *wait = facts->wait;
	const char *mode =
		GetLockmodeName(wait->tag.locktag_lockmethodid, wait->mode);
	const char *table;
	char space[NAMEDATALEN];

	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("lock"));
	put_name(w, facts, mode);
	osp_put_str(w,
				OSP_STR("type"),
				osp_str_of(GetLockNameFromTagType(wait->tag.locktag_type)));
	if (wait->has_row)
		put_object(w, &wait->row);
	put_object(w, &wait->tag);
	table = name_of(facts, space);
	if (table == space)
		osp_put_str(w,
					OSP_STR("table"),
					pgosp_text_utf8(osp_str_of(table), NAMEDATALEN));
	osp_put_str(w, OSP_STR("mode"), osp_str_of(mode));
	osp_put_end(w);
	osp_put_object(w, OSP_STR("held_by"));
	if (wait->held)
	{
		osp_put_i64(w, OSP_STR("holders"), wait->holders);
		put_peer(w, &wait->holder, facts->ask);
	}
	osp_put_end(w);
	if (wait->held && wait->chain > 0)
	{
		osp_put_object(w, OSP_STR("waits_for"));
		osp_put_i64(w, OSP_STR("chain"), wait->chain);
		put_peer(w, &wait->root, facts->ask);
		osp_put_end(w);
	}
	osp_put_end(w);
}

static void
put_stop(osp_writer *w, const pgospPoint *point)
{
}

static const pgospPointKind lockwait_kind = {
	.put_stop = put_stop,
};

/* The operation that waited, if it is still open. */
static pgospPoint *
parent_of(const pgospLockWait *wait)
{
	dlist_iter it;

	dlist_foreach (it, &pgosp_open_points)
	{
		pgospPoint *point = dlist_container(pgospPoint, node, it.cur);

		if (point == wait->parent)
			return point;
	}
	return NULL;
}

static void
write_wait(pgospLockWait *wait, pgospPoint *waited, bool ask, int64 now_ns)
{
	const pgospWaitFacts facts = {wait, ask};
	pgospParent parent = {waited, NULL};
	int64 stop_ns = wait->stop_ns != 0 ? Min(wait->stop_ns, now_ns) : now_ns;
	int64 start_ns;
	pgospPoint point;

	if (parent.point == NULL)
		return;
	start_ns = Max(wait->start_ns, parent.point->start_ns);
	if (start_ns >= stop_ns)
		return;
	point.kind = &lockwait_kind;
	point.name = OSP_STR("pg.wait");
	point.stop_size = STOP_SIZE;
	pgosp_point_open_at(
		&point, &parent, put_start, &facts, START_SIZE, start_ns);
	pgosp_point_close_at(&point, NULL, stop_ns);
}

/* Copies what the worker has written of the wait so far; the worker may go on
 * writing. */
static void
copy_wait(pgospLockWait *wait, const pgospLockWait *shared)
{
	bool held = *(const volatile bool *) &shared->held;

	pg_read_barrier();
	*wait = *shared;
	wait->held = held;
	wait->has_row &= held;
	wait->holder.application[NAMEDATALEN - 1] = '\0';
	wait->holder.text[PGOSP_PEER_TEXT - 1] = '\0';
	wait->root.application[NAMEDATALEN - 1] = '\0';
	wait->root.text[PGOSP_PEER_TEXT - 1] = '\0';
}

/* Copies the waits that were seen, and forgets them; returns their number. */
static uint32
take_waits(pgospLockWait seen[PGOSP_LOCKWAITS_MAX])
{
	uint32 first = pgosp_slot.lockwaits_taken;
	uint32 end = pgosp_slot.lockwaits_seen;
	uint32 count = Min(end - first, PGOSP_LOCKWAITS_MAX);
	uint32 i;

	pg_read_barrier();
	for (i = 0; i < count; i++)
		copy_wait(&seen[i],
				  &pgosp_slot.lockwaits[(first + i) % PGOSP_LOCKWAITS_MAX]);
	pgosp_slot.lockwaits_taken = end;
	return count;
}

/* ---- waits before there is an operation ---- */

/* Parse analysis and Bind wait for locks of tables before any hook of ours is called.
 * Only after these waits it is known whether their statement is traced. */
#define EARLY_MAX 8

static pgospLockWait early[EARLY_MAX];
static int early_count = 0;

static void
keep_early(const pgospLockWait *wait)
{
	if (early_count == EARLY_MAX)
	{
		early_count--;
		memmove(
			early, early + 1, sizeof(early[0]) * EARLY_MAX - sizeof(early[0]));
	}
	early[early_count++] = *wait;
}

int64
pgosp_lockwaits_early_end(int64 start_ns, int64 limit_ns)
{
	int64 end_ns = 0;
	int i;

	if (pgosp_has_lockwaits())
		pgosp_lockwaits_write(false);
	for (i = 0; i < early_count; i++)
		if (early[i].start_ns >= start_ns - PGOSP_WAIT_START_NS)
			end_ns = Max(end_ns,
						 early[i].stop_ns != 0 ? early[i].stop_ns : limit_ns);
	return end_ns;
}

void
pgosp_lockwaits_write_early(pgospPoint *point, bool failed, int64 stop_ns)
{
	bool ask = !failed && IsTransactionState();
	int count;
	int i;

	if (pgosp_has_lockwaits())
		pgosp_lockwaits_write(failed);
	if (likely(early_count == 0))
		return;
	count = early_count;
	early_count = 0;
	if ((pgosp_points & PGOSP_POINTS_WAIT) == 0)
		return;
	for (i = 0; i < count; i++)
		if (early[i].start_ns >= point->start_ns - PGOSP_WAIT_START_NS)
			write_wait(&early[i], point, ask, stop_ns);
}

/* ---- waits in operations ---- */

void
pgosp_lockwaits_write(bool failed)
{
	/* After an error, the catalog cannot be asked until the transaction is cleaned
	 * up. */
	bool ask = !failed && IsTransactionState();

	static pgospLockWait seen[PGOSP_LOCKWAITS_MAX];
	static bool writing = false;
	uint32 count;
	uint32 i;

	if (writing)
		return;
	writing = true;
	count = take_waits(seen);
	for (i = 0; i < count && (pgosp_points & PGOSP_POINTS_WAIT) != 0; i++)
		if (seen[i].parent == NULL)
			keep_early(&seen[i]);
		else
			write_wait(&seen[i], parent_of(&seen[i]), ask, pgosp_now());
	writing = false;
}
