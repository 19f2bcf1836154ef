/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_faults.c
 *	  Faults of MariaDB: the server restarts, is killed, hangs, refuses, or another
 *	  program answers.
 */
#include "faults.h"
#include "mysql_tests.h"

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>

/* The connection survives a restart between two batches. */
void
test_restart(void **state)
{
	(void) state;
	faults_restart(mysql_trace, "connect");
}

/* Everything that was confirmed is there after the server was killed and started
 * again. */
void
test_killed_during_batch(void **state)
{
	const fault_kill in_a_batch = {20000, 100 * 20000, 300000};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	size_t confirmed;
	bool failed;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, in_a_batch.batch);
	confirmed =
		faults_store_until_killed(conn, &all, &in_a_batch, &failed, &err);
	assert_true(failed);
	if (confirmed > 0)
		assert_true(strtoul(mysql_test_sql("SELECT count(*) FROM data"),
							NULL,
							10) >= confirmed);
	(void) mysql_test_sql("DROP TABLE IF EXISTS data");
	contract_store(conn, &all);
	contract_expect(conn, mysql_trace, &all);
	points_term(&all);
	contract_close(conn);
}

void
test_server_that_hangs(void **state)
{
	(void) state;
	faults_hangs(mysql_trace, "does not answer", "does not answer");
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

/* Storing and reading wait for a locked table no longer than the time limits allow. */
void
test_locked_table(void **state)
{
	osp_driver_options options =
		contract_options(mysql_test_connection_string());
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	MYSQL *other = mysql_init(NULL);
	points all;
	long begin;

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
	begin = contract_now_ms();
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "does not answer"));
	assert_int_equal(osp_driver_mysql.get_points(
						 conn, mysql_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_true(contract_now_ms() - begin < 2500);
	mysql_close(other);
	points_term(&all);
	contract_close(conn);
}

/* Rows that the server can never store are left out; all others are stored. */
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

/* Changes the server by a statement. The table is emptied first, since a constraint
 * cannot be added while rows violate it. */
static void
change_server(const char *statement)
{
	if (strstr(statement, "ADD CONSTRAINT") != NULL)
		(void) mysql_test_sql("TRUNCATE data");
	(void) mysql_test_sql(statement);
}

void
test_server_in_trouble(void **state)
{
	static const fault_trouble causes[] = {
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

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3);
	contract_store(conn, &all);
	contract_close(conn);
	(void) mysql_test_sql("GRANT INSERT, SELECT ON data TO locked");
	conn = contract_open_as(
		mysql_test_uri("locked:pass%20word", "/test"), false, TIMEOUT_MS);
	faults_trouble(
		conn, causes, sizeof(causes) / sizeof(causes[0]), change_server);
	(void) mysql_test_sql("REVOKE ALL ON data FROM locked");
	points_term(&all);
	contract_close(conn);
}

/* The greeting of a server, and its message that a login succeeded. */
#define GREETING                                       \
	"\x4d\0\0\0\x0a"                                   \
	"5.5.5-10.11.0\0"                                  \
	"\1\0\0\0"                                         \
	"12345678\0"                                       \
	"\xff\xf7\x2d\2\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0" \
	"123456789012\0"                                   \
	"mysql_native_password"
#define CONSENT "\x07\0\0\2\0\0\0\2\0\0\0"

/* No server, a silent one, and ones with wrong answers. */
#define SAYS(said, repeated, ms)               \
	{                                          \
		.who = {                               \
			.text = said,                      \
			.text_len = sizeof(said) - 1,      \
			.again = repeated,                 \
			.again_len = sizeof(repeated) - 1, \
			.pause_ms = ms                     \
		}                                      \
	}

void
test_strangers(void **state)
{
	static const fault_limits limits = {.uri = "mysql://u:secret@127.0.0.1:",
										.rest = "/d",
										.timeout_ms = 200,
										.deadline_ms = 400,
										.memory_max = 1024 * 1024,
										.all_ms = 2000};
	static const fault_stranger strangers[] = {
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

	(void) state;
	faults_strangers(
		&limits, strangers, sizeof(strangers) / sizeof(strangers[0]));
}
