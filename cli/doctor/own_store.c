/* SPDX-License-Identifier: Apache-2.0
 *
 * own_store.c
 *	  A database for the test of root, who traces nothing.
 *
 * An administrator calls doctor as root for a server and for other users. The
 * test trace would leave an empty database in root's home directory.
 */
#include "doctor/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define PREFIX "sqlite:///"

/* Cuts off the last part of a path. False: there is none. */
static bool
cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return false;
	*slash = '\0';
	return true;
}

bool
doctor_needs_own_store(doctor *d)
{
	char uri[PATH_MAX];
	char part[PATH_MAX];

	if (geteuid() != 0 || d->for_user != NULL || d->conninfo == NULL ||
		osp_config_default_connection(uri, sizeof(uri), NULL) != OSP_OK ||
		strcmp(uri, d->config.connection_string) != 0 ||
		strncmp(uri, PREFIX, strlen(PREFIX)) != 0)
		return false;
	(void) snprintf(part, sizeof(part), "%s", uri + strlen(PREFIX));
	if (access(part, F_OK) == 0 || errno != ENOENT ||
		snprintf(d->own_store,
				 sizeof(d->own_store),
				 "%s.doctor-%ld",
				 part,
				 (long) getpid()) >= (int) sizeof(d->own_store))
		return false;
	d->own_directories = 0;
	while (cut_last(part) && access(part, F_OK) != 0)
		d->own_directories++;
	return true;
}

void
doctor_remove_own_store(const doctor *d)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char path[PATH_MAX + 16];
	unsigned i;

	if (d->own_store[0] == '\0')
		return;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		(void) snprintf(path, sizeof(path), "%s%s", d->own_store, ends[i]);
		(void) unlink(path);
	}
	(void) snprintf(path, sizeof(path), "%s", d->own_store);
	for (i = 0; i < d->own_directories; i++)
		if (!cut_last(path) || rmdir(path) != 0)
			return;
}
