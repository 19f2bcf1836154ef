/* SPDX-License-Identifier: Apache-2.0
 *
 * stopped_server.h
 *	  The PostgreSQL server that a run directory belongs to, found without a connection.
 */
#ifndef OSPROFILER_CLI_STOPPED_SERVER_H
#define OSPROFILER_CLI_STOPPED_SERVER_H

#include <limits.h>

#include "osprofiler/base.h"

/*
 * What is known of the server: nothing, that it is at work, that it has stopped, or
 * that its data directory is not there any more.
 */
typedef enum cli_server_life
{
	CLI_SERVER_UNKNOWN,
	CLI_SERVER_AT_WORK,
	CLI_SERVER_STOPPED,
	CLI_SERVER_GONE
} cli_server_life;

/* Reads the data directory that the server's worker has noted, and checks that
 * directory. */
cli_server_life cli_server_life_of(const char *run_directory,
								   char data_directory[PATH_MAX]);

#endif /* OSPROFILER_CLI_STOPPED_SERVER_H */
