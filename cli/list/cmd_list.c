/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_list.c
 *	  osprofiler trace list: the traces of a collector, the newest first or by
 *	  another order.
 *
 * Of a collector that gives the newest first, and filters, a page of the newest is
 * asked for. In all other cases every trace is looked at, of which the first ones are
 * kept, and a page is a number of traces to leave out.
 */
#include "cli.h"
#include "collector_options.h"
#include "list/list_follow.h"
#include "list/list_options.h"
#include "list/trace_json.h"
#include "list/trace_rows.h"
#include "list/trace_table.h"
#include "view/follow_wait.h"

#include <stdio.h>
#include <stdlib.h>

/* A list that is being made. */
typedef struct listing
{
	const cli_list_options *options;
	cli_trace_rows rows;
	size_t skip;    /* the first so many are not shown */
	char next[512]; /* the page behind it; empty: there is none */
} listing;

/* An osp_trace_fn. Most drivers filter by themselves. */
static osp_status
add_trace(void *ctx, const osp_trace_entry *entry)
{
	listing *list = (listing *) ctx;

	return osp_trace_filter_passes(&list->options->filter, entry)
			   ? cli_trace_rows_add(&list->rows, entry)
			   : OSP_OK;
}

/* CLI_FAILED after a message. */
static int
fetch(listing *list, const osp_trace_filter *filter, osp_str *next)
{
	const cli_collector *collector = &list->options->collector;
	osp_error err = {OSP_OK, ""};
	osp_status status = collector->driver->list_traces(
		collector->conn, filter, add_trace, list, next, &err);

	if (status == OSP_OK)
		return CLI_OK;
	return cli_error("cannot list the traces of %s: %s%s",
					 collector->shown,
					 err.msg[0] != '\0' ? err.msg : osp_status_text(status),
					 status == OSP_ENOENT ? CLI_NOTHING_YET : "");
}

/* Asks the collector for one page, or for all. CLI_FAILED after a message. */
static int
fetch_page(listing *list)
{
	const cli_list_options *options = list->options;
	osp_trace_filter filter = options->filter;
	osp_str next = OSP_STR("");
	int result;

	filter.limit = (size_t) options->limit;
	result = fetch(list, &filter, &next);
	if (result == CLI_OK && next.len < sizeof(list->next))
		memcpy(list->next, next.ptr, next.len);
	cli_trace_rows_sort(&list->rows, CLI_ORDER_TIME);
	return result;
}

/* Looks at all traces, or at the newest of them, and keeps those to be shown. CLI_FAILED
 * after a message. */
static int
fetch_first(listing *list, bool pages)
{
	const cli_list_options *options = list->options;
	size_t limit = (size_t) options->limit;
	size_t wanted = limit > 0 ? list->skip + limit : 0;
	osp_trace_filter filter = options->filter;
	int result;

	filter.page = OSP_STR("");
	list->rows.limit = wanted;
	if (options->newest > 0)
	{
		list->rows.order = CLI_ORDER_TIME;
		list->rows.limit = (size_t) options->newest;
		filter.limit = pages ? list->rows.limit : 0;
	}
	result = fetch(list, &filter, NULL);
	if (result != CLI_OK)
		return result;
	if (options->newest > 0)
		list->rows.left_out = 0;
	cli_trace_rows_sort(&list->rows, options->order);
	cli_trace_rows_cut(&list->rows, list->skip, limit);
	if (list->rows.left_out > 0)
		(void) snprintf(list->next, sizeof(list->next), "%zu", wanted);
	return CLI_OK;
}

/* Can the driver give a page of just the traces that are asked for? */
static bool
has_pages(const cli_list_options *options)
{
	const osp_trace_filter *filter = &options->filter;
	unsigned flags = options->collector.driver->flags;
	bool filters = (flags & OSP_DRIVER_FILTERS) != 0;

	return (flags & OSP_DRIVER_NEWEST_FIRST) != 0 &&
		   (filters || (filter->min_duration_ns == 0 &&
						filter->service.len == 0 && filter->text.len == 0));
}

/* CLI_FAILED after a message. */
static int
fetch_traces(listing *list)
{
	const cli_list_options *options = list->options;
	osp_str page = options->filter.page;
	bool pages = has_pages(options);
	char *end;

	if (pages && options->order == CLI_ORDER_TIME)
		return fetch_page(list);
	if (page.len > 0)
	{
		list->skip = strtoul(page.ptr, &end, 10);
		if (*end != '\0' || list->skip > CLI_LIST_LIMIT_MAX)
			return cli_error("'%s' is no page of this list", page.ptr);
	}
	return fetch_first(list, pages);
}

static void
write_table(const listing *list, const osp_draw_options *drawing, cli_out *out)
{
	const char *what =
		list->options->order == CLI_ORDER_TIME ? "older" : "other";
	cli_trace_table table;
	size_t i;

	cli_trace_table_init(&table, drawing);
	cli_trace_table_head(&table, out);
	for (i = 0; i < list->rows.count && out->error == 0; i++)
		cli_trace_table_row(&table, &list->rows.rows[i].entry, out);
	cli_trace_table_term(&table);
	if (list->next[0] != '\0')
		cli_out_printf(out,
					   "There are %s traces: --page %s, or --all\n",
					   what,
					   list->next);
}

static int
write_list(cli_list_options *options, const listing *list)
{
	osp_draw_options drawing = cli_view_drawing(&options->view, STDOUT_FILENO);
	cli_out out;

	if (cli_view_open(&options->view, !options->json, &out) != CLI_OK)
		return CLI_FAILED;
	if (options->json)
		cli_trace_json_list(&list->rows, &out, osp_str_of(list->next));
	else
		write_table(list, &drawing, &out);
	return cli_view_close(&options->view, &out);
}

static int
list_traces(cli_list_options *options)
{
	listing list;
	int result;

	if (options->follow)
		options->collector.interrupted = cli_follow_is_ended;
	if (cli_collector_open(&options->collector) != CLI_OK)
		return CLI_FAILED;
	if (options->follow)
		return cli_list_follow(options);
	memset(&list, 0, sizeof(list));
	list.options = options;
	cli_trace_rows_init(&list.rows, options->order, 0);
	result = fetch_traces(&list);
	if (result == CLI_OK)
		result = write_list(options, &list);
	cli_trace_rows_term(&list.rows);
	return result;
}

int
cmd_list(int argc, char **argv)
{
	cli_list_options options;
	int result = cli_list_read_options(argc, argv, &options);

	if (result == CLI_OK)
		result = options.help ? cli_list_help() : list_traces(&options);
	cli_collector_close(&options.collector);
	return result;
}
