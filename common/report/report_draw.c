/* SPDX-License-Identifier: Apache-2.0
 *
 * report_draw.c
 *	  Draws the report as a tree for a terminal.
 *
 *	  Trace 11111111-2222-4333-8444-555555555555  12.3 ms  6 points
 *	   12.3 ms  ━━━━━━━━━━━━  wsgi  GET /orders  shop@web1
 *	   3.21 ms   ╺━━╸         ├─ db  SELECT * FROM orders WHERE id = 7  1 row
 *	   1.05 ms        ━       └─ db  INSERT INTO log…  unique_violation: duplicate…
 *
 * Every text from outside goes through osp__terminal_text(), so no statement can
 * control the terminal or break a line. Many operations of one shape side by side are
 * one line (report_fold.c). Very deep trees show the branches of the nearest levels
 * only, and the number of the others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/notification.h"
#include "report/report_line.h"
#include "report/report_unfinished.h"
#include "report/statement_shape.h"
#include "report/terminal_text.h"

#define NAME_COLUMNS  40
#define PLACE_COLUMNS 40

/* If lines have a width, service and host may each take one part of this many. */
#define PLACE_PART 5

/* The mark in parentheses and the statement share columns. The mark may take
 * this many of them. */
#define TAIL_SHARE(columns) ((columns) / 3 * 2)

/* The smallest widths of a line with a bar, and of one with a wide bar and
 * offsets. */
#define WIDTH_BAR  72
#define WIDTH_WIDE 110

/* The largest and the smallest number of levels that are drawn. A statement
 * that would get fewer than DETAIL_MIN columns is left out. */
#define LEVELS_MAX 64
#define LEVELS_MIN 4
#define DETAIL_MIN 8

/* Smaller parts of the time are not shown in the head. */
#define DIVISION_MIN_PERCENT 0.5

/* The shortest time without an operation that gets a line of its own. */
#define GAP_MIN_NS (INT64_C(100) * 1000000)
#define GAP_SHARE  0.05

/* The shortest time worth showing between a statement and its server's part, or
 * by itself. */
#define BESIDE_MIN_NS (INT64_C(10) * 1000000)

/* Kinds of lines: the node's own, one before it, one under it. */
typedef enum node_line
{
	LINE_OF_NODE,
	LINE_BEFORE,
	LINE_UNDER
} node_line;

/* Adds the branches to the left of a line, from the node's ancestors down to itself. */
static void
add_branches(osp__drawing *d, const osp__node *node, int depth, node_line line)
{
	const osp__node *path[LEVELS_MAX];
	int levels = depth < d->levels ? depth : d->levels;
	int i;

	for (i = levels; i > 0; i--)
	{
		path[i - 1] = node;
		node = node->parent;
	}
	if (depth > levels)
	{
		char text[32];

		(void) snprintf(text, sizeof(text), "(+%d) ", depth - levels);
		osp__draw_ascii(d, OSP__COLOR_DIM, text);
	}
	if (levels == 0)
		return;
	osp__draw_color(d, OSP__COLOR_DIM);
	for (i = 0; i < levels; i++)
	{
		bool more = path[i]->next_sibling != NULL &&
					(d->options.all || !path[i]->last_drawn);

		more = more || (line == LINE_BEFORE && i + 1 == levels);

		if (i + 1 < levels || line == LINE_UNDER)
			osp_buf_add_str(d->out,
							!more                ? OSP_STR("   ")
							: d->options.unicode ? OSP_STR("│  ")
												 : OSP_STR("|  "));
		else if (d->options.unicode)
			osp_buf_add_str(d->out, more ? OSP_STR("├─ ") : OSP_STR("└─ "));
		else
			osp_buf_add_str(d->out, more ? OSP_STR("|- ") : OSP_STR("`- "));
	}
	osp__draw_color_end(d, OSP__COLOR_DIM);
	d->columns += (size_t) levels * OSP__LEVEL_COLUMNS;
}

/* The largest number of columns for each of service and host. */
static size_t
place_columns(const osp__drawing *d)
{
	size_t columns = d->options.width / PLACE_PART;

	return columns > 0 && columns < PLACE_COLUMNS ? columns : PLACE_COLUMNS;
}

/* Adds service and host of a node if they differ from its parent's. A root is compared
 * with the first root. */
