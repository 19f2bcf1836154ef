/* SPDX-License-Identifier: Apache-2.0
 *
 * page_rows.c
 *	  The columns of a page: a number for each operation.
 */
#include "report/page/page_data.h"

#include <inttypes.h>
#include <stdio.h>

#include "report/report_fold.h"

static const char *const names[OSP__PAGE_COLUMNS] = {
	"depth", /* levels of operations above it */
	"name",  /* string */
	"begin", /* ns since the trace began, by the clock of its caller's host */
	"duration", /* ns; -1: not known; -2: not measured, only rows were counted;
				 * -3 - ns: not known, but at most ns, because its caller ended
				 * then */
	"self",     /* ns without operations inside it; the time of a plan's node is
				 * also part of its statement's */
	"kind",     /* osp__op_kind */
	"state",    /* osp__state */
	"text",     /* string: what the operation did */
	"error",    /* string: type and message */
	"mark",     /* string: what qualifies the row */
	"remark",   /* string: what is unusual about it */
	"rows",     /* -1: not known, or meaningless */
	"shape",    /* index in "shapes" */
	"fold",     /* 0, or 1 + index in "folds" */
	"service",  /* string */
	"host",     /* string */
	"id",       /* the trace_id; numbered like texts of notifications */
	"at",       /* index of its notifications in "values" */
};

static void
put(osp__page *page, osp__page_column column, int64_t value)
{
	osp_buf *buf = &page->columns[column];

	if (buf->len > 0)
		osp_buf_add_char(buf, ',');
	osp_buf_add_i64(buf, value);
}

/* The string with what qualifies the row; 0: nothing. */
static uint32_t
mark_of(osp__page *page, const osp__op *op)
{
	const osp__description *what = &page->what;
	char text[96] = "";
	char time[OSP__DURATION_MAX];

	if (op->node->cycle)
		return osp__page_string(
			page, &page->strings, OSP_STR("parents form a ring"));
	if (op->shift_ns != 0)
	{
		osp__duration_text(op->shift_ns < 0 ? -op->shift_ns : op->shift_ns,
						   time);
		(void) snprintf(text,
						sizeof(text),
						"its clock is %s %s",
						time,
						op->shift_ns < 0 ? "ahead" : "behind");
	}
	else if (what->unread != NULL)
		return osp__page_string(page, &page->strings, osp_str_of(what->unread));
	else if (what->truncated > 0)
		(void) snprintf(
			text, sizeof(text), "%" PRId64 " left out", what->truncated);
	else if (what->bound != NULL)
		return osp__page_string(page, &page->strings, osp_str_of(what->bound));
	else if (what->cut)
		return osp__page_string(page, &page->strings, OSP_STR("text cut"));
	return text[0] != '\0'
			   ? osp__page_string(page, &page->strings, osp_str_of(text))
			   : 0;
}

static uint32_t
remark_of(osp__page *page)
{
	const osp__description *what = &page->what;
	char text[OSP__PLACE_MAX + OSP__REMARK_MAX + 2];

	(void) snprintf(text,
					sizeof(text),
					"%s%s%s",
					what->place,
					what->place[0] != '\0' && what->remark[0] != '\0' ? ", "
																	  : "",
					what->remark);
	return text[0] != '\0'
			   ? osp__page_string(page, &page->strings, osp_str_of(text))
			   : 0;
}

static uint32_t
text_of(osp__page *page, const osp_buf *text)
{
	return text->len > 0
			   ? osp__page_string(page, &page->strings, osp_buf_str(text))
			   : 0;
}

static int64_t
duration_of(const osp__page *page, const osp__op *op)
{
	const osp__node *node = op->node;
	int64_t ns;

	if (page->what.untimed)
		return -2;
	if (node->stops == 0)
		return op->end_ns < page->findings.total_ns ? -3 - osp__op_ns(op) : -1;
	if (node->starts == 0 && node->elapsed_ns < 0)
		return -1;

	/* If the clock was set back, the duration is known, too: 0, as in a drawing. */
	ns = osp__node_duration_ns(node);
	return ns > 0 ? ns : 0;
}

/* The number of the node's fold, which is written with its first operation; 0: no
 * fold. */
