/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_text.c
 *	  The comparison of two traces for a terminal.
 *
 *	  A  11111111-2222-4333-8444-555555555555   102 ms  12 operations
 *	  B  22222222-2222-4333-8444-555555555555   1.20 s  14 operations
 *	  B took 1.10 s longer, 11.8 times as long.
 *
 *	    change           own time              total      count  operation
 *	   +1.09 s   50 ms →   1.14 s   80 ms →   1.20 s     1 →  1  pg  SELECT …
 *	                                                             plan: Index Scan … → Seq Scan …
 *
 * Texts from outside go through osp__terminal_text().
 */
#include "report/diff/diff.h"

#include <inttypes.h>
#include <stdio.h>

#include "osprofiler/notification.h"
#include "report/terminal_text.h"

/* Rows that are drawn, unless all are asked for; and the smallest change. */
#define ROWS_MAX     20
#define CHANGE_SHARE 0.01

/* From so many columns on the totals have a place. */
#define WIDTH_TOTAL 100
#define TEXT_MIN    20

#define NAME_COLUMNS 40

/* Columns of "plan in A: generic: ". */
#define PLAN_LABEL 20

/* A cost that is another one, and not only one for other constants. */
#define COST_TIMES 2

#define COLOR_BOLD   "1"
#define COLOR_DIM    "2"
#define COLOR_WARN   "33"
#define COLOR_SLOWER "31"
#define COLOR_FASTER "32"

typedef struct writer
{
	osp__diff *d;
	osp_draw_options options;
	osp_buf *out;
	size_t indent; /* of the column of operations */
} writer;

static void
put_color(writer *w, const char *color)
{
	if (w->options.color)
		osp_buf_addf(w->out, "\033[%sm", color);
}

static void
put_colored(writer *w, const char *color, const char *text)
{
	put_color(w, color);
	osp_buf_add_str(w->out, osp_str_of(text));
	put_color(w, "0");
}

static const char *
arrow(const writer *w)
{
	return w->options.unicode ? "→" : "->";
}

static bool
has_totals(const writer *w)
{
	return w->options.width == 0 || w->options.width >= WIDTH_TOTAL;
}

/* A text from outside, on the rest of a line of which columns are used, but at
 * least some columns, and at most some. Returns how many it takes. */
static size_t
put_outside(writer *w, osp_str text, size_t used, size_t least, size_t most)
{
	size_t left = most;

	if (w->options.width > 0)
	{
		left = w->options.width > used ? w->options.width - used : 0;
		left = left < least ? least : left;
		if (left == 0)
			return 0;
		left = most > 0 && left > most ? most : left;
	}
	return osp__terminal_text(w->out, text, w->options.unicode, left);
}

/* ---- the head ---- */

static void
put_count(writer *w, const char *color, uint64_t count, const char *what,
		  const char *more)
{
	char text[64];

	if (count == 0)
		return;
	(void) snprintf(text,
					sizeof(text),
					"  %" PRIu64 " %s%s%s",
					count,
					what,
					count == 1 ? "" : "s",
					more);
	put_colored(w, color, text);
}

static void
put_trace(writer *w, const char *label, const osp__diff_trace *trace)
{
	const osp_report *report = trace->report;
	char time[OSP__DURATION_MAX];
	char started[OSP_TIMESTAMP_LEN + 1];

	put_colored(w, COLOR_BOLD, label);
	osp_buf_addf(w->out, "  ");
	osp_buf_reset(&w->d->scratch);
	if (w->d->status == OSP_OK)
		w->d->status = osp__report_decode(
			trace->report, osp__report_inside(report->base_id), &w->d->scratch);
	(void) put_outside(
		w, osp_buf_str(&w->d->scratch), 0, NAME_COLUMNS, NAME_COLUMNS);
	osp__duration_text(trace->findings.total_ns, time);
	osp_buf_addf(w->out, "  %8s", time);
	put_count(w, COLOR_DIM, trace->operations, "operation", "");
	put_count(w, COLOR_WARN, trace->failed, "error", "");
	put_count(w, COLOR_WARN, trace->unfinished, "operation", " without an end");
	put_count(w, COLOR_WARN, report->lost_points, "point", " lost");
	put_count(w, COLOR_WARN, report->malformed, "malformed point", "");
	if (report->any_point && has_totals(w))
	{
		osp_timestamp_text(report->started_ns, started);
		put_color(w, COLOR_DIM);
		osp_buf_addf(w->out, "  %s UTC", started);
		put_color(w, "0");
	}
	osp_buf_add_char(w->out, '\n');
}

