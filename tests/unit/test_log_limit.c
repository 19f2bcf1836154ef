/* SPDX-License-Identifier: Apache-2.0
 *
 * test_log_limit.c
 *	  Lines of a log that stand for many cases: the first case is logged at once, then
 *	  one line a minute. All cases are counted, also if several processes count at the
 *	  same time.
 */
#include "tap.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log_limit.h"

#define SECOND INT64_C(1000000000)
#define START  (1000 * SECOND)

#define PROCESSES 8
#define CASES     100000

static void
test_once_a_minute(void **state)
{
	osp_log_limit limit;
	int i;

	(void) state;
	memset(&limit, 0, sizeof(limit));
	assert_int_equal(osp_log_limit_rest(&limit, START), 0);
	assert_int_equal(osp_log_limit_add(&limit, "full", START), 1);
	for (i = 1; i < 60; i++)
		assert_int_equal(osp_log_limit_add(&limit, "full", START + i * SECOND),
						 0);
	assert_int_equal(osp_log_limit_add(&limit, "full", START + 60 * SECOND),
					 60);
	assert_int_equal(osp_log_limit_rest(&limit, START + 200 * SECOND), 0);
	assert_int_equal(osp_log_limit_add(&limit, "full", START + 300 * SECOND),
					 1);
}

/* Cases that were counted but not logged are reported when a minute is over, and not
 * earlier. */
static void
test_rest(void **state)
{
	osp_log_limit limit;

	(void) state;
	memset(&limit, 0, sizeof(limit));
	assert_int_equal(osp_log_limit_add(&limit, "full", START), 1);
	assert_int_equal(osp_log_limit_add(&limit, "closed", START), 1);
	assert_int_equal(osp_log_limit_add(&limit, "full", START + SECOND), 0);
	assert_int_equal(osp_log_limit_add(&limit, "full", START + SECOND), 0);
	assert_int_equal(osp_log_limit_add(&limit, "closed", START + SECOND), 0);
	assert_int_equal(osp_log_limit_rest(&limit, START + 59 * SECOND), 0);
	assert_int_equal(osp_log_limit_rest(&limit, START + 60 * SECOND), 3);
	assert_int_equal(osp_log_limit_rest(&limit, START + 600 * SECOND), 0);
}

/* A different text is logged at once. A text that differs only in numbers is not. */
static void
test_texts(void **state)
{
	osp_log_limit limit;
	char text[] = "text A";
	int i;

	(void) state;
	memset(&limit, 0, sizeof(limit));
	assert_int_equal(osp_log_limit_add(&limit, "no room for ring.17", START),
					 1);
	assert_int_equal(osp_log_limit_add(&limit, "no room for ring.9", START), 0);
	assert_int_equal(osp_log_limit_add(&limit, "it is closed", START), 1);
	assert_int_equal(osp_log_limit_add(&limit, "no room for ring.1", START), 0);
	assert_int_equal(osp_log_limit_add(&limit, "it is closed", START), 0);

	/* If there are too many texts, only the oldest one is forgotten. */
	memset(&limit, 0, sizeof(limit));
	for (i = 0; i <= OSP_LOG_LIMIT_TEXTS; i++)
	{
		text[5] = (char) ('A' + i);
		assert_int_equal(osp_log_limit_add(&limit, text, START + i), 1);
	}
	assert_int_equal(osp_log_limit_add(&limit, "text B", START + SECOND), 0);
	assert_int_equal(osp_log_limit_add(&limit, "text A", START + SECOND), 1);
}

/* Several processes count cases. Each case is in exactly one line. */
static void
test_race(void **state)
{
	struct shared
	{
		osp_log_limit limit;
		uint64_t logged;
	} *shared = mmap(NULL,
					 sizeof(*shared),
					 PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS,
					 -1,
					 0);
	int p;
	int i;

	(void) state;
	assert_ptr_not_equal(shared, MAP_FAILED);
	for (p = 0; p < PROCESSES; p++)
	{
		if (fork() != 0)
			continue;
		for (i = 0; i < CASES; i++)
			(void) __atomic_fetch_add(
				&shared->logged,
				osp_log_limit_add(&shared->limit, "full", START + i * SECOND),
				__ATOMIC_RELAXED);
		_exit(0);
	}
	while (wait(NULL) > 0)
		continue;
	shared->logged +=
		osp_log_limit_rest(&shared->limit, START + (CASES + 60) * SECOND);
	assert_int_equal(shared->logged, PROCESSES * CASES);
	(void) munmap(shared, sizeof(*shared));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_a_minute),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
