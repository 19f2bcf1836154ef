/* SPDX-License-Identifier: Apache-2.0
 *
 * server_list.h
 *	  A PostgreSQL server as a collector whose traces are listed.
 */
#ifndef OSPROFILER_CLI_SERVER_LIST_H
#define OSPROFILER_CLI_SERVER_LIST_H

#include "collector_options.h"

/*
 * The name of the next page if a server has more traces than it listed. A server's
 * list has no pages, so this name only shows that the list is not complete.
 */
#define CLI_SERVER_MORE "more"

/*
 * Opens a server as a collector whose traces can be listed, by
 * osprofiler.traces(). Such lists have no pages. It is closed by
 * cli_collector_close(). CLI_FAILED after a message.
 */
int cli_server_collector(cli_collector *collector,
						 const char *conninfo) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_SERVER_LIST_H */
