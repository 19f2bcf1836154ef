/* SPDX-License-Identifier: Apache-2.0
 *
 * stopped_server.c
 *	  The PostgreSQL server that a run directory belongs to, found without a connection.
 *
 * The server's worker writes the data directory into its lock file, "worker".
 */
#include "server/stopped_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Reads the beginning of a file. False: it cannot be read, or it is empty. */
static bool
read_begin(const char *directory, const char *name, char *out, size_t size)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
		(int) sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	len = read(fd, out, size - 1);
	(void) close(fd);
	out[len > 0 ? len : 0] = '\0';
	return len > 0;
}

static bool
is_at_work(const char *data_directory)
{
	char text[32];
	long pid;

	if (!read_begin(data_directory, "postmaster.pid", text, sizeof(text)))
		return false;
	pid = strtol(text, NULL, 10);
	return pid > 0 && (kill((pid_t) pid, 0) == 0 || errno == EPERM);
}

cli_server_life
cli_server_life_of(const char *run_directory, char data_directory[PATH_MAX])
{
	char version[16];

	if (!read_begin(run_directory, "worker", data_directory, PATH_MAX) ||
		data_directory[0] != '/')
	{
		data_directory[0] = '\0';
		return CLI_SERVER_UNKNOWN;
	}
	if (is_at_work(data_directory))
		return CLI_SERVER_AT_WORK;
	return read_begin(data_directory, "PG_VERSION", version, sizeof(version)) ||
				   errno != ENOENT
			   ? CLI_SERVER_STOPPED
			   : CLI_SERVER_GONE;
}
