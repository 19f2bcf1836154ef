/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_server.h
 *	  A redis-server of the tests' own, started and ended by redis_server.sh.
 */
#ifndef TEST_REDIS_SERVER_H
#define TEST_REDIS_SERVER_H

#include <stdbool.h>

typedef struct redis_server
{
	char dir[128];
	int port;
	bool running;
} redis_server;

/* False: there is no redis-server on this machine. */
bool redis_server_exists(void);

/*
 * Starts one in dir, with more options for its command line; in a directory
 * where one ran before, on the same port. Asserts that it works.
 */
void redis_server_start(redis_server *server, const char *dir,
						const char *options);

/* Ends it, or with SIGKILL. Fine if it does not run. */
void redis_server_stop(redis_server *server);
void redis_server_kill(redis_server *server);

#endif /* TEST_REDIS_SERVER_H */
