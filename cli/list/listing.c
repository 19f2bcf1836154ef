/* SPDX-License-Identifier: Apache-2.0
 *
 * listing.c
 *	  A part of the list of a collector's traces.
 *
 * A collector that gives the newest traces first, and filters, is asked for a
 * page of the newest. In all other cases every trace is read and the first ones
 * are kept; the name of a page is then the number of traces to leave out.
 */
#include "list/listing.h"
#include "cli.h"

#include <stdio.h>

/*
 * Adds a trace that passes the filter; an osp_trace_fn. Most drivers filter by
 * themselves.
 */
static osp_status
add_trace(void *ctx, const osp_trace_entry *entry)
{
	cli_listing *list = (cli_listing *) ctx;

	return osp_trace_filter_passes(&list->query->filter, entry)
			   ? cli_trace_rows_add(&list->rows, entry)
			   : OSP_OK;
}

/* Reads traces from the collector. CLI_FAILED after a message. */
static int
fetch(cli_listing *list, const osp_trace_filter *filter, osp_str *next)
{
	const cli_collector *collector = list->collector;
	osp_error err = {OSP_OK, ""};

	list->status = collector->driver->list_traces(
		collector->conn, filter, add_trace, list, next, &err);
	if (list->status == OSP_OK)
		return CLI_OK;
	return cli_collector_failed(
		collector, "list the traces of", list->status, &err);
}

/* Asks the collector for one page, or for all. CLI_FAILED after a message. */
static int
fetch_page(cli_listing *list)
{
	const cli_list_query *query = list->query;
	osp_trace_filter filter = query->filter;
	osp_str next = OSP_STR("");
	int result;

	filter.limit = (size_t) query->limit;
	result = fetch(list, &filter, &next);
	if (result == CLI_OK && next.len < sizeof(list->next))
		memcpy(list->next, next.ptr, next.len);
	cli_trace_rows_sort(&list->rows, CLI_ORDER_TIME);
	return result;
}

/*
 * Reads all traces, or the newest ones, and keeps those to be shown. CLI_FAILED
 * after a message.
 */
static int
fetch_first(cli_listing *list, bool pages)
{
	const cli_list_query *query = list->query;
	size_t limit = (size_t) query->limit;
	size_t wanted = limit > 0 ? list->skip + limit : 0;
	osp_trace_filter filter = query->filter;
	int result;

	filter.page = OSP_STR("");
	list->rows.limit = wanted;
	if (query->newest > 0)
	{
		list->rows.order = CLI_ORDER_TIME;
		list->rows.limit = (size_t) query->newest;
		filter.limit = pages ? list->rows.limit : 0;
	}
	result = fetch(list, &filter, NULL);
	if (result != CLI_OK)
		return result;
	if (query->newest > 0)
		list->rows.left_out = 0;
	cli_trace_rows_sort(&list->rows, query->order);
	cli_trace_rows_cut(&list->rows, list->skip, limit);
	if (list->rows.left_out > 0)
		(void) snprintf(list->next, sizeof(list->next), "%zu", wanted);
	return CLI_OK;
}

/* Reads the name of a page, which is the number of traces before it; empty means 0. */
static bool
read_number(osp_str page, size_t *number)
{
	size_t i;

	*number = 0;
	for (i = 0; i < page.len; i++)
	{
		if (page.ptr[i] < '0' || page.ptr[i] > '9')
			return false;
		*number = *number * 10 + (size_t) (page.ptr[i] - '0');
		if (*number > CLI_LIST_LIMIT_MAX)
			return false;
	}
	return true;
}

/* Can the driver itself give pages that have just the wanted traces? */
static bool
has_pages(const cli_listing *list)
{
	const osp_trace_filter *filter = &list->query->filter;
	unsigned flags = list->collector->driver->flags;
	bool filters = (flags & OSP_DRIVER_FILTERS) != 0;

	return (flags & OSP_DRIVER_NEWEST_FIRST) != 0 &&
		   (filters || (filter->min_duration_ns == 0 &&
						filter->service.len == 0 && filter->text.len == 0));
}

int
cli_listing_make(cli_listing *list, const cli_collector *collector,
				 const cli_list_query *query)
{
	osp_str page = query->filter.page;
	bool pages;

	memset(list, 0, sizeof(*list));
	list->collector = collector;
	list->query = query;
	cli_trace_rows_init(&list->rows, query->order, 0);
	pages = has_pages(list);
	if (pages && query->order == CLI_ORDER_TIME)
		return fetch_page(list);
	if (!read_number(page, &list->skip))
		return cli_error("'%.*s' is no page of this list",
						 (int) (page.len < 40 ? page.len : 40),
						 page.ptr);
	return fetch_first(list, pages);
}

void
cli_listing_term(cli_listing *list)
{
	cli_trace_rows_term(&list->rows);
}

bool
cli_list_order_of(osp_str name, cli_list_order *order)
{
	static const char *const names[] = {[CLI_ORDER_TIME] = "time",
										[CLI_ORDER_DURATION] = "duration",
										[CLI_ORDER_OPERATIONS] = "operations",
										[CLI_ORDER_ERRORS] = "errors"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (osp_str_eq(name, osp_str_of(names[i])))
		{
			*order = (cli_list_order) i;
			return true;
		}
	return false;
}
