/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mysql.c
 *	  The mysql driver: the suite for all drivers, upstream's table, logins, TLS and
 *	  connection strings. It is one program with mysql_faults.c.
 */
#include "mysql_tests.h"

#include <stdio.h>
#include <stdlib.h>

static void
assert_sql(const char *statement, const char *expected)
{
	assert_string_equal(mysql_test_sql(statement), expected);
}

static void
store_and_expect(const char *uri, const points *p)
{
	osp_driver_conn *conn = contract_open_as(uri, false, TIMEOUT_MS);

	contract_store(conn, p);
	contract_expect(conn, mysql_trace, p);
	contract_close(conn);
}

static const char *
store_fails_as(const char *uri)
{
	osp_driver_conn *conn = contract_open_as(uri, false, 2000);
	const char *message;
	points all;

	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	points_term(&all);
	contract_close(conn);
	return message;
}

/* The columns are upstream's, and data is a string in JSON. */
static void
test_form(void **state)
{
	osp_driver_conn *conn = contract_open();
	char info[512];
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 2);
	contract_store(conn, &all);
	assert_sql("SELECT GROUP_CONCAT(column_name, ' ', column_type ORDER BY "
			   "ordinal_position SEPARATOR ', ') FROM "
			   "information_schema.columns WHERE table_name = 'data'",
			   "id int(11), timestamp varchar(26), base_id varchar(255), "
			   "parent_id varchar(255), trace_id varchar(255), "
			   "project varchar(255), host varchar(255), "
			   "service varchar(255), name varchar(255), data longtext");
	assert_sql("SELECT concat_ws('|', id, timestamp, base_id, parent_id, "
			   "trace_id, coalesce(project, 'null'), host, service, name) FROM "
			   "data ORDER BY id DESC",
			   "2|2026-11-22T15:00:00.000001|trace|trace|aaaaaaaa-bbbb-4ccc-"
			   "8ddd-000000000000|null|db1|shop|pg-stop");
	assert_sql("SELECT json_type(data) FROM data", "STRING");
	(void) snprintf(info,
					sizeof(info),
					"{\"info\": %.*s}",
					(int) all.items[0].info.len,
					all.items[0].info.ptr);
	assert_sql("SELECT json_unquote(data) FROM data ORDER BY id", info);
	points_term(&all);
	contract_close(conn);
}

/* Rows of other programs, and rows that are no notifications. */
static void
test_other_rows(void **state)
{
	osp_driver_conn *conn = contract_open();
	collected got;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 2);
	contract_store(conn, &all);
	(void) mysql_test_sql("INSERT INTO data (base_id) VALUES ('trace')");
	(void) mysql_test_sql(
		"INSERT INTO data (base_id, trace_id, parent_id, name, timestamp, data) "
		"VALUES ('trace', 't', 'p', 'a-start', '2026-11-22T15:00:00.5', "
		"'{\"info\": {}, \"more\": 1}'), ('trace', 't', 'p', 'a-start', "
		"'2026-11-22T15:00:00.5', '\"nonsense\"'), ('trace', 't', 'p', "
		"'a-start', '2026-11-22T15:00:00.5', '[1]')");
	collected_init(&got);
	assert_int_equal(osp_driver_mysql.get_points(
						 conn, mysql_trace, collect_point, &got, NULL),
					 OSP_OK);
	assert_int_equal(got.count, 3);
	assert_string_equal(
		got.texts[2],
		"{\"name\": \"a-start\", \"base_id\": \"trace\", \"trace_id\": \"t\", "
		"\"parent_id\": \"p\", \"timestamp\": \"2026-11-22T15:00:00.5\", "
		"\"info\": {}, \"more\": 1, \"project\": null, \"service\": null}");
	collected_term(&got);
	contract_list(conn, false, &got);
	assert_int_equal(got.count, 1);
	collected_term(&got);
	points_term(&all);
	contract_close(conn);
}

