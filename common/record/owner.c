/* SPDX-License-Identifier: Apache-2.0
 *
 * owner.c
 *	  Identifies a process by one word with its pid and start time, and by the
 *	  namespaces in which they are valid.
 */
#include "record/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fork.h"

#define START_BITS 42
#define START_MASK ((UINT64_C(1) << START_BITS) - 1)

/*
 * Start time of a process in clock ticks since boot: the twenty-second field
 * of /proc/PID/stat. 0 if there is no such process, or no /proc.
 */
static uint64_t
process_start(const char *process)
{
	char path[64];
	char text[1024];
	const char *field;
	ssize_t len;
	int fd;
	int skip;

	(void) snprintf(path, sizeof(path), "/proc/%s/stat", process);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	(void) close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';

	/* The second field, the name, may hold anything; it ends with ')'. */
	field = strrchr(text, ')');
	for (skip = 2; field != NULL && skip < 22; skip++)
		field = strchr(field + 1, ' ');
	return field != NULL ? strtoull(field + 1, NULL, 10) & START_MASK : 0;
}

/* Is /proc that of this process's PID namespace? */
static bool
proc_is_ours(void)
{
	char text[32];
	ssize_t len = readlink("/proc/self", text, sizeof(text) - 1);

	if (len <= 0)
		return false;
	text[len] = '\0';
	return strtol(text, NULL, 10) == (long) getpid();
}

static uint64_t
find_space(void)
{
	struct stat st;
	uint64_t space;

	if (!proc_is_ours() || stat("/proc/self/ns/pid", &st) != 0)
		return 0;
	space = (uint64_t) st.st_ino;

	/* Start times depend on the time namespace of the reader. */
	if (stat("/proc/self/ns/time", &st) == 0)
		space ^= (uint64_t) st.st_ino << 32;
	return space;
}

/* What a process knows about itself, found out once; a child finds it out anew. */
static uint64_t self = 0;
static uint64_t self_space = 0;
static uint64_t self_generation = 0;

static void
find_self(void)
{
	uint64_t generation = osp__generation();
	int saved = errno;
	long pid;

	if (OSP_LIKELY(__atomic_load_n(&self_generation, __ATOMIC_ACQUIRE) ==
				   generation))
		return;

	/* If several threads come here together, they store the same value. */
	pid = (long) getpid();
	__atomic_store_n(&self,
					 (uint64_t) pid << START_BITS | process_start("self"),
					 __ATOMIC_RELAXED);
	__atomic_store_n(&self_space, find_space(), __ATOMIC_RELAXED);
	__atomic_store_n(&self_generation, generation, __ATOMIC_RELEASE);
	errno = saved;
}

uint64_t
osp_owner_self(void)
{
	find_self();
	return __atomic_load_n(&self, __ATOMIC_RELAXED);
}

uint64_t
osp_owner_space(void)
{
	find_self();
	return __atomic_load_n(&self_space, __ATOMIC_RELAXED);
}

long
osp_owner_pid(uint64_t owner)
{
	return (long) (owner >> START_BITS);
}

int64_t
osp_owner_start_ns(uint64_t owner)
{
	long ticks_per_s = sysconf(_SC_CLK_TCK);

	if (ticks_per_s <= 0)
		return 0;
	return (int64_t) (owner & START_MASK) * (1000000000 / ticks_per_s);
}

bool
osp_owner_alive(uint64_t owner)
{
	int saved = errno;
	long pid = osp_owner_pid(owner);
	uint64_t start = owner & START_MASK;
	char process[24];
	bool alive = pid != 0 && (kill((pid_t) pid, 0) == 0 || errno == EPERM);

	/* The pid may belong to another process by now, so compare its start time. */
	if (alive && start != 0)
	{
		uint64_t found;

		(void) snprintf(process, sizeof(process), "%ld", pid);
		found = process_start(process);
		alive = found == 0 || found == start;
	}
	errno = saved;
	return alive;
}
