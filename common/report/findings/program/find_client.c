/* SPDX-License-Identifier: Apache-2.0
 *
 * find_client.c
 *	  Rules about time on the client's side: connecting, reading results slowly,
 *	  pauses.
 */
#include "report/findings/rules.h"

/* The shortest pause within a transaction, and the shortest time between
 * fetches of a statement, that count. */
#define PAUSE_NS  (INT64_C(20) * 1000000)
#define SLICES_NS (INT64_C(5) * 1000000)

void
osp__look_connects(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->kind == OSP__OP_CONNECT)
			osp__claim_below(f, osp__group_of(f, 0), op);
	}
}

void
osp__tell_connects(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t count = (int64_t) group->count;

	osp_buf_add_str(&finding->cause, OSP_STR("Connecting to the server "));
	if (count > 1)
	{
		osp__say_number(&finding->cause, count, "time");
		osp_buf_add_char(&finding->cause, ' ');
	}
	osp_buf_add_str(&finding->cause, OSP_STR("took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_time(&finding->evidence, group->spent_ns / count);
	osp_buf_add_str(&finding->evidence, OSP_STR(" for a connection"));
	if (count > 1)
		osp_buf_add_str(&finding->evidence, OSP_STR(" on average"));
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Keep connections open and use them again (the driver's pool, "
				"or PgBouncer). If one connection takes long, look at name "
				"resolution, TLS and the way of authentication."));
	(void) f;
	osp__add_figure(finding, "connections", (double) count);
}

/* ---- waiting for the client within a statement ---- */

enum
{
	WAIT_WRITE,
	WAIT_READ,
	WAIT_SLICES
};

/* The time between the parts in which a client fetched the rows. Shorter times are
 * ignored, because they need not be the client's. */
static int64_t
between_slices_ns(const osp__op *op)
{
	int64_t active_ns = osp__op_fact(op, OSP__ACTIVE);
	int64_t ns = osp__op_ns(op) - active_ns;

	return op->kind == OSP__OP_PG && !op->inner_cursor && active_ns > 0 &&
				   ns >= SLICES_NS
			   ? ns
			   : 0;
}

void
osp__look_client_waits(osp__findings *f)
{
	size_t i;

	osp__claim_fact(f, WAIT_WRITE, OSP__WAIT_CLIENT_WRITE);
	osp__claim_fact(f, WAIT_READ, OSP__WAIT_CLIENT_READ);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		int64_t ns = between_slices_ns(&f->ops[i]);

		if (ns > 0)
			osp__claim_time(f, osp__group_of(f, WAIT_SLICES), &f->ops[i], ns);
	}
}

void
osp__tell_client_waits(osp__findings *f, osp__finding *finding)
{
	static const char *const causes[] = {
		"The server waited for the client to take the rows: ",
		"The server waited for the client to send its data: ",
		("The client fetched the rows in parts, and the server waited between "
		 "them: ")};
	static const char *const steps[] = {
		"The client or the network is slower than the server. Fetch fewer rows "
		"or columns, or see what the client does with each row.",
		"See how the client makes the data that it sends (COPY), and how fast "
		"the network is.",
		"See what the client does between the fetches. A larger fetch size "
		"needs fewer of them."};
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause, osp_str_of(causes[group->key]));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->step, osp_str_of(steps[group->key]));
	osp__add_figure(finding, "statements", (double) group->count);
}

/* ---- pauses in a transaction ---- */

/* How many sessions are searched for the one of an operation; older ones have ended. */
#define SESSIONS_MAX 1000

/* The state of a session: of a server's process, or of a connection of a service. */
typedef struct session
{
	struct session *next;
	osp_str host;
	osp_str service;
	uint64_t key;
	osp__op *last; /* the operation that ended last */
	bool in_transaction;
	bool begins; /* the trace has a BEGIN of the session */
	bool ends;   /* going backwards: a transaction ends next */
} session;

/* The operation that knows the session of a statement: op itself, or its part in the
 * server, because OSProfiler in Python does not record the session. */
static const osp__op *
witness_of(const osp__findings *f, const osp__op *op)
{
	const osp__op *child =
		op->kind == OSP__OP_DB && op->pid == 0 ? osp__op_child(f, op) : NULL;

	while (child != NULL && child->kind != OSP__OP_PG)
		child = osp__op_sibling(f, child);
	return child != NULL ? child : op;
}

/* Finds or makes the session of an operation; NULL if there is no memory. */
static session *
session_of(osp__findings *f, session **all, const osp__op *of)
{
	const osp__op *op = witness_of(f, of);
	session *found = *all;
	int seen;

	for (seen = 0; found != NULL && seen < SESSIONS_MAX; seen++)
	{
		if (found->key == op->session &&
			osp_str_eq(found->host, op->node->host) &&
			osp_str_eq(found->service, op->node->service))
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
	found->host = op->node->host;
	found->service = op->node->service;
	found->key = op->session;
	found->next = *all;
	*all = found;
	return found;
}

/* Marks the operations of databases and their clients, and everything below them. */
static void
mark_database(osp__findings *f)
{
	osp__op *top = &f->ops[0];
	size_t i;

	top->handled = false;
	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = f->walk[i];

		op->handled = op->parent->handled || osp__op_is_database(op);
	}
}

