/* SPDX-License-Identifier: Apache-2.0
 *
 * find_trigger.c
 *	  Rules: the work of triggers, the own work of functions, and sleeping.
 */
#include "report/findings/foreign_key.h"
#include "report/findings/rules.h"

enum
{
	SUM_CALLS,
	SUM_FOLDED,  /* triggers whose further calls are one operation */
	SUM_LEFT_OUT /* triggers below operations that lack points */
};

/* How many statements of a trigger are read at most. A trigger runs the same few
 * statements for each row, so further ones are repetitions. */
#define KEY_STATEMENTS_MAX 16

/* Reads the statements that a foreign key's trigger ran, or op itself, up to one that
 * searches referring rows: for a row that is deleted, PostgreSQL may first look whether
 * another one has its key. False: none is in the trace. */
static bool
read_key_of(osp__findings *f, const osp__op *op, osp__foreign_key *key)
{
	const osp__op *at = op;
	bool known = false;
	int i = 0;

	for (; at != NULL && i < KEY_STATEMENTS_MAX && !key->referring;
		 at = osp__op_below(f, at, op))
		if (at->checks_key)
		{
			known = osp__foreign_key_read(f, at, key);
			i++;
		}
	return known;
}

/* Like read_key_of(), but for the operations of a group. The longest one may stand for
 * all further calls of a trigger, and no statement is recorded below it. */
static bool
read_key(osp__findings *f, const osp__group *group, osp__foreign_key *key)
{
	uint64_t i;

	if (read_key_of(f, group->largest, key))
		return true;
	for (i = 0; i < group->count && i < OSP__EVIDENCE_OPS_MAX; i++)
		if (read_key_of(f, group->examples[i], key))
			return true;
	return false;
}

/* Is it a trigger? A foreign key's statement that PostgreSQL runs because of another
 * one's changes (ON DELETE CASCADE) counts as one, because it is below no trigger. */
static bool
is_trigger(const osp__op *op)
{
	return op->kind == OSP__OP_TRIGGER ||
		   (op->checks_key && osp__op_statement(op->parent) != NULL);
}

void
osp__look_triggers(osp__findings *f)
{
	osp__op *top = &f->ops[0];
	size_t i;

	top->handled = false;
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = f->walk[i];
		osp__group *group;
		int64_t calls = osp__op_fact(op, OSP__CALLS);

		/* Triggers that a trigger fires are part of its work. */
		op->handled = op->parent->handled;
		if (!is_trigger(op) || op->handled)
			continue;
		op->handled = true;
		group = osp__group_of(f, op->shape);
		osp__claim_below(f, group, op);
		if (group == NULL)
			continue;
		group->sums[SUM_CALLS] += calls > 0 ? calls : 1;
		group->sums[SUM_FOLDED] += calls > 0;
		group->sums[SUM_LEFT_OUT] +=
			osp__op_fact(op->parent, OSP__TRUNCATED) > 0;
	}
}

/* Does the trigger of a foreign key search the rows that refer to one, because that is
 * deleted or gets another key? known: key is from a statement that it ran. */
static bool
searches_referring(osp__findings *f, const osp__op *op, bool known,
				   const osp__foreign_key *key)
{
	osp_str event;

	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "trigger", "event", &f->scratch);
	event = osp_buf_str(&f->scratch);
	if (osp_str_eq(event, OSP_STR("DELETE")))
		return true;
	if (osp_str_eq(event, OSP_STR("INSERT")))
		return false;
	return !known || key->referring;
}

/* Appends advice about the rows that a foreign key searches, and the index for that. */
static void
say_key_step(osp__findings *f, const osp__group *group, osp_buf *step)
{
	osp__foreign_key key;
	bool known;

	osp__foreign_key_init(f, &key);
	known = read_key(f, group, &key);
	if (searches_referring(f, group->largest, known, &key))
		osp_buf_add_str(
			step,
			OSP_STR("When a referenced row is deleted or its key changes, "
					"PostgreSQL searches the rows that refer to it: see that "
					"an index begins with the referencing columns"));
	else
		osp_buf_add_str(
			step,
			OSP_STR("For each row that is inserted, or whose reference "
					"changes, PostgreSQL looks up and locks the row that it "
					"refers to. Of many rows that are known to be right, make "
					"the constraint afterwards: that checks all of them with "
					"one join"));
	if (key.referring)
		osp_buf_addf(step,
					 ": CREATE INDEX CONCURRENTLY ON %.*s (%.*s), unless there "
					 "is one",
					 (int) key.table.len,
					 key.table.ptr,
					 (int) key.columns.len,
					 key.columns.ptr);
	osp_buf_add_char(step, '.');
	osp__foreign_key_term(&key);
}

