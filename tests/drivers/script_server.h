/* SPDX-License-Identifier: Apache-2.0
 *
 * script_server.h
 *	  A server for tests, started and stopped by a script of this directory, such as
 *	  redis_server.sh.
 */
#ifndef TEST_SCRIPT_SERVER_H
#define TEST_SCRIPT_SERVER_H

#include <stdbool.h>

#define REDIS_SERVER    "redis_server.sh"
#define REDIS_GROUP     "redis_group.sh"
#define RABBIT_SERVER   "rabbit_server.sh"
#define POSTGRES_SERVER "postgres_server.sh"
#define MARIADB_SERVER  "mariadb_server.sh"
#define STANDIN_SERVER  "standin_server.sh"

typedef struct script_server
{
	const char *script;
	char dir[128];
	int port;
	bool running;
} script_server;

/* Is the server that this script starts installed? */
bool script_server_exists(const char *script);

/*
 * Starts a server in dir, with further options for the script. If a server ran in
 * dir before, the new one gets the same port. Asserts that this works.
 */
void script_server_start(script_server *server, const char *script,
						 const char *dir, const char *options);

/* Stop the server; the second one with SIGKILL. They do nothing if it does not run. */
void script_server_stop(script_server *server);
void script_server_kill(script_server *server);

/* Executes another command of the script: "pause" or "resume". */
void script_server_do(script_server *server, const char *command);

#endif /* TEST_SCRIPT_SERVER_H */
