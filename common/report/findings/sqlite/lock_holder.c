/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_holder.c
 *	  Finds out which connection had a database of SQLite locked.
 *
 * A transaction holds the write lock from its first write, or BEGIN IMMEDIATE, to its
 * end, and the read lock from its first SELECT. A statement outside of a transaction
 * holds its lock while it runs.
 */
#include "report/findings/sqlite/lock_holder.h"

/* A holder must have had the lock for at least this share of the wait. */
#define SHARE_MIN 0.1

/* How many sessions are searched for the one of an operation; older ones have ended. */
#define SESSIONS_MAX 1000

/* The largest number of attempts of one wait. */
#define ATTEMPTS_MAX 100000

/* One time during which a session held a lock. */
typedef struct hold
{
	const osp__op *op; /* the operation that took it */
	int64_t from_ns;
	int64_t until_ns;
	int64_t idle_ns; /* longest pause while holding it */
	const osp__op *before;
	const osp__op *after;
} hold;

/* The locks of one kind that a session had during a wait. */
typedef struct hold_sum
{
	int64_t count;
	int64_t ns;
	int64_t longest_ns;
	hold longest;
} hold_sum;

typedef struct session
{
	struct session *next;
	uint64_t key;
	osp_str host;
	bool in_transaction;
	osp__locking locking; /* lock that it holds now */
	hold now;
	const osp__op *last;
	hold_sum sums[OSP__LOCKING_WRITE + 1];
} session;

static session *
session_of(osp__findings *f, session **all, const osp__op *op)
{
	session *found = *all;
	int seen;

	for (seen = 0; found != NULL && seen < SESSIONS_MAX; seen++)
	{
		if (found->key == op->session &&
			osp_str_eq(found->host, op->node->host))
			return found;
		found = found->next;
	}
	found = osp__arena_alloc(&f->arena, sizeof(*found));
	if (found == NULL)
	{
		f->status = OSP_ENOMEM;
		return NULL;
	}
	memset(found, 0, sizeof(*found));
	found->key = op->session;
	found->host = op->node->host;
	found->next = *all;
	*all = found;
	return found;
}

static int64_t
overlap_ns(const osp__lock_wait *wait, int64_t from_ns, int64_t until_ns)
{
	if (from_ns < wait->from_ns)
		from_ns = wait->from_ns;
	if (until_ns > wait->until_ns)
		until_ns = wait->until_ns;
	return until_ns > from_ns ? until_ns - from_ns : 0;
}

/* Adds a lock that has ended to the sums of its session, as far as it overlaps the
 * wait. */
static void
add_hold(const osp__lock_wait *wait, session *at, osp__locking locking,
		 const hold *ended)
{
	int64_t ns = overlap_ns(wait, ended->from_ns, ended->until_ns);
	hold_sum *sum = &at->sums[locking];

	if (ns == 0 || locking == OSP__LOCKING_NONE)
		return;
	sum->count++;
	sum->ns += ns;
	if (ns <= sum->longest_ns)
		return;
	sum->longest_ns = ns;
	sum->longest = *ended;
}

/* Ends the lock that a session holds. */
static void
end_hold(const osp__lock_wait *wait, session *at, int64_t until_ns)
{
	at->now.until_ns = until_ns;
	add_hold(wait, at, at->locking, &at->now);
	at->locking = OSP__LOCKING_NONE;
}

/* The lock that a statement takes; a failed one takes none. */
static osp__locking
locking_of(const osp__op *op)
{
	if (op->failed)
		return OSP__LOCKING_NONE;
	return osp__op_fact(op, OSP__CHANGES) > 0 ? OSP__LOCKING_WRITE
											  : op->locking;
}

/* Notes a pause before the next statement of a transaction. `after` is NULL if
 * no statement follows. */
static void
note_pause(const osp__lock_wait *wait, session *at, const osp__op *after,
		   int64_t until_ns)
{
	int64_t ns;

	if (at->locking == OSP__LOCKING_NONE || at->last == NULL ||
		overlap_ns(wait, at->last->end_ns, until_ns) == 0)
		return;
	ns = until_ns - at->last->end_ns;
	if (ns <= at->now.idle_ns)
		return;
	at->now.idle_ns = ns;
	at->now.before = at->last;
	at->now.after = after;
}

