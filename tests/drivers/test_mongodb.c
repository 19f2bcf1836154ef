/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mongodb.c
 *	  The mongodb driver: the suite for all drivers, documents, faults of the server,
 *	  and connection strings. The server is a stand-in, mongo_standin.py.
 */
#include "certificates.h"
#include "faults.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mongodb_names.h"
#include "tempdir.h"

extern const osp_driver osp_driver_mongodb;

static const osp_str trace = {"11111111-2222-4333-8444-555555555555", 36};
static script_server server;
static char test_dir[128];

static void
start(void)
{
	script_server_start(&server, STANDIN_SERVER, test_dir, "mongo_standin.py");
}

static const char *
uri_of(const char *login, const char *rest)
{
	static char text[512];

	(void) snprintf(text,
					sizeof(text),
					"mongodb://%s127.0.0.1:%d%s",
					login,
					server.port,
					rest);
	return text;
}

static const char *
connection_string(void)
{
	static char text[512];

	(void) snprintf(text, sizeof(text), "%s", uri_of("", ""));
	return text;
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void) snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	(void) unlink(path);
	if (text == NULL)
		return;
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Sets how the next commands fail, as mongo_standin.py describes. NULL: they succeed. */
static void
set_faults(const char *json)
{
	write_file("faults.json", json);
}

static void
reset(void)
{
	if (test_dir[0] == '\0')
		(void) snprintf(test_dir, sizeof(test_dir), "%s", tempdir_make());
	script_server_kill(&server);
	write_file("faults.json", NULL);
	write_file("journal", NULL);
	start();
}

static void
finish(void)
{
	script_server_stop(&server);
	if (test_dir[0] != '\0')
		tempdir_remove();
	test_dir[0] = '\0';
}

static void
add_note(points *all, osp_buf *scratch, const char *json)
{
	osp_error err;

	all->items[all->count - 1].json = osp_str_of(json);
	assert_int_equal(
		osp_notification_read(
			osp_str_of(json), scratch, &all->items[all->count - 1], &err),
		OSP_OK);
}

/* Values of each type are read as they were stored. */
static void
test_values(void **state)
{
	static const char json[] =
		"{\"name\": \"a-start\", \"base_id\": \"x\", \"trace_id\": \"t\", "
		"\"parent_id\": \"p\", \"timestamp\": \"2026-11-22T15:00:00.000001\", "
		"\"info\": {\"db\": {\"params\": {\"$1\": 1, \"a.b\": -2147483649, "
		"\"\": 9223372036854775807, \"$oid\": \"no\", \"f\": 0.1, \"g\": 1e+300, "
		"\"t\": true, \"n\": null, \"l\": [1, [], {}, \"\\u0436\"]}}, \"host\": "
		"\"a\\u0000b\"}, \"project\": null, \"service\": \"s\"}";
	osp_driver_conn *conn = contract_open();
	osp_buf scratch;
	points all;

	(void) state;
	osp_buf_init(&scratch, &osp_allocator_default, 4096);
	points_init(&all);
	points_fill(&all, OSP_STR("x"), 0, 1);
	add_note(&all, &scratch, json);
	contract_store(conn, &all);
	contract_expect(conn, OSP_STR("x"), &all);
	points_term(&all);
	osp_buf_term(&scratch);
	contract_close(conn);
}

/* The client library leaves no files behind when a process is killed. */
static void
test_nothing_stays(void **state)
{
	osp_driver_conn *conn = contract_open();
	char path[64];

	(void) state;
	(void) snprintf(path, sizeof(path), "/dev/shm/mongoc-%ld", (long) getpid());
	assert_int_equal(access(path, F_OK), -1);
	contract_close(conn);
}

