/* SPDX-License-Identifier: Apache-2.0
 *
 * test_clock.c
 *	  The clock that reads the processor's counter. It is compared with CLOCK_MONOTONIC.
 *	  Tests with a simulated counter try everything that may happen to a counter.
 */
#include "tap.h"

#include <stdio.h>
#include <string.h>

#include "record/producer.h"
#include "tempdir.h"

#define US     INT64_C(1000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/* The simulated counter has 14 ticks in 5 ns. */
#define TICKS(ns) ((uint64_t) (ns) / 5 * 14)

#define START_NS    (1000 * SECOND)
#define START_TICKS TICKS(77 * SECOND)

/* Sets the clock when the counter and the time have advanced by these amounts since the
 * start. */
static int64_t
set_at(osp_clock *clock, uint64_t ticks, int64_t ns)
{
	ticks += START_TICKS;
	return osp__clock_sample(clock, ticks - 30, START_NS + ns, ticks + 30);
}

/* How long the clock may be used before it must be set again, in ns. */
static int64_t
goes_on(const osp_clock *clock)
{
	return (int64_t) (clock->limit * clock->scale >> OSP_CLOCK_SHIFT);
}

static void
assert_used(const osp_clock *clock)
{
	assert_in_range(goes_on(clock), MS - 1000, MS);
}

/* Returns a clock that was set every millisecond, and so knows how long a tick is. */
static osp_clock
known_clock(int64_t *until)
{
	osp_clock clock;
	int64_t ns;

	memset(&clock, 0, sizeof(clock));
	for (ns = 0; ns <= 25 * MS; ns += MS)
		assert_int_equal(set_at(&clock, TICKS(ns), ns), START_NS + ns);
	assert_used(&clock);
	*until = ns;
	return clock;
}

static void
test_two_measures(void **state)
{
	osp_clock clock;
	int64_t ns;

	(void) state;
	memset(&clock, 0, sizeof(clock));
	for (ns = 0; ns < 20 * MS; ns += MS)
	{
		(void) set_at(&clock, TICKS(ns), ns);
		assert_int_equal(clock.limit, 0);
	}
	(void) set_at(&clock, TICKS(ns), ns);
	assert_used(&clock);
	assert_in_range(TICKS(SECOND) * clock.scale >> OSP_CLOCK_SHIFT,
					SECOND - 10,
					SECOND + 10);
}

static void
test_rarely_set(void **state)
{
	int64_t ns;
	osp_clock clock = known_clock(&ns);

	(void) state;
	ns += 86400 * SECOND;
	assert_int_equal(set_at(&clock, TICKS(ns), ns), START_NS + ns);
	assert_used(&clock);
}

/* The process was interrupted while the time was read, so it is unknown to which tick
 * the time belongs. */
static void
test_interrupted(void **state)
{
	int64_t ns;
	osp_clock clock = known_clock(&ns);
	uint64_t ticks = START_TICKS + TICKS(ns);

	(void) state;
	assert_int_equal(
		osp__clock_sample(&clock, ticks - 30, START_NS + ns, ticks + 5000),
		START_NS + ns);
	assert_int_equal(clock.limit, 0);
	ns += MS;
	assert_int_equal(set_at(&clock, TICKS(ns), ns), START_NS + ns);
	assert_used(&clock);
}

static void
test_slewed(void **state)
{
	int64_t ns;
	osp_clock clock = known_clock(&ns);
	int64_t until = ns + 30 * MS;
	uint64_t ticks = TICKS(ns);

	(void) state;
	for (; ns < until; ns += MS + MS / 2000, ticks += TICKS(MS))
	{
		assert_int_equal(set_at(&clock, ticks, ns), START_NS + ns);
		assert_used(&clock);
	}
}

/* The machine is paused while its counter continues, or is moved to a machine with
 * another counter. */
static void
assert_learns_again(uint64_t jump, int64_t pace)
{
	int64_t ns;
	osp_clock clock = known_clock(&ns);
	int64_t until = ns + 40 * MS;
	bool lost = false;

	for (; ns < until; ns += MS)
	{
		uint64_t ticks = TICKS(ns) * (uint64_t) pace / 100 + jump;

		assert_int_equal(set_at(&clock, ticks, ns), START_NS + ns);
		lost = lost || clock.limit == 0;
	}
	assert_true(lost);
	assert_used(&clock);
}

