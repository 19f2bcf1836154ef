/* SPDX-License-Identifier: Apache-2.0
 *
 * missing_server.h
 *	  The message about a trace without the operations of a server that was sent
 *	  its context.
 */
#ifndef OSPROFILER_CLI_MISSING_SERVER_H
#define OSPROFILER_CLI_MISSING_SERVER_H

#include "osprofiler/report.h"

/*
 * Appends a line if the trace has no operation of a server, although a client
 * sent a server its context, or Python recorded statements.
 */
osp_status cli_add_missing_server(osp_report *report,
								  osp_buf *text) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_MISSING_SERVER_H */