static void
add_place(osp__drawing *d, const osp__node *node)
{
	const osp__node *before =
		node->parent != NULL ? node->parent : d->report->first_root;
	osp_str service = osp__report_inside(node->service);
	osp_str host = osp__report_inside(node->host);
	size_t columns = place_columns(d);
	bool changed =
		before == node || !osp_str_eq(before->service, node->service);

	/* Tests draw without times, and do not know their host's name. */
	if (d->options.times)
		changed = changed || !osp_str_eq(before->host, node->host);
	else
		host = OSP_STR("");
	if (!changed || (service.len == 0 && host.len == 0))
		return;
	osp__draw_gap(d);
	if (service.len > 0)
		osp__draw_json(d, OSP__COLOR_DIM, service, columns);
	if (host.len > 0)
	{
		osp__draw_ascii(d, OSP__COLOR_DIM, service.len > 0 ? "@" : "on ");
		osp__draw_json(d, OSP__COLOR_DIM, host, columns);
	}
}

static void
add_rows(osp__drawing *d)
{
	char text[40];

	if (d->what.rows < 0)
		return;
	(void) snprintf(text,
					sizeof(text),
					"%lld %s",
					(long long) d->what.rows,
					d->what.rows == 1 ? "row" : "rows");
	osp__draw_gap(d);
	osp__draw_ascii(d, OSP__COLOR_ROWS, text);
}

static const char *
state_mark(const osp__drawing *d)
{
	unsigned width = d->options.width;

	switch (d->what.state)
	{
		case OSP__INTERRUPTED:
			return "(interrupted)";
		case OSP__START_LOST:
			return "(start lost)";
		case OSP__END_LOST:
			return "(end lost)";
		case OSP__RUNNING:
			return "(running)";
		case OSP__UNFINISHED:
			if (width > 0 && width < WIDTH_BAR)
				return "(unfinished)";
			return width > 0 && width < WIDTH_WIDE
					   ? "(running or lost)"
					   : "(running or lost: no process here knows which)";
		case OSP__ENDED:
			break;
	}
	return "";
}

/* The mark of a fold: how long its operations took. */
static const char *
fold_mark(osp__drawing *d)
{
	char times[3][OSP__DURATION_MAX];

	if (!d->options.times)
		return "";
	osp__duration_text(d->fold->min_ns, times[0]);
	osp__duration_text(d->fold->median_ns, times[1]);
	osp__duration_text(d->fold->max_ns, times[2]);
	(void) snprintf(d->mark,
					sizeof(d->mark),
					"(min %s, median %s, max %s)",
					times[0],
					times[1],
					times[2]);
	return d->mark;
}

/* The mark that shows how much of a client's statement passed before and after the
 * server's part, if it is enough. Clocks of different hosts cannot be compared. */
static const char *
server_mark(osp__drawing *d, const osp__node *node)
{
	const osp__node *server = node->first_child;
	char times[2][OSP__DURATION_MAX];
	int64_t before_ns;
	int64_t after_ns;

	if (!d->options.times || server == NULL ||
		!osp_str_eq(node->name, OSP_STR("db")) ||
		!osp_str_eq(osp__node_tracer(server), OSP_STR("pg")) ||
		!osp_str_eq(server->host, node->host) ||
		node->children_end_ns == INT64_MAX)
		return "";
	before_ns =
		osp__ns_between(osp__node_start_ns(node), osp__node_start_ns(server));
	after_ns = osp__ns_between(node->children_end_ns, osp__node_end_ns(node));
	if (before_ns < 0 || after_ns < 0 || before_ns + after_ns < BESIDE_MIN_NS ||
		(double) (before_ns + after_ns) < GAP_SHARE * (double) d->total_ns)
		return "";
	osp__duration_text(before_ns, times[0]);
	osp__duration_text(after_ns, times[1]);
	(void) snprintf(d->mark,
					sizeof(d->mark),
					"(%s before the server, %s after)",
					times[0],
					times[1]);
	return d->mark;
}

/* The mark that shows what is unusual about an operation, and the time that it took
 * itself, if others ran in it and the time is long enough. */
