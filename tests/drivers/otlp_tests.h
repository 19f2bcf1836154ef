/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_tests.h
 *	  Shared by the files of the otlp driver's tests.
 */
#ifndef TEST_OTLP_TESTS_H
#define TEST_OTLP_TESTS_H

#include "contract.h"
#include "otlp_receiver.h"

extern const osp_driver osp_driver_otlp;

/* The connection string of the receiver with these options (static). */
const char *otlp_test_uri(const char *options);

/* Notifications that are made from JSON. */
typedef struct notes
{
	osp_notification items[64];
	osp_buf texts[64];
	char *json[64];
	size_t count;
} notes;

void notes_init(notes *n);
void notes_term(notes *n);

/* Adds a notification. name is, for example, "pg-start"; the time is in microseconds
 * after midnight; info is JSON. */
void notes_add(notes *n, const char *name, const char *base_id,
			   const char *trace_id, const char *parent_id, unsigned us,
			   const char *info);

/* Add the start and the stop of an operation of the trace OTLP_TRACE. Its trace_id is
 * made from id, and its parent_id from parent; 0 stands for the trace itself. */
#define OTLP_TRACE "11111111-2222-4333-8444-555555555555"
void notes_start(notes *n, const char *operation, unsigned id, unsigned parent,
				 const char *info);
void notes_stop(notes *n, const char *operation, unsigned id, unsigned parent,
				const char *info);

/* The span id of such an operation, as hex (static). */
const char *otlp_test_id(unsigned id);

/* Stores the notes from number first on; asserts that all were accepted. */
void notes_store(osp_driver_conn *conn, const notes *n, size_t first);

/* Stores the notes, and asserts that this fails with this status. Returns the message
 * (static), and in *accepted how many were accepted. */
const char *notes_store_fails(osp_driver_conn *conn, const notes *n,
							  osp_status expected, size_t *accepted);

/* otlp_faults.c */
void test_otlp_retry_after(void **state);
void test_otlp_statuses(void **state);
void test_otlp_redirections(void **state);
void test_otlp_partial_success(void **state);
void test_otlp_restart(void **state);
void test_otlp_nobody_there(void **state);
void test_otlp_garbage(void **state);
void test_otlp_strangers(void **state);
void test_otlp_interrupts(void **state);
void test_otlp_tls(void **state);
void test_otlp_proxy(void **state);

/* otlp_open_operations.c */
void test_otlp_across_batches(void **state);
void test_otlp_stop_first(void **state);
void test_otlp_agent_restart(void **state);
void test_otlp_sent_again(void **state);
void test_otlp_unfinished(void **state);
void test_otlp_too_many_open(void **state);
void test_otlp_damaged_state(void **state);

#endif /* TEST_OTLP_TESTS_H */
