/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shipper_faults.c
 *	  Faults of the shipper: collectors that fail always or in the middle of a batch,
 *	  that are slow or away; a full spool; a shipper that is killed; failed allocations.
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing_alloc.h"
#include "shipping.h"

#define RING_SIZE (256 * 1024)

typedef struct goal
{
	uint64_t *counter;
	uint64_t value;
} goal;

static bool
is_reached(void *arg)
{
	const goal *g = arg;

	return __atomic_load_n(g->counter, __ATOMIC_RELAXED) >= g->value;
}

static void
step_until(osp_shipper *s, uint64_t *counter, uint64_t value)
{
	goal g = {counter, value};

	assert_true(shipping_step_until(s, 20000, is_reached, &g));
}

static void
test_outage_and_recovery(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producers[2];
	int n;

	for (n = 0; n < 2; n++)
	{
		shipping_produce_open(ship, &producers[n], RING_SIZE);
		assert_int_equal(shipping_produce(&producers[n], n, 0, 100), 100);
	}
	ship->control->fail = 3;
	step_until(s, &stat->driver_errors, 2);
	assert_true(stat->spooled >= 200);
	assert_int_equal(osp_ring_tail(&producers[0].ring), producers[0].ring.head);
	for (n = 0; n < 2; n++)
		assert_int_equal(shipping_produce(&producers[n], n, 100, 200), 100);
	assert_true(osp_shipper_flush(s, 20000));
	step_until(s, &stat->shipped, 400);
	for (n = 0; n < 2; n++)
	{
		assert_int_equal(shipping_produce(&producers[n], n, 200, 300), 100);
		osp_producer_close(&producers[n]);
	}
	assert_true(osp_shipper_flush(s, 20000));
	for (n = 0; n < 2; n++)
		shipping_expect(ship, n, 300);
	assert_int_equal(stat->spool_points, 0);
	assert_int_equal(stat->spool_dropped, 0);

	/* One line was logged when the collector failed, and one when it was back. */
	assert_int_equal(ship->log.warnings, 1);
	assert_int_equal(ship->log.infos, 1);
	assert_non_null(strstr(ship->log.last, "is back"));
}

/* If a shipper begins during an outage, it also counts the points that the shipper
 * before it has spooled. */
static void
test_outage_goes_on_after_a_restart(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_producer producer;

	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 100), 100);
	ship->control->fail = 1000;
	step_until(s, &ship->stat->spooled, 100);
	shipping_close(ship);
	s = shipping_open(ship);
	assert_int_equal(ship->stat->spool_points, 100);
	step_until(s, &ship->stat->driver_errors, ship->stat->driver_errors + 2);
	ship->control->fail = 0;
	step_until(s, &ship->stat->shipped, 100);
	assert_non_null(strstr(ship->log.last, "is back"));
	assert_non_null(strstr(ship->log.last, " 100 points were spooled"));
	osp_producer_close(&producer);
}

/* Points that a failed batch has stored are delivered again. They can be recognized as
 * copies. */
static void
test_half_a_batch_arrived(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_producer producer;
	shipping_arrived arrived;

	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 200), 200);
	ship->control->partial = 2;
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	step_until(s, &ship->stat->shipped, 200);
	arrived = shipping_count(ship, 0);
	assert_int_equal(arrived.points, 200);
	assert_int_equal(arrived.copies, 200);
	assert_int_equal(arrived.repeated, 0);
	assert_int_equal(shipping_produce(&producer, 0, 200, 400), 200);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	arrived = shipping_count(ship, 0);
	assert_int_equal(arrived.points, 400);
	assert_int_equal(arrived.copies, 200);
}

/* The collector is slow, but works: no point is dropped or delivered twice, and all are
 * in order. */
static void
test_slow_collector(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	int n = 0;

	ship->control->delay_ms = 300;
	shipping_produce_open(ship, &producer, 64 * 1024);
	while (n < 5000)
	{
		assert_int_equal(shipping_produce(&producer, 0, n, n + 50), 50);
		n += 50;
		(void) osp_shipper_step(s);
		(void) usleep(1000);
	}
	assert_true(stat->spooled > 0);
	assert_int_equal(producer.ring.header->dropped, 0);
	ship->control->delay_ms = 0;
	assert_true(osp_shipper_flush(s, 20000));
	step_until(s, &stat->shipped, (uint64_t) n);
	shipping_expect(ship, 0, n);
	assert_int_equal(ship->log.warnings, 0);
}

