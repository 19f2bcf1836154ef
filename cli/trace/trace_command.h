/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_command.h
 *	  Common parts of the commands that read whole traces: show, explain, diff,
 *	  export.
 */
#ifndef OSPROFILER_CLI_TRACE_COMMAND_H
#define OSPROFILER_CLI_TRACE_COMMAND_H

#include <getopt.h>

#include "trace/trace_argument.h"
#include "view/view.h"

/* The common arguments of these commands. */
typedef struct cli_trace_call
{
	cli_source source;
	cli_view view;
	bool help; /* -h or --help was given */
} cli_trace_call;

/*
 * The variable that an option sets: a flag, or the text of its value. A list of
 * settings ends with a code of 0.
 */
typedef struct cli_setting
{
	int code; /* as in the list for getopt_long */
	bool *flag;
	const char **text;
} cli_setting;

/*
 * Reads the options of a command: those of CLI_SOURCE_OPTIONS and
 * CLI_VIEW_OPTIONS that longs has, and those of settings. Then checks that
 * there are count operands, from optind on, and none is empty. -h ends the
 * reading. CLI_OK, or CLI_USAGE after a message. cli_trace_call_term() must be
 * called in any case.
 */
int cli_trace_options(cli_trace_call *call, int argc, char **argv,
					  const struct option *longs, const cli_setting *settings,
					  int count) OSP_MUST_CHECK;

void cli_trace_call_term(cli_trace_call *call);

/*
 * Prints to stdout the text that make appends, with pages page by page on a
 * terminal. The message about a failure begins with failure ("cannot explain
 * the trace").
 */
typedef osp_status (*cli_make_fn)(void *ctx, const osp_draw_options *drawing,
								  osp_buf *text);
int cli_trace_print(cli_trace_call *call, bool pages, cli_make_fn make,
					void *ctx, const char *failure) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_COMMAND_H */
