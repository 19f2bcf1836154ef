/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_table.c
 *	  Traces as lines of a table.
 */
#include "list/trace_table.h"

#include <errno.h>
#include <stdio.h>

#include "osprofiler/notification.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

#define GAP           2
#define TEXT_COLUMNS  72 /* of the first operation if the width is 0 */
#define CLOCK_AT      11 /* in "2026-11-22T15:56:01.000000" */
#define SHORT_ID      8  /* enough of an id for 'trace show' */
#define COLOR_HEAD    "2"
#define COLOR_TROUBLE "1;31"

/* Layouts, the widest first; the first one that fits into a line is used. */
static const struct
{
	unsigned width;
	cli_table_layout layout;
} layouts[] = {
	{140, {OSP_UUID_TEXT_LEN, OSP_TIMESTAMP_LEN, 10, 10, 10, 16}},
	{100, {SHORT_ID, 19, 10, 10, 6, 16}},
	{80, {SHORT_ID, 19, 8, 0, 6, 12}},
	{66, {SHORT_ID, 19, 8, 0, 6, 0}},
	{0, {SHORT_ID, 8, 8, 0, 0, 0}},
};

void
cli_trace_table_init(cli_trace_table *table, const osp_draw_options *options)
{
	size_t i = 0;

	memset(table, 0, sizeof(*table));
	table->options = *options;
	while (options->width > 0 && options->width < layouts[i].width)
		i++;
	table->layout = layouts[i].layout;
	osp_buf_init(&table->line, &osp_allocator_default, SIZE_MAX / 4);
}

void
cli_trace_table_term(cli_trace_table *table)
{
	osp_buf_term(&table->line);
}

static void
pad(cli_trace_table *table, size_t columns)
{
	osp_buf_addf(&table->line, "%*s", (int) columns, "");
	table->columns += columns;
}

static void
put_color(cli_trace_table *table, const char *color)
{
	if (table->options.color && color != NULL)
		osp_buf_addf(&table->line, "\033[%sm", color);
}

/*
 * Adds a text, cut to max columns if max is not 0. Returns how many columns it
 * takes.
 */
static size_t
put_text(cli_trace_table *table, osp_str text, size_t max, const char *color)
{
	size_t columns;

	put_color(table, color);
	columns =
		osp__terminal_text(&table->line, text, table->options.unicode, max);
	put_color(table, color != NULL ? "0" : NULL);
	table->columns += columns;
	return columns;
}

static void
put_gap(cli_trace_table *table)
{
	if (table->columns > 0)
		pad(table, GAP);
}

/* Adds a column of words, or a dash. If lines have no width, nothing is cut. */
static void
put_words(cli_trace_table *table, osp_str text, size_t width, const char *color)
{
	size_t columns;

	if (width == 0)
		return;
	put_gap(table);
	columns = put_text(table,
					   text.len > 0 ? text : OSP_STR("-"),
					   table->options.width > 0 ? width : 0,
					   color);
	if (columns < width)
		pad(table, width - columns);
}

/* Adds a number, flush right in its column. */
static void
put_number(cli_trace_table *table, const char *text, size_t width,
		   const char *color)
{
	if (width == 0)
		return;
	put_gap(table);
	if (strlen(text) < width)
		pad(table, width - strlen(text));
	(void) put_text(table, osp_str_of(text), 0, color);
}

static void
put_count(cli_trace_table *table, uint64_t count, size_t width,
		  const char *color)
{
	char text[24] = "-";

	if (count != OSP_UNKNOWN)
		(void) snprintf(text, sizeof(text), "%llu", (unsigned long long) count);
	put_number(table, text, width, color);
}

static void
put_id(cli_trace_table *table, osp_str id)
{
	osp_uuid uuid;

	/* Only UUIDs are shortened: other ids are needed as a whole. */
	if (table->layout.id < OSP_UUID_TEXT_LEN && osp_uuid_parse(id, &uuid))
		id.len = table->layout.id;
	put_gap(table);
	(void) put_text(table, id, table->options.width, NULL);
	if (table->columns < table->layout.id)
		pad(table, table->layout.id - table->columns);
}

static void
put_time(cli_trace_table *table, int64_t ns)
{
	char time[OSP_TIMESTAMP_LEN + 1] = "-";
	osp_str text;

	if (ns != 0)
		osp_timestamp_text(ns, time);
	text = osp_str_of(time);
	if (ns != 0 && table->layout.time < CLOCK_AT)
		text = osp_str_of(time + CLOCK_AT);
	if (text.len > table->layout.time)
		text.len = table->layout.time;
	put_words(table, text, table->layout.time, NULL);
}

static void
put_duration(cli_trace_table *table, const osp_trace_entry *entry)
{
	char text[OSP__DURATION_MAX] = "-";

	if (entry->first_ns != 0 && entry->last_ns != 0)
		osp__duration_text(entry->last_ns - entry->first_ns, text);
	put_number(table, text, table->layout.duration, NULL);
}

/* Adds the first operation: its name and text, as far as there is room. */
static void
put_operation(cli_trace_table *table, osp_str name, osp_str text,
			  const char *color)
{
	size_t width = table->options.width;
	size_t room = TEXT_COLUMNS;
	osp_buf both;

	if (width > 0)
		room = width > table->columns + GAP ? width - table->columns - GAP : 0;
	if (room == 0)
		return;
	osp_buf_init(&both, &osp_allocator_default, SIZE_MAX / 4);
	osp_buf_add_str(&both, name);
	if (text.len > 0)
		osp_buf_add_str(&both, OSP_STR(" "));
	osp_buf_add_str(&both, text);
	put_gap(table);
	(void) put_text(
		table, both.len > 0 ? osp_buf_str(&both) : OSP_STR("-"), room, color);
	osp_buf_term(&both);
}

static void
end_line(cli_trace_table *table, cli_out *out)
{
	osp_buf_add_char(&table->line, '\n');
	if (osp_buf_status(&table->line) != OSP_OK)
		out->error = ENOMEM;
	(void) cli_out_write(out, osp_buf_str(&table->line));
	osp_buf_reset(&table->line);
	table->columns = 0;
}

void
cli_trace_table_head(cli_trace_table *table, cli_out *out)
{
	const cli_table_layout *l = &table->layout;

	put_words(table, OSP_STR("TRACE"), l->id, COLOR_HEAD);
	put_words(table,
			  l->time < CLOCK_AT ? OSP_STR("BEGUN") : OSP_STR("BEGUN (UTC)"),
			  l->time,
			  COLOR_HEAD);
	put_number(table, "DURATION", l->duration, COLOR_HEAD);
	put_number(table, "OPERATIONS", l->operations, COLOR_HEAD);
	put_number(table, "ERRORS", l->errors, COLOR_HEAD);
	put_words(table, OSP_STR("SERVICE"), l->service, COLOR_HEAD);
	put_operation(table, OSP_STR("FIRST OPERATION"), OSP_STR(""), COLOR_HEAD);
	end_line(table, out);
}

void
cli_trace_table_row(cli_trace_table *table, const osp_trace_entry *entry,
					cli_out *out)
{
	const cli_table_layout *l = &table->layout;
	bool failed = entry->errors != OSP_UNKNOWN && entry->errors > 0;

	put_id(table, entry->base_id);
	put_time(table, entry->first_ns);
	put_duration(table, entry);
	put_count(table, entry->operations, l->operations, NULL);
	put_count(table, entry->errors, l->errors, failed ? COLOR_TROUBLE : NULL);
	put_words(table, entry->service, l->service, NULL);
	put_operation(table, entry->name, entry->text, NULL);
	end_line(table, out);
}
