/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h
 *	  What the files of the osprofiler command share.
 *
 * A command is a function in a file of its own, listed in main.c. It gets its
 * arguments with argv[0] being its own last word, reads them with
 * cli_next_option(), and returns the exit status: CLI_OK, CLI_FAILED after one
 * line on stderr, or CLI_USAGE after a wrong call. In the comments, "CLI_FAILED
 * after a message", or "false after a message", means: if the function fails,
 * it prints a message and returns this value. Nothing writes to stdout but
 * through cli_out, so that a full disk or a closed pipe never goes unnoticed.
 */
#ifndef OSPROFILER_CLI_H
#define OSPROFILER_CLI_H

#include <getopt.h>

#include "osprofiler/base.h"
#include "osprofiler/buf.h"

enum
{
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_ATTENTION = 3 /* for status and doctor: needs attention */
};

int cmd_show(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_delete(int argc, char **argv);
int cmd_prune(int argc, char **argv);
int cmd_context_new(int argc, char **argv);
int cmd_context_show(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_agent(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_web(int argc, char **argv);

/* How the process handled these signals before main() ignored them. */
extern void (*cli_original_sigpipe)(int);
extern void (*cli_original_sigxfsz)(int);

/*
 * Prints one line on stderr, "osprofiler: ...", with control characters made
 * visible. Returns CLI_FAILED.
 */
int cli_error(const char *fmt, ...) OSP_PRINTF(1, 2);

/* The end of a message about a collector that has no trace, or does not exist yet. */
#define CLI_NOTHING_YET                                               \
	" (nothing was stored there yet; 'osprofiler doctor' tries it), " \
	"so trace a program first (osprofiler run -- PROGRAM)"

/* Reports a wrong call as cli_error does, and names the help. Returns CLI_USAGE. */
int cli_usage(const char *fmt, ...) OSP_PRINTF(1, 2);

/*
 * From now on messages of this thread are appended to messages, one line each
 * and without the command's name, instead of being written to stderr. NULL:
 * they go to stderr again.
 */
void cli_collect_messages(osp_buf *messages);

/*
 * Sets the name of the running command for messages: "trace show". Before that
 * it is "".
 */
void cli_set_command(const char *name);

/* Prints a help text to stdout; returns the exit status. */
int cli_help(const char *text);

/*
 * Reads options as getopt_long does, but reports a wrong option itself, in one
 * line, and then returns '?'. Returns -1 at the end of the options. With a '+'
 * before the letters the first word that is not an option ends them.
 */
int cli_next_option(int argc, char **argv, const char *shorts,
					const struct option *longs);

/* Reads a whole number from min to max out of text; false after a usage message. */
bool cli_number(const char *option, const char *text, long min, long max,
				long *out) OSP_MUST_CHECK;

/*
 * Checks that exactly count operands are left after the options; false after a
 * usage message. `what` is the name of a missing operand in that message.
 */
bool cli_operands(int argc, char **argv, int count,
				  const char *what) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_H */
