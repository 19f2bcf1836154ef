/* SPDX-License-Identifier: Apache-2.0
 *
 * report_draw.c
 *	  The report as a tree for a terminal.
 *
 *	  Trace 11111111-2222-4333-8444-555555555555  12.3 ms  6 points
 *	   12.3 ms  ━━━━━━━━━━━━  wsgi  GET /orders  shop@web1
 *	   3.21 ms   ╺━━╸         ├─ db  SELECT * FROM orders WHERE id = 7  1 row
 *	   1.05 ms        ━       └─ db  INSERT INTO log…  unique_violation: duplicate…
 *
 * Everything that came from outside goes through osp__terminal_text(), so no
 * statement can drive the terminal or break a line. Many operations of one shape
 * side by side are one line (report_fold.c). Very deep trees show the
 * branches of the nearest levels only, and the number of the others.
 */
#include <stdio.h>

#include "osprofiler/notification.h"
#include "report/report_describe.h"
#include "report/report_fold.h"
#include "report/terminal_text.h"

/* Columns of the parts of a line. */
#define DURATION_COLUMNS 8
#define OFFSET_COLUMNS   9
#define GAP              2
#define LEVEL_COLUMNS    3
#define NAME_COLUMNS     40
#define PLACE_COLUMNS    40
#define BAR_NARROW       12
#define BAR_WIDE         20

/* From how many columns on there is room for a bar, a wide one, offsets. */
#define WIDTH_BAR  72
#define WIDTH_WIDE 110

/* Levels that are drawn at most and at least. A statement that would get fewer
 * than DETAIL_MIN columns is left out. */
#define LEVELS_MAX 64
#define LEVELS_MIN 4
#define DETAIL_MIN 8

/* Time without an operation that gets a line of its own. */
#define GAP_MIN_NS (INT64_C(100) * 1000000)
#define GAP_SHARE  0.05

/* From here on it is told how long a statement was on its way. */
#define BESIDE_MIN_NS (INT64_C(10) * 1000000)

#define COLOR_DIM   "2"
#define COLOR_BOLD  "1"
#define COLOR_ERROR "1;31"
#define COLOR_WARN  "33"
#define COLOR_ROWS  "32"
#define COLOR_TIME  "36"

typedef struct drawing
{
	osp_report *report;
	osp_draw_options options;
	osp_buf *out;
	osp_buf decoded; /* a text that is about to be shown */
	osp_buf detail;  /* the two texts of a line that share what is left of it */
	osp_buf error;
	osp__description what;
	char mark[256];        /* what is said of a node in parentheses */
	const osp__fold *fold; /* that the line stands for; NULL: one operation */
	osp_status status;
	size_t columns; /* of the line so far */
	unsigned bar_columns;
	bool offsets;
	int levels; /* that are drawn */
	int64_t total_ns;
} drawing;

/* NULL is the terminal's own colour. */
static void
color_on(drawing *d, const char *color)
{
	if (!d->options.color || color == NULL)
		return;
	osp_buf_add_str(d->out, OSP_STR("\033["));
	osp_buf_add_str(d->out, osp_str_of(color));
	osp_buf_add_char(d->out, 'm');
}

static void
color_off(drawing *d, const char *color)
{
	color_on(d, color != NULL ? "0" : NULL);
}

/* Adds spaces up to a column of the line. */
static void
pad_to(drawing *d, size_t column)
{
	for (; d->columns < column; d->columns++)
		osp_buf_add_char(d->out, ' ');
}

static void
add_gap(drawing *d)
{
	pad_to(d, d->columns + GAP);
}

/* Adds text of ours, one column for each character. */
static void
add_ascii(drawing *d, const char *color, const char *text)
{
	color_on(d, color);
	osp_buf_add_str(d->out, osp_str_of(text));
	color_off(d, color);
	d->columns += strlen(text);
}

static void
add_right(drawing *d, const char *color, const char *text, size_t columns)
{
	size_t len = strlen(text);

	pad_to(d, d->columns + (len < columns ? columns - len : 0));
	add_ascii(d, color, text);
}

