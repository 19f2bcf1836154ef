/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_command.h
 *	  What the commands have in common that read whole traces: show, explain, diff,
 *	  export.
 */
#ifndef OSPROFILER_CLI_TRACE_COMMAND_H
#define OSPROFILER_CLI_TRACE_COMMAND_H

#include <getopt.h>

#include "trace/trace_argument.h"
#include "view/view.h"

/* What is common to them. */
typedef struct cli_trace_call
{
	cli_source source;
	cli_view view;
	bool help; /* it was asked for */
} cli_trace_call;

/* What an option of a command sets: a flag, or the text behind it. A list of them
 * ends with a code of 0. */
typedef struct cli_setting
{
	int code; /* as in the list for getopt_long */
	bool *flag;
	const char **text;
} cli_setting;

/*
 * Reads the options of a command: those of CLI_SOURCE_OPTIONS and CLI_VIEW_OPTIONS, as
 * far as longs has them, and those of settings; then count operands, which must not be
 * empty. They begin at optind. -h ends the reading. CLI_OK, or CLI_USAGE after a message.
 * call is to be ended in any case.
 */
int cli_trace_options(cli_trace_call *call, int argc, char **argv,
					  const struct option *longs, const cli_setting *settings,
					  int count) OSP_MUST_CHECK;

void cli_trace_call_term(cli_trace_call *call);

/*
 * Prints to stdout the text that make appends; pages: page by page on a terminal. On a
 * failure one line begins with what could not be done ("cannot explain the trace").
 */
typedef osp_status (*cli_make_fn)(void *ctx, const osp_draw_options *drawing,
								  osp_buf *text);
int cli_trace_print(cli_trace_call *call, bool pages, cli_make_fn make,
					void *ctx, const char *failure) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_COMMAND_H */
