/* SPDX-License-Identifier: Apache-2.0
 *
 * other_ports.c
 *	  The other servers on this host, if the one that was asked does not answer.
 *
 * This finds servers that psql reaches but this program does not. Debian gives
 * each cluster a port of its own, and its psql finds the port if there is only
 * one cluster. libpq, which connects here, uses port 5432 unless another one is
 * set. So the message about the failure names the other ports.
 */
#include "server/other_ports.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SOCKET_NAME ".s.PGSQL."

/*
 * Finds the server's socket in an error message: its directory, and the port in
 * its name. False: the message names no socket, since the server was asked by
 * TCP.
 */
static bool
find_socket(const char *message, char directory[PATH_MAX], long *port)
{
	const char *name = strstr(message, "/" SOCKET_NAME);
	const char *begin = strchr(message, '/');

	if (name == NULL || name - begin >= PATH_MAX)
		return false;
	(void) snprintf(directory, PATH_MAX, "%.*s", (int) (name - begin), begin);
	*port = strtol(name + 1 + strlen(SOCKET_NAME), NULL, 10);
	return true;
}

/* The port of a server whose socket has this name, or 0: the file is not such a
 * socket. */
static long
port_of(const char *directory, const char *name)
{
	size_t prefix = strlen(SOCKET_NAME);
	char path[PATH_MAX];
	struct stat st;

	if (strncmp(name, SOCKET_NAME, prefix) != 0 ||
		name[prefix + strspn(name + prefix, "0123456789")] != '\0' ||
		snprintf(path, sizeof(path), "%s/%s", directory, name) >=
			(int) sizeof(path) ||
		stat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return 0;
	return strtol(name + prefix, NULL, 10);
}

static int
compare_ports(const void *a, const void *b)
{
	long x = *(const long *) a;
	long y = *(const long *) b;

	return (x > y) - (x < y);
}

/* Lists the ports of all sockets in the directory except one; returns their number. */
static size_t
list_ports(const char *directory, long but, long ports[CLI_PORTS_MAX])
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	size_t count = 0;

	while (dir != NULL && count < CLI_PORTS_MAX &&
		   (entry = readdir(dir)) != NULL)
	{
		long port = port_of(directory, entry->d_name);

		if (port != 0 && port != but)
			ports[count++] = port;
	}
	if (dir != NULL)
		(void) closedir(dir);
	qsort(ports, count, sizeof(ports[0]), compare_ports);
	return count;
}

size_t
cli_other_ports(const char *message, long ports[CLI_PORTS_MAX])
{
	char directory[PATH_MAX];
	long port;

	return find_socket(message, directory, &port)
			   ? list_ports(directory, port, ports)
			   : 0;
}
