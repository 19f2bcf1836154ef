/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_server.c
 *	  A redis-server of the tests' own, started and ended by redis_server.sh.
 */
#include "redis_server.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT OSP_TEST_DIR "/redis_server.sh"

bool
redis_server_exists(void)
{
	return system("command -v redis-server >/dev/null && "
				  "command -v redis-cli >/dev/null") == 0;
}

void
redis_server_start(redis_server *server, const char *dir, const char *options)
{
	char command[1024];
	char line[32] = "";
	FILE *script;

	memset(server, 0, sizeof(*server));
	(void) snprintf(server->dir, sizeof(server->dir), "%s", dir);
	(void) snprintf(command,
					sizeof(command),
					"bash '%s' start '%s' %s",
					SCRIPT,
					dir,
					options);
	script = popen(command, "r");
	assert_non_null(script);
	(void) fgets(line, sizeof(line), script);
	if (pclose(script) != 0)
		fail_msg("no redis-server: %s", command);
	server->port = (int) strtol(line, NULL, 10);
	assert_in_range(server->port, 1, 65535);
	server->running = true;
}

static void
end(redis_server *server, const char *how)
{
	char command[1024];

	if (!server->running)
		return;
	(void) snprintf(command,
					sizeof(command),
					"bash '%s' %s '%s'",
					SCRIPT,
					how,
					server->dir);
	assert_int_equal(system(command), 0);
	server->running = false;
}

void
redis_server_stop(redis_server *server)
{
	end(server, "stop");
}

void
redis_server_kill(redis_server *server)
{
	end(server, "kill");
}
