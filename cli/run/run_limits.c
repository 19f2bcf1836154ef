/* SPDX-License-Identifier: Apache-2.0
 *
 * run_limits.c
 *	  Do the limits of this process (ulimit) leave room for tracing?
 *
 * Tracing takes descriptors and processes beside the command, and address space
 * and stack inside it. Under a limit that is nearly reached the command would
 * fail because of that, so it is run untraced. Limits of file sizes are not
 * checked here: they hold for each file, and tracing writes to no file of the
 * command.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The room that must be left. `osprofiler run` needs less than half of it. */
#define DESCRIPTORS  32
#define TASKS        16
#define MEMORY_BYTES ((rlim_t) 256 * 1024 * 1024)
#define STACK_BYTES  ((rlim_t) 256 * 1024)

/* Processes are counted only if their limit is below this one. It is usually higher. */
#define TASKS_COUNTED 16384

static bool
has_descriptors(void)
{
	int fds[DESCRIPTORS];
	int count = 0;
	bool enough;

	while (count < DESCRIPTORS)
	{
		fds[count] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
		if (fds[count] < 0)
			break;
		count++;
	}
	enough = count == DESCRIPTORS || errno != EMFILE;
	while (count > 0)
		(void) close(fds[--count]);
	return enough;
}

/* Counts the threads of the user of this process. */
static rlim_t
count_tasks(void)
{
	const struct dirent *entry;
	DIR *proc = opendir("/proc");
	rlim_t count = 0;

	if (proc == NULL)
		return 0;
	while ((entry = readdir(proc)) != NULL)
	{
		char path[64];
		struct stat st;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
			snprintf(path, sizeof(path), "/proc/%.20s/task", entry->d_name) <
				0 ||
			stat(path, &st) != 0 || st.st_uid != getuid())
			continue;

		/* Beside "." and ".." there is a directory for each thread. */
		count += st.st_nlink > 2 ? st.st_nlink - 2 : 1;
	}
	(void) closedir(proc);
	return count;
}

static bool
has_tasks(void)
{
	struct rlimit limit;

	/* The kernel does not limit the number of the superuser's processes. */
	if (getuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) != 0 ||
		limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > TASKS_COUNTED)
		return true;
	return limit.rlim_cur >= count_tasks() + TASKS;
}

static bool
has_memory(void)
{
	static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};
	struct rlimit limit;
	size_t i;

	for (i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (getrlimit(resources[i], &limit) == 0 &&
			limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < MEMORY_BYTES)
			return false;
	return true;
}

static bool
has_stack(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_STACK, &limit) != 0 ||
		   limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= STACK_BYTES;
}

osp_status
run_limits_check(osp_error *err)
{
	if (!has_stack())
		return osp_error_set(
			err,
			OSP_EFULL,
			"the limit of the stack (ulimit -s) is lower than %llu kB",
			(unsigned long long) (STACK_BYTES >> 10));
	if (!has_descriptors())
		return osp_error_set(err,
							 OSP_EFULL,
							 "the limit of open files (ulimit -n) leaves fewer "
							 "than %d",
							 DESCRIPTORS);
	if (!has_tasks())
		return osp_error_set(err,
							 OSP_EFULL,
							 "the limit of processes (ulimit -u) leaves fewer "
							 "than %d",
							 TASKS);
	if (!has_memory())
		return osp_error_set(
			err,
			OSP_EFULL,
			"the limit of memory (ulimit -v or -d) is lower than %llu MB",
			(unsigned long long) (MEMORY_BYTES >> 20));
	return OSP_OK;
}
