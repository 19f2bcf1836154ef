/* SPDX-License-Identifier: Apache-2.0
 *
 * left_servers.h
 *	  The points that PostgreSQL servers of this user left in their run directories; for
 *	  root also those of other users.
 */
#ifndef OSPROFILER_CLI_LEFT_SERVERS_H
#define OSPROFILER_CLI_LEFT_SERVERS_H

#include <sys/types.h>

#include "osprofiler/buf.h"
#include "record/runstat.h"

typedef struct left_server
{
	char path[OSP_RUNDIR_PATH_MAX];
	uid_t owner; /* the server's user, who is another one only for root */
	osp_run_totals totals;
} left_server;

typedef struct left_servers
{
	left_server *servers;
	size_t count;
} left_servers;

/*
 * Adds the run directories of servers in parent that hold points which no shipper
 * delivers. found is empty at first; it is released by left_servers_term.
 */
void left_servers_find(left_servers *found, const char *parent);
/*
 * As root, adds those of other users of this host, and returns how many run directories
 * of servers these have. For others it does nothing.
 */
size_t left_servers_find_of_others(left_servers *found) OSP_MUST_CHECK;

void left_servers_term(left_servers *found);

/* Appends "12 points wait in DIRECTORY, left by a PostgreSQL server", and what delivers
 * them. */
void left_server_add_words(osp_buf *out, const left_server *server);

#endif /* OSPROFILER_CLI_LEFT_SERVERS_H */
