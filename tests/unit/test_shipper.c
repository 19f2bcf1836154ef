/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shipper.c
 *	  The shipper with a collector that works: order, sleep, the pool of rings,
 *	  damaged rings, who may be a shipper.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

static bool
has_delivered(void *arg)
{
	return osp_shipper_is_empty(arg);
}

static bool
has_slept(void *arg)
{
	return ((const osp_runstat *) arg)->sleeping != 0;
}

/* Steps until the shipper has delivered everything and sleeps. (While the sender takes
 * long it sleeps, too.) */
static void
step_until_asleep(osp_shipper *s, osp_runstat *stat)
{
	(void) osp_shipper_step(s);
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_delivered, s));
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_slept, stat));
}

static void
test_order_of_all_rings(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producers[3];
	int round;
	int n;

	/* Room for all of it, and then some: a collector that has no processor time
	 * must be no reason to drop or to spool. */
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

/* What lies in the rings before there is a shipper is delivered as well. */
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

/* A ring that is always full of work does not keep the others waiting. */
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

	/* It came with the first batch. */
	assert_true(shipping_count(ship, 1).last_line < 4096);
	shipping_expect(ship, 0, 15000);
	osp_producer_close(&busy);
	osp_producer_close(&quiet);
}

/* Steps within ms milliseconds, waiting as osp_shipper_step says. */
static int
count_steps(osp_shipper *s, int ms)
{
	int64_t end = osp_mono_now() + (int64_t) ms * 1000000;
	int steps = 0;

	for (;;)
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
		int64_t left_ms = (end - osp_mono_now()) / 1000000;
		int wait_ms;

		if (left_ms <= 0)
			return steps;
		wait_ms = osp_shipper_step(s);
		steps++;
		if (wait_ms < 0 || wait_ms > left_ms)
			wait_ms = (int) left_ms;
		(void) poll(&fd, 1, wait_ms);
	}
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
		step_until_asleep(s, stat);
		assert_true(count_steps(s, 300) <= 2);
		assert_true(stat->sleeping != 0);

		/* The first point wakes it, and only that one. */
		assert_int_equal(poll(&fd, 1, 0), 0);
		assert_int_equal(
			shipping_produce(&producer, 1, round * 10, round * 10 + 10), 10);
		assert_int_equal(stat->sleeping, 0);
		assert_int_equal(poll(&fd, 1, SHIPPING_TIMEOUT_MS), 1);
	}
	step_until_asleep(s, stat);
	shipping_expect(ship, 0, 50);
	shipping_expect(ship, 1, 50);
	osp_producer_close(&producer);
	shipping_close(ship);
	assert_int_equal(stat->sleeping, 0);
}

/* As a caller does it who has more to do: a step when it is time for one. */
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

/* Points that come one by one are not sent one by one, however quick the collector
 * is: a nap of a millisecond at least lies between two looks at the rings. */
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
	step_until_asleep(s, stat);
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

/* The longest nap while points come one by one from a ring that grows to ring_size. */
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

/* A batch costs more than its points, so naps become long where few come. */
static void
test_naps_become_long(void **state)
{
	assert_int_equal(longest_nap(*state, 4 << 20), 30);
}

/* But not as long as a small ring that cannot grow might run full in. */
static void
test_small_rings_keep_naps_short(void **state)
{
	assert_int_equal(longest_nap(*state, RING_SIZE), 5);
}

/* Keeps a step busy once, for 100 ms. */
static void
dawdle(void *ctx, const osp_record *record)
{
	bool *is_due = ctx;

	(void) record;
	if (*is_due)
		(void) usleep(100000);
	*is_due = false;
}

/* Where a nap might let a ring run full, the sender's end is the end of it; also
 * when the step took long. */
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
	step_until_asleep(s, stat);
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

/* Producers of other processes, at the moment when the shipper falls asleep. */
static void
test_no_bell_is_missed(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
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
	while (shipping_count(ship, 0).points < 12 && osp_mono_now() < end)
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
		int wait_ms = osp_shipper_step(s);

		/* Nobody else wakes it. */
		if (poll(&fd, 1, wait_ms >= 0 ? wait_ms : 5000) == 0 && wait_ms < 0)
			break;
	}
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_int_equal(wstatus, 0);
	shipping_expect(ship, 0, 12);
}

