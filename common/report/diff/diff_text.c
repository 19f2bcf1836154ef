/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_text.c
 *	  Writes the comparison of two traces for a terminal.
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
#include <math.h>
#include <stdio.h>

#include "osprofiler/notification.h"
#include "report/terminal_text.h"

/* How many rows are drawn at most, and their smallest change as a share of the longer
 * trace, unless all rows are wanted. */
#define ROWS_MAX     20
#define CHANGE_SHARE 0.001

/* From this factor on, "times as fast" is written instead of a percentage. */
#define FAST_TIMES 50

/* The smallest widths of a line that shows own times and counts, totals, and
 * the time when a trace began. */
#define WIDTH_TIMES 80
#define WIDTH_TOTAL 100
#define WIDTH_BEGIN 130

#define TEXT_MIN     16
#define NAME_COLUMNS 40
#define ID_NARROW    13

/* Column of operations on narrow lines, and indentation of lines below a row. */
#define TEXT_INDENT  11
#define BELOW_INDENT 4

/* Columns of "plan in A: generic: ". */
#define PLAN_LABEL 20

/* Expected costs differ if one is at least this many times the other: with other
 * constants, the same plan has slightly different costs. */
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
	size_t indent; /* the column where operations begin */
	size_t column; /* length of the line; only set where it is needed */
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
is_wide(const writer *w, unsigned columns)
{
	return w->options.width == 0 || w->options.width >= columns;
}

/* Appends this program's own words, on as many lines as needed; the first line begins
 * at w->column, the others at indent. */
static void
put_words(writer *w, const char *text, size_t indent)
{
	while (*text != '\0')
	{
		size_t len = strcspn(text, " ");

		if (w->column > indent && !is_wide(w, w->column + 1 + (unsigned) len))
		{
			osp_buf_addf(w->out, "\n%*s", (int) indent, "");
			w->column = indent;
		}
		else if (w->column > indent)
		{
			osp_buf_add_char(w->out, ' ');
			w->column++;
		}
		osp_buf_add(w->out, text, len);
		w->column += len;
		text += len + strspn(text + len, " ");
	}
	osp_buf_add_char(w->out, '\n');
	w->column = 0;
}

/* Appends a text from outside, cut to the rest of a line on which used columns are
 * taken. It may take at least `least` columns, even beyond the line, and at most `most`
 * (0: no limit). Returns the columns that it takes. */
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

/* Appends a text from outside behind another one, if there is room for at least part of
 * it. */
static void
put_behind(writer *w, osp_str text, size_t used)
{
	if (text.len == 0 || !is_wide(w, (unsigned) (used + TEXT_MIN / 2)))
		return;
	osp_buf_addf(w->out, "  ");
	(void) put_outside(w, text, used, 0, 0);
}

/* ---- the head ---- */

/* Appends a part of a trace's line, on a new line if this one is full. */
static void
put_part(writer *w, const char *color, const char *text)
{
	size_t len = strlen(text);

	if (!is_wide(w, (unsigned) (w->column + 2 + len)))
	{
		osp_buf_addf(w->out, "\n ");
		w->column = 1;
	}
	osp_buf_addf(w->out, "  ");
	put_colored(w, color, text);
	w->column += 2 + len;
}

static void
put_count(writer *w, const char *color, uint64_t count, const char *what,
		  const char *more)
{
	char text[64];

	if (count == 0)
		return;
	(void) snprintf(text,
					sizeof(text),
					"%" PRIu64 " %s%s%s",
					count,
					what,
					count == 1 ? "" : "s",
					more);
	put_part(w, color, text);
}

