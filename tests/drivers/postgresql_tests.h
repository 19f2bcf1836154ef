/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql_tests.h
 *	  The tests of the postgresql driver, one program: its table and options
 *	  (test_postgresql.c), a server in trouble, and who is none
 *	  (postgresql_faults.c).
 */
#ifndef TEST_POSTGRESQL_TESTS_H
#define TEST_POSTGRESQL_TESTS_H

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_postgresql;

/* ---- what they share (postgresql_fixture.c) ---- */

/* The trace that most of them store. */
extern const osp_str postgresql_trace;

/* The server; it is started once. */
extern script_server postgresql_test_server;
void postgresql_test_start(void);

/* Its address with this login and this rest. Static. */
const char *postgresql_test_uri(const char *login, const char *rest);

/* Runs a statement aside from the driver; the first column of its first row, or
 * nothing. Static. */
const char *postgresql_test_sql(const char *statement);

/* As a backend has them. */
void postgresql_test_reset(void);
void postgresql_test_finish(void);
const char *postgresql_test_connection_string(void);

/* ---- postgresql_faults.c ---- */

void test_restart(void **state);
void test_killed_during_batch(void **state);
void test_server_that_hangs(void **state);
void test_refused_rows(void **state);
void test_server_in_trouble(void **state);
void test_strangers(void **state);

#endif /* TEST_POSTGRESQL_TESTS_H */
