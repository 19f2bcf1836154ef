/* SPDX-License-Identifier: Apache-2.0
 *
 * elasticsearch_faults.c
 *	  Faults of Elasticsearch: the server restarts, is killed, hangs, refuses, or
 *	  another program answers.
 */
#include "elasticsearch_tests.h"
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The connection survives a restart between two batches. While the server is down,
 * storing fails with a message. */
void
test_elastic_restart(void **state)
{
	osp_driver_conn *conn;
	points all;

	(void) state;
	faults_restart(elastic_trace, "cannot send");

	/* An older version of the server is started instead. */
	conn = contract_open();
	points_init(&all);
	points_fill(&all, OSP_STR("older"), 0, 3);
	script_server_stop(&elastic_test_server);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "cannot send"));
	elastic_test_start("6.8.23");
	contract_store(conn, &all);
	script_server_stop(&elastic_test_server);
	elastic_test_start("6.8.23");
	contract_expect(conn, OSP_STR("older"), &all);
	script_server_stop(&elastic_test_server);
	elastic_test_start("6.8.23");
	contract_store(conn, &all);
	contract_expect(conn, OSP_STR("older"), &all);
	points_term(&all);
	contract_close(conn);
}

/* A batch that is sent again after a crash is stored once. */
void
test_elastic_killed_during_batch(void **state)
{
	(void) state;
	faults_sent_again(elastic_trace);
}

void
test_elastic_hangs(void **state)
{
	(void) state;
	faults_hangs(elastic_trace, "does not answer", NULL);
}

/* Documents that the server can never store are left out; all others are stored. */
void
test_elastic_refused_documents(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	points good;
	points all;

	(void) state;
	points_init(&good);
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 100);
	points_fill(&all, OSP_STR("impossible"), 100, 3);
	points_fill(&all, elastic_trace, 104, 30);
	elastic_test_faults("{\"item\": 400, \"kind\": "
						"\"mapper_parsing_exception\", \"holding\": "
						"\"impossible\"}");
	assert_int_equal(osp_driver_elasticsearch.notify(
						 conn, all.items, all.count, &accepted, &err),
					 OSP_EREFUSED);
	assert_int_equal(accepted, 130);
	assert_non_null(strstr(err.msg, "mapper_parsing_exception: because"));
	contract_expect(conn, elastic_trace, &all);
	contract_expect(conn, OSP_STR("impossible"), &good);

	/* A document that is too large is refused, and no other one. */
	elastic_test_faults(NULL);
	{
		const size_t size = 20 * 1024 * 1024;
		char *huge = malloc(size);
		points large;

		assert_non_null(huge);
		memset(huge, 'x', size);
		points_init(&large);
		points_fill(&large, OSP_STR("few"), 0, 5);
		points_add(&large, OSP_STR("large"), 5, osp_str_n(huge, size));
		points_fill(&large, OSP_STR("few"), 6, 5);
		elastic_test_faults("{\"largest\": 10000000}");
		assert_int_equal(osp_driver_elasticsearch.notify(
							 conn, large.items, large.count, &accepted, &err),
						 OSP_EREFUSED);
		assert_int_equal(accepted, 10);
		assert_non_null(strstr(err.msg, "answers 413"));
		contract_expect(conn, OSP_STR("few"), &large);
		free(huge);
		points_term(&large);
	}
	points_term(&all);
	contract_close(conn);
}

/* Temporary trouble, or trouble that an administrator can end, does not count as a
 * refusal of the notifications. */
void
test_elastic_in_trouble(void **state)
{
	static const fault_trouble causes[] = {
		{"{\"item\": 429, \"holding\": \"000000000003\"}", NULL, "answers 429"},
		{"{\"item\": 503, \"kind\": \"unavailable_shards_exception\"}",
		 NULL,
		 "unavailable_shards_exception"},
		{"{\"item\": 403, \"kind\": \"cluster_block_exception\"}",
		 NULL,
		 "cluster_block_exception"},
		{"{\"item\": 400, \"kind\": \"index_closed_exception\"}",
		 NULL,
		 "index_closed_exception"},
		{"{\"item\": 400, \"kind\": \"illegal_argument_exception\", "
		 "\"reason\": \"Rejecting mapping update to [x] as\"}",
		 NULL,
		 "Rejecting"},
		{"{\"item\": 404, \"kind\": \"index_not_found_exception\"}",
		 NULL,
		 "answers 404"},
		{"{\"status\": 429}", NULL, "answers 429"},
		{"{\"status\": 503}", NULL, "answers 503"},
		{"{\"status\": 500}", NULL, "answers 500"},
		{"{\"status\": 400}", NULL, "answers 400"},
		{"{\"status\": 403}", NULL, "lacks rights"},
		{"{\"status\": 404}", NULL, "answers 404"},
		{"{\"status\": 302}", NULL, "answers 302"}};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	size_t accepted;
	points all;

	(void) state;
	faults_trouble(
		conn, causes, sizeof(causes) / sizeof(causes[0]), elastic_test_faults);

	/* The server asks the client to wait. */
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 10);
	elastic_test_faults(
		"{\"status\": 429, \"retry_after\": \"60\", \"times\": 1}");
	(void) contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_int_equal(osp_driver_elasticsearch.notify(
						 conn, all.items, all.count, &accepted, &err),
					 OSP_EUNAVAIL);
	assert_non_null(strstr(err.msg, "not to be sent anything"));
	points_term(&all);
	contract_close(conn);
}

