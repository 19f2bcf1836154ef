/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_faults.c
 *	  Receivers that refuse, ask the client to wait, restart, or have another
 *	  certificate, and servers that are no receivers.
 */
#include "faults.h"
#include "otlp_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tempdir.h"

static void
two_operations(notes *n)
{
	notes_init(n);
	notes_start(n, "pg", 1, 0, "{}");
	notes_stop(n, "pg", 1, 0, "{}");
	notes_start(n, "pg", 2, 0, "{}");
	notes_stop(n, "pg", 2, 0, "{}");
}

/* If a receiver asks the client to wait, the driver sends no request before that time
 * is over. */
void
test_otlp_retry_after(void **state)
{
	osp_driver_conn *conn = contract_open();
	size_t accepted;
	long begin;
	notes n;

	(void) state;
	two_operations(&n);
	receiver_answer(429, "1", OSP_STR(""), 1);
	begin = contract_now_ms();
	assert_non_null(strstr(notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted),
						   "answers 429"));
	assert_int_equal(accepted, 0);
	assert_non_null(strstr(notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted),
						   "asked not to be sent anything for 1 s"));
	assert_int_equal(receiver_requests(), 1);
	while (contract_now_ms() - begin < 1100)
		(void) usleep(10000);
	notes_store(conn, &n, 0);
	assert_int_equal(receiver_spans(), 2);
	contract_close(conn);
	notes_term(&n);
}

void
test_otlp_statuses(void **state)
{
	static const struct
	{
		unsigned status;
		osp_status result;
		const char *says;
	} cases[] = {{429, OSP_EUNAVAIL, "answers 429"},
				 {502, OSP_EUNAVAIL, "answers 502"},
				 {503, OSP_EUNAVAIL, "why not"},
				 {504, OSP_EUNAVAIL, "answers 504"},
				 {401, OSP_EUNAVAIL, "give a login"},
				 {403, OSP_EUNAVAIL, "give a login"},
				 {404, OSP_EUNAVAIL, "give the path"},
				 {302, OSP_EUNAVAIL, "answers 302"},
				 {415, OSP_EUNAVAIL, "compression=none"},
				 {400, OSP_EREFUSED, "why not"},
				 {413, OSP_EREFUSED, "answers 413"},
				 {500, OSP_EREFUSED, "answers 500"}};
	osp_driver_conn *conn = contract_open();
	size_t sent = 0;
	size_t i;
	notes n;

	(void) state;
	two_operations(&n);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t accepted = 1;

		receiver_answer(cases[i].status, NULL, OSP_STR("why not\x01"), 1);
		assert_non_null(
			strstr(notes_store_fails(conn, &n, cases[i].result, &accepted),
				   cases[i].says));
		assert_int_equal(accepted, 0);

		/* After a temporary failure the same spans are sent again. After a refusal the
		 * driver has forgotten them, so they are stored as new ones. */
		notes_store(conn, &n, 0);
		sent += 2;
		assert_int_equal(receiver_spans(), sent);
	}
	contract_close(conn);
	assert_int_equal(receiver_spans(), sent);
	notes_term(&n);
}

/* A redirection is not followed. The message has its target, without parts that may be
 * secret. */
void
test_otlp_redirections(void **state)
{
	static const struct
	{
		const char *to;
		const char *says;
	} cases[] = {
		{"https://other.example:8443/v1?token=hidden",
		 "answers 308: it sends others to https://other.example:8443, which"},
		{"http://user:hidden@[::1]/", "http://[::1], which"},
		{"/elsewhere?hidden", "://127.0.0.1:"},
		{"http://[hidden/", "answers 308"},
		{NULL, "answers 308"}};
	osp_driver_conn *conn = contract_open();
	size_t i;
	notes n;

	(void) state;
	two_operations(&n);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *msg;
		size_t accepted = 1;

		receiver_answer(308, cases[i].to, OSP_STR(""), 1);
		msg = notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted);
		assert_non_null(strstr(msg, cases[i].says));
		assert_null(strstr(msg, "hidden"));
		assert_int_not_equal(msg[strlen(msg) - 1], ' ');
		assert_int_equal(accepted, 0);
	}
	notes_store(conn, &n, 0);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 2);
	notes_term(&n);
}

