/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_rows.c
 *	  The rows of a list of traces.
 *
 * A collector may name traces in any order, and millions of them. While there is
 * a limit, the rows are a heap whose first is the oldest, so that no more than the
 * newest are in memory.
 */
#include "trace_rows.h"
#include "cli.h"
#include "terminal.h"

#include <errno.h>
#include <stdlib.h>

#include "osprofiler/json.h"
#include "osprofiler/notification.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

/* Columns of the table, all but the last. */
#define ID_COLUMNS      36
#define TIME_COLUMNS    OSP_TIMESTAMP_LEN
#define NUMBER_COLUMNS  10
#define SERVICE_COLUMNS 16
#define TEXT_COLUMNS    72 /* of a text on no terminal */

void
cli_trace_rows_init(cli_trace_rows *rows, size_t limit)
{
	memset(rows, 0, sizeof(*rows));
	rows->limit = limit;
}

void
cli_trace_rows_term(cli_trace_rows *rows)
{
	while (rows->count > 0)
		free(rows->rows[--rows->count].text);
	free(rows->rows);
}

static int
compare_text(osp_str a, osp_str b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Less than 0: a is newer. Traces of the same time go by their ids. */
static int
compare_rows(const void *a, const void *b)
{
	const osp_trace_entry *x = &((const cli_trace_row *) a)->entry;
	const osp_trace_entry *y = &((const cli_trace_row *) b)->entry;

	if (x->first_ns != y->first_ns)
		return x->first_ns > y->first_ns ? -1 : 1;
	return compare_text(x->base_id, y->base_id);
}

static void
swap_rows(cli_trace_row *a, cli_trace_row *b)
{
	cli_trace_row row = *a;

	*a = *b;
	*b = row;
}

/* Restores the heap below the first row, which has changed. */
static void
sift_down(cli_trace_rows *rows)
{
	size_t at = 0;

	for (;;)
	{
		size_t oldest = at;
		size_t child;

		for (child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < rows->count &&
				compare_rows(&rows->rows[child], &rows->rows[oldest]) > 0)
				oldest = child;
		if (oldest == at)
			return;
		swap_rows(&rows->rows[at], &rows->rows[oldest]);
		at = oldest;
	}
}

/* Restores the heap above the last row, which was added. */
static void
sift_up(cli_trace_rows *rows)
{
	size_t at = rows->count - 1;

	while (at > 0 &&
		   compare_rows(&rows->rows[at], &rows->rows[(at - 1) / 2]) > 0)
	{
		swap_rows(&rows->rows[at], &rows->rows[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

/* Copies text to *to, which moves beyond it. */
static osp_str
copy_text(char **to, osp_str text)
{
	osp_str copy = osp_str_n(*to, text.len);

	if (text.len > 0)
		memcpy(*to, text.ptr, text.len);
	*to += text.len;
	return copy;
}

static bool
copy_row(cli_trace_row *row, const osp_trace_entry *given)
{
	char *to;

	osp_struct_copy(&row->entry, sizeof(row->entry), given);
	row->text = malloc(row->entry.base_id.len + row->entry.service.len +
					   row->entry.name.len + row->entry.text.len + 1);
	to = row->text;
	if (to == NULL)
		return false;
	row->entry.base_id = copy_text(&to, row->entry.base_id);
	row->entry.service = copy_text(&to, row->entry.service);
	row->entry.name = copy_text(&to, row->entry.name);
	row->entry.text = copy_text(&to, row->entry.text);
	return true;
}

static bool
make_room(cli_trace_rows *rows)
{
	size_t room = rows->room > 0 ? rows->room * 2 : 64;
	cli_trace_row *grown;

	if (rows->count < rows->room)
		return true;
	grown = realloc(rows->rows, room * sizeof(*grown));
	if (grown == NULL)
		return false;
	rows->rows = grown;
	rows->room = room;
	return true;
}

osp_status
cli_trace_rows_add(void *ctx, const osp_trace_entry *entry)
{
	cli_trace_rows *rows = (cli_trace_rows *) ctx;
	cli_trace_row row;

	memset(&row, 0, sizeof(row));
	osp_struct_copy(&row.entry, sizeof(row.entry), entry);
	if (rows->limit > 0 && rows->count == rows->limit)
	{
		rows->left_out++;
		if (compare_rows(&row, &rows->rows[0]) > 0)
			return OSP_OK;
		if (!copy_row(&row, entry))
			return OSP_ENOMEM;
		free(rows->rows[0].text);
		rows->rows[0] = row;
		sift_down(rows);
		return OSP_OK;
	}
	if (!make_room(rows) || !copy_row(&row, entry))
		return OSP_ENOMEM;
	rows->rows[rows->count++] = row;
	if (rows->limit > 0)
		sift_up(rows);
	return OSP_OK;
}

void
cli_trace_rows_sort(cli_trace_rows *rows, size_t skip)
{
	size_t i;

	if (rows->count > 0)
		qsort(rows->rows, rows->count, sizeof(*rows->rows), compare_rows);
	if (skip > rows->count)
		skip = rows->count;
	for (i = 0; i < skip; i++)
		free(rows->rows[i].text);
	rows->count -= skip;
	if (rows->count > 0)
		memmove(
			rows->rows, rows->rows + skip, rows->count * sizeof(*rows->rows));
}

/* One line of the table while it is made. */
typedef struct line
{
	osp_buf text;
	size_t columns;
	unsigned width;
	bool unicode;
} line;

/* Adds a text of a column, or "-" if it is empty; right: at its right end. */
static void
add_cell(line *l, osp_str text, size_t width, bool right)
{
	size_t before = l->text.len;
	size_t columns;
	osp_buf cell;

	osp_buf_init(&cell, &osp_allocator_default, SIZE_MAX / 4);
	columns = osp__terminal_text(
		&cell, text.len > 0 ? text : OSP_STR("-"), l->unicode, 0);
	if (before > 0)
		osp_buf_add_str(&l->text, OSP_STR("  "));
	if (right && columns < width)
		osp_buf_addf(&l->text, "%*s", (int) (width - columns), "");
	osp_buf_add_str(&l->text, osp_buf_str(&cell));
	if (!right && columns < width)
		osp_buf_addf(&l->text, "%*s", (int) (width - columns), "");
	l->columns += (before > 0 ? 2 : 0) + (columns > width ? columns : width);
	osp_buf_term(&cell);
}

static void
add_number(line *l, uint64_t number)
{
	char text[24] = "-";

	if (number != OSP_UNKNOWN)
		(void) snprintf(
			text, sizeof(text), "%llu", (unsigned long long) number);
	add_cell(l, osp_str_of(text), NUMBER_COLUMNS, true);
}

static void
add_duration(line *l, const osp_trace_entry *entry)
{
	char text[OSP__DURATION_MAX] = "-";

	if (entry->first_ns != 0 && entry->last_ns != 0)
		osp__duration_text(entry->last_ns - entry->first_ns, text);
	add_cell(l, osp_str_of(text), NUMBER_COLUMNS, true);
}

/* The first operation: its name and text, as far as there is room for them. */
static void
add_operation(line *l, osp_str name, osp_str text)
{
	size_t room = TEXT_COLUMNS;
	osp_buf both;

	osp_buf_init(&both, &osp_allocator_default, SIZE_MAX / 4);
	osp_buf_add_str(&both, name);
	if (text.len > 0)
		osp_buf_add_str(&both, OSP_STR(" "));
	osp_buf_add_str(&both, text);
	osp_buf_add_str(&l->text, OSP_STR("  "));
	if (l->width > 0)
		room = l->width > l->columns + 2 ? l->width - l->columns - 2 : 1;
	(void) osp__terminal_text(&l->text,
							  both.len > 0 ? osp_buf_str(&both) : OSP_STR("-"),
							  l->unicode,
							  room);
	osp_buf_term(&both);
}

static void
end_line(line *l, cli_out *out)
{
	osp_buf_add_char(&l->text, '\n');
	if (osp_buf_status(&l->text) != OSP_OK)
		out->error = ENOMEM;
	(void) cli_out_write(out, osp_buf_str(&l->text));
	osp_buf_reset(&l->text);
	l->columns = 0;
}

static void
write_head(line *l, cli_out *out)
{
	add_cell(l, OSP_STR("TRACE"), ID_COLUMNS, false);
	add_cell(l, OSP_STR("BEGUN (UTC)"), TIME_COLUMNS, false);
	add_cell(l, OSP_STR("DURATION"), NUMBER_COLUMNS, true);
	add_cell(l, OSP_STR("OPERATIONS"), NUMBER_COLUMNS, true);
	add_cell(l, OSP_STR("ERRORS"), NUMBER_COLUMNS, true);
	add_cell(l, OSP_STR("SERVICE"), SERVICE_COLUMNS, false);
	add_operation(l, OSP_STR("FIRST OPERATION"), OSP_STR(""));
	end_line(l, out);
}

void
cli_trace_rows_table(const cli_trace_rows *rows, cli_out *out, unsigned width)
{
	line l = {.width = width, .unicode = cli_terminal_unicode()};
	size_t i;

	osp_buf_init(&l.text, &osp_allocator_default, SIZE_MAX / 4);
	write_head(&l, out);
	for (i = 0; i < rows->count && out->error == 0; i++)
	{
		const osp_trace_entry *entry = &rows->rows[i].entry;
		char time[OSP_TIMESTAMP_LEN + 1] = "-";

		if (entry->first_ns != 0)
			osp_timestamp_text(entry->first_ns, time);
		add_cell(&l, entry->base_id, ID_COLUMNS, false);
		add_cell(&l, osp_str_of(time), TIME_COLUMNS, false);
		add_duration(&l, entry);
		add_number(&l, entry->operations);
		add_number(&l, entry->errors);
		add_cell(&l, entry->service, SERVICE_COLUMNS, false);
		add_operation(&l, entry->name, entry->text);
		end_line(&l, out);
	}
	osp_buf_term(&l.text);
}

static void
put_key(osp_buf *json, const char *key)
{
	osp_buf_addf(json, ", \"%s\": ", key);
}

static void
put_text(osp_buf *json, const char *key, osp_str text)
{
	put_key(json, key);
	if (text.len > 0)
		osp_json_string(json, text);
	else
		osp_buf_add_str(json, OSP_STR("null"));
}

static void
put_time(osp_buf *json, const char *key, int64_t ns)
{
	char time[OSP_TIMESTAMP_LEN + 1] = "";

	if (ns != 0)
		osp_timestamp_text(ns, time);
	put_text(json, key, osp_str_of(time));
}

static void
put_number(osp_buf *json, const char *key, uint64_t number)
{
	put_key(json, key);
	if (number == OSP_UNKNOWN)
		osp_buf_add_str(json, OSP_STR("null"));
	else
		osp_buf_addf(json, "%llu", (unsigned long long) number);
}

static void
put_row(osp_buf *json, const osp_trace_entry *entry)
{
	osp_buf_add_str(json, OSP_STR("{\"base_id\": "));
	osp_json_string(json, entry->base_id);
	put_time(json, "first", entry->first_ns);
	put_time(json, "last", entry->last_ns);
	put_number(json, "operations", entry->operations);
	put_number(json, "errors", entry->errors);
	put_text(json, "service", entry->service);
	put_text(json, "name", entry->name);
	put_text(json, "text", entry->text);
	osp_buf_add_char(json, '}');
}

void
cli_trace_rows_json(const cli_trace_rows *rows, cli_out *out, osp_str page)
{
	osp_buf json;
	size_t i;

	osp_buf_init(&json, &osp_allocator_default, SIZE_MAX / 4);
	osp_buf_add_str(&json, OSP_STR("{\"traces\": ["));
	for (i = 0; i < rows->count && out->error == 0; i++)
	{
		osp_buf_add_str(&json, i > 0 ? OSP_STR(",\n  ") : OSP_STR("\n  "));
		put_row(&json, &rows->rows[i].entry);
		if (osp_buf_status(&json) != OSP_OK)
			out->error = ENOMEM;
		(void) cli_out_write(out, osp_buf_str(&json));
		osp_buf_reset(&json);
	}
	osp_buf_add_str(&json, OSP_STR("\n]"));
	put_text(&json, "next", page);
	osp_buf_add_str(&json, OSP_STR("}\n"));
	if (osp_buf_status(&json) != OSP_OK)
		out->error = ENOMEM;
	(void) cli_out_write(out, osp_buf_str(&json));
	osp_buf_term(&json);
}
