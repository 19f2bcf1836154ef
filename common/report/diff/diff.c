/* SPDX-License-Identifier: Apache-2.0
 *
 * diff.c
 *	  Compares two traces.
 */
#include "report/diff/diff.h"

#include <stdlib.h>

/* Puts the largest change first, then the rows that ran more often. Ties are ordered by
 * key, so that the output is stable. */
static int
compare_rows(const void *a, const void *b)
{
	const osp__diff_row *x = *(osp__diff_row *const *) a;
	const osp__diff_row *y = *(osp__diff_row *const *) b;
	int64_t x_ns = osp__diff_magnitude(x->change_ns);
	int64_t y_ns = osp__diff_magnitude(y->change_ns);

	if (x_ns != y_ns)
		return x_ns > y_ns ? -1 : 1;
	if (x->sides[0].count + x->sides[1].count !=
		y->sides[0].count + y->sides[1].count)
		return x->sides[0].count + x->sides[1].count >
					   y->sides[0].count + y->sides[1].count
				   ? -1
				   : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static void
sort_rows(osp__diff *d)
{
	osp__diff_row *row = d->first_row;
	size_t i = 0;

	d->rows =
		osp_calloc(d->alc, d->row_count > 0 ? d->row_count : 1, sizeof(void *));
	if (d->rows == NULL)
	{
		d->status = OSP_ENOMEM;
		return;
	}
	for (; row != NULL; row = row->next)
	{
		row->change_ns =
			osp__ns_between(row->sides[0].self_ns, row->sides[1].self_ns);
		d->rows[i++] = row;
	}
	qsort(d->rows, d->row_count, sizeof(void *), compare_rows);
}

static void
count_trace(osp__diff *d, int number)
{
	const osp__findings *f = &d->traces[number].findings;
	size_t i;

	for (i = 0; i < f->op_count && d->status == OSP_OK; i++)
		osp__diff_count(d, number, f->walk[i]);
}

osp_status
osp__diff_make(osp__diff *d, osp_report *before, osp_report *after)
{
	int i;

	memset(d, 0, sizeof(*d));
	d->alc = before->alc;
	d->traces[0].report = before;
	d->traces[1].report = after;
	osp__arena_init(&d->arena, d->alc);
	osp__table_init(&d->row_table, d->alc);
	osp__table_init(&d->error_table, d->alc);
	osp__description_init(&d->what, d->alc);
	osp_buf_init(&d->scratch, d->alc, SIZE_MAX / 4);
	for (i = 0; i < 2; i++)
	{
		osp_status status =
			osp__findings_begin(&d->traces[i].findings, d->traces[i].report);

		if (d->status == OSP_OK)
			d->status = status;
	}
	for (i = 0; i < 2; i++)
		count_trace(d, i);
	if (d->status == OSP_OK)
		sort_rows(d);
	return d->status;
}

void
osp__diff_term(osp__diff *d)
{
	osp__findings_term(&d->traces[0].findings);
	osp__findings_term(&d->traces[1].findings);
	osp_free(d->alc, d->rows);
	osp_buf_term(&d->scratch);
	osp__description_term(&d->what);
	osp__table_term(&d->error_table);
	osp__table_term(&d->row_table);
	osp__arena_term(&d->arena);
}

int64_t
osp__diff_magnitude(int64_t ns)
{
	if (ns == INT64_MIN)
		return INT64_MAX;
	return ns < 0 ? -ns : ns;
}

int64_t
osp__diff_total_ns(const osp__diff *d)
{
	return osp__ns_between(d->traces[0].findings.total_ns,
						   d->traces[1].findings.total_ns);
}

bool
osp__diff_is_doubtful(const osp__diff_trace *trace)
{
	return trace->report->lost_points > 0 || trace->report->malformed > 0;
}