/* Sums of the rule, about the example. */
enum
{
	SUM_LONGEST_NS, /* the part of the pause that counts: other connections may have
					 * worked or waited during the rest */
	SUM_WHOLE_NS
};

/* Claims a pause, and keeps the one of which the most counts as the example. */
static void
add_pause(osp__findings *f, osp__op *before, osp__op *after)
{
	osp__group *group = osp__group_of(f, 0);
	int64_t counted_ns = group != NULL ? -group->ns : 0;
	int64_t gap_ns = osp__claim_gap(f, group, before, after);
	osp__op *longest;

	if (group == NULL)
		return;
	counted_ns += group->ns;
	longest = group->largest;
	osp__count_op(group, after);
	group->largest = longest;
	if (counted_ns <= group->sums[SUM_LONGEST_NS])
		return;
	group->sums[SUM_LONGEST_NS] = counted_ns;
	group->sums[SUM_WHOLE_NS] = gap_ns;
	group->first = before;
	group->largest = after;
}

/* Is it a statement that a client called directly? A database in memory is left out:
 * its locks keep nobody waiting. */
static bool
is_call(const osp__op *op)
{
	return op->handled && !op->parent->handled && !op->in_memory;
}

/*
 * Marks the statements after which a transaction of their session ends. Python's
 * drivers begin transactions without a BEGIN: if the trace has the end of a transaction
 * but no begin, it was open from the preceding statement on.
 */
static void
mark_open(osp__findings *f, session **all, bool *open)
{
	size_t i;

	for (i = f->op_count; i-- > 1 && f->status == OSP_OK;)
	{
		const osp__op *op = &f->ops[i];
		session *at = is_call(op) ? session_of(f, all, op) : NULL;

		if (at == NULL)
			continue;
		open[i] = at->ends && op->control == OSP__CONTROL_NONE;
		at->begins |= op->control == OSP__CONTROL_BEGIN;
		if (op->control != OSP__CONTROL_NONE)
			at->ends = op->control == OSP__CONTROL_END;
	}
}

/* Visits the next operation of a session. */
static void
visit_session(osp__findings *f, session *at, const bool *open, osp__op *op)
{
	bool in_transaction =
		at->in_transaction ||
		(at->last != NULL && !at->begins && open[at->last - f->ops]);

	if (in_transaction && op->begin_ns - at->last->end_ns >= PAUSE_NS)
		add_pause(f, at->last, op);
	if (at->last == NULL || op->end_ns > at->last->end_ns)
		at->last = op;
	if (op->control == OSP__CONTROL_BEGIN)
		at->in_transaction = true;
	else if (op->control == OSP__CONTROL_END)
		at->in_transaction = false;
}

void
osp__look_pauses(osp__findings *f)
{
	bool *open = osp__arena_alloc(&f->arena, f->op_count * sizeof(*open));
	session *all = NULL;
	size_t i;

	if (open == NULL)
	{
		f->status = OSP_ENOMEM;
		return;
	}
	memset(open, 0, f->op_count * sizeof(*open));
	mark_database(f);
	mark_open(f, &all, open);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		session *at = is_call(op) ? session_of(f, &all, op) : NULL;

		if (at != NULL)
			visit_session(f, at, open, op);
	}
}

void
osp__tell_pauses(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *after = group->largest;
	int64_t counted_ns = group->sums[SUM_LONGEST_NS];
	int64_t whole_ns = group->sums[SUM_WHOLE_NS];

	osp_buf_add_str(&finding->cause,
					OSP_STR("The client did something else for "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(" while its transaction was open and held its "
							"locks."));
	osp__say_time(&finding->evidence, counted_ns);
	if (whole_ns - counted_ns > whole_ns / 100)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(" of the "));
		osp__say_time(&finding->evidence, whole_ns);
	}
	osp_buf_add_str(&finding->evidence, OSP_STR(" between "));
	osp__say_op(f, group->first, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(" and "));
	osp__say_op(f, after, &finding->evidence);
	if (f->report->sqlite_processes && after->kind == OSP__OP_SQLITE)
		osp_buf_addf(
			&finding->evidence, " of process %lld", (long long) after->pid);
	if (whole_ns - counted_ns > whole_ns / 100)
		osp_buf_add_str(&finding->evidence,
						OSP_STR("; the rest counts for what ran or waited "
								"meanwhile"));
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Do what takes long (calls of other services, computing, "
				"waiting for a person) before BEGIN or after COMMIT."));
	osp__add_figure(finding, "pauses", (double) group->count);
	osp__add_figure(finding, "longest_ms", (double) counted_ns / 1e6);
}

/* ---- time outside of databases ---- */

