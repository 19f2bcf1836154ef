/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_list.c
 *	  osprofiler trace list: the traces of a collector, in upstream's table,
 *	  the newest last.
 */
#include "cli.h"
#include "collector_options.h"
#include "control_text.h"
#include "out.h"

#include <stdlib.h>

static const char help[] =
	"Usage: osprofiler trace list [OPTIONS]\n"
	"\n"
	"Lists the traces of a collector with the time of their first point (UTC),\n"
	"the newest last.\n"
	"\n"
	"  --error-trace [true]      only traces that hold an error; the collector "
	"knows\n"
	"                            them if the points were stored with\n"
	"                            filter_error_trace\n" CLI_COLLECTOR_HELP
	"  -h, --help                this text\n";

enum
{
	OPT_ERROR_TRACE = CLI_OPT_FIRST_FREE
};

static const struct option longs[] = {
	CLI_COLLECTOR_OPTIONS,
	{"error-trace", optional_argument, NULL, OPT_ERROR_TRACE},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* One line of the table; both texts are places in the list's text buffer. */
typedef struct row
{
	size_t id_at;
	size_t id_len;
	size_t time_at;
	size_t time_len;
} row;

typedef struct trace_table
{
	osp_buf text;
	row *rows;
	size_t count;
	size_t room;
} trace_table;

static osp_status
add_trace(void *ctx, const osp_trace_entry *entry)
{
	trace_table *table = ctx;
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	row *r;

	if (table->count == table->room)
	{
		size_t room = table->room > 0 ? table->room * 2 : 256;
		row *rows = realloc(table->rows, room * sizeof(*rows));

		if (rows == NULL)
			return OSP_ENOMEM;
		table->rows = rows;
		table->room = room;
	}
	r = &table->rows[table->count++];
	r->id_at = table->text.len;
	cli_add_visible(&table->text, entry->base_id);
	r->id_len = table->text.len - r->id_at;
	r->time_at = table->text.len;
	if (entry->first_ns != 0)
	{
		osp_timestamp_text(entry->first_ns, timestamp);
		osp_buf_add_str(&table->text, osp_str_of(timestamp));
	}
	r->time_len = table->text.len - r->time_at;
	return osp_buf_status(&table->text);
}

static osp_str
id_of(const trace_table *table, const row *r)
{
	return osp_str_n(table->text.ptr + r->id_at, r->id_len);
}

static osp_str
time_of(const trace_table *table, const row *r)
{
	return osp_str_n(table->text.ptr + r->time_at, r->time_len);
}

static int
compare_str(osp_str a, osp_str b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_rows(const void *a, const void *b, void *table)
{
	int order = compare_str(time_of(table, a), time_of(table, b));

	return order != 0 ? order : compare_str(id_of(table, a), id_of(table, b));
}

static void
write_cell(cli_out *out, osp_str text, size_t width)
{
	size_t columns = cli_columns(text);

	(void) cli_out_write(out, OSP_STR("| "));
	(void) cli_out_write(out, text);
	cli_out_printf(
		out, "%*s", (int) (width > columns ? width - columns : 0) + 1, "");
}

static void
write_rule(cli_out *out, size_t id_width, size_t time_width)
{
	size_t i;

	(void) cli_out_write(out, OSP_STR("+"));
	for (i = 0; i < id_width + 2; i++)
		(void) cli_out_write(out, OSP_STR("-"));
	(void) cli_out_write(out, OSP_STR("+"));
	for (i = 0; i < time_width + 2; i++)
		(void) cli_out_write(out, OSP_STR("-"));
	(void) cli_out_write(out, OSP_STR("+\n"));
}

static void
write_row(cli_out *out, osp_str id, size_t id_width, osp_str time,
		  size_t time_width)
{
	write_cell(out, id, id_width);
	write_cell(out, time, time_width);
	(void) cli_out_write(out, OSP_STR("|\n"));
}

static int
write_table(trace_table *table)
{
	size_t id_width = strlen("base_id");
	size_t time_width = strlen("timestamp");
	cli_out out;
	size_t i;

	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	if (table->count > 0)
		qsort_r(table->rows,
				table->count,
				sizeof(*table->rows),
				compare_rows,
				table);
	for (i = 0; i < table->count; i++)
	{
		size_t id = cli_columns(id_of(table, &table->rows[i]));
		size_t time = cli_columns(time_of(table, &table->rows[i]));

		id_width = id > id_width ? id : id_width;
		time_width = time > time_width ? time : time_width;
	}
	write_rule(&out, id_width, time_width);
	write_row(
		&out, OSP_STR("base_id"), id_width, OSP_STR("timestamp"), time_width);
	write_rule(&out, id_width, time_width);
	for (i = 0; i < table->count; i++)
		write_row(&out,
				  id_of(table, &table->rows[i]),
				  id_width,
				  time_of(table, &table->rows[i]),
				  time_width);
	write_rule(&out, id_width, time_width);
	return cli_out_close(&out);
}

static int
list_traces(cli_collector *collector, bool errors_only)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter),
							   .errors_only = errors_only};
	osp_error err = {OSP_OK, ""};
	trace_table table;
	osp_status status;
	int result;

	if (cli_collector_open(collector) != CLI_OK)
		return CLI_FAILED;
	memset(&table, 0, sizeof(table));
	osp_buf_init(&table.text, &osp_allocator_default, SIZE_MAX / 2);
	status = collector->driver->list_traces(
		collector->conn, &filter, add_trace, &table, NULL, &err);
	if (status == OSP_OK)
		result = write_table(&table);
	else
		result =
			cli_error("cannot list the traces of %s: %s",
					  collector->shown,
					  err.msg[0] != '\0' ? err.msg : osp_status_text(status));
	osp_buf_term(&table.text);
	free(table.rows);
	return result;
}

/*
 * Upstream's --error-trace wants a value, "--error-trace True", and so has
 * always to be followed by one. Here it may. CLI_USAGE after a message.
 */
static int
read_error_trace(int argc, char **argv, const char *given, bool *errors_only)
{
	if (given == NULL && optind < argc && argv[optind][0] != '-')
		given = argv[optind++];
	*errors_only = true;
	if (given != NULL && !osp_parse_bool(osp_str_of(given), errors_only))
		return cli_usage("--error-trace takes true or false, not '%s'", given);
	return CLI_OK;
}

int
cmd_list(int argc, char **argv)
{
	cli_collector collector;
	bool errors_only = false;
	int result;
	int c;

	cli_collector_init(&collector);
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (c == 'h')
			return cli_help(help);
		if (c == OPT_ERROR_TRACE)
		{
			if (read_error_trace(argc, argv, optarg, &errors_only) != CLI_OK)
				return CLI_USAGE;
		}
		else if (c == '?' || !cli_collector_option(&collector, c, optarg))
			return CLI_USAGE;
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;
	result = list_traces(&collector, errors_only);
	cli_collector_close(&collector);
	return result;
}
