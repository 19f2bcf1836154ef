/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shipper.c
 *	  The shipper with a collector that works: order, naps and sleep, the clock, and
 *	  refused points.
 */
#include "tap.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shipping.h"

#define RING_SIZE (256 * 1024)

static void
test_order_of_all_rings(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producers[3];
	int round;
	int n;

	/* The rings have room for more than all points: if the collector gets no CPU for a
	 * while, no point may be dropped or spooled. */
	for (n = 0; n < 3; n++)
		shipping_produce_open(ship, &producers[n], 4 << 20);
	for (round = 0; round < 20; round++)
	{
		for (n = 0; n < 3; n++)
			assert_int_equal(
				shipping_produce(
					&producers[n], n, round * 100, (round + 1) * 100),
				100);
		(void) osp_shipper_step(s);
	}
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	for (n = 0; n < 3; n++)
	{
		shipping_expect(ship, n, 2000);
		osp_producer_close(&producers[n]);
	}
	assert_int_equal(stat->shipped, 6000);
	assert_int_equal(stat->spooled, 0);
	assert_int_equal(ship->log.warnings, 0);
	assert_int_equal(ship->log.infos, 0);
	shipping_close(ship);
	assert_int_equal(stat->shipper, 0);
}

/* Records that are in the rings before the shipper begins are delivered, too. */
static void
test_shipper_comes_late(void **state)
{
	shipping *ship = *state;
	osp_producer producer;

	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 500), 500);
	osp_producer_close(&producer);
	shipping_deliver(ship);
	shipping_expect(ship, 0, 500);
}

/* A ring that is always full does not delay the others. */
static void
test_no_ring_starves(void **state)
{
	shipping *ship = *state;
	osp_producer busy;
	osp_producer quiet;

	shipping_produce_open(ship, &busy, 4 << 20);
	shipping_produce_open(ship, &quiet, RING_SIZE);
	assert_int_equal(shipping_produce(&busy, 0, 0, 15000), 15000);
	assert_int_equal(shipping_produce(&quiet, 1, 0, 10), 10);
	shipping_deliver(ship);
	shipping_expect(ship, 1, 10);

	/* The points of the quiet producer were in the first batch. */
	assert_true(shipping_count(ship, 1).last_line < 4096);
	shipping_expect(ship, 0, 15000);
	osp_producer_close(&busy);
	osp_producer_close(&quiet);
}

static void
test_no_wake_up_while_idle(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
	int round;

	shipping_produce_open(ship, &producer, RING_SIZE);
	for (round = 0; round < 5; round++)
	{
		assert_int_equal(
			shipping_produce(&producer, 0, round * 10, round * 10 + 10), 10);
		shipping_step_until_asleep(s, stat);
		assert_true(shipping_count_steps(s, 300) <= 2);
		assert_true(stat->sleeping != 0);

		/* Only the first point wakes the shipper. */
		assert_int_equal(poll(&fd, 1, 0), 0);
		assert_int_equal(
			shipping_produce(&producer, 1, round * 10, round * 10 + 10), 10);
		assert_int_equal(stat->sleeping, 0);
		assert_int_equal(poll(&fd, 1, SHIPPING_TIMEOUT_MS), 1);
	}
	shipping_step_until_asleep(s, stat);
	shipping_expect(ship, 0, 50);
	shipping_expect(ship, 1, 50);
	osp_producer_close(&producer);
	shipping_close(ship);
	assert_int_equal(stat->sleeping, 0);
}

/* Calls osp_shipper_step() only if it is due, as a caller does that also has other
 * work. */
static void
step_if_time(osp_shipper *s, int64_t *next_ns)
{
	struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
	int wait_ms;

	if (osp_mono_now() < *next_ns && poll(&fd, 1, 0) == 0)
		return;
	wait_ms = osp_shipper_step(s);
	*next_ns =
		wait_ms < 0 ? INT64_MAX : osp_mono_now() + (int64_t) wait_ms * 1000000;
}

/* Points that arrive one by one are sent together, however fast the collector is,
 * because the shipper naps for at least a millisecond between two reads of the rings. */
static void
test_naps_gather_points(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	uint64_t batches;
	int64_t begin;
	int64_t next = 0;
	int n;

	shipping_produce_open(ship, &producer, 4 << 20);
	assert_int_equal(shipping_produce(&producer, 0, 0, 1), 1);
	shipping_step_until_asleep(s, stat);
	batches = stat->batches;
	begin = osp_mono_now();
	for (n = 1; n < 2000; n++)
	{
		assert_int_equal(shipping_produce(&producer, 0, n, n + 1), 1);
		step_if_time(s, &next);
	}
	assert_true(stat->batches - batches <=
				(uint64_t) ((osp_mono_now() - begin) / 1000000) + 2);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	shipping_expect(ship, 0, 2000);
	osp_producer_close(&producer);
}