static void
put_trace(writer *w, const char *label, const osp__diff_trace *trace)
{
	const osp_report *report = trace->report;
	char time[OSP__DURATION_MAX];
	char started[OSP_TIMESTAMP_LEN + sizeof(" UTC")];

	put_colored(w, COLOR_BOLD, label);
	osp_buf_addf(w->out, "  ");
	osp_buf_reset(&w->d->scratch);
	if (w->d->status == OSP_OK)
		w->d->status = osp__report_decode(
			trace->report, osp__report_inside(report->base_id), &w->d->scratch);
	w->column = 3 + osp__terminal_text(w->out,
									   osp_buf_str(&w->d->scratch),
									   w->options.unicode,
									   is_wide(w, WIDTH_TIMES) ? NAME_COLUMNS
															   : ID_NARROW);
	osp__duration_text(trace->findings.total_ns, time);
	osp_buf_addf(w->out, "  %8s", time);
	w->column += 2 + 8;
	put_count(w, COLOR_DIM, trace->operations, "operation", "");
	put_count(w, COLOR_WARN, trace->failed, "error", "");
	put_count(w, COLOR_WARN, trace->unfinished, "operation", " without an end");
	put_count(w, COLOR_WARN, report->lost_points, "point", " lost");
	put_count(w, COLOR_WARN, report->malformed, "malformed point", "");
	if (report->any_point && is_wide(w, WIDTH_BEGIN))
	{
		osp_timestamp_text(report->started_ns, started);
		memcpy(started + OSP_TIMESTAMP_LEN, " UTC", sizeof(" UTC"));
		put_part(w, COLOR_DIM, started);
	}
	osp_buf_add_char(w->out, '\n');
}

/* Writes "B took 1.10 s longer, 11.8 times as long." */
static void
put_difference(writer *w)
{
	int64_t change_ns = osp__diff_total_ns(w->d);
	double before = (double) w->d->traces[0].findings.total_ns;
	double after = (double) w->d->traces[1].findings.total_ns;
	char time[OSP__DURATION_MAX];
	char how[64] = "";
	char text[160];

	w->column = 0;
	if (change_ns == 0)
	{
		put_words(w, "Both took the same time.", 0);
		return;
	}
	osp__duration_text(osp__diff_magnitude(change_ns), time);
	if (before > 0 && after >= 2 * before)
		(void) snprintf(
			how, sizeof(how), ", %.3g times as long", after / before);
	else if (after > 0 && before >= FAST_TIMES * after)
		(void) snprintf(
			how, sizeof(how), ": it was %.3g times as fast", before / after);
	else if (before > 0)
		(void) snprintf(
			how, sizeof(how), ", %+.1f %%", (after / before - 1) * 100);
	(void) snprintf(text,
					sizeof(text),
					"B took %s %s%s.",
					time,
					change_ns < 0 ? "less" : "longer",
					how);
	put_words(w, text, 0);
}

static void
put_doubts(writer *w)
{
	bool a = osp__diff_is_doubtful(&w->d->traces[0]);
	bool b = osp__diff_is_doubtful(&w->d->traces[1]);
	char text[160];

	if (!a && !b)
		return;
	(void) snprintf(text,
					sizeof(text),
					"%s not whole: what seems to be a difference may be "
					"missing there only.",
					a && b ? "Both traces are"
					: a    ? "Trace A is"
						   : "Trace B is");
	w->column = 0;
	put_color(w, COLOR_WARN);
	put_words(w, text, 0);
	put_color(w, "0");
}

/* ---- the rows ---- */

static void
put_change(writer *w, int64_t ns)
{
	char time[OSP__DURATION_MAX + 1];

	time[0] = ns < 0 ? '-' : '+';
	osp__duration_text(osp__diff_magnitude(ns), time + 1);
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
	int shift = w->options.unicode ? 0 : 1; /* further columns of the arrow */
	size_t begin;

	put_color(w, COLOR_DIM);
	osp_buf_addf(w->out, "\n");
	begin = w->out->len;
	osp_buf_addf(w->out, "%9s", "change");
	if (is_wide(w, WIDTH_TIMES))
		osp_buf_addf(w->out, "  %*s", 19 + shift, "own time");
	if (is_wide(w, WIDTH_TOTAL))
		osp_buf_addf(w->out, "  %*s", 19 + shift, "total");
	if (is_wide(w, WIDTH_TIMES))
		osp_buf_addf(w->out, "  %*s", 15 + shift, "count");
	osp_buf_addf(w->out, "  ");
	w->indent = w->out->len - begin;
	osp_buf_addf(w->out, "operation");
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
	(void) put_outside(w, plan->nodes, BELOW_INDENT + PLAN_LABEL, TEXT_MIN, 0);
}

