/* SPDX-License-Identifier: Apache-2.0
 *
 * delivery.c
 *	  Points that are on their way to a collector.
 *
 * A busy server always has something in its rings. So a mark notes how far each
 * ring is filled at one moment. It is reached when the shipper has read that
 * far, whatever was added meanwhile.
 */
#include "delivery.h"
#include "cli.h"
#include "other_users.h"
#include "shipper_advice.h"
#include "waiting_points.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/directory.h"
#include "osprofiler/report.h"
#include "record/ring.h"
#include "record/runstat.h"

#define LOOK_MS 10 /* between two checks whether points were delivered */

/*
 * How long PostgreSQL takes at most to start a shipper after the first traced
 * statement. Nobody starts one for other run directories, nor for a cluster
 * whose newest ring is older than FRESH_S: its server is gone.
 */
#define SHIPPER_START_MS 1500
#define FRESH_S          30
#define CLUSTER_PREFIX   "/pg-"

#define SHARED_MEMORY "/dev/shm"

typedef struct ring_mark
{
	char name[32];
	uint64_t head;
} ring_mark;

/* The rings of one run directory that hold points. */
typedef struct dir_mark
{
	const char *path; /* borrowed from the cli_run_dirs */
	ring_mark *rings;
	size_t count;
	bool fresh; /* one of the rings is younger than FRESH_S */
} dir_mark;

struct cli_mark
{
	size_t count;
	dir_mark dirs[CLI_RUN_DIRS_MAX];
};

static void
add_dir(cli_run_dirs *dirs, const char *path)
{
	int fd;

	if (dirs->count == CLI_RUN_DIRS_MAX ||
		osp_rundir_open(path, false, &fd, NULL) != OSP_OK)
		return;
	if (faccessat(fd, "status", R_OK, 0) == 0)
	{
		dirs->paths[dirs->count] = strdup(path);
		if (dirs->paths[dirs->count] != NULL)
			dirs->count++;
	}
	(void) close(fd);
}

static void
add_dirs_below(cli_run_dirs *dirs, const char *path)
{
	char below[OSP_RUNDIR_PATH_MAX];
	const struct dirent *entry;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
	{
		int len = snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);

		if (entry->d_name[0] != '.' && entry->d_type == DT_DIR && len > 0 &&
			len < (int) sizeof(below))
			add_dir(dirs, below);
	}
	(void) closedir(dir);
}

void
cli_run_dirs_find(cli_run_dirs *dirs, const osp_config *config)
{
	uid_t others[CLI_OTHER_USERS_MAX];
	char path[OSP_RUNDIR_PATH_MAX];
	char shared[OSP_RUNDIR_PATH_MAX];

	memset(dirs, 0, sizeof(*dirs));
	if (osp_rundir_path(osp_str_of(config->run_directory), path, NULL) ==
		OSP_OK)
		(void) !cli_run_dirs_add(dirs, path);

	/*
	 * A PostgreSQL server does not see this user's environment, so its clusters
	 * are in the default directory, too. If a run directory was named, only
	 * that one is meant.
	 */
	if (config->run_directory[0] != '\0')
		return;
	(void) snprintf(shared,
					sizeof(shared),
					SHARED_MEMORY "/osprofiler-%lu",
					(unsigned long) geteuid());
	if (strcmp(shared, path) != 0)
		add_dirs_below(dirs, shared);
	dirs->others = cli_other_users_find(others) > 0;
}

bool
cli_run_dirs_add(cli_run_dirs *dirs, const char *path)
{
	size_t before = dirs->count;

	add_dir(dirs, path);
	add_dirs_below(dirs, path);
	return dirs->count > before;
}

void
cli_run_dirs_term(cli_run_dirs *dirs)
{
	while (dirs->count > 0)
		free(dirs->paths[--dirs->count]);
}

