/* SPDX-License-Identifier: Apache-2.0
 *
 * elasticsearch_faults.c
 *	  An Elasticsearch that restarts, dies, hangs, refuses, and who is none.
 */
#include "elasticsearch_tests.h"
#include "stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A restart between two batches goes unnoticed; one that is down is said so. */
void
test_elastic_restart(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 3);
	script_server_stop(&elastic_test_server);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "cannot send"));
	elastic_test_start("6.8.23");
	contract_store(conn, &all);
	script_server_stop(&elastic_test_server);
	elastic_test_start("6.8.23");
	contract_expect(conn, elastic_trace, &all);
	contract_store(conn, &all);
	contract_expect(conn, elastic_trace, &all);
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
		script_server_kill(&elastic_test_server);
		_exit(0);
	}
	return pid;
}

/* What is sent again after a crash is there once. */
void
test_elastic_killed_during_batch(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_status status = OSP_OK;
	osp_error err = {OSP_OK, ""};
	size_t done = 0;
	pid_t killer;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 30000);
	killer = kill_later(150000);
	while (status == OSP_OK && done < all.count)
	{
		points batch = {.items = all.items + done, .count = 3000};
		size_t accepted;

		status = osp_driver_elasticsearch.notify(
			conn, batch.items, batch.count, &accepted, &err);
		done += status == OSP_OK ? batch.count : 0;
	}
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	elastic_test_server.running = false;
	elastic_test_start("7.17.6");
	while (done < all.count)
	{
		points batch = {.items = all.items + done, .count = 3000};

		contract_store(conn, &batch);
		done += batch.count;
	}
	contract_expect(conn, elastic_trace, &all);
	points_term(&all);
	contract_close(conn);
}

void
test_elastic_hangs(void **state)
{
	osp_driver_options options = contract_options(elastic_test_uri("", ""));
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	points small;
	points all;
	long begin;

	(void) state;
	options.timeout_ms = 300;
	conn = contract_open_with(&options);
	points_init(&small);
	points_fill(&small, elastic_trace, 0, 3);
	points_init(&all);
	points_fill(&all, elastic_trace, 0, 50000);
	contract_store(conn, &small);
	script_server_do(&elastic_test_server, "pause");
	begin = contract_now_ms();
	(void) contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(contract_store_fails(conn, &small, OSP_EUNAVAIL),
						   "does not answer"));
	assert_int_equal(osp_driver_elasticsearch.get_points(
						 conn, elastic_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_true(contract_now_ms() - begin < 3000);
	script_server_do(&elastic_test_server, "resume");
	points_term(&small);
	points_term(&all);
	contract_close(conn);
}

/* Documents that the server will never take are left out, and no others. */
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

	/* One that is too large goes alone. */
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

/* Trouble that ends, or that somebody can end, is no refusal. */
void
test_elastic_in_trouble(void **state)
{
	static const char *const causes[][2] = {
		{"{\"item\": 429, \"holding\": \"000000000003\"}", "answers 429"},
		{"{\"item\": 503, \"kind\": \"unavailable_shards_exception\"}",
		 "unavailable_shards_exception"},
		{"{\"item\": 403, \"kind\": \"cluster_block_exception\"}",
		 "cluster_block_exception"},
		{"{\"item\": 400, \"kind\": \"index_closed_exception\"}",
		 "index_closed_exception"},
		{"{\"item\": 400, \"kind\": \"illegal_argument_exception\", "
		 "\"reason\": \"Rejecting mapping update to [x] as\"}",
		 "Rejecting"},
		{"{\"item\": 404, \"kind\": \"index_not_found_exception\"}",
		 "answers 404"},
		{"{\"status\": 429}", "answers 429"},
		{"{\"status\": 503}", "answers 503"},
		{"{\"status\": 500}", "answers 500"},
		{"{\"status\": 400}", "answers 400"},
		{"{\"status\": 403}", "lacks rights"},
		{"{\"status\": 404}", "answers 404"},
		{"{\"status\": 302}", "answers 302"}};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	size_t accepted;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		points_fill(&all, elastic_trace, 10 * (unsigned) i, 10);
		elastic_test_faults(causes[i][0]);
		if (strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
				   causes[i][1]) == NULL)
			fail_msg("%s", causes[i][0]);
		elastic_test_faults(NULL);
		contract_store(conn, &all);
		contract_expect(conn, elastic_trace, &all);
	}

	/* It asks for patience. */
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

	/* Rights are revoked meanwhile. */
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

	/* A file that others may read is not taken. */
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

/* Nobody, somebody mute, somebody who says anything. */
void
test_elastic_strangers(void **state)
{
	static const stranger strangers[] = {
		{.text = ""},
		{.text = "SSH-2.0-OpenSSH_9.2\r\n"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n"
				 "{\"version\":{\"number\":\"x\"}}"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n"
				 "{\"version\":{\"number\":\"8.1\"}}"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{",
		 .again = "                                                        "},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n",
		 .again = " ",
		 .pause_ms = 30},
		{.text = "HTTP/1.1 200 O", .again = "K", .pause_ms = 30}};
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

		(void) snprintf(uri, sizeof(uri), "elasticsearch://127.0.0.1:%d", port);
		options = contract_options(uri);
		options.timeout_ms = 800;
		options.deadline_ms = 1600;
		options.memory_max = 64 * 1024;
		conn = contract_open_with(&options);
		points_init(&all);
		points_fill(&all, elastic_trace, 0, 10);
		(void) contract_store_fails(
			conn, &all, i == 7 ? OSP_EFULL : OSP_EUNAVAIL);
		assert_true(contract_now_ms() - begin < 4000);
		points_term(&all);
		contract_close(conn);
		end_stranger(pid);
	}
}

/* A certificate of its own is trusted if its CA is named. */
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
