/* SPDX-License-Identifier: Apache-2.0
 *
 * run_descriptors.c
 *	  Descriptors that are the command's.
 *
 * When the command closes a pipe, its reader sees the end of it, if nobody else has
 * the pipe open. So once the command runs, this process closes all that it was given,
 * except for the standard error, where it says at the end what it has seen.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Of a process that was given more, the others stay open here. */
#define DESCRIPTORS_MAX 1024

static int given[DESCRIPTORS_MAX];
static int given_count = 0;

void
run_descriptors_note(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL && given_count < DESCRIPTORS_MAX)
	{
		int fd = entry->d_name[0] == '.'
					 ? -1
					 : (int) strtol(entry->d_name, NULL, 10);

		if (fd > STDERR_FILENO && fd != dirfd(dir))
			given[given_count++] = fd;
	}
	(void) closedir(dir);
}

/* A number that is free would be taken by the next file that is opened. */
static void
replace_by_nothing(int fd)
{
	int nothing =
		fcntl(fd, F_GETFD) >= 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;

	if (nothing < 0)
		return;
	(void) dup3(nothing, fd, O_CLOEXEC);
	(void) close(nothing);
}

void
run_descriptors_release(void)
{
	replace_by_nothing(STDIN_FILENO);
	replace_by_nothing(STDOUT_FILENO);
	while (given_count > 0)
		(void) close(given[--given_count]);
}