osp_process_state
cli_process_state(void *ctx, osp_str host, int64_t pid, int64_t since_ns)
{
	const cli_run_dirs *dirs = (const cli_run_dirs *) ctx;
	osp_process_state state = OSP_PROCESS_UNKNOWN;
	size_t i;

	for (i = 0; i < dirs->count && state == OSP_PROCESS_UNKNOWN; i++)
		state = osp_run_process_state(dirs->paths[i], host, pid, since_ns);
	return state;
}

/*
 * Does the ring of this name hold points? *head becomes the position behind the
 * last one.
 */
static bool
is_filled(int dir_fd, const char *name, uint64_t *head)
{
	osp_ring ring;
	bool filled;

	if (strncmp(name, "ring.", 5) != 0 ||
		osp_ring_map(&ring, dir_fd, name, NULL) != OSP_OK)
		return false;
	*head = osp_ring_head(&ring);
	filled = *head > osp_ring_tail(&ring);
	osp_ring_unmap(&ring);
	return filled;
}

/* Has the ring been emptied up to the marked head, or removed, or started anew? */
static bool
is_emptied(int dir_fd, const ring_mark *mark)
{
	osp_ring ring;
	bool emptied;

	if (osp_ring_map(&ring, dir_fd, mark->name, NULL) != OSP_OK)
		return true;
	emptied =
		osp_ring_tail(&ring) >= mark->head || osp_ring_head(&ring) < mark->head;
	osp_ring_unmap(&ring);
	return emptied;
}

static bool
is_fresh(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		   time(NULL) - st.st_mtime < FRESH_S;
}

static void
mark_rings(dir_mark *mark, int dir_fd)
{
	DIR *dir = osp__directory_of(dup(dir_fd));
	const struct dirent *entry;
	uint64_t head;

	if (dir == NULL)
		return;
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
	{
		ring_mark *rings;

		if (strlen(entry->d_name) >= sizeof(rings->name) ||
			!is_filled(dir_fd, entry->d_name, &head))
			continue;
		rings = realloc(mark->rings, (mark->count + 1) * sizeof(*rings));
		if (rings == NULL)
			break;
		mark->rings = rings;
		memcpy(
			rings[mark->count].name, entry->d_name, strlen(entry->d_name) + 1);
		rings[mark->count++].head = head;
		mark->fresh = mark->fresh || is_fresh(dir_fd, entry->d_name);
	}
	(void) closedir(dir);
}

/* Returns how many points wait in the spool. *shipper: is a shipper at work there? */
static uint64_t
read_spool(int dir_fd, bool *shipper)
{
	osp_runstat *stat;
	uint64_t points;

	*shipper = false;
	if (osp_runstat_map(dir_fd, &stat, NULL) != OSP_OK)
		return 0;
	points = __atomic_load_n(&stat->spool_points, __ATOMIC_RELAXED);
	*shipper = osp_shipper_alive(dir_fd);
	osp_runstat_unmap(stat);
	return points;
}

cli_mark *
cli_mark_take(const cli_run_dirs *dirs)
{
	cli_mark *mark = calloc(1, sizeof(*mark));
	size_t i;

	for (i = 0; mark != NULL && i < dirs->count; i++)
	{
		dir_mark *dir = &mark->dirs[mark->count];
		bool shipper;
		int fd;

		if (osp_rundir_open(dirs->paths[i], false, &fd, NULL) != OSP_OK)
			continue;
		dir->path = dirs->paths[i];
		mark_rings(dir, fd);
		if (dir->count > 0 || read_spool(fd, &shipper) > 0)
			mark->count++;
		(void) close(fd);
	}
	if (mark != NULL && mark->count > 0)
		return mark;
	cli_mark_free(mark);
	return NULL;
}

void
cli_mark_free(cli_mark *mark)
{
	size_t i;

	for (i = 0; mark != NULL && i < mark->count; i++)
		free(mark->dirs[i].rings);
	free(mark);
}

/*
 * Has everything in the directory been delivered? *shipper: is a shipper at
 * work there?
 */
