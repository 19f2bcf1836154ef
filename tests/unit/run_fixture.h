/* SPDX-License-Identifier: Apache-2.0
 *
 * run_fixture.h
 *	  A run directory for one test, and producers in it.
 */
#ifndef TEST_RUN_FIXTURE_H
#define TEST_RUN_FIXTURE_H

#include "record/producer.h"

/* The run directory of a test. It does not exist when the test begins; its parent is
 * removed after the test. */
extern char run_path[128];

/* Fixtures for cmocka; *state is not used. */
int run_setup(void **state);
int run_teardown(void **state);

#define RUN_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, run_setup, run_teardown)

/* Opens a producer in the run directory. Its ring has the smallest size and cannot
 * grow. */
osp_status run_open_producer(osp_producer *producer);

#endif /* TEST_RUN_FIXTURE_H */