static const char *
remark_mark(osp__drawing *d, const osp__node *node)
{
	int64_t self_ns = osp__node_self_ns(node);
	char self[OSP__DURATION_MAX + 8] = "";

	if (server_mark(d, node)[0] != '\0')
		return d->mark;
	if (d->options.times && node->covered_ns > 0 && node->stops > 0 &&
		self_ns >= BESIDE_MIN_NS &&
		(double) self_ns >= GAP_SHARE * (double) d->total_ns)
	{
		memcpy(self, "self ", 5);
		osp__duration_text(self_ns, self + 5);
	}
	if (self[0] == '\0' && d->what.remark[0] == '\0')
		return "";
	(void) snprintf(d->mark,
					sizeof(d->mark),
					"(%s%s%s)",
					self,
					self[0] != '\0' && d->what.remark[0] != '\0' ? ", " : "",
					d->what.remark);
	return d->mark;
}

/* The mark in parentheses behind a node's line, which qualifies the line; "" if there
 * is none. */
static const char *
node_mark(osp__drawing *d, const osp__node *node)
{
	if (node->cycle)
		return "(parents form a ring)";
	if (d->fold != NULL)
		return fold_mark(d);
	if (d->what.state != OSP__ENDED)
		return state_mark(d);
	if (d->what.unread != NULL)
		(void) snprintf(d->mark, sizeof(d->mark), "(%s)", d->what.unread);
	else if (d->what.truncated > 0)
		(void) snprintf(d->mark,
						sizeof(d->mark),
						"(%lld left out)",
						(long long) d->what.truncated);
	else if (d->what.bound != NULL && d->options.times)
		(void) snprintf(d->mark, sizeof(d->mark), "(%s)", d->what.bound);
	else
		return remark_mark(d, node);
	return d->mark;
}

/* The columns that the number of rows takes. */
static size_t
rows_columns(const osp__drawing *d)
{
	size_t columns = OSP__GAP + sizeof("1 rows") - 1;
	int64_t rest;

	if (d->what.rows < 0)
		return 0;
	for (rest = d->what.rows; rest >= 10; rest /= 10)
		columns++;
	return columns;
}

/* Makes text safe for the terminal and cuts it; returns the columns that it takes. */
static size_t
fit(osp__drawing *d, osp__fitted *out, osp_str text, size_t max_columns)
{
	out->columns = 0;
	osp_buf_reset(&out->text);
	if (max_columns > OSP__GAP && text.len > 0)
		out->columns = osp__terminal_text(
			&out->text, text, d->options.unicode, max_columns - OSP__GAP);
	if (out->columns > 0)
		out->columns += OSP__GAP;
	if (d->status == OSP_OK)
		d->status = osp_buf_status(&out->text);
	return out->columns;
}

/* Divides the rest of the line between statement and error. */
static void
fit_detail(osp__drawing *d, size_t left)
{
	osp_str detail = osp_buf_str(&d->what.detail);
	osp_str error = osp_buf_str(&d->what.error);
	size_t error_columns = fit(d, &d->error, error, left);
	size_t detail_columns = fit(d, &d->detail, detail, left);

	if (error_columns + detail_columns <= left)
		return;

	/* Each may take half of it, and the columns that the other leaves free. */
	if (detail_columns < left / 2)
		error_columns = fit(d, &d->error, error, left - detail_columns);
	else if (error_columns > left / 2)
		error_columns = fit(d, &d->error, error, left / 2);
	left -= error_columns < left ? error_columns : left;
	(void) fit(d, &d->detail, left >= DETAIL_MIN ? detail : OSP_STR(""), left);
}

/* Divides the rest of the line between the mark, the number of rows, statement and
 * error. */
static void
fit_texts(osp__drawing *d, const char *mark)
{
	bool alone = d->what.detail.len + d->what.error.len == 0;
	size_t left = osp__draw_room(d);
	size_t rows = rows_columns(d);

	left -= rows < left ? rows : left;
	left -= fit(d, &d->tail, osp_str_of(mark), alone ? left : TAIL_SHARE(left));
	fit_detail(d, left);
}

static void
add_fitted(osp__drawing *d, const char *color, const osp__fitted *fitted)
{
	if (fitted->columns == 0)
		return;
	osp__draw_gap(d);
	osp__draw_color(d, color);
	osp_buf_add_str(d->out, osp_buf_str(&fitted->text));
	osp__draw_color_end(d, color);
	d->columns += fitted->columns - OSP__GAP;
}

