/* SPDX-License-Identifier: Apache-2.0
 *
 * server_list.h
 *	  A PostgreSQL server as a collector whose traces are listed.
 */
#ifndef OSPROFILER_CLI_SERVER_LIST_H
#define OSPROFILER_CLI_SERVER_LIST_H

#include "collector_options.h"

/* The page behind a part of the list of a server: there are more traces. */
#define CLI_SERVER_MORE "more"

/*
 * Opens a collector that lists, by osprofiler.traces(), what the collector of a server
 * has. Lists have no pages. It is closed by cli_collector_close(). CLI_FAILED after a
 * message.
 */
int cli_server_collector(cli_collector *collector,
						 const char *conninfo) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_SERVER_LIST_H */
