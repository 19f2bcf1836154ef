/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_diff.c
 *	  osprofiler trace diff: what took longer in one trace than in another?
 */
#include "cli.h"
#include "trace/trace_command.h"

static const char help[] =
	"Usage: osprofiler trace diff [OPTIONS] A B\n"
	"\n"
	"Says what took longer in the trace B than in the trace A, the largest change\n"
	"first. A line stands for all operations of one shape: of the same name and\n"
	"statement, but for its constants. 'own time' is the time in which no other\n"
	"operation ran inside of it, so these changes add up to the difference between\n"
	"both traces (a plan's node has a part of its statement's). Also: different\n"
	"plans, errors that only one of them has, and points that were lost. A and B are\n"
	"what 'osprofiler trace show' takes: ids, or at least their first 8 characters;\n"
	"'last', 'last~1', 'newest'; or files.\n"
	"\n"
	"  --all                     all shapes; else the 20 that changed most, without\n"
	"                            those that changed by less than 0.1 % of the longer\n"
	"                            trace\n"
	"  --json                    the comparison as JSON\n" CLI_VIEW_HELP
		CLI_SOURCE_HELP "  -h, --help                this text\n";

enum
{
	OPT_JSON = CLI_OPT_SOURCE_FREE,
	OPT_ALL
};

static const struct option longs[] = {
	CLI_SOURCE_OPTIONS,
	CLI_VIEW_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{"all", no_argument, NULL, OPT_ALL},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

typedef struct comparison
{
	osp_report *reports[2];
	bool json;
	bool all;
} comparison;

/* Writes the text of the comparison; a cli_make_fn. */
static osp_status
make_text(void *ctx, const osp_draw_options *drawing, osp_buf *text)
{
	const comparison *c = (const comparison *) ctx;
	osp_draw_options options = *drawing;
	osp_status status;

	options.all = c->all;
	if (!c->json)
		return osp_report_diff(c->reports[0], c->reports[1], &options, text);
	status = osp_report_diff_json(c->reports[0], c->reports[1], text);
	osp_buf_add_char(text, '\n');
	return status;
}

/* Reads both traces and prints the comparison. */
static int
compare(cli_trace_call *call, char **names, comparison *c)
{
	int result = CLI_OK;
	int i;

	for (i = 0; i < 2 && result == CLI_OK; i++)
		result = cli_load_trace(&call->source, names[i], &c->reports[i]);
	if (result == CLI_OK)
		result = cli_trace_print(
			call, !c->json, make_text, c, "cannot compare the traces");
	for (i = 0; i < 2 && result == CLI_OK; i++)
		cli_say_left_out(c->reports[i]);
	osp_report_free(c->reports[0]);
	osp_report_free(c->reports[1]);
	return result;
}

int
cmd_diff(int argc, char **argv)
{
	comparison c = {{NULL, NULL}, false, false};
	const cli_setting settings[] = {
		{OPT_JSON, &c.json, NULL}, {OPT_ALL, &c.all, NULL}, {0, NULL, NULL}};
	cli_trace_call call;
	int result = cli_trace_options(&call, argc, argv, longs, settings, 2);

	if (result == CLI_OK)
		result = call.help ? cli_help(help) : compare(&call, argv + optind, &c);
	cli_trace_call_term(&call);
	return result;
}
