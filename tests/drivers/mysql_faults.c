/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_faults.c
 *	  A MariaDB that restarts, dies, hangs, refuses, and who is none.
 */
#include "mysql_tests.h"
#include "stranger.h"

#include <mysql.h>
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
	points_fill(&all, mysql_trace, 0, 3);
	contract_store(conn, &all);
	script_server_stop(&mysql_test_server);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "connect"));
	mysql_test_start();
	contract_expect(conn, mysql_trace, &all);
	script_server_stop(&mysql_test_server);
	mysql_test_start();
	(void) mysql_test_sql("TRUNCATE data");
	contract_store(conn, &all);
	contract_expect(conn, mysql_trace, &all);
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
		script_server_kill(&mysql_test_server);
		_exit(0);
	}
	return pid;
}

/* What was confirmed is there when the server is up again. */
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

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 20000);
	killer = kill_later(300000);
	do
	{
		status = osp_driver_mysql.notify(
			conn, all.items, all.count, &accepted, &err);
		confirmed += status == OSP_OK;
	}
	while (status == OSP_OK && confirmed < 100);
	assert_int_equal(status, OSP_EUNAVAIL);
	assert_int_equal(accepted, 0);
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	mysql_test_server.running = false;
	mysql_test_start();
	if (confirmed > 0)
		assert_true(strtoul(mysql_test_sql("SELECT count(*) FROM data"),
							NULL,
							10) >= 20000UL * confirmed);
	(void) mysql_test_sql("DROP TABLE IF EXISTS data");
	contract_store(conn, &all);
	contract_expect(conn, mysql_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* Storing and reading fail within bounds. */
static void
assert_fails_soon(osp_driver_conn *conn, size_t count)
{
	osp_error err = {OSP_OK, ""};
	points all;
	long begin;

	points_init(&all);
	points_fill(&all, mysql_trace, 0, count);
	begin = contract_now_ms();
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "does not answer"));
	assert_int_equal(osp_driver_mysql.get_points(
						 conn, mysql_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_true(contract_now_ms() - begin < 2500);
	points_term(&all);
}

void
test_server_that_hangs(void **state)
{
	osp_driver_options options =
		contract_options(mysql_test_connection_string());
	osp_driver_conn *conn;
	points small;

	(void) state;
	options.timeout_ms = 300;
	conn = contract_open_with(&options);
	points_init(&small);
	points_fill(&small, mysql_trace, 0, 3);
	contract_store(conn, &small);
	script_server_do(&mysql_test_server, "pause");
	assert_fails_soon(conn, 50000);
	assert_fails_soon(conn, 3);
	script_server_do(&mysql_test_server, "resume");
	contract_store(conn, &small);
	points_term(&small);
	contract_close(conn);
}

/* An administrator ends the session between two batches. */
void
test_session_killed(void **state)
{
	osp_driver_conn *conn = contract_open();
	char statement[64];
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3);
	contract_store(conn, &all);
	(void) snprintf(
		statement,
		sizeof(statement),
		"KILL %.20s",
		mysql_test_sql("SELECT id FROM information_schema.processlist WHERE "
					   "user = 'osp' AND id <> CONNECTION_ID() LIMIT 1"));
	(void) mysql_test_sql(statement);
	(void) mysql_test_sql("TRUNCATE data");
	contract_store(conn, &all);
	contract_expect(conn, mysql_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* A table that somebody else has locked is waited for no longer than allowed. */
void
test_locked_table(void **state)
{
	osp_driver_options options =
		contract_options(mysql_test_connection_string());
	osp_driver_conn *conn;
	MYSQL *other = mysql_init(NULL);
	points all;

	(void) state;
	options.timeout_ms = 10000;
	options.deadline_ms = 400;
	conn = contract_open_with(&options);
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3);
	contract_store(conn, &all);
	assert_non_null(mysql_real_connect(other,
									   "127.0.0.1",
									   "osp",
									   NULL,
									   "test",
									   (unsigned) mysql_test_server.port,
									   NULL,
									   0));
	assert_int_equal(mysql_query(other, "LOCK TABLES data WRITE"), 0);
	assert_fails_soon(conn, 3);
	mysql_close(other);
	points_term(&all);
	contract_close(conn);
}

/* Rows that the server will never take are left out, and no others. */
void
test_refused_rows(void **state)
{
	osp_driver_conn *conn = contract_open();
	const size_t length = 18 * 1024 * 1024;
	osp_error err = {OSP_OK, ""};
	char *text = malloc(length);
	char long_id[300];
	size_t accepted = 0;
	points all;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', length);
	memset(long_id, 'x', sizeof(long_id));
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 100);
	points_fill(&all, osp_str_n(long_id, sizeof(long_id)), 100, 2);
	points_fill(&all, mysql_trace, 102, 30);
	points_fill(&all, osp_str_n("a\xff", 2), 132, 1);
	points_add(&all, OSP_STR("long"), 133, osp_str_n(text, length));
	points_fill(&all, mysql_trace, 134, 10);
	assert_int_equal(
		osp_driver_mysql.notify(conn, all.items, all.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 140);
	assert_int_equal(err.code, OSP_EREFUSED);
	assert_non_null(strstr(err.msg, "mysql at 127.0.0.1"));
	contract_expect(conn, mysql_trace, &all);
	free(text);
	points_term(&all);
	contract_close(conn);
}

/* Trouble that somebody can end is no refusal. */
void
test_server_in_trouble(void **state)
{
	static const char *const causes[][3] = {
		{"SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0", "read-only"},
		{"REVOKE INSERT ON data FROM locked",
		 "GRANT INSERT ON data TO locked",
		 "denied"},
		{"ALTER TABLE data RENAME COLUMN service TO other",
		 "ALTER TABLE data RENAME COLUMN other TO service",
		 "service"},
		{"ALTER TABLE data ADD CONSTRAINT never CHECK (name = 'x')",
		 "ALTER TABLE data DROP CONSTRAINT never",
		 "never"}};
	osp_driver_conn *conn = contract_open();
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3);
	contract_store(conn, &all);
	contract_close(conn);
	(void) mysql_test_sql("GRANT INSERT, SELECT ON data TO locked");
	conn = contract_open_as(
		mysql_test_uri("locked:pass%20word", "/test"), false, TIMEOUT_MS);
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		(void) mysql_test_sql("TRUNCATE data");
		contract_store(conn, &all);
		(void) mysql_test_sql("TRUNCATE data");
		(void) mysql_test_sql(causes[i][0]);
		assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
							   causes[i][2]));
		(void) mysql_test_sql(causes[i][1]);
		contract_store(conn, &all);
		contract_expect(conn, mysql_trace, &all);
	}
	(void) mysql_test_sql("REVOKE ALL ON data FROM locked");
	points_term(&all);
	contract_close(conn);
}

