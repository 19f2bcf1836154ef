/* SPDX-License-Identifier: Apache-2.0
 *
 * find_longest.c
 *	  Finds the longest statements of which the rules explain little. They are
 *	  not findings: it is known where the time went, but not why.
 */
#include "report/findings/sqlite_function.h"

#include "report/findings/calls.h"
#include "report/findings/findings.h"

#include "osprofiler/notification.h"

/* If more than UNEXPLAINED of a trace is not explained, its longest statements are
 * named. Up to MUCH_UNEXPLAINED, only those are named that have no findings
 * themselves. */
#define UNEXPLAINED      0.1
#define MUCH_UNEXPLAINED 0.3

/* If rules have claimed this part (a fifth) of a statement, it counts as explained, and
 * its other time is named as the rest. */
#define EXPLAINED 5

/* Sums over the executions of a statement. */
typedef struct same
{
	uint64_t shape;
	osp__longest all;
	struct same *next;
} same;

/* A step of SQLite's virtual machine takes some ten ns. A statement that took this long
 * for each of its steps hardly computed. */
#define STEP_NS 20000

/* A statement with many steps that took this long for each did something else in them.
 * That may be the program's work between two rows, unless its pauses are measured. */
#define SLOW_STEP_NS  250
#define SLOW_STEP_MIN 10000

/* Was an important part of the time claimed? */
static bool
is_explained(int64_t left_ns, int64_t own_ns)
{
	return left_ns <= own_ns - own_ns / EXPLAINED;
}

static bool
is_long(const osp__findings *f, const same *at)
{
	if (at->all.ns < OSP__FINDING_NS ||
		(double) at->all.ns < OSP__FINDING_SHARE * (double) f->total_ns)
		return false;
	return osp__findings_unexplained(f) > MUCH_UNEXPLAINED ||
		   !is_explained(at->all.ns, at->all.own_ns);
}

static void
insert(osp__findings *f, const osp__longest *longest)
{
	unsigned at = f->longest_count;
	unsigned i;

	while (at > 0 && f->longest[at - 1].ns < longest->ns)
		at--;
	if (at == OSP__LONGEST_MAX)
		return;
	if (f->longest_count < OSP__LONGEST_MAX)
		f->longest_count++;
	for (i = f->longest_count - 1; i > at; i--)
		f->longest[i] = f->longest[i - 1];
	f->longest[at] = *longest;
}

/* Finds or makes the sums of op's statement; NULL: no memory. A statement without text
 * has sums of its own. */
static same *
same_as(osp__findings *f, osp__table *table, same **all, const osp__op *op)
{
	size_t pos = 0;
	same *at;

	while (op->shape != 0 &&
		   (at = osp__table_next(table, op->shape, &pos)) != NULL)
		if (at->shape == op->shape && at->all.op->kind == op->kind)
			return at;
	at = osp__arena_alloc(&f->arena, sizeof(*at));
	if (at == NULL || !osp__table_reserve(table, 1))
	{
		f->status = OSP_ENOMEM;
		return NULL;
	}
	memset(at, 0, sizeof(*at));
	at->shape = op->shape;
	at->next = *all;
	*all = at;
	osp__table_add(table, op->shape, at);
	return at;
}

/* Is the execution of op already counted? It is for the statement that runs it if both
 * have the same text, as CREATE TABLE … AS and its query have, and for the DECLARE of the
 * cursor from which a FETCH took it. */
static bool
is_counted(const osp__op *op)
{
	const osp__op *outer = osp__op_statement(op->parent);

	if (osp__op_is_fetched(op))
		return true;
	return op->shape != 0 && outer != NULL && outer->kind == op->kind &&
		   outer->shape == op->shape && outer->left_ns > 0;
}

/* Adds SQLite's counters; they are 0 for operations of PostgreSQL. */
static void
add_counters(osp__longest *all, const osp__op *op)
{
	all->steps += osp__op_fact(op, OSP__VM_STEPS);
	all->scanned += osp__op_fact(op, OSP__FULLSCAN_STEPS);
	all->sorts += osp__op_fact(op, OSP__SORTS);
	all->rows += osp__op_fact(op, OSP__ROWS);
}

