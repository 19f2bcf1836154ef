/* SPDX-License-Identifier: Apache-2.0
 *
 * find_ended.c
 *	  Statements that did not finish, because something else ended them: a timeout, a
 *	  cancel request, an administrator.
 *
 * Such a statement may have spent its time on what a rule explains, so no rule about
 * errors gets its time. That it was ended is said beside the causes.
 */
#include "report/findings/findings.h"

/* What ended a statement: known by its error and, if message is not NULL, by the
 * beginning of the error's message. */
static const osp__ending endings[] = {
	{"query_canceled",
	 "canceling statement due to statement timeout",
	 "statement_timeout",
	 false},
	{"query_canceled",
	 "canceling statement due to user request",
	 "a cancel request of the program or an administrator",
	 false},
	{"query_canceled", NULL, "statement_timeout or a cancel request", false},
	{"lock_not_available",
	 "canceling statement due to lock timeout",
	 "lock_timeout",
	 false},
	{"serialization_failure",
	 "canceling statement due to conflict with recovery",
	 "a conflict with recovery on the standby",
	 false},
	{"deadlock_detected",
	 "canceling statement due to conflict with recovery",
	 "a conflict with recovery on the standby",
	 false},
	{"interrupted", NULL, "sqlite3_interrupt of the program", false},
	{"transaction_timeout", NULL, "transaction_timeout", true},
	{"idle_in_transaction_session_timeout",
	 NULL,
	 "idle_in_transaction_session_timeout",
	 true},
	{"idle_session_timeout", NULL, "idle_session_timeout", true},
	{"admin_shutdown",
	 NULL,
	 "an administrator or a shutdown of the server",
	 true},
	{"crash_shutdown", NULL, "a crash of another server process", true},
	{"database_dropped", NULL, "DROP DATABASE", true},
};

static bool
begins_with(osp_str text, const char *begin)
{
	size_t len = strlen(begin);

	return text.len >= len && memcmp(text.ptr, begin, len) == 0;
}

/* What ended op; NULL: nothing, it has finished, or failed by itself. */
static const osp__ending *
ended_by(osp__findings *f, const osp__op *op)
{
	osp_str etype = osp__report_inside(op->node->etype);
	size_t i;

	if (!op->failed || op->statement != op)
		return NULL;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
	{
		osp_str error;

		if (!osp_str_eq(etype, osp_str_of(endings[i].etype)))
			continue;
		if (endings[i].message == NULL)
			return &endings[i];
		f->status = osp__report_describe(f->report, op->node, &f->what);
		if (f->status != OSP_OK)
			return NULL;

		/* "query_canceled: canceling statement …" */
		error = osp_buf_str(&f->what.error);
		if (error.len > etype.len + 2 &&
			begins_with(
				osp_str_n(error.ptr + etype.len + 2, error.len - etype.len - 2),
				endings[i].message))
			return &endings[i];
	}
	return NULL;
}

/* Is op inside a statement that was ended, or inside a server's statement that went on
 * because its code has caught the error? Its parents are marked by `handled`. */
static bool
is_inside(const osp__op *op)
{
	const osp__op *parent = op->parent;

	return parent->node != NULL &&
		   (parent->handled || parent->ending != NULL ||
			(parent->kind == OSP__OP_PG && !parent->failed));
}

/* Is op to be named rather than another one: because its session was ended, or because
 * it took longer? */
static bool
is_weightier(const osp__op *op, const osp__op *other)
{
	if (op->ending->of_session != other->ending->of_session)
		return op->ending->of_session;
	return osp__op_ns(op) > osp__op_ns(other);
}

void
osp__find_ended(osp__findings *f)
{
	int64_t ns = 0;
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = f->walk[i]; /* parents come first */

		op->handled = is_inside(op);
		op->ending = !op->handled ? ended_by(f, op) : NULL;
		if (op->ending == NULL)
			continue;
		ns += osp__op_ns(op);
		f->ended_count++;
		if (f->ended == NULL || is_weightier(op, f->ended))
			f->ended = op;
	}
	if (f->ended != NULL && !f->ended->ending->of_session &&
		(double) ns < OSP__FINDING_SHARE * (double) f->total_ns)
		f->ended = NULL;
}

const char *
osp__ended_by(const osp__findings *f, const osp__op *op)
{
	if (f->ended == NULL)
		return NULL;
	while (op != NULL && op->ending == NULL)
		op = op->parent;
	return op != NULL ? op->ending->by : NULL;
}
