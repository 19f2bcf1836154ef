/* SPDX-License-Identifier: Apache-2.0
 *
 * findings_text.c
 *	  Writes the findings for a terminal.
 *
 *	  Why it took 1.19 s:
 *	   94 %  1.12 s   A statement waited 1.12 s for a lock that process 18970 held.
 *	                  UPDATE customer SET name = 'Bob' WHERE id = 1 waited for a …
 *	                  Next: See what the transaction that held the lock did: …
 *	    6 %           Not explained.
 *
 *	  If much is not explained, the statements follow that have most of it:
 *	   94 %  1.88 s   UPDATE stock SET n = 2: nothing in the trace says why.
 */
#include "report/findings/findings.h"

#include <inttypes.h>
#include <stdio.h>

#include "report/terminal_text.h"

#define LINE_COLUMNS 100 /* if the output has no width; also the maximum */
#define TEXT_COLUMNS 18  /* column where texts begin */
#define TEXT_MIN     40  /* their smallest width, however narrow it is */

#define COLOR_BOLD "1"
#define COLOR_DIM  "2"
#define COLOR_NEXT "36"
#define COLOR_WARN "33"

typedef struct writer
{
	osp__findings *f;
	osp_draw_options options;
	osp_buf *out;
	osp_buf line;
	size_t columns; /* of texts */
	size_t indent;  /* column where their lines begin */
} writer;

static void
put_color(writer *w, const char *color)
{
	if (w->options.color)
		osp_buf_addf(w->out, "\033[%sm", color);
}

/* Appends a word, on a new line if it does not fit on this one. */
static void
put_word(writer *w, osp_str word, size_t *column)
{
	size_t columns = 0;
	size_t i;

	for (i = 0; i < word.len; i++)
		columns += ((unsigned char) word.ptr[i] & 0xC0) != 0x80;
	if (*column > 0 && *column + 1 + columns > w->columns)
	{
		osp_buf_addf(w->out, "\n%*s", (int) w->indent, "");
		*column = 0;
	}
	if (*column > 0)
		osp_buf_add_char(w->out, ' ');
	osp_buf_add_str(w->out, word);
	*column += (*column > 0 ? 1 : 0) + columns;
}

/* Appends a text in lines that begin at the same column; the first line has begun
 * already. */
static void
put_text(writer *w, const char *color, const char *label, const osp_buf *text)
{
	size_t column = strlen(label);
	osp_str rest;

	osp_buf_reset(&w->line);
	(void) osp__terminal_text(
		&w->line, osp_buf_str(text), w->options.unicode, 0);
	rest = osp_buf_str(&w->line);
	if (w->f->status == OSP_OK)
		w->f->status = osp_buf_status(&w->line);
	put_color(w, color);
	osp_buf_add_str(w->out, osp_str_of(label));
	while (rest.len > 0)
	{
		const char *space = memchr(rest.ptr, ' ', rest.len);
		size_t len = space != NULL ? (size_t) (space - rest.ptr) : rest.len;

		put_word(w, osp_str_n(rest.ptr, len), &column);
		len += space != NULL;
		rest = osp_str_n(rest.ptr + len, rest.len - len);
	}
	put_color(w, "0");
	osp_buf_add_char(w->out, '\n');
}

/* Appends a text whose lines begin at the left margin. */
static void
put_paragraph(writer *w, const char *color, const osp_buf *text)
{
	w->indent = 0;
	w->columns += TEXT_COLUMNS;
	put_text(w, color, "", text);
	w->columns -= TEXT_COLUMNS;
	w->indent = TEXT_COLUMNS;
}

static void
put_share(writer *w, int64_t ns, double percent)
{
	char time[OSP__DURATION_MAX];

	osp__duration_text(ns, time);
	put_color(w, COLOR_BOLD);
	osp_buf_addf(w->out, "%4.0f %%  %-8s", percent, time);
	put_color(w, "0");
	osp_buf_addf(w->out, "  ");
}

