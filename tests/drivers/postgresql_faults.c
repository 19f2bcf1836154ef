/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql_faults.c
 *	  Faults of PostgreSQL: the server restarts, is killed, hangs, refuses, or another
 *	  program answers.
 */
#include "faults.h"
#include "postgresql_tests.h"

#include <stdio.h>
#include <stdlib.h>

/* The connection survives a restart between two batches. */
void
test_restart(void **state)
{
	(void) state;
	faults_restart(postgresql_trace, "onnection");
}

/* All confirmed batches are there. Of the batch that was being stored, either all
 * notifications are there or none. */
void
test_killed_during_batch(void **state)
{
	const unsigned long batch = 50000;
	const fault_kill in_a_batch = {batch, 100 * batch, 150000};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	size_t confirmed;
	bool failed;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, batch);
	confirmed =
		faults_store_until_killed(conn, &all, &in_a_batch, &failed, &err);
	assert_true(failed);
	if (confirmed > 0)
	{
		unsigned long rows =
			strtoul(postgresql_test_sql("SELECT count(*) FROM data"), NULL, 10);

		assert_int_equal(rows % batch, 0);
		assert_true(rows >= confirmed);
		(void) postgresql_test_sql("TRUNCATE data");
	}
	contract_store(conn, &all);
	contract_expect(conn, postgresql_trace, &all);
	points_term(&all);
	contract_close(conn);
}

void
test_server_that_hangs(void **state)
{
	(void) state;
	faults_hangs(postgresql_trace, "does not answer", "does not answer");
}

/* Rows that the server can never store are left out; all others are stored. */
void
test_refused_rows(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	char long_id[300];
	size_t accepted = 0;
	points all;
	points none;

	(void) state;
	memset(long_id, 'x', sizeof(long_id));
	points_init(&all);
	points_init(&none);
	points_fill(&all, postgresql_trace, 0, 100);
	points_fill(&all, osp_str_n(long_id, sizeof(long_id)), 100, 2);
	points_fill(&all, postgresql_trace, 102, 30);
	points_fill(&all, osp_str_n("a\0b", 3), 132, 1);
	points_fill(&all, osp_str_n("a\xff", 2), 133, 1);
	assert_int_equal(osp_driver_postgresql.notify(
						 conn, all.items, all.count, &accepted, &err),
					 OSP_EREFUSED);
	assert_int_equal(accepted, 130);
	assert_int_equal(err.code, OSP_EREFUSED);
	assert_non_null(strstr(err.msg, "postgresql at 127.0.0.1"));
	contract_expect(conn, postgresql_trace, &all);
	contract_expect(conn, osp_str_n("a\0b", 3), &none);
	points_term(&all);
	contract_close(conn);
}

static void
change_server(const char *statement)
{
	(void) postgresql_test_sql(statement);
	(void) postgresql_test_sql("SELECT pg_reload_conf(), pg_sleep(0.1)");
}

void
test_server_in_trouble(void **state)
{
	static const fault_trouble causes[] = {
		{"ALTER SYSTEM SET default_transaction_read_only = on",
		 "ALTER SYSTEM SET default_transaction_read_only = off",
		 "read-only"},
		{"ALTER TABLE data RENAME COLUMN service TO other",
		 "ALTER TABLE data RENAME COLUMN other TO service",
		 "service"},
		{"ALTER TABLE data ADD CONSTRAINT never CHECK (false) NOT VALID",
		 "ALTER TABLE data DROP CONSTRAINT never",
		 "never"}};
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, 3);
	contract_store(conn, &all);
	faults_trouble(
		conn, causes, sizeof(causes) / sizeof(causes[0]), change_server);
	points_term(&all);
	contract_close(conn);
}

/* No server, a silent one, and ones with wrong answers. */
void
test_strangers(void **state)
{
	static const fault_limits limits = {.uri = "postgresql://u@127.0.0.1:",
										.rest = "/d",
										.timeout_ms = 200,
										.deadline_ms = 400,
										.all_ms = 2000};
	static const fault_stranger strangers[] = {
		{.who = {.text = "HTTP/1.1 400 Bad Request\r\n\r\n"}},
		{.who = {.text = ""}},
		{.who = {.text = "S"}},
		{.who = {.text = "N", .again = "x", .pause_ms = 40}},
		{.who = {.text = "R",
				 .text_len = 1,
				 .again = "\0",
				 .again_len = 1,
				 .pause_ms = 40}},
		{.who = {.text = "R\0\0\0\x08\0\0\0\0Z\0\0\0\5I",
				 .text_len = 15,
				 .again = "D\x7f\xff\xff\xff",
				 .pause_ms = 40}},
		{.who = {.text = "E\0\0\0\x20",
				 .text_len = 5,
				 .again = "x",
				 .pause_ms = 40}}};

	(void) state;
	faults_strangers(
		&limits, strangers, sizeof(strangers) / sizeof(strangers[0]));
}