static void
add_shown(drawing *d, const char *color, osp_str text, size_t max_columns)
{
	color_on(d, color);
	d->columns +=
		osp__terminal_text(d->out, text, d->options.unicode, max_columns);
	color_off(d, color);
}

/* Adds the inside of a JSON string of the report, decoded and made fit. */
static void
add_json(drawing *d, const char *color, osp_str inside, size_t max_columns)
{
	osp_buf_reset(&d->decoded);
	if (d->status == OSP_OK)
		d->status = osp__report_decode(d->report, inside, &d->decoded);
	if (d->status == OSP_OK)
		add_shown(d, color, osp_buf_str(&d->decoded), max_columns);
}

static int64_t
node_offset_ns(const drawing *d, const osp__node *node)
{
	int64_t offset =
		osp__ns_between(d->report->started_ns, osp__node_start_ns(node));

	if (node->starts == 0 && node->elapsed_ns > 0)
		offset -= node->elapsed_ns;
	return offset > 0 ? offset : 0;
}

/* Half columns of a bar from the start of the trace to ns. */
static unsigned
bar_position(const drawing *d, double ns)
{
	double share = d->total_ns > 0 ? ns / (double) d->total_ns : 0;

	if (share > 1)
		share = 1;
	return (unsigned) (share * 2 * d->bar_columns + 0.5);
}

static void
add_bar(drawing *d, const osp__node *node)
{
	static const char *const boxes[] = {" ", "╸", "╺", "━"};
	unsigned halves = 2 * d->bar_columns;
	int64_t offset = node_offset_ns(d, node);
	unsigned first = bar_position(d, (double) offset);
	unsigned last = bar_position(
		d,
		(double) offset +
			(double) (d->fold != NULL
						  ? osp__ns_between(d->fold->begin_ns, d->fold->end_ns)
						  : osp__node_duration_ns(node)));
	bool open = node->stops == 0;
	const char *color = open ? COLOR_WARN : COLOR_TIME;
	unsigned i;

	/* However short it is, it can be seen. */
	if (first >= halves)
		first = halves - 1;
	if (last <= first)
		last = first + 1;
	if (open)
		last = halves;
	color_on(d, color);
	for (i = 0; i < d->bar_columns; i++)
	{
		bool left = 2 * i >= first && 2 * i < last;
		bool right = 2 * i + 1 >= first && 2 * i + 1 < last;
		unsigned box = (left ? 1U : 0U) + (right ? 2U : 0U);

		if (!d->options.unicode)
			osp_buf_add_char(d->out, box == 0 ? ' ' : open ? '.' : '=');
		else if (open && box != 0)
			osp_buf_add_str(d->out, OSP_STR("┄"));
		else
			osp_buf_add_str(d->out, osp_str_of(boxes[box]));
	}
	color_off(d, color);
	d->columns += d->bar_columns;
}

static void
add_times(drawing *d, const osp__node *node)
{
	char text[OSP__DURATION_MAX + 1] = "?";

	if (!d->options.times)
		return;
	if (d->fold != NULL)
		osp__duration_text(d->fold->total_ns, text);
	else if (d->what.untimed)
		text[0] = '\0';
	else if (node->stops > 0 && (node->starts > 0 || node->elapsed_ns >= 0))
		osp__duration_text(osp__node_duration_ns(node), text);
	add_right(d, COLOR_TIME, text, DURATION_COLUMNS);
	add_gap(d);
	if (d->offsets)
	{
		if (!d->what.untimed)
		{
			text[0] = '+';
			osp__duration_text(node_offset_ns(d, node), text + 1);
		}
		add_right(d, COLOR_DIM, text, OFFSET_COLUMNS);
		add_gap(d);
	}
	if (d->bar_columns > 0)
	{
		if (!d->what.untimed)
			add_bar(d, node);
		else
			pad_to(d, d->columns + d->bar_columns);
		add_gap(d);
	}
}

/* The branches to the left of a node, from its ancestors down to itself; after:
 * something comes after it in any case. */