/* Ids that are equal in the column's collation are different traces. */
static void
test_similar_ids(void **state)
{
	static const char *const ids[] = {"TRACE",
									  "trace ",
									  "tr\xc3\xa4"
									  "ce"};
	osp_driver_conn *conn = contract_open();
	const osp_removal what = {sizeof(what), &mysql_trace, 1, 0};
	uint64_t removed = 0;
	points all;
	points none;
	size_t i;

	(void) state;
	points_init(&all);
	points_init(&none);
	points_fill(&all, mysql_trace, 0, 2);
	for (i = 0; i < 3; i++)
		points_fill(&all, osp_str_of(ids[i]), (unsigned) i + 2, 1);
	contract_store(conn, &all);
	contract_expect(conn, mysql_trace, &all);
	assert_int_equal(
		osp_driver_mysql.remove_traces(conn, &what, &removed, NULL), OSP_OK);
	assert_int_equal(removed, 1);
	contract_expect(conn, mysql_trace, &none);
	for (i = 0; i < 3; i++)
		contract_expect(conn, osp_str_of(ids[i]), &all);
	points_term(&all);
	contract_close(conn);
}

/* All old traces are removed, however many there are, although the search finds some
 * rows each time that cannot be removed: those without an id. */
static void
test_many_old(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_removal what = {sizeof(what), NULL, 0, 0};
	uint64_t removed = 0;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 2);
	contract_store(conn, &all);
	(void) mysql_test_sql(
		"INSERT INTO data (base_id, timestamp) SELECT CONCAT('old', seq), "
		"'2020-01-01T00:00:00.000000' FROM seq_1_to_4100");
	(void) mysql_test_sql(
		"INSERT INTO data (timestamp) VALUES ('2020-01-01T00:00:00.000000'), "
		"('2020-01-01T00:00:00.000000')");
	assert_true(osp_timestamp_parse(OSP_STR("2021-01-01T00:00:00.000000"),
									&what.older_than_ns));
	assert_int_equal(
		osp_driver_mysql.remove_traces(conn, &what, &removed, NULL), OSP_OK);
	assert_int_equal(removed, 4100);
	assert_sql("SELECT count(*) FROM data WHERE base_id LIKE 'old%'", "0");
	assert_sql("SELECT count(*) FROM data WHERE base_id IS NULL", "2");
	contract_expect(conn, mysql_trace, &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_logins(void **state)
{
	const char *message;
	osp_error err = {OSP_OK, ""};
	osp_driver_conn *conn;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3);
	message = store_fails_as(mysql_test_uri("locked:wrong%20word", "/test"));
	assert_non_null(strstr(message, "Access denied"));
	assert_null(strstr(message, "wrong"));
	message = store_fails_as(mysql_test_uri("locked:pass%20word", "/test"));
	assert_non_null(strstr(message, "denied"));
	message = store_fails_as(mysql_test_uri("osp", "/nonesuch"));
	assert_non_null(strstr(message, "nonesuch"));

	/* A user who may only write needs a table that another user has made. */
	(void) mysql_test_sql("GRANT INSERT ON test.* TO locked");
	conn = contract_open_as(
		mysql_test_uri("locked:pass%20word", "/test"), false, 2000);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "CREATE command denied"));
	store_and_expect(mysql_test_connection_string(), &all);
	contract_store(conn, &all);
	assert_int_equal(osp_driver_mysql.get_points(
						 conn, mysql_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	(void) mysql_test_sql("REVOKE INSERT ON test.* FROM locked");
	contract_close(conn);
	points_term(&all);
}

/* Upstream's connection strings contain the name of a Python driver. */
static void
test_strings(void **state)
{
	static const struct
	{
		const char *scheme;
		const char *options;
	} strings[] = {{"mysql+pymysql", "charset=utf8mb4"},
				   {"mysql+mysqldb", "charset=UTF8MB3"},
				   {"MySQL", "charset=utf8"},
				   {"mysql+pymysql", "charset=utf8&plugin=dbcounter"}};
	char uri[300];
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3);
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
	{
		(void) mysql_test_sql("DROP TABLE IF EXISTS data");
		(void) snprintf(uri,
						sizeof(uri),
						"%s://osp@127.0.0.1:%d/test?%s",
						strings[i].scheme,
						mysql_test_server.port,
						strings[i].options);
		store_and_expect(uri, &all);
	}
	(void) mysql_test_sql("DROP TABLE IF EXISTS data");
	(void) snprintf(uri,
					sizeof(uri),
					"mysql://osp@/test?unix_socket=%s/socket",
					mysql_test_dir);
	store_and_expect(uri, &all);

	/* The socket is preferred to the host, as in PyMySQL. No server listens at port 1. */
	(void) mysql_test_sql("DROP TABLE IF EXISTS data");
	(void) snprintf(uri,
					sizeof(uri),
					"mysql://osp@127.0.0.1:1/test?unix_socket=%s/socket",
					mysql_test_dir);
	store_and_expect(uri, &all);
	points_term(&all);
}