static void
add_name(osp__drawing *d, const osp__node *node)
{
	bool failed = d->what.error.len > 0;

	if (d->fold != NULL)
	{
		char count[32];

		(void) snprintf(count,
						sizeof(count),
						"%llu x ",
						(unsigned long long) d->fold->count);
		osp__draw_ascii(d, OSP__COLOR_WARN, count);
	}
	osp__draw_json(d,
				   failed ? OSP__COLOR_ERROR : OSP__COLOR_BOLD,
				   node->name,
				   NAME_COLUMNS);
	if (d->options.ids)
	{
		osp__draw_gap(d);
		osp__draw_json(d,
					   OSP__COLOR_DIM,
					   osp__report_inside(node->trace_id),
					   NAME_COLUMNS);
	}
}

/* Adds process and file of an operation of SQLite. Tests, which do not know them, draw
 * without times. */
static void
add_session(osp__drawing *d)
{
	if (!d->options.times || d->what.place[0] == '\0')
		return;
	(void) fit(
		d, &d->place, osp_str_of(d->what.place), OSP__GAP + place_columns(d));
	add_fitted(d, OSP__COLOR_DIM, &d->place);
}

static void
draw_node(osp__drawing *d, const osp__node *node, int depth)
{
	const char *mark;

	d->status = osp__report_describe(d->report, node, &d->what);
	if (d->status != OSP_OK)
		return;
	d->fold = d->options.all ? NULL : node->fold;
	if (d->fold != NULL)
		d->what.rows = -1;
	if (d->what.cut)
		osp_buf_add_str(&d->what.detail,
						d->options.unicode ? OSP_STR("…") : OSP_STR("..."));
	mark = node_mark(d, node);
	d->columns = 0;
	osp__draw_times(d, node);
	add_branches(d, node, depth, LINE_OF_NODE);
	add_name(d, node);
	add_place(d, node);
	add_session(d);
	fit_texts(d, mark);
	add_fitted(d, NULL, &d->detail);
	add_rows(d);
	add_fitted(d, OSP__COLOR_WARN, &d->tail);
	add_fitted(d, OSP__COLOR_ERROR, &d->error);
	osp_buf_add_char(d->out, '\n');
	if (d->status == OSP_OK)
		d->status = osp_buf_status(d->out);
}

/*
 * Is the time before a node, in which no sibling ran, worth a line? Inside an operation
 * of a database it is not: that is the database's own time.
 */
static bool
has_gap(const osp__drawing *d, const osp__node *node)
{
	osp_str tracer = OSP_STR("");

	if (node->parent != NULL)
		tracer = osp__node_tracer(node->parent);
	return d->options.times && node->gap_ns >= GAP_MIN_NS &&
		   (double) node->gap_ns >= GAP_SHARE * (double) d->total_ns &&
		   !osp_str_eq(tracer, OSP_STR("pg")) &&
		   !osp_str_eq(tracer, OSP_STR("db")) &&
		   !osp_str_eq(tracer, OSP_STR("sqlite"));
}

/* Begins a line under a node: skips the columns of times, and adds the branches. */
static void
draw_indent(osp__drawing *d, const osp__node *node, int depth)
{
	size_t columns = OSP__DURATION_COLUMNS + OSP__GAP;

	if (d->offsets)
		columns += OSP__OFFSET_COLUMNS + OSP__GAP;
	if (d->bar_columns > 0)
		columns += d->bar_columns + OSP__GAP;
	d->columns = 0;
	osp__draw_pad(d, columns);
	add_branches(d, node, depth, LINE_UNDER);
}

/* Draws the DETAIL, HINT and CONTEXT of a node's error, a line each, unless they were
 * drawn above for the same error. */
static void
draw_notes(osp__drawing *d, osp__node *node, int depth)
{
	osp_str notes = osp_buf_str(&d->what.notes);
	uint64_t above = node->parent != NULL ? node->parent->notes_drawn : 0;

	node->notes_drawn =
		notes.len > 0 ? osp__name_shape(notes, node->etype) : above;
	if (!d->options.times || node->notes_drawn == above)
		return;
	while (notes.len > 0 && d->status == OSP_OK)
	{
		const char *newline = memchr(notes.ptr, '\n', notes.len);
		size_t len = (size_t) (newline - notes.ptr);

		draw_indent(d, node, depth);
		(void) fit(d, &d->error, osp_str_n(notes.ptr, len), osp__draw_room(d));
		add_fitted(d, OSP__COLOR_DIM, &d->error);
		osp_buf_add_char(d->out, '\n');
		notes = osp_str_n(newline + 1, notes.len - len - 1);
	}
	if (d->status == OSP_OK)
		d->status = osp_buf_status(d->out);
}