/* If the collector hangs, osp_shipper_flush() returns in time, and the rings are
 * emptied. */
static void
test_flush_while_it_hangs(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	int64_t begin;

	shipping_produce_open(ship, &producer, RING_SIZE);
	ship->control->delay_ms = 1500;
	assert_int_equal(shipping_produce(&producer, 0, 0, 100), 100);
	while (ship->control->notifies == 0)
		(void) osp_shipper_step(s);
	assert_int_equal(shipping_produce(&producer, 0, 100, 200), 100);
	begin = osp_mono_now();
	assert_true(osp_shipper_flush(s, 200));
	assert_true(osp_mono_now() - begin < 1000000000);
	assert_true(osp_shipper_busy(s));
	assert_int_equal(stat->spool_points, 200);
	osp_producer_close(&producer);

	/* osp_shipper_close() waits for the sender, and learns that it has succeeded. */
	ship->control->delay_ms = 0;
	shipping_close(ship);
	shipping_expect(ship, 0, 100);
	shipping_deliver(ship);
	shipping_expect(ship, 0, 200);
}

/* Asserts that each point that was written was delivered, or is counted as lost both in
 * a counter and in its trace. When a ring grows, its count moves to the next ring or to
 * the status file. */
static void
expect_accounted(const shipping *ship, int written)
{
	shipping_arrived arrived = shipping_count(ship, 0);
	osp_run_totals totals;
	int dir_fd = open(ship->run, O_RDONLY | O_DIRECTORY);

	assert_true(dir_fd >= 0);
	assert_int_equal(osp_run_totals_read(dir_fd, &totals, NULL), OSP_OK);
	(void) close(dir_fd);
	assert_int_equal(arrived.repeated, 0);
	assert_int_equal((uint64_t) arrived.points + totals.stat.spool_dropped +
						 totals.dropped,
					 written);
	assert_int_equal(shipping_lost_points(ship, "base of 0"),
					 written - arrived.points);
}

static bool
has_failed_once(void *stat)
{
	return ((osp_runstat *) stat)->driver_errors > 0;
}

static void
test_spool_limit(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	osp_shipper *s;
	int n = 0;

	options.spool_limit = 1 << 20;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, RING_SIZE);
	ship->control->fail = UINT32_MAX;
	for (; n < 20000; n += 100)
	{
		(void) shipping_produce(&producer, 0, n, n + 100);
		(void) osp_shipper_step(s);

		/* A full spool is not reported before the collector is known to be away. */
		if (n == 0)
			assert_true(shipping_step_until(
				s, SHIPPING_TIMEOUT_MS, has_failed_once, stat));
	}
	assert_true(stat->spool_dropped > 0);
	assert_true(stat->spool_bytes > 700 * 1024);
	assert_true(stat->spool_bytes <= 1 << 20);

	/* These are logged once each: the collector is away, the spool is full, and points
	 * are lost. */
	assert_int_equal(ship->log.warnings, 3);
	ship->control->fail = 0;
	assert_true(osp_shipper_flush(s, 20000));
	expect_accounted(ship, n);
	assert_int_equal(shipping_count(ship, 0).unordered, 0);
	assert_int_equal(ship->log.infos, 1);

	/* Afterwards everything works as before. */
	assert_int_equal(shipping_produce(&producer, 1, 0, 100), 100);
	assert_true(osp_shipper_flush(s, 20000));
	shipping_expect(ship, 1, 100);
}

/* Points of a ring that grew come before those of the ring that replaced it, however
 * often they were taken back because sending failed and the spool had no room. */
static void
test_order_past_the_limit(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_shipper *s;
	osp_producer producer;
	int n = 0;
	int round;

	options.spool_limit = 1 << 20;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, RING_SIZE);
	for (round = 0; round < 4; round++)
	{
		int end;

		ship->control->fail = UINT32_MAX;
		ship->control->delay_ms = (unsigned) (round % 2) * 20;
		for (end = n + 6000; n < end; n += 100)
		{
			(void) shipping_produce(&producer, 0, n, n + 100);
			(void) osp_shipper_step(s);
			(void) usleep((unsigned) (round % 2) * 500);
		}

		/* The spool is tried again after it had no room. */
		(void) usleep(1100000);
		for (end = n + 3000; n < end; n += 100)
		{
			(void) shipping_produce(&producer, 0, n, n + 100);
			(void) osp_shipper_step(s);
		}
		ship->control->fail = 0;
		ship->control->delay_ms = 0;
		assert_true(osp_shipper_flush(s, 20000));
		assert_int_equal(shipping_count(ship, 0).unordered, 0);
	}
	osp_producer_close(&producer);
}

