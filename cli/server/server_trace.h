/* SPDX-License-Identifier: Apache-2.0
 *
 * server_trace.h
 *	  Reads a trace from the server that has recorded it.
 */
#ifndef OSPROFILER_CLI_SERVER_TRACE_H
#define OSPROFILER_CLI_SERVER_TRACE_H

#include "osprofiler/context.h"
#include "osprofiler/driver.h"
#include "server/server_connection.h"

/*
 * Reads a trace from the server's collector, and passes each notification to
 * fn, as the get_points of a driver does. Members of pg_read_all_stats may read
 * any trace. Others need a key of the server in keys, which may be NULL, and
 * get only traces in which all statements are their own. OSP_ENOENT: the
 * extension is not in this database, or has no such function; OSP_EPERM, with
 * the server's reason; or the result of fn.
 */
osp_status cli_server_trace(cli_server *server, osp_keyring *keys,
							const char *base_id, osp_point_fn fn, void *ctx,
							osp_error *err) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_SERVER_TRACE_H */
