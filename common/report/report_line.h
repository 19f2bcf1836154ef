/* SPDX-License-Identifier: Apache-2.0
 *
 * report_line.h
 *	  The parts of a line of the drawn report: texts in colours, columns, times and
 *	  bars. Private to the files of the report.
 *
 * If lines have a width, nothing is added beyond it.
 */
#ifndef OSPROFILER_REPORT_LINE_H
#define OSPROFILER_REPORT_LINE_H

#include "report/report_describe.h"
#include "report/report_fold.h"

/* Widths of the parts of a line, in columns. */
#define OSP__DURATION_COLUMNS 8
#define OSP__OFFSET_COLUMNS   9
#define OSP__GAP              2
#define OSP__LEVEL_COLUMNS    3
#define OSP__BAR_NARROW       12
#define OSP__BAR_WIDE         20

#define OSP__COLOR_DIM   "2"
#define OSP__COLOR_BOLD  "1"
#define OSP__COLOR_ERROR "1;31"
#define OSP__COLOR_WARN  "33"
#define OSP__COLOR_ROWS  "32"
#define OSP__COLOR_TIME  "36"

/* A text that is safe for a terminal, and its columns with the gap before it. */
typedef struct osp__fitted
{
	osp_buf text;
	size_t columns;
} osp__fitted;

typedef struct osp__drawing
{
	osp_report *report;
	osp_draw_options options;
	osp_buf *out;
	osp_buf decoded;    /* a text that will be shown next */
	osp__fitted detail; /* these texts share the rest of a line */
	osp__fitted error;
	osp__fitted tail;
	osp__fitted place;
	osp__description what;
	char mark[256];        /* the remark in parentheses behind a node */
	const osp__fold *fold; /* the fold of this line; NULL: one operation */
	osp_status status;
	size_t columns; /* columns of the line so far */
	unsigned bar_columns;
	bool offsets;
	int levels; /* levels of branches to draw */
	int64_t total_ns;
} osp__drawing;

/* Columns that are left on the line. */
static inline size_t
osp__draw_room(const osp__drawing *d)
{
	if (d->options.width == 0)
		return SIZE_MAX / 4;
	return d->options.width > d->columns ? d->options.width - d->columns : 0;
}

/* Begins and ends a colour; NULL is the terminal's default. */
void osp__draw_color(osp__drawing *d, const char *color);
void osp__draw_color_end(osp__drawing *d, const char *color);

/* Adds spaces up to a column of the line, or the gap between two parts. */
void osp__draw_pad(osp__drawing *d, size_t column);
void osp__draw_gap(osp__drawing *d);

/* Adds an ASCII text of this program; the second one right-aligned in columns. */
void osp__draw_ascii(osp__drawing *d, const char *color, const char *text);
void osp__draw_right(osp__drawing *d, const char *color, const char *text,
					 size_t columns);

/* Adds the inside of a JSON string of the report, decoded and safe for a terminal, in
 * at most max_columns. */
void osp__draw_json(osp__drawing *d, const char *color, osp_str inside,
					size_t max_columns);

/* The time from the start of the trace to the start of a node. */
int64_t osp__draw_offset_ns(const osp__drawing *d, const osp__node *node);

/* Adds the columns before the tree (duration, begin, bar), or their headings. */
void osp__draw_times(osp__drawing *d, const osp__node *node);
void osp__draw_headings(osp__drawing *d);

#endif /* OSPROFILER_REPORT_LINE_H */
