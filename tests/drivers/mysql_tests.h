/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_tests.h
 *	  The tests of the mysql driver, one program: its table and options
 *	  (test_mysql.c), a server in trouble, and who is none (mysql_faults.c).
 */
#ifndef TEST_MYSQL_TESTS_H
#define TEST_MYSQL_TESTS_H

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_mysql;

/* ---- what they share (mysql_fixture.c) ---- */

/* The trace that most of them store. */
extern const osp_str mysql_trace;

/* The server, which is started once, and the directory of its files. */
extern script_server mysql_test_server;
extern char mysql_test_dir[128];
void mysql_test_start(void);

/* Its address with this login and this rest. Static. */
const char *mysql_test_uri(const char *login, const char *rest);

/* Runs a statement aside from the driver; the first column of its first row, or
 * nothing. Static. */
const char *mysql_test_sql(const char *statement);

/* As a backend has them. */
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
