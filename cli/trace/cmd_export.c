/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_export.c
 *	  osprofiler trace export: a trace in the format of another program.
 */
#include <unistd.h>

#include "cli.h"
#include "control_text.h"
#include "trace/trace_command.h"
#include "trace/trace_output.h"

static const char help[] =
	"Usage: osprofiler trace export --format FORMAT [OPTIONS] TRACE\n"
	"\n"
	"Writes a trace in the form that another program reads. TRACE is what\n"
	"'osprofiler trace show' takes.\n"
	"\n"
	"  --format FORMAT           chrome: the Trace Event Format, for Perfetto and\n"
	"                            chrome://tracing\n"
	"                            otlp: a request to an OpenTelemetry Collector\n"
	"                            (ExportTraceServiceRequest in protobuf)\n"
	"                            csv: a table, a row for each operation\n"
	"  --out FILE                write to FILE, which appears when it is whole\n" CLI_SOURCE_HELP
	"  -h, --help                this text\n";

enum
{
	OPT_FORMAT = CLI_OPT_SOURCE_FREE,
	OPT_OUT
};

static const struct option longs[] = {
	CLI_SOURCE_OPTIONS,
	{"format", required_argument, NULL, OPT_FORMAT},
	{"out", required_argument, NULL, OPT_OUT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct format
{
	const char *name;
	osp_status (*write)(osp_report *report, osp_write_fn write, void *ctx);
} formats[] = {
	{"chrome", osp_report_chrome_write},
	{"otlp", osp_report_otlp_write},
	{"csv", osp_report_csv_write},
};

/* Finds the format of this name; NULL after a message. */
static const struct format *
find_format(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	if (name == NULL)
		cli_usage("--format is missing: chrome, otlp or csv");
	else
		cli_usage("--format takes chrome, otlp or csv, not '%s'", name);
	return NULL;
}

static void
say_unexported(const osp_report *report)
{
	size_t count = osp_report_unexported(report);

	if (count > 0)
		(void) cli_error(
			"%zu operation%s left out: OTLP needs a base_id and a trace_id "
			"that are texts",
			count,
			count == 1 ? " was" : "s were");
}

/*
 * Writes to a terminal, which text from a collector must not control; an
 * osp_write_fn. The other formats have no control characters in their texts.
 */
static osp_status
write_visible(void *ctx, osp_str piece)
{
	osp_status status;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 4 * piece.len + 1);
	while (piece.len > 0)
	{
		const char *end = memchr(piece.ptr, '\n', piece.len);
		size_t len = end != NULL ? (size_t) (end - piece.ptr) : piece.len;

		/* The end of a row is written as \r\n. */
		cli_add_visible(
			&text,
			osp_str_n(piece.ptr,
					  len - (end != NULL && len > 0 && end[-1] == '\r')));
		if (end != NULL)
			osp_buf_add_char(&text, '\n');
		len += end != NULL;
		piece = osp_str_n(piece.ptr + len, piece.len - len);
	}
	status = osp_buf_status(&text);
	if (status == OSP_OK)
		status = cli_out_write(ctx, osp_buf_str(&text));
	osp_buf_term(&text);
	return status;
}

/* Reads the trace and writes it. */
static int
export_trace(cli_trace_call *call, const struct format *format,
			 const char *name, const char *path)
{
	osp_report *report = NULL;
	osp_status status;
	cli_out out;
	int result = cli_load_trace(&call->source, name, &report);

	if (result == CLI_OK)
		result = cli_trace_output_open(&call->source, "--out", path, &out);
	if (result == CLI_OK)
	{
		bool terminal = path == NULL && isatty(STDOUT_FILENO) &&
						format->write == osp_report_csv_write;

		status = format->write(
			report, terminal ? write_visible : cli_out_write, &out);
		result = cli_view_finish(
			&call->view, &out, status, "cannot export the trace");
	}
	if (result == CLI_OK)
	{
		cli_say_left_out(report);
		say_unexported(report);
	}
	osp_report_free(report);
	return result;
}

int
cmd_export(int argc, char **argv)
{
	const struct format *format;
	const char *name = NULL;
	const char *path = NULL;
	const cli_setting settings[] = {
		{OPT_FORMAT, NULL, &name}, {OPT_OUT, NULL, &path}, {0, NULL, NULL}};
	cli_trace_call call;
	int result = cli_trace_options(&call, argc, argv, longs, settings, 1);

	if (result == CLI_OK && call.help)
		result = cli_help(help);
	else if (result == CLI_OK)
	{
		format = find_format(name);
		result = format != NULL
					 ? export_trace(&call, format, argv[optind], path)
					 : CLI_USAGE;
	}
	cli_trace_call_term(&call);
	return result;
}