void
test_otlp_partial_success(void **state)
{
	/* rejected_spans: 1 (or 300), error_message: "no room" */
	const osp_str one = OSP_STR("\x0a\x0b\x08\x01\x12\x07no room");
	const osp_str many = OSP_STR("\x0a\x0c\x08\xac\x02\x12\x07no room");

	/* a warning, and fields of later versions */
	const osp_str warning = OSP_STR("\x0a\x09\x12\x07no room");
	const osp_str later =
		OSP_STR("\x11xxxxxxxx\x25xxxx\x0a\x00\x7a\x01x\x10\x05");
	osp_driver_conn *conn = contract_open();
	size_t accepted;
	notes n;

	(void) state;
	two_operations(&n);
	receiver_answer(200, NULL, one, 1);
	assert_non_null(strstr(notes_store_fails(conn, &n, OSP_EREFUSED, &accepted),
						   "refuses 1 spans: no room"));
	assert_int_equal(accepted, 2);
	receiver_answer(200, NULL, many, 1);
	assert_non_null(strstr(notes_store_fails(conn, &n, OSP_EREFUSED, &accepted),
						   "no room"));
	assert_int_equal(accepted, 0);
	receiver_answer(200, NULL, warning, 1);
	notes_store(conn, &n, 0);
	receiver_answer(200, NULL, later, 1);
	notes_store(conn, &n, 0);
	contract_close(conn);
	notes_term(&n);
}

/* The connection survives a restart, and spans that could not be sent are sent
 * afterwards. */
void
test_otlp_restart(void **state)
{
	osp_driver_conn *conn = contract_open();
	size_t accepted;
	int round;
	notes n;

	(void) state;
	two_operations(&n);
	for (round = 0; round < 3; round++)
	{
		notes_store(conn, &n, 0);
		receiver_stop();
		if (round > 0)
			(void) notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted);
		receiver_start(NULL);
	}
	notes_store(conn, &n, 0);
	assert_int_equal(receiver_spans(), 8);
	contract_close(conn);
	notes_term(&n);
}

void
test_otlp_nobody_there(void **state)
{
	static const char *const hosts[] = {
		"otlp://127.0.0.1:%d", "otlp://[::1]:%d", "otlp+https://127.0.0.1:%d"};
	size_t accepted;
	size_t i;
	notes n;

	(void) state;
	two_operations(&n);
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		int port;
		int fd = listen_mute(1, &port);
		osp_driver_conn *conn;
		char uri[64];

		(void) close(fd);
		(void) snprintf(uri, sizeof(uri), hosts[i], port);
		conn = contract_open_as(uri, true, 500);
		assert_non_null(
			strstr(notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted),
				   "cannot send to"));
		assert_int_equal(accepted, 0);
		contract_close(conn);
	}
	notes_term(&n);
}

/* A web server that answers 200 to every request is not taken for a receiver. */
void
test_otlp_garbage(void **state)
{
	static const osp_str answers[] = {
		{"<html>", 6},
		{"\x0a\x05x", 3},
		{"\x0a\x02\x0a\x05", 4},
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
		{"\x0b\x0b", 2},
		{"\x00", 1},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}};
	osp_driver_conn *conn = contract_open();
	size_t accepted;
	size_t i;
	notes n;

	(void) state;
	two_operations(&n);
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		receiver_answer(200, NULL, answers[i], 1);
		assert_non_null(strstr(
			notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted), "not OTLP"));
	}
	contract_close(conn);
	notes_term(&n);
}

/* Servers that give no valid answer of OTLP, none at all, or one without an end. */
void
test_otlp_strangers(void **state)
{
	static const fault_limits limits = {
		.uri = "otlp://127.0.0.1:", .timeout_ms = 400, .all_ms = 3000};
	static const fault_stranger strangers[] = {
		{.who = {.text = "SSH-2.0-OpenSSH_9.2\r\n"},
		 .says = "cannot send",
		 .timeout_ms = PATIENCE_MS},
		{.who = {.text = "-ERR unknown command\r\n"},
		 .says = "cannot send",
		 .timeout_ms = PATIENCE_MS},
		{.who = {.text = "\x00\x01\x02\xff", .text_len = 4},
		 .says = "cannot send",
		 .timeout_ms = PATIENCE_MS},
		{.who =
			 {.text = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
			  .again =
				  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
		 .says = "more than 64 kB",
		 .timeout_ms = PATIENCE_MS},
		{.who = {.text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
						 "ffffffffffffffffffff\r\n"},
		 .says = "cannot send",
		 .timeout_ms = PATIENCE_MS},
		{.who = {.text = "HTTP/1.1 200 OK\r\nX-",
				 .again = "xxxxxxxxxxxxxxxxxxxxxxxx"},
		 .says = "cannot send",
		 .timeout_ms = PATIENCE_MS},
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\x0a"},
		 .says = "cannot send",
		 .timeout_ms = PATIENCE_MS},
		{.who = {.text = ""}, .says = "cannot send", .timeout_ms = PATIENCE_MS},
		/* the answer arrives byte by byte, and is never complete */
		{.who = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n",
				 .again = "x",
				 .pause_ms = 30},
		 .says = "does not answer"},
		{.who = {.text = "HTTP/1.1 200 O", .again = "K", .pause_ms = 30},
		 .says = "does not answer"},
	};

	(void) state;
	faults_strangers(
		&limits, strangers, sizeof(strangers) / sizeof(strangers[0]));
}

