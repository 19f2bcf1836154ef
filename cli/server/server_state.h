/* SPDX-License-Identifier: Apache-2.0
 *
 * server_state.h
 *	  What a connection is made of. Private to this folder.
 */
#ifndef OSPROFILER_CLI_SERVER_STATE_H
#define OSPROFILER_CLI_SERVER_STATE_H

#include <limits.h>

#include "server/libpq_table.h"
#include "server/server_connection.h"

/* How often interrupted() is called. */
#define SLICE_MS  100
#define NS_PER_MS INT64_C(1000000)

/* Start-up options that only a superuser may give. */
#define BARE_OPTIONS "-c session_preload_libraries= -c local_preload_libraries="

struct cli_server
{
	PGconn *conn;
	bool (*interrupted)(void *ctx); /* may be NULL */
	unsigned deadline_ms;           /* for one answer; 0: no limit */
	osp_error given_up;             /* why waiting for an answer was given up */
	bool untraced;                  /* the server does not trace transactions */
	bool in_transaction;            /* cli_server_begin() has begun one */
	bool is_bare;                   /* from cli_server_open_bare() */
	char sqlstate[8];
	bool has_login;
	cli_user login; /* see cli_server_login() */
};

/* Stores the first line of the server's message in err. */
osp_status cli_set_message(osp_error *err, osp_status status, const char *text);

/* OSP_EINVAL: libpq does not understand the connection string. libpq must be loaded. */
osp_status cli_check_conninfo(const char *conninfo,
							  osp_error *err) OSP_MUST_CHECK;

/*
 * Does the connection string lead to a Unix socket, as far as that is known without
 * connecting? A service of libpq's is not looked up. libpq must be loaded.
 */
bool cli_conninfo_has_socket(const char *conninfo) OSP_MUST_CHECK;

/*
 * Writes the path of the Unix socket of the server's connection, which may have
 * ended. False: the connection uses TCP.
 */
bool cli_find_socket(const cli_server *server,
					 char path[PATH_MAX]) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_SERVER_STATE_H */