static void
put_finding(writer *w, const osp__finding *finding, int percent)
{
	put_share(w, finding->group->ns, percent);
	put_text(w, COLOR_BOLD, "", &finding->cause);
	if (finding->evidence.len > 0)
	{
		osp_buf_addf(w->out, "%*s", TEXT_COLUMNS, "");
		put_text(w, COLOR_DIM, "", &finding->evidence);
	}
	osp_buf_addf(w->out, "%*s", TEXT_COLUMNS, "");
	put_text(w, COLOR_NEXT, "Next:", &finding->step);
}

/* Appends a statement of which only the time is known, and the possible reason. */
static void
put_longest(writer *w, const osp__longest *longest)
{
	osp_buf *text = &w->f->scratch;

	put_share(
		w, longest->ns, (double) longest->ns / (double) w->f->total_ns * 100);
	osp_buf_reset(text);
	if (longest->count > 1)
		osp_buf_addf(text, "%" PRId64 " x ", longest->count);
	osp_buf_add_str(text, osp_buf_str(&longest->text));
	osp_buf_add_str(text, OSP_STR(": "));
	osp_buf_add_str(text, osp_buf_str(&longest->why));
	osp_buf_add_char(text, '.');
	put_text(w, COLOR_DIM, "", text);
}

/* Appends warnings if the shares may be wrong. */
static void
put_doubts(writer *w)
{
	uint64_t lost = w->f->report->lost_points;
	uint64_t callers = w->f->lost_callers;

	if (lost == 0 && callers == 0)
		return;
	put_color(w, COLOR_WARN);
	if (lost > 0)
		osp_buf_addf(w->out,
					 "%llu point%s of the trace %s lost, so these shares may "
					 "be wrong.\n",
					 (unsigned long long) lost,
					 lost == 1 ? "" : "s",
					 lost == 1 ? "was" : "were");
	if (callers > 0)
		osp_buf_addf(
			w->out,
			"The caller%s of %llu operation%s %s not here, or not "
			"whole: some program has not delivered what it did, or has "
			"delivered it to another collector, and its time is not "
			"explained.\n",
			callers == 1 ? "" : "s",
			(unsigned long long) callers,
			callers == 1 ? "" : "s",
			callers == 1 ? "is" : "are");
	put_color(w, "0");
}

/* Does the part of the rest lie outside of the longest statements, which are named? */
static bool
is_outside(int part)
{
	return part != OSP__REST_CPU && part != OSP__REST_WAITING &&
		   part != OSP__REST_STATEMENTS && part != OSP__REST_UNKNOWN;
}

/* Appends the known parts of the time that is not explained. */
static void
put_rest_parts(writer *w)
{
	osp_buf *text = &w->f->scratch;
	int64_t rest_ns[OSP__REST_COUNT];
	int i;

	osp__findings_divide_rest(w->f, rest_ns);
	osp_buf_reset(text);
	for (i = 0; i < OSP__REST_COUNT; i++)
	{
		double share = (double) rest_ns[i] / (double) w->f->total_ns;

		if (is_outside(i) && share >= OSP__FINDING_SHARE)
			osp_buf_addf(text,
						 "%s%.0f %% %s",
						 text->len > 0 ? "; " : "",
						 share * 100,
						 osp__rest_parts[i].text);
	}
	if (w->f->status == OSP_OK)
		w->f->status = osp_buf_status(text);
	if (text->len == 0)
		return;
	osp_buf_addf(w->out, "%*s", TEXT_COLUMNS, "");
	put_text(w, COLOR_DIM, "", text);
}

/* Appends how to measure the times that were estimated, once for all findings. */
static void
put_measure(writer *w)
{
	osp_buf *text = &w->f->scratch;

	if (!osp__findings_are_judged(w->f))
		return;
	osp_buf_reset(text);
	osp_buf_add_str(
		text,
		OSP_STR(
			"Times of plan nodes are judged by their rows. To "
			"measure them, in the session or for the role: " OSP__MEASURE_NODES));
	if (w->f->status == OSP_OK)
		w->f->status = osp_buf_status(text);
	osp_buf_addf(w->out, "%*s", TEXT_COLUMNS, "");
	put_text(w, COLOR_DIM, "", text);
}