static void
add_branches(drawing *d, const osp__node *node, int depth, bool after)
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
		add_ascii(d, COLOR_DIM, text);
	}
	if (levels == 0)
		return;
	color_on(d, COLOR_DIM);
	for (i = 0; i < levels; i++)
	{
		bool more = path[i]->next_sibling != NULL &&
					(d->options.all || !path[i]->last_drawn);

		more = more || (after && i + 1 == levels);

		if (i + 1 < levels)
			osp_buf_add_str(d->out,
							!more                ? OSP_STR("   ")
							: d->options.unicode ? OSP_STR("│  ")
												 : OSP_STR("|  "));
		else if (d->options.unicode)
			osp_buf_add_str(d->out, more ? OSP_STR("├─ ") : OSP_STR("└─ "));
		else
			osp_buf_add_str(d->out, more ? OSP_STR("|- ") : OSP_STR("`- "));
	}
	color_off(d, COLOR_DIM);
	d->columns += (size_t) levels * LEVEL_COLUMNS;
}

/* Service and host of a node, where they are others than those of its parent. A
 * root is compared with the first root. */
static void
add_place(drawing *d, const osp__node *node)
{
	const osp__node *before =
		node->parent != NULL ? node->parent : d->report->first_root;
	osp_str service = osp__report_inside(node->service);
	osp_str host = osp__report_inside(node->host);
	bool changed =
		before == node || !osp_str_eq(before->service, node->service);

	/* Tests draw without times, and do not know their host. */
	if (d->options.times)
		changed = changed || !osp_str_eq(before->host, node->host);
	else
		host = OSP_STR("");
	if (!changed || (service.len == 0 && host.len == 0))
		return;
	add_gap(d);
	if (service.len > 0)
		add_json(d, COLOR_DIM, service, PLACE_COLUMNS);
	if (host.len > 0)
	{
		add_ascii(d, COLOR_DIM, "@");
		add_json(d, COLOR_DIM, host, PLACE_COLUMNS);
	}
}

static void
add_rows(drawing *d)
{
	char text[40];

	if (d->what.rows < 0)
		return;
	(void) snprintf(text,
					sizeof(text),
					"%lld %s",
					(long long) d->what.rows,
					d->what.rows == 1 ? "row" : "rows");
	add_gap(d);
	add_ascii(d, COLOR_ROWS, text);
}

static const char *
state_mark(const drawing *d)
{
	bool narrow = d->options.width > 0 && d->options.width < WIDTH_BAR;

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
			return narrow ? "(unfinished)" : "(running, or interrupted)";
		case OSP__ENDED:
			break;
	}
	return "";
}

/* How long the operations of a fold took. */
static const char *
fold_mark(drawing *d)
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

/* How much of a client's statement passed before and after the server's part of
 * it, where that is worth telling; clocks of different hosts cannot be compared. */
static const char *
server_mark(drawing *d, const osp__node *node)
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

/* What is unusual about an operation; and how long it took by itself, if others ran
 * in it and that is worth telling. */
static const char *
remark_mark(drawing *d, const osp__node *node)
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

/* What restricts the rest of a node's line, in parentheses; "" if nothing does. */
static const char *
node_mark(drawing *d, const osp__node *node)
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

/* Columns that rows and mark take behind the detail. */
static size_t
tail_columns(const drawing *d, const char *mark)
{
	size_t columns = mark[0] != '\0' ? GAP + strlen(mark) : 0;

	if (d->what.rows >= 0)
	{
		int64_t rest;

		columns += GAP + sizeof("1 rows") - 1;
		for (rest = d->what.rows; rest >= 10; rest /= 10)
			columns++;
	}
	return columns;
}

/* Makes text fit, and returns the columns it takes with the gap before it. */
static size_t
fit(drawing *d, osp_buf *buf, osp_str text, size_t max_columns)
{
	size_t columns = 0;

	osp_buf_reset(buf);
	if (max_columns > GAP && text.len > 0)
		columns = osp__terminal_text(
			buf, text, d->options.unicode, max_columns - GAP);
	if (d->status == OSP_OK)
		d->status = osp_buf_status(buf);
	return columns > 0 ? columns + GAP : 0;
}

