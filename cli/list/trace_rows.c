/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_rows.c
 *	  The rows of a list of traces.
 *
 * A collector may name traces in any order, and millions of them. If there is a
 * limit, the rows are a heap whose root is the last row of the order, so that
 * memory never holds more rows than the limit.
 */
#include "list/trace_rows.h"

#include <stdlib.h>

void
cli_trace_rows_init(cli_trace_rows *rows, cli_list_order order, size_t limit)
{
	memset(rows, 0, sizeof(*rows));
	rows->order = order;
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

/* The value by which rows are ordered, the largest first; -1: unknown. */
static int64_t
order_key(cli_list_order order, const osp_trace_entry *entry)
{
	uint64_t number =
		order == CLI_ORDER_ERRORS ? entry->errors : entry->operations;

	if (order == CLI_ORDER_TIME)
		return entry->first_ns;
	if (order != CLI_ORDER_DURATION)
		return number > INT64_MAX ? -1 : (int64_t) number;
	return entry->first_ns != 0 && entry->last_ns != 0
			   ? entry->last_ns - entry->first_ns
			   : -1;
}

/*
 * Compares rows for qsort_r; less than 0: a comes before b. Of rows with equal
 * values the newer comes first; traces of the same time are ordered by their
 * ids.
 */
static int
compare_rows(const void *a, const void *b, void *order)
{
	const osp_trace_entry *x = &((const cli_trace_row *) a)->entry;
	const osp_trace_entry *y = &((const cli_trace_row *) b)->entry;
	int64_t x_key = order_key(*(const cli_list_order *) order, x);
	int64_t y_key = order_key(*(const cli_list_order *) order, y);

	if (x_key != y_key)
		return x_key > y_key ? -1 : 1;
	if (x->first_ns != y->first_ns)
		return x->first_ns > y->first_ns ? -1 : 1;
	return compare_text(x->base_id, y->base_id);
}

/* Does row a come behind row b? */
static bool
is_behind(cli_trace_rows *rows, const cli_trace_row *a, const cli_trace_row *b)
{
	return compare_rows(a, b, &rows->order) > 0;
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
		size_t last = at;
		size_t child;

		for (child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < rows->count &&
				is_behind(rows, &rows->rows[child], &rows->rows[last]))
				last = child;
		if (last == at)
			return;
		swap_rows(&rows->rows[at], &rows->rows[last]);
		at = last;
	}
}

/* Restores the heap above the last row, which was added. */
static void
sift_up(cli_trace_rows *rows)
{
	size_t at = rows->count - 1;

	while (at > 0 &&
		   is_behind(rows, &rows->rows[at], &rows->rows[(at - 1) / 2]))
	{
		swap_rows(&rows->rows[at], &rows->rows[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

/* Copies text to *to, and moves *to behind the copy. */
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
		if (is_behind(rows, &row, &rows->rows[0]))
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
cli_trace_rows_sort(cli_trace_rows *rows, cli_list_order order)
{
	if (rows->count > 0)
		qsort_r(
			rows->rows, rows->count, sizeof(*rows->rows), compare_rows, &order);
}

void
cli_trace_rows_cut(cli_trace_rows *rows, size_t skip, size_t limit)
{
	size_t i;

	if (skip > rows->count)
		skip = rows->count;
	for (i = 0; i < skip; i++)
		free(rows->rows[i].text);
	rows->count -= skip;
	if (rows->count > 0)
		memmove(
			rows->rows, rows->rows + skip, rows->count * sizeof(*rows->rows));
	while (limit > 0 && rows->count > limit)
	{
		free(rows->rows[--rows->count].text);
		rows->left_out++;
	}
}
