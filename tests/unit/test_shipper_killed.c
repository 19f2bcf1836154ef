/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shipper_killed.c
 *	  A shipper is killed before or after it removes the file of a ring. Each record is
 *	  counted once.
 *
 * The shipper runs in a child process. This program replaces unlinkat() of the C
 * library by a function that kills the process.
 */
#include "tap.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shipping.h"

#define RING_SIZE (256 * 1024)
#define POINTS    10

typedef enum moment
{
	NEVER,
	BEFORE,
	AFTER
} moment;

static moment killed_at;

int
unlinkat(int dir_fd, const char *name, int flags)
{
	bool is_ring = strncmp(name, "ring.", strlen("ring.")) == 0;
	long rc;

	if (is_ring && killed_at == BEFORE)
		(void) kill(getpid(), SIGKILL);
	rc = syscall(SYS_unlinkat, dir_fd, name, flags);
	if (is_ring && killed_at == AFTER)
		(void) kill(getpid(), SIGKILL);
	return (int) rc;
}

static bool
never(void *arg)
{
	(void) arg;
	return false;
}

/* Runs a shipper that is killed when it removes a ring. */
static void
be_killed(shipping *ship, moment at)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
	{
		killed_at = at;
		(void) shipping_step_until(
			shipping_open(ship), SHIPPING_TIMEOUT_MS, never, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
produce(shipping *ship, int n)
{
	osp_producer producer;

	shipping_produce_open(ship, &producer, RING_SIZE);
	assert_int_equal(shipping_produce(&producer, n, 0, POINTS), POINTS);
	osp_producer_close(&producer);
}

static void
kill_in_each_round(shipping *ship, moment at)
{
	int n;

	for (n = 0; n < 5; n++)
	{
		produce(ship, n);
		be_killed(ship, at);
	}
	shipping_deliver(ship);
	assert_int_equal(shipping_rings(ship), 0);
	assert_int_equal(ship->stat->retired_records, 5 * POINTS);
	assert_int_equal(ship->stat->retired_dropped, 0);
	assert_int_equal(ship->stat->retiring % 2, 0);
	for (n = 0; n < 5; n++)
		assert_int_equal(shipping_count(ship, n).points, POINTS);
}

static void
test_killed_before_the_removal(void **state)
{
	kill_in_each_round(*state, BEFORE);
}

static void
test_killed_after_the_removal(void **state)
{
	kill_in_each_round(*state, AFTER);
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, shipping_setup, shipping_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_killed_before_the_removal),
		TEST(test_killed_after_the_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
