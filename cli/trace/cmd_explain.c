/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_explain.c
 *	  osprofiler trace explain: why did a trace take as long as it did?
 */
#include "cli.h"
#include "control_text.h"
#include "trace/missing_server.h"
#include "trace/trace_command.h"

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

typedef struct explanation
{
	osp_report *report;
	bool json;
} explanation;

static osp_status
make_words(osp_report *report, const osp_draw_options *drawing, osp_buf *text)
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

/* Writes the text of the explanation; a cli_make_fn. */
static osp_status
make_text(void *ctx, const osp_draw_options *drawing, osp_buf *text)
{
	const explanation *e = (const explanation *) ctx;
	osp_status status;

	if (!e->json)
		return make_words(e->report, drawing, text);
	status = osp_report_explain_json(e->report, text);
	osp_buf_add_char(text, '\n');
	return status;
}

int
cmd_explain(int argc, char **argv)
{
	explanation e = {NULL, false};
	const cli_setting settings[] = {{OPT_JSON, &e.json, NULL}, {0, NULL, NULL}};
	cli_trace_call call;
	int result = cli_trace_options(&call, argc, argv, longs, settings, 1);

	if (result == CLI_OK && call.help)
		result = cli_help(help);
	else if (result == CLI_OK)
		result = cli_load_trace(&call.source, argv[optind], &e.report);
	if (e.report != NULL)
		result = cli_trace_print(
			&call, !e.json, make_text, &e, "cannot explain the trace");
	if (e.report != NULL && result == CLI_OK)
		cli_say_left_out(e.report);
	osp_report_free(e.report);
	cli_trace_call_term(&call);
	return result;
}