/* Visits the next statement of a session. */
static void
visit(const osp__lock_wait *wait, session *at, const osp__op *op)
{
	osp__locking locking = locking_of(op);
	hold now = {.op = op, .from_ns = op->begin_ns, .until_ns = op->end_ns};

	note_pause(wait, at, op, op->begin_ns);
	if (op->control == OSP__CONTROL_END && !op->failed)
	{
		end_hold(wait, at, op->end_ns);
		at->in_transaction = false;
	}
	else if (op->control == OSP__CONTROL_BEGIN && !op->failed)
		at->in_transaction = true;
	if (!at->in_transaction)
	{
		/* The read lock is kept during pauses between fetched rows. */
		if (op->sliced)
		{
			now.idle_ns = osp__paused_ns(op);
			now.before = op;
		}
		add_hold(wait, at, locking, &now);
	}
	else if (locking > at->locking)
	{
		at->locking = locking;
		at->now = now;
	}
	at->last = op;
}

/* Does op use the same database as waiter, and is it not part of another statement? */
static bool
is_beside(const osp__op *op, const osp__op *waiter)
{
	return op->kind == OSP__OP_SQLITE && op->file == waiter->file &&
		   (op->parent->statement == NULL ||
			op->parent->statement->kind != OSP__OP_SQLITE) &&
		   osp_str_eq(op->node->host, waiter->node->host);
}

void
osp__lock_wait_of(osp__findings *f, const osp__op *op, osp__lock_wait *wait)
{
	const osp__op *next = op;
	session *all = NULL;
	session *own = session_of(f, &all, op);
	size_t i;

	memset(wait, 0, sizeof(*wait));
	wait->op = op;
	wait->from_ns = op->begin_ns;
	wait->until_ns = op->end_ns;
	wait->writes =
		op->locking == OSP__LOCKING_WRITE || op->control == OSP__CONTROL_END;
	wait->wal = op->journal == OSP__JOURNAL_WAL;
	wait->rollback = op->journal == OSP__JOURNAL_ROLLBACK;
	for (i = 0; next != NULL && next->failed && i < ATTEMPTS_MAX; i++)
	{
		next = osp__next_attempt(f, next);
		if (next != NULL)
			wait->until_ns = next->end_ns;
	}
	for (i = 1; i < f->op_count && own != NULL && &f->ops[i] != op; i++)
		if (f->ops[i].session == op->session && is_beside(&f->ops[i], op))
			visit(wait, own, &f->ops[i]);
	wait->upgrade = own != NULL && own->in_transaction && wait->writes &&
					own->locking == OSP__LOCKING_READ;
}

/* Sums up the locks that other sessions held during the wait. */
static session *
collect_holds(osp__findings *f, const osp__lock_wait *wait)
{
	session *all = NULL;
	session *at;
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		const osp__op *op = &f->ops[i];

		if (op->begin_ns >= wait->until_ns && all == NULL)
			break;
		if (op->session == wait->op->session || !is_beside(op, wait->op))
			continue;
		at = session_of(f, &all, op);
		if (at != NULL)
			visit(wait, at, op);
	}

	/* A transaction without an end lasts to the end of the trace. */
	for (at = all; at != NULL; at = at->next)
		if (at->in_transaction)
		{
			note_pause(wait, at, NULL, f->total_ns);
			end_hold(wait, at, f->total_ns);
		}
	return all;
}

static void
set_holder(const hold_sum *sum, osp__locking locking, osp__lock_holder *holder)
{
	const hold *longest = &sum->longest;
	bool once = sum->longest_ns * 2 >= sum->ns;

	memset(holder, 0, sizeof(*holder));
	holder->op = longest->op;
	holder->locking = locking;
	holder->count = once ? 1 : sum->count;
	holder->ns = once ? longest->until_ns - longest->from_ns : sum->ns;
	if (once && longest->idle_ns * 2 >= sum->longest_ns)
	{
		holder->idle_ns = longest->idle_ns;
		holder->before = longest->before;
		holder->after = longest->after;
	}
}

bool
osp__find_lock_holder(osp__findings *f, const osp__lock_wait *wait,
					  osp__lock_holder *holder)
{
	int64_t wait_ns = wait->until_ns - wait->from_ns;
	osp__locking locking = OSP__LOCKING_WRITE;
	const hold_sum *best = NULL;
	const session *all;
	const session *at;

	/* Without pids, the sessions of a file cannot be distinguished. */
	if (wait->op->pid == 0 || wait->op->file == 0)
		return false;
	all = collect_holds(f, wait);
	for (; locking != OSP__LOCKING_NONE && best == NULL; locking--)
	{
		/* Readers only block a connection that writes, and nobody in WAL mode. */
		if (locking == OSP__LOCKING_READ && (!wait->writes || wait->wal))
			break;
		for (at = all; at != NULL; at = at->next)
			if ((double) at->sums[locking].ns >= SHARE_MIN * (double) wait_ns &&
				at->sums[locking].ns > (best != NULL ? best->ns : 0))
				best = &at->sums[locking];
		if (best != NULL)
			set_holder(best, locking, holder);
	}
	return best != NULL;
}