/* The greeting of a server, and its consent to a login. */
#define GREETING                                       \
	"\x4d\0\0\0\x0a"                                   \
	"5.5.5-10.11.0\0"                                  \
	"\1\0\0\0"                                         \
	"12345678\0"                                       \
	"\xff\xf7\x2d\2\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0" \
	"123456789012\0"                                   \
	"mysql_native_password"
#define CONSENT "\x07\0\0\2\0\0\0\2\0\0\0"

/* Nobody, somebody mute, somebody who says anything. */
#define SAYS(said, repeated, ms)                                       \
	{                                                                  \
		.text = said, .text_len = sizeof(said) - 1, .again = repeated, \
		.again_len = sizeof(repeated) - 1, .pause_ms = ms              \
	}

void
test_strangers(void **state)
{
	static const stranger strangers[] = {
		SAYS("HTTP/1.1 400 Bad Request\r\n\r\n", "x", 40),
		SAYS("", "\0", 40),
		SAYS("\xff\xff\xff\0", "x", 40),
		SAYS("\x17\0\0\0\xff\x10\x04Too many connections", "x", 40),
		SAYS("\x01\0\0\0\xff", "x", 40),
		SAYS(GREETING, "", 40),
		SAYS(GREETING, "\0", 40),
		SAYS(GREETING "\xff\xff\xff\2", "x", 0),
		SAYS(GREETING CONSENT, CONSENT, 40),
		SAYS(GREETING CONSENT CONSENT, "\xff\xff\xff\1", 0),
		SAYS(GREETING "\x16\0\0\2\xfemysql_clear_password\0", "x", 40)};
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
			uri, sizeof(uri), "mysql://u:secret@127.0.0.1:%d/d", port);
		options = contract_options(uri);
		options.timeout_ms = 200;
		options.deadline_ms = 400;
		options.memory_max = 1024 * 1024;
		conn = contract_open_with(&options);
		points_init(&all);
		points_fill(&all, mysql_trace, 0, 10);
		(void) contract_store_fails(conn, &all, OSP_EUNAVAIL);
		assert_true(contract_now_ms() - begin < 2000);
		points_term(&all);
		contract_close(conn);
		end_stranger(pid);
	}
}