/* Divides the rest of the line between statement and error. */
static void
fit_texts(drawing *d, const char *mark)
{
	osp_str detail = osp_buf_str(&d->what.detail);
	osp_str error = osp_buf_str(&d->what.error);
	size_t used = d->columns + tail_columns(d, mark);
	size_t left = SIZE_MAX / 4;
	size_t error_columns;
	size_t detail_columns;

	if (d->options.width > 0)
		left = d->options.width > used ? d->options.width - used : 0;
	error_columns = fit(d, &d->error, error, left);
	detail_columns = fit(d, &d->detail, detail, left);
	if (error_columns + detail_columns <= left)
		return;

	/* Each may take half, and what the other leaves of its half. */
	if (detail_columns < left / 2)
		error_columns = fit(d, &d->error, error, left - detail_columns);
	else if (error_columns > left / 2)
		error_columns = fit(d, &d->error, error, left / 2);
	left -= error_columns < left ? error_columns : left;
	(void) fit(d, &d->detail, left >= DETAIL_MIN ? detail : OSP_STR(""), left);
}

static void
add_fitted(drawing *d, const char *color, const osp_buf *text)
{
	if (text->len == 0)
		return;
	add_gap(d);
	color_on(d, color);
	osp_buf_add_str(d->out, osp_buf_str(text));
	color_off(d, color);
}

static void
add_name(drawing *d, const osp__node *node)
{
	bool failed = d->what.error.len > 0;

	if (d->fold != NULL)
	{
		char count[32];

		(void) snprintf(count,
						sizeof(count),
						"%llu x ",
						(unsigned long long) d->fold->count);
		add_ascii(d, COLOR_WARN, count);
	}
	add_json(d, failed ? COLOR_ERROR : COLOR_BOLD, node->name, NAME_COLUMNS);
	if (d->options.ids)
	{
		add_gap(d);
		add_json(
			d, COLOR_DIM, osp__report_inside(node->trace_id), NAME_COLUMNS);
	}
}

static void
draw_node(drawing *d, const osp__node *node, int depth)
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
	add_times(d, node);
	add_branches(d, node, depth, false);
	add_name(d, node);
	add_place(d, node);
	fit_texts(d, mark);
	add_fitted(d, NULL, &d->detail);
	add_rows(d);
	if (mark[0] != '\0')
	{
		add_gap(d);
		add_ascii(d, COLOR_WARN, mark);
	}
	add_fitted(d, COLOR_ERROR, &d->error);
	osp_buf_add_char(d->out, '\n');
	if (d->status == OSP_OK)
		d->status = osp_buf_status(d->out);
}

/*
 * Is the time before a node, in which no operation beside it ran, worth a line? What
 * a database does by itself between two operations is part of its own.
 */
static bool
has_gap(const drawing *d, const osp__node *node)
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

/* A line for the time before a node. */
static void
draw_gap(drawing *d, const osp__node *node, int depth)
{
	char text[OSP__DURATION_MAX + 1];
	int64_t offset_ns = node_offset_ns(d, node) - node->gap_ns;

	d->columns = 0;
	osp__duration_text(node->gap_ns, text);
	add_right(d, COLOR_DIM, text, DURATION_COLUMNS);
	add_gap(d);
	if (d->offsets)
	{
		text[0] = '+';
		osp__duration_text(offset_ns, text + 1);
		add_right(d, COLOR_DIM, text, OFFSET_COLUMNS);
		add_gap(d);
	}
	if (d->bar_columns > 0)
		pad_to(d, d->columns + d->bar_columns + GAP);
	add_branches(d, node, depth, true);
	add_ascii(d, COLOR_DIM, "(no operation)");
	osp_buf_add_char(d->out, '\n');
}

