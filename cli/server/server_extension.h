/* SPDX-License-Identifier: Apache-2.0
 *
 * server_extension.h
 *	  Is the extension in the database of a connection?
 */
#ifndef OSPROFILER_CLI_SERVER_EXTENSION_H
#define OSPROFILER_CLI_SERVER_EXTENSION_H

#include "server/server_connection.h"

/*
 * Finds out whether the extension may be called. OSP_OK: everything in its
 * schema belongs to superusers. OSP_ENOENT: it is missing, or of an earlier
 * version. OSP_EPERM: another user owns the schema of that name or an object in
 * it, which would be executed with the caller's rights.
 */
osp_status cli_server_find_extension(cli_server *server, osp_error *err);

#endif /* OSPROFILER_CLI_SERVER_EXTENSION_H */