/* Draws a line for the time before a node. */
static void
draw_gap(osp__drawing *d, const osp__node *node, int depth)
{
	char text[OSP__DURATION_MAX + 1];
	int64_t offset_ns = osp__draw_offset_ns(d, node) - node->gap_ns;

	d->columns = 0;
	osp__duration_text(node->gap_ns, text);
	osp__draw_right(d, OSP__COLOR_DIM, text, OSP__DURATION_COLUMNS);
	osp__draw_gap(d);
	if (d->offsets)
	{
		text[0] = '+';
		osp__duration_text(offset_ns, text + 1);
		osp__draw_right(d, OSP__COLOR_DIM, text, OSP__OFFSET_COLUMNS);
		osp__draw_gap(d);
	}
	if (d->bar_columns > 0)
		osp__draw_pad(d, d->columns + d->bar_columns + OSP__GAP);
	add_branches(d, node, depth, LINE_BEFORE);
	osp__draw_ascii(d, OSP__COLOR_DIM, "(no operation)");
	osp_buf_add_char(d->out, '\n');
}

/* Adds a part of the head, on a new line if it does not fit on this one. */
static void
add_head(osp__drawing *d, const char *color, const char *text)
{
	if (d->columns > 0 && osp__draw_room(d) < OSP__GAP + strlen(text))
	{
		osp_buf_add_char(d->out, '\n');
		d->columns = 0;
	}
	if (d->columns > 0)
		osp__draw_gap(d);
	osp__draw_ascii(d, color, text);
}

/* Adds a count to the head: "1 operation", "2 operations", and the text behind. */
static void
add_count(osp__drawing *d, const char *color, uint64_t count, const char *what,
		  const char *behind)
{
	char text[96];

	(void) snprintf(text,
					sizeof(text),
					"%llu %s%s%s",
					(unsigned long long) count,
					what,
					count == 1 ? "" : "s",
					behind);
	add_head(d, color, text);
}

/* Adds the id of the trace, after the word "Trace" if there is room for both. */
static void
add_id(osp__drawing *d)
{
	osp_str id = osp__report_inside(d->report->base_id);
	static const char word[] = "Trace ";

	if (osp__draw_room(d) >= sizeof(word) - 1 + id.len)
		osp__draw_ascii(d, OSP__COLOR_DIM, word);
	osp__draw_json(d, OSP__COLOR_BOLD, id, osp__draw_room(d));
}

/* Draws how the trace's time divides, if osp_report_explain() has found that out. */
static void
draw_division(osp__drawing *d)
{
	const char *const names[] = {[OSP__TIME_SERVER] = "server",
								 [OSP__TIME_WAITING] = "waiting",
								 [OSP__TIME_SQLITE] = "SQLite",
								 [OSP__TIME_DATABASE] = "database",
								 [OSP__TIME_WAY] =
									 osp__report_way_name(d->report),
								 [OSP__TIME_CLIENT] = "client"};
	const int64_t *times = d->report->times_ns;
	int64_t parts[OSP__TIME_COUNT];
	int percents[OSP__TIME_COUNT];
	int i;

	if (!d->options.times || !d->report->divided || d->total_ns <= 0)
		return;
	for (i = 0; i < OSP__TIME_COUNT; i++)
		parts[i] = (double) times[i] <
						   (double) d->total_ns * DIVISION_MIN_PERCENT / 100
					   ? 0
					   : times[i];
	osp__percents(parts, OSP__TIME_COUNT, percents);
	d->columns = 0;
	add_head(d, OSP__COLOR_DIM, "Time:");
	for (i = 0; i < OSP__TIME_COUNT; i++)
	{
		char time[OSP__DURATION_MAX];
		char text[OSP__DURATION_MAX + 80];
		const char *why = i == OSP__TIME_WAITING ? d->report->waited_for : NULL;

		if (percents[i] == 0)
			continue;
		osp__duration_text(times[i], time);
		(void) snprintf(text,
						sizeof(text),
						"%s %s (%d %%%s%s)",
						names[i],
						time,
						percents[i],
						why != NULL ? ", most for " : "",
						why != NULL ? why : "");
		add_head(d, OSP__COLOR_TIME, text);
	}
	osp_buf_add_char(d->out, '\n');
}

