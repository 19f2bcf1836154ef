/* SPDX-License-Identifier: Apache-2.0
 *
 * missing_server.c
 *	  What is said of a trace that lacks the half of a server that was told of it.
 */
#include "trace/missing_server.h"

#include <string.h>

#include "cli.h"
#include "control_text.h"
#include "delivery.h"
#include "record/rundir.h"

/* The name of a server in a line. */
#define SERVER_MAX ((size_t) 64 * 1024)

/* Of a service in Python nothing says whether the server was told of the trace. */
static const char python_alone[] =
	"No operation of a server is in this trace, only what Python's OSProfiler records. "
	"With PostgreSQL the service needs connection_parameters = plugin=osprofiler, and "
	"the server the service's key and collector; 'OSPROFILER_CONF=FILE osprofiler "
	"doctor CONNINFO --for-user USER', called by root with the service's "
	"configuration and user, says what is missing there\n";

/* A run reads the server's half when its command has ended. */
static const char still_runs[] =
	"An 'osprofiler run' is still going on: the server's operations of its trace come "
	"when the program ends, and --server CONNINFO shows them now. If this is not "
	"that trace: ";

/* Has this user an `osprofiler run` whose command has not ended? */
static bool
is_run_going_on(void)
{
	osp_config config;
	cli_run_dirs dirs;
	bool going_on = false;
	size_t i;

	if (osp_config_load(&config, &osp_allocator_default, NULL, NULL) != OSP_OK)
		return false;
	cli_run_dirs_find(&dirs, &config);
	for (i = 0; i < dirs.count && !going_on; i++)
		going_on = strstr(strrchr(dirs.paths[i], '/'), "/run-") != NULL &&
				   !osp_rundir_run_ended(dirs.paths[i]);
	cli_run_dirs_term(&dirs);
	osp_config_term(&config);
	return going_on;
}

osp_status
cli_add_missing_server(osp_report *report, osp_buf *text)
{
	osp_buf server;
	bool lacks;
	osp_status status;

	osp_buf_init(&server, &osp_allocator_default, SERVER_MAX);
	status = osp_report_lacks_server(report, &server, &lacks);
	if (status == OSP_OK && lacks)
	{
		osp_buf_add_str(text, OSP_STR("The server's operations are missing: "));
		cli_add_visible(text, osp_buf_str(&server));
		osp_buf_add_str(text, OSP_STR(" was sent the context of this trace. "));
		if (is_run_going_on())
			osp_buf_add_str(text, osp_str_of(still_runs));
		osp_buf_add_str(
			text,
			OSP_STR(
				"It does not load the "
				"extension, does not know the key, leaves out short "
				"statements (osprofiler.min_duration), delivers to another "
				"collector (--server CONNINFO reads what the server has), or "
				"has not delivered yet (show the trace again). 'osprofiler "
				"doctor CONNINFO' says which, and what to type\n"));
	}
	else if (status == OSP_OK && osp_report_is_python_alone(report))
		osp_buf_add_str(text, osp_str_of(python_alone));
	if (status == OSP_OK)
		status = osp_buf_status(text);
	osp_buf_term(&server);
	return status;
}
