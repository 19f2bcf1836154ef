/* SPDX-License-Identifier: Apache-2.0
 *
 * server_process.h
 *	  What a server knows about one of its processes.
 */
#ifndef OSPROFILER_CLI_SERVER_PROCESS_H
#define OSPROFILER_CLI_SERVER_PROCESS_H

#include "osprofiler/report.h"
#include "server/server_connection.h"

/*
 * Is the process still at work on a statement that it began before since_ns?
 * Returns what an osp_process_fn does: OSP_PROCESS_WORKS, or
 * OSP_PROCESS_UNKNOWN, also if the server is not on this host, or does not show
 * that to the user.
 */
osp_process_state cli_server_process_state(cli_server *server, osp_str host,
										   int64_t pid, int64_t since_ns);

#endif /* OSPROFILER_CLI_SERVER_PROCESS_H */
