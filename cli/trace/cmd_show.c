/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_show.c
 *	  osprofiler trace show: draws a trace as a tree, prints upstream's JSON or
 *	  graph, or writes the page for a browser.
 *
 * All formats but the tree are written in pieces as they are made. The whole
 * tree is in memory before its first line is printed; it is small compared to
 * the report.
 */
#include <ctype.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "page.h"
#include "trace/render_dot.h"
#include "trace/trace_command.h"
#include "trace/trace_follow.h"
#include "trace/trace_output.h"
#include "trace/tree_text.h"

/* How many characters of a trace's id are in the name of a page's file. */
#define PAGE_ID_CHARS 8
#define PAGE_NAME_MAX 250

static const char help[] =
	"Usage: osprofiler trace show [OPTIONS] TRACE\n"
	"\n"
	"Shows a trace. TRACE is its id (a UUID or at least its first 8 characters, the 32\n"
	"hex digits of an OpenTelemetry trace id, or a traceparent); 'last' for that of your\n"
	"last 'osprofiler run', 'last~1' for the one before it; 'newest' for the one that\n"
	"ended last, whoever made it; or a file that holds one: a notification on each line,\n"
	"a JSON list of notifications, or what --json printed before.\n"
	"\n"
	"  --text                    a tree, one line for each operation (default)\n"
	"  --all                     a line for each operation; else 20 or more of one\n"
	"                            shape, side by side, have one line together\n"
	"  --follow                  show the trace while it grows: on a terminal the tree\n"
	"                            again and again, else each operation when it has\n"
	"                            ended; until it is complete and nothing more has\n"
	"                            come for the time of --wait, or nothing for an hour,\n"
	"                            or Ctrl-C; then its tree\n"
	"  --json                    the report as JSON, as upstream's command "
	"prints it\n"
	"  --html                    a page for a browser, in one file that needs no\n"
	"                            network; on a terminal, without --out, it becomes\n"
	"                            osprofiler-trace-ID.html in this directory\n"
	"  --dot                     the tree in the language of Graphviz, as "
	"upstream's\n"
	"                            command prints it\n"
	"  --render-dot FILE         with --dot: have Graphviz draw it into "
	"FILE.pdf, too\n"
	"  --out FILE                write to FILE, which appears when it is "
	"whole\n" CLI_VIEW_HELP CLI_SOURCE_HELP
	"  -h, --help                this text\n"
	"\n"
	"Below the tree stand the causes that took a part of the time that can be\n"
	"measured, as 'osprofiler trace explain' prints them.\n";

enum
{
	OPT_JSON = CLI_OPT_SOURCE_FREE,
	OPT_HTML,
	OPT_TEXT,
	OPT_ALL,
	OPT_FOLLOW,
	OPT_DOT,
	OPT_RENDER_DOT,
	OPT_OUT
};