/* If a shipper has dropped points, and cannot report that, the next shipper does, also
 * for points that were only in its memory at its end. They are reported once, however
 * often a shipper begins. */
static void
test_losses_survive(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_producer producer;
	osp_shipper *s;
	uint64_t dropped;
	int n = 0;
	int i;

	options.spool_limit = 1 << 20;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, RING_SIZE);
	ship->control->fail = UINT32_MAX;
	for (; n < 20000; n += 100)
	{
		(void) shipping_produce(&producer, 0, n, n + 100);
		(void) osp_shipper_step(s);
	}
	dropped = ship->stat->spool_dropped;
	assert_true(dropped > 0);
	shipping_close(ship);
	assert_true(ship->stat->spool_dropped >= dropped);
	assert_int_equal(shipping_lost_points(ship, "base of 0"), 0);

	/* The collector is not back yet. */
	s = shipping_open_with(ship, &options);
	(void) osp_shipper_flush(s, 300);
	shipping_close(ship);
	ship->control->fail = 0;
	for (i = 0; i < 3; i++)
	{
		s = shipping_open_with(ship, &options);
		assert_true(osp_shipper_flush(s, 20000));
		expect_accounted(ship, n);
		shipping_close(ship);
	}
}

/*
 * Neither is a report of losses lost that was only in the memory of a shipper at its
 * end: about points that a producer dropped before there was a shipper, and about
 * points that another shipper dropped.
 */
static void
test_lost_reports(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_producer producer;
	uint64_t failed;
	uint64_t dropped;
	osp_shipper *s;
	int n = 20000;
	int i;

	options.spool_path = "/nonexistent/spool";
	ship->control->fail = UINT32_MAX;
	shipping_produce_open(ship, &producer, RING_SIZE);
	(void) shipping_produce(&producer, 0, 0, n);
	for (i = 0; i < 3; i++)
	{
		int more = n + 20000;

		/* The first batch has the reports. The ring runs full, so the batch is only
		 * kept in memory. */
		s = shipping_open_with(ship, &options);
		failed = ship->stat->driver_errors;
		dropped = ship->stat->spool_dropped;
		step_until(s, &ship->stat->driver_errors, failed + 2);
		for (; n < more; n += 100)
		{
			(void) shipping_produce(&producer, 0, n, n + 100);
			(void) osp_shipper_step(s);
		}
		assert_true(ship->stat->spool_dropped > dropped);
		shipping_close(ship);
	}
	ship->control->fail = 0;
	shipping_deliver(ship);
	expect_accounted(ship, n);
	osp_producer_close(&producer);
}

static bool
has_reported(void *arg)
{
	return shipping_lost_points(arg, "base of 0") > 0;
}

/*
 * A report of losses waits after a batch with the last records of its ring. It is
 * settled with its own batch, not with that one. Until then the ring stays, although
 * no producer writes to it.
 */
static void
test_report_behind_a_batch(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_producer producer;
	osp_id base;

	assert_true(osp_id_set(&base, OSP_STR("base of 0")));
	shipping_produce_open(ship, &producer, RING_SIZE);
	ship->control->delay_ms = 700;
	assert_int_equal(shipping_produce(&producer, 0, 0, 10), 10);
	while (ship->control->notifies == 0)
		(void) osp_shipper_step(s);

	/* A loss, for example because the ring could not grow. */
	osp_ring_count_loss(&producer.ring, &base, 7);
	__atomic_fetch_add(&producer.ring.header->dropped, 7, __ATOMIC_RELAXED);
	osp_producer_close(&producer);
	step_until(s, &ship->stat->shipped, 10);
	(void) osp_shipper_step(s);
	assert_int_equal(shipping_rings(ship), 1);
	assert_true(
		shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_reported, ship));
	assert_int_equal(shipping_lost_points(ship, "base of 0"), 7);

	/* The report does not count as a record of a producer. */
	assert_int_equal(ship->stat->shipped, 10);
}

/* A collector that is too slow for hours fills the spool again and again. That is
 * logged once. */
