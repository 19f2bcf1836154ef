/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h
 *	  The monotonic clock, and a quick way to read it.
 *
 * Tracing a short statement means reading the clock twice. If Linux itself keeps time
 * by the processor's counter (TSC, its clocksource "tsc"), an osp_clock is set by
 * CLOCK_MONOTONIC about once a millisecond, and reads the counter in between; that
 * takes half as long. It is set so often in order to limit errors of the counter: a
 * time is off by some 10 ns, rarely by 200, and never by more than that millisecond,
 * even if the machine is paused, moved, or its clock slewed. Everywhere else, every
 * reading is one of CLOCK_MONOTONIC.
 *
 * One osp_clock never goes back. Two of them, or one and osp_mono_now, differ by these
 * errors. So the points of one thread, which lie in each other, take their times from
 * one clock.
 */
#ifndef OSP_CLOCK_H
#define OSP_CLOCK_H

#include "base/shared.h"
#include "osprofiler/base.h"

#include <time.h>

/* The time by CLOCK_MONOTONIC in ns. */
static inline int64_t
osp_mono_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Bits of scale after the binary point. */
#define OSP_CLOCK_SHIFT 32

/* A clock begins as all zeroes. It belongs to one thread, but not to its signal
 * handlers; a child process continues with a copy. */
typedef struct osp_clock
{
	uint64_t ticks; /* the counter when the clock was set */
	int64_t ns;     /* the time when it was set */
	uint64_t limit; /* ticks until it must be set again; 0: now */
	uint64_t scale; /* ns of a tick */

	/* The last measurement of scale; since_ns is 0 before the first. */
	uint64_t since_ticks;
	int64_t since_ns;
	uint64_t shortest; /* the fewest ticks that reading the time took */
	bool known;        /* two measurements of scale agreed */
} osp_clock;

/*
 * Finds out, once in a process, whether the counter can be trusted; until then it is
 * not used. Reads a file of Linux, so it is called where files are opened anyway, in
 * osp_producer_open. Several threads may call it at once.
 */
void osp__clock_find(void);

/* Sets the clock, and returns the time. */
OSP_SHARED int64_t osp__clock_set(osp_clock *clock);

/*
 * Sets the clock from a reading of the time, with the counter before and after
 * it. Returns the clock's time.
 */
int64_t osp__clock_sample(osp_clock *clock, uint64_t before, int64_t now,
						  uint64_t after);

/* The time in ns: CLOCK_MONOTONIC, or the clock's value for it. */
static inline int64_t
osp_clock_now(osp_clock *clock)
{
#if defined(__x86_64__)
	/* A counter that cannot be trusted is not read at all: that may be slow, too. */
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
