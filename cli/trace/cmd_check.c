/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_check.c
 *	  osprofiler trace check: is a trace complete, and are its points
 *	  consistent?
 */
#include "cli.h"
#include "control_text.h"
#include "out.h"
#include "trace/trace_argument.h"

#include <unistd.h>

static const char help[] =
	"Usage: osprofiler trace check [OPTIONS] TRACE...\n"
	"\n"
	"Checks that traces are whole: each operation has a start and an end, its\n"
	"parent is there (or is a caller in another system), it lies within its parent\n"
	"in time, and no point was lost. Prints a line for each breach, with the trace\n"
	"in front if several are checked. Exit status 1 if there is a breach.\n"
	"Identical copies of a point, as after a crash, are none. Of a trace without a\n"
	"breach nothing is printed, but for a line on stderr if that is a terminal.\n"
	"\n" CLI_SOURCE_HELP "  -h, --help                this text\n";

static const struct option longs[] = {
	CLI_SOURCE_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

typedef struct printing
{
	cli_out out;
	const char *trace; /* begins each line; NULL: only one trace is checked */
} printing;

static void
print_line(void *ctx, const char *line)
{
	printing *to = (printing *) ctx;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 1024 * 1024);
	if (to->trace != NULL)
	{
		cli_add_visible(&text, osp_str_of(to->trace));
		osp_buf_add_str(&text, OSP_STR(": "));
	}
	cli_add_visible(&text, osp_str_of(line));
	osp_buf_add_char(&text, '\n');
	(void) cli_out_write(&to->out, osp_buf_str(&text));
	osp_buf_term(&text);
}

/* Counts an operation; an osp_node_fn. */
static osp_status
count_operation(void *ctx, const osp_report_node *node)
{
	(void) node;
	++*(size_t *) ctx;
	return OSP_OK;
}

/*
 * Tells a person at a terminal that the trace has no breach. A program uses the
 * exit status.
 */
static void
say_whole(osp_report *report, const printing *to)
{
	size_t count = 0;

	if (isatty(STDERR_FILENO) &&
		osp_report_walk(report, count_operation, &count) == OSP_OK)
		(void) cli_error("%s%s%zu operation%s, no breach",
						 to->trace != NULL ? to->trace : "",
						 to->trace != NULL ? ": " : "",
						 count,
						 count == 1 ? "" : "s");
}

/* Checks a trace. CLI_FAILED if there are breaches, or after a message. */
static int
check_trace(cli_source *source, const char *name, printing *to)
{
	osp_report *report = NULL;
	osp_status status;
	size_t breaches = 0;

	if (cli_load_trace(source, name, &report) != CLI_OK)
		return CLI_FAILED;
	status = osp_report_check(report, print_line, to, &breaches);
	if (status == OSP_OK && breaches == 0)
		say_whole(report, to);
	osp_report_free(report);
	if (status != OSP_OK)
		return cli_error("cannot check the trace: %s", osp_status_text(status));
	return breaches == 0 ? CLI_OK : CLI_FAILED;
}

/* Checks all traces, even if one of them fails. */
static int
check_traces(cli_source *source, char **names, int count)
{
	printing to = {.trace = NULL};
	int result = CLI_OK;
	int i;

	if (cli_out_open(&to.out, NULL) != CLI_OK)
		return CLI_FAILED;
	for (i = 0; i < count; i++)
	{
		to.trace = count > 1 ? names[i] : NULL;
		if (check_trace(source, names[i], &to) != CLI_OK)
			result = CLI_FAILED;
	}
	if (cli_out_close(&to.out) != CLI_OK)
		return CLI_FAILED;
	return result;
}

int
cmd_check(int argc, char **argv)
{
	cli_source source;
	int result;
	int c;

	cli_source_init(&source);
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (c == 'h')
			return cli_help(help);
		if (c == '?' || !cli_source_option(&source, c, optarg))
			return CLI_USAGE;
	}
	if (argc == optind && !cli_operands(argc, argv, 1, "the trace"))
		return CLI_USAGE;

	result = check_traces(&source, argv + optind, argc - optind);
	cli_source_term(&source);
	return result;
}
