/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_tests.h
 *	  Declarations for the tests of the mysql driver. They are one program: table and
 *	  options (test_mysql.c), and faults of the server (mysql_faults.c).
 */
#ifndef TEST_MYSQL_TESTS_H
#define TEST_MYSQL_TESTS_H

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_mysql;

/* ---- shared by the tests (mysql_fixture.c) ---- */

/* The id of the trace that most tests store. */
extern const osp_str mysql_trace;

/* The server, which is started once, and the directory of its files. */
extern script_server mysql_test_server;
extern char mysql_test_dir[128];
void mysql_test_start(void);

/* The connection string of the server with this login, and with rest after the port
 * (static). */
const char *mysql_test_uri(const char *login, const char *rest);

/* Executes a statement without the driver. Returns the first column of its first row,
 * or "" if there is none (static). */
const char *mysql_test_sql(const char *statement);

/* Functions of a backend (contract.h). */
void mysql_test_reset(void);
void mysql_test_finish(void);
const char *mysql_test_connection_string(void);

/* ---- mysql_faults.c ---- */

void test_restart(void **state);
void test_killed_during_batch(void **state);
void test_server_that_hangs(void **state);
void test_session_killed(void **state);
void test_locked_table(void **state);
void test_refused_rows(void **state);
void test_server_in_trouble(void **state);
void test_strangers(void **state);

#endif /* TEST_MYSQL_TESTS_H */