static void
test_jumps(void **state)
{
	(void) state;
	assert_learns_again(TICKS(SECOND), 100);
	assert_learns_again((uint64_t) 0 - TICKS(SECOND), 100);
	assert_learns_again((uint64_t) 0 - START_TICKS, 50);
	assert_learns_again(0, 150);
}

/* If the clock was too fast, it waits for the time; if it was too slow, it catches up. */
static void
test_never_back(void **state)
{
	int64_t ns;
	osp_clock clock = known_clock(&ns);
	int64_t set = ns - MS; /* when it was */

	(void) state;
	assert_in_range(set_at(&clock, TICKS(set + 500 * US), set + 499 * US),
					START_NS + set + 500 * US - 50,
					START_NS + set + 500 * US);
	assert_used(&clock);
	assert_int_equal(set_at(&clock, TICKS(set + 600 * US), set + 601 * US),
					 START_NS + set + 601 * US);

	/* It is not later than the last time that the clock would have shown before it had
	 * to be set. */
	assert_in_range(set_at(&clock, TICKS(set + 90 * MS), set + 700 * US),
					START_NS + set + 1600 * US,
					START_NS + set + 1602 * US);
}

/* If the counter has gone back, the time of CLOCK_MONOTONIC is used. */
static void
test_counter_back(void **state)
{
	int64_t ns;
	osp_clock clock = known_clock(&ns);

	(void) state;
	assert_int_equal(set_at(&clock, TICKS(ns - MS) - 1, ns), START_NS + ns);
}

/* No processor's counter has such a rate, so it is not used. */
static void
test_absurd(void **state)
{
	osp_clock clock;
	int64_t ns;

	(void) state;
	memset(&clock, 0, sizeof(clock));
	for (ns = 0; ns < 50 * MS; ns += MS)
	{
		assert_int_equal(set_at(&clock, (uint64_t) ns / 20, ns), START_NS + ns);
		assert_int_equal(clock.limit, 0);
	}
	memset(&clock, 0, sizeof(clock));
	for (ns = 0; ns < 50 * MS; ns += MS)
	{
		assert_int_equal(set_at(&clock, (uint64_t) ns * 300, ns),
						 START_NS + ns);
		assert_int_equal(clock.limit, 0);
	}
	memset(&clock, 0, sizeof(clock));
	for (ns = 0; ns < 50 * MS; ns += MS)
	{
		assert_int_equal(set_at(&clock, 0, ns), START_NS + ns);
		assert_int_equal(clock.limit, 0);
	}
}

static bool
counter_is_trusted(void)
{
#if defined(__x86_64__)
	char name[32] = "";
	FILE *file = fopen(
		"/sys/devices/system/clocksource/clocksource0/current_clocksource",
		"r");

	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) == NULL)
		name[0] = '\0';
	(void) fclose(file);
	return strcmp(name, "tsc\n") == 0;
#else
	return false;
#endif
}

/*
 * Uses the clock for 300 ms, and compares it with CLOCK_MONOTONIC, which is read
 * before and after it. The difference may be 1 us, or the time that reading
 * CLOCK_MONOTONIC takes if that is longer. Returns whether the clock used the
 * counter at the end.
 */
static bool
goes_with_the_time(void)
{
	int64_t start = osp_mono_now();
	int64_t last = 0;
	int64_t now = start;
	osp_clock clock;

	memset(&clock, 0, sizeof(clock));
	while (now - start < 300 * MS)
	{
		int64_t before = osp_mono_now();
		int64_t told = osp_clock_now(&clock);
		int64_t slack;

		now = osp_mono_now();
		slack = US + (now - before);
		assert_true(told >= last);
		assert_in_range(told, before - slack, now + slack);
		last = told;
	}
	return clock.known;
}

/* The counter is not used before a producer has found out that it may be used. */
static void
test_real(void **state)
{
	osp_producer producer;

	(void) state;
	assert_false(goes_with_the_time());
	assert_int_equal(
		osp_producer_open(&producer,
						  tempdir_make(),
						  &(osp_producer_options){.ring_size = OSP_RING_MIN},
						  NULL),
		OSP_OK);
	assert_int_equal(goes_with_the_time(), counter_is_trusted());
	osp_producer_close(&producer);
	tempdir_remove();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_measures),
		cmocka_unit_test(test_rarely_set),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_slewed),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_never_back),
		cmocka_unit_test(test_counter_back),
		cmocka_unit_test(test_absurd),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