static void
add_up(osp__findings *f, osp__table *table, same **all)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		same *at;

		if (op->statement != op || op->left_ns <= 0)
			continue;
		at = same_as(f, table, all, op);
		if (at == NULL)
			break;
		if (at->all.op == NULL || op->left_ns > at->all.op->left_ns)
			at->all.op = op;
		at->all.ns += op->left_ns;
		at->all.count += !is_counted(op);
		at->all.own_ns += op->own_ns;
		add_counters(&at->all, op);
	}
}

static bool
has_plan(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	while (child != NULL && child->kind != OSP__OP_NODE)
		child = osp__op_sibling(f, child);
	return child != NULL;
}

/* Appends "most likely a function …, slow()"; false: the statement calls no function of
 * the program. */
static bool
say_program_function(osp__findings *f, const osp__op *op, const char *before,
					 osp_buf *out)
{
	osp_str name;

	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "statement", &f->scratch);
	name = osp__program_function(osp_buf_str(&f->scratch));
	if (name.len == 0)
		return false;
	osp_buf_add_str(out, osp_str_of(before));
	osp_buf_add_str(out,
					OSP_STR("most likely a function of the program or of an "
							"extension, "));
	osp_buf_add_str(out, name);
	osp_buf_add_str(out, OSP_STR("()"));
	return true;
}

/* Appends what may have taken long although SQLite hardly computed. */
static void
say_other_work(osp__findings *f, const osp__op *op, const char *otherwise,
			   osp_buf *out)
{
	if (!say_program_function(f, op, "", out))
		osp_buf_add_str(out, osp_str_of(otherwise));
}

/* Appends what SQLite counted in all executions; false: nothing worth telling. */
static bool
say_counters(osp__findings *f, const osp__longest *all, osp_buf *out)
{
	int64_t rows = all->scanned;
	int64_t sorts = all->sorts;
	int64_t steps = all->steps;

	if (rows + sorts == 0)
		return false;
	osp_buf_add_str(out, OSP_STR("it "));
	if (rows > 0)
	{
		osp_buf_add_str(out, OSP_STR("read "));
		osp__say_number(out, rows, "row");
		osp_buf_add_str(out, OSP_STR(" of whole tables"));
	}
	if (rows > 0 && sorts > 0)
		osp_buf_add_str(out, OSP_STR(" and "));
	if (sorts > 0)
	{
		osp_buf_add_str(out, OSP_STR("sorted rows "));
		osp__say_number(out, sorts, "time");
	}
	osp_buf_add_str(out, OSP_STR(", in "));
	osp__say_number(out, steps, "step");
	osp_buf_add_str(out, OSP_STR(" of SQLite's virtual machine"));
	if (steps < SLOW_STEP_MIN || all->ns / SLOW_STEP_NS < steps)
		return true;
	if (osp__may_have_paused(all->op))
		osp_buf_add_str(out,
						OSP_STR("; part of the time may be the program's, "
								"between the rows that it fetched"));
	else if (sorts == 0 && (all->rows <= all->count ||
							osp__op_fact(all->op, OSP__ACTIVE) > 0))
	{
		osp_buf_add_str(out, OSP_STR(", which took "));
		osp__say_time(out, all->ns / steps);
		osp_buf_add_str(out, OSP_STR(" each: "));
		say_other_work(f,
					   all->op,
					   "most likely a function of the program, long values or "
					   "reading from the disk",
					   out);
	}
	return true;
}

/* Appends the reason of a statement that took long for its few steps. Waits that are
 * measured were not the reason. */
static void
say_no_work(osp__findings *f, const osp__longest *all, osp_buf *out)
{
	const osp__op *op = all->op;

	osp_buf_add_str(out, OSP_STR("it hardly computed ("));
	osp__say_number(out, all->steps, "step");
	osp_buf_add_str(out, OSP_STR("): "));
	if (osp__may_have_paused(op))
		osp_buf_add_str(out,
						OSP_STR("the program took its time between the rows "
								"that it fetched, or it waited for a lock or "
								"the disk"));
	else if (op->lacks_pauses || op->lacks_syncs ||
			 op->locking != OSP__LOCKING_READ)
		say_other_work(f, op, "likely it waited for a lock or the disk", out);
	else
		say_other_work(f,
					   op,
					   "likely it read from the disk, or from a virtual table",
					   out);
	if (op->lacks_syncs)
		osp_buf_add_str(out, OSP_STR("; " OSP__SYNCS_UNMEASURED));
}

