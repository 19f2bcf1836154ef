/* SPDX-License-Identifier: Apache-2.0
 *
 * find_busy.c
 *	  Rule: waits for a database of SQLite that another connection had locked.
 */
#include "report/findings/sqlite/lock_holder.h"

#include "report/findings/rules.h"

/* Sums of the rule. */
enum
{
	SUM_FAILED,
	SUM_WAITED_NS /* as it was measured: of the trace's time others may have a part */
};

/* Up to this many waiting connections are reported one by one. */
#define WAITERS_MAX 2

/* A wait counts less than it took if other operations ran meanwhile. Both times
 * are shown only if they differ by more than a tenth (1 / SHARED_PART). */
#define SHARED_PART 10

/* An attempt that fails within this time did not wait: no busy timeout is set. */
#define AT_ONCE_NS (INT64_C(5) * 1000000)

static bool
is_busy(const osp__op *op)
{
	osp_str etype = osp__report_inside(op->node->etype);
	const osp_str busy = OSP_STR("SQLITE_BUSY");
	const osp_str locked = OSP_STR("SQLITE_LOCKED");

	return op->failed && ((etype.len >= busy.len &&
						   memcmp(etype.ptr, busy.ptr, busy.len) == 0) ||
						  (etype.len >= locked.len &&
						   memcmp(etype.ptr, locked.ptr, locked.len) == 0));
}

/* A key for the connection that waits. Connections that wait for each other have
 * different reasons, so they are kept apart: up to two of them one by one, more of them
 * by process. */
static uint64_t
direction(const osp__op *op, bool few)
{
	uint64_t waiter = few ? op->session : (uint64_t) op->pid;

	return op->file * 31 ^ waiter * UINT64_C(0x9e3779b97f4a7c15);
}

static bool
waits(const osp__op *op)
{
	return op->kind == OSP__OP_SQLITE &&
		   (is_busy(op) || osp__op_fact(op, OSP__WAIT_BUSY) > 0);
}

/* Do at most WAITERS_MAX connections of the trace wait for locks? */
static bool
has_few_waiters(const osp__findings *f)
{
	uint64_t waiters[WAITERS_MAX];
	size_t count = 0;
	size_t i;
	size_t k;

	for (i = 1; i < f->op_count; i++)
	{
		const osp__op *op = &f->ops[i];

		if (!waits(op))
			continue;
		for (k = 0; k < count && waiters[k] != op->session; k++)
			;
		if (k == WAITERS_MAX)
			return false;
		if (k == count)
			waiters[count++] = op->session;
	}
	return true;
}

/* Claims an attempt that failed, with the pause before the next one. */
static void
claim_attempt(osp__findings *f, osp__group *group, osp__op *op)
{
	const osp__op *attempt;

	osp__claim_below(f, group, op);
	if (group != NULL)
		group->sums[SUM_FAILED]++;

	/* A program that gets this error waits by itself until its next attempt. */
	attempt = osp__next_attempt(f, op);
	if (attempt != NULL)
		osp__claim_until(f, group, op, attempt);
}

void
osp__look_sqlite_busy(osp__findings *f)
{
	bool few = has_few_waiters(f);
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		int64_t busy_ns = osp__op_fact(op, OSP__WAIT_BUSY);
		bool fails = op->kind == OSP__OP_SQLITE && is_busy(op);
		osp__group *group =
			fails || busy_ns > 0 ? osp__group_of(f, direction(op, few)) : NULL;

		if (fails)
			claim_attempt(f, group, op);
		else if (group != NULL)
		{
			osp__claim_time(f, group, op, busy_ns);
			group->sums[SUM_WAITED_NS] += busy_ns;
		}
	}
}

