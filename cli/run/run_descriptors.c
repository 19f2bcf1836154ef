/* SPDX-License-Identifier: Apache-2.0
 *
 * run_descriptors.c
 *	  Descriptors that belong to the command.
 *
 * When the command closes a pipe, the reader notices only if no other process
 * has the pipe open. So once the command runs, this process closes all
 * descriptors that it was given, except for the standard error, where it prints
 * its report at the end.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* How many descriptors are noted. If there are more, the others stay open here. */
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

/*
 * Replaces an open descriptor by one without use. If its number were free, the
 * next file to be opened would get it.
 */
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
