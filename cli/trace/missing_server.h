/* SPDX-License-Identifier: Apache-2.0
 *
 * missing_server.h
 *	  What is said of a trace that lacks the half of a server that was told of it.
 */
#ifndef OSPROFILER_CLI_MISSING_SERVER_H
#define OSPROFILER_CLI_MISSING_SERVER_H

#include "osprofiler/report.h"

/* Appends one line where a client told a server of the trace, or Python recorded
 * statements, and no operation of a server is in it. */
osp_status cli_add_missing_server(osp_report *report,
								  osp_buf *text) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_MISSING_SERVER_H */
