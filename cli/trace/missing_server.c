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
		status = osp_buf_status(text);
	}
	osp_buf_term(&server);
	return status;
}