/*
 * Draws whose session it was, if the server alone has recorded the trace, and all of it
 * in the same session. An operation of a client says that itself.
 */
static void
draw_session(osp__drawing *d)
{
	char session[sizeof(d->what.session)] = "";
	const osp__node *node = d->report->first_root;

	if (!d->options.times)
		return;
	for (; node != NULL && d->status == OSP_OK; node = node->next_sibling)
	{
		if (node->loss)
			continue;
		if (!osp_str_eq(osp__node_tracer(node), OSP_STR("pg")))
			return;
		d->status = osp__report_describe(d->report, node, &d->what);
		if (d->what.session[0] == '\0')
			continue;
		if (session[0] == '\0')
			memcpy(session, d->what.session, sizeof(session));
		else if (strcmp(session, d->what.session) != 0)
			return;
	}
	if (session[0] == '\0' || d->status != OSP_OK)
		return;
	d->columns = 0;
	add_head(d, OSP__COLOR_DIM, "Session:");
	(void) fit(d, &d->place, osp_str_of(session), osp__draw_room(d));
	add_fitted(d, OSP__COLOR_DIM, &d->place);
	osp_buf_add_char(d->out, '\n');
}

/* Draws which operation is open, if the trace is not finished. */
static void
draw_unfinished(osp__drawing *d, const osp__unfinished *found)
{
	if (found->node == NULL || d->status != OSP_OK)
		return;
	osp_buf_reset(&d->decoded);
	d->status =
		osp__report_say_unfinished(d->report, found, &d->what, &d->decoded);
	d->columns = 0;
	(void) fit(
		d, &d->place, osp_buf_str(&d->decoded), osp__draw_room(d) + OSP__GAP);
	osp__draw_color(d, OSP__COLOR_WARN);
	osp_buf_add_str(d->out, osp_buf_str(&d->place.text));
	osp__draw_color_end(d, OSP__COLOR_WARN);
	osp_buf_add_char(d->out, '\n');
}

static void
draw_header(osp__drawing *d)
{
	const osp_report *report = d->report;
	char text[OSP_TIMESTAMP_LEN + sizeof(" UTC")];
	osp__unfinished unfinished = {.node = NULL};

	d->columns = 0;
	if (d->options.times && d->status == OSP_OK)
		d->status =
			osp__report_find_unfinished(d->report, &d->what, &unfinished);
	if (d->options.times || d->options.ids)
		add_id(d);
	if (d->options.times && report->any_point)
	{
		osp__duration_text(d->total_ns, text);
		if (osp__goes_on(&unfinished))
			(void) strncat(text, " so far", sizeof(text) - strlen(text) - 1);
		add_head(d, OSP__COLOR_TIME, text);
	}
	add_count(d,
			  OSP__COLOR_DIM,
			  report->node_count - report->loss_reports,
			  "operation",
			  "");
	if (report->lost_points > 0)
		add_count(d, OSP__COLOR_WARN, report->lost_points, "point", " lost");
	if (report->malformed > 0)
		add_count(d, OSP__COLOR_WARN, report->malformed, "malformed point", "");
	if (report->repeated > 0)
		add_count(d,
				  OSP__COLOR_WARN,
				  report->repeated,
				  "point",
				  report->repeated == 1 ? " with the id of another, not shown"
										: " with the ids of others, not shown");
	if (d->offsets && report->any_point)
	{
		osp_timestamp_text(report->started_ns, text);
		(void) strncat(text, " UTC", sizeof(text) - strlen(text) - 1);
		add_head(d, OSP__COLOR_DIM, text);
	}
	osp_buf_add_char(d->out, '\n');
	draw_unfinished(d, &unfinished);
	draw_division(d);
	draw_session(d);
	if (d->options.times && report->node_count > report->loss_reports)
		osp__draw_headings(d);
}