static void
say_cause(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t failed = group->sums[SUM_FAILED];
	int64_t waited = (int64_t) group->count - failed;
	int64_t waited_ns = group->sums[SUM_WAITED_NS];
	osp_buf *cause = &finding->cause;

	osp_buf_add_str(cause, OSP_STR("The SQLite database"));
	osp__say_file(f, group->largest, "", cause);
	osp_buf_add_str(cause, OSP_STR(" was locked by another connection: "));
	if (waited > 0)
	{
		osp__say_number(cause, waited, "statement");
		osp_buf_add_str(cause, OSP_STR(" waited"));
	}
	if (waited > 0 && failed > 0)
		osp_buf_add_str(cause, OSP_STR(", and "));
	if (failed > 0)
	{
		osp__say_number(cause, failed, "attempt");
		osp_buf_add_str(cause, OSP_STR(" failed"));
	}
	osp_buf_add_str(cause,
					failed > 0 ? OSP_STR("; with the pauses up to the next "
										 "attempt that took ")
							   : OSP_STR(" "));
	if (failed > 0 || waited_ns - group->ns <= waited_ns / SHARED_PART)
	{
		osp__say_time(cause, failed > 0 ? group->spent_ns : group->ns);
		osp_buf_add_str(cause,
						failed > 0 ? OSP_STR(" in all.") : OSP_STR(" for it."));
		return;
	}
	finding->says_share = true;
	osp__say_time(cause, waited_ns);
	osp_buf_add_str(cause, OSP_STR(" for it, which counts as "));
	osp__say_time(cause, group->ns);
	osp_buf_add_str(cause,
					OSP_STR(" of the trace, for others were at work "
							"meanwhile."));
}

/* Appends who held the lock. */
static void
say_holder_name(const osp__lock_holder *holder, const osp__op *waiter,
				osp_buf *out)
{
	if (holder->op->pid == waiter->pid)
		osp_buf_add_str(out, OSP_STR("another connection of the same process"));
	else
		osp_buf_addf(out, "process %lld", (long long) holder->op->pid);
}

/* Appends "; the holder, process 4711: INSERT INTO t, then idle for 2.00 s before
 * COMMIT". */
static void
say_holder(osp__findings *f, const osp__lock_holder *holder,
		   const osp__op *waiter, osp_buf *out)
{
	if (holder->count > 1)
		osp_buf_add_str(out, OSP_STR("; meanwhile "));
	else
		osp_buf_add_str(out, OSP_STR("; the holder, "));
	say_holder_name(holder, waiter, out);
	if (holder->count > 1)
	{
		osp_buf_add_str(out, OSP_STR(" had the lock "));
		osp__say_number(out, holder->count, "time");
		osp_buf_add_str(out, OSP_STR(", for "));
		osp__say_time(out, holder->ns);
		osp_buf_add_str(out, OSP_STR(" in all: "));
		osp__say_op(f, holder->op, out);
		return;
	}
	osp_buf_add_str(out, OSP_STR(": "));
	osp__say_op(f, holder->op, out);
	if (holder->idle_ns > 0 && holder->before == holder->op &&
		holder->op->sliced)
	{
		osp_buf_add_str(out, OSP_STR(", idle for "));
		osp__say_time(out, holder->idle_ns);
		osp_buf_add_str(out, OSP_STR(" between its rows"));
		return;
	}
	if (holder->idle_ns > 0)
	{
		if (holder->before != holder->op)
		{
			osp_buf_add_str(out, OSP_STR(", later "));
			osp__say_op(f, holder->before, out);
		}
		osp_buf_add_str(out, OSP_STR(", then idle for "));
		osp__say_time(out, holder->idle_ns);
		if (holder->after != NULL)
		{
			osp_buf_add_str(out, OSP_STR(" before "));
			osp__say_op(f, holder->after, out);
		}
		return;
	}
	osp_buf_add_str(out, OSP_STR("; its transaction lasted "));
	osp__say_time(out, holder->ns);
}

/* Appends how to learn about a holder that is not in the trace. */
static void
say_how_to_see(osp__findings *f, const osp__op *waiter, osp_buf *out)
{
	osp_buf_add_str(out,
					OSP_STR("Run the other programs by the same 'osprofiler "
							"run'"));
	osp_buf_reset(&f->scratch);
	osp__op_member(f, waiter, NULL, "name", &f->scratch);
	if (f->scratch.len > 0 && f->scratch.ptr[0] == '/')
	{
		osp_buf_add_str(out,
						OSP_STR("; while it lasts the processes that have the "
								"file open are shown by: fuser -v "));
		osp__say_quoted(osp_buf_str(&f->scratch), out);
	}
	osp_buf_add_str(out, OSP_STR(". "));
}

