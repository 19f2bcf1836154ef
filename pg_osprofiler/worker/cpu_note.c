/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_note.c
 *	  The CPU time of a backend so far, and how often it gave up a CPU or lost it.
 *
 * A process can ask the kernel for the CPU time of another process of the same user.
 * The rest is read from /proc, whose times are in ticks of 10 ms: they only tell the
 * user part from the kernel's part of the CPU time.
 */
#include "wait_watch.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* Members of /proc/PID/stat, counted from the one after the program's name. */
#define STAT_MAJOR_FAULTS 9
#define STAT_USER_TICKS   11

/* Reads /proc/PID/name into text, terminated. */
static bool
read_proc(int pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	(void) close(fd);
	text[Max(len, 0)] = '\0';
	return len > 0;
}

static int64
number_after(const char *text, const char *label)
{
	const char *at = strstr(text, label);

	return at != NULL ? strtoll(at + strlen(label), NULL, 10) : 0;
}

static void
read_stat(pgospCpu *cpu, const char *text)
{
	const char *at = strrchr(text, ')');
	int i;

	for (i = 0; at != NULL && i <= STAT_USER_TICKS; i++)
	{
		at = strchr(at + 1, ' ');
		if (at != NULL && i == STAT_MAJOR_FAULTS)
			cpu->major_faults = strtoll(at, NULL, 10);
		if (at != NULL && i == STAT_USER_TICKS)
			cpu->user_ns = strtoll(at, NULL, 10) * INT64CONST(1000000000) /
						   sysconf(_SC_CLK_TCK);
	}
}

bool
pgosp_cpu_note(pgospSlot *slot, int pid)
{
	char text[4096];
	clockid_t clock;
	struct timespec total;
	pgospCpu cpu;

	memset(&cpu, 0, sizeof(cpu));
	if (!read_proc(pid, "stat", text, sizeof(text)))
		return false;
	read_stat(&cpu, text);
	if (!read_proc(pid, "status", text, sizeof(text)))
		return false;
	cpu.voluntary_switches = number_after(text, "\nvoluntary_ctxt_switches:");
	cpu.involuntary_switches =
		number_after(text, "\nnonvoluntary_ctxt_switches:");
	if (clock_getcpuclockid(pid, &clock) != 0 ||
		clock_gettime(clock, &total) != 0)
		return false;
	cpu.total_ns = total.tv_sec * INT64CONST(1000000000) + total.tv_nsec;
	slot->cpu = cpu;
	pg_write_barrier();
	*(volatile int64 *) &slot->cpu.at_ns = osp_mono_now();
	slot->seen++;
	return true;
}
