/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c
 *	  Sets a clock that uses the processor's counter.
 *
 * The length of a tick is measured again and again, between two settings of the clock
 * at least 10 ms apart. A measurement is used only if the one before it had the same
 * result: after a pause of the machine, for example, the clock is not used until two
 * agree again.
 */
#include "record/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* How long a clock runs before it must be set again, and the shortest time over which a
 * tick is measured. */
#define WINDOW_NS  UINT64_C(1000000)
#define MEASURE_NS 10000000

/* A measured tick beyond 16 ns or below 1/256 ns is wrong. */
#define SCALE_MIN ((double) (UINT64_C(1) << (OSP_CLOCK_SHIFT - 8)))
#define SCALE_MAX ((double) (UINT64_C(1) << (OSP_CLOCK_SHIFT + 4)))

/* Measurements agree if they differ by 1/1024 at most: Linux slews its clock by up to
 * 1/2000. */
#define MEASURES_DIFFER 1024

/* Ticks that reading the time may take beyond twice the shortest reading. If it took
 * more, something else has run in between. */
#define READ_SLACK 1024

static const char clocksource_path[] =
	"/sys/devices/system/clocksource/clocksource0/current_clocksource";

static bool
read_clocksource(void)
{
	int saved = errno;
	char name[8] = "";
	int fd = open(clocksource_path, O_RDONLY | O_CLOEXEC);
	ssize_t len = 0;

	if (fd >= 0)
	{
		len = read(fd, name, sizeof(name));
		(void) close(fd);
	}
	errno = saved;
	return len == 4 && memcmp(name, "tsc\n", 4) == 0;
}

/* Does Linux itself trust the counter? */
static enum
{
	UNKNOWN,
	DISTRUSTED,
	TRUSTED
} counter = UNKNOWN;

void
osp__clock_find(void)
{
	if (__atomic_load_n(&counter, __ATOMIC_RELAXED) == UNKNOWN)
		__atomic_store_n(&counter,
						 read_clocksource() ? TRUSTED : DISTRUSTED,
						 __ATOMIC_RELAXED);
}

/* The latest time that the clock can have returned in these ticks since it was set. */
static int64_t
latest_of(const osp_clock *clock, int64_t ticks)
{
	if (ticks <= 0)
		return clock->ns;
	return clock->ns +
		   (int64_t) (((uint64_t) ticks < clock->limit ? (uint64_t) ticks
													   : clock->limit) *
						  clock->scale >>
					  OSP_CLOCK_SHIFT);
}

static bool
do_agree(uint64_t scale, uint64_t other)
{
	uint64_t differ = scale > other ? scale - other : other - scale;

	return differ <= scale / MEASURES_DIFFER;
}

/* Measures the length of a tick if the last measurement is old enough. */
static void
measure(osp_clock *clock, uint64_t ticks, int64_t now)
{
	int64_t elapsed = now - clock->since_ns;
	double scale = 0;

	if (clock->since_ns != 0 && elapsed < MEASURE_NS)
		return;
	if (clock->since_ns != 0 && ticks > clock->since_ticks)
		scale = (double) elapsed / (double) (ticks - clock->since_ticks) *
				(double) (UINT64_C(1) << OSP_CLOCK_SHIFT);
	if (!(scale > SCALE_MIN && scale < SCALE_MAX))
		scale = 0;
	clock->known = scale > 0 && do_agree((uint64_t) scale, clock->scale);
	clock->scale = (uint64_t) scale;
	clock->since_ticks = ticks;
	clock->since_ns = now;
}

int64_t
osp__clock_sample(osp_clock *clock, uint64_t before, int64_t now,
				  uint64_t after)
{
	int64_t latest = latest_of(clock, (int64_t) (before - clock->ticks));
	uint64_t took = after - before;

	clock->ticks = before + took / 2;
	clock->ns = now > latest ? now : latest;
	clock->limit = 0;
	if (clock->shortest == 0 || took < clock->shortest)
		clock->shortest = took;
	if (took <= 2 * clock->shortest + READ_SLACK)
	{
		measure(clock, clock->ticks, now);
		if (clock->known)
			clock->limit = (WINDOW_NS << OSP_CLOCK_SHIFT) / clock->scale;
	}
	return clock->ns;
}

#if defined(__x86_64__)
int64_t
osp__clock_set(osp_clock *clock)
{
	uint64_t before;
	int64_t now;

	if (__atomic_load_n(&counter, __ATOMIC_RELAXED) != TRUSTED)
		return osp_mono_now();
	before = __builtin_ia32_rdtsc();
	now = osp_mono_now();
	return osp__clock_sample(clock, before, now, __builtin_ia32_rdtsc());
}
#else
int64_t
osp__clock_set(osp_clock *clock)
{
	(void) clock;
	return osp_mono_now();
}
#endif