/* In a child: another root directory, and another user where that is allowed. */
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

/* A producer that can reach the run directory no more, nor has a descriptor, still
 * wakes a shipper that sleeps. */
static void
test_wakes_from_elsewhere(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	int round;
	int go[2];
	pid_t pid;
	int wstatus;

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
	for (round = 0; round < 5; round++)
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};

		step_until_asleep(s, ship->stat);
		assert_int_equal(write(go[1], "g", 1), 1);
		assert_int_equal(poll(&fd, 1, SHIPPING_TIMEOUT_MS), 1);
		while (shipping_count(ship, 0).points < round + 1)
		{
			int wait_ms = osp_shipper_step(s);

			assert_true(wait_ms >= 0);
			(void) usleep((unsigned) wait_ms * 1000);
		}
	}
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_int_equal(wstatus, 0);
	shipping_expect(ship, 0, 5);
	(void) close(go[0]);
	(void) close(go[1]);
}

static bool
has_no_ring(void *arg)
{
	return shipping_rings(arg) == 0;
}

/* The ring of a producer that ends is given back at once, though nothing else
 * happens; those of others stay. */
static void
test_rings_go(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producers[20];
	int64_t begin;
	int n;

	for (n = 0; n < 20; n++)
	{
		shipping_produce_open(ship, &producers[n], RING_SIZE);
		assert_int_equal(shipping_produce(&producers[n], n, 0, 10 + n), 10 + n);
	}
	step_until_asleep(s, stat);
	assert_int_equal(shipping_rings(ship), 20);
	for (n = 0; n < 19; n++)
		osp_producer_close(&producers[n]);
	step_until_asleep(s, stat);
	assert_int_equal(shipping_rings(ship), 1);
	assert_int_equal(stat->retired_records, (10 + 28) * 19 / 2);
	assert_int_equal(stat->ring_bytes, OSP_RING_HEADER_SIZE + OSP_RING_MIN);
	assert_int_equal(shipping_produce(&producers[19], 19, 29, 30), 1);
	step_until_asleep(s, stat);
	for (n = 0; n < 20; n++)
		shipping_expect(ship, n, 10 + n + (n == 19));
	begin = osp_mono_now();
	osp_producer_close(&producers[19]);
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_no_ring, ship));
	assert_true(osp_mono_now() - begin < INT64_C(1000000000));
	assert_int_equal(stat->ring_bytes, 0);
}

/* Reads what all rings say until it is told to end; fails if that ever becomes less. */
static int
watch_totals(const shipping *ship, int end_fd)
{
	struct pollfd end = {end_fd, POLLIN, 0};
	int dir_fd = open(ship->run, O_RDONLY | O_DIRECTORY);
	uint64_t seen = 0;

	while (poll(&end, 1, 0) == 0)
	{
		osp_run_totals totals;
		osp_error err;

		if (osp_run_totals_read(dir_fd, &totals, &err) != OSP_OK ||
			totals.written < seen)
			return 1;
		seen = totals.written;
	}
	return 0;
}

typedef struct retired
{
	const osp_runstat *stat;
	uint64_t records;
} retired;

static bool
has_retired(void *arg)
{
	const retired *r = arg;

	return r->stat->retired_records == r->records;
}

/* Whoever reads the counters while rings are removed counts each of them once. */
static void
test_totals_while_rings_go(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	int fds[2];
	int status;
	pid_t pid;
	int n;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
	{
		(void) close(fds[1]);
		_exit(watch_totals(ship, fds[0]));
	}
	for (n = 0; n < 500; n++)
	{
		retired wanted = {ship->stat, 10 * (uint64_t) (n + 1)};
		osp_producer producer;

		shipping_produce_open(ship, &producer, RING_SIZE);
		assert_int_equal(
			shipping_produce(&producer, n % SHIPPING_PRODUCERS, 0, 10), 10);
		osp_producer_close(&producer);
		assert_true(
			shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_retired, &wanted));
	}
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(ship->stat->retired_records, 500 * 10);
	assert_int_equal(ship->stat->retiring % 2, 0);
}

