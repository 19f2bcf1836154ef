/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_check.c
 *	  osprofiler trace check: are the points of a trace as they must be?
 */
#include "cli.h"
#include "out.h"
#include "text.h"
#include "trace.h"

static const char help[] =
	"Usage: osprofiler trace check [OPTIONS] TRACE\n"
	"\n"
	"Checks the stored points of a trace: every start has exactly one stop,\n"
	"parents exist, a child lies within its parent in time, nothing came twice.\n"
	"Prints a line for each breach; exit status 1 if there is one.\n"
	"\n" CLI_COLLECTOR_HELP "  -h, --help                this text\n";

static const struct option longs[] = {
	CLI_COLLECTOR_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void
print_line(void *ctx, const char *line)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 1024 * 1024);
	cli_add_visible(&text, osp_str_of(line));
	osp_buf_add_char(&text, '\n');
	(void) cli_out_write(ctx, osp_buf_str(&text));
	osp_buf_term(&text);
}

static int
check_report(osp_report *report)
{
	cli_out out;
	osp_status status;
	size_t breaches = 0;

	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	status = osp_report_check(report, print_line, &out, &breaches);
	if (cli_out_close(&out) != CLI_OK)
		return CLI_FAILED;
	if (status != OSP_OK)
		return cli_error("cannot check the trace: %s", osp_status_text(status));
	return breaches == 0 ? CLI_OK : CLI_FAILED;
}

int
cmd_check(int argc, char **argv)
{
	cli_collector collector;
	osp_report *report = NULL;
	int result;
	int c;

	cli_collector_init(&collector);
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (c == 'h')
			return cli_help(help);
		if (c == '?' || !cli_collector_option(&collector, c, optarg))
			return CLI_USAGE;
	}
	if (!cli_operands(argc, argv, 1, "the trace"))
		return CLI_USAGE;

	result = cli_load_trace(&collector, argv[optind], &report);
	if (result == CLI_OK)
		result = check_report(report);
	osp_report_free(report);
	cli_collector_close(&collector);
	return result;
}
