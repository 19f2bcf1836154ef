/* SPDX-License-Identifier: Apache-2.0
 *
 * other_sources.c
 *	  The sources of a trace besides the collector: other collectors, and
 *	  servers that have recorded a part of it.
 */
#include "server/other_sources.h"

#include "as_user.h"
#include "cli.h"
#include "key_options.h"
#include "server/server_process.h"
#include "server/server_trace.h"

#define AS_SUPERUSER_MAX 4096

bool
cli_others_add_collector(cli_others *others, const char *connection_string)
{
	if (others->collector_count == CLI_OTHERS_MAX)
	{
		cli_usage("--connection-string is given more than %d times",
				  CLI_OTHERS_MAX + 1);
		return false;
	}
	cli_collector_init(&others->collectors[others->collector_count]);
	others->collectors[others->collector_count++].connection_string =
		connection_string;
	return true;
}

bool
cli_others_add_server(cli_others *others, const char *conninfo)
{
	if (others->server_count == CLI_OTHERS_MAX)
	{
		cli_usage("--server is given more than %d times", CLI_OTHERS_MAX);
		return false;
	}
	osp_buf_init(&others->servers[others->server_count].as_superuser,
				 &osp_allocator_default,
				 AS_SUPERUSER_MAX);
	others->servers[others->server_count++].conninfo = conninfo;
	return true;
}

void
cli_others_bound(cli_others *others, bool (*interrupted)(void *ctx),
				 unsigned deadline_ms)
{
	size_t i;

	others->interrupted = interrupted;
	others->deadline_ms = deadline_ms;
	for (i = 0; i < others->collector_count; i++)
	{
		others->collectors[i].interrupted = interrupted;
		others->collectors[i].deadline_ms = deadline_ms;
	}
}

void
cli_others_term(cli_others *others)
{
	size_t i;

	for (i = 0; i < others->collector_count; i++)
		cli_collector_close(&others->collectors[i]);
	for (i = 0; i < others->server_count; i++)
	{
		cli_server_close(others->servers[i].conn);
		osp_buf_term(&others->servers[i].as_superuser);
	}
}

/*
 * Adds a point to the report ctx; an osp_point_fn. The report counts malformed
 * points; only a lack of memory ends the reading.
 */
static osp_status
add_point(void *ctx, osp_str json)
{
	osp_status status = osp_report_add(ctx, json, NULL);

	return status == OSP_EPROTO ? OSP_OK : status;
}

/*
 * Counts the points that were read. Malformed ones count, too: they show that
 * the trace exists under that form of its name.
 */
static size_t
points_read(const osp_report *report)
{
	return osp_report_points(report) + osp_report_malformed(report);
}

osp_status
cli_collector_read_trace(const cli_collector *collector, const char *name,
						 osp_report *report, osp_error *err)
{
	size_t before = points_read(report);
	osp_status status = OSP_OK;
	unsigned form;
	osp_id id;

	for (form = 0; status == OSP_OK && points_read(report) == before &&
				   osp_trace_name_form(osp_str_of(name), form, &id);
		 form++)
	{
		char text[OSP_ID_MAX + 1];

		status = collector->driver->get_points(
			collector->conn, osp_id_text(&id, text), add_point, report, err);
	}
	return status;
}

static void
read_collector(cli_collector *collector, bool *failing, const char *name,
			   osp_report *report)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;

	if (collector->conn == NULL)
	{
		/*
		 * A collector that failed once is not opened again: its settings do not
		 * change.
		 */
		if (*failing || cli_collector_open(collector) != CLI_OK)
		{
			*failing = true;
			return;
		}
	}
	status = cli_collector_read_trace(collector, name, report, &err);
	if (status == OSP_OK || status == OSP_ENOENT || status == OSP_EINTR)
	{
		*failing = false;
		return;
	}
	if (!*failing)
		(void) cli_error("%s: %s",
						 collector->shown,
						 err.msg[0] != '\0' ? err.msg
											: osp_status_text(status));
	*failing = true;
}

static osp_status
open_server(const cli_others *others, cli_other_server *server, osp_error *err)
{
	osp_status status;

	/*
	 * The interruption is checked before connecting, which takes some seconds
	 * at most.
	 */
	if (others->interrupted != NULL && others->interrupted(NULL))
		return OSP_EINTR;
	status = cli_server_open_for_root(server->conninfo, &server->conn, err);
	if (status == OSP_OK)
		cli_server_bound(
			server->conn, others->interrupted, others->deadline_ms);
	return status;
}

/*
 * Notes the command that the server does not refuse: the user of the server's processes
 * is usually a superuser.
 */
static void
note_superuser(cli_other_server *server)
{
	char as_user[CLI_AS_USER_MAX];
	char name[CLI_USER_NAME_MAX];
	uid_t uid;

	if (server->conn == NULL ||
		!cli_server_owner(server->conn, &uid, name, sizeof(name)))
		return;
	cli_as_user_words(cli_typist(), uid, as_user);
	osp_buf_reset(&server->as_superuser);
	osp_buf_addf(
		&server->as_superuser, "%sosprofiler trace show --server ", as_user);
	cli_server_add_place(server->conn, &server->as_superuser);
}

static void
read_server(const cli_others *others, cli_other_server *server,
			osp_keyring *keys, const char *name, osp_report *report)
{
	osp_error err = {OSP_OK, ""};
	osp_status status = OSP_OK;
	char shown[CLI_SERVER_NAME_MAX];

	if (server->refuses)
		return;
	if (server->conn == NULL)
		status = open_server(others, server, &err);
	if (status == OSP_OK)
		status =
			cli_server_trace(server->conn, keys, name, add_point, report, &err);
	if (status == OSP_EPERM)
		note_superuser(server);
	if (status != OSP_OK)
	{
		cli_server_close(server->conn);
		server->conn = NULL;
		if (status == OSP_EINTR)
			return;
		cli_server_name(server->conninfo, shown, sizeof(shown));
		if (!server->failing)
			(void) cli_error(
				"%s: %s%s",
				shown,
				err.msg[0] != '\0' ? err.msg : osp_status_text(status),
				status == OSP_EPERM ? " Members of pg_read_all_stats may read "
									  "all traces."
									: "");
	}
	server->failing = status != OSP_OK;
	server->refuses = status == OSP_EPERM;
}

void
cli_others_read(cli_others *others, const char *name, osp_report *report)
{
	osp_keyring *keys = others->server_count > 0 ? cli_keys_open(NULL) : NULL;
	size_t i;

	for (i = 0; i < others->collector_count; i++)
		read_collector(
			&others->collectors[i], &others->failing[i], name, report);
	for (i = 0; i < others->server_count; i++)
		read_server(others, &others->servers[i], keys, name, report);
	osp_keyring_free(keys);
}

const cli_other_server *
cli_others_silent(const cli_others *others)
{
	size_t i;

	for (i = 0; i < others->server_count; i++)
		if (others->servers[i].failing)
			return &others->servers[i];
	return NULL;
}

osp_process_state
cli_others_process_state(cli_others *others, osp_str host, int64_t pid,
						 int64_t since_ns)
{
	osp_process_state state = OSP_PROCESS_UNKNOWN;
	size_t i;

	for (i = 0; i < others->server_count && state == OSP_PROCESS_UNKNOWN; i++)
		if (others->servers[i].conn != NULL)
			state = cli_server_process_state(
				others->servers[i].conn, host, pid, since_ns);
	return state;
}
