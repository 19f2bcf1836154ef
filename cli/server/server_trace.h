/* SPDX-License-Identifier: Apache-2.0
 *
 * server_trace.h
 *	  Reading a trace from the server that has recorded it.
 */
#ifndef OSPROFILER_CLI_SERVER_TRACE_H
#define OSPROFILER_CLI_SERVER_TRACE_H

#include "osprofiler/context.h"
#include "osprofiler/driver.h"
#include "server/server_connection.h"

/*
 * Hands each notification of a trace that the server's collector has to fn, as the
 * get_points of a driver does. Members of pg_read_all_stats get any trace. Others must
 * hold a key of the server, keys, and get traces that only they have statements in.
 * keys may be NULL. OSP_ENOENT: the extension is not in this database, or has no such
 * function; OSP_EPERM, with the server's reason; and what fn returns.
 */
osp_status cli_server_trace(cli_server *server, osp_keyring *keys,
							const char *base_id, osp_point_fn fn, void *ctx,
							osp_error *err) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_SERVER_TRACE_H */
