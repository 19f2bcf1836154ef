/* SPDX-License-Identifier: Apache-2.0
 *
 * run_server.c
 *	  The server's half of a run's trace: does the collector have it, and if not, can
 *	  the server be asked for it?
 *
 * Without settings a server stores traces in its data directory, where no client can
 * read. So at its end a run connects to the server that its command has used, proves
 * that it holds the key, and copies the server's operations into its own collector. It
 * connects only to a server on this host: its command has just connected there, with
 * what libpq takes from the environment.
 */
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "key_options.h"
#include "osprofiler/json.h"
#include "osprofiler/notification.h"
#include "osprofiler/report.h"
#include "server/server_trace.h"

#define READ_TIMEOUT_MS 2000
#define ASK_TIMEOUT_MS  5000 /* for one answer of the server */
#define LOOK_MS         20   /* between two attempts to read the trace */
#define QUIET_MS        100  /* how long to wait without progress */

#define BATCH 256

/* --- counting --- */

/* Counts the statements of clients that the server has recorded. */
typedef struct server_count
{
	uint64_t statements;
	int server_depth; /* of the server's operation that encloses this one;
					   * -1: none */
	osp_buf name;
} server_count;

/* Counts an operation; an osp_node_fn. */
static osp_status
count_node(void *ctx, const osp_report_node *node)
{
	server_count *count = ctx;
	osp_str json = node->start.len > 0 ? node->start : node->stop;
	bool server;

	osp_buf_reset(&count->name);
	if (osp_json_member_text(&count->name, json, OSP_STR("name")) != OSP_OK)
		return OSP_OK;
	server = count->name.len > 3 && memcmp(count->name.ptr, "pg", 2) == 0 &&
			 strchr("-.", count->name.ptr[2]) != NULL;
	if (node->depth <= count->server_depth)
		count->server_depth = -1;
	if (!server || count->server_depth >= 0)
		return OSP_OK;
	if (memcmp(count->name.ptr, "pg-", 3) == 0)
		count->statements++;
	count->server_depth = node->depth;
	return OSP_OK;
}

/* Adds a point to the report ctx; an osp_point_fn. */
static osp_status
add_point(void *ctx, osp_str json)
{
	osp_status status = osp_report_add(ctx, json, NULL);

	return status == OSP_EPROTO ? OSP_OK : status;
}

static osp_status
open_collector(const run_state *run, bool read_only, const osp_driver **driver,
			   osp_driver_conn **conn, osp_error *err)
{
	osp_driver_options options;
	osp_status status =
		osp_driver_find(osp_str_of(run->collector), driver, err);

	if (status != OSP_OK)
		return status;
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_str_of(run->collector);
	options.read_only = read_only;
	options.timeout_ms = READ_TIMEOUT_MS;
	options.deadline_ms = READ_TIMEOUT_MS;
	return (*driver)->open(&options, conn, err);
}

static uint64_t
count_statements(const run_state *run, const osp_driver *driver,
				 osp_driver_conn *conn)
{
	server_count count = {.server_depth = -1};
	osp_report *report = osp_report_new(&osp_allocator_default);

	if (report == NULL)
		return 0;
	osp_buf_init(&count.name, &osp_allocator_default, 1024);
	if (driver->get_points(
			conn, osp_str_of(run->base_id), add_point, report, NULL) !=
			OSP_OK ||
		osp_report_walk(report, count_node, &count) != OSP_OK)
		count.statements = 0;
	osp_buf_term(&count.name);
	osp_report_free(report);
	return count.statements;
}

uint64_t
run_server_known(const run_state *run)
{
	const osp_driver *driver;
	osp_driver_conn *conn = NULL;
	uint64_t known = 0;
	unsigned quiet_ms = 0;

	if (open_collector(run, true, &driver, &conn, NULL) != OSP_OK)
		return 0;
	for (;;)
	{
		uint64_t before = known;

		known = count_statements(run, driver, conn);
		if (known >= run->follow.seen.told || quiet_ms >= QUIET_MS)
			break;
		quiet_ms = known > before ? 0 : quiet_ms + LOOK_MS;
		(void) usleep(LOOK_MS * 1000);
	}
	driver->close(conn);
	return known;
}

/* --- fetching --- */

/* Notifications on their way from the server to the collector. */
typedef struct fetch
{
	const osp_driver *driver;
	osp_driver_conn *conn;
	size_t count;
	osp_buf json[BATCH];
	osp_buf scratch[BATCH];
	osp_notification items[BATCH];
} fetch;

static osp_status
store_batch(fetch *f)
{
	size_t accepted;
	osp_status status =
		f->count > 0
			? f->driver->notify(f->conn, f->items, f->count, &accepted, NULL)
			: OSP_OK;

	f->count = 0;
	return status;
}

