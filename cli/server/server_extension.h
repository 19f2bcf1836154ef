/* SPDX-License-Identifier: Apache-2.0
 *
 * server_extension.h
 *	  Is the extension in the database of a connection?
 */
#ifndef OSPROFILER_CLI_SERVER_EXTENSION_H
#define OSPROFILER_CLI_SERVER_EXTENSION_H

#include "server/server_connection.h"

/*
 * OSP_OK: it is, and everything of its schema belongs to superusers, so it may be called.
 * OSP_ENOENT: it is not there, or of an earlier version. OSP_EPERM: somebody else has
 * put something into a schema of that name, or owns it: whoever called it would execute
 * that with his own rights.
 */
osp_status cli_server_find_extension(cli_server *server, osp_error *err);

#endif /* OSPROFILER_CLI_SERVER_EXTENSION_H */
