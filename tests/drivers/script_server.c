/* SPDX-License-Identifier: Apache-2.0
 *
 * script_server.c
 *	  A server for tests, started and stopped by a script of this directory.
 */
#include "script_server.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
script_server_exists(const char *script)
{
	if (strcmp(script, POSTGRES_SERVER) == 0)
		return system(
				   "test -x \"$(${PG_CONFIG:-pg_config} --bindir)/initdb\"") ==
			   0;
	return strcmp(script, REDIS_SERVER) == 0 || strcmp(script, REDIS_GROUP) == 0
			   ? system("command -v redis-server >/dev/null && "
						"command -v redis-cli >/dev/null") == 0
			   : system("test -x /usr/lib/rabbitmq/bin/rabbitmq-server && "
						"command -v epmd >/dev/null") == 0;
}

void
script_server_start(script_server *server, const char *script, const char *dir,
					const char *options)
{
	char command[1024];
	char line[32] = "";
	FILE *output;

	memset(server, 0, sizeof(*server));
	server->script = script;
	(void) snprintf(server->dir, sizeof(server->dir), "%s", dir);
	(void) snprintf(command,
					sizeof(command),
					"bash '" OSP_TEST_DIR "/%s' start '%s' %s",
					script,
					dir,
					options);
	output = popen(command, "r");
	assert_non_null(output);
	(void) fgets(line, sizeof(line), output);
	if (pclose(output) != 0)
		fail_msg("no server: %s", command);
	server->port = (int) strtol(line, NULL, 10);
	assert_in_range(server->port, 1, 65535);
	server->running = true;
}

void
script_server_do(script_server *server, const char *command)
{
	char line[1024];

	(void) snprintf(line,
					sizeof(line),
					"bash '" OSP_TEST_DIR "/%s' %s '%s'",
					server->script,
					command,
					server->dir);
	assert_int_equal(system(line), 0);
}

static void
end(script_server *server, const char *how)
{
	if (server->running)
		script_server_do(server, how);
	server->running = false;
}

void
script_server_stop(script_server *server)
{
	end(server, "stop");
}

void
script_server_kill(script_server *server)
{
	end(server, "kill");
}