/* Takes a point of the server; an osp_point_fn. */
static osp_status
fetch_point(void *ctx, osp_str json)
{
	fetch *f = ctx;
	osp_buf *copy = &f->json[f->count];

	osp_buf_reset(copy);
	osp_buf_add_str(copy, json);
	if (osp_buf_status(copy) != OSP_OK)
		return osp_buf_status(copy);
	if (osp_notification_read(osp_buf_str(copy),
							  &f->scratch[f->count],
							  &f->items[f->count],
							  NULL) != OSP_OK)
		return OSP_OK;
	f->count++;
	return f->count == BATCH ? store_batch(f) : OSP_OK;
}

static osp_status
copy_trace(const run_state *run, cli_server *server, osp_error *err)
{
	osp_keyring *keys = cli_keys_open(run->key[0] != '\0' ? run->key : NULL);
	fetch *f = calloc(1, sizeof(*f));
	osp_status status = OSP_ENOMEM;
	size_t i;

	if (f != NULL && keys != NULL)
	{
		for (i = 0; i < BATCH; i++)
		{
			osp_buf_init(
				&f->json[i], &osp_allocator_default, OSP_NOTIFICATION_MAX);
			osp_buf_init(
				&f->scratch[i], &osp_allocator_default, OSP_NOTIFICATION_MAX);
		}
		status = open_collector(run, false, &f->driver, &f->conn, err);
		if (status == OSP_OK)
		{
			status = cli_server_trace(
				server, keys, run->base_id, fetch_point, f, err);
			if (status == OSP_OK)
				status = store_batch(f);
			f->driver->close(f->conn);
		}
		for (i = 0; i < BATCH; i++)
		{
			osp_buf_term(&f->json[i]);
			osp_buf_term(&f->scratch[i]);
		}
	}
	free(f);
	osp_keyring_free(keys);
	return status;
}

/* Writes to err which statements the server does not record. */
static void
note_min_duration(cli_server *server, osp_error *err)
{
	cli_answer *answer = NULL;

	if (cli_server_ask(
			server,
			"SELECT /* osprofiler */ setting FROM pg_catalog.pg_settings WHERE name "
			"= 'osprofiler.min_duration' AND setting::int > 0",
			0,
			NULL,
			&answer,
			NULL) != OSP_OK)
		return;
	if (cli_answer_rows(answer) > 0)
		(void) osp_error_set(err,
							 OSP_OK,
							 "it records only statements that take %s ms, by "
							 "osprofiler.min_duration",
							 cli_answer_value(answer, 0, 0));
	cli_answer_free(answer);
}

static const run_child *asking; /* whose signals end the wait for an answer */

static bool
is_interrupted(void *ctx)
{
	(void) ctx;
	return run_interrupted(asking);
}

/*
 * Connects to the server that the command has used. Waits for the connection and for
 * answers until the user interrupts: a lock in the server may delay both for as long
 * as a session holds it.
 */
static osp_status
connect_server(const run_state *run, cli_server **server, osp_error *err)
{
	char conninfo[1024];

	*server = NULL;
	err->msg[0] = '\0';
	if (!run_seen_is_local(&run->follow.seen))
		return OSP_EUNSUPPORTED;
	run_seen_conninfo(&run->follow.seen, conninfo, sizeof(conninfo));
	asking = &run->child;
	return cli_server_open_bound(
		conninfo, is_interrupted, ASK_TIMEOUT_MS, server, err);
}

void
run_server_left_out(const run_state *run, osp_error *err)
{
	cli_server *server;
	osp_error failure;

	err->msg[0] = '\0';
	if (connect_server(run, &server, &failure) != OSP_OK)
		return;
	cli_server_untraced(server);
	note_min_duration(server, err);
	cli_server_close(server);
}

/* Writes what waits in the server, with the last error of its collector. */
static void
note_waiting(cli_server *server, char waiting[RUN_WAITING_MAX])
{
	cli_answer *answer = NULL;
	const char *error;

	if (cli_server_ask(
			server,
			"SELECT /* osprofiler */ waiting_bytes, spool_points, last_error FROM "
			"osprofiler.stat",
			0,
			NULL,
			&answer,
			NULL) != OSP_OK)
	{
		(void) snprintf(
			waiting,
			RUN_WAITING_MAX,
			"only members of pg_read_all_stats see what waits there");
		return;
	}
	error = cli_answer_value(answer, 0, 2);
	if (strcmp(cli_answer_value(answer, 0, 0), "0") != 0 ||
		strcmp(cli_answer_value(answer, 0, 1), "0") != 0)
		(void) snprintf(waiting,
						RUN_WAITING_MAX,
						"%s bytes in its rings and %s points in its spool are "
						"not delivered yet%s%s",
						cli_answer_value(answer, 0, 0),
						cli_answer_value(answer, 0, 1),
						error != NULL ? ": " : "",
						error != NULL ? error : "");
	cli_answer_free(answer);
}

osp_status
run_server_fetch(const run_state *run, char waiting[RUN_WAITING_MAX],
				 osp_error *err)
{
	cli_server *server;
	osp_status status = connect_server(run, &server, err);

	if (status == OSP_OK)
		status = copy_trace(run, server, err);
	waiting[0] = '\0';
	if (status == OSP_OK)
	{
		note_min_duration(server, err);
		note_waiting(server, waiting);
	}
	cli_server_close(server);
	return status;
}
