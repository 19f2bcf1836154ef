/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_tests.h
 *	  Declarations for the tests of the redis driver. They are one program of three
 *	  files: stored data and logins (test_redis.c), faults of the server
 *	  (redis_faults.c), and servers that are not Redis (redis_strangers.c).
 */
#ifndef TEST_REDIS_TESTS_H
#define TEST_REDIS_TESTS_H

#include <hiredis/hiredis.h>

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_redis;

/* ---- shared by the tests (redis_fixture.c) ---- */

/* The id of the trace that most tests store. */
extern const osp_str redis_trace;

/* The server of the current test, and its connection string: "redis://...". */
extern script_server redis_test_server;
extern char redis_test_dir[128];
extern char redis_test_uri[256];

/* Starts the server with these options. If one is running, stops it first. */
void redis_test_start(const char *options);
void redis_test_restart(const char *options);
void redis_test_again(void);

/* Makes the next test start a new server, because this one is not as it was at first. */
void redis_test_spoil(void);

/* The connection string of the server with this login, and with rest after the port
 * (static). */
const char *redis_test_uri_of(const char *login, const char *rest);

/* Sends a command to the server without the driver. Returns the reply, owned. */
redisReply *redis_test_command(const char *format, ...);
void redis_test_command_ok(const char *text);

/* Functions of a backend (contract.h). */
void redis_test_reset(void);
void redis_test_finish(void);
const char *redis_test_connection_string(void);

/* ---- redis_faults.c ---- */

void test_restart(void **state);
void test_killed_during_batch(void **state);
void test_wrong_type(void **state);
void test_value_too_long(void **state);
void test_server_in_trouble(void **state);
void test_server_drops_us(void **state);

/* ---- redis_strangers.c ---- */

void test_nobody_there(void **state);
void test_mute_server(void **state);
void test_unreachable(void **state);
void test_unasked_answers(void **state);
void test_dripping_server(void **state);
void test_large_answers(void **state);
void test_other_servers(void **state);
void test_turned_away(void **state);
void test_wrong_shapes(void **state);

#endif /* TEST_REDIS_TESTS_H */
