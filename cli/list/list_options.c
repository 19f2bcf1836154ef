/* SPDX-License-Identifier: Apache-2.0
 *
 * list_options.c
 *	  The options of `osprofiler trace list`.
 */
#include "list/list_options.h"
#include "cli.h"
#include "time_argument.h"

#include <stdio.h>

#include "base/parse.h"

#define LIMIT_DEFAULT  20
#define NEWEST_DEFAULT 1000 /* for --slow */

/* The largest value of --min-duration, which is 200 years. */
#define DURATION_MAX_S 6.3e9

#define NS_PER_S 1e9

static const char help[] =
	"Usage: osprofiler trace list [OPTIONS]\n"
	"\n"
	"Lists traces of a collector, the newest first: when each began (UTC), how long\n"
	"it took so far, how many operations and errors it has, the service or application,\n"
	"and the first operation that says what it does. A dash is what the collector does\n"
	"not know, or a service without a name (OSPROFILER_SERVICE, osprofiler.service).\n"
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
	"  --min-duration TIME       only traces that took as long (200ms, 2s)\n"
	"  --service NAME            only traces whose first operation is of this "
	"service\n"
	"                            or application\n"
	"  --text TEXT               only traces with this text in the name or the text\n"
	"                            of the operation that is listed, as far as the\n"
	"                            collector keeps it; in upper or lower case, of\n"
	"                            the letters A to Z\n"
	"  --sort ORDER              what comes first: time (the newest), duration,\n"
	"                            operations or errors (the most)\n"
	"  --slow[=N]                the slowest first, of the newest N traces (1000) "
	"that\n"
	"                            all of the above lets pass; with --since or "
	"--until,\n"
	"                            and no N, of all of that time\n"
	"  --follow                  then list new traces as they come, the newest "
	"last,\n"
	"                            until Ctrl-C\n"
	"  --server CONNINFO         list what this PostgreSQL server has, as psql takes "
	"it,\n"
	"                            instead of a collector\n"
	"  --json                    as JSON, for programs\n" CLI_VIEW_HELP
		CLI_COLLECTOR_HELP "  -h, --help                this text\n";

enum
{
	OPT_ERROR_TRACE = CLI_OPT_FIRST_FREE,
	OPT_ERRORS,
	OPT_LIMIT,
	OPT_ALL,
	OPT_PAGE,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_MIN_DURATION,
	OPT_SERVICE,
	OPT_TEXT,
	OPT_SORT,
	OPT_SLOW,
	OPT_FOLLOW,
	OPT_SERVER,
	OPT_JSON
};

static const struct option longs[] = {
	CLI_COLLECTOR_OPTIONS,
	CLI_VIEW_OPTIONS,
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"all", no_argument, NULL, OPT_ALL},
	{"page", required_argument, NULL, OPT_PAGE},
	{"since", required_argument, NULL, OPT_SINCE},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"errors", no_argument, NULL, OPT_ERRORS},
	{"error-trace", optional_argument, NULL, OPT_ERROR_TRACE},
	{"min-duration", required_argument, NULL, OPT_MIN_DURATION},
	{"service", required_argument, NULL, OPT_SERVICE},
	{"text", required_argument, NULL, OPT_TEXT},
	{"sort", required_argument, NULL, OPT_SORT},
	{"slow", optional_argument, NULL, OPT_SLOW},
	{"follow", no_argument, NULL, OPT_FOLLOW},
	{"server", required_argument, NULL, OPT_SERVER},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Options that were given but are not part of cli_list_options. */
typedef struct given
{
	bool sort;
	bool slow;
	bool page;
	bool all;
	bool limit;
} given;

int
cli_list_help(void)
{
	return cli_help(help);
}

/*
 * Reads --error-trace. Upstream's option always needs a value, "--error-trace
 * True"; here the value may be left out. False after a message.
 */
static bool
read_error_trace(int argc, char **argv, const char *value, bool *errors_only)
{
	if (value == NULL && optind < argc && argv[optind][0] != '-')
		value = argv[optind++];
	*errors_only = true;
	if (value == NULL || osp_parse_bool(osp_str_of(value), errors_only))
		return true;
	cli_usage("--error-trace takes true or false, not '%s'", value);
	return false;
}

static bool
read_order(const char *value, cli_list_order *order)
{
	if (cli_list_order_of(osp_str_of(value), order))
		return true;
	cli_usage("--sort takes time, duration, operations or errors, not '%s'",
			  value);
	return false;
}