/* Documents that the server can never store are left out; all others are stored. */
static void
test_refused_documents(void **state)
{
	const size_t size = 17 * 1024 * 1024;
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	char *huge = malloc(size);
	size_t accepted = 0;
	points all;
	points none;

	(void) state;
	assert_non_null(huge);
	memset(huge, 'x', size);
	points_init(&all);
	points_init(&none);
	points_fill(&all, trace, 0, 100);
	points_fill(&all, OSP_STR("impossible"), 100, 3);
	points_add(&all, OSP_STR("large"), 103, osp_str_n(huge, size));
	points_fill(&all, trace, 104, 30);
	set_faults("{\"item\": 52, \"holding\": \"impossible\"}");
	assert_int_equal(
		osp_driver_mongodb.notify(conn, all.items, all.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 130);
	assert_non_null(strstr(err.msg, "refuses a document"));
	contract_expect(conn, trace, &all);
	contract_expect(conn, OSP_STR("impossible"), &none);
	contract_expect(conn, OSP_STR("large"), &none);
	free(huge);
	points_term(&all);
	contract_close(conn);
}

/* Temporary trouble, or trouble that an administrator can end, does not count as a
 * refusal of the notifications. */
static void
test_in_trouble(void **state)
{
	static const fault_trouble causes[] = {
		{"{\"code\": 13, \"errmsg\": \"because not authorized\"}",
		 NULL,
		 "because"},
		{"{\"code\": 10107, \"errmsg\": \"because not master\"}",
		 NULL,
		 "because"},
		{"{\"code\": 11600}", NULL, "because"},
		{"{\"code\": 14031, \"errmsg\": \"because the disk is full\"}",
		 NULL,
		 "because"},
		{"{\"item\": 96, \"holding\": \"000000000004\"}", NULL, "because"},
		{"{\"item\": 91}", NULL, "because"}};
	static const fault_trouble in_the_middle = {
		"{\"item\": 96, \"holding\": \"000000000003\"}", NULL, "because"};
	osp_driver_conn *conn = contract_open();

	(void) state;
	faults_trouble(
		conn, causes, sizeof(causes) / sizeof(causes[0]), set_faults);
	faults_trouble_of_some(conn, &in_the_middle, set_faults);
	contract_close(conn);
}

/* The connection survives a restart between two batches. While the server is down,
 * storing fails with a message. */
static void
test_restart(void **state)
{
	(void) state;
	faults_restart(trace, "127.0.0.1");
}

/* A batch that is sent again after a crash is stored once. */
static void
test_killed_during_batch(void **state)
{
	(void) state;
	faults_sent_again(trace);
}

static void
test_hangs(void **state)
{
	(void) state;
	faults_hangs(trace, NULL, NULL);
}

/* The stand-in refuses every login. */
static void
test_wrong_login(void **state)
{
	osp_driver_conn *conn =
		contract_open_as(uri_of("me:wrong@", "/admin"), false, 2000);
	const char *message;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 3);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(message, "uthentication"));
	assert_null(strstr(message, "wrong"));
	points_term(&all);
	contract_close(conn);
}

/* No server, a silent one, and ones with wrong answers. */
static void
test_strangers(void **state)
{
	static const fault_limits limits = {.uri = "mongodb://127.0.0.1:",
										.timeout_ms = 400,
										.deadline_ms = 800,
										.all_ms = 4000};
	static const fault_stranger strangers[] = {
		{.who = {.text = ""}},
		{.who = {.text = "HTTP/1.1 400 Bad Request\r\n\r\n"}},
		{.who = {.text = "\xff\xff\xff\x7f\0\0\0\0\0\0\0\0\xdd\x07\0\0",
				 .text_len = 16,
				 .again = "x"}},
		{.who = {.text = "\x10\0\0\0\0\0\0\0\0\0\0\0\xdd\x07\0\0",
				 .text_len = 16}},
		{.who = {.text = "\xff\xff\0\0",
				 .text_len = 4,
				 .again = "x",
				 .pause_ms = 30}}};

	(void) state;
	faults_strangers(
		&limits, strangers, sizeof(strangers) / sizeof(strangers[0]));
}

/* A server that sends slowly does not delay a reader beyond the deadline, nor after the
 * host has interrupted it. */
static void
test_drips(void **state)
{
	static const stranger drips[] = {
		{.text = "", .again = "", .pause_ms = 40},
		{.text = "\xff\xff\0\0", .text_len = 4, .again = "x", .pause_ms = 40}};

	(void) state;
	faults_drips(
		"mongodb://127.0.0.1:", drips, sizeof(drips) / sizeof(drips[0]));
}

/* Asserts that storing fails with this file of authorities. */
static void
tls_fails(const char *ca)
{
	osp_driver_conn *conn;
	char rest[300];
	points all;

	(void) snprintf(rest, sizeof(rest), "/?tls=true&tlsCAFile=%.200s", ca);
	conn = contract_open_as(uri_of("", rest), false, 10 * TIMEOUT_MS);
	points_init(&all);
	points_fill(&all, trace, 0, 3);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "mongodb at"));
	points_term(&all);
	contract_close(conn);
}

/* A server's certificate is trusted if the connection string names its authority. */
static void
test_tls(void **state)
{
	osp_driver_conn *conn;
	char rest[300];
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 3000);
	script_server_stop(&server);
	certificates_make(test_dir);
	start();
	(void) snprintf(
		rest, sizeof(rest), "/?tls=true&tlsCAFile=%s/ca.pem", test_dir);
	conn = contract_open_as(uri_of("", rest), false, 10 * TIMEOUT_MS);
	contract_store(conn, &all);
	contract_expect(conn, trace, &all);
	contract_close(conn);
	(void) snprintf(rest, sizeof(rest), "%s/other.pem", test_dir);
	tls_fails(rest);
	tls_fails("/nonexistent.pem");
	write_file("server.pem", NULL);
	points_term(&all);
}

/* Returns the status of reading from a server that is paused, before or after the
 * driver has connected to it. Either the host interrupts after 300 ms, or the deadline
 * is 400 ms. */