void
test_elastic_logins(void **state)
{
	char rest[300];
	char path[256];
	osp_driver_conn *conn;
	const char *message;
	FILE *file;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 3);
	elastic_test_faults(
		"{\"login\": \"me:pass word\", \"key\": \"S2V5OmtleQ==\"}");
	conn = contract_open_as(elastic_test_uri("me:wrong@", ""), false, 2000);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(message, "give a login"));
	assert_null(strstr(message, "wrong"));
	contract_close(conn);
	conn =
		contract_open_as(elastic_test_uri("me:pass%20word@", ""), false, 2000);
	contract_store(conn, &all);

	/* The user loses the right to write. */
	elastic_test_faults("{\"login\": \"me:other\"}");
	(void) contract_store_fails(conn, &all, OSP_EUNAVAIL);
	elastic_test_faults(
		"{\"login\": \"me:pass word\", \"key\": \"S2V5OmtleQ==\"}");
	contract_store(conn, &all);
	contract_close(conn);

	conn = contract_open_as(
		elastic_test_uri("", "?api_key=S2V5OmtleQ%3D%3D"), false, 2000);
	contract_expect(conn, elastic_trace, &all);
	contract_close(conn);
	(void) snprintf(path, sizeof(path), "%s/key", elastic_test_dir());
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("S2V5OmtleQ==\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
	(void) snprintf(rest, sizeof(rest), "?api_key_file=%s", path);
	conn = contract_open_as(elastic_test_uri("", rest), false, 2000);
	contract_expect(conn, elastic_trace, &all);
	contract_close(conn);

	/* A file with headers is refused if other users may read it. */
	assert_int_equal(chmod(path, 0644), 0);
	{
		osp_driver_options options =
			contract_options(elastic_test_uri("", rest));
		osp_error err = {OSP_OK, ""};

		assert_int_equal(osp_driver_elasticsearch.open(&options, &conn, &err),
						 OSP_EPERM);
		assert_non_null(strstr(err.msg, path));
	}
	points_term(&all);
}

/* No server, a silent one, and ones with wrong answers. */
void
test_elastic_strangers(void **state)
{
	static const fault_limits limits = {.uri = "elasticsearch://127.0.0.1:",
										.timeout_ms = 800,
										.deadline_ms = 1600,
										.memory_max = 64 * 1024,
										.all_ms = 4000};
	static const fault_stranger strangers[] = {
		{.who = {.text = ""}},
		{.who = {.text = "SSH-2.0-OpenSSH_9.2\r\n"}},
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}},
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"}},
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"}},
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n"
						 "{\"version\":{\"number\":\"x\"}}"}},
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n"
						 "{\"version\":{\"number\":\"8.1\"}}"}},
		{.who =
			 {.text = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{",
			  .again =
				  "                                                        "},
		 .status = OSP_EFULL,
		 .timeout_ms = PATIENCE_MS},
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n",
				 .again = " ",
				 .pause_ms = 30}},
		{.who = {.text = "HTTP/1.1 200 O", .again = "K", .pause_ms = 30}}};

	(void) state;
	faults_strangers(
		&limits, strangers, sizeof(strangers) / sizeof(strangers[0]));
}

/* A self-signed server certificate is trusted if the connection string names its
 * authority. */
void
test_elastic_tls(void **state)
{
	char command[1024];
	char uri[400];
	osp_driver_conn *conn;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 3);
	script_server_stop(&elastic_test_server);
	(void) snprintf(command,
					sizeof(command),
					"cd '%s' && openssl req -x509 -newkey rsa:2048 -nodes "
					"-days 2 -keyout key.pem -out cert.pem -subj /CN=localhost "
					"-addext subjectAltName=DNS:localhost >/dev/null 2>&1",
					elastic_test_dir());
	assert_int_equal(system(command), 0);
	elastic_test_start("8.11.1");
	(void) snprintf(uri,
					sizeof(uri),
					"elasticsearch+https://localhost:%d?ca=%s/cert.pem",
					elastic_test_server.port,
					elastic_test_dir());
	conn = contract_open_as(uri, false, 10 * TIMEOUT_MS);
	contract_store(conn, &all);
	contract_expect(conn, elastic_trace, &all);
	contract_close(conn);
	(void) snprintf(uri,
					sizeof(uri),
					"opensearch+https://localhost:%d",
					elastic_test_server.port);
	conn = contract_open_as(uri, false, 10 * TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "certificate"));
	contract_close(conn);
	points_term(&all);
}