/* Writes a line for a plan that differs, but whose nodes are not known. */
static void
put_unknown_plan(writer *w, const char *label)
{
	osp_buf_addf(w->out, "%*s", BELOW_INDENT, "");
	put_color(w, COLOR_WARN);
	osp_buf_addf(w->out, "plan in %s: ", label);
	put_color(w, "0");
	osp_buf_addf(w->out, "another one; its nodes were not recorded\n");
}

/* Writes the nodes that differ between both plans. */
static void
put_changed_nodes(writer *w, const osp__diff_row *row)
{
	osp_str changed[2];

	if (!osp__diff_changed_nodes(row, changed))
		return;
	osp_buf_addf(w->out, "%*s", BELOW_INDENT, "");
	put_color(w, COLOR_WARN);
	osp_buf_addf(w->out, "changed: ");
	put_color(w, "0");
	(void) put_outside(w, changed[0], 0, TEXT_MIN, 0);
	osp_buf_addf(w->out, " %s ", arrow(w));
	(void) put_outside(w, changed[1], 0, TEXT_MIN, 0);
	osp_buf_add_char(w->out, '\n');
}

/* Writes the plans of a row whose plans differ, each on a line. */
static void
put_plans(writer *w, const osp__diff_row *row)
{
	static const char *const labels[] = {"A", "B"};
	int side;

	for (side = 0; side < 2; side++)
	{
		const osp__diff_plan *plan = row->sides[side].plans;

		if (!osp__diff_has_nodes(&row->sides[side]) &&
			osp__diff_has_nodes(&row->sides[1 - side]))
		{
			put_unknown_plan(w, labels[side]);
			continue;
		}

		for (; plan != NULL; plan = plan->next)
		{
			osp_buf_addf(w->out, "%*s", BELOW_INDENT, "");
			put_color(w, COLOR_WARN);
			osp_buf_addf(w->out, "plan in %s: ", labels[side]);
			put_color(w, "0");
			put_plan(w, plan);
			osp_buf_add_char(w->out, '\n');
		}
	}
	put_changed_nodes(w, row);
}

static void
put_same_plan(writer *w)
{
	osp_buf_addf(w->out, "%*s", BELOW_INDENT, "");
	put_colored(w, COLOR_DIM, "same plan");
	osp_buf_add_char(w->out, '\n');
}

/* Writes the expected costs of both sides if they differ much. */
static void
put_costs(writer *w, const osp__diff_row *row)
{
	double before = row->sides[0].plan_cost;
	double after = row->sides[1].plan_cost;

	if (before <= 0 || after <= 0 ||
		(after < COST_TIMES * before && before < COST_TIMES * after))
		return;
	osp_buf_addf(w->out, "%*s", BELOW_INDENT, "");
	put_color(w, COLOR_WARN);
	osp_buf_addf(
		w->out, "expected cost: %.4g %s %.4g", before, arrow(w), after);
	put_color(w, "0");
	osp_buf_add_char(w->out, '\n');
}

/* The mark of a row that only one of the traces has. */
static const char *
only_mark(const osp__diff_row *row)
{
	if (row->sides[0].count == 0)
		return "only in B  ";
	return row->sides[1].count == 0 ? "only in A  " : "";
}

/* Is more known about the plans of both sides than their kind? */
static bool
is_planned(const osp__diff_row *row)
{
	const osp__diff_side *a = &row->sides[0];
	const osp__diff_side *b = &row->sides[1];

	return (osp__diff_has_nodes(a) && osp__diff_has_nodes(b)) ||
		   (a->tree_count > 0 && b->tree_count > 0);
}