static void
test_tls(void **state)
{
	char rest[300];
	char uri[300];
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, mysql_trace, 0, 3000);
	(void) mysql_test_sql("ALTER USER osp REQUIRE SSL");
	(void) snprintf(
		rest, sizeof(rest), "/test?ssl_ca=%s/ca.pem", mysql_test_dir);
	store_and_expect(mysql_test_uri("osp", rest), &all);
	(void) snprintf(
		rest, sizeof(rest), "/test?ssl_ca=%s/other.pem", mysql_test_dir);
	assert_non_null(
		strstr(store_fails_as(mysql_test_uri("osp", rest)), "certificate"));
	assert_non_null(strstr(store_fails_as(mysql_test_uri("osp", "/test?ssl=1")),
						   "certificate"));

	/* The certificate is for the address, not for this name. */
	(void) snprintf(uri,
					sizeof(uri),
					"mysql://osp@localhost:%d/test?ssl_ca=%s/ca.pem",
					mysql_test_server.port,
					mysql_test_dir);
	(void) store_fails_as(uri);
	(void) snprintf(uri,
					sizeof(uri),
					"mysql://osp@127.0.0.1:%d/test?ssl_ca=%s/ca.pem",
					mysql_test_server.port,
					mysql_test_dir);
	{
		osp_driver_conn *conn = contract_open_as(uri, false, TIMEOUT_MS);

		contract_expect(conn, mysql_trace, &all);
		contract_close(conn);
	}
	script_server_stop(&mysql_test_server);
	mysql_test_start();
	points_term(&all);
}

/* A row that does not fit into the memory ends the reading, and no memory is allocated
 * for it. */
static void
test_long_row(void **state)
{
	const size_t length = 3 * 1024 * 1024;
	osp_driver_options options =
		contract_options(mysql_test_connection_string());
	char *text = malloc(length);
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	points all;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', length);
	points_init(&all);
	points_add(&all, mysql_trace, 0, osp_str_n(text, length));
	options.memory_max = 1024 * 1024;
	conn = contract_open_with(&options);
	contract_store(conn, &all);
	assert_int_equal(osp_driver_mysql.get_points(
						 conn, mysql_trace, collect_point, NULL, &err),
					 OSP_EFULL);
	assert_non_null(strstr(err.msg, "mysql at 127.0.0.1"));
	contract_close(conn);
	conn = contract_open();
	contract_expect(conn, mysql_trace, &all);
	contract_close(conn);
	free(text);
	points_term(&all);
}

int
main(void)
{
	static const char *const bad_strings[] = {
		"mysql:",
		"mysql://host",
		"mysql://host/",
		"mysql://host:99999/d",
		"mysql://host/d?nonesuch=1",
		"mysql://host/d?ssl=perhaps",
		"mysql://host/d?ssl_ca=ca.pem",
		"mysql://host/d?ssl_verify_cert=false",
		"mysql://host/d?charset=latin1",
		NULL};
	static const backend b = {.name = "mysql",
							  .driver = &osp_driver_mysql,
							  .reset = mysql_test_reset,
							  .finish = mysql_test_finish,
							  .connection_string = mysql_test_connection_string,
							  .server = &mysql_test_server,
							  .start = mysql_test_start,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_other_rows),
		cmocka_unit_test(test_similar_ids),
		cmocka_unit_test(test_many_old),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_long_row),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_during_batch),
		cmocka_unit_test(test_server_that_hangs),
		cmocka_unit_test(test_session_killed),
		cmocka_unit_test(test_locked_table),
		cmocka_unit_test(test_refused_rows),
		cmocka_unit_test(test_server_in_trouble),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_tls),
	};

	if (!script_server_exists(MARIADB_SERVER))
		return contract_skip("there is no MariaDB");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
