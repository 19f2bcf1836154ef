/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_list.c
 *	  osprofiler trace list: the newest traces of a collector.
 *
 * A collector that gives the newest first is asked for a page only. Of all others
 * every trace is looked at, and a page is a number of traces to leave out.
 */
#include "cli.h"
#include "collector_options.h"
#include "terminal.h"
#include "time_argument.h"
#include "trace_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX     100000000

static const char help[] =
	"Usage: osprofiler trace list [OPTIONS]\n"
	"\n"
	"Lists the newest traces of a collector: when each began (UTC), how long it\n"
	"took so far, how many operations and errors it has, the service and the text "
	"of\n"
	"its first operation. A dash is what the collector does not know.\n"
	"\n"
	"  --limit N                 list N traces (20)\n"
	"  --all                     list all traces\n"
	"  --page PAGE               go on where a list ended, with the page that it "
	"named\n"
	"  --since TIME              only traces of that time or later: a date, a date "
	"and\n"
	"                            a time (UTC), or a time before now (15m, 24h, 7d)\n"
	"  --until TIME              only traces of that time or earlier\n"
	"  --errors                  only traces with errors (--error-trace is the "
	"same);\n"
	"                            some collectors know them only if they were "
	"stored\n"
	"                            with filter_error_trace\n"
	"  --json                    as JSON, for programs\n" CLI_COLLECTOR_HELP
	"  -h, --help                this text\n";

enum
{
	OPT_ERROR_TRACE = CLI_OPT_FIRST_FREE,
	OPT_ERRORS,
	OPT_LIMIT,
	OPT_ALL,
	OPT_PAGE,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_JSON
};

static const struct option longs[] = {
	CLI_COLLECTOR_OPTIONS,
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"all", no_argument, NULL, OPT_ALL},
	{"page", required_argument, NULL, OPT_PAGE},
	{"since", required_argument, NULL, OPT_SINCE},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"errors", no_argument, NULL, OPT_ERRORS},
	{"error-trace", optional_argument, NULL, OPT_ERROR_TRACE},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

typedef struct list_options
{
	osp_trace_filter filter;
	long limit; /* 0: all */
	bool json;
	cli_collector collector;
} list_options;

/* A list that is being made. */
typedef struct listing
{
	cli_trace_rows rows;
	size_t skip;    /* the newest so many are not shown */
	char next[512]; /* the page behind it; empty: there is none */
} listing;

static int
report_failure(const list_options *options, osp_status status,
			   const osp_error *err)
{
	return cli_error("cannot list the traces of %s: %s",
					 options->collector.shown,
					 err->msg[0] != '\0' ? err->msg : osp_status_text(status));
}

/* Asks the collector for one page, or for all. CLI_FAILED after a message. */
static int
fetch_newest(list_options *options, listing *list)
{
	const cli_collector *collector = &options->collector;
	osp_error err = {OSP_OK, ""};
	osp_str next = OSP_STR("");
	osp_status status;

	options->filter.limit = (size_t) options->limit;
	status = collector->driver->list_traces(collector->conn,
											&options->filter,
											cli_trace_rows_add,
											&list->rows,
											&next,
											&err);
	if (status != OSP_OK)
		return report_failure(options, status, &err);
	if (next.len < sizeof(list->next))
		memcpy(list->next, next.ptr, next.len);
	return CLI_OK;
}

/* Goes through all traces and keeps those to be shown. CLI_FAILED after a message. */
static int
fetch_all(list_options *options, listing *list)
{
	const cli_collector *collector = &options->collector;
	osp_error err = {OSP_OK, ""};
	osp_status status;

	options->filter.page = OSP_STR("");
	list->rows.limit =
		options->limit > 0 ? (size_t) options->limit + list->skip : 0;
	status = collector->driver->list_traces(collector->conn,
											&options->filter,
											cli_trace_rows_add,
											&list->rows,
											NULL,
											&err);
	if (status != OSP_OK)
		return report_failure(options, status, &err);
	if (list->rows.left_out > 0)
		(void) snprintf(
			list->next, sizeof(list->next), "%zu", list->rows.limit);
	return CLI_OK;
}

