/* SPDX-License-Identifier: Apache-2.0
 *
 * missing_server.c
 *	  What is said of a trace that lacks the half of a server that was told of it.
 */
#include "trace/missing_server.h"

#include "cli.h"
#include "control_text.h"

/* The name of a server in a line. */
#define SERVER_MAX ((size_t) 64 * 1024)

/* Of a service in Python nothing says whether the server was told of the trace. */
static const char python_alone[] =
	"No operation of a server is in this trace, only what Python's OSProfiler records. "
	"With PostgreSQL the service needs connection_parameters = plugin=osprofiler, and "
	"the server the service's key and collector; 'OSPROFILER_CONF=FILE osprofiler doctor "
	"--for-user USER CONNINFO', called by root with the user and the configuration of "
	"the service, says what is missing there\n";

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
		osp_buf_add_str(
			text,
			OSP_STR(
				" was sent the context of this trace. It does not load the "
				"extension, does not know the key, delivers to another "
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