static bool
read_text(const char *option, const char *value, osp_str *out)
{
	*out = osp_str_of(value);
	if (out->len > 0)
		return true;
	cli_usage("%s must not be empty", option);
	return false;
}

static bool
read_min_duration(const char *value, int64_t *ns)
{
	double seconds;

	if (!cli_duration("--min-duration", value, DURATION_MAX_S, &seconds))
		return false;
	*ns = (int64_t) (seconds * NS_PER_S);
	return true;
}

/* Reads an option that restricts the list to some traces; false after a message. */
static bool
read_filter(osp_trace_filter *filter, int c, int argc, char **argv)
{
	switch (c)
	{
		case OPT_ERROR_TRACE:
			return read_error_trace(argc, argv, optarg, &filter->errors_only);
		case OPT_ERRORS:
			filter->errors_only = true;
			return true;
		case OPT_PAGE:
			filter->page = osp_str_of(optarg);
			return true;
		case OPT_SINCE:
			return cli_moment("--since", optarg, &filter->since_ns);
		case OPT_UNTIL:
			return cli_moment("--until", optarg, &filter->until_ns);
		case OPT_MIN_DURATION:
			return read_min_duration(optarg, &filter->min_duration_ns);
		case OPT_SERVICE:
			return read_text("--service", optarg, &filter->service);
		default:
			return read_text("--text", optarg, &filter->text);
	}
}

/* Reads one option; false after a message. */
static bool
read_option(cli_list_options *options, given *also, int c, int argc,
			char **argv)
{
	bool known;

	if (!cli_view_option(&options->view, c, optarg, &known))
		return false;
	if (known)
		return true;
	switch (c)
	{
		case OPT_LIMIT:
			also->limit = true;
			return cli_number("--limit",
							  optarg,
							  1,
							  CLI_LIST_LIMIT_MAX,
							  &options->query.limit);
		case OPT_ALL:
			also->all = true;
			options->query.limit = 0;
			return true;
		case OPT_SORT:
			also->sort = true;
			return read_order(optarg, &options->query.order);
		case OPT_SLOW:
			also->slow = true;
			return optarg == NULL || cli_number("--slow",
												optarg,
												1,
												CLI_LIST_LIMIT_MAX,
												&options->query.newest);
		case OPT_FOLLOW:
			options->follow = true;
			return true;
		case OPT_SERVER:
			options->server = optarg;
			return true;
		case OPT_JSON:
			options->json = true;
			return true;
		case 'h':
			options->help = true;
			return true;
		case '?':
		case CLI_OPT_CONNECTION_STRING:
		case CLI_OPT_TRANSPORT_URL:
			return c != '?' &&
				   cli_collector_option(&options->collector, c, optarg);
		default:
			also->page |= c == OPT_PAGE;
			return read_filter(&options->query.filter, c, argc, argv);
	}
}

/*
 * Checks the options together, and sets what several of them determine.
 * CLI_USAGE after a message.
 */
static int
combine_options(cli_list_options *options, const given *also)
{
	const osp_trace_filter *filter = &options->query.filter;

	if (also->all && also->limit)
		return cli_usage("--all and --limit exclude each other");
	if (options->server != NULL &&
		(also->page || options->collector.connection_string != NULL))
		return cli_usage("--server lists what a server has: --page and "
						 "--connection-string make no sense with it");
	if (also->sort && also->slow)
		return cli_usage("--slow and --sort exclude each other");
	if (options->follow && (also->sort || also->slow || also->page ||
							also->all || filter->until_ns != 0))
		return cli_usage(
			"--follow lists traces as they come, so --sort, --slow, "
			"--page, --all and --until make no sense with it");
	if (!also->slow)
		return CLI_OK;
	options->query.order = CLI_ORDER_DURATION;
	if (options->query.newest == 0 && filter->since_ns == 0 &&
		filter->until_ns == 0)
		options->query.newest = NEWEST_DEFAULT;
	return CLI_OK;
}

int
cli_list_read_options(int argc, char **argv, cli_list_options *options)
{
	given also;
	int c;

	memset(options, 0, sizeof(*options));
	memset(&also, 0, sizeof(also));
	options->query.filter.struct_size = sizeof(options->query.filter);
	options->query.filter.page = OSP_STR("");
	options->query.filter.service = OSP_STR("");
	options->query.filter.text = OSP_STR("");
	options->query.limit = LIMIT_DEFAULT;
	cli_collector_init(&options->collector);
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (!read_option(options, &also, c, argc, argv))
			return CLI_USAGE;
		if (options->help)
			return CLI_OK;
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;
	return combine_options(options, &also);
}
