/* SPDX-License-Identifier: Apache-2.0
 *
 * traces_list.c
 *	  Lists made of a set of traces: order, filter, pages.
 */
#include "traces.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_PER_US 1000

osp_status
osp__page_read(osp_page *page, osp_str text, osp_error *err)
{
	char copy[64];
	int end = 0;

	page->at_us = INT64_MAX;
	page->ties = 0;
	if (text.len == 0)
		return OSP_OK;
	if (text.len < sizeof(copy))
	{
		memcpy(copy, text.ptr, text.len);
		copy[text.len] = '\0';

		/* Any numbers are accepted: wrong ones do no harm. */
		/* NOLINTNEXTLINE(cert-err34-c) */
		if (sscanf(copy,
				   "%" SCNd64 ":%" SCNd64 "%n",
				   &page->at_us,
				   &page->ties,
				   &end) == 2 &&
			(size_t) end == text.len && page->ties >= 0)
			return OSP_OK;
	}
	return osp_error_set(err,
						 OSP_EINVAL,
						 "'%.*s' is no page of a list of traces",
						 (int) (text.len < 64 ? text.len : 64),
						 text.ptr);
}

void
osp__page_write(const osp_page *page, osp_buf *buf)
{
	osp_buf_addf(buf, "%" PRId64 ":%" PRId64, page->at_us, page->ties);
}

void
osp__page_step(osp_page *page, int64_t last_ns)
{
	int64_t us = last_ns / NS_PER_US;

	page->ties = us == page->at_us ? page->ties + 1 : 1;
	page->at_us = us;
}

bool
osp__is_in_time(const osp_trace_filter *filter, int64_t first_ns,
				int64_t last_ns)
{
	return (filter->since_ns == 0 || last_ns >= filter->since_ns) &&
		   (filter->until_ns == 0 || first_ns <= filter->until_ns);
}

static int
newest_first(const void *a, const void *b, void *entries)
{
	const osp_traces_entry *x =
		(const osp_traces_entry *) entries + *(const uint32_t *) a;
	const osp_traces_entry *y =
		(const osp_traces_entry *) entries + *(const uint32_t *) b;

	if (x->last_ns != y->last_ns)
		return x->last_ns > y->last_ns ? -1 : 1;
	return (x > y) - (x < y);
}

osp_status
osp__traces_order(const osp_traces *traces, const osp_trace_filter *filter,
				  const osp_page *page, uint32_t **order, size_t *count)
{
	int64_t ties = 0;
	size_t i;

	*count = 0;
	*order = osp_calloc(traces->alc, traces->count + 1, sizeof(**order));
	if (*order == NULL)
		return OSP_ENOMEM;
	for (i = 0; i < traces->count; i++)
		(*order)[i] = (uint32_t) i;
	qsort_r(
		*order, traces->count, sizeof(**order), newest_first, traces->entries);
	for (i = 0; i < traces->count; i++)
	{
		const osp_traces_entry *entry = &traces->entries[(*order)[i]];
		int64_t us = entry->last_ns / NS_PER_US;

		if (us > page->at_us || (us == page->at_us && ties++ < page->ties))
			continue;
		if (osp__is_in_time(filter, entry->first_ns, entry->last_ns))
			(*order)[(*count)++] = (*order)[i];
	}
	return OSP_OK;
}

osp_trace_entry
osp__traces_describe(const osp_traces *traces, size_t i)
{
	const osp_traces_entry *known = &traces->entries[i];
	const char *texts = traces->texts.ptr;
	osp_trace_entry entry = {.struct_size = sizeof(entry),
							 .base_id = osp__traces_id(traces, i),
							 .first_ns = known->first_ns,
							 .last_ns = known->last_ns,
							 .operations = known->operations,
							 .errors = known->errors};

	entry.service = osp_str_n(texts + known->service_at, known->service_len);
	entry.name = osp_str_n(texts + known->name_at, known->name_len);
	entry.text =
		osp_str_n(texts + known->name_at + known->name_len, known->text_len);
	return entry;
}

osp_status
osp__traces_each(osp_traces *traces, const osp_trace_filter *filter,
				 osp_trace_fn fn, void *ctx, osp_buf *next, osp_error *err)
{
	osp_trace_filter known = {.limit = 0};
	uint32_t *order = NULL;
	osp_status status;
	size_t given = 0;
	size_t count = 0;
	osp_page page;
	size_t i;

	osp_buf_reset(next);
	if (filter != NULL)
		osp_struct_copy(&known, sizeof(known), filter);
	status =
		osp__page_read(&page, filter != NULL ? known.page : OSP_STR(""), err);
	if (status != OSP_OK)
		return status;
	status = osp__traces_order(traces, &known, &page, &order, &count);
	if (status != OSP_OK)
		return osp_error_set(err, status, "out of memory");
	for (i = 0; i < count && status == OSP_OK; i++)
	{
		osp_trace_entry entry = osp__traces_describe(traces, order[i]);

		if ((known.errors_only && entry.errors == 0) ||
			!osp_trace_filter_passes(&known, &entry))
			continue;
		if (known.limit != 0 && given == known.limit)
		{
			osp__page_write(&page, next);
			status = osp_buf_status(next);
			break;
		}
		osp__page_step(&page, entry.last_ns);
		given++;
		status = fn(ctx, &entry);
	}
	osp_free(traces->alc, order);
	return status;
}