/* "1 operation", "2 operations", and what happened to them. */
static void
add_count(drawing *d, const char *color, uint64_t count, const char *what,
		  const char *behind)
{
	char text[64];

	(void) snprintf(text,
					sizeof(text),
					"%llu %s%s%s",
					(unsigned long long) count,
					what,
					count == 1 ? "" : "s",
					behind);
	if (d->columns > 0)
		add_gap(d);
	add_ascii(d, color, text);
}

static void
draw_header(drawing *d)
{
	const osp_report *report = d->report;
	char text[OSP_TIMESTAMP_LEN + 1];

	d->columns = 0;
	if (d->options.times || d->options.ids)
	{
		add_ascii(d, COLOR_DIM, "Trace ");
		add_json(d, COLOR_BOLD, osp__report_inside(report->base_id), 0);
	}
	if (d->options.times && report->any_point)
	{
		osp__duration_text(d->total_ns, text);
		add_gap(d);
		add_ascii(d, COLOR_TIME, text);
	}
	add_count(d,
			  COLOR_DIM,
			  report->node_count - report->loss_reports,
			  "operation",
			  "");
	if (report->lost_points > 0)
		add_count(d, COLOR_WARN, report->lost_points, "point", " lost");
	if (report->malformed > 0)
		add_count(d, COLOR_WARN, report->malformed, "malformed point", "");
	if (d->offsets && report->any_point)
	{
		osp_timestamp_text(report->started_ns, text);
		add_gap(d);
		add_ascii(d, COLOR_DIM, text);
		add_ascii(d, COLOR_DIM, " UTC");
	}
	osp_buf_add_char(d->out, '\n');
}

static void
plan_columns(drawing *d)
{
	unsigned width = d->options.width;
	size_t left = 0;

	if (d->options.times)
	{
		if (width == 0 || width >= WIDTH_BAR)
			d->bar_columns = width >= WIDTH_WIDE ? BAR_WIDE : BAR_NARROW;
		d->offsets = width == 0 || width >= WIDTH_WIDE;
		left = DURATION_COLUMNS + GAP + d->bar_columns + GAP;
	}

	/* Branches get a third of the line. */
	d->levels = LEVELS_MAX;
	if (width > 0)
		d->levels =
			width > left ? (int) ((width - left) / 3 / LEVEL_COLUMNS) : 0;
	if (d->levels < LEVELS_MIN)
		d->levels = LEVELS_MIN;
	if (d->levels > LEVELS_MAX)
		d->levels = LEVELS_MAX;
}

osp_status
osp_report_draw(osp_report *report, const osp_draw_options *options,
				osp_buf *out)
{
	osp__node *node;
	int depth = 0;
	drawing d;
	osp_status status = osp__report_build(report);

	if (status != OSP_OK)
		return status;
	memset(&d, 0, sizeof(d));
	d.report = report;
	d.out = out;
	osp_struct_copy(&d.options, sizeof(d.options), options);
	osp_buf_init(&d.decoded, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&d.detail, report->alc, SIZE_MAX / 2);
	osp_buf_init(&d.error, report->alc, SIZE_MAX / 2);
	osp__description_init(&d.what, report->alc);
	d.total_ns = osp__report_total_ns(report);
	plan_columns(&d);

	if (!d.options.all)
		d.status = osp__report_fold(report);
	draw_header(&d);
	for (node = report->first_root; node != NULL && d.status == OSP_OK;)
	{
		bool folded = !d.options.all && node->fold != NULL;

		/* The head has the reports of losses. */
		if (!node->loss && !(folded && osp__node_is_folded(node)))
		{
			if (has_gap(&d, node))
				draw_gap(&d, node, depth);
			draw_node(&d, node, depth);
		}
		node = folded ? osp__node_beside(node, &depth)
					  : osp__node_next(node, &depth);
	}
	if (d.status == OSP_OK)
		d.status = osp_buf_status(out);

	osp__description_term(&d.what);
	osp_buf_term(&d.decoded);
	osp_buf_term(&d.detail);
	osp_buf_term(&d.error);
	return d.status;
}