/* How long a statement neither had a CPU nor waited for anything that is sampled. */
static int64_t
unnamed_ns(const osp__op *op)
{
	return osp__op_fact(op, OSP__CPU_OF) - osp__op_fact(op, OSP__CPU) -
		   osp__op_fact(op, OSP__WAIT_ANY) - op->starved_ns;
}

/* Appends how the user can find out more about a statement of a server that
 * waited for an extension most of the time, or that calls functions. */
static void
say_how_to_see_more(osp__findings *f, const osp__op *op, osp_buf *out)
{
	int64_t outside_ns = osp__op_own_fact(f, op, OSP__WAIT_APART) -
						 osp__op_own_fact(f, op, OSP__WAIT_SLEEP) -
						 osp__op_own_fact(f, op, OSP__WAIT_CLIENT_READ) -
						 osp__op_own_fact(f, op, OSP__WAIT_CLIENT_WRITE);
	osp__calls calls;
	osp_str text;
	bool own;

	if (op->kind != OSP__OP_PG)
		return;
	if (outside_ns > op->left_ns / 2)
	{
		osp_buf_add_str(out, OSP_STR("; it waited for about "));
		osp__say_time(out, outside_ns);
		osp_buf_add_str(out,
						OSP_STR(" in an extension, as for another server "
								"(dblink, a foreign table)"));
	}
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "statement", &f->scratch);
	text = osp_buf_str(&f->scratch);
	if (!osp__is_query_with_calls(text) || osp__records_functions(f))
		return;
	if (op->workers == 0 && unnamed_ns(op) > op->left_ns / 2)
	{
		osp_buf_add_str(out, OSP_STR("; for about "));
		osp__say_time(out, unnamed_ns(op));
		osp_buf_add_str(
			out,
			OSP_STR(" it neither computed nor waited for anything that "
					"PostgreSQL names, as a function may that asks another "
					"server"));
	}
	calls = osp__own_calls_in(text);
	own = calls.count > 0;
	if (!own)
		calls = osp__calls_in(text);
	osp_buf_add_str(out, OSP_STR("; it calls "));
	osp__say_calls(&calls, out);
	if (own)
		osp_buf_add_str(out, OSP_STR(": " OSP__MEASURE_FUNCTIONS));
	else
		osp_buf_addf(out,
					 ", which %s in C or SQL and so recorded by no kind of "
					 "operation",
					 calls.count > 1 ? "are" : "is");
}

/* Did a statement of a server compute for most of the time that no rule has claimed? */
static bool
computed_what_is_left(const osp__op *op)
{
	return op->kind == OSP__OP_PG && osp__left_cpu_ns(op) > op->left_ns / 2;
}

/* Appends "the processor worked on it for about 1.06 s", of the longest execution. */
static void
say_computed(const osp__longest *all, osp_buf *out)
{
	osp_buf_add_str(out,
					all->count > 1
						? OSP_STR("of the longest execution the processor "
								  "worked for about ")
						: OSP_STR("the processor worked on it for about "));
	osp__say_time(out, osp__left_cpu_ns(all->op));
}

/* How many points were left out below a statement: of its own, and of the operations
 * below it, like the triggers of an INSERT. */
static int64_t
left_out(const osp__findings *f, const osp__op *statement)
{
	const osp__op *op = statement;
	int64_t count = 0;

	for (; op != NULL; op = osp__op_below(f, op, statement))
		count += osp__op_fact(op, OSP__TRUNCATED);
	return count;
}

/* Appends that so many points are missing. */
static void
say_left_out(int64_t count, osp_buf *out)
{
	osp__say_number(out, count, "point");
	osp_buf_add_str(out,
					count == 1 ? OSP_STR(" below it was left out, beyond "
										 "osprofiler.max_points")
							   : OSP_STR(" below it were left out, beyond "
										 "osprofiler.max_points"));
}

