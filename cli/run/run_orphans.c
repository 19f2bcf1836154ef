/* SPDX-License-Identifier: Apache-2.0
 *
 * run_orphans.c
 *	  What runs that were killed left behind.
 *
 * A run that is killed with SIGKILL cannot ship the rest, nor remove its
 * directory. So each run, when its own work is done, searches for directories
 * beside its own in which no shipper is at work any more, ships them to the
 * collector that their file names (run_collector.c), and removes those that are
 * empty and have no living producer. That file is written when the shipper holds
 * the directory's lock, so a directory that is just being made is never mistaken
 * for one that was left.
 */
#include "run/run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/ring.h"

#define NAME_PREFIX "run-"

/* A collector that is away shall not hold up a run that has ended. */
#define DELIVER_MS 1000

/* Does a program of that run go on? */
static bool
has_producer(DIR *dir)
{
	const struct dirent *entry;
	bool found = false;
	osp_ring ring;
	int ring_fd;

	rewinddir(dir);
	for (entry = readdir(dir); entry != NULL && !found; entry = readdir(dir))
	{
		if (strncmp(entry->d_name, "ring.", 5) != 0 ||
			osp_ring_map_open(
				&ring, dirfd(dir), entry->d_name, &ring_fd, NULL) != OSP_OK)
			continue;
		found = !osp_ring_is_orphaned(&ring, ring_fd);
		osp_ring_unmap(&ring);
		(void) close(ring_fd);
	}
	return found;
}

/* Ships what lies there; true if nothing is left. */
static bool
ship(const osp_shipper_options *options)
{
	osp_shipper *shipper;
	bool empty;

	/* Not if a shipper is at work: its run lives. */
	if (osp_shipper_open(options, &shipper, NULL) != OSP_OK)
		return false;
	(void) osp_shipper_flush(shipper, DELIVER_MS);
	empty = osp_shipper_is_empty(shipper);
	osp_shipper_close(shipper);
	return empty;
}

static void
deliver(const char *path)
{
	osp_shipper_options options = {.run_directory = path,
								   .timeout_ms = DELIVER_MS};
	char bytes[RUN_COLLECTOR_MAX];
	DIR *dir;
	int fd;

	if (osp_rundir_open(path, false, &fd, NULL) != OSP_OK)
		return;
	dir = fdopendir(fd);
	if (dir == NULL)
	{
		(void) close(fd);
		return;
	}
	if (run_collector_read(fd, bytes, &options) && ship(&options) &&
		!has_producer(dir))
		run_dir_remove(path);
	(void) closedir(dir);
}

void
run_orphans_deliver(const char *own_directory)
{
	const char *slash = strrchr(own_directory, '/');
	const struct dirent *entry;
	char path[OSP_RUNDIR_PATH_MAX];
	DIR *dir;
	int len;

	if (slash == NULL)
		return;
	len = (int) (slash - own_directory);
	(void) snprintf(path, sizeof(path), "%.*s", len, own_directory);
	dir = opendir(path);
	if (dir == NULL)
		return;
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
	{
		if (strncmp(entry->d_name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) != 0)
			continue;
		if (snprintf(path,
					 sizeof(path),
					 "%.*s/%s",
					 len,
					 own_directory,
					 entry->d_name) < (int) sizeof(path))
			deliver(path);
	}
	(void) closedir(dir);
}
