/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_rows.c
 *	  Adds up operations in the rows of a comparison, and their errors.
 */
#include "report/diff/diff.h"

osp_str
osp__diff_keep(osp__diff *d, osp_str text)
{
	osp_str copy = OSP_STR("");

	if (text.len > 0 && !osp__arena_copy(&d->arena, text, &copy))
	{
		d->status = OSP_ENOMEM;
		return OSP_STR("");
	}
	return copy;
}

static osp__diff_row *
find_row(const osp__diff *d, uint64_t key)
{
	size_t pos = 0;
	osp__diff_row *row;

	while ((row = osp__table_next(&d->row_table, key, &pos)) != NULL)
		if (row->key == key)
			break;
	return row;
}

/* Allocates an item for a table, and reserves room for it there. */
static void *
new_item(osp__diff *d, osp__table *table, size_t size)
{
	void *item = osp__arena_alloc(&d->arena, size);

	if (item == NULL || !osp__table_reserve(table, 1))
	{
		d->status = OSP_ENOMEM;
		return NULL;
	}
	memset(item, 0, size);
	return item;
}

/* The name of an operation in UTF-8. Time without an operation also has a name. */
static osp_str
name_of(osp__diff *d, int number, const osp__op *op)
{
	if (op->node == NULL)
		return OSP_STR("(no operation)");
	osp_buf_reset(&d->scratch);
	d->status = osp__report_decode(
		d->traces[number].report, op->node->name, &d->scratch);
	return d->status == OSP_OK ? osp__diff_keep(d, osp_buf_str(&d->scratch))
							   : OSP_STR("");
}

static osp__diff_row *
make_row(osp__diff *d, int number, const osp__op *op, uint64_t key)
{
	osp__diff_row *row = new_item(d, &d->row_table, sizeof(*row));

	if (row == NULL)
		return NULL;
	row->key = key;
	row->kind = op->kind;
	row->name = name_of(d, number, op);
	row->text = op->node != NULL
					? osp__diff_keep(d, osp_buf_str(&d->what.detail))
					: OSP_STR("");
	row->next = d->first_row;
	d->first_row = row;
	d->row_count++;
	osp__table_add(&d->row_table, key, row);
	return row;
}

/* Counts the error of an operation with those of its type in its row. */
static void
count_error(osp__diff *d, int number, const osp__op *op,
			const osp__diff_row *row)
{
	uint64_t key =
		row->key * 31 ^ osp__name_shape(op->node->etype, OSP_STR(""));
	osp__diff_error *error;
	size_t pos = 0;

	while ((error = osp__table_next(&d->error_table, key, &pos)) != NULL)
		if (error->key == key)
			break;
	if (error == NULL)
	{
		error = new_item(d, &d->error_table, sizeof(*error));
		if (error == NULL)
			return;
		error->key = key;
		error->row = row;
		error->text = osp__diff_keep(d, osp_buf_str(&d->what.error));
		error->next = d->first_error;
		d->first_error = error;
		osp__table_add(&d->error_table, key, error);
	}
	error->counts[number]++;
}

static void
count_times(osp__diff *d, int number, const osp__op *op, osp__diff_side *side)
{
	const osp__findings *f = &d->traces[number].findings;
	int64_t ns = osp__op_ns(op);

	osp__ns_add(&side->self_ns,
				op->kind == OSP__OP_NODE ? osp__node_own_ns(f, op)
										 : op->own_ns);
	if (op->node == NULL)
		ns = op->own_ns;
	else if (d->what.untimed)
		return;
	side->timed = true;
	osp__ns_add(&side->total_ns, ns);
	if (ns > side->max_ns || side->longest == NULL)
	{
		side->max_ns = ns;
		side->longest = op->node;
	}
}

static void
count_outcome(osp__diff *d, int number, const osp__op *op, osp__diff_row *row)
{
	osp__diff_trace *trace = &d->traces[number];

	trace->operations++;
	trace->unfinished += d->what.state != OSP__ENDED;
	if (!op->failed)
		return;
	trace->failed++;
	row->sides[number].failed++;
	count_error(d, number, op, row);
}

void
osp__diff_count(osp__diff *d, int number, const osp__op *op)
{
	osp__diff_trace *trace = &d->traces[number];
	osp__diff_row *row;
	uint64_t key = 1;

	if (op->node != NULL)
	{
		/* A report of lost points is not counted as an operation. */
		if (op->node->loss)
			return;
		d->status = osp__report_describe(trace->report, op->node, &d->what);
		if (d->status != OSP_OK)
			return;
		key = osp__op_key(op, &d->what);
	}
	row = find_row(d, key);
	if (row == NULL)
		row = make_row(d, number, op, key);
	if (row == NULL || d->status != OSP_OK)
		return;
	row->sides[number].count++;
	count_times(d, number, op, &row->sides[number]);
	if (op->node == NULL)
		return;
	count_outcome(d, number, op, row);
	if (op->kind == OSP__OP_PG)
		osp__diff_note_plan(d, trace, op, &row->sides[number]);
}