static void
test_overload_is_said_once(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_producer producer;
	osp_shipper *s;
	int n = 0;

	options.spool_limit = 256 * 1024;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, 64 * 1024);
	ship->control->delay_ms = 30;
	while (n < 60000)
	{
		(void) shipping_produce(&producer, 0, n, n + 100);
		n += 100;
		(void) osp_shipper_step(s);
		(void) usleep(1000);
	}
	assert_true(ship->stat->spool_dropped > 0);
	assert_true(ship->stat->batches > 5);
	assert_true(ship->log.warnings <= 2);
	ship->control->delay_ms = 0;
	assert_true(osp_shipper_flush(s, 20000));
	expect_accounted(ship, n);
}

typedef struct waiting_producer
{
	osp_producer producer;
	int points;
	int committed;
} waiting_producer;

static void *
produce_and_wait(void *ptr)
{
	waiting_producer *p = ptr;
	int n;

	for (n = 0; n < p->points; n += 100)
		p->committed += shipping_produce(&p->producer, 0, n, n + 100);
	return NULL;
}

/* If the spool is full and producers wait for room, they are slowed down: the shipper
 * drops nothing as long as the collector accepts points from time to time. On a busy
 * machine that may take longer than a producer waits; then the producer drops points
 * and counts them. */
static void
test_waiting_producer(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	waiting_producer p = {.points = 60000};
	osp_error err = {OSP_OK, ""};
	pthread_t thread;
	osp_shipper *s;

	options.spool_limit = 2 << 20;
	s = shipping_open_with(ship, &options);
	assert_int_equal(
		osp_producer_open(&p.producer,
						  ship->run,
						  &(osp_producer_options){.ring_size = 64 * 1024,
												  .on_full = OSP_ON_FULL_WAIT},
						  &err),
		OSP_OK);
	ship->control->delay_ms = 30;
	assert_int_equal(pthread_create(&thread, NULL, produce_and_wait, &p), 0);
	while (pthread_tryjoin_np(thread, NULL) != 0)
	{
		(void) osp_shipper_step(s);
		(void) usleep(1000);
	}
	assert_int_equal(ship->stat->spool_dropped, 0);
	if (p.committed == p.points)
		assert_int_equal(ship->log.warnings, 0);
	assert_true(ship->stat->spooled > 0);
	ship->control->delay_ms = 0;
	assert_true(osp_shipper_flush(s, 20000));
	assert_true(shipping_count(ship, 0).points >= p.committed);
	expect_accounted(ship, p.points);
	assert_int_equal(ship->stat->spool_dropped, 0);
	osp_producer_close(&p.producer);
}

/* However long the collector was away, it gets points within seconds after it is back. */
static void
test_back_after_long(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	int64_t end = osp_mono_now() + INT64_C(7000000000);
	osp_producer producer;
	int64_t back;

	shipping_produce_open(ship, &producer, RING_SIZE);
	ship->control->fail = UINT32_MAX;
	assert_int_equal(shipping_produce(&producer, 0, 0, 100), 100);
	while (osp_mono_now() < end)
	{
		(void) osp_shipper_step(s);
		(void) usleep(5000);
	}
	assert_int_equal(ship->log.warnings, 1);
	ship->control->fail = 0;
	back = osp_mono_now();
	step_until(s, &ship->stat->shipped, 100);
	assert_true(osp_mono_now() - back < INT64_C(4000000000));
	osp_producer_close(&producer);
}

/* The collector fails, and the disk has no room for the spool. */
static void
test_full_disk(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_producer producer;
	struct rlimit before;
	struct rlimit limit;
	int n = 0;

	shipping_produce_open(ship, &producer, RING_SIZE);
	(void) signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ship->control->fail = UINT32_MAX;
	for (; n < 4000; n += 100)
	{
		(void) shipping_produce(&producer, 0, n, n + 100);
		(void) osp_shipper_step(s);
	}
	assert_int_equal(ship->stat->shipped, 0);
	assert_true(ship->stat->spool_dropped + producer.ring.header->dropped > 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

	/* Points that rings and memory could hold are delivered in the end. */
	ship->control->fail = 0;
	assert_true(osp_shipper_flush(s, 20000));
	assert_true(shipping_count(ship, 0).points > 0);
	expect_accounted(ship, n);
	osp_producer_close(&producer);
}

static void
test_no_driver(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	osp_shipper *s;

	options.connection_string = OSP_STR("nonesuch://:secret@host");
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 100), 100);
	step_until(s, &stat->spooled, 100);
	step_until(s, &stat->driver_errors, 3);
	assert_int_equal(ship->log.warnings, 1);
	assert_null(strstr(ship->log.last, "secret"));
	assert_null(strstr(stat->last_error, "secret"));
	shipping_close(ship);
	shipping_deliver(ship);
	shipping_expect(ship, 0, 100);
	osp_producer_close(&producer);
}

