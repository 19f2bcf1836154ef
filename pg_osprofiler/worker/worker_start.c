/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_start.c
 *	  Makes sure, from a backend, that the points are shipped.
 *
 * A session that traces starts the background worker of worker.c if there is
 * neither a shipper nor a worker; a lock on a file of the run directory shows
 * whether there is a worker. The session checks that at its first point, and
 * then every few seconds, but only while the status file says that there is no
 * shipper.
 *
 * Points that were left by an earlier server, or by a worker that was ended, must not
 * wait for a traced statement. So whoever loads the library checks whether any are
 * there: a session, or the server itself. That takes two calls of the system where
 * nothing is traced, and some more where a worker is at work.
 */
#include "pgosp.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"

#include "ship/spool.h"

#define RETRY_NS (INT64CONST(3) * 1000000000)

pgosp_hot_data bool pgosp_worker_looked = false;

/* A worker was needed, but could not be registered while an error was reported; or there
 * was one without a shipper, which may have been about to end. */
static bool wanted_later = false;
static int64 next_look_ns = 0;
static bool no_slot_told = false;

int
pgosp_worker_lock(const char *rundir, bool keep)
{
	char path[OSP_RUNDIR_PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/worker", rundir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	if (flock(fd, (keep ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
		return fd;
	(void) close(fd);
	return -1;
}

static bool
have_worker(const char *rundir)
{
	int fd = pgosp_worker_lock(rundir, false);

	if (fd >= 0)
		(void) close(fd);
	return fd < 0;
}

void
pgosp_library_path(char *out, size_t size)
{
	Dl_info info;

	if (dladdr((const void *) (uintptr_t) pgosp_worker_main, &info) == 0 ||
		info.dli_fname == NULL || strlcpy(out, info.dli_fname, size) >= size)
		strlcpy(out, "osprofiler", size);
}

bool
pgosp_worker_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = 5;
	pgosp_library_path(worker.bgw_library_name,
					   sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name,
			"pgosp_worker_main",
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "osprofiler shipper", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "osprofiler shipper", sizeof(worker.bgw_type));

	/* If the library was removed while sessions use it, there is no worker: the server
	 * would try to start it again and again. */
	if (worker.bgw_library_name[0] == '/' &&
		access(worker.bgw_library_name, R_OK) != 0)
		return true;
	if (IsUnderPostmaster)
		return RegisterDynamicBackgroundWorker(&worker, NULL);
	RegisterBackgroundWorker(&worker);
	return true;
}

static void
start_worker(void)
{
	static const char trouble[] =
		"osprofiler: no background worker slot is free, points wait in the "
		"rings";
	uint64 sessions;

	if (pgosp_worker_register() || no_slot_told)
		return;
	no_slot_told = true;
	sessions = pgosp_line_add(PGOSP_LINE_NO_WORKER, trouble);
	if (sessions > 0)
		pgosp_log(errmsg("%s", trouble),
				  pgosp_line_detail(sessions),
				  errhint("You might need to increase max_worker_processes."));
}

static bool
have_shipper(const char *rundir)
{
	int dir_fd;
	bool alive;

	if (osp_rundir_open(rundir, false, &dir_fd, NULL) != OSP_OK)
		return false;
	alive = osp_shipper_alive(dir_fd);
	(void) close(dir_fd);
	return alive;
}

static void
look(const osp_producer *producer)
{
	int saved = errno;

	if (!have_shipper(producer->path))
	{
		wanted_later = have_worker(producer->path);
		if (!wanted_later)
			start_worker();
	}
	errno = saved;
}

void
pgosp_worker_look(const osp_producer *producer)
{
	int64 now;

	if (!IsUnderPostmaster)
		return;
	now = osp_mono_now();
	if (now < next_look_ns)
		return;
	if (pgosp_reporting)
	{
		wanted_later = true;
		return;
	}
	pgosp_worker_looked = true;
	wanted_later = false;
	next_look_ns = now + RETRY_NS;
	look(producer);
}

void
pgosp_worker_session_ends(void)
{
	const osp_producer *producer = pgosp_producer_if_open();

	if (wanted_later && producer != NULL)
		look(producer);
}

/* ---- points that wait without a session that traces ---- */

static bool
spool_has_points(void)
{
	struct stat st;

	return stat(PGOSP_STORE_DIRECTORY "/spool", &st) == 0 &&
		   st.st_size > OSP_SPOOL_EMPTY_SIZE;
}

/* Has the run directory a ring, or losses that were not reported? */
static bool
directory_has_points(const char *rundir)
{
	DIR *dir = opendir(rundir);
	const struct dirent *entry;
	bool found = false;

	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL)
		found = strncmp(entry->d_name, "ring.", 5) == 0 ||
				strcmp(entry->d_name, "losses") == 0;
	(void) closedir(dir);
	return found;
}

/* Do points wait, and neither a worker nor a shipper is there? */
static bool
points_are_left(void)
{
	char path[OSP_RUNDIR_PATH_MAX];
	bool spooled = spool_has_points();

	if (pgosp_rundir(path, NULL) != OSP_OK)
		return false;
	if (access(path, F_OK) != 0)
		return spooled;
	return !have_worker(path) && (spooled || directory_has_points(path)) &&
		   !have_shipper(path);
}

void
pgosp_worker_deliver_left(void)
{
	int saved = errno;

	if (IsPostmasterEnvironment && !IsBinaryUpgrade &&
		(IsUnderPostmaster ? MyBackendType == B_BACKEND
						   : process_shared_preload_libraries_in_progress) &&
		points_are_left() &&
		pgosp_line_add(PGOSP_LINE_LEFT_POINTS, "points are left") > 0)
		(void) pgosp_worker_register();
	errno = saved;
}
