/* SPDX-License-Identifier: Apache-2.0
 *
 * find_error.c
 *	  Rules: errors that were caught or tried again, and a statement that failed
 *	  after a long time.
 */
#include "report/findings/calls.h"
#include "report/findings/rules.h"
#include "report/terminal_text.h"

/* The width of the place of an error. */
#define CONTEXT_COLUMNS 160

#define LOG_SAYS_MORE "The server's log says more about it."

#define WHAT_IT_DID "What it did until then is below it in the tree."

enum
{
	SUM_RETRIES
};

/* Is op the outermost failed operation of a database? */
static bool
is_outermost(const osp__op *op)
{
	return op->failed && osp__op_is_database(op) &&
		   !(op->parent->failed && osp__op_is_database(op->parent));
}

/* Did code in the database catch the error? */
static bool
is_caught(const osp__op *op)
{
	return osp__op_statement(op->parent) != NULL;
}

/* A key that is the same for the same statement with the same error. A statement
 * without a recorded text has a key of its own. */
static uint64_t
key_of(const osp__findings *f, const osp__op *op)
{
	if (op->shape == 0 && op->statement == op)
		return (uint64_t) (op - f->ops);
	return op->shape ^ osp__name_shape(op->node->name, op->node->etype);
}

static void
look(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__op *attempt;
		osp__group *group;

		if (!is_outermost(op))
			continue;
		group = osp__group_of(f, key_of(f, op));
		osp__claim_below(f, group, op);
		attempt = osp__next_attempt(f, op);
		if (attempt == NULL || group == NULL)
			continue;

		/* A loop in the database that continues is not a new attempt. If it
		 * fails again, the time until then was spent on undoing this
		 * failure. */
		if (!is_caught(op))
			group->sums[SUM_RETRIES]++;
		else if (!attempt->failed)
			continue;
		osp__claim_until(f, group, op, attempt);
	}
}

void
osp__look_failures(osp__findings *f)
{
	look(f);
}

void
osp__look_failed(osp__findings *f)
{
	look(f);
}

/* Appends "unique_violation: duplicate key value violates …". */
static void
say_error(osp__findings *f, const osp__op *op, osp_buf *out)
{
	if (f->status == OSP_OK)
		f->status = osp__report_describe(f->report, op->node, &f->what);
	if (f->status == OSP_OK)
		osp_buf_add_str(out, osp_buf_str(&f->what.error));
}

