/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_command.c
 *	  Common parts of the commands that read whole traces.
 */
#include "trace/trace_command.h"
#include "cli.h"

#include <unistd.h>

/* The longest text. Nobody would read a longer one. */
#define TEXT_MAX ((size_t) 1024 * 1024 * 1024)

/* Finds the setting for the code of an option; NULL: there is none. */
static const cli_setting *
find_setting(const cli_setting *settings, int code)
{
	while (settings->code != 0 && settings->code != code)
		settings++;
	return settings->code != 0 ? settings : NULL;
}

/* Handles one option. CLI_USAGE after a message. */
static int
take_option(cli_trace_call *call, const cli_setting *settings, int code)
{
	const cli_setting *setting = find_setting(settings, code);
	bool known;

	if (code == 'h')
		call->help = true;
	else if (setting != NULL && setting->flag != NULL)
		*setting->flag = true;
	else if (setting != NULL)
		*setting->text = optarg;
	else if (!cli_view_option(&call->view, code, optarg, &known))
		return CLI_USAGE;
	else if (!known &&
			 (code == '?' || !cli_source_option(&call->source, code, optarg)))
		return CLI_USAGE;
	return CLI_OK;
}

/* Names the first trace that is not given. */
static const char *
missing_trace(int count, int given)
{
	if (count == 1)
		return "the trace";
	return given == 0 ? "the trace A" : "the trace B";
}

int
cli_trace_options(cli_trace_call *call, int argc, char **argv,
				  const struct option *longs, const cli_setting *settings,
				  int count)
{
	int c;
	int i;

	memset(call, 0, sizeof(*call));
	cli_source_init(&call->source);
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
		if (take_option(call, settings, c) != CLI_OK)
			return CLI_USAGE;
		else if (call->help)
			return CLI_OK;
	if (!cli_operands(argc, argv, count, missing_trace(count, argc - optind)))
		return CLI_USAGE;
	for (i = 0; i < count; i++)
		if (argv[optind + i][0] == '\0')
			return cli_usage("the trace must not be empty");
	return CLI_OK;
}

void
cli_trace_call_term(cli_trace_call *call)
{
	cli_source_term(&call->source);
}

int
cli_trace_print(cli_trace_call *call, bool pages, cli_make_fn make, void *ctx,
				const char *failure)
{
	osp_draw_options drawing = cli_view_drawing(&call->view, STDOUT_FILENO);
	osp_status status;
	osp_buf text;
	cli_out out;

	if (cli_view_open(&call->view, pages, &out) != CLI_OK)
		return CLI_FAILED;
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	status = make(ctx, &drawing, &text);
	if (status == OSP_OK)
		status = osp_buf_status(&text);
	if (status == OSP_OK)
		status = cli_out_write(&out, osp_buf_str(&text));
	osp_buf_term(&text);
	return cli_view_finish(&call->view, &out, status, failure);
}