static void
test_no_spool(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	osp_shipper *s;

	options.spool_path = "/nonexistent/spool";
	s = shipping_open_with(ship, &options);
	assert_int_equal(ship->log.warnings, 1);
	shipping_produce_open(ship, &producer, RING_SIZE);
	ship->control->partial = 2;
	assert_int_equal(shipping_produce(&producer, 0, 0, 100), 100);
	step_until(s, &stat->driver_errors, 2);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	assert_int_equal(shipping_count(ship, 0).points, 100);
	assert_int_equal(shipping_count(ship, 0).repeated, 0);

	/* The rings are full, and there is no room anywhere, so points are lost and
	 * counted. */
	ship->control->fail = UINT32_MAX;
	{
		int n;

		for (n = 100; n < 5100; n += 100)
		{
			(void) shipping_produce(&producer, 0, n, n + 100);
			(void) osp_shipper_step(s);
		}
		ship->control->fail = 0;
		assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
		expect_accounted(ship, n);
		assert_true(stat->spool_dropped > 0);
	}
}

/* Commits points until *stop is set. The exit status says whether that worked. */
static void
produce_until_told(shipping *ship, int n, const volatile int *stop,
				   uint32_t *committed)
{
	osp_producer producer;
	int i = 0;

	if (osp_producer_open(&producer,
						  ship->run,
						  &(osp_producer_options){.ring_size = RING_SIZE,
												  .on_full = OSP_ON_FULL_DROP},
						  NULL) != OSP_OK)
		_exit(1);
	while (!*stop)
	{
		/* Commits only if there is room, so that no point is dropped. */
		if (producer.ring.head -
				__atomic_load_n(&producer.ring.header->tail, __ATOMIC_ACQUIRE) <
			producer.ring.capacity / 2)
		{
			if (shipping_produce(&producer, n, i, i + 20) != 20)
				_exit(2);
			i += 20;
			__atomic_store_n(committed, (uint32_t) i, __ATOMIC_RELEASE);
		}
		(void) usleep(500);
	}
	osp_producer_close(&producer);
	_exit(0);
}

/* Runs a shipper until the process is killed. */
static void
ship_until_killed(shipping *ship)
{
	osp_shipper_options options = shipping_options(ship);
	osp_shipper *s;

	options.log = NULL;
	if (osp_shipper_open(&options, &s, NULL) != OSP_OK)
		_exit(1);
	for (;;)
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
		int wait_ms = osp_shipper_step(s);

		(void) poll(&fd, 1, wait_ms);
	}
}

typedef struct shared
{
	volatile int stop;
	uint32_t committed[3];
} shared;

static void
no_trouble(shipping *ship)
{
	(void) ship;
}

/*
 * Kills the shipper this many times while three producers write. trouble() sets how
 * the collector fails. Each committed point arrives. A copy has the same source and
 * sequence as the first one. Without the copies all points are in order, unless the
 * collector stores parts of batches.
 */
static void
kill_shippers(shipping *ship, int rounds, void (*trouble)(shipping *ship))
{
	shared *sh = mmap(NULL,
					  sizeof(*sh),
					  PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS,
					  -1,
					  0);
	pid_t producers[3];
	int wstatus;
	int n;

	for (n = 0; n < 3; n++)
	{
		producers[n] = fork();
		if (producers[n] == 0)
			produce_until_told(ship, n, &sh->stop, &sh->committed[n]);
	}
	for (; rounds > 0; rounds--)
	{
		pid_t pid;

		trouble(ship);
		pid = fork();
		if (pid == 0)
			ship_until_killed(ship);
		(void) usleep((unsigned) rand() % 60000);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &wstatus, 0), pid);
		assert_true(WIFSIGNALED(wstatus));
	}
	sh->stop = 1;
	for (n = 0; n < 3; n++)
	{
		assert_int_equal(waitpid(producers[n], &wstatus, 0), producers[n]);
		assert_int_equal(wstatus, 0);
	}
	memset(ship->control, 0, sizeof(*ship->control));
	shipping_deliver(ship);
	for (n = 0; n < 3; n++)
	{
		shipping_arrived arrived = shipping_count(ship, n);

		assert_int_equal(arrived.points, sh->committed[n]);
		assert_int_equal(arrived.highest, (int) sh->committed[n] - 1);
		assert_int_equal(arrived.repeated, 0);
		assert_true(trouble != no_trouble || arrived.unordered == 0);
		assert_true(arrived.points > 0);
	}
	(void) munmap(sh, sizeof(*sh));
}

