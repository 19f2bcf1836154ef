/* SPDX-License-Identifier: Apache-2.0
 *
 * run_orphans.c
 *	  Delivers points that former runs left behind.
 *
 * A run that is killed with SIGKILL can neither ship the rest of its points nor
 * remove its directory; one whose collector does not answer keeps the
 * directory. So each run, after its own work, and `osprofiler agent --once`
 * search for directories of runs in which no shipper works any more. They ship
 * the points to the collector that the directory's file names
 * (run_collector.c), and remove empty directories that no living program writes
 * to. A shipper holds the directory's lock before that file is written, so a
 * directory that is just being made is never mistaken for an abandoned one.
 *
 * Programs that outlive their run may make its directory anew, which then has
 * never had a shipper. Its points are not shipped; the directory is removed
 * once those programs have ended.
 */
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/directory.h"
#include "record/ring.h"

#define NAME_PREFIX "run-"

/* Is a program of the run of this directory still alive? */
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

/* Returns how many points of a run directory the collector has accepted so far. */
static uint64_t
read_shipped(int dir_fd)
{
	osp_run_totals totals;

	return osp_run_totals_read(dir_fd, &totals, NULL) == OSP_OK
			   ? totals.stat.shipped
			   : 0;
}

/* What came of the search so far: the delivered points, and a collector that did not
 * answer in time (empty: none). */
typedef struct orphans
{
	uint64_t points;
	char hangs[RUN_COLLECTOR_MAX];
} orphans;

/* Ships the points of a run directory, adding their number to found; true if
 * nothing is left in it. */
static bool
ship(const osp_shipper_options *options, int dir_fd, orphans *found)
{
	uint64_t before;
	osp_shipper *shipper;
	bool empty;

	/* Runs against one collector leave many directories, but are waited for once. */
	if (osp_str_eq(options->connection_string, osp_str_of(found->hangs)))
		return false;

	/* This fails if a shipper works there, since its run has not ended. */
	if (osp_shipper_open(options, &shipper, NULL) != OSP_OK)
		return false;
	before = read_shipped(dir_fd);
	(void) osp_shipper_flush(shipper, options->timeout_ms);
	if (osp_shipper_busy(shipper))
		(void) snprintf(found->hangs,
						sizeof(found->hangs),
						"%.*s",
						(int) options->connection_string.len,
						options->connection_string.ptr);
	empty = osp_shipper_is_empty(shipper);
	osp_shipper_close(shipper);
	found->points += read_shipped(dir_fd) - before;
	return empty;
}

/* Has another process delivered all points of the directory? */
static bool
is_empty(int dir_fd)
{
	osp_run_totals totals;

	return osp_run_totals_read(dir_fd, &totals, NULL) == OSP_OK &&
		   !totals.shipper_alive && totals.waiting_bytes == 0 &&
		   totals.stat.spool_points == 0;
}

static void
deliver(const char *path, osp_str configured, unsigned timeout_ms,
		orphans *found)
{
	osp_shipper_options options = {.run_directory = path,
								   .timeout_ms = timeout_ms};
	char bytes[RUN_COLLECTOR_MAX];
	bool delivered = false;
	DIR *dir;
	int fd;

	if (osp_rundir_open(path, false, &fd, NULL) != OSP_OK)
		return;
	dir = osp__directory_of(fd);
	if (dir == NULL)
		return;
	options.last = !has_producer(dir);
	switch (run_collector_read(fd, configured, bytes, &options))
	{
		case RUN_COLLECTOR_KNOWN:
			delivered = ship(&options, fd, found);
			break;
		case RUN_COLLECTOR_LOCKED:
			delivered = is_empty(fd);
			break;
		case RUN_COLLECTOR_NONE:
			delivered =
				osp_rundir_run_ended(path) && !osp_rundir_had_shipper(fd);
			break;
	}
	if (delivered && options.last)
		run_dir_remove(path);
	(void) closedir(dir);
}

uint64_t
run_orphans_deliver(const char *parent, const char *own_directory,
					osp_str configured, unsigned timeout_ms)
{
	DIR *dir = opendir(parent);
	const struct dirent *entry;
	char path[OSP_RUNDIR_PATH_MAX];
	orphans found = {0};

	if (dir == NULL)
		return 0;
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
	{
		if (strncmp(entry->d_name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name) <
				(int) sizeof(path) &&
			(own_directory == NULL || strcmp(path, own_directory) != 0))
			deliver(path, configured, timeout_ms, &found);
	}
	(void) closedir(dir);
	return found.points;
}