void
osp__tell_failures(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	bool retried = group->sums[SUM_RETRIES] > 0;

	osp_buf_add_str(&finding->cause, OSP_STR("The same statement failed "));
	osp__say_number(&finding->cause, (int64_t) group->count, "time");
	osp_buf_add_str(&finding->cause, OSP_STR(" ("));
	osp_buf_add_str(&finding->cause,
					osp__report_inside(group->largest->node->etype));
	osp_buf_add_str(&finding->cause, OSP_STR("), and "));
	osp_buf_add_str(&finding->cause,
					retried ? OSP_STR("was sent again; the attempts took ")
							: OSP_STR("the program went on; that took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					retried ? OSP_STR(", with the pauses between them.")
							: OSP_STR("."));
	osp__say_op(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	say_error(f, group->largest, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		retried ? OSP_STR("Find out why it fails. Where that depends on other "
						  "transactions, make the transaction shorter, and let "
						  "attempts wait longer each time.")
				: OSP_STR("Avoid the error: INSERT … ON CONFLICT, or a query "
						  "beforehand, costs less than an exception that is "
						  "caught."));
	osp__add_figure(finding, "failures", (double) group->count);
	osp__add_figure(finding, "retries", (double) group->sums[SUM_RETRIES]);
}

/* The CONTEXT of an error, among the lines of its notes; empty: it has none. */
static osp_str
context_of(osp_str notes)
{
	const osp_str name = OSP_STR("CONTEXT: ");

	while (notes.len > name.len)
	{
		const char *end = memchr(notes.ptr, '\n', notes.len);
		size_t len = end != NULL ? (size_t) (end - notes.ptr) : notes.len;

		if (len > name.len && memcmp(notes.ptr, name.ptr, name.len) == 0)
			return osp_str_n(notes.ptr + name.len, len - name.len);
		len += end != NULL;
		notes = osp_str_n(notes.ptr + len, notes.len - len);
	}
	return osp_str_n(notes.ptr, 0);
}

/* Appends where a statement failed; false: that is not known. */
static bool
say_context(osp__findings *f, const osp__op *op, osp_buf *out)
{
	osp_str context;

	if (f->status == OSP_OK)
		f->status = osp__report_describe(f->report, op->node, &f->what);
	if (f->status != OSP_OK)
		return false;
	context = context_of(osp_buf_str(&f->what.notes));
	if (context.len == 0)
		return false;
	osp_buf_add_str(out, OSP_STR(": "));
	(void) osp__terminal_text(out, context, true, CONTEXT_COLUMNS);
	return true;
}

/* Is op what a server did for a client's statement that failed? */
static bool
is_same_failure(const osp__op *op, const osp__op *client)
{
	return op->kind == OSP__OP_PG && client->kind == OSP__OP_DB && op->failed;
}

/* Appends where a statement failed; a client may not have been told all of that. */
static void
say_place(osp__findings *f, const osp__op *op, osp_buf *out)
{
	const osp__op *child = osp__op_child(f, op);

	if (say_context(f, op, out))
		return;
	for (; child != NULL; child = osp__op_sibling(f, child))
		if (is_same_failure(child, op) && say_context(f, child, out))
			return;
}

/* Is anything below a statement that failed, besides the same statement in the
 * server? */
static bool
did_more(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (!is_same_failure(child, op) || osp__op_child(f, child) != NULL)
			return true;
	return false;
}

/* Did a cancel request end the statement, and no timeout of the server? */
static bool
is_asked_for(const osp_buf *cause)
{
	static const char words[] = "canceling statement due to user request";

	return memmem(cause->ptr, cause->len, words, sizeof(words) - 1) != NULL;
}

/* Can EXPLAIN show its plan? */
static bool
has_plan(osp_str statement)
{
	static const char *const words[] = {
		"delete", "insert", "merge", "select", "update", "values", "with"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (osp__begins_with(statement, words[i]))
			return true;
	return false;
}

/* Did the server compute for most of the time of a failed statement? */
static bool
computed_most(const osp__findings *f, const osp__op *op)
{
	const osp__op *at = op;

	while (at != NULL && at->kind != OSP__OP_PG)
		at = osp__op_below(f, at, op);
	return at != NULL && osp__op_fact(at, OSP__CPU) > 0 &&
		   osp__op_fact(at, OSP__CPU) >= osp__op_fact(at, OSP__CPU_OF) / 2;
}

/* Appends how to find out why a statement that was cancelled takes so long. */
static void
say_cancelled_step(osp__findings *f, osp__finding *finding)
{
	const osp__op *op = finding->group->largest;
	osp_buf *step = &finding->step;
	osp_str text;
	bool calls;

	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "statement", &f->scratch);
	text = osp_buf_str(&f->scratch);
	calls = osp__is_code(text) || (osp__is_query_with_calls(text) &&
								   osp__own_calls_in(text).count > 0);
	osp_buf_add_str(
		step,
		is_asked_for(&finding->cause)
			? OSP_STR("The program's own timeout, or somebody who did not want "
					  "to wait, cancelled it.")
			: OSP_STR("statement_timeout, or the client's own timeout, is "
					  "shorter than the statement takes."));
	if (has_plan(text))
		osp_buf_add_str(step,
						calls ? OSP_STR(" EXPLAIN shows its plan, and nothing "
										"of what its functions do.")
							  : OSP_STR(" EXPLAIN shows its plan."));
	else if (did_more(f, op))
		osp_buf_add_str(step, OSP_STR(" " WHAT_IT_DID));
	if (calls && !osp__records_functions(f))
		osp_buf_add_str(step, OSP_STR(" " OSP__MEASURE_FUNCTIONS "."));
	if (!computed_most(f, op))
		osp_buf_add_str(step,
						OSP_STR(" Whether it waits for a lock, "
								"pg_blocking_pids() shows while it lasts."));
}

/* Appends a period, unless the text ends in one; a message may. */
static void
end_sentence(osp_buf *text)
{
	static const char marks[] = {'.', '!', '?'};

	if (text->len == 0 ||
		memchr(marks, text->ptr[text->len - 1], sizeof(marks)) == NULL)
		osp_buf_add_char(text, '.');
}

/* The operation whose error says most: that of the server, if it tells why the client
 * lost its connection. */
static const osp__op *
cause_of(osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	while (child != NULL && (child->kind != OSP__OP_PG || !child->failed))
		child = osp__op_sibling(f, child);
	return op->kind == OSP__OP_DB && child != NULL ? child : op;
}

/* Appends a step for what the program cannot check beforehand: the server ended the
 * session, was not there, or could not do what it was asked for. False: it is an error of
 * the statement. */
static bool
say_server_step(osp__findings *f, const osp__op *op, osp_buf *step)
{
	static const struct
	{
		const char *etype;
		const char *step;
	} steps[] = {
		{"admin_shutdown",
		 "pg_terminate_backend() or a stop of the server ended it: the "
		 "server's log says when the server was stopped."},
		{"crash_shutdown",
		 "Another process of the server crashed, so the server ended all "
		 "sessions: its log names that process (\"was terminated by "
		 "signal\") and its statement."},
		{"connection_exception", NULL},
		{"connection_does_not_exist", NULL},
		{"connection_failure", NULL},
		{"cannot_connect_now",
		 "The server was starting, stopping or recovering: its log says why."},
		{"data_corrupted", LOG_SAYS_MORE},
		{"disk_full", LOG_SAYS_MORE},
		{"index_corrupted", LOG_SAYS_MORE},
		{"internal_error", LOG_SAYS_MORE},
		{"io_error", LOG_SAYS_MORE},
		{"out_of_memory", LOG_SAYS_MORE},
		{"system_error", LOG_SAYS_MORE},
	};
	osp_str etype = osp__report_inside(cause_of(f, op)->node->etype);
	size_t i = 0;

	if (op->kind == OSP__OP_SQLITE)
		return false;
	while (i < sizeof(steps) / sizeof(steps[0]) &&
		   !osp_str_eq(etype, osp_str_of(steps[i].etype)))
		i++;
	if (i == sizeof(steps) / sizeof(steps[0]))
		return false;
	osp_buf_add_str(
		step,
		steps[i].step != NULL
			? osp_str_of(steps[i].step)
			: OSP_STR("The connection was lost. See the server's log at that "
					  "time: whether a process crashed (\"was terminated by "
					  "signal\"), or the server was stopped. If it says "
					  "nothing, something on the way closed the connection (a "
					  "proxy, a pooler, the network)."));
	return true;
}

void
osp__tell_failed(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause, OSP_STR("An operation failed after "));
	osp__say_time(&finding->cause, osp__op_ns(group->largest));
	osp_buf_add_str(&finding->cause, OSP_STR(": "));
	say_error(f, group->largest, &finding->cause);
	end_sentence(&finding->cause);
	osp__say_op(f, group->largest, &finding->evidence);
	say_place(f, group->largest, &finding->evidence);
	if (osp_str_eq(group->largest->node->etype, OSP_STR("\"query_canceled\"")))
		say_cancelled_step(f, finding);
	else
	{
		if (did_more(f, group->largest))
			osp_buf_add_str(&finding->step, OSP_STR(WHAT_IT_DID " "));
		if (!say_server_step(f, group->largest, &finding->step))
			osp_buf_add_str(&finding->step,
							OSP_STR("If it can be checked beforehand whether "
									"it will fail, do that first."));
	}
	osp__add_figure(finding, "failures", (double) group->count);
}
