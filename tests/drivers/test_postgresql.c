/* SPDX-License-Identifier: Apache-2.0
 *
 * test_postgresql.c
 *	  The postgresql driver: the suite for all drivers, upstream's table, logins and
 *	  connection strings. It is one program with postgresql_faults.c.
 */
#include "postgresql_tests.h"

#include <stdio.h>

static void
assert_sql(const char *statement, const char *expected)
{
	assert_string_equal(postgresql_test_sql(statement), expected);
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
	points_fill(&all, postgresql_trace, 0, 2);
	contract_store(conn, &all);
	assert_sql(
		"SELECT string_agg(column_name || ' ' || data_type || ' ' || "
		"coalesce(character_maximum_length, 0), ', ' ORDER BY "
		"ordinal_position) FROM information_schema.columns WHERE "
		"table_name = 'data'",
		"id integer 0, timestamp character varying 26, "
		"base_id character varying 255, parent_id character varying 255, "
		"trace_id character varying 255, project character varying 255, "
		"host character varying 255, service character varying 255, "
		"name character varying 255, data json 0");
	assert_sql("SELECT concat_ws('|', id, timestamp, base_id, parent_id, "
			   "trace_id, coalesce(project, 'null'), host, service, name) FROM "
			   "data ORDER BY id DESC",
			   "2|2026-11-22T15:00:00.000001|trace|trace|aaaaaaaa-bbbb-4ccc-"
			   "8ddd-000000000000|null|db1|shop|pg-stop");
	assert_sql("SELECT json_typeof(data) FROM data", "string");
	(void) snprintf(info,
					sizeof(info),
					"{\"info\": %.*s}",
					(int) all.items[0].info.len,
					all.items[0].info.ptr);
	assert_sql("SELECT data #>> '{}' FROM data ORDER BY id", info);
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
	points_fill(&all, postgresql_trace, 0, 2);
	contract_store(conn, &all);
	(void) postgresql_test_sql("INSERT INTO data (base_id) VALUES ('trace')");
	(void) postgresql_test_sql(
		"INSERT INTO data (base_id, trace_id, parent_id, name, timestamp, data) "
		"VALUES ('trace', 't', 'p', 'a-start', '2026-11-22T15:00:00.5', "
		"'{\"info\": {}, \"more\": 1}'), ('trace', 't', 'p', 'a-start', "
		"'2026-11-22T15:00:00.5', '\"nonsense\"'), ('trace', 't', 'p', "
		"'a-start', '2026-11-22T15:00:00.5', '[1]')");
	collected_init(&got);
	assert_int_equal(osp_driver_postgresql.get_points(
						 conn, postgresql_trace, collect_point, &got, NULL),
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

/* The driver's sessions ask the server not to trace them, also if the connection string
 * has other options. */
static void
test_untraced(void **state)
{
	static const char *const rests[] = {
		"/postgres", "/postgres?options=-c%20geqo%3Doff&application_name=x"};
	size_t i;

	(void) state;
	(void) postgresql_test_sql(
		"CREATE TABLE data (id serial, timestamp text, base_id text, parent_id "
		"text, trace_id text, project text, host text, service text, name text, "
		"data json, untraced text DEFAULT current_setting('osprofiler.untraced'))");
	for (i = 0; i < 2; i++)
	{
		osp_driver_conn *conn = contract_open_as(
			postgresql_test_uri("postgres", rests[i]), false, TIMEOUT_MS);
		points all;

		points_init(&all);
		points_fill(&all, postgresql_trace, 0, 2);
		contract_store(conn, &all);
		points_term(&all);
		contract_close(conn);
	}
	assert_sql("SELECT count(*) FROM data WHERE untraced = 'on'", "4");
}

static void
test_logins(void **state)
{
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	const char *message;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, 3);
	conn = contract_open_as(
		postgresql_test_uri("locked:wrong%20word", "/postgres"), false, 2000);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(message, "password authentication failed"));
	assert_null(strstr(message, "wrong"));
	contract_close(conn);

	/* A user without rights can neither make the table, nor write to it, nor read from
	 * it. */
	conn = contract_open_as(
		postgresql_test_uri("locked:pass%20word", "/postgres"), false, 2000);
	(void) contract_store_fails(conn, &all, OSP_EUNAVAIL);
	contract_close(conn);
	conn = contract_open();
	contract_store(conn, &all);
	contract_close(conn);
	conn = contract_open_as(
		postgresql_test_uri("locked:pass%20word", "/postgres"), false, 2000);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "permission denied"));
	assert_int_equal(osp_driver_postgresql.get_points(
						 conn, postgresql_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	(void) postgresql_test_sql(
		"GRANT INSERT ON data TO locked; GRANT USAGE ON data_id_seq TO locked");
	contract_store(conn, &all);
	contract_close(conn);
	conn = contract_open_as(
		postgresql_test_uri("postgres", "/nonesuch"), false, 2000);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "\"nonesuch\" does not exist"));
	contract_close(conn);
	points_term(&all);
}

/* Upstream's connection strings contain the name of a Python driver. */
static void
test_strings(void **state)
{
	char uri[300];
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, postgresql_trace, 0, 3);
	(void) snprintf(uri,
					sizeof(uri),
					"postgresql+psycopg2%s",
					postgresql_test_uri("postgres", "/postgres") +
						strlen("postgresql"));
	contract_backend->driver->close(contract_open_as(uri, false, TIMEOUT_MS));
	{
		osp_driver_conn *conn = contract_open_as(uri, false, TIMEOUT_MS);

		contract_store(conn, &all);
		contract_expect(conn, postgresql_trace, &all);
		contract_close(conn);
	}
	points_term(&all);
}

int
main(void)
{
	static const char *const bad_strings[] = {"postgresql:",
											  "postgresql://host:1?nonesuch=1",
											  "postgresql://[::1",
											  "postgresql://host/%zz",
											  NULL};
	static const backend b = {.name = "postgresql",
							  .driver = &osp_driver_postgresql,
							  .reset = postgresql_test_reset,
							  .finish = postgresql_test_finish,
							  .connection_string =
								  postgresql_test_connection_string,
							  .server = &postgresql_test_server,
							  .start = postgresql_test_start,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_other_rows),
		cmocka_unit_test(test_untraced),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_during_batch),
		cmocka_unit_test(test_server_that_hangs),
		cmocka_unit_test(test_refused_rows),
		cmocka_unit_test(test_server_in_trouble),
		cmocka_unit_test(test_strangers),
	};

	if (!script_server_exists(POSTGRES_SERVER))
		return contract_skip("there is no PostgreSQL");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
