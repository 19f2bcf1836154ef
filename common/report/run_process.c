/* SPDX-License-Identifier: Apache-2.0
 *
 * run_process.c
 *	  Finds out from the rings of a run directory whether the process that began
 *	  an operation is still tracing.
 */
#include "osprofiler/report.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/directory.h"
#include "record/ring.h"
#include "record/rundir.h"

#define NS_PER_S INT64_C(1000000000)

static bool
is_this_host(osp_str host)
{
	char name[256];

	if (gethostname(name, sizeof(name)) != 0)
		return false;
	name[sizeof(name) - 1] = '\0';
	return osp_str_eq(host, osp_str_of(name));
}

static int64_t
now_ns(clockid_t clock)
{
	struct timespec now;

	(void) clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec;
}

/*
 * Had the process begun when the operation began? If not, its pid belonged to
 * another process, which is gone. A second is allowed for clocks that were set
 * meanwhile.
 */
static bool
is_old_enough(uint64_t owner, int64_t since_ns)
{
	int64_t up_ns = now_ns(CLOCK_BOOTTIME);
	int64_t begun_ns = osp_owner_start_ns(owner);

	return now_ns(CLOCK_REALTIME) - (up_ns - begun_ns) <= since_ns + NS_PER_S;
}

/* If the ring belongs to the process, returns the state that the ring shows; else
 * unknown. */
static osp_process_state
ask_ring(int dir_fd, const char *name, int64_t pid, int64_t since_ns)
{
	osp_process_state state = OSP_PROCESS_UNKNOWN;
	osp_ring ring;
	uint64_t owner;

	if (osp_ring_map(&ring, dir_fd, name, NULL) != OSP_OK)
		return state;
	owner = __atomic_load_n(&ring.header->owner, __ATOMIC_RELAXED);
	if (owner != 0 && osp_owner_pid(owner) == pid && osp_owner_alive(owner) &&
		is_old_enough(owner, since_ns))
		state = __atomic_load_n(&ring.header->dropped, __ATOMIC_RELAXED) == 0
					? OSP_PROCESS_WORKS
					: OSP_PROCESS_LOSSY;
	osp_ring_unmap(&ring);
	return state;
}

osp_process_state
osp_run_process_state(void *path, osp_str host, int64_t pid, int64_t since_ns)
{
	osp_process_state state = OSP_PROCESS_UNKNOWN;
	const struct dirent *entry;
	int dir_fd;
	DIR *dir;

	if (!is_this_host(host) ||
		osp_rundir_open(path, false, &dir_fd, NULL) != OSP_OK)
		return state;
	dir = osp__directory_of(dir_fd);
	if (dir == NULL)
		return state;
	while (state == OSP_PROCESS_UNKNOWN && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "ring.", 5) == 0)
			state = ask_ring(dir_fd, entry->d_name, pid, since_ns);
	(void) closedir(dir);
	return state;
}