static osp_status
read_while_it_hangs(const char *uri, bool connected, bool interrupts)
{
	osp_driver_options options = contract_options(uri);
	long late = contract_now_ms() + 10 * TIMEOUT_MS;
	osp_error err = {OSP_OK, ""};
	osp_driver_conn *conn;
	osp_status status;
	points all;

	options.timeout_ms = 10 * TIMEOUT_MS;
	options.deadline_ms = interrupts ? 10 * TIMEOUT_MS : 400;
	options.interrupted = faults_is_late;
	options.interrupted_ctx = &late;
	conn = contract_open_with(&options);
	points_init(&all);
	points_fill(&all, trace, 0, 3);
	if (connected)
		contract_store(conn, &all);
	script_server_do(&server, "pause");
	if (interrupts)
		late = contract_now_ms() + 300;
	status =
		osp_driver_mongodb.get_points(conn, trace, collect_point, NULL, &err);
	script_server_do(&server, "resume");
	points_term(&all);
	contract_close(conn);
	return status;
}

/* With TLS, calls keep the same time limits. */
static void
test_tls_hangs(void **state)
{
	char uri[512];
	char rest[300];
	int i;

	(void) state;
	script_server_stop(&server);
	certificates_make(test_dir);
	start();
	(void) snprintf(
		rest, sizeof(rest), "/?tls=true&tlsCAFile=%s/ca.pem", test_dir);
	(void) snprintf(uri, sizeof(uri), "%s", uri_of("", rest));
	for (i = 0; i < 4; i++)
	{
		long begin = contract_now_ms();

		assert_int_equal(read_while_it_hangs(uri, i / 2 == 0, i % 2 == 0),
						 i % 2 == 0 ? OSP_EINTR : OSP_EUNAVAIL);
		assert_true(contract_now_ms() - begin < 2000);
	}
	write_file("server.pem", NULL);
}

/* Listens at a port of this machine with a full queue, so nobody can connect. The
 * sockets that fill the queue are returned in fds. */
static int
listen_mutely(int fds[4])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const struct sockaddr *any = (const struct sockaddr *) (void *) &address;
	socklen_t len = sizeof(address);
	int i;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; i < 4; i++)
	{
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0);
	}
	assert_int_equal(bind(fds[0], any, len), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(
		getsockname(fds[0], (struct sockaddr *) (void *) &address, &len), 0);
	for (i = 1; i < 4; i++)
		(void) connect(fds[i], any, len);
	return ntohs(address.sin_port);
}

/* If a member does not answer, there is still time for the others, whether the members
 * are in the connection string or in an SRV record. */
static void
test_dead_member(void **state)
{
	osp_driver_options options;
	char uris[2][256];
	int ports[2];
	int fds[4];
	int i;

	(void) state;
	write_file("mongos", "");
	ports[0] = listen_mutely(fds);
	ports[1] = server.port;
	mongodb_names_set(ports, 2);
	(void) snprintf(uris[0],
					sizeof(uris[0]),
					"mongodb://127.0.0.1:%d,127.0.0.1:%d/",
					ports[0],
					ports[1]);
	(void) snprintf(uris[1],
					sizeof(uris[1]),
					"mongodb+srv://" MONGODB_NAMES_SRV "/?tls=false");
	for (i = 0; i < 2; i++)
	{
		long begin = contract_now_ms();
		osp_driver_conn *conn;
		points all;

		options = contract_options(uris[i]);
		options.timeout_ms = options.deadline_ms = TIMEOUT_MS;
		conn = contract_open_with(&options);
		points_init(&all);
		points_fill(&all, trace, 0, 3);
		contract_store(conn, &all);

		/* The driver has waited for the dead member. */
		assert_true(contract_now_ms() - begin >= TIMEOUT_MS / 4);
		points_term(&all);
		contract_close(conn);
	}
	for (i = 0; i < 4; i++)
		(void) close(fds[i]);
	write_file("mongos", NULL);
}

int
main(void)
{
	static const char *const bad_strings[] = {"mongodb:",
											  "mongodb://",
											  "mongodb://host:port",
											  "mongodb://host/?nonsense=1",
											  "mongodb://host/?w=0",
											  "mongodb://host/?tls=perhaps",
											  "mongodb://us@er:x@host",
											  NULL};
	static const backend b = {.name = "mongodb",
							  .driver = &osp_driver_mongodb,
							  .reset = reset,
							  .finish = finish,
							  .connection_string = connection_string,
							  .server = &server,
							  .start = start,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_nothing_stays),
		cmocka_unit_test(test_refused_documents),
		cmocka_unit_test(test_in_trouble),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_during_batch),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_wrong_login),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_drips),
		cmocka_unit_test(test_dead_member),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_tls_hangs),
	};

	if (system("/usr/bin/python3 -c 'import bson'") != 0)
		return contract_skip("there is no python3-bson");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