/* Appends what the server computed and what was left out, behind something else. */
static void
say_more(const osp__findings *f, const osp__longest *all, osp_buf *out)
{
	int64_t count = left_out(f, all->op);

	if (computed_what_is_left(all->op))
	{
		osp_buf_add_str(out, OSP_STR("; "));
		say_computed(all, out);
	}
	if (count > 0)
	{
		osp_buf_add_str(out, OSP_STR("; "));
		say_left_out(count, out);
	}
}

/* Appends why a statement without a recorded plan took long. */
static void
say_without_plan(const osp__findings *f, const osp__longest *all, osp_buf *out)
{
	int64_t count = left_out(f, all->op);

	if (computed_what_is_left(all->op))
	{
		osp_buf_add_str(out, OSP_STR("that is the statement's own work"));
		say_more(f, all, out);
	}
	else if (count > 0)
		say_left_out(count, out);
	else
		osp_buf_add_str(out, OSP_STR("nothing in the trace says why"));
}

/* Appends what is known about the time of a statement that no rule has claimed. */
static void
say_why(osp__findings *f, const osp__longest *all, osp_str server, bool lacks,
		osp_buf *out)
{
	const osp__op *op = all->op;
	int64_t steps = all->steps;

	if (op->kind == OSP__OP_DB && lacks)
	{
		osp_buf_add_str(out,
						server.len > 0
							? OSP_STR("the cause is in the server at ")
							: OSP_STR("the cause is in the server"));
		osp_buf_add_str(out, server);
		osp_buf_add_str(out, OSP_STR(", whose operations are missing"));
	}
	else if (op->kind == OSP__OP_SQLITE && steps > 0 &&
			 all->ns / STEP_NS >= steps)
		say_no_work(f, all, out);
	else if (op->node->stops == 0)
		osp_buf_add_str(out, OSP_STR("its end is not in the trace"));
	else if (is_explained(all->ns, all->own_ns))
	{
		osp_buf_add_str(out,
						OSP_STR("a part that the causes above do not explain"));
		say_more(f, all, out);
		if (op->kind == OSP__OP_SQLITE)
			(void) say_program_function(f, op, ": ", out);
		say_how_to_see_more(f, op, out);
	}
	else if (has_plan(f, op))
	{
		osp_buf_add_str(out,
						OSP_STR("its plan says what it did, but nothing there "
								"stands out"));
		say_more(f, all, out);
		say_how_to_see_more(f, op, out);
	}
	else if (!say_counters(f, all, out))
	{
		say_without_plan(f, all, out);
		say_how_to_see_more(f, op, out);
	}
	if (f->status == OSP_OK)
		f->status = osp_buf_status(out);
}

static void
say_all(osp__findings *f)
{
	osp_buf server;
	bool lacks = false;
	unsigned i;

	osp_buf_init(&server, f->report->alc, OSP_NOTIFICATION_MAX);
	f->status = osp_report_lacks_server(f->report, &server, &lacks);
	for (i = 0; i < f->longest_count; i++)
	{
		osp__longest *longest = &f->longest[i];

		osp__say_op(f, longest->op, &longest->text);
		say_why(f, longest, osp_buf_str(&server), lacks, &longest->why);
		if (f->status == OSP_OK)
			f->status = osp_buf_status(&longest->text);
	}
	osp_buf_term(&server);
}

void
osp__find_longest(osp__findings *f)
{
	osp__table table;
	same *all = NULL;
	size_t i;

	if (osp__findings_unexplained(f) <= UNEXPLAINED)
		return;
	osp__table_init(&table, f->report->alc);
	add_up(f, &table, &all);
	osp__table_term(&table);
	for (; all != NULL; all = all->next)
		if (is_long(f, all))
			insert(f, &all->all);
	for (i = 0; i < f->longest_count; i++)
	{
		osp_buf_init(&f->longest[i].text, f->report->alc, OSP__FINDING_TEXT);
		osp_buf_init(&f->longest[i].why, f->report->alc, OSP__FINDING_TEXT);
	}
	if (f->longest_count > 0 && f->status == OSP_OK)
		say_all(f);
}
