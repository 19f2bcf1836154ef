/* SPDX-License-Identifier: Apache-2.0
 *
 * run_fixture.h
 *	  A run directory for one test, and producers in it.
 */
#ifndef TEST_RUN_FIXTURE_H
#define TEST_RUN_FIXTURE_H

#include "record/producer.h"

/* Not made yet when a test begins, in a directory that is removed after it. */
extern char run_path[128];

/* Fixtures of cmocka; *state is not used. */
int run_setup(void **state);
int run_teardown(void **state);

#define RUN_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, run_setup, run_teardown)

/* Opens a producer there whose ring has the smallest size and cannot grow. */
osp_status run_open_producer(osp_producer *producer);

#endif /* TEST_RUN_FIXTURE_H */