/* CLI_FAILED after a message. */
static int
fetch(list_options *options, listing *list)
{
	bool newest_first =
		(options->collector.driver->flags & OSP_DRIVER_NEWEST_FIRST) != 0;
	char *end;

	if (newest_first)
		return fetch_newest(options, list);
	if (options->filter.page.len > 0)
	{
		list->skip = strtoul(options->filter.page.ptr, &end, 10);
		if (*end != '\0' || list->skip > LIMIT_MAX)
			return cli_error("'%s' is no page of a list of this collector",
							 options->filter.page.ptr);
	}
	return fetch_all(options, list);
}

static int
write_list(const list_options *options, const listing *list)
{
	cli_out out;

	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	if (options->json)
		cli_trace_rows_json(&list->rows, &out, osp_str_of(list->next));
	else
	{
		cli_trace_rows_table(&list->rows, &out, cli_terminal_width(out.fd));
		if (list->next[0] != '\0')
			cli_out_printf(&out,
						   "There are older traces: --page %s, or --all\n",
						   list->next);
	}
	return cli_out_close(&out);
}

static int
list_traces(list_options *options)
{
	listing list;
	int result;

	if (cli_collector_open(&options->collector) != CLI_OK)
		return CLI_FAILED;
	memset(&list, 0, sizeof(list));
	cli_trace_rows_init(&list.rows, 0);
	result = fetch(options, &list);
	if (result == CLI_OK)
	{
		cli_trace_rows_sort(&list.rows, list.skip);
		result = write_list(options, &list);
	}
	cli_trace_rows_term(&list.rows);
	return result;
}

/*
 * Upstream's --error-trace wants a value, "--error-trace True", and so has
 * always to be followed by one. Here it may. CLI_USAGE after a message.
 */
static int
read_error_trace(int argc, char **argv, const char *given, bool *errors_only)
{
	if (given == NULL && optind < argc && argv[optind][0] != '-')
		given = argv[optind++];
	*errors_only = true;
	if (given != NULL && !osp_parse_bool(osp_str_of(given), errors_only))
		return cli_usage("--error-trace takes true or false, not '%s'", given);
	return CLI_OK;
}

/* One option; false after a message. */
static bool
read_option(list_options *options, int c, int argc, char **argv)
{
	osp_trace_filter *filter = &options->filter;

	switch (c)
	{
		case OPT_ERROR_TRACE:
			return read_error_trace(argc, argv, optarg, &filter->errors_only) ==
				   CLI_OK;
		case OPT_ERRORS:
			filter->errors_only = true;
			return true;
		case OPT_LIMIT:
			return cli_number("--limit", optarg, 1, LIMIT_MAX, &options->limit);
		case OPT_ALL:
			options->limit = 0;
			return true;
		case OPT_PAGE:
			filter->page = osp_str_of(optarg);
			return true;
		case OPT_SINCE:
			return cli_moment("--since", optarg, &filter->since_ns);
		case OPT_UNTIL:
			return cli_moment("--until", optarg, &filter->until_ns);
		case OPT_JSON:
			options->json = true;
			return true;
		default:
			return c != '?' &&
				   cli_collector_option(&options->collector, c, optarg);
	}
}

int
cmd_list(int argc, char **argv)
{
	list_options options;
	int result;
	int c;

	memset(&options, 0, sizeof(options));
	options.filter.struct_size = sizeof(options.filter);
	options.filter.page = OSP_STR("");
	options.limit = LIMIT_DEFAULT;
	cli_collector_init(&options.collector);
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (c == 'h')
			return cli_help(help);
		if (!read_option(&options, c, argc, argv))
			return CLI_USAGE;
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;
	result = list_traces(&options);
	cli_collector_close(&options.collector);
	return result;
}
