/* SPDX-License-Identifier: Apache-2.0
 *
 * owner.c
 *	  A process in one word: pid and start time.
 */
#include "osprofiler/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fork.h"

#define START_BITS 42
#define START_MASK ((UINT64_C(1) << START_BITS) - 1)

/*
 * Start time of a process in clock ticks since boot: the twenty-second field
 * of /proc/PID/stat. 0 if there is no such process, or no /proc.
 */
static uint64_t
process_start(long pid)
{
	char path[64];
	char text[1024];
	const char *field;
	ssize_t len;
	int fd;
	int skip;

	(void) snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
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

uint64_t
osp_owner_self(void)
{
	static uint64_t self = 0;
	static uint64_t self_generation = 0;
	uint64_t generation = osp__generation();
	uint64_t owner = __atomic_load_n(&self, __ATOMIC_RELAXED);

	/* Threads that come here together store the same. */
	if (owner == 0 ||
		__atomic_load_n(&self_generation, __ATOMIC_ACQUIRE) != generation)
	{
		long pid = (long) getpid();

		owner = (uint64_t) pid << START_BITS | process_start(pid);
		__atomic_store_n(&self, owner, __ATOMIC_RELAXED);
		__atomic_store_n(&self_generation, generation, __ATOMIC_RELEASE);
	}
	return owner;
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
	bool alive = pid != 0 && (kill((pid_t) pid, 0) == 0 || errno == EPERM);

	/* The pid may belong to another process by now. */
	if (alive && start != 0)
	{
		uint64_t found = process_start(pid);

		alive = found == 0 || found == start;
	}
	errno = saved;
	return alive;
}
