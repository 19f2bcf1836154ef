/* SPDX-License-Identifier: Apache-2.0
 *
 * status_server.c
 *	  The counters of a PostgreSQL server, read from its view osprofiler.stat.
 */
#include "status/status_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "server/server_extension.h"
#include "server/shipper_state.h"

/* Asks for the counters, with the columns in this order. */
static const char question[] =
	"SELECT run_directory, shipper_pid, last_error, "
	"(extract(epoch FROM last_error_time) * 1000000)::int8, "
	"rings, written, dropped, untraced, waiting_bytes, shipped, refused, "
	"spooled, spool_points, spool_bytes, spool_dropped, corrupt_bytes, "
	"driver_errors, (extract(epoch FROM last_loss_time) * 1000000)::int8 "
	"FROM osprofiler.stat";

#define COLUMN_COUNTERS 4

static uint64_t
number_at(const cli_answer *answer, int column)
{
	const char *text = cli_answer_value(answer, 0, column);

	return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static void
fill_counters(const cli_answer *answer, osp_run_totals *t)
{
	osp_runstat *s = &t->stat;
	uint64_t *const counters[] = {&t->rings,
								  &t->written,
								  &t->dropped,
								  &s->untraced,
								  &t->waiting_bytes,
								  &s->shipped,
								  &s->refused,
								  &s->spooled,
								  &s->spool_points,
								  &s->spool_bytes,
								  &s->spool_dropped,
								  &s->corrupt_bytes,
								  &s->driver_errors};
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		*counters[i] = number_at(answer, COLUMN_COUNTERS + (int) i);
	t->last_loss_wall_ns =
		(int64_t) number_at(answer, COLUMN_COUNTERS + (int) i) * 1000;
}

static osp_status
read_contexts(cli_server *server, osp_runstat *s, osp_error *err)
{
	unsigned i;

	for (i = 0; i < OSP_VERDICT_COUNT; i++)
	{
		const char *const name[] = {osp_verdict_name((osp_verdict) i)};
		cli_answer *answer = NULL;
		osp_status status =
			cli_server_ask(server,
						   "SELECT contexts->>$1 FROM osprofiler.stat",
						   1,
						   name,
						   &answer,
						   err);

		if (status != OSP_OK)
			return status;
		s->contexts[i] = number_at(answer, 0);
		cli_answer_free(answer);
	}
	return OSP_OK;
}

static osp_status
read_view(cli_server *server, status_view *view, osp_error *err)
{
	osp_runstat *s = &view->totals.stat;
	cli_answer *answer = NULL;
	osp_status status = cli_server_ask(server, question, 0, NULL, &answer, err);
	const char *error;

	if (status != OSP_OK)
		return status;
	(void) snprintf(
		view->path, sizeof(view->path), "%s", cli_answer_value(answer, 0, 0));
	view->totals.shipper_alive = cli_answer_value(answer, 0, 1) != NULL;
	view->shipper_pid = (long) number_at(answer, 1);
	if (view->shipper_pid > 0)
		view->shipper_state =
			cli_server_shipper_state(server, view->shipper_pid);
	error = cli_answer_value(answer, 0, 2);
	(void) snprintf(
		s->last_error, sizeof(s->last_error), "%s", error != NULL ? error : "");
	s->last_error_wall_ns = (int64_t) number_at(answer, 3) * 1000;
	fill_counters(answer, &view->totals);
	cli_answer_free(answer);
	return read_contexts(server, s, err);
}

int
status_read_server(status_view *view, const char *conninfo)
{
	osp_error err = {OSP_OK, ""};
	cli_server *server = NULL;
	osp_status status = cli_server_open_for_root(conninfo, &server, &err);

	view->of_server = true;
	if (status == OSP_OK)
	{
		cli_server_untraced(server);
		status = cli_server_find_extension(server, &err);
		if (status == OSP_OK)
			status = read_view(server, view, &err);
		if (status != OSP_OK)
			cli_server_explain(server, &err);
	}
	cli_server_close(server);
	return status == OSP_OK ? CLI_OK : cli_error("%s", err.msg);
}
