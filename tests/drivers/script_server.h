/* SPDX-License-Identifier: Apache-2.0
 *
 * script_server.h
 *	  A server of the tests' own, started and ended by a script of this
 *	  directory: redis_server.sh, rabbit_server.sh.
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

/* False: this machine has no such server. */
bool script_server_exists(const char *script);

/*
 * Starts one in dir, with more options, as the script takes them; in a directory
 * where one ran before, on the same port. Asserts that it works.
 */
void script_server_start(script_server *server, const char *script,
						 const char *dir, const char *options);

/* Ends it, or with SIGKILL. Fine if it does not run. */
void script_server_stop(script_server *server);
void script_server_kill(script_server *server);

/* Runs another command of the script: pause, resume. */
void script_server_do(script_server *server, const char *command);

#endif /* TEST_SCRIPT_SERVER_H */