/* As above, of producers that are killed in the middle of a record. */
static void
test_rings_of_the_dead(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	int64_t begin;
	int n;

	step_until_asleep(s, stat);
	for (n = 0; n < 3; n++)
	{
		pid_t pid = fork();

		if (pid == 0)
		{
			if (osp_producer_open(
					&producer,
					ship->run,
					&(osp_producer_options){.ring_size = RING_SIZE},
					NULL) != OSP_OK)
				_exit(1);
			if (shipping_produce(&producer, n, 0, 40) != 40)
				_exit(2);
			if (osp_ring_reserve(&producer.ring, 1000) == NULL)
				_exit(3);
			(void) kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	begin = osp_mono_now();
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_no_ring, ship));
	assert_true(osp_mono_now() - begin < INT64_C(1000000000));
	for (n = 0; n < 3; n++)
		shipping_expect(ship, n, 40);
	assert_int_equal(stat->retired_records, 120);
}

/* What grew is read in its order, and the small rings are given back. */
static void
test_rings_grow(void **state)
{
	shipping *ship = *state;
	osp_shipper *s;
	osp_runstat *stat = ship->stat;
	osp_producer producer;

	shipping_produce_open(ship, &producer, 4 << 20);
	assert_int_equal(shipping_produce(&producer, 0, 0, 20000), 20000);
	assert_int_equal(producer.ring.capacity, 4 << 20);
	assert_true(shipping_rings(ship) > 2);
	s = shipping_open(ship);
	step_until_asleep(s, stat);
	shipping_expect(ship, 0, 20000);
	assert_int_equal(shipping_rings(ship), 1);
	assert_int_equal(stat->spooled, 0);
	assert_int_equal(stat->ring_bytes, OSP_RING_HEADER_SIZE + (4 << 20));
	osp_producer_close(&producer);
}

static bool
has_lost_point(void *arg)
{
	return shipping_holds(arg, "\"name\": \"osprofiler.lost-stop\"");
}

/* Of records that found no room the trace says how many, once, also if nothing is
 * written any more. */
static void
test_losses_are_reported(void **state)
{
	shipping *ship = *state;
	osp_shipper *s;
	osp_producer producer;
	int committed;

	shipping_produce_open(ship, &producer, OSP_RING_MIN);
	committed = shipping_produce(&producer, 0, 0, 2000);
	assert_true(committed < 2000);
	assert_int_equal(shipping_produce(&producer, 1, 0, 3), 0);
	osp_producer_close(&producer);
	s = shipping_open(ship);
	assert_true(
		shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_lost_point, ship));
	step_until_asleep(s, ship->stat);
	assert_int_equal(shipping_rings(ship), 0);
	assert_int_equal(shipping_lost_points(ship, "base of 0"), 2000 - committed);
	assert_int_equal(shipping_lost_points(ship, "base of 1"), 3);

	/* The reports themselves are not older than the shipper. */
	assert_true(ship->stat->lag_p99_us < SHIPPING_TIMEOUT_MS * 1000);
	shipping_close(ship);
	shipping_deliver(ship);
	assert_int_equal(shipping_lost_points(ship, "base of 1"), 3);
}

/* Labels of each program reach its points. */
static void
test_labels(void **state)
{
	shipping *ship = *state;
	osp_producer_options options = {.ring_size = RING_SIZE};
	osp_producer nova;
	osp_producer plain;

	options.project = OSP_STR("nova");
	options.service = OSP_STR("api");
	assert_int_equal(osp_producer_open(&nova, ship->run, &options, NULL),
					 OSP_OK);
	shipping_produce_open(ship, &plain, RING_SIZE);
	assert_int_equal(shipping_produce(&nova, 0, 0, 1), 1);
	osp_producer_close(&nova);
	shipping_deliver(ship);
	assert_true(shipping_holds(ship, "\"project\": \"nova\""));
	assert_true(shipping_holds(ship, "\"service\": \"api\""));
	assert_false(shipping_holds(ship, "\"project\": \"project\""));
	assert_int_equal(shipping_produce(&plain, 1, 0, 1), 1);
	osp_producer_close(&plain);
	shipping_deliver(ship);
	assert_true(shipping_holds(ship, "\"project\": \"project\""));
	assert_true(shipping_holds(ship, "\"service\": null"));
}

