/* SPDX-License-Identifier: Apache-2.0
 *
 * find_longest.c
 *	  The longest statements of a trace of which the rules explain little. They are
 *	  no findings: where the time went is known, and not why.
 */
#include "report/findings/findings.h"

#include "osprofiler/notification.h"

/* A trace of which more than this is not explained has its longest statements
 * named. */
#define UNEXPLAINED 0.3

/* Of a statement of which a rule has claimed this part, the rest is told as that. */
#define EXPLAINED 5

/* A step of SQLite's virtual machine takes some ten ns. A statement that took this
 * long for each of its steps hardly computed. */
#define STEP_NS 20000

/* One that took this long for each of many did something else in them. Between two rows
 * that it returns that may be the program. */
#define SLOW_STEP_NS  250
#define SLOW_STEP_MIN 10000

static bool
is_long(const osp__findings *f, const osp__op *op)
{
	return op->left_ns >= OSP__FINDING_NS &&
		   (double) op->left_ns >= OSP__FINDING_SHARE * (double) f->total_ns;
}

static void
insert(osp__findings *f, osp__op *op)
{
	unsigned at = f->longest_count;
	unsigned i;

	while (at > 0 && f->longest[at - 1].op->left_ns < op->left_ns)
		at--;
	if (at == OSP__LONGEST_MAX)
		return;
	if (f->longest_count < OSP__LONGEST_MAX)
		f->longest_count++;
	for (i = f->longest_count - 1; i > at; i--)
		f->longest[i].op = f->longest[i - 1].op;
	f->longest[at].op = op;
}

static bool
has_plan(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	while (child != NULL && child->kind != OSP__OP_NODE)
		child = osp__op_sibling(f, child);
	return child != NULL;
}

/* What SQLite counted of a statement; false: nothing that tells. */
static bool
say_counters(const osp__op *op, osp_buf *out)
{
	int64_t rows = osp__op_fact(op, OSP__FULLSCAN_STEPS);
	int64_t sorts = osp__op_fact(op, OSP__SORTS);
	int64_t steps = osp__op_fact(op, OSP__VM_STEPS);

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
	if (sorts == 0 && osp__op_fact(op, OSP__ROWS) <= 1 &&
		steps >= SLOW_STEP_MIN && op->left_ns / SLOW_STEP_NS >= steps)
	{
		osp_buf_add_str(out, OSP_STR(", which took "));
		osp__say_time(out, op->left_ns / steps);
		osp_buf_add_str(out,
						OSP_STR(" each: most likely a function of the program, "
								"long values or reading from the disk"));
	}
	return true;
}

/* What can be said of the time of a statement that no rule has claimed. */
static void
say_why(osp__findings *f, const osp__op *op, osp_str server, bool lacks,
		osp_buf *out)
{
	int64_t steps = osp__op_fact(op, OSP__VM_STEPS);

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
			 op->left_ns / STEP_NS >= steps)
	{
		osp_buf_add_str(out, OSP_STR("it hardly computed ("));
		osp__say_number(out, steps, "step");
		osp_buf_add_str(out,
						OSP_STR("): likely it waited for a lock or the disk"));
	}
	else if (op->node->stops == 0)
		osp_buf_add_str(out, OSP_STR("its end is not in the trace"));
	else if (op->left_ns <= op->own_ns - op->own_ns / EXPLAINED)
		osp_buf_add_str(out, OSP_STR("this is left of it beside the above"));
	else if (has_plan(f, op))
		osp_buf_add_str(out,
						OSP_STR("its plan says what it did, but nothing there "
								"stands out"));
	else if (!say_counters(op, out))
		osp_buf_add_str(out, OSP_STR("nothing in the trace says why"));
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
		say_why(f, longest->op, osp_buf_str(&server), lacks, &longest->why);
		if (f->status == OSP_OK)
			f->status = osp_buf_status(&longest->text);
	}
	osp_buf_term(&server);
}

void
osp__find_longest(osp__findings *f)
{
	size_t i;

	if (osp__findings_unexplained(f) <= UNEXPLAINED)
		return;
	for (i = 1; i < f->op_count; i++)
		if (f->ops[i].statement == &f->ops[i] && is_long(f, &f->ops[i]))
			insert(f, &f->ops[i]);
	for (i = 0; i < f->longest_count; i++)
	{
		osp_buf_init(&f->longest[i].text, f->report->alc, OSP__FINDING_TEXT);
		osp_buf_init(&f->longest[i].why, f->report->alc, OSP__FINDING_TEXT);
	}
	if (f->longest_count > 0)
		say_all(f);
}