/* Was the trigger deferred? A trigger at the end of the transaction is that of a
 * constraint, which fires for each row. */
static bool
is_deferred(const osp__op *op)
{
	const osp__op *at = op->parent;

	while (at->kind == OSP__OP_TRIGGER || at->kind == OSP__OP_FUNCTION)
		at = at->parent;
	return at->kind == OSP__OP_COMMIT || at->control == OSP__CONTROL_END;
}

static void
say_trigger_step(const osp__op *op, osp_buf *step)
{
	osp_buf_add_str(
		step, OSP_STR("Look at what the trigger runs, below it in the tree."));
	if (osp_str_eq(osp__node_tracer(op->node), OSP_STR("sqlite")))
		return;
	osp_buf_add_str(
		step,
		is_deferred(op)
			? OSP_STR(" It was deferred to the end of the transaction, and "
					  "fires for each row that this has changed: let it do "
					  "little, or nothing where another call has done it.")
			: OSP_STR(" One that fires FOR EACH STATEMENT with a transition "
					  "table does its work once for all rows."));
}

/* Appends "The trigger note on purchase", or "Checking the foreign key
 * purchase_has_customer". */
static void
say_trigger(osp__findings *f, const osp__op *op, bool foreign_key, osp_buf *out)
{
	if (op->checks_key)
	{
		osp_buf_add_str(out, OSP_STR("A foreign key's statement"));
		return;
	}
	osp_buf_add_str(out,
					foreign_key ? OSP_STR("Checking the foreign key ")
								: OSP_STR("The trigger "));
	osp__say_op(f, op, out);
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "trigger", "table", &f->scratch);
	if (f->scratch.len > 0)
		osp_buf_addf(out, " on %s", f->scratch.ptr);
}

void
osp__tell_triggers(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *op = group->largest;
	int64_t calls = group->sums[SUM_CALLS];
	bool foreign_key = op->checks_key || osp__is_foreign_key(f, op);
	bool at_least =
		group->sums[SUM_LEFT_OUT] > 0 && group->sums[SUM_FOLDED] == 0;

	say_trigger(f, op, foreign_key, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					at_least ? OSP_STR(" in at least ") : OSP_STR(" in "));
	osp__say_number(&finding->cause,
					calls,
					op->checks_key ? "execution"
					: foreign_key  ? "check"
								   : "call");
	if (calls > 1)
	{
		osp_buf_add_str(&finding->cause, OSP_STR(", "));
		osp__say_time(&finding->cause, group->spent_ns / calls);
		osp_buf_add_str(&finding->cause, OSP_STR(" each"));
	}
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, op->parent, &finding->evidence);
	if (op->checks_key)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR("; "));
		osp__say_op(f, op, &finding->evidence);
	}
	if (at_least)
		osp_buf_add_str(&finding->evidence,
						OSP_STR("; further calls, with their time, were left "
								"out beyond osprofiler.max_points"));
	if (foreign_key)
		say_key_step(f, group, &finding->step);
	else
		say_trigger_step(op, &finding->step);
	osp__add_figure(finding, "calls", (double) calls);
}

void
osp__look_functions(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;
		int64_t calls = osp__op_fact(op, OSP__CALLS);

		if (op->kind != OSP__OP_FUNCTION)
			continue;
		group = osp__group_of(f, op->shape);
		osp__claim_time(f, group, op, op->left_ns);
		if (group != NULL)
			group->sums[SUM_CALLS] += calls > 0 ? calls : 1;
	}
}

void
osp__tell_functions(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause, OSP_STR("The function "));
	osp__say_op(f, group->largest, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" spent "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(" in its own code, not in statements that it "
							"runs, in "));
	osp__say_number(&finding->cause, group->sums[SUM_CALLS], "call");
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest->parent, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Look for loops that compute row by row, or build up texts "
				"and arrays piece by piece; one SQL statement does it faster. "
				"If it is called for each row, call it for fewer rows."));
	osp__add_figure(finding, "calls", (double) group->sums[SUM_CALLS]);
}

void
osp__look_sleeps(osp__findings *f)
{
	osp__claim_fact(f, 0, OSP__WAIT_SLEEP);
}

void
osp__tell_sleeps(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause, OSP_STR("The server waited on purpose: "));

	/* Waits are sampled, so the sum may be a little less than the time asked for. */
	osp_buf_add_str(&finding->cause, OSP_STR("pg_sleep took about "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->step,
					OSP_STR("See why the program, or a function of the "
							"database, calls pg_sleep."));
	osp__add_figure(finding, "statements", (double) group->count);
}
