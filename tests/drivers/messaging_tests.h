/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_tests.h
 *	  Declarations for the tests of the messaging driver. They are one program of four
 *	  files: messages, users and options (test_messaging.c), faults of the broker
 *	  (messaging_faults.c), removing traces (messaging_removals.c), and servers that are
 *	  no broker (messaging_strangers.c).
 *
 * The tests check the queue over a connection of their own.
 */
#ifndef TEST_MESSAGING_TESTS_H
#define TEST_MESSAGING_TESTS_H

#include <amqp.h>

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_messaging;

/* ---- shared by the tests (messaging_fixture.c) ---- */

/* The id of the trace that most tests store. */
extern const osp_str messaging_trace;

/* The broker, and its connection string: "messaging://...". */
extern script_server messaging_test_server;
extern char messaging_test_dir[128];

/* Starts the broker again after it was stopped. */
void messaging_test_start(void);

/* The connection string of the broker with this login, and with rest after the port
 * (static). */
const char *messaging_test_uri(const char *login, const char *rest);

/* Opens a connection with a channel to the broker, without the driver. */
amqp_connection_state_t messaging_test_connect(void);
void messaging_test_disconnect(amqp_connection_state_t broker);

/* Asserts that the last request on such a connection succeeded. */
void messaging_test_ok(amqp_connection_state_t broker);

/* Publish a text with this content type; and remove and return the first message of a
 * queue (false: it is empty). */
void messaging_test_publish(const char *exchange, const char *key,
							const char *type, osp_str text);
bool messaging_test_get(const char *queue, amqp_message_t *message);

/* Functions of a backend (contract.h). */
void messaging_test_reset(void);
void messaging_test_finish(void);
const char *messaging_test_connection_string(void);

/* ---- messaging_faults.c ---- */

void test_restart(void **state);
void test_killed_during_batch(void **state);
void test_broker_that_hangs(void **state);
void test_other_exchange(void **state);
void test_other_durability(void **state);
void test_queue_deleted(void **state);
void test_queue_full(void **state);
void test_message_too_long(void **state);
void test_other_consumer(void **state);
void test_other_reader_ends(void **state);
void test_only_consumer(void **state);
void test_busy_broker(void **state);

/* ---- messaging_removals.c ---- */

void test_remove_alternating(void **state);
void test_remove_behind_others(void **state);
void test_remove_in_pieces(void **state);
void test_remove_all(void **state);
void test_failed_removal(void **state);
void test_removal_without_memory(void **state);
void test_interrupted_removal(void **state);
void test_remove_beside_reader(void **state);
void test_remove_from_quorum_queue(void **state);
void test_remove_from_single_consumer(void **state);

/* ---- messaging_strangers.c ---- */

void test_nobody_there(void **state);
void test_no_broker(void **state);
void test_dripping_broker(void **state);
void test_lying_broker(void **state);
void test_large_answers(void **state);
void test_alarm(void **state);

#endif /* TEST_MESSAGING_TESTS_H */