static const struct option longs[] = {
	CLI_SOURCE_OPTIONS,
	CLI_VIEW_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{"html", no_argument, NULL, OPT_HTML},
	{"text", no_argument, NULL, OPT_TEXT},
	{"dot", no_argument, NULL, OPT_DOT},
	{"render-dot", required_argument, NULL, OPT_RENDER_DOT},
	{"all", no_argument, NULL, OPT_ALL},
	{"follow", no_argument, NULL, OPT_FOLLOW},
	{"out", required_argument, NULL, OPT_OUT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

typedef struct show_options
{
	bool json;
	bool html;
	bool text;
	bool dot;
	bool all;
	bool follow;
	const char *out;
	const char *render_dot;
	cli_trace_call call;
} show_options;

/* Does the path end with a file's name? Otherwise it names a directory for the file. */
static bool
names_file(const char *path)
{
	size_t len = strlen(path);

	return len > 0 && path[len - 1] != '/';
}

/* Reads the command line. CLI_OK, or CLI_USAGE after a message. */
static int
read_options(int argc, char **argv, show_options *options)
{
	const cli_setting settings[] = {
		{OPT_JSON, &options->json, NULL},
		{OPT_HTML, &options->html, NULL},
		{OPT_TEXT, &options->text, NULL},
		{OPT_DOT, &options->dot, NULL},
		{OPT_RENDER_DOT, NULL, &options->render_dot},
		{OPT_ALL, &options->all, NULL},
		{OPT_FOLLOW, &options->follow, NULL},
		{OPT_OUT, NULL, &options->out},
		{0, NULL, NULL}};
	int result =
		cli_trace_options(&options->call, argc, argv, longs, settings, 1);

	if (result != CLI_OK || options->call.help)
		return result;
	if (options->json + options->html + options->text + options->dot > 1)
		return cli_usage("--json, --html, --dot and --text exclude each other");
	if (options->render_dot != NULL && !options->dot)
		return cli_usage("--render-dot goes with --dot");
	if (options->render_dot != NULL && !names_file(options->render_dot))
		return cli_usage("--render-dot must be the name of a file without "
						 "'.pdf', not '%s'",
						 options->render_dot);
	if (options->follow && (options->json || options->html || options->dot ||
							options->out != NULL))
		return cli_usage(
			"--follow draws the tree on standard output, so "
			"--json, --html, --dot and --out make no sense with it");
	if (options->follow && options->call.source.wait_s <= 0)
		return cli_usage("--follow needs a time to wait");
	return CLI_OK;
}

static int write_report(show_options *options, osp_report *report);

/*
 * The name of a page's file: "osprofiler-trace-" and the beginning of a UUID.
 * Other ids may begin alike, so they are written in full, with "_" and two
 * hexadecimal digits for each byte that is not a letter or digit.
 */
static void
name_page(const osp_report *report, char *name, size_t size)
{
	osp_str id = osp_report_base_id(report);
	char text[PAGE_NAME_MAX - sizeof("osprofiler-trace-.html")];
	size_t len = 0;
	size_t i;

	if (cli_is_uuid_like(id))
		id.len = PAGE_ID_CHARS;
	for (i = 0; i < id.len && len + 4 < sizeof(text); i++)
	{
		unsigned char c = (unsigned char) id.ptr[i];

		if (isalnum(c))
			text[len++] = (char) c;
		else
			len += (size_t) snprintf(text + len, 4, "_%02x", c);
	}
	text[len] = '\0';
	(void) snprintf(
		name, size, "osprofiler-trace-%s.html", len > 0 ? text : "unknown");
}

/*
 * Writes the page to a file of this directory, and prints its name. A symbolic
 * link that another user may have put there is not followed.
 */
static int
write_page_file(const show_options *given, osp_report *report)
{
	char name[PAGE_NAME_MAX];
	show_options options = *given;
	struct stat st;
	int result;

	name_page(report, name, sizeof(name));
	if (lstat(name, &st) == 0 && S_ISLNK(st.st_mode))
		return cli_error("'%s' is a symbolic link; name a file with --out",
						 name);
	options.out = name;
	result = write_report(&options, report);
	if (result == CLI_OK)
	{
		cli_out out;

		if (cli_out_open(&out, NULL) != CLI_OK)
			return CLI_FAILED;
		cli_out_printf(
			&out, "The page is in %s; open it in a browser.\n", name);
		result = cli_out_close(&out);
	}
	return result;
}

/* Opens the output for the report. Only the tree is shown page by page. */
static int
open_output(show_options *options, cli_out *out)
{
	if (options->out != NULL)
		return cli_trace_output_open(
			&options->call.source, "--out", options->out, out);
	return cli_view_open(&options->call.view,
						 !options->html && !options->json && !options->dot,
						 out);
}

static int
write_report(show_options *options, osp_report *report)
{
	bool to_file = options->out != NULL && strcmp(options->out, "-") != 0;
	osp_draw_options drawing =
		cli_view_drawing(&options->call.view, to_file ? -1 : STDOUT_FILENO);
	cli_out out;
	osp_status status;
	int result;

	if (options->html && options->out == NULL && isatty(STDOUT_FILENO))
		return write_page_file(options, report);
	result = open_output(options, &out);
	if (result != CLI_OK)
		return result;
	drawing.all = options->all;
	if (options->html)
		status = cli_page_write(report, cli_out_write, &out);
	else if (options->dot)
		status = osp_report_dot_write(report, cli_out_write, &out);
	else if (options->json)
	{
		status = osp_report_json_write(report, cli_out_write, &out);
		if (status == OSP_OK)
			status = cli_out_write(&out, OSP_STR("\n"));
	}
	else
		status = cli_tree_write(report, &drawing, &out);

	return cli_view_finish(
		&options->call.view, &out, status, "cannot make the report");
}

/* Reads the trace and writes it. */
static int
show(show_options *options, const char *name)
{
	cli_trace_call *call = &options->call;
	osp_report *report = NULL;
	int result =
		options->follow
			? cli_trace_follow(
				  &call->source, name, &call->view, options->all, &report)
			: cli_load_trace(&call->source, name, &report);

	if (result == CLI_OK && options->render_dot != NULL)
		result = cli_render_dot(&call->source, report, options->render_dot);
	if (result == CLI_OK)
		result = write_report(options, report);
	if (result == CLI_OK)
		cli_say_left_out(report);
	osp_report_free(report);
	return result;
}

int
cmd_show(int argc, char **argv)
{
	show_options options;
	int result;

	memset(&options, 0, sizeof(options));
	result = read_options(argc, argv, &options);
	if (result == CLI_OK)
		result =
			options.call.help ? cli_help(help) : show(&options, argv[optind]);
	cli_trace_call_term(&options.call);
	return result;
}
