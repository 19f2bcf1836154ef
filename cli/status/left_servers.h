/* SPDX-License-Identifier: Apache-2.0
 *
 * left_servers.h
 *	  The points that PostgreSQL servers of this user left in their run directories.
 */
#ifndef OSPROFILER_CLI_LEFT_SERVERS_H
#define OSPROFILER_CLI_LEFT_SERVERS_H

#include "osprofiler/buf.h"
#include "record/runstat.h"

typedef struct left_server
{
	char path[OSP_RUNDIR_PATH_MAX];
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
void left_servers_term(left_servers *found);

/* Appends "12 points wait in DIRECTORY, left by a PostgreSQL server", and what delivers
 * them. */
void left_server_add_words(osp_buf *out, const left_server *server);

#endif /* OSPROFILER_CLI_LEFT_SERVERS_H */
