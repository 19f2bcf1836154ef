/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h
 *	  The monotonic clock, and a quick way to read it.
 *
 * To trace a short statement is to read the clock twice. Where Linux itself keeps
 * time by the processor's counter (TSC, its clocksource "tsc"), an osp_clock is
 * set by CLOCK_MONOTONIC about once a millisecond, and reads the counter between;
 * that takes half as long. It is set as often as that because then nothing that
 * happens to a counter matters much: what is read is off by some 10 ns, rarely by
 * 200, and never by more than that millisecond, though the machine be paused,
 * moved, or its clock slewed. Everywhere else it is CLOCK_MONOTONIC itself.
 *
 * One osp_clock never goes back. Two of them, or one and osp_mono_now, differ by
 * as much as it is off: points of one thread, which lie in each other, have their
 * times from one.
 */
#ifndef OSP_CLOCK_H
#define OSP_CLOCK_H

#include "base/shared.h"
#include "osprofiler/base.h"

#include <time.h>

/* CLOCK_MONOTONIC in ns. */
static inline int64_t
osp_mono_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Bits of scale behind the point. */
#define OSP_CLOCK_SHIFT 32

/* All zeroes at first. Of one thread, and not for its signal handlers; a child
 * process goes on with a copy. */
typedef struct osp_clock
{
	uint64_t ticks; /* of the counter when it was set */
	int64_t ns;     /* the time then */
	uint64_t limit; /* ticks that it goes on for; 0: it has to be set */
	uint64_t scale; /* ns of a tick */

	/* What scale is measured from; since_ns is 0 before the first. */
	uint64_t since_ticks;
	int64_t since_ns;
	uint64_t shortest; /* ticks that it took to read the time */
	bool known;        /* two measures of scale agreed */
} osp_clock;

/*
 * Finds out, once in a process, whether the counter is to be trusted; until then it
 * is not. Reads a file of Linux, so it is for when others are opened anyhow:
 * osp_producer_open does it. Threads may call it at once.
 */
void osp__clock_find(void);

/* Sets the clock, and returns the time. */
OSP_SHARED int64_t osp__clock_set(osp_clock *clock);

/*
 * The same from what was read: the counter before and after the time now, and
 * between. Returns what the clock tells.
 */
int64_t osp__clock_sample(osp_clock *clock, uint64_t before, int64_t now,
						  uint64_t after);

/* CLOCK_MONOTONIC in ns, as far as the clock knows. */
static inline int64_t
osp_clock_now(osp_clock *clock)
{
#if defined(__x86_64__)
	/* A counter that is not to be trusted may be slow to read, too. */
	if (OSP_LIKELY(clock->limit != 0))
	{
		uint64_t ticks = __builtin_ia32_rdtsc() - clock->ticks;

		if (OSP_LIKELY(ticks < clock->limit))
			return clock->ns +
				   (int64_t) (ticks * clock->scale >> OSP_CLOCK_SHIFT);
	}
#endif
	return osp__clock_set(clock);
}

#endif /* OSP_CLOCK_H */