static void
all_kinds_of_trouble(shipping *ship)
{
	fake_control *control = ship->control;

	__atomic_store_n(&control->fail, (uint32_t) (rand() % 3), __ATOMIC_RELAXED);
	__atomic_store_n(
		&control->partial, (uint32_t) (rand() % 3), __ATOMIC_RELAXED);
	__atomic_store_n(&control->delay_ms,
					 (uint32_t) (rand() % 3 == 0 ? rand() % 30 : 0),
					 __ATOMIC_RELAXED);
}

static void
test_killed_shippers(void **state)
{
	srand((unsigned) getpid());
	kill_shippers(*state, 50, no_trouble);
}

static void
test_killed_shippers_and_trouble(void **state)
{
	srand((unsigned) getpid());
	kill_shippers(*state, 50, all_kinds_of_trouble);
}

/* A failing_alloc that two threads can use. */
typedef struct locked_alloc
{
	osp_allocator alc;
	failing_alloc fa;
	pthread_mutex_t lock;
} locked_alloc;

static void *
locked_get(void *ctx, size_t size)
{
	locked_alloc *la = ctx;
	void *ptr;

	(void) pthread_mutex_lock(&la->lock);
	ptr = la->fa.alc.alloc(la->fa.alc.ctx, size);
	(void) pthread_mutex_unlock(&la->lock);
	return ptr;
}

static void *
locked_resize(void *ctx, void *old, size_t size)
{
	locked_alloc *la = ctx;
	void *ptr;

	(void) pthread_mutex_lock(&la->lock);
	ptr = la->fa.alc.realloc(la->fa.alc.ctx, old, size);
	(void) pthread_mutex_unlock(&la->lock);
	return ptr;
}

static void
locked_free(void *ctx, void *ptr)
{
	locked_alloc *la = ctx;

	(void) pthread_mutex_lock(&la->lock);
	la->fa.alc.free(la->fa.alc.ctx, ptr);
	(void) pthread_mutex_unlock(&la->lock);
}

/*
 * Whichever allocation fails, either opening reports that, or the shipper recovers.
 * The collector fails in the middle of a batch each time, so that all code is
 * executed.
 */
static void
test_no_memory(void **state)
{
	shipping *ship = *state;
	locked_alloc la = {{locked_get, locked_resize, locked_free, &la},
					   {.fail_at = 0},
					   PTHREAD_MUTEX_INITIALIZER};
	osp_producer producer;
	int n = 0;

	shipping_produce_open(ship, &producer, RING_SIZE);
	for (failing_alloc_init(&la.fa); !la.fa.done;)
	{
		osp_shipper_options options = shipping_options(ship);
		osp_shipper *s;
		osp_status status;

		options.alc = &la.alc;
		ship->control->partial = 1;
		assert_int_equal(shipping_produce(&producer, 0, n, n + 4), 4);
		n += 4;
		status = osp_shipper_open(&options, &s, NULL);
		if (status == OSP_OK)
		{
			(void) osp_shipper_flush(s, 300);
			osp_shipper_close(s);
		}
		else
			assert_int_equal(status, OSP_ENOMEM);
		assert_int_equal(la.fa.live, 0);
		failing_alloc_next(&la.fa);
	}
	osp_producer_close(&producer);
	ship->control->partial = 0;
	shipping_deliver(ship);
	{
		shipping_arrived arrived = shipping_count(ship, 0);

		assert_int_equal(arrived.points, n);
		assert_int_equal(arrived.repeated, 0);
	}
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, shipping_setup, shipping_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_outage_and_recovery),
		TEST(test_outage_goes_on_after_a_restart),
		TEST(test_half_a_batch_arrived),
		TEST(test_slow_collector),
		TEST(test_flush_while_it_hangs),
		TEST(test_spool_limit),
		TEST(test_waiting_producer),
		TEST(test_order_past_the_limit),
		TEST(test_losses_survive),
		TEST(test_lost_reports),
		TEST(test_report_behind_a_batch),
		TEST(test_overload_is_said_once),
		TEST(test_back_after_long),
		TEST(test_full_disk),
		TEST(test_no_driver),
		TEST(test_no_spool),
		TEST(test_killed_shippers),
		TEST(test_killed_shippers_and_trouble),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