static bool
is_delivered(const dir_mark *mark, bool *shipper)
{
	bool delivered = true;
	size_t i;
	int fd;

	*shipper = false;
	if (osp_rundir_open(mark->path, false, &fd, NULL) != OSP_OK)
		return true;
	for (i = 0; i < mark->count && delivered; i++)
		delivered = is_emptied(fd, &mark->rings[i]);
	delivered = read_spool(fd, shipper) == 0 && delivered;
	(void) close(fd);
	return delivered;
}

static bool
is_cluster(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash, CLUSTER_PREFIX, strlen(CLUSTER_PREFIX)) == 0;
}

/*
 * Returns a directory that still holds points, preferably one with a shipper,
 * or NULL. *may_wait_ms is how long it makes sense to wait for all directories.
 */
static const dir_mark *
find_waiting(const cli_mark *mark, unsigned *may_wait_ms)
{
	const dir_mark *waiting = NULL;
	size_t i;

	*may_wait_ms = 0;
	for (i = 0; i < mark->count; i++)
	{
		const dir_mark *dir = &mark->dirs[i];
		bool shipper;

		if (is_delivered(dir, &shipper))
			continue;
		if (waiting == NULL || shipper)
			waiting = dir;
		if (shipper)
			*may_wait_ms = UINT_MAX;
		else if (*may_wait_ms == 0 && dir->fresh && is_cluster(dir->path))
			*may_wait_ms = SHIPPER_START_MS;
	}
	return waiting;
}

static bool
has_shipper(const char *path)
{
	bool alive;
	int fd;

	if (osp_rundir_open(path, false, &fd, NULL) != OSP_OK)
		return false;
	alive = osp_shipper_alive(fd);
	(void) close(fd);
	return alive;
}

const char *
cli_mark_next_trace(const cli_mark *mark, const osp_id *base_id, size_t *next,
					uint64_t *points)
{
	while (*next < mark->count)
	{
		const char *path = mark->dirs[(*next)++].path;

		if (has_shipper(path))
			continue;
		*points = cli_waiting_points(path, base_id);
		if (*points > 0)
			return path;
	}
	return NULL;
}

bool
cli_mark_is_moving(const cli_mark *mark)
{
	unsigned may_wait_ms;

	return find_waiting(mark, &may_wait_ms) != NULL && may_wait_ms > 0;
}

bool
cli_mark_wait(const cli_mark *mark, unsigned wait_ms)
{
	unsigned waited = 0;
	unsigned may_wait_ms;

	while (find_waiting(mark, &may_wait_ms) != NULL)
	{
		if (waited >= wait_ms || waited >= may_wait_ms)
			return false;
		(void) usleep(LOOK_MS * 1000);
		waited += LOOK_MS;
	}
	return true;
}

void
cli_mark_describe(const cli_mark *mark, char *out, size_t size)
{
	unsigned may_wait_ms;
	const dir_mark *dir = find_waiting(mark, &may_wait_ms);
	osp_run_totals totals;
	osp_buf advice;
	int fd;

	out[0] = '\0';
	if (dir == NULL || osp_rundir_open(dir->path, false, &fd, NULL) != OSP_OK)
		return;
	if (osp_run_totals_read(fd, &totals, NULL) != OSP_OK)
		memset(&totals, 0, sizeof(totals));
	(void) close(fd);
	if (!totals.shipper_alive)
	{
		osp_buf_init(&advice, &osp_allocator_default, 2 * OSP_RUNDIR_PATH_MAX);
		cli_add_shipper_advice(&advice, dir->path);
		(void) snprintf(out,
						size,
						"points wait in %s, where no shipper is at work (%s)",
						dir->path,
						osp_buf_status(&advice) == OSP_OK ? advice.ptr
														  : "out of memory");
		osp_buf_term(&advice);
	}
	else if (totals.stat.spool_points > 0)
		(void) snprintf(out,
						size,
						"%llu point%s in the spool of %s: %s",
						(unsigned long long) totals.stat.spool_points,
						totals.stat.spool_points == 1 ? " waits" : "s wait",
						dir->path,
						totals.stat.last_error);
	else
		(void) snprintf(out, size, "points still wait in %s", dir->path);
}
