/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_state.h
 *	  Is the process of a shipper running, or has a signal stopped it?
 */
#ifndef OSPROFILER_CLI_SHIPPER_STATE_H
#define OSPROFILER_CLI_SHIPPER_STATE_H

#include "server/server_connection.h"

#define CLI_STATE_STOPPED 'T' /* by a signal; SIGCONT continues it */

/*
 * The state of a shipper of this host as Linux abbreviates it ("T" is stopped);
 * '\0': not known, or the process is none of ours.
 */
char cli_shipper_state(long pid);

/*
 * The state of a server's shipper. That of a server on another host is known to
 * superusers only.
 */
char cli_server_shipper_state(cli_server *server, long pid);

#endif /* OSPROFILER_CLI_SHIPPER_STATE_H */
