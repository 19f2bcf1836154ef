/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_usage.c
 *	  The CPU time of slow statements, and how often the backend lost a CPU.
 *
 * The kernel counts both for the whole process, and asking it is a system call. So
 * statements do not ask when they begin. The background worker asks when it first sees
 * that a statement has run for some milliseconds (worker/cpu_note.c), and the statement
 * asks at its end. The difference is recorded, together with the time between the two,
 * which is nearly all of a long statement.
 */
#include "pgosp.h"

#include <sys/resource.h>

#define CPU_MIN_NS INT64CONST(10000000)

/* Has the worker noted the CPU time of the statement that began at this time? */
static bool
was_noted(int64 start_ns)
{
	bool noted = *(volatile int64 *) &pgosp_slot.cpu.at_ns >= start_ns;

	pg_read_barrier();
	return noted;
}

static int64
ns_of(const struct timeval *time)
{
	return time->tv_sec * INT64CONST(1000000000) +
		   time->tv_usec * INT64CONST(1000);
}

static void
put_times(osp_writer *w, const struct rusage *now)
{
	const pgospCpu *then = &pgosp_slot.cpu;
	int64 user_ns = ns_of(&now->ru_utime);
	int64 total_ns = user_ns + ns_of(&now->ru_stime) - then->total_ns;

	total_ns = Max(total_ns, 0);
	user_ns = Min(Max(user_ns - then->user_ns, 0), total_ns);
	osp_put_f64(w, OSP_STR("user_ms"), (double) user_ns / 1e6);
	osp_put_f64(w, OSP_STR("system_ms"), (double) (total_ns - user_ns) / 1e6);
}

void
pgosp_put_cpu(osp_writer *w, const pgospPoint *point)
{
	const pgospCpu *then = &pgosp_slot.cpu;
	int64 now_ns = pgosp_now();
	struct rusage now;

	/* While a statement was paused, the process worked for others. */
	if (point->top != point || point->idle_ns != 0 ||
		point->paused_ns >= PGOSP_PAUSE_MIN_NS ||
		now_ns - point->start_ns < CPU_MIN_NS || !was_noted(point->start_ns) ||
		getrusage(RUSAGE_SELF, &now) != 0)
		return;
	osp_put_object(w, OSP_STR("cpu"));
	put_times(w, &now);
	osp_put_f64(w, OSP_STR("of_ms"), (double) (now_ns - then->at_ns) / 1e6);
	osp_put_i64(w,
				OSP_STR("voluntary_switches"),
				(int64) now.ru_nvcsw - then->voluntary_switches);
	osp_put_i64(w,
				OSP_STR("involuntary_switches"),
				(int64) now.ru_nivcsw - then->involuntary_switches);
	if (now.ru_majflt > then->major_faults)
		osp_put_i64(w,
					OSP_STR("major_faults"),
					(int64) now.ru_majflt - then->major_faults);
	osp_put_end(w);
}