/* Appends advice for two connections that both write. */
static void
say_writers(const osp__op *waiter, bool at_once, const osp__lock_holder *holder,
			osp_buf *step)
{
	bool often = holder != NULL && holder->count > 1;

	osp_buf_add_str(
		step,
		OSP_STR("Only one connection writes at a time, in WAL mode, too: "));
	osp_buf_add_str(
		step,
		often ? OSP_STR("one that commits after each row and begins again at "
						"once leaves the others hardly a moment for it, so "
						"change many rows in one transaction, with pauses "
						"between them")
			  : OSP_STR("commit sooner"));

	/* A longer timeout does not shorten a wait; it only helps against failures. */
	osp_buf_add_str(
		step,
		waiter->failed && !at_once
			? OSP_STR(", let one connection do all the writing, or wait longer "
					  "(PRAGMA busy_timeout).")
			: OSP_STR(", or let one connection do all the writing."));
}

/* Appends advice, which depends on whether readers or writers waited for each other. */
static void
say_step(osp__findings *f, osp__finding *finding, const osp__op *waiter,
		 const osp__lock_wait *wait, const osp__lock_holder *holder)
{
	osp_buf *step = &finding->step;
	bool at_once = waiter->failed && osp__op_ns(waiter) < AT_ONCE_NS;
	bool readers = !wait->writes ||
				   (holder != NULL && holder->locking == OSP__LOCKING_READ);

	if (holder == NULL && waiter->pid > 0)
		say_how_to_see(f, waiter, step);
	if (holder != NULL && holder->idle_ns > 0)
		osp_buf_add_str(step,
						OSP_STR("The holder should commit, or finish its "
								"SELECT, before it does something else. "));
	if (at_once)
		osp_buf_add_str(
			step,
			wait->upgrade
				? OSP_STR("Begin a transaction that reads first and writes "
						  "later with BEGIN IMMEDIATE: SQLite does not let it "
						  "wait when it becomes a writer. ")
				: OSP_STR("No busy timeout is set, so attempts fail at once: "
						  "PRAGMA busy_timeout = 5000 lets SQLite wait "
						  "(sqlite3_busy_timeout(), timeout= of Python's "
						  "sqlite3.connect()). "));
	if (readers && !wait->wal)
		osp_buf_add_str(
			step,
			wait->rollback
				? OSP_STR("With PRAGMA journal_mode = WAL readers and a writer "
						  "do not block each other. ")
				: OSP_STR("If PRAGMA journal_mode is not WAL yet: with WAL "
						  "readers and a writer do not block each other. "));
	if (!readers)
		say_writers(waiter, at_once, holder, step);
	else if (step->len == 0)
		osp_buf_add_str(
			step, OSP_STR("Commit sooner where the database is written."));
	if (step->len > 0 && step->ptr[step->len - 1] == ' ')
		step->ptr[--step->len] = '\0';
}

void
osp__tell_sqlite_busy(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *waiter = group->largest;
	osp__lock_holder holder;
	osp__lock_wait wait;
	bool found;

	say_cause(f, finding);
	osp__say_op(f, waiter, &finding->evidence);
	osp__lock_wait_of(f, waiter, &wait);
	found = osp__find_lock_holder(f, &wait, &holder);
	if (found)
	{
		say_holder(f, &holder, waiter, &finding->evidence);
		finding->other = holder.op;
		osp__add_figure(finding, "holder_pid", (double) holder.op->pid);
	}
	else if (waiter->pid > 0)
		osp_buf_add_str(&finding->evidence,
						OSP_STR("; the holder is a process or connection that "
								"is not in this trace"));
	say_step(f, finding, waiter, &wait, found ? &holder : NULL);
	osp__add_figure(
		finding,
		"waits",
		(double) ((int64_t) group->count - group->sums[SUM_FAILED]));
	osp__add_figure(finding, "attempts", (double) group->sums[SUM_FAILED]);
}