/* Damage of a word that only the shipper writes is repaired, and costs nothing that
 * lies in the ring; with others the shipper does not spin. */
static void
test_damaged_header(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	static const uint64_t values[] = {
		0, 1, 8, 4096, UINT64_C(1) << 40, UINT64_MAX, UINT64_MAX - 7};
	osp_producer producer;
	int count = 0;
	size_t i;

	shipping_produce_open(ship, &producer, RING_SIZE);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		uint64_t corrupt = stat->corrupt_bytes;

		assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
		count += 10;
		step_until_asleep(s, stat);
		producer.ring.header->tail = values[i];
		assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
		count += 10;
		step_until_asleep(s, stat);
		assert_true(count_steps(s, 100) <= 2);
		assert_true(stat->corrupt_bytes > corrupt);
		shipping_expect(ship, 0, count);
	}
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		producer.ring.header->head = values[i];
		stat->sleeping = 0;
		(void) osp_shipper_step(s);
		step_until_asleep(s, stat);
		assert_true(count_steps(s, 100) <= 2);
	}
	shipping_close(ship);

	/* The same, of a shipper that begins. */
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		producer.ring.header->tail = values[i];
		producer.ring.header->predecessor = values[i];
		s = shipping_open(ship);
		step_until_asleep(s, stat);
		assert_true(count_steps(s, 100) <= 2);
		shipping_close(ship);
	}
	osp_producer_close(&producer);
}

static bool
is_alive(const shipping *ship)
{
	bool alive;
	int dir_fd;

	assert_int_equal(osp_rundir_open(ship->run, false, &dir_fd, NULL), OSP_OK);
	alive = osp_shipper_alive(dir_fd);
	(void) close(dir_fd);
	return alive;
}

static void
remove_directory(const shipping *ship)
{
	char command[200];

	(void) snprintf(command, sizeof(command), "rm -rf '%s'", ship->run);
	assert_int_equal(system(command), 0);
}

static bool
is_made_anew(void *arg)
{
	const shipping *ship = arg;
	char path[128];

	(void) snprintf(path, sizeof(path), "%s/lock", ship->run);
	return access(path, F_OK) == 0;
}

/* The run directory is removed while the shipper sleeps: it delivers what is mapped,
 * and goes on in a new one, as its producers do; with one line in the log. */
static void
test_directory_removed(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	osp_producer idle;
	char spool[128];
	osp_shipper *s;
	int round;
	int count = 0;

	(void) snprintf(spool, sizeof(spool), "%s.spool", ship->run);
	options.spool_path = spool;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, RING_SIZE);
	shipping_produce_open(ship, &idle, RING_SIZE);
	assert_int_equal(shipping_produce(&idle, 1, 0, 10), 10);
	for (round = 0; round < 3; round++)
	{
		assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
		count += 10;
		if (round == 0)
			step_until_asleep(s, stat);
		remove_directory(ship);
		assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
		count += 10;
		assert_true(
			shipping_step_until(s, SHIPPING_TIMEOUT_MS, is_made_anew, ship));
		assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
		count += 10;
		assert_int_equal(ship->log.warnings, round + 1);
		assert_true(is_alive(ship));
		assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
		shipping_expect_sums(ship);
	}
	assert_int_equal(shipping_produce(&idle, 1, 10, 20), 10);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	shipping_expect_sums(ship);
	assert_int_equal(shipping_count(ship, 0).points, count);
	assert_int_equal(shipping_count(ship, 1).points, 20);
	assert_true(shipping_rings(ship) > 0);
	assert_int_equal(ship->log.warnings, 3);
	osp_producer_close(&producer);
	osp_producer_close(&idle);
	shipping_close(ship);
	(void) unlink(spool);
}

static bool
is_never(void *arg)
{
	(void) arg;
	return false;
}

