/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rediss.c
 *	  The redis driver with TLS: the suite for all drivers, and certificates.
 */
#include "redis_group.h"
#include "stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The connection string rediss://127.0.0.1 with these options, in which DIR stands for
 * the directory of certificates (static). */
static const char *
uri_of(const char *options)
{
	static char text[2048];
	const char *dir = strstr(options, "DIR");
	int len =
		snprintf(text, sizeof(text), "rediss://127.0.0.1:%d?", group_port("a"));

	while (dir != NULL)
	{
		len += snprintf(text + len,
						sizeof(text) - (size_t) len,
						"%.*s%s/crt",
						(int) (dir - options),
						options,
						group_dir);
		options = dir + 3;
		dir = strstr(options, "DIR");
	}
	(void) snprintf(text + len, sizeof(text) - (size_t) len, "%s", options);
	return text;
}

static const char *
trusting_uri(void)
{
	return uri_of("ssl_ca_certs=DIR/ca.crt");
}

static void
reset(void)
{
	if (group_dir[0] == '\0')
		(void) group_start("tls", "");
	group_do("a", "FLUSHALL");
}

static void
assert_works(const char *options)
{
	osp_driver_conn *conn =
		contract_open_as(uri_of(options), false, TIMEOUT_MS);
	points all;

	points_init(&all);
	points_fill(&all, group_trace, 0, 2);
	group_do("a", "FLUSHALL");
	contract_store(conn, &all);
	contract_expect(conn, group_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* Restarts the server with the certificate of this name and with further options. */
static void
serve_with(const char *certificate, const char *options)
{
	char text[1024];

	(void) snprintf(text,
					sizeof(text),
					"--tls-cert-file '%s/crt/%s.crt' --tls-key-file "
					"'%s/crt/%s.key' %s",
					group_dir,
					certificate,
					group_dir,
					certificate,
					options);
	group_restart("a", text);
}

static void
test_authorities(void **state)
{
	(void) state;
	group_store_fails(uri_of(""), "self-signed certificate in");
	group_store_fails(uri_of("ssl_ca_certs=DIR/other.crt"), "certificate");
	group_store_fails(uri_of("ssl_ca_certs=DIR/none.crt"), "none.crt");
	group_store_fails(uri_of("ssl_ca_certs=DIR/ca.key"), "ca.key");
	assert_works("ssl_cert_reqs=none");
	assert_works("ssl_ca_certs=DIR%2Fca.crt&ssl_cert_reqs=required");
}

static void
test_wrong_certificates(void **state)
{
	(void) state;
	serve_with("expired", "");
	group_store_fails(trusting_uri(), "certificate has expired");
	group_store_fails(uri_of("ssl_ca_certs=DIR/ca.crt&ssl_check_hostname=0"),
					  "certificate has expired");
	serve_with("elsewhere", "");
	group_store_fails(trusting_uri(), "IP address mismatch");
	assert_works("ssl_ca_certs=DIR/ca.crt&ssl_check_hostname=0");
	assert_works("ssl_cert_reqs=none");
	serve_with("server", "");
}

static void
test_client_certificates(void **state)
{
	(void) state;
	serve_with("server", "--tls-auth-clients yes");
	group_store_fails(trusting_uri(), "certificate required");
	assert_works("ssl_ca_certs=DIR/ca.crt&ssl_certfile=DIR/client.crt&"
				 "ssl_keyfile=DIR/client.key");
	group_store_fails(uri_of("ssl_ca_certs=DIR/ca.crt&ssl_certfile=DIR/"
							 "client.crt&ssl_keyfile=DIR/server.key"),
					  "key values mismatch");
	group_store_fails(uri_of("ssl_ca_certs=DIR/ca.crt&ssl_certfile=DIR/"
							 "client.crt&ssl_keyfile=DIR/locked.key"),
					  "locked.key");
	group_store_fails(uri_of("ssl_ca_certs=DIR/ca.crt&ssl_certfile=DIR/x.crt"),
					  "x.crt");
	serve_with("server", "");
}

static long long
connections_received(void)
{
	redisReply *reply = group_command("a", "INFO stats");
	const char *found = strstr(reply->str, "total_connections_received:");
	long long count;

	assert_non_null(found);
	count = strtoll(strchr(found, ':') + 1, NULL, 10);
	freeReplyObject(reply);
	return count;
}

/* The driver does not connect anew when TLS sends data of its own, such as session
 * tickets. */
static void
test_one_connection(void **state)
{
	osp_driver_conn *conn = contract_open();
	long long before;
	points all;
	int i;

	(void) state;
	points_init(&all);
	points_fill(&all, group_trace, 0, 2);
	contract_store(conn, &all);
	before = connections_received();
	for (i = 0; i < 10; i++)
		contract_store(conn, &all);
	assert_int_equal(connections_received(), before + 1);
	points_term(&all);
	contract_close(conn);
}

static void
test_restart(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, group_trace, 0, 3000);
	contract_store(conn, &all);
	group_kill("a");
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "cannot connect"));
	serve_with("server", "");
	contract_store(conn, &all);
	contract_expect(conn, group_trace, &all);
	points_term(&all);
	contract_close(conn);
}

