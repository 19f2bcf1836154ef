/* SPDX-License-Identifier: Apache-2.0
 *
 * rundir_clear.c
 *	  Clears the run directory of a server that has ended.
 *
 * The run directory usually lies in memory, and an administrator who removes a server
 * for good does not know of it.
 *
 * If a session begins meanwhile, it makes a new directory: the old status file says
 * that the directory has moved.
 */
#include "record/rundir_clear.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/directory.h"
#include "record/mapped_alone.h"
#include "record/runstat.h"

#define WAITS_PREFIX "waits."

static bool
is_waits(const char *name)
{
	return strncmp(name, WAITS_PREFIX, strlen(WAITS_PREFIX)) == 0;
}

/* Can this file be removed without any loss? The spool counts as empty here;
 * give_up_status() checks it by the status file. */
static bool
is_of_no_use(const char *name)
{
	static const char *const names[] = {
		".", "..", "status", "lock", "spool", "worker", "warned"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return is_waits(name);
}

static bool
has_nothing_of_use(DIR *dir)
{
	const struct dirent *entry;

	for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
		if (!is_of_no_use(entry->d_name))
			return false;
	return true;
}

static void
remove_files(DIR *dir, bool all)
{
	const struct dirent *entry;

	rewinddir(dir);
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
		if (entry->d_name[0] != '.' && (all || is_waits(entry->d_name)))
			(void) unlinkat(dirfd(dir), entry->d_name, 0);
}

/* Is everything delivered, according to the status file? Then it is marked as moved,
 * and processes that have it mapped look for a new one. */
static bool
give_up_status(int dir_fd)
{
	osp_runstat *stat;
	bool delivered;

	if (osp_runstat_map(dir_fd, &stat, NULL) != OSP_OK)
		return false;
	delivered = stat->spool_points == 0;
	if (delivered)
		__atomic_store_n(&stat->sleeping, OSP_RUNSTAT_MOVED, __ATOMIC_SEQ_CST);
	osp_runstat_unmap(stat);
	return delivered;
}

void
osp_rundir_clear(const char *path)
{
	bool all;
	DIR *dir;
	int fd;

	if (osp_rundir_open(path, false, &fd, NULL) != OSP_OK)
		return;
	dir = osp__directory_of(fd);
	if (dir == NULL)
		return;
	all =
		has_nothing_of_use(dir) && !osp_shipper_alive(fd) && give_up_status(fd);
	remove_files(dir, all);
	(void) closedir(dir);
	if (all)
		(void) rmdir(path);
}

void
osp_rundir_clear_waits(int dir_fd)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	DIR *dir = osp__directory_of(
		openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;

	if (dir == NULL)
		return;
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
	{
		int file =
			is_waits(entry->d_name) ? openat(dir_fd, entry->d_name, flags) : -1;

		if (file < 0)
			continue;
		if (osp__is_mapped_alone(file))
			(void) unlinkat(dir_fd, entry->d_name, 0);
		(void) close(file);
	}
	(void) closedir(dir);
}