/* The run directory is removed, and another shipper is there first: that one says so. */
static void
test_directory_removed_and_taken(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_shipper *second;
	char spool[128];
	char other[128];
	osp_shipper *s;
	osp_error err;

	(void) snprintf(spool, sizeof(spool), "%s.spool", ship->run);
	(void) snprintf(other, sizeof(other), "%s.other", ship->run);
	options.spool_path = spool;
	s = shipping_open_with(ship, &options);
	remove_directory(ship);
	options.spool_path = other;
	assert_int_equal(osp_shipper_open(&options, &second, &err), OSP_OK);
	assert_false(shipping_step_until(s, 3000, is_never, ship));
	assert_int_equal(ship->log.warnings, 0);
	osp_shipper_close(second);
	remove_directory(ship);
	assert_true(
		shipping_step_until(s, SHIPPING_TIMEOUT_MS, is_made_anew, ship));
	assert_int_equal(ship->log.warnings, 1);
	shipping_close(ship);
	(void) unlink(spool);
	(void) unlink(other);
}

static void
remove_file(const shipping *ship, const char *name)
{
	char path[128];

	(void) snprintf(path, sizeof(path), "%s/%s", ship->run, name);
	assert_int_equal(unlink(path), 0);
}

/* The status file goes, and the lock and the directory stay, for good or until a
 * producer has begun. The shipper does not take its own lock for that of another one,
 * and delivers what is written then, also if it is closed at once. */
static void
test_directory_removed_in_part(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_producer producer;
	osp_producer earlier;
	char spool[128];
	osp_shipper *s;
	int round;

	(void) snprintf(spool, sizeof(spool), "%s.spool", ship->run);
	options.spool_path = spool;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &earlier, RING_SIZE);
	for (round = 0; round < 3; round++)
	{
		assert_int_equal(
			shipping_produce(&earlier, 1, 10 * round, 10 * round + 10), 10);
		remove_file(ship, "status");
		if (round > 0)
			(void) osp_shipper_step(s);
		if (round > 1)
			remove_directory(ship);
		shipping_produce_open(ship, &producer, RING_SIZE);
		assert_int_equal(
			shipping_produce(&producer, 0, 10 * round, 10 * round + 10), 10);
		osp_producer_close(&producer);
		assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
		assert_int_equal(shipping_count(ship, 0).points, 10 * round + 10);
		assert_int_equal(shipping_count(ship, 1).points, 10 * round + 10);
		assert_int_equal(ship->log.warnings, round + 1);
		assert_true(is_alive(ship));
		shipping_expect_sums(ship);
	}
	osp_producer_close(&earlier);
	shipping_close(ship);
	(void) unlink(spool);
}

/* Of a ring whose file alone was removed the records are counted all the same; and what
 * was counted before the directory was removed, stays: contexts, refusals, the last
 * error. */
static void
test_counters_survive(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_producer producer;
	osp_producer other;
	osp_run_totals totals;
	char spool[128];
	osp_shipper *s;
	int dir_fd;

	(void) snprintf(spool, sizeof(spool), "%s.spool", ship->run);
	options.spool_path = spool;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 10), 10);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	remove_file(ship, "ring.0");
	shipping_produce_open(ship, &other, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 10, 20), 10);
	assert_int_equal(shipping_produce(&other, 1, 0, 10), 10);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	shipping_expect_sums(ship);

	/* A collector that takes nothing: all of it waits in the spool. */
	ship->control->fail = UINT32_MAX;
	assert_int_equal(shipping_produce(&other, 1, 10, 20), 10);
	(void) osp_shipper_flush(s, SHIPPING_TIMEOUT_MS);
	shipping_expect_sums(ship);
	osp_runstat_add(&ship->stat->contexts[OSP_CTX_ACCEPTED], 7);
	osp_runstat_add(&ship->stat->untraced, 3);
	remove_directory(ship);
	assert_true(
		shipping_step_until(s, SHIPPING_TIMEOUT_MS, is_made_anew, ship));
	shipping_expect_sums(ship);
	assert_int_equal(osp_rundir_open(ship->run, false, &dir_fd, NULL), OSP_OK);
	assert_int_equal(osp_run_totals_read(dir_fd, &totals, NULL), OSP_OK);
	assert_int_equal(close(dir_fd), 0);
	assert_int_equal(totals.stat.spool_points, 10);
	assert_int_equal(totals.stat.contexts[OSP_CTX_ACCEPTED], 7);
	assert_int_equal(totals.stat.untraced, 3);
	assert_true(totals.stat.driver_errors > 0);
	assert_true(totals.stat.last_error_wall_ns > 0);
	assert_true(strlen(totals.stat.last_error) > 0);
	ship->control->fail = 0;
	assert_int_equal(shipping_produce(&other, 1, 20, 30), 10);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	shipping_expect_sums(ship);
	assert_int_equal(shipping_count(ship, 0).points, 20);
	assert_int_equal(shipping_count(ship, 1).points, 30);
	osp_producer_close(&producer);
	osp_producer_close(&other);
	shipping_close(ship);
	(void) unlink(spool);
}

