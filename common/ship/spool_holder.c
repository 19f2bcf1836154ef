/* SPDX-License-Identifier: Apache-2.0
 *
 * spool_holder.c
 *	  Finds the shipper that holds the lock of a spool, in /proc/locks.
 */
#include "ship/spool_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Begins the field of /proc/PID/stat that has the name of the program. */
#define NAME "(osprofiler"

#define STATE_STOPPED 'T'

/* State of a process, if it is one of ours; else '\0'. */
static char
state_of(long pid)
{
	char line[256] = "";
	char path[64];
	const char *end;
	FILE *file;

	(void) snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return '\0';
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	(void) fclose(file);
	end = strrchr(line, ')');
	return strstr(line, NAME) != NULL && end != NULL && end[1] == ' ' ? end[2]
																	  : '\0';
}

/* Reads a line such as "1: FLOCK  ADVISORY  WRITE 4711 08:01:815 0 EOF". False: it is
 * another kind of lock. */
static bool
read_lock(const char *line, long *pid, unsigned long long *inode)
{
	const char *number = strstr(line, " WRITE ");
	char *end;

	if (strstr(line, " FLOCK ") == NULL || number == NULL)
		return false;
	*pid = strtol(number + strlen(" WRITE "), &end, 10);
	number = strrchr(end, ':');
	if (*pid <= 0 || number == NULL)
		return false;
	*inode = strtoull(number + 1, NULL, 10);
	return true;
}

/* The file system's number there is not always that of stat(), so a lock is recognized
 * by its inode, and the process by its name. */
static long
find_holder(FILE *locks, ino_t inode, char *state)
{
	char line[256];

	while (fgets(line, sizeof(line), locks) != NULL)
	{
		unsigned long long there;
		long pid;

		if (read_lock(line, &pid, &there) && there == inode &&
			(*state = state_of(pid)) != '\0')
			return pid;
	}
	return 0;
}

long
osp__spool_holder(int fd, bool *is_stopped)
{
	struct stat st;
	char state = '\0';
	long pid = 0;
	FILE *locks;

	*is_stopped = false;
	if (fstat(fd, &st) != 0)
		return 0;
	locks = fopen("/proc/locks", "re");
	if (locks == NULL)
		return 0;
	pid = find_holder(locks, st.st_ino, &state);
	(void) fclose(locks);
	*is_stopped = state == STATE_STOPPED;
	return pid;
}