static void
assert_stranger_fails(const stranger *who, const char *says)
{
	char text[64];
	int port;
	pid_t pid = start_stranger(who, &port);

	(void) snprintf(text, sizeof(text), "rediss://127.0.0.1:%d", port);
	group_store_fails(text, says);
	end_stranger(pid);
}

/* A server without TLS, a silent one, and a client without TLS. */
static void
test_strangers(void **state)
{
	const stranger plain = {.text = "-ERR what is that?\r\n"};
	const stranger silent = {"", "", 40, false, 0, 0};
	char text[64];

	(void) state;
	assert_stranger_fails(&plain, "does not speak TLS");
	assert_stranger_fails(&silent, "no answer in time");
	(void) snprintf(
		text, sizeof(text), "redis://127.0.0.1:%d", group_port("a"));
	group_store_fails(text, "lost the connection");
}

/* A handshake of which the bytes arrive slowly is ended by the deadline of the call. */
static void
test_dripping_handshake(void **state)
{
	const stranger drips = {"\x16\x03\x03\x40", "x", 40, false, 4, 1};
	osp_error err = {OSP_OK, ""};
	osp_driver_options options;
	osp_driver_conn *conn;
	long begin = contract_now_ms();
	char text[64];
	int port;
	pid_t pid = start_stranger(&drips, &port);

	(void) state;
	(void) snprintf(text, sizeof(text), "rediss://127.0.0.1:%d", port);
	options = contract_options(text);
	options.deadline_ms = 400;
	conn = contract_open_with(&options);
	assert_int_equal(osp_driver_redis.get_points(
						 conn, group_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_non_null(strstr(err.msg, "no answer in time"));
	assert_true(contract_now_ms() - begin < 2000);
	contract_close(conn);
	end_stranger(pid);
}

int
main(void)
{
	static const char *const bad_strings[] = {
		"redis://host?ssl_ca_certs=/ca",
		"rediss://host?ssl_ca_certs=ca",
		"rediss://host?ssl_ca_certs=",
		"rediss://host?ssl_keyfile=/key",
		"rediss://host?ssl_cert_reqs=perhaps",
		"rediss://host?ssl_check_hostname=perhaps",
		"rediss://host?ssl_cacerts=/ca",
		"rediss://host?sentinel_password=x",
		"rediss+unix:///sock",
		NULL};
	static const backend b = {.name = "redis",
							  .driver = &osp_driver_redis,
							  .reset = reset,
							  .finish = group_finish,
							  .connection_string = trusting_uri,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_wrong_certificates),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_dripping_handshake),
	};

	if (!script_server_exists(REDIS_GROUP))
		return contract_skip("there is no redis-server");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