/* Appends to the heading that a statement did not finish. */
static void
put_ended(writer *w)
{
	const osp__op *ended = w->f->ended;
	char time[OSP__DURATION_MAX];

	if (ended == NULL)
		return;
	if (ended->ending->of_session)
	{
		osp_buf_addf(w->out, "; a session was ended by %s", ended->ending->by);
		return;
	}
	osp__duration_text(osp__op_ns(ended), time);
	if (w->f->ended_count == 1)
		osp_buf_add_str(w->out, OSP_STR("; a statement did not finish, ended"));
	else
		osp_buf_addf(w->out,
					 "; %" PRId64
					 " statements did not finish, the longest ended",
					 w->f->ended_count);
	osp_buf_addf(w->out, " after %s by %s", time, ended->ending->by);
}

/* Appends which operation is open, if the trace is not finished. Without findings it
 * says that there are none. */
static void
put_unfinished(writer *w)
{
	osp__findings *f = w->f;
	osp_buf *text = &f->scratch;
	char time[OSP__DURATION_MAX];

	if (f->unfinished.node == NULL || f->status != OSP_OK)
		return;
	osp_buf_reset(text);
	f->status =
		osp__report_say_unfinished(f->report, &f->unfinished, &f->what, text);
	osp_buf_add_char(text, '.');
	if (f->found_count + f->longest_count == 0 && f->total_ns > 0)
	{
		osp__duration_text(f->total_ns, time);
		osp_buf_addf(text,
					 " In the %s %s no single cause stands out.",
					 time,
					 osp__goes_on(&f->unfinished)
						 ? "until the last point that is here"
						 : "of the trace");
	}
	put_paragraph(w, COLOR_WARN, text);
}

static void
put_findings(writer *w)
{
	int64_t parts[OSP__FINDINGS_MAX + 1]; /* the last one: not explained */
	int percents[OSP__FINDINGS_MAX + 1];
	char time[OSP__DURATION_MAX];
	unsigned count = w->f->found_count;
	unsigned i;

	for (i = 0; i < count; i++)
		parts[i] = w->f->found[i].group->ns;
	parts[count] =
		osp__ns_of(osp__findings_unexplained(w->f) * (double) w->f->total_ns);
	osp__percents(parts, count + 1, percents);
	osp__duration_text(w->f->total_ns, time);
	osp_buf_addf(w->out, "Why it took %s", time);
	if (osp__goes_on(&w->f->unfinished))
		osp_buf_add_str(w->out, OSP_STR(" until the last point that is here"));
	put_ended(w);
	osp_buf_add_str(w->out, OSP_STR(":\n"));
	for (i = 0; i < w->f->found_count; i++)
		put_finding(w, &w->f->found[i], percents[i]);
	osp_buf_addf(w->out,
				 "%4d %%            Not explained%s\n",
				 percents[count],
				 w->f->longest_count > 0 ? ", above all:" : ".");
	for (i = 0; i < w->f->longest_count; i++)
		put_longest(w, &w->f->longest[i]);
	put_rest_parts(w);
	put_measure(w);
	put_doubts(w);
}

osp_status
osp_report_explain(osp_report *report, const osp_draw_options *options,
				   osp_buf *out, size_t *count)
{
	osp__findings f;
	writer w;
	osp_status status = osp__findings_make(&f, report);

	*count = f.found_count;
	memset(&w, 0, sizeof(w));
	w.f = &f;
	w.indent = TEXT_COLUMNS;
	w.out = out;
	osp_struct_copy(&w.options, sizeof(w.options), options);
	osp_buf_init(&w.line, report->alc, SIZE_MAX / 4);
	w.columns = w.options.width;
	if (w.columns == 0 || w.columns > LINE_COLUMNS)
		w.columns = LINE_COLUMNS;
	w.columns = w.columns > TEXT_COLUMNS + TEXT_MIN ? w.columns - TEXT_COLUMNS
													: TEXT_MIN;
	if (status == OSP_OK)
		put_unfinished(&w);
	if (status == OSP_OK && f.found_count + f.longest_count > 0)
		put_findings(&w);
	else if (status == OSP_OK)
		put_doubts(&w);
	if (status == OSP_OK)
		status = f.status;
	if (status == OSP_OK)
		status = osp_buf_status(out);
	osp_buf_term(&w.line);
	osp__findings_term(&f);
	return status;
}