/* The spool lies in the run directory by default. What is in it survives both, the
 * directory and the shipper. */
static void
test_spool_survives(void **state)
{
	shipping *ship = *state;
	osp_producer producer;
	osp_shipper *s = shipping_open(ship);
	int round;

	shipping_produce_open(ship, &producer, RING_SIZE);
	ship->control->fail = UINT32_MAX;
	for (round = 0; round < 3; round++)
	{
		assert_int_equal(
			shipping_produce(&producer, 0, 10 * round, 10 * round + 10), 10);
		(void) osp_shipper_flush(s, SHIPPING_TIMEOUT_MS);
		if (round == 2)
			remove_file(ship, "spool");
		else
		{
			remove_directory(ship);
			assert_true(shipping_step_until(
				s, SHIPPING_TIMEOUT_MS, is_made_anew, ship));
		}
	}
	shipping_close(ship);
	ship->control->fail = 0;
	osp_producer_close(&producer);
	shipping_deliver(ship);
	shipping_expect(ship, 0, 30);
	shipping_expect_sums(ship);
}

static bool
has_warned(void *arg)
{
	const shipping *ship = arg;

	return ship->log.warnings > 0;
}

/* While the run directory cannot be made anew, what is mapped is delivered, the shipper
 * keeps its lock, and it says once what is wrong. */
static void
test_directory_refused(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_producer producer;
	char spool[128];
	osp_shipper *s;
	int count;

	(void) snprintf(spool, sizeof(spool), "%s.spool", ship->run);
	options.spool_path = spool;
	s = shipping_open_with(ship, &options);
	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 10), 10);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	remove_directory(ship);

	/* Others could write there. */
	assert_int_equal(mkdir(ship->run, 0700), 0);
	assert_int_equal(chmod(ship->run, 0777), 0);
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_warned, ship));
	for (count = 10; count < 40; count += 10)
	{
		assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
		assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	}
	assert_int_equal(shipping_count(ship, 0).points, count);
	assert_int_equal(ship->log.warnings, 1);
	assert_int_equal(chmod(ship->run, 0700), 0);
	assert_true(
		shipping_step_until(s, SHIPPING_TIMEOUT_MS, is_made_anew, ship));
	assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
	assert_true(osp_shipper_flush(s, SHIPPING_TIMEOUT_MS));
	assert_int_equal(shipping_count(ship, 0).points, count + 10);
	assert_true(is_alive(ship));
	osp_producer_close(&producer);
	shipping_close(ship);
	(void) unlink(spool);
}

static void
test_damaged_records(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	uint64_t begin;
	uint64_t end;
	int n = 0;
	int round;

	srand(1);
	shipping_produce_open(ship, &producer, RING_SIZE);
	for (round = 0; round < 50; round++)
	{
		uint64_t at;

		/* Good ones, delivered, then some of which one is damaged. */
		assert_int_equal(shipping_produce(&producer, 0, n, n + 10), 10);
		n += 10;
		assert_true(osp_shipper_flush(s, 5000));
		begin = producer.ring.head;
		assert_int_equal(shipping_produce(&producer, 1, 0, 3), 3);
		end = producer.ring.head;
		at = begin + (uint64_t) rand() % (end - begin);
		producer.ring.data[at & producer.ring.mask] ^=
			(char) (1 << (rand() % 8));
		assert_true(osp_shipper_flush(s, 5000));
	}
	shipping_expect(ship, 0, n);
	assert_true(stat->corrupt_bytes > 0);
	assert_int_equal(stat->corrupt_bytes, producer.ring.header->corrupt);

	/* A head that makes no sense. */
	producer.ring.header->head += 3 * (uint64_t) RING_SIZE + 1;
	(void) osp_shipper_step(s);
	(void) osp_shipper_step(s);
}

