/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_list.c
 *	  osprofiler trace list: the traces of a collector, the newest first or in
 *	  another order.
 */
#include "cli.h"
#include "collector_options.h"
#include "list/list_follow.h"
#include "list/list_options.h"
#include "list/listing.h"
#include "list/trace_json.h"
#include "list/trace_table.h"
#include "server/server_list.h"
#include "view/follow_wait.h"

#include <unistd.h>

/* Does any trace name its service? If none does, the column is left out. */
static bool
has_service(const cli_listing *list)
{
	size_t i;

	for (i = 0; i < list->rows.count; i++)
		if (list->rows.rows[i].entry.service.len > 0)
			return true;
	return false;
}

/* Prints how to list the next traces. The list of a server has no pages. */
static void
write_more(const cli_list_options *options, const cli_listing *list,
		   cli_out *out)
{
	const char *what =
		options->query.order == CLI_ORDER_TIME ? "older" : "other";

	if (options->server != NULL)
		cli_out_printf(out,
					   "There are %s traces: --limit %zu, or --all\n",
					   what,
					   2 * list->rows.count);
	else
		cli_out_printf(out,
					   "There are %s traces: --page %s, or --all\n",
					   what,
					   list->next);
}

/* Prints below the head of an empty table that there is no trace. */
static void
write_nothing(const cli_list_options *options, const cli_listing *list,
			  cli_out *out)
{
	const osp_trace_filter *filter = &options->query.filter;
	bool filters = filter->errors_only || filter->min_duration_ns > 0 ||
				   filter->service.len > 0 || filter->text.len > 0 ||
				   filter->since_ns != 0 || filter->until_ns != 0;

	cli_out_printf(out,
				   "There is no %strace%s in %s.\n",
				   list->skip > 0 || filter->page.len > 0 ? "other " : "",
				   filters ? " that fits" : "",
				   options->collector.shown);
	if (options->server == NULL && cli_is_own_store(&options->collector))
		cli_out_printf(out,
					   "That is your own store: --connection-string names "
					   "another collector, --server CONNINFO a PostgreSQL "
					   "server.\n");
}

static void
write_table(const cli_list_options *options, const cli_listing *list,
			const osp_draw_options *drawing, cli_out *out)
{
	cli_trace_table table;
	size_t i;

	cli_trace_table_init(&table, drawing);
	if (drawing->width > 0 && !has_service(list))
		table.layout.service = 0;
	cli_trace_table_head(&table, out);
	for (i = 0; i < list->rows.count && out->error == 0; i++)
		cli_trace_table_row(&table, &list->rows.rows[i].entry, out);
	cli_trace_table_term(&table);
	if (list->rows.count == 0)
		write_nothing(options, list, out);
	if (list->next[0] != '\0')
		write_more(options, list, out);
}

static int
write_list(cli_list_options *options, const cli_listing *list)
{
	osp_draw_options drawing = cli_view_drawing(&options->view, STDOUT_FILENO);
	cli_out out;

	if (cli_view_open(&options->view, !options->json, &out) != CLI_OK)
		return CLI_FAILED;
	if (options->json)
		cli_trace_json_list(
			&list->rows,
			&out,
			osp_str_of(options->server != NULL ? "" : list->next));
	else
		write_table(options, list, &drawing, &out);
	return cli_view_close(&options->view, &out);
}

static int
list_traces(cli_list_options *options)
{
	cli_listing list;
	int result;

	if (options->follow)
		options->collector.interrupted = cli_follow_is_ended;
	if ((options->server != NULL
			 ? cli_server_collector(&options->collector, options->server)
			 : cli_collector_open(&options->collector)) != CLI_OK)
		return CLI_FAILED;
	if (options->follow)
		return cli_list_follow(options);
	result = cli_listing_make(&list, &options->collector, &options->query);
	if (result == CLI_OK)
		result = write_list(options, &list);
	cli_listing_term(&list);
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
