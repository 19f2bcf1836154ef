/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_usage.c
 *	  The CPU time of slow statements, and how often the backend was put off a CPU.
 *
 * The kernel counts both for the whole process, and asking it is a system call. So
 * statements do not ask when they begin. The timer that samples waits asks at its
 * first look at a statement that has run for a millisecond, and the statement asks
 * at its end. What is recorded is the difference, and how long the time between both
 * was: of a long statement nearly all.
 */
#include "pgosp.h"

#include <sys/resource.h>

#define CPU_MIN_NS INT64CONST(10000000)

/* Set by the timer's function, once for each statement at the top. */
static struct rusage noted;
static volatile int64 noted_ns = 0;

bool
pgosp_cpu_note(int64 began_ns, int64 now_ns)
{
	if (noted_ns >= began_ns || getrusage(RUSAGE_SELF, &noted) != 0)
		return false;
	noted_ns = now_ns;
	return true;
}

static double
ms_between(const struct timeval *from, const struct timeval *to)
{
	return (double) (to->tv_sec - from->tv_sec) * 1000.0 +
		   (double) (to->tv_usec - from->tv_usec) / 1000.0;
}

void
pgosp_put_cpu(osp_writer *w, const pgospPoint *point)
{
	struct rusage now;
	int64 now_ns = pgosp_now();

	/* What was paused had others' work in between. */
	if (point->top != point || point->idle_ns != 0 ||
		point->paused_ns >= PGOSP_PAUSE_MIN_NS ||
		now_ns - point->start_ns < CPU_MIN_NS || noted_ns < point->start_ns ||
		getrusage(RUSAGE_SELF, &now) != 0)
		return;
	osp_put_object(w, OSP_STR("cpu"));
	osp_put_f64(
		w, OSP_STR("user_ms"), ms_between(&noted.ru_utime, &now.ru_utime));
	osp_put_f64(
		w, OSP_STR("system_ms"), ms_between(&noted.ru_stime, &now.ru_stime));
	osp_put_f64(w, OSP_STR("of_ms"), (double) (now_ns - noted_ns) / 1e6);
	osp_put_i64(w,
				OSP_STR("voluntary_switches"),
				(int64) (now.ru_nvcsw - noted.ru_nvcsw));
	osp_put_i64(w,
				OSP_STR("involuntary_switches"),
				(int64) (now.ru_nivcsw - noted.ru_nivcsw));
	if (now.ru_majflt > noted.ru_majflt)
		osp_put_i64(w,
					OSP_STR("major_faults"),
					(int64) (now.ru_majflt - noted.ru_majflt));
	osp_put_end(w);
}
