/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_faults.c
 *	  Faults of Redis: the server restarts, is killed, refuses, or is in trouble.
 */
#include "faults.h"
#include "redis_tests.h"

#include <stdlib.h>

/* The connection survives a restart between two batches. */
void
test_restart(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, redis_trace, 0, 3);
	contract_store(conn, &all);
	redis_test_restart("");
	contract_store(conn, &all);
	contract_expect(conn, redis_trace, &all);
	script_server_kill(&redis_test_server);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "cannot connect"));
	redis_test_start("");
	contract_store(conn, &all);
	contract_expect(conn, redis_trace, &all);
	points_term(&all);
	contract_close(conn);
}

void
test_killed_during_batch(void **state)
{
	osp_driver_conn *conn = contract_open();
	unsigned failures = 0;
	unsigned round;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, redis_trace, 0, 50000);
	for (round = 0; round < 5; round++)
	{
		const fault_kill in_a_batch = {
			all.count, SIZE_MAX, 1000 + 9000 * round};
		osp_error err = {OSP_OK, ""};
		bool failed;

		(void) faults_store_until_killed(
			conn, &all, &in_a_batch, &failed, &err);
		assert_true(failed);
		failures += strstr(err.msg, "cannot connect") == NULL;
	}
	assert_true(failures > 0);
	contract_store(conn, &all);
	contract_expect(conn, redis_trace, &all);
	redis_test_spoil();
	points_term(&all);
	contract_close(conn);
}

void
test_wrong_type(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	points all;
	points none;

	(void) state;
	redis_test_command_ok("SET osprofiler_opt:taken x");
	points_init(&all);
	points_init(&none);
	points_fill(&all, redis_trace, 0, 3);
	points_fill(&all, OSP_STR("taken"), 3, 2);
	points_fill(&all, redis_trace, 5, 4);
	assert_int_equal(
		osp_driver_redis.notify(conn, all.items, all.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 7);
	assert_non_null(strstr(err.msg, "not a list"));
	contract_expect(conn, redis_trace, &all);
	contract_expect(conn, OSP_STR("taken"), &none);
	points_term(&all);
	contract_close(conn);
}

void
test_value_too_long(void **state)
{
	osp_driver_conn *conn = contract_open();
	const size_t length = 3 * 1024 * 1024;
	char *text = malloc(length);
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	points all;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', length);
	redis_test_command_ok("CONFIG SET proto-max-bulk-len 1048576");
	points_init(&all);
	points_fill(&all, redis_trace, 0, 3);
	points_add(&all, OSP_STR("long"), 3, osp_str_n(text, length));
	points_add(&all, OSP_STR("long"), 4, osp_str_n(text, length));
	points_fill(&all, redis_trace, 5, 3);
	assert_int_equal(
		osp_driver_redis.notify(conn, all.items, all.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 6);
	assert_non_null(strstr(err.msg, "long"));
	contract_expect(conn, redis_trace, &all);
	redis_test_command_ok("CONFIG SET proto-max-bulk-len 536870912");
	free(text);
	points_term(&all);
	contract_close(conn);
}

/* Trouble that an administrator can end does not count as a refusal of the
 * notifications. */
void
test_server_in_trouble(void **state)
{
	static const fault_trouble causes[] = {
		{"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"},
		{"CONFIG SET min-replicas-to-write 1",
		 "CONFIG SET min-replicas-to-write 0",
		 "NOREPLICAS"},
		{"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY"}};
	osp_driver_conn *conn = contract_open();

	(void) state;
	faults_trouble(conn,
				   causes,
				   sizeof(causes) / sizeof(causes[0]),
				   redis_test_command_ok);
	contract_close(conn);
}

void
test_server_drops_us(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, redis_trace, 0, 2);
	contract_store(conn, &all);
	redis_test_command_ok("CLIENT KILL TYPE normal SKIPME yes");
	contract_expect(conn, redis_trace, &all);
	redis_test_command_ok("CONFIG SET maxclients 1");
	points_term(&all);
	contract_close(conn);
	redis_test_spoil();
}
