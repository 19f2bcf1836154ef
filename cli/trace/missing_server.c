/* SPDX-License-Identifier: Apache-2.0
 *
 * missing_server.c
 *	  The message about a trace without the operations of a server that was sent
 *	  its context.
 */
#include "trace/missing_server.h"

#include <string.h>

#include "cli.h"
#include "control_text.h"
#include "delivery.h"
#include "noted/run_history.h"
#include "record/rundir.h"

/* The longest name of a server in the message. */
#define SERVER_MAX ((size_t) 64 * 1024)

/*
 * The message for a service in Python, whose points do not say whether the
 * server was sent the context.
 */
static const char python_alone[] =
	"No operation of a server is in this trace, only what Python's OSProfiler records. "
	"With PostgreSQL the service needs connection_parameters = plugin=osprofiler, and "
	"the server the service's key and collector; 'OSPROFILER_CONF=FILE osprofiler "
	"doctor CONNINFO --for-user USER', called by root with the service's "
	"configuration and user, says what is missing there\n";

/* Has an ended run of this user made this trace? */
static bool
is_of_former_run(const osp_config *config, osp_str base_id)
{
	cli_run_history history;
	bool found = false;
	size_t i;

	cli_run_history_read(config, &history);
	for (i = 0; i < history.count && !found; i++)
		found = osp_str_eq(history.runs[i].base_id, base_id);
	cli_run_history_term(&history);
	return found;
}

/* Has this user an `osprofiler run` at work that may be making this trace? */
static bool
is_run_going_on(osp_str base_id)
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
	going_on = going_on && !is_of_former_run(&config, base_id);
	cli_run_dirs_term(&dirs);
	osp_config_term(&config);
	return going_on;
}

/* Appends why the operations of the server may be missing. */
static void
add_reasons(const osp_report *report, osp_str server, osp_buf *text)
{
	osp_buf_add_str(text, OSP_STR("The server's operations are missing: "));

	/* A run fetches the server's operations when its command has ended. */
	if (is_run_going_on(osp_report_base_id(report)))
	{
		osp_buf_add_str(
			text,
			OSP_STR(
				"an 'osprofiler run' is still going on, and copies those of its "
				"trace when its program ends. To see them now: osprofiler trace "
				"show --server CONNINFO "));
		cli_add_visible(text, osp_report_base_id(report));
		osp_buf_add_char(text, '\n');
		return;
	}
	cli_add_visible(text, server);
	osp_buf_add_str(
		text,
		OSP_STR(
			" was sent the context of this trace. It does not load the extension, "
			"does not know the key, leaves out short statements "
			"(osprofiler.min_duration), delivers to another collector (--server "
			"CONNINFO reads what the server has), or has not delivered yet (show "
			"the trace again). 'osprofiler doctor CONNINFO' says which, and what "
			"to type\n"));
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
		add_reasons(report, osp_buf_str(&server), text);
	else if (status == OSP_OK && osp_report_is_python_alone(report))
		osp_buf_add_str(text, osp_str_of(python_alone));
	if (status == OSP_OK)
		status = osp_buf_status(text);
	osp_buf_term(&server);
	return status;
}