static void
put_row(writer *w, const osp__diff_row *row)
{
	const osp__diff_side *a = &row->sides[0];
	const osp__diff_side *b = &row->sides[1];
	size_t used = w->indent;

	put_change(w, row->change_ns);
	if (is_wide(w, WIDTH_TIMES))
		put_times(w, a->self_ns, b->self_ns, a->count > 0, b->count > 0);
	if (is_wide(w, WIDTH_TOTAL))
		put_times(w, a->total_ns, b->total_ns, a->timed, b->timed);
	if (is_wide(w, WIDTH_TIMES))
		osp_buf_addf(w->out,
					 "  %6" PRIu64 " %s %6" PRIu64,
					 a->count,
					 arrow(w),
					 b->count);
	osp_buf_addf(w->out, "  ");
	put_colored(w, COLOR_WARN, only_mark(row));
	used += strlen(only_mark(row));
	put_color(w, COLOR_BOLD);
	used += put_outside(w, row->name, used, TEXT_MIN, NAME_COLUMNS) + 2;
	put_color(w, "0");
	put_behind(w, row->text, used);
	osp_buf_add_char(w->out, '\n');
	if (osp__diff_plans(row) == OSP__DIFF_OTHER)
		put_plans(w, row);
	if (osp__diff_plans(row) != OSP__DIFF_SAME)
		put_costs(w, row);
	else if (is_planned(row))
		put_same_plan(w);
}

/* The smallest change that is worth a line, in ns. */
static double
least_change(const writer *w)
{
	int64_t before_ns = w->d->traces[0].findings.total_ns;
	int64_t after_ns = w->d->traces[1].findings.total_ns;

	return CHANGE_SHARE *
		   (double) (after_ns > before_ns ? after_ns : before_ns);
}

/* Is a row worth a line? */
static bool
is_remarkable(const osp__diff_row *row, double least)
{
	return fabs((double) row->change_ns) >= least || row->sides[0].count == 0 ||
		   row->sides[1].count == 0 || osp__diff_plans(row) == OSP__DIFF_OTHER;
}

static void
put_rows(writer *w)
{
	double least = least_change(w);
	int64_t rest_ns = 0;
	size_t drawn = 0;
	char text[96];
	size_t i;

	put_heading(w);
	for (i = 0; i < w->d->row_count; i++)
	{
		const osp__diff_row *row = w->d->rows[i];

		if (w->options.all || (drawn < ROWS_MAX && is_remarkable(row, least)))
		{
			put_row(w, row);
			drawn++;
		}
		else if (row->kind != OSP__OP_NODE)
			osp__ns_add(&rest_ns, row->change_ns);
	}
	if (drawn == w->d->row_count)
		return;
	put_change(w, rest_ns);
	(void) snprintf(
		text,
		sizeof(text),
		"%zu more shape%s of operations together (--all shows each)",
		w->d->row_count - drawn,
		w->d->row_count - drawn == 1 ? "" : "s");
	osp_buf_addf(w->out, "  ");
	w->column = TEXT_INDENT;
	put_words(w, text, TEXT_INDENT);
}

/* ---- errors ---- */

/* Writes the errors that only this one of the traces has. */
static void
put_errors(writer *w, int number, const char *heading)
{
	const osp__diff_error *error = w->d->first_error;
	bool any = false;

	for (; error != NULL; error = error->next)
	{
		size_t used = TEXT_INDENT;

		if (error->counts[number] == 0 || error->counts[1 - number] > 0)
			continue;
		if (!any)
			osp_buf_addf(w->out, "\n%s\n", heading);
		any = true;
		osp_buf_addf(w->out, "%7" PRIu64 " x  ", error->counts[number]);
		put_color(w, COLOR_SLOWER);
		(void) put_outside(w, error->text, used, TEXT_MIN, 0);
		put_color(w, "0");
		osp_buf_addf(w->out, "\n%*s", TEXT_INDENT, "");
		used = TEXT_INDENT +
			   put_outside(
				   w, error->row->name, TEXT_INDENT, TEXT_MIN, NAME_COLUMNS) +
			   2;
		put_behind(w, error->row->text, used);
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