static void
test_foreign_files(void **state)
{
	shipping *ship = *state;
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	osp_shipper *s;
	char path[128];
	uint32_t version = 99;
	int fd;

	shipping_produce_open(ship, &producer, RING_SIZE);
	osp_producer_close(&producer);
	(void) snprintf(path, sizeof(path), "%s/ring.0", ship->run);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, &version, sizeof(version), 8), sizeof(version));
	(void) close(fd);
	(void) snprintf(path, sizeof(path), "%s/ring.7", ship->run);
	assert_int_equal(mkdir(path, 0700), 0);
	(void) snprintf(path, sizeof(path), "%s/ring.08", ship->run);
	assert_int_equal(symlink("ring.0", path), 0);

	s = shipping_open(ship);
	assert_int_equal(ship->log.warnings, 1);
	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, 0, 0, 10), 10);
	step_until_asleep(s, stat);
	shipping_expect(ship, 0, 10);
	assert_int_equal(ship->log.warnings, 1);

	/* A ring whose file is gone is delivered to its end. */
	(void) snprintf(path, sizeof(path), "%s/ring.1", ship->run);
	assert_int_equal(unlink(path), 0);
	stat->rings_made++;
	(void) osp_shipper_step(s);
	assert_int_equal(shipping_produce(&producer, 0, 10, 20), 10);
	step_until_asleep(s, stat);
	shipping_expect(ship, 0, 20);
}

/* A driver may keep what has to outlive it in the run directory, and knows when
 * nobody goes on with that. */
static void
test_state_of_drivers(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	int last;

	for (last = 0; last < 2; last++)
	{
		memset(ship->control->state_directory, 0, 256);
		ship->control->last = 2;
		options.last = last != 0;
		(void) shipping_open_with(ship, &options);
		shipping_close(ship);
		assert_string_equal(ship->control->state_directory, ship->run);
		assert_int_equal(ship->control->last, last);
	}
}

static void
test_one_shipper(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	osp_shipper *second;
	osp_error err;

	(void) shipping_open(ship);
	assert_true(is_alive(ship));
	assert_int_equal(osp_shipper_open(&options, &second, &err), OSP_EBUSY);
	assert_null(second);
	assert_true(is_alive(ship));
	shipping_close(ship);
	assert_false(is_alive(ship));
	(void) shipping_open(ship);
	shipping_close(ship);
	osp_shipper_close(NULL);

	options.run_directory = "/tmp";
	assert_int_equal(osp_shipper_open(&options, &second, &err), OSP_EPERM);
	options.run_directory = NULL;
	assert_int_equal(osp_shipper_open(&options, &second, &err), OSP_EINVAL);
}

/* The offset to the wall clock follows when somebody sets the clock. */
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

/* The status file says how fast it was, and how late. */
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
	step_until_asleep(s, stat);
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
		TEST(test_rings_go),
		TEST(test_totals_while_rings_go),
		TEST(test_rings_of_the_dead),
		TEST(test_rings_grow),
		TEST(test_losses_are_reported),
		TEST(test_labels),
		TEST(test_damaged_header),
		TEST(test_directory_removed),
		TEST(test_directory_removed_and_taken),
		TEST(test_directory_removed_in_part),
		TEST(test_counters_survive),
		TEST(test_spool_survives),
		TEST(test_directory_refused),
		TEST(test_damaged_records),
		TEST(test_foreign_files),
		TEST(test_state_of_drivers),
		TEST(test_one_shipper),
		TEST(test_clock_step),
		TEST(test_refused_points),
		TEST(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
