/* SPDX-License-Identifier: Apache-2.0
 *
 * server_list.c
 *	  A PostgreSQL server as a collector whose traces are listed.
 *
 * By default a server stores traces in its data directory, where no client can
 * read them. Members of pg_read_all_stats can have the server list them.
 */
#include "server/server_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "server/server_extension.h"

/*
 * How many of the newest traces are read if the filter has more conditions than
 * a time.
 */
#define LOOKED_AT_MAX 100000

#define NUMBER_MAX 24

static const char sql[] =
	"SELECT base_id, (extract(epoch FROM first) * 1000000)::int8, "
	"(extract(epoch FROM last) * 1000000)::int8, operations, errors, service, "
	"name, statement FROM osprofiler.traces("
	"to_timestamp($1::float8 / 1000000), to_timestamp($2::float8 / 1000000), "
	"$3) WHERE NOT $4 OR errors > 0 ORDER BY first DESC NULLS LAST";

struct osp_driver_conn
{
	char *conninfo;
	cli_server *server; /* NULL: has to connect again */
};

static void
close_server(osp_driver_conn *conn)
{
	cli_server_close(conn->server);
	free(conn->conninfo);
	free(conn);
}

static osp_str
text_of(const cli_answer *answer, int row, int column)
{
	const char *value = cli_answer_value(answer, row, column);

	return osp_str_of(value != NULL ? value : "");
}

static uint64_t
number_of(const cli_answer *answer, int row, int column)
{
	const char *value = cli_answer_value(answer, row, column);

	return value != NULL ? strtoull(value, NULL, 10) : OSP_UNKNOWN;
}

static int64_t
time_of(const cli_answer *answer, int row, int column)
{
	const char *value = cli_answer_value(answer, row, column);

	return value != NULL ? strtoll(value, NULL, 10) * 1000 : 0;
}

/*
 * Passes the traces that match to fn. Stops at the filter's limit; *more
 * becomes true if another trace matches.
 */
static osp_status
hand_on_traces(const cli_answer *answer, const osp_trace_filter *filter,
			   osp_trace_fn fn, void *ctx, bool *more)
{
	osp_status status = OSP_OK;
	size_t count = 0;
	int row;

	for (row = 0; status == OSP_OK && row < cli_answer_rows(answer); row++)
	{
		osp_trace_entry entry = {
			.struct_size = sizeof(entry),
			.base_id = text_of(answer, row, 0),
			.first_ns = time_of(answer, row, 1),
			.last_ns = time_of(answer, row, 2),
			.operations = number_of(answer, row, 3),
			.errors = number_of(answer, row, 4),
			.service = text_of(answer, row, 5),
			.name = text_of(answer, row, 6),
			.text = text_of(answer, row, 7),
		};

		if (!osp_trace_filter_passes(filter, &entry))
			continue;
		*more = filter->limit > 0 && count++ == filter->limit;
		if (*more)
			break;
		status = fn(ctx, &entry);
	}
	return status;
}

/*
 * Connects, unless it is connected already. The server is told not to trace the
 * list's own statements.
 */
static osp_status
connect_server(osp_driver_conn *conn, osp_error *err)
{
	osp_status status;

	if (conn->server != NULL)
		return OSP_OK;
	status = cli_server_open_for_root(conn->conninfo, &conn->server, err);
	if (status != OSP_OK)
		return status;
	cli_server_untraced(conn->server);
	return cli_server_find_extension(conn->server, err);
}

static const char *
moment_text(int64_t ns, char out[NUMBER_MAX])
{
	if (ns == 0)
		return NULL;
	(void) snprintf(out, NUMBER_MAX, "%lld", (long long) (ns / 1000));
	return out;
}

/*
 * How many of the newest traces to ask for: enough for all that may match up to
 * the limit, and one more.
 */
static long
asked_for(const osp_trace_filter *filter)
{
	if (filter->limit == 0 || filter->limit >= LOOKED_AT_MAX ||
		filter->errors_only || filter->min_duration_ns > 0 ||
		filter->service.len > 0 || filter->text.len > 0)
		return LOOKED_AT_MAX;
	return (long) filter->limit + 1;
}

static osp_status
list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
			osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	char since[NUMBER_MAX];
	char until[NUMBER_MAX];
	char max[NUMBER_MAX];
	const char *const params[] = {moment_text(filter->since_ns, since),
								  moment_text(filter->until_ns, until),
								  max,
								  filter->errors_only ? "t" : "f"};
	cli_answer *answer = NULL;
	bool more = false;
	osp_status status;

	if (next != NULL)
		*next = OSP_STR("");
	if (filter->page.len > 0)
		return osp_error_set(
			err, OSP_EINVAL, "the list of a server has no pages");
	(void) snprintf(max, sizeof(max), "%ld", asked_for(filter));
	status = connect_server(conn, err);
	if (status == OSP_OK)
		status = cli_server_ask(conn->server, sql, 4, params, &answer, err);
	if (status == OSP_OK)
		status = hand_on_traces(answer, filter, fn, ctx, &more);
	else
	{
		if (conn->server != NULL)
			cli_server_explain(conn->server, err);
		cli_server_close(conn->server);
		conn->server = NULL;
	}
	if (next != NULL && more)
		*next = OSP_STR(CLI_SERVER_MORE);
	cli_answer_free(answer);
	return status;
}

static const osp_driver server_driver = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_LIST | OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_FILTERS,
	.name = "server",
	.close = close_server,
	.list_traces = list_traces,
};

int
cli_server_collector(cli_collector *collector, const char *conninfo)
{
	osp_error err = {OSP_OK, ""};
	osp_driver_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return cli_error("%s", osp_status_text(OSP_ENOMEM));
	conn->conninfo = strdup(conninfo);
	collector->driver = &server_driver;
	collector->conn = conn;
	(void) snprintf(
		collector->shown, sizeof(collector->shown), "%s", "the server");
	if (conn->conninfo == NULL)
		return cli_error("%s", osp_status_text(OSP_ENOMEM));
	return connect_server(conn, &err) == OSP_OK
			   ? CLI_OK
			   : cli_error("the server: %s", err.msg);
}
