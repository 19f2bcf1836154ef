/* SPDX-License-Identifier: Apache-2.0
 *
 * test_run_process.c
 *	  Whether a process is still tracing, according to its ring.
 */
#include "tap.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "osprofiler/report.h"
#include "record/producer.h"
#include "run_fixture.h"

static char host[256];

static int64_t
wall_ns(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
assert_state(int64_t pid, int64_t since_ns, osp_process_state expected)
{
	assert_int_equal(
		osp_run_process_state(run_path, osp_str_of(host), pid, since_ns),
		expected);
}

static void
test_own_process(void **state)
{
	osp_producer producer;

	(void) state;
	assert_state(getpid(), wall_ns(), OSP_PROCESS_UNKNOWN);
	assert_int_equal(run_open_producer(&producer), OSP_OK);
	assert_state(getpid(), wall_ns(), OSP_PROCESS_WORKS);
	assert_state(getppid(), wall_ns(), OSP_PROCESS_UNKNOWN);
	assert_int_equal(osp_run_process_state(
						 run_path, OSP_STR("another"), getpid(), wall_ns()),
					 OSP_PROCESS_UNKNOWN);
	osp_producer_close(&producer);
	assert_state(getpid(), wall_ns(), OSP_PROCESS_UNKNOWN);
}

/* An operation that began before this process was started belongs to an earlier process
 * with the same pid. */
static void
test_older_than_the_process(void **state)
{
	osp_producer producer;

	(void) state;
	assert_int_equal(run_open_producer(&producer), OSP_OK);
	assert_state(
		getpid(), wall_ns() - INT64_C(3600000000000), OSP_PROCESS_UNKNOWN);
	osp_producer_close(&producer);
}

/* If the ring has lost points, one of them may be the stop of the operation. */
static void
test_lossy_ring(void **state)
{
	osp_producer producer;

	(void) state;
	assert_int_equal(run_open_producer(&producer), OSP_OK);
	while (osp_ring_reserve(&producer.ring, OSP_RING_MIN / 8) != NULL)
		osp_ring_commit(&producer.ring, OSP_RING_MIN / 8);
	assert_state(getpid(), wall_ns(), OSP_PROCESS_LOSSY);
	osp_producer_close(&producer);
}

static void
test_killed_process(void **state)
{
	int ready[2];
	char byte;
	pid_t pid;

	(void) state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		osp_producer producer;

		if (run_open_producer(&producer) == OSP_OK &&
			write(ready[1], "x", 1) == 1)
			(void) pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_state(pid, wall_ns(), OSP_PROCESS_WORKS);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_state(pid, wall_ns(), OSP_PROCESS_UNKNOWN);
	(void) close(ready[0]);
	(void) close(ready[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(test_own_process),
		RUN_TEST(test_older_than_the_process),
		RUN_TEST(test_lossy_ring),
		RUN_TEST(test_killed_process),
	};

	if (gethostname(host, sizeof(host) - 1) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