/* "B took 1.10 s longer, 11.8 times as long." */
static void
put_difference(writer *w)
{
	int64_t change_ns = osp__diff_total_ns(w->d);
	double before = (double) w->d->traces[0].findings.total_ns;
	double after = (double) w->d->traces[1].findings.total_ns;
	char time[OSP__DURATION_MAX];

	if (change_ns == 0)
	{
		osp_buf_addf(w->out, "Both took the same time.\n");
		return;
	}
	osp__duration_text(change_ns < 0 ? -change_ns : change_ns, time);
	osp_buf_addf(
		w->out, "B took %s %s", time, change_ns < 0 ? "less" : "longer");
	if (before > 0 && after >= 2 * before)
		osp_buf_addf(w->out, ", %.3g times as long", after / before);
	else if (before > 0)
		osp_buf_addf(w->out, ", %+.1f %%", (after / before - 1) * 100);
	osp_buf_addf(w->out, ".\n");
}

static void
put_doubts(writer *w)
{
	bool a = osp__diff_is_doubtful(&w->d->traces[0]);
	bool b = osp__diff_is_doubtful(&w->d->traces[1]);

	if (!a && !b)
		return;
	put_color(w, COLOR_WARN);
	osp_buf_addf(w->out,
				 "%s not whole: what seems to be a difference may be missing "
				 "there only.\n",
				 a && b ? "Both traces are"
				 : a    ? "Trace A is"
						: "Trace B is");
	put_color(w, "0");
}

/* ---- the rows ---- */

static void
put_change(writer *w, int64_t ns)
{
	char time[OSP__DURATION_MAX + 1];

	time[0] = ns < 0 ? '-' : '+';
	osp__duration_text(ns < 0 ? -ns : ns, time + 1);
	if (ns == 0)
		time[0] = ' ';
	put_color(w, ns < 0 ? COLOR_FASTER : ns > 0 ? COLOR_SLOWER : COLOR_DIM);
	osp_buf_addf(w->out, "%9s", time);
	put_color(w, "0");
}

static void
put_times(writer *w, int64_t before_ns, int64_t after_ns, bool a, bool b)
{
	char times[2][OSP__DURATION_MAX] = {"-", "-"};

	if (a)
		osp__duration_text(before_ns, times[0]);
	if (b)
		osp__duration_text(after_ns, times[1]);
	osp_buf_addf(w->out, "  %8s %s %8s", times[0], arrow(w), times[1]);
}

static void
put_heading(writer *w)
{
	int shift = w->options.unicode ? 0 : 1; /* the arrow's columns */

	put_color(w, COLOR_DIM);
	osp_buf_addf(w->out, "\n%9s  %*s", "change", 19 + shift, "own time");
	w->indent = (size_t) (9 + 2 + 19 + shift);
	if (has_totals(w))
	{
		osp_buf_addf(w->out, "  %*s", 19 + shift, "total");
		w->indent += (size_t) (2 + 19 + shift);
	}
	osp_buf_addf(w->out, "  %*s  operation", 15 + shift, "count");
	w->indent += (size_t) (2 + 15 + shift + 2);
	put_color(w, "0");
	osp_buf_add_char(w->out, '\n');
}

static void
put_plan(writer *w, const osp__diff_plan *plan)
{
	if (plan->kind.len > 0)
	{
		(void) put_outside(w, plan->kind, 0, NAME_COLUMNS, NAME_COLUMNS);
		if (plan->nodes.len > 0)
			osp_buf_add_str(w->out, OSP_STR(": "));
	}
	(void) put_outside(w, plan->nodes, w->indent + PLAN_LABEL, TEXT_MIN, 0);
}

/* How the plans of a row differ, each on a line. */
static void
put_plans(writer *w, const osp__diff_row *row)
{
	static const char *const labels[] = {"A", "B"};
	int side;

	for (side = 0; side < 2; side++)
	{
		const osp__diff_plan *plan = row->sides[side].plans;

		for (; plan != NULL; plan = plan->next)
		{
			osp_buf_addf(w->out, "%*s", (int) w->indent, "");
			put_color(w, COLOR_WARN);
			osp_buf_addf(w->out, "plan in %s: ", labels[side]);
			put_color(w, "0");
			put_plan(w, plan);
			osp_buf_add_char(w->out, '\n');
		}
	}
}

/* Of a plan that is known of one trace, or none, the expected costs say something. */
static void
put_costs(writer *w, const osp__diff_row *row)
{
	double before = row->sides[0].plan_cost;
	double after = row->sides[1].plan_cost;

	if (before <= 0 || after <= 0 ||
		(after < COST_TIMES * before && before < COST_TIMES * after))
		return;
	osp_buf_addf(w->out, "%*s", (int) w->indent, "");
	put_color(w, COLOR_WARN);
	osp_buf_addf(
		w->out, "expected cost: %.6g %s %.6g", before, arrow(w), after);
	put_color(w, "0");
	osp_buf_add_char(w->out, '\n');
}

/* The mark of what only one of the traces has. */
static const char *
only_mark(const osp__diff_row *row)
{
	if (row->sides[0].count == 0)
		return "only in B  ";
	return row->sides[1].count == 0 ? "only in A  " : "";
}