/* A receiver that is silent, or that reads nothing, does not delay a call beyond any of
 * its time limits. */
void
test_otlp_interrupts(void **state)
{
	int port;
	int fd = listen_mute(5, &port);
	points all;
	int i;

	(void) state;
	points_init(&all);
	points_fill(&all, OSP_STR(OTLP_TRACE), 0, 30000);
	for (i = 0; i < 6; i++)
	{
		size_t count = i % 2 == 0 ? 2 : all.count;
		long begin = contract_now_ms();
		long late = begin + 300;
		osp_driver_options options;
		osp_driver_conn *conn;
		osp_error err = {OSP_OK, ""};
		char uri[96];
		size_t accepted;

		(void) snprintf(
			uri, sizeof(uri), "otlp://127.0.0.1:%d?compression=none", port);
		options = contract_options(uri);
		options.timeout_ms = i / 2 == 0 ? 300 : 10000;
		options.deadline_ms = i / 2 == 1 ? 300 : 0;
		options.interrupted = i / 2 == 2 ? faults_is_late : NULL;
		options.interrupted_ctx = &late;
		conn = contract_open_with(&options);
		assert_int_equal(
			osp_driver_otlp.notify(conn, all.items, count, &accepted, &err),
			i / 2 == 2 ? OSP_EINTR : OSP_EUNAVAIL);
		assert_true(strlen(err.msg) > 0);
		assert_true(contract_now_ms() - begin < 4000);
		contract_close(conn);
	}
	(void) close(fd);
	points_term(&all);
}

/* A receiver with a self-signed certificate is trusted if the connection string names
 * the authority and the certificate is for that host. */
void
test_otlp_tls(void **state)
{
	const char *dir = tempdir_make();
	char command[1024];
	osp_driver_conn *conn;
	char uri[600];
	size_t accepted;
	notes n;

	(void) state;
	(void) snprintf(command,
					sizeof(command),
					"openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
					"-keyout %s/key.pem -out %s/cert.pem -subj /CN=localhost "
					"-addext subjectAltName=DNS:localhost >/dev/null 2>&1",
					dir,
					dir);
	assert_int_equal(system(command), 0);
	two_operations(&n);
	receiver_stop();
	receiver_start(dir);
	(void) snprintf(uri,
					sizeof(uri),
					"otlp+https://localhost:%d?ca=%s/cert.pem",
					receiver_port(),
					dir);
	conn = contract_open_as(uri, true, 10 * TIMEOUT_MS);
	notes_store(conn, &n, 0);
	assert_int_equal(receiver_spans(), 2);
	contract_close(conn);

	/* The certificate has no trusted authority, is for another host, or the file of the
	 * authority is missing. */
	(void) snprintf(
		uri, sizeof(uri), "otlp+https://localhost:%d", receiver_port());
	conn = contract_open_as(uri, true, 10 * TIMEOUT_MS);
	assert_non_null(strstr(notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted),
						   "certificate"));
	contract_close(conn);
	(void) snprintf(uri,
					sizeof(uri),
					"otlp+https://127.0.0.1:%d?ca=%s/cert.pem",
					receiver_port(),
					dir);
	conn = contract_open_as(uri, true, 10 * TIMEOUT_MS);
	(void) notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted);
	contract_close(conn);
	(void) snprintf(uri,
					sizeof(uri),
					"otlp+https://localhost:%d?ca=%s/none.pem",
					receiver_port(),
					dir);
	conn = contract_open_as(uri, true, 10 * TIMEOUT_MS);
	(void) notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted);
	contract_close(conn);
	receiver_stop();
	receiver_start(NULL);
	assert_int_equal(receiver_spans(), 2);
	notes_term(&n);
	tempdir_remove();
}

/* The proxy of the environment is used only if the connection string asks for it. */
void
test_otlp_proxy(void **state)
{
	osp_driver_conn *conn;
	size_t accepted;
	char proxy[64];
	int port;
	int fd = listen_mute(1, &port);
	notes n;

	(void) state;
	(void) close(fd);
	two_operations(&n);
	(void) snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", port);
	assert_int_equal(setenv("http_proxy", proxy, 1), 0);
	assert_int_equal(setenv("no_proxy", "", 1), 0);
	conn = contract_open();
	notes_store(conn, &n, 0);
	contract_close(conn);
	conn = contract_open_as(
		otlp_test_uri("?proxy=environment"), true, 10 * TIMEOUT_MS);
	(void) notes_store_fails(conn, &n, OSP_EUNAVAIL, &accepted);
	contract_close(conn);
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("no_proxy"), 0);
	notes_term(&n);
}