/* Returns the longest nap while points arrive one by one from a ring that can grow to
 * ring_size. */
static int
longest_nap(shipping *ship, size_t ring_size)
{
	osp_shipper *s = shipping_open(ship);
	osp_producer producer;
	int longest = 0;
	int n;

	shipping_produce_open(ship, &producer, ring_size);
	for (n = 0; n < 100; n++)
	{
		int wait_ms;

		assert_int_equal(shipping_produce(&producer, 0, n, n + 1), 1);
		wait_ms = osp_shipper_step(s);
		if (wait_ms > longest)
			longest = wait_ms;
	}
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	shipping_expect(ship, 0, n);
	osp_producer_close(&producer);
	return longest;
}

/* A batch costs more than the points in it, so naps become long if few points arrive. */
static void
test_naps_become_long(void **state)
{
	assert_int_equal(longest_nap(*state, 4 << 20), 30);
}

/* A nap does not become so long that a small ring, which cannot grow, might run full in
 * it. */
static void
test_small_rings_keep_naps_short(void **state)
{
	assert_int_equal(longest_nap(*state, RING_SIZE), 5);
}

/* Makes one step take 100 ms longer. */
static void
dawdle(void *ctx, const osp_record *record)
{
	bool *is_due = ctx;

	(void) record;
	if (*is_due)
		(void) usleep(100000);
	*is_due = false;
}

/* If a ring might run full in a nap, the end of the sender ends the nap, also if the
 * step before took long. */
static void
test_crowded_rings_end_naps(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	bool dawdle_is_due = false;
	osp_shipper *s;
	struct pollfd fd = {-1, POLLIN, 0};
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	int n;

	options.tap = dawdle;
	options.tap_ctx = &dawdle_is_due;
	s = shipping_open_with(ship, &options);
	fd.fd = osp_shipper_fd(s);
	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 1), 1);
	shipping_step_until_asleep(s, stat);
	for (n = 1; producer.ring.head < RING_SIZE / 2; n++)
		assert_int_equal(shipping_produce(&producer, 0, n, n + 1), 1);
	(void) poll(&fd, 1, SHIPPING_TIMEOUT_MS);
	dawdle_is_due = true;
	assert_true(osp_shipper_step(s) >= 0);
	assert_int_equal(poll(&fd, 1, SHIPPING_TIMEOUT_MS), 1);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	shipping_expect(ship, 0, n);
	osp_producer_close(&producer);
}

/* Producers in other processes commit points at the moment when the shipper begins to
 * sleep. */
static void
test_no_bell_is_missed(void **state)
{
	shipping *ship = *state;
	osp_shipper *s;
	int64_t end = osp_mono_now() + INT64_C(20000000000);
	pid_t pid = fork();
	int wstatus;

	if (pid == 0)
	{
		osp_producer producer;
		int i;

		if (osp_producer_open(
				&producer,
				ship->run,
				&(osp_producer_options){.ring_size = RING_SIZE,
										.on_full = OSP_ON_FULL_DROP},
				NULL) != OSP_OK)
			_exit(1);
		srand((unsigned) getpid());
		for (i = 0; i < 12; i++)
		{
			if (shipping_produce(&producer, 0, i, i + 1) != 1)
				_exit(2);
			(void) usleep(195000 + (unsigned) rand() % 30000);
		}
		osp_producer_close(&producer);
		_exit(0);
	}

	/* The shipper is opened after the fork, because its threads may hold locks of the
	 * sanitizers' allocator. */
	s = shipping_open(ship);
	while (shipping_count(ship, 0).points < 12 && osp_mono_now() < end)
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
		int wait_ms = osp_shipper_step(s);

		/* Only the producers can wake the shipper. */
		if (poll(&fd, 1, wait_ms >= 0 ? wait_ms : 5000) == 0 && wait_ms < 0)
			break;
	}
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_int_equal(wstatus, 0);
	shipping_expect(ship, 0, 12);
}

/* In a child: changes the root directory and, where that is allowed, the user. */
static bool
go_elsewhere(const shipping *ship)
{
	char root[128];

	(void) snprintf(root, sizeof(root), "%s.root", ship->run);
	if (mkdir(root, 0755) != 0 && errno != EEXIST)
		return false;
	if (geteuid() != 0)
		return unshare(CLONE_NEWUSER) == 0 && chroot(root) == 0;
	return chroot(root) == 0 && setgid(65534) == 0 && setuid(65534) == 0;
}

/*
 * A thread that waits for a byte. If there is one at fork(), ThreadSanitizer starts none
 * of its own in the child, and only a process with one thread may change its user
 * namespace.
 */