static void
plan_columns(osp__drawing *d)
{
	unsigned width = d->options.width;
	size_t left = 0;

	if (d->options.times)
	{
		if (width == 0 || width >= WIDTH_BAR)
			d->bar_columns =
				width >= WIDTH_WIDE ? OSP__BAR_WIDE : OSP__BAR_NARROW;
		d->offsets = width == 0 || width >= WIDTH_WIDE;
		left = OSP__DURATION_COLUMNS + OSP__GAP + d->bar_columns + OSP__GAP;
	}

	/* Branches may take a third of the line. */
	d->levels = LEVELS_MAX;
	if (width > 0)
		d->levels =
			width > left ? (int) ((width - left) / 3 / OSP__LEVEL_COLUMNS) : 0;
	if (d->levels < LEVELS_MIN)
		d->levels = LEVELS_MIN;
	if (d->levels > LEVELS_MAX)
		d->levels = LEVELS_MAX;
}

static osp_status
begin_drawing(osp__drawing *d, osp_report *report,
			  const osp_draw_options *options, osp_buf *out)
{
	osp_status status = osp__report_build(report);

	memset(d, 0, sizeof(*d));
	d->report = report;
	d->out = out;
	osp_struct_copy(&d->options, sizeof(d->options), options);
	osp_buf_init(&d->decoded, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&d->detail.text, report->alc, SIZE_MAX / 2);
	osp_buf_init(&d->error.text, report->alc, SIZE_MAX / 2);
	osp_buf_init(&d->tail.text, report->alc, SIZE_MAX / 2);
	osp_buf_init(&d->place.text, report->alc, SIZE_MAX / 2);
	osp__description_init(&d->what, report->alc);
	d->status = status;
	if (status == OSP_OK)
		d->total_ns = osp__report_total_ns(report);
	plan_columns(d);
	return status;
}

static osp_status
end_drawing(osp__drawing *d)
{
	if (d->status == OSP_OK)
		d->status = osp_buf_status(d->out);
	osp__description_term(&d->what);
	osp_buf_term(&d->decoded);
	osp_buf_term(&d->detail.text);
	osp_buf_term(&d->error.text);
	osp_buf_term(&d->tail.text);
	osp_buf_term(&d->place.text);
	return d->status;
}

static void
draw_tree(osp__drawing *d)
{
	osp__node *node = d->report->first_root;
	int depth = 0;

	while (node != NULL && d->status == OSP_OK)
	{
		bool folded = !d->options.all && node->fold != NULL;

		/* Reports of losses are drawn in the head only. */
		if (!node->loss && !(folded && osp__node_is_folded(node)))
		{
			if (has_gap(d, node))
				draw_gap(d, node, depth);
			draw_node(d, node, depth);
			draw_notes(d, node, depth);
		}
		node = folded ? osp__node_beside(node, &depth)
					  : osp__node_next(node, &depth);
	}
}

osp_status
osp_report_draw(osp_report *report, const osp_draw_options *options,
				osp_buf *out)
{
	osp__drawing d;

	if (begin_drawing(&d, report, options, out) == OSP_OK)
	{
		if (!d.options.all)
			d.status = osp__report_fold(report);
		draw_header(&d);
		draw_tree(&d);
	}
	return end_drawing(&d);
}

static int
compare_ends(const void *a, const void *b)
{
	const osp__node *x = *(osp__node *const *) a;
	const osp__node *y = *(osp__node *const *) b;

	if (x->finished_ns != y->finished_ns)
		return x->finished_ns < y->finished_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

osp_status
osp_report_draw_ended(osp_report *report, const osp_draw_options *options,
					  osp_buf *out)
{
	osp__drawing d;
	osp__node **ended = NULL;
	osp__node *node;
	size_t count = 0;
	size_t i;

	if (begin_drawing(&d, report, options, out) == OSP_OK)
	{
		/* There is no bar, because the length of the whole trace is not known yet. */
		d.options.all = true;
		d.bar_columns = 0;
		ended = osp_calloc(
			report->alc, report->node_count + 1, sizeof(osp__node *));
		if (ended == NULL)
			d.status = OSP_ENOMEM;
	}
	for (node = report->first_arrived; node != NULL && d.status == OSP_OK;
		 node = node->next_arrived)
		if (node->stops > 0 && !node->told && !node->loss)
			ended[count++] = node;
	if (count > 0)
		qsort(ended, count, sizeof(osp__node *), compare_ends);
	for (i = 0; i < count && d.status == OSP_OK; i++)
	{
		draw_node(&d, ended[i], 0);
		ended[i]->told = true;
	}
	osp_free(report->alc, ended);
	return end_drawing(&d);
}
