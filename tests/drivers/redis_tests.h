/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_tests.h
 *	  The tests of the redis driver, one program of three files: its bytes and
 *	  logins (test_redis.c), a server in trouble (redis_faults.c), and who is no
 *	  such server at all (redis_strangers.c).
 */
#ifndef TEST_REDIS_TESTS_H
#define TEST_REDIS_TESTS_H

#include <hiredis/hiredis.h>

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_redis;

/* ---- what they share (redis_fixture.c) ---- */

/* The trace that most of them store. */
extern const osp_str redis_trace;

/* The server of the test that runs, and where it is: "redis://...". */
extern script_server redis_test_server;
extern char redis_test_dir[128];
extern char redis_test_uri[256];

/* Starts the server with these options, or ends it and starts another one. */
void redis_test_start(const char *options);
void redis_test_restart(const char *options);
void redis_test_again(void);

/* The next test gets a server of its own; else one is kept that is in order. */
void redis_test_spoil(void);

/* Its address with this login and this rest. Static. */
const char *redis_test_uri_of(const char *login, const char *rest);

/* A command to the server, aside from the driver; owned. */
redisReply *redis_test_command(const char *format, ...);
void redis_test_command_ok(const char *text);

/* As a backend has them. */
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