static void *
do_nothing(void *fd)
{
	char byte;

	(void) !read(*(int *) fd, &byte, 1);
	return NULL;
}

/* A producer that has neither access to the run directory nor a descriptor of it can
 * still wake a shipper that sleeps. */
static void
test_wakes_from_elsewhere(void **state)
{
	shipping *ship = *state;
	osp_shipper *s;
	pthread_t thread;
	int round;
	int rest[2];
	int go[2];
	pid_t pid;
	int wstatus;

	assert_int_equal(pipe(rest), 0);
	assert_int_equal(pthread_create(&thread, NULL, do_nothing, &rest[0]), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0)
	{
		osp_producer producer;
		char byte;
		int i = 0;

		(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (osp_producer_open(&producer,
							  ship->run,
							  &(osp_producer_options){.ring_size = RING_SIZE},
							  NULL) != OSP_OK ||
			!go_elsewhere(ship))
			_exit(1);
		while (read(go[0], &byte, 1) == 1 && byte == 'g')
			if (shipping_produce(&producer, 0, i, i + 1) != 1)
				_exit(2);
			else
				i++;
		_exit(0);
	}

	/* The shipper is opened after the fork, because its threads may hold locks of the
	 * sanitizers' allocator. */
	s = shipping_open(ship);
	for (round = 0; round < 5; round++)
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};

		shipping_step_until_asleep(s, ship->stat);
		assert_int_equal(write(go[1], "g", 1), 1);
		assert_int_equal(poll(&fd, 1, SHIPPING_TIMEOUT_MS), 1);
		while (shipping_count(ship, 0).points < round + 1)
		{
			int wait_ms = osp_shipper_step(s);
			bool naps = wait_ms >= 0;

			/* If the shipper was woken for the new ring, before the point, or while it
			 * sends, it has to be woken again. */
			assert_true(poll(&fd, 1, naps ? wait_ms : SHIPPING_TIMEOUT_MS) ==
							1 ||
						naps);
		}
	}
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_int_equal(wstatus, 0);
	shipping_expect(ship, 0, 5);
	(void) close(go[0]);
	(void) close(go[1]);
	assert_int_equal(write(rest[1], "x", 1), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void) close(rest[0]);
	(void) close(rest[1]);
}

/* When the wall clock is set, the shipper's offset to it is corrected. */
static void
test_clock_step(void **state)
{
	shipping *ship = *state;
	osp_runstat *stat = ship->stat;
	int64_t right = stat->wall_offset_ns;
	osp_shipper *s;

	stat->wall_offset_ns -= INT64_C(5000000000);
	s = shipping_open(ship);
	(void) osp_shipper_step(s);
	assert_true(llabs(stat->wall_offset_ns - right) < 100000000);
}

static void
test_refused_points(void **state)
{
	shipping *ship = *state;
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	shipping_arrived arrived;

	ship->control->refuse = 1;
	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 100), 100);
	osp_producer_close(&producer);
	shipping_deliver(ship);
	arrived = shipping_count(ship, 0);
	assert_int_equal(arrived.points, 99);
	assert_int_equal(arrived.repeated, 0);
	assert_int_equal(stat->refused, 1);
	assert_int_equal(stat->shipped, 99);
	assert_string_equal(stat->last_error, "fake: bad points");
	assert_int_equal(stat->error_seq % 2, 0);
	assert_int_equal(ship->log.warnings, 1);
}

/* The status file has the rate and the delay of the delivery. */
static void
test_window(void **state)
{
	shipping *ship = *state;
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	osp_shipper *s;

	assert_int_equal(stat->window_wall_ns, 0);
	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 500), 500);
	(void) usleep(200000);
	s = shipping_open(ship);
	shipping_step_until_asleep(s, stat);
	assert_int_equal(stat->window_points, 500);
	assert_true(stat->window_wall_ns != 0);
	assert_true(stat->window_ns > 0);
	assert_true(stat->cpu_ns > 0);
	assert_in_range(stat->lag_p50_us, 170000, 60000000);
	assert_true(stat->lag_p99_us >= stat->lag_p50_us);
	osp_producer_close(&producer);
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, shipping_setup, shipping_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order_of_all_rings),
		TEST(test_shipper_comes_late),
		TEST(test_no_ring_starves),
		TEST(test_no_wake_up_while_idle),
		TEST(test_naps_gather_points),
		TEST(test_naps_become_long),
		TEST(test_small_rings_keep_naps_short),
		TEST(test_crowded_rings_end_naps),
		TEST(test_no_bell_is_missed),
		TEST(test_wakes_from_elsewhere),
		TEST(test_clock_step),
		TEST(test_refused_points),
		TEST(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
