/* SPDX-License-Identifier: Apache-2.0
 *
 * report_line.c
 *	  The parts of a line of the drawn report: texts in colours, columns, times and
 *	  bars.
 */
#include "report/report_line.h"

#include "report/terminal_text.h"

void
osp__draw_color(osp__drawing *d, const char *color)
{
	if (!d->options.color || color == NULL)
		return;
	osp_buf_add_str(d->out, OSP_STR("\033["));
	osp_buf_add_str(d->out, osp_str_of(color));
	osp_buf_add_char(d->out, 'm');
}

void
osp__draw_color_end(osp__drawing *d, const char *color)
{
	osp__draw_color(d, color != NULL ? "0" : NULL);
}

void
osp__draw_pad(osp__drawing *d, size_t column)
{
	if (d->options.width > 0 && column > d->options.width)
		column = d->options.width;
	for (; d->columns < column; d->columns++)
		osp_buf_add_char(d->out, ' ');
}

void
osp__draw_gap(osp__drawing *d)
{
	osp__draw_pad(d, d->columns + OSP__GAP);
}

/* Adds this program's own bytes, which take this many columns. */
static void
add_bytes(osp__drawing *d, const char *color, osp_str text, size_t columns)
{
	osp__draw_color(d, color);
	osp_buf_add_str(d->out, text);
	osp__draw_color_end(d, color);
	d->columns += columns;
}

void
osp__draw_ascii(osp__drawing *d, const char *color, const char *text)
{
	size_t len = strlen(text);
	size_t room = osp__draw_room(d);

	if (len > room)
		len = room;
	if (len > 0)
		add_bytes(d, color, osp_str_n(text, len), len);
}

void
osp__draw_right(osp__drawing *d, const char *color, const char *text,
				size_t columns)
{
	size_t len = strlen(text);

	osp__draw_pad(d, d->columns + (len < columns ? columns - len : 0));
	osp__draw_ascii(d, color, text);
}

void
osp__draw_json(osp__drawing *d, const char *color, osp_str inside,
			   size_t max_columns)
{
	size_t room = osp__draw_room(d);

	osp_buf_reset(&d->decoded);
	if (d->status == OSP_OK)
		d->status = osp__report_decode(d->report, inside, &d->decoded);
	if (d->status != OSP_OK || room == 0)
		return;
	osp__draw_color(d, color);
	d->columns += osp__terminal_text(d->out,
									 osp_buf_str(&d->decoded),
									 d->options.unicode,
									 max_columns < room ? max_columns : room);
	osp__draw_color_end(d, color);
}

int64_t
osp__draw_offset_ns(const osp__drawing *d, const osp__node *node)
{
	int64_t offset =
		osp__ns_between(d->report->started_ns, osp__node_start_ns(node));

	if (node->starts == 0 && node->elapsed_ns > 0)
		offset -= node->elapsed_ns;
	return offset > 0 ? offset : 0;
}

/* Half columns of a bar from the start of the trace to ns. */
static unsigned
bar_position(const osp__drawing *d, double ns)
{
	double share = d->total_ns > 0 ? ns / (double) d->total_ns : 0;

	if (share > 1)
		share = 1;
	return (unsigned) (share * 2 * d->bar_columns + 0.5);
}

/* The end of the bar of an operation without a stop: the end of its nearest ended
 * ancestor, because nothing shows that it ran longer, or else of the trace. */
static unsigned
open_end(const osp__drawing *d, const osp__node *node)
{
	const osp__node *outer = node->outer;

	if (outer == NULL || d->what.state == OSP__RUNNING)
		return 2 * d->bar_columns;
	return bar_position(d,
						(double) osp__draw_offset_ns(d, outer) +
							(double) osp__node_duration_ns(outer));
}

static void
add_bar(osp__drawing *d, const osp__node *node)
{
	static const char *const boxes[] = {" ", "╸", "╺", "━"};
	unsigned halves = 2 * d->bar_columns;
	int64_t offset = osp__draw_offset_ns(d, node);
	unsigned first = bar_position(d, (double) offset);
	unsigned last = bar_position(
		d,
		(double) offset +
			(double) (d->fold != NULL
						  ? osp__ns_between(d->fold->begin_ns, d->fold->end_ns)
						  : osp__node_duration_ns(node)));
	bool open = node->stops == 0;
	const char *color = open ? OSP__COLOR_WARN : OSP__COLOR_TIME;
	unsigned i;

	/* Even the shortest operation has a visible bar. */
	if (first >= halves)
		first = halves - 1;
	if (open)
		last = open_end(d, node);
	if (last <= first)
		last = first + 1;
	osp__draw_color(d, color);
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
	osp__draw_color_end(d, color);
	d->columns += d->bar_columns;
}

void
osp__draw_times(osp__drawing *d, const osp__node *node)
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
	osp__draw_right(d, OSP__COLOR_TIME, text, OSP__DURATION_COLUMNS);
	osp__draw_gap(d);
	if (d->offsets)
	{
		if (!d->what.untimed)
		{
			text[0] = '+';
			osp__duration_text(osp__draw_offset_ns(d, node), text + 1);
		}
		osp__draw_right(d, OSP__COLOR_DIM, text, OSP__OFFSET_COLUMNS);
		osp__draw_gap(d);
	}
	if (d->bar_columns > 0)
	{
		if (!d->what.untimed)
			add_bar(d, node);
		else
			osp__draw_pad(d, d->columns + d->bar_columns);
		osp__draw_gap(d);
	}
}

void
osp__draw_headings(osp__drawing *d)
{
	d->columns = 0;
	osp__draw_right(d, OSP__COLOR_DIM, "DURATION", OSP__DURATION_COLUMNS);
	osp__draw_gap(d);
	if (d->offsets)
	{
		osp__draw_right(d, OSP__COLOR_DIM, "BEGIN", OSP__OFFSET_COLUMNS);
		osp__draw_gap(d);
	}
	if (d->bar_columns > 0)
		osp__draw_pad(d, d->columns + d->bar_columns + OSP__GAP);
	osp__draw_ascii(d, OSP__COLOR_DIM, "OPERATION");
	osp_buf_add_char(d->out, '\n');
}