static void
put_row(writer *w, const osp__diff_row *row)
{
	const osp__diff_side *a = &row->sides[0];
	const osp__diff_side *b = &row->sides[1];
	size_t used = w->indent;

	put_change(w, row->change_ns);
	put_times(w, a->self_ns, b->self_ns, a->count > 0, b->count > 0);
	if (has_totals(w))
		put_times(w, a->total_ns, b->total_ns, a->timed, b->timed);
	osp_buf_addf(w->out,
				 "  %6" PRIu64 " %s %6" PRIu64 "  ",
				 a->count,
				 arrow(w),
				 b->count);
	put_colored(w, COLOR_WARN, only_mark(row));
	used += strlen(only_mark(row));
	put_color(w, COLOR_BOLD);
	used += put_outside(w, row->name, used, TEXT_MIN, NAME_COLUMNS) + 2;
	put_color(w, "0");
	if (row->text.len > 0)
	{
		osp_buf_addf(w->out, "  ");
		(void) put_outside(w, row->text, used, 0, 0);
	}
	osp_buf_add_char(w->out, '\n');
	if (osp__diff_plans(row) == OSP__DIFF_OTHER)
		put_plans(w, row);
	if (osp__diff_plans(row) != OSP__DIFF_SAME)
		put_costs(w, row);
}

/* Is a row worth its line? */
static bool
is_remarkable(const writer *w, const osp__diff_row *row)
{
	double longest = (double) w->d->traces[0].findings.total_ns;
	double after = (double) w->d->traces[1].findings.total_ns;
	double change = (double) row->change_ns;

	if (after > longest)
		longest = after;
	return (change < 0 ? -change : change) >= CHANGE_SHARE * longest ||
		   row->sides[0].count == 0 || row->sides[1].count == 0 ||
		   osp__diff_plans(row) == OSP__DIFF_OTHER;
}

static void
put_rows(writer *w)
{
	int64_t rest_ns = 0;
	size_t drawn = 0;
	size_t i;

	put_heading(w);
	for (i = 0; i < w->d->row_count; i++)
	{
		const osp__diff_row *row = w->d->rows[i];

		if (w->options.all || (drawn < ROWS_MAX && is_remarkable(w, row)))
		{
			put_row(w, row);
			drawn++;
		}
		else if (row->kind != OSP__OP_NODE &&
				 __builtin_add_overflow(rest_ns, row->change_ns, &rest_ns))
			rest_ns = INT64_MAX;
	}
	if (drawn == w->d->row_count)
		return;
	put_change(w, rest_ns);
	osp_buf_addf(w->out,
				 "  %zu more shape%s of operations together (--all shows "
				 "each)\n",
				 w->d->row_count - drawn,
				 w->d->row_count - drawn == 1 ? "" : "s");
}

/* ---- errors ---- */

/* The errors that only one of the traces has. */
static void
put_errors(writer *w, int number, const char *heading)
{
	const osp__diff_error *error = w->d->first_error;
	bool any = false;

	for (; error != NULL; error = error->next)
	{
		size_t used = 9 + 2;

		if (error->counts[number] == 0 || error->counts[1 - number] > 0)
			continue;
		if (!any)
			osp_buf_addf(w->out, "\n%s\n", heading);
		any = true;
		osp_buf_addf(w->out, "%7" PRIu64 " x  ", error->counts[number]);
		put_color(w, COLOR_SLOWER);
		used += put_outside(w, error->text, used, TEXT_MIN, 0);
		put_color(w, "0");
		osp_buf_addf(w->out, "\n%11s", "");
		used = 11 +
			   put_outside(w, error->row->name, 11, TEXT_MIN, NAME_COLUMNS) + 2;
		osp_buf_addf(w->out, "  ");
		(void) put_outside(w, error->row->text, used, 0, 0);
		osp_buf_add_char(w->out, '\n');
	}
}

osp_status
osp_report_diff(osp_report *before, osp_report *after,
				const osp_draw_options *options, osp_buf *out)
{
	osp__diff d;
	writer w;
	osp_status status = osp__diff_make(&d, before, after);

	memset(&w, 0, sizeof(w));
	w.d = &d;
	w.out = out;
	osp_struct_copy(&w.options, sizeof(w.options), options);
	if (status == OSP_OK)
	{
		put_trace(&w, "A", &d.traces[0]);
		put_trace(&w, "B", &d.traces[1]);
		put_difference(&w);
		put_doubts(&w);
		put_rows(&w);
		put_errors(&w, 1, "Errors in B only:");
		put_errors(&w, 0, "Errors in A only:");
		status = d.status;
	}
	if (status == OSP_OK)
		status = osp_buf_status(out);
	osp__diff_term(&d);
	return status;
}
