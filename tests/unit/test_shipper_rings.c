/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shipper_rings.c
 *	  The shipper and its rings: rings that grow, are removed, lose points or are
 *	  damaged.
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shipping.h"

#define RING_SIZE (256 * 1024)

static bool
has_no_ring(void *arg)
{
	return shipping_rings(arg) == 0;
}

/* The ring of a producer that has ended is removed at once, even if nothing else
 * happens. The rings of other producers stay. */
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
	shipping_step_until_asleep(s, stat);
	assert_int_equal(shipping_rings(ship), 20);
	for (n = 0; n < 19; n++)
		osp_producer_close(&producers[n]);
	shipping_step_until_asleep(s, stat);
	assert_int_equal(shipping_rings(ship), 1);
	assert_int_equal(stat->retired_records, (10 + 28) * 19 / 2);
	assert_int_equal(stat->ring_bytes, OSP_RING_HEADER_SIZE + OSP_RING_MIN);
	assert_int_equal(shipping_produce(&producers[19], 19, 29, 30), 1);
	shipping_step_until_asleep(s, stat);
	for (n = 0; n < 20; n++)
		shipping_expect(ship, n, 10 + n + (n == 19));
	begin = osp_mono_now();
	osp_producer_close(&producers[19]);
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_no_ring, ship));
	assert_true(osp_mono_now() - begin < INT64_C(1000000000));
	assert_int_equal(stat->ring_bytes, 0);
}

/* Reads the counters of all rings until end_fd is readable. Fails if a counter ever
 * decreases. */
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

/* A process that reads the counters while rings are removed counts each of them once. */
static void
test_totals_while_rings_go(void **state)
{
	shipping *ship = *state;
	osp_shipper *s;
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

	/* The shipper is opened after the fork, because its threads may hold locks of the
	 * sanitizers' allocator. */
	s = shipping_open(ship);
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

/* The same for producers that are killed in the middle of a record. */
static void
test_rings_of_the_dead(void **state)
{
	shipping *ship = *state;
	osp_shipper *s = shipping_open(ship);
	osp_runstat *stat = ship->stat;
	osp_producer producer;
	int64_t begin;
	int n;

	shipping_step_until_asleep(s, stat);
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

/* Rings that grew are read in their order, and the smaller ones are removed. */
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
	shipping_step_until_asleep(s, stat);
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

/* If records found no room, the trace says how many, once, also if no further record is
 * written. */
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
	shipping_step_until_asleep(s, ship->stat);
	assert_int_equal(shipping_rings(ship), 0);
	assert_int_equal(shipping_lost_points(ship, "base of 0"), 2000 - committed);
	assert_int_equal(shipping_lost_points(ship, "base of 1"), 3);

	/* The time of the reports is not before the beginning of the shipper. */
	assert_true(ship->stat->lag_p99_us < SHIPPING_TIMEOUT_MS * 1000);
	shipping_close(ship);
	shipping_deliver(ship);
	assert_int_equal(shipping_lost_points(ship, "base of 1"), 3);
}

/* The labels of each program are in its points. */
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

/* If a word that only the shipper writes is damaged, the shipper repairs it, and no
 * record in the ring is lost. If other words are damaged, the shipper does not loop. */
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
		shipping_step_until_asleep(s, stat);
		producer.ring.header->tail = values[i];
		assert_int_equal(shipping_produce(&producer, 0, count, count + 10), 10);
		count += 10;
		shipping_step_until_asleep(s, stat);
		assert_true(shipping_count_steps(s, 100) <= 2);
		assert_true(stat->corrupt_bytes > corrupt);
		shipping_expect(ship, 0, count);
	}
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		producer.ring.header->head = values[i];
		stat->sleeping = 0;
		(void) osp_shipper_step(s);
		shipping_step_until_asleep(s, stat);
		assert_true(shipping_count_steps(s, 100) <= 2);
	}
	shipping_close(ship);

	/* The same for a shipper that begins. */
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		producer.ring.header->tail = values[i];
		producer.ring.header->predecessor = values[i];
		s = shipping_open(ship);
		shipping_step_until_asleep(s, stat);
		assert_true(shipping_count_steps(s, 100) <= 2);
		shipping_close(ship);
	}
	osp_producer_close(&producer);
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

		/* Valid records are delivered. Then one of several further records is damaged. */
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

	/* The value of head is impossible. */
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
	shipping_step_until_asleep(s, stat);
	shipping_expect(ship, 0, 10);
	assert_int_equal(ship->log.warnings, 1);

	/* A ring whose file was removed is delivered to its end. */
	(void) snprintf(path, sizeof(path), "%s/ring.1", ship->run);
	assert_int_equal(unlink(path), 0);
	stat->rings_made++;
	(void) osp_shipper_step(s);
	assert_int_equal(shipping_produce(&producer, 0, 10, 20), 10);
	shipping_step_until_asleep(s, stat);
	shipping_expect(ship, 0, 20);
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, shipping_setup, shipping_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rings_go),
		TEST(test_totals_while_rings_go),
		TEST(test_rings_of_the_dead),
		TEST(test_rings_grow),
		TEST(test_losses_are_reported),
		TEST(test_labels),
		TEST(test_damaged_header),
		TEST(test_damaged_records),
		TEST(test_foreign_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
