/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_explain.c
 *	  osprofiler trace explain: why did a trace take as long as it did?
 */
#include "cli.h"
#include "control_text.h"
#include "missing_server.h"
#include "out.h"
#include "trace_argument.h"
#include "view/view.h"

#include <unistd.h>

#define TEXT_MAX ((size_t) 16 * 1024 * 1024)

static const char help[] =
	"Usage: osprofiler trace explain [OPTIONS] TRACE\n"
	"\n"
	"Says why a trace took as long as it did: at most four causes, in the order of\n"
	"their shares of its time, each with its evidence and what to do next; and how\n"
	"much of the time is not explained. A cause is named only if its share can be\n"
	"measured, and is at least 5 % of the trace and 10 ms. If more than 30 % is not\n"
	"explained, the longest statements follow. TRACE is what 'osprofiler trace show'\n"
	"takes.\n"
	"\n"
	"  --json                    the causes as JSON\n" CLI_VIEW_HELP
		CLI_SOURCE_HELP "  -h, --help                this text\n";

enum
{
	OPT_JSON = CLI_OPT_SOURCE_FREE
};

static const struct option longs[] = {
	CLI_SOURCE_OPTIONS,
	CLI_VIEW_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

typedef struct explain_options
{
	bool json;
	bool help;
	const char *trace;
	cli_view view;
	cli_source source;
} explain_options;

/* CLI_OK, or CLI_USAGE after a message. */
static int
read_options(int argc, char **argv, explain_options *options)
{
	bool known;
	int c;

	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (!cli_view_option(&options->view, c, optarg, &known))
			return CLI_USAGE;
		if (known)
			continue;
		if (c == 'h')
		{
			options->help = true;
			return CLI_OK;
		}
		if (c == OPT_JSON)
			options->json = true;
		else if (c == '?' || !cli_source_option(&options->source, c, optarg))
			return CLI_USAGE;
	}
	if (!cli_operands(argc, argv, 1, "the trace"))
		return CLI_USAGE;
	options->trace = argv[optind];
	if (options->trace[0] == '\0')
		return cli_usage("the trace must not be empty");
	return CLI_OK;
}

static osp_status
make_text(osp_report *report, const osp_draw_options *drawing, osp_buf *text)
{
	size_t count;
	osp_status status = osp_report_explain(report, drawing, text, &count);

	if (status == OSP_OK && text->len == 0)
		osp_buf_add_str(
			text,
			OSP_STR("No single cause stands out: none that this trace can show "
					"took 5 % of its time and at least 10 ms.\n"));
	if (status == OSP_OK)
		status = cli_add_missing_server(report, text);
	return status;
}

static int
write_findings(explain_options *options, osp_report *report)
{
	osp_draw_options drawing = cli_view_drawing(&options->view, STDOUT_FILENO);
	cli_out out;
	osp_status status;
	osp_buf text;

	if (cli_view_open(&options->view, !options->json, &out) != CLI_OK)
		return CLI_FAILED;
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	if (options->json)
	{
		status = osp_report_explain_json(report, &text);
		osp_buf_add_char(&text, '\n');
	}
	else
		status = make_text(report, &drawing, &text);
	if (status == OSP_OK)
		status = osp_buf_status(&text);
	if (status == OSP_OK)
		status = cli_out_write(&out, osp_buf_str(&text));
	osp_buf_term(&text);
	if (status != OSP_OK && out.error == 0)
	{
		cli_view_abandon(&options->view, &out);
		return cli_error("cannot explain the trace: %s",
						 osp_status_text(status));
	}
	return cli_view_close(&options->view, &out);
}

int
cmd_explain(int argc, char **argv)
{
	explain_options options;
	osp_report *report = NULL;
	int result;

	memset(&options, 0, sizeof(options));
	cli_source_init(&options.source);
	result = read_options(argc, argv, &options);
	if (result != CLI_OK)
		return result;
	if (options.help)
		return cli_help(help);

	result = cli_load_trace(&options.source, options.trace, &report);
	if (result == CLI_OK)
		result = write_findings(&options, report);
	osp_report_free(report);
	cli_source_term(&options.source);
	return result;
}
