/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql_faults.c
 *	  A PostgreSQL that restarts, dies, hangs, refuses, and who is none.
 */
#include "postgresql_tests.h"
#include "stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A restart between two batches goes unnoticed. */
void
test_restart(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, 3);
	contract_store(conn, &all);
	script_server_stop(&postgresql_test_server);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "onnection"));
	postgresql_test_start();
	contract_expect(conn, postgresql_trace, &all);
	script_server_stop(&postgresql_test_server);
	postgresql_test_start();
	(void) postgresql_test_sql("TRUNCATE data");
	contract_store(conn, &all);
	contract_expect(conn, postgresql_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* Kills the server a little later, in a process of its own. */
static pid_t
kill_later(unsigned after_us)
{
	struct timespec pause = {0, (long) after_us * 1000};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		(void) nanosleep(&pause, NULL);
		script_server_kill(&postgresql_test_server);
		_exit(0);
	}
	return pid;
}

/* What was confirmed is there, and of the batch under way all or nothing. */
void
test_killed_during_batch(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	unsigned confirmed = 0;
	osp_status status;
	size_t accepted;
	pid_t killer;
	points all;
	char rows[64];

	(void) state;
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, 50000);
	killer = kill_later(150000);
	do
	{
		status = osp_driver_postgresql.notify(
			conn, all.items, all.count, &accepted, &err);
		confirmed += status == OSP_OK;
	}
	while (status == OSP_OK && confirmed < 100);
	assert_int_equal(status, OSP_EUNAVAIL);
	assert_int_equal(accepted, 0);
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	postgresql_test_server.running = false;
	postgresql_test_start();
	if (confirmed > 0)
	{
		(void) snprintf(rows,
						sizeof(rows),
						"%s",
						postgresql_test_sql("SELECT count(*) FROM data"));
		assert_int_equal(strtoul(rows, NULL, 10) % 50000, 0);
		assert_true(strtoul(rows, NULL, 10) >= 50000UL * confirmed);
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
	osp_driver_options options =
		contract_options(postgresql_test_connection_string());
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	points small;
	points all;
	long begin;

	(void) state;
	options.timeout_ms = 300;
	conn = contract_open_with(&options);
	points_init(&small);
	points_fill(&small, postgresql_trace, 0, 3);
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, 50000);
	contract_store(conn, &small);
	script_server_do(&postgresql_test_server, "pause");
	begin = contract_now_ms();
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "does not answer"));
	(void) contract_store_fails(conn, &small, OSP_EUNAVAIL);
	assert_int_equal(osp_driver_postgresql.get_points(
						 conn, postgresql_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_true(contract_now_ms() - begin < 3000);
	script_server_do(&postgresql_test_server, "resume");
	points_term(&small);
	points_term(&all);
	contract_close(conn);
}

/* Rows that the server will never take are left out, and no others. */
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

/* Trouble that somebody can end is no refusal. */
void
test_server_in_trouble(void **state)
{
	static const char *const causes[][3] = {
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
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, 3);
	contract_store(conn, &all);
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		(void) postgresql_test_sql(causes[i][0]);
		(void) postgresql_test_sql("SELECT pg_reload_conf(), pg_sleep(0.1)");
		assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
							   causes[i][2]));
		(void) postgresql_test_sql(causes[i][1]);
		(void) postgresql_test_sql("SELECT pg_reload_conf(), pg_sleep(0.1)");
		contract_store(conn, &all);
	}
	points_term(&all);
	contract_close(conn);
}

/* Nobody, somebody mute, somebody who says anything. */
void
test_strangers(void **state)
{
	static const stranger strangers[] = {
		{.text = "HTTP/1.1 400 Bad Request\r\n\r\n"},
		{.text = ""},
		{.text = "S"},
		{.text = "N", .again = "x", .pause_ms = 40},
		{.text = "R",
		 .text_len = 1,
		 .again = "\0",
		 .again_len = 1,
		 .pause_ms = 40},
		{.text = "R\0\0\0\x08\0\0\0\0Z\0\0\0\5I",
		 .text_len = 15,
		 .again = "D\x7f\xff\xff\xff",
		 .pause_ms = 40},
		{.text = "E\0\0\0\x20", .text_len = 5, .again = "x", .pause_ms = 40}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
	{
		int port;
		pid_t pid = start_stranger(&strangers[i], &port);
		osp_driver_options options;
		osp_driver_conn *conn;
		char uri[64];
		points all;
		long begin = contract_now_ms();

		(void) snprintf(
			uri, sizeof(uri), "postgresql://u@127.0.0.1:%d/d", port);
		options = contract_options(uri);
		options.timeout_ms = 200;
		options.deadline_ms = 400;
		conn = contract_open_with(&options);
		points_init(&all);
		points_fill(&all, postgresql_trace, 0, 10);
		(void) contract_store_fails(conn, &all, OSP_EUNAVAIL);
		assert_true(contract_now_ms() - begin < 2000);
		points_term(&all);
		contract_close(conn);
		end_stranger(pid);
	}
}