void
osp__look_application(osp__findings *f)
{
	size_t i;

	/* It is unknown what the missing operations did. */
	if (f->lost_callers > 0)
		return;
	for (i = 0; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;

		if (osp__op_is_database(op) || op->left_ns == 0)
			continue;
		group = osp__group_of(f, 0);
		osp__claim_time(f, group, op, op->left_ns);
		if (group != NULL && op->own_ns >= group->largest->own_ns)
			group->largest = op;
	}
}

/* Appends the longest time in which no operation ran, and the operations before and
 * after it. */
static void
say_longest_gap(osp__findings *f, osp_buf *out)
{
	osp__op *before = NULL;
	osp__op *from = NULL;
	osp__op *to = NULL;
	int64_t longest_ns = 0;
	size_t i;

	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = &f->ops[i];

		if (before != NULL && op->begin_ns - before->end_ns > longest_ns)
		{
			longest_ns = op->begin_ns - before->end_ns;
			from = before;
			to = op;
		}
		if (before == NULL || op->end_ns > before->end_ns)
			before = op;
	}
	if (from == NULL)
		return;

	/* The planning of a statement begins together with it, so name the statement. */
	while (to->parent->node != NULL && to->parent->begin_ns >= to->begin_ns)
		to = to->parent;
	osp_buf_add_str(out, OSP_STR("; the longest, "));
	osp__say_time(out, longest_ns);
	osp_buf_add_str(out, OSP_STR(", between "));
	osp__say_op(f, from, out);
	osp_buf_add_str(out, OSP_STR(" and "));
	osp__say_op(f, to, out);
}

/* How long the program did something else between the rows of a statement, apart from
 * operations that it began there. */
static int64_t
idle_between_rows(const osp__findings *f, const osp__op *op)
{
	int64_t ns = osp__paused_ns(op);
	const osp__op *at = osp__op_sibling(f, op);

	for (; at != NULL && at->begin_ns < op->end_ns && ns > 0;
		 at = osp__op_sibling(f, at))
		ns -=
			(at->end_ns < op->end_ns ? at->end_ns : op->end_ns) - at->begin_ns;
	return ns > 0 ? ns : 0;
}

/* Finds the statement of SQLite between whose rows the program did something
 * else for the longest time. NULL: most of the group's time was not between
 * rows. */
static const osp__op *
longest_paused(const osp__findings *f, const osp__group *group,
			   int64_t *longest_ns)
{
	const osp__op *longest = NULL;
	int64_t sum_ns = 0;
	size_t i;

	*longest_ns = 0;
	for (i = 1; i < f->op_count; i++)
	{
		const osp__op *op = &f->ops[i];
		int64_t ns;

		if (op->kind != OSP__OP_SQLITE || !op->sliced)
			continue;
		ns = idle_between_rows(f, op);
		sum_ns += ns;
		if (ns <= *longest_ns)
			continue;
		longest = op;
		*longest_ns = ns;
	}
	return sum_ns > group->ns / 2 ? longest : NULL;
}

/* Writes evidence and step about the time between fetched rows. */
static void
tell_between_rows(osp__findings *f, const osp__op *op, int64_t ns,
				  osp__finding *finding)
{
	osp_buf_add_str(&finding->evidence,
					OSP_STR("above all between the rows that it fetched: "));
	osp__say_time(&finding->evidence, ns);
	osp_buf_add_str(&finding->evidence, OSP_STR(" in "));
	osp__say_op(f, op, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("See what the program does with each row. Until the last one "
				"is fetched the statement keeps its lock for reading: if "
				"others wait to write, fetch all rows first (fetchall())."));
}

void
osp__tell_application(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	bool around = group->largest->node != NULL;
	int64_t paused_ns;
	const osp__op *paused = longest_paused(f, group, &paused_ns);

	finding->says_share = true;
	osp_buf_add_str(&finding->cause, OSP_STR("No database operation ran for "));
	osp__say_time(&finding->cause, group->ns);

	/* If a whole program is traced, it is unknown when it had something to do. */
	osp_buf_add_str(&finding->cause,
					around || paused != NULL
						? OSP_STR(": that is the application's own time.")
						: OSP_STR(": the program did something else, or "
								  "waited for something to do."));
	if (paused != NULL)
	{
		tell_between_rows(f, paused, paused_ns, finding);
		return;
	}
	if (around)
	{
		osp__say_op(f, group->largest, &finding->evidence);
		osp_buf_add_str(&finding->evidence, OSP_STR(": "));
		osp__say_time(&finding->evidence, group->largest->own_ns);
		osp_buf_add_str(&finding->evidence,
						OSP_STR(" outside of the operations in it"));
	}
	else
	{
		osp_buf_add_str(&finding->evidence,
						OSP_STR("between the operations of the trace"));
		say_longest_gap(f, &finding->evidence);
		osp_buf_add_str(
			&finding->step,
			OSP_STR(
				"Of a service this is also the time until its next request: "
				"trace one request instead. "));
	}
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Look into the application. Operations of its own "
				"(osp_start, or OSProfiler in Python) would show what it did "
				"meanwhile."));
}
