/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shipper_directory.c
 *	  The shipper and its run directory, which may be removed. Only one shipper may use
 *	  a directory.
 */
#include "tap.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shipping.h"

#define RING_SIZE (256 * 1024)

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

/* The run directory is removed while the shipper sleeps. The shipper delivers the
 * mapped rings, and continues in a new directory, as its producers do. The log gets one
 * line. */
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
			shipping_step_until_asleep(s, stat);
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

/* The run directory is removed, and another shipper takes the new one first. The first
 * shipper reports that. */
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

static bool
serves_directory(void *arg)
{
	return is_alive(arg);
}

/* The directory is replaced by another one without an event, as if a directory above it
 * was renamed. A shipper that sleeps without a limit moves when another shipper opens
 * its spool. */
static void
test_parent_renamed(void **state)
{
	shipping *ship = *state;
	osp_shipper_options options = shipping_options(ship);
	char command[400];
	char parent[112];
	char before[sizeof(ship->run)];
	char spool[128];
	struct pollfd fd = {-1, POLLIN, 0};
	osp_shipper *second;
	osp_shipper *s;
	osp_error err;
	int tries;

	memcpy(before, ship->run, sizeof(before));
	(void) snprintf(parent, sizeof(parent), "%s.parent", before);
	(void) snprintf(spool, sizeof(spool), "%s.spool", before);
	assert_in_range(strlen(parent) + 4, 0, sizeof(ship->run) - 1);
	memcpy(ship->run, parent, strlen(parent));
	memcpy(ship->run + strlen(parent), "/run", 5);
	assert_int_equal(mkdir(parent, 0700), 0);
	options.spool_path = spool;
	s = shipping_open_with(ship, &options);
	for (tries = 0; tries < 500 && osp_shipper_step(s) >= 0; tries++)
		(void) usleep(10000);
	assert_in_range(tries, 0, 499);
	(void) snprintf(command,
					sizeof(command),
					"mv '%s' '%s.away' && mkdir -m 700 '%s'",
					parent,
					parent,
					parent);
	assert_int_equal(system(command), 0);
	fd.fd = osp_shipper_fd(s);
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(osp_shipper_open(&options, &second, &err), OSP_EBUSY);
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_true(
		shipping_step_until(s, SHIPPING_TIMEOUT_MS, serves_directory, ship));
	shipping_close(ship);
	memcpy(ship->run, before, sizeof(before));
	(void) snprintf(
		command, sizeof(command), "rm -rf '%s' '%s.away'", parent, parent);
	assert_int_equal(system(command), 0);
	(void) unlink(spool);
}

static void
remove_file(const shipping *ship, const char *name)
{
	char path[128];

	(void) snprintf(path, sizeof(path), "%s/%s", ship->run, name);
	assert_int_equal(unlink(path), 0);
}

/* The status file is removed, but the lock and the directory stay, for ever or until a
 * producer has begun. The shipper does not mistake its own lock for that of another
 * shipper, and delivers what is written then, also if it is closed at once. */
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

/* If only the file of a ring was removed, its records are counted nevertheless.
 * Counters from before the removal of the directory are kept: contexts, refusals, and
 * the last error. */
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

	/* The collector accepts nothing, so all points wait in the spool. */
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

/* By default the spool is in the run directory. Its points outlive the directory and
 * the shipper. */
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

/* While the run directory cannot be made again, the mapped rings are delivered, the
 * shipper keeps its lock, and it logs the reason once. */
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

	/* Other users may write to the directory, so it is refused. */
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

/* A driver may store data in the run directory, and is told when no other connection
 * continues with it. */
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

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, shipping_setup, shipping_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_directory_removed),
		TEST(test_directory_removed_and_taken),
		TEST(test_parent_renamed),
		TEST(test_directory_removed_in_part),
		TEST(test_counters_survive),
		TEST(test_spool_survives),
		TEST(test_directory_refused),
		TEST(test_state_of_drivers),
		TEST(test_one_shipper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