static uint32_t
fold_number(osp__page *page, const osp__node *node)
{
	osp__fold *fold = node->fold;

	if (fold == NULL || page->status != OSP_OK)
		return 0;
	if (fold->first == node)
	{
		if (page->fold_count++ > 0)
			osp_buf_add_char(&page->folds, ',');
		osp_buf_addf(&page->folds,
					 "[%" PRIu32 ",%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64
					 ",%" PRId64 ",%" PRId64 ",%" PRId64 "]",
					 page->row_count,
					 fold->count,
					 osp__ns_between(page->report->started_ns, fold->begin_ns),
					 osp__ns_between(page->report->started_ns, fold->end_ns),
					 fold->total_ns,
					 fold->min_ns,
					 fold->median_ns,
					 fold->max_ns);
		fold->number = page->fold_count;
	}
	return fold->number;
}

/* Adds the parent that an operation names, if it is not in the trace. */
static void
put_parent(osp__page *page, const osp__node *node)
{
	if (!osp__node_misses_parent(page->report, node))
		return;
	if (page->parents.len > 0)
		osp_buf_add_char(&page->parents, ',');
	osp_buf_addf(&page->parents,
				 "[%" PRIu32 ",%" PRIu32 "]",
				 page->row_count,
				 osp__page_value(page, &page->strings, node->parent_id));
}

static void
put_row(osp__page *page, const osp__op *op, int depth)
{
	const osp__node *node = op->node;
	int64_t self_ns = op->kind == OSP__OP_NODE
						  ? osp__node_own_ns(&page->findings, op)
						  : op->own_ns;
	uint32_t name;
	uint32_t text;

	page->status = osp__report_describe(page->report, node, &page->what);
	if (page->status != OSP_OK)
		return;
	name = osp__page_inside(page, &page->strings, node->name);
	text = text_of(page, &page->what.detail);
	put(page, OSP__PAGE_DEPTH, depth);
	put(page, OSP__PAGE_NAME, name);
	put(page,
		OSP__PAGE_ID,
		osp__page_value(page, &page->point_strings, node->trace_id));
	put(page, OSP__PAGE_BEGIN, op->begin_ns);
	put(page, OSP__PAGE_DURATION, duration_of(page, op));
	put(page, OSP__PAGE_SELF, self_ns);
	put(page, OSP__PAGE_KIND, op->kind);
	put(page, OSP__PAGE_STATE, page->what.state);
	put(page, OSP__PAGE_TEXT, text);
	put(page, OSP__PAGE_ERROR, text_of(page, &page->what.error));
	put(page, OSP__PAGE_MARK, mark_of(page, op));
	put(page, OSP__PAGE_REMARK, remark_of(page));
	put(page, OSP__PAGE_ROWS, page->what.rows);
	put(page,
		OSP__PAGE_SHAPE,
		osp__page_count_shape(page, op, name, text, self_ns));
	put(page, OSP__PAGE_FOLD, fold_number(page, node));
	put(page,
		OSP__PAGE_SERVICE,
		osp__page_value(page, &page->strings, node->service));
	put(page,
		OSP__PAGE_HOST,
		osp__page_value(page, &page->strings, node->host));
	put(page, OSP__PAGE_AT, (int64_t) page->value_count);
	put_parent(page, node);
	osp__page_points(page, node);
	page->states[page->what.state]++;
	page->failed += page->what.error.len > 0;
	osp__page_waits(page, node);
	page->rows[node->order] = page->row_count++;
}

void
osp__page_rows(osp__page *page)
{
	osp__node *node = page->report->first_root;
	int depth = 0;

	for (; node != NULL && page->status == OSP_OK;
		 node = osp__node_next(node, &depth))
	{
		page->rows[node->order] = UINT32_MAX;

		/* Reports of losses are shown in the head only. */
		if (!node->loss)
			put_row(page, osp__op_of(&page->findings, node), depth);
	}
}

void
osp__page_put_columns(osp__page *page, int from, int to, osp_write_fn write,
					  void *ctx)
{
	int i;

	for (i = from; i < to && page->status == OSP_OK; i++)
	{
		osp_buf_reset(&page->scratch);
		osp_buf_addf(&page->scratch, ",\n\"%s\":[", names[i]);
		page->status = osp_buf_status(&page->columns[i]);
		if (page->status == OSP_OK)
			page->status = osp_buf_status(&page->scratch);
		if (page->status == OSP_OK)
			page->status = write(ctx, osp_buf_str(&page->scratch));
		if (page->status == OSP_OK)
			page->status = write(ctx, osp_buf_str(&page->columns[i]));
		if (page->status == OSP_OK)
			page->status = write(ctx, OSP_STR("]"));
	}
}
