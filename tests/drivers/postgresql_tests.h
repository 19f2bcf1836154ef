/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql_tests.h
 *	  Declarations for the tests of the postgresql driver. They are one program: table
 *	  and options (test_postgresql.c), and faults of the server (postgresql_faults.c).
 */
#ifndef TEST_POSTGRESQL_TESTS_H
#define TEST_POSTGRESQL_TESTS_H

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_postgresql;

/* ---- shared by the tests (postgresql_fixture.c) ---- */

/* The id of the trace that most tests store. */
extern const osp_str postgresql_trace;

/* The server, which is started once. */
extern script_server postgresql_test_server;
void postgresql_test_start(void);

/* The connection string of the server with this login, and with rest after the port
 * (static). */
const char *postgresql_test_uri(const char *login, const char *rest);

/* Executes a statement without the driver. Returns the first column of its first row,
 * or "" if there is none (static). */
const char *postgresql_test_sql(const char *statement);

/* Functions of a backend (contract.h). */
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
