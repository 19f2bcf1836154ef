/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis.c
 *	  The redis driver: the suite for all drivers, and upstream's bytes, logins,
 *	  servers that restart, die, refuse, stay mute, or are none.
 */
#include "contract.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "redis_server.h"
#include "tempdir.h"

extern const osp_driver osp_driver_redis;

static const osp_str trace = {"trace", 5};
static redis_server server;
static char dir[128];
static char uri[256];

/* A server that the test before left in order is kept. */
static bool fresh_needed = true;

static void
start_server(const char *options)
{
	redis_server_start(&server, dir, options);
	(void) snprintf(uri, sizeof(uri), "redis://127.0.0.1:%d/0", server.port);
}

static void
restart_server(const char *options)
{
	redis_server_stop(&server);
	start_server(options);
	fresh_needed = true;
}

static void
finish(void)
{
	redis_server_stop(&server);
	if (dir[0] != '\0')
		tempdir_remove();
	dir[0] = '\0';
}

/* A command to the server, aside from the driver. */
static redisReply *
command(const char *format, ...)
{
	redisContext *ctx = redisConnect("127.0.0.1", server.port);
	redisReply *reply;
	va_list args;

	assert_non_null(ctx);
	assert_int_equal(ctx->err, 0);
	va_start(args, format);
	reply = redisvCommand(ctx, format, args);
	va_end(args);
	assert_non_null(reply);
	redisFree(ctx);
	return reply;
}

static void
command_ok(const char *text)
{
	redisReply *reply = command(text);

	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", text, reply->str);
	freeReplyObject(reply);
}

static void
reset(void)
{
	if (fresh_needed)
	{
		finish();
		(void) snprintf(dir, sizeof(dir), "%s", tempdir_make());
		start_server("");
		fresh_needed = false;
	}
	command_ok("FLUSHALL");
}

static const char *
connection_string(void)
{
	return uri;
}

static const char *
server_uri(const char *login, const char *rest)
{
	static char text[256];

	(void) snprintf(text,
					sizeof(text),
					"redis://%s127.0.0.1:%d%s",
					login,
					server.port,
					rest);
	return text;
}

static void
test_form(void **state)
{
	osp_driver_conn *conn = contract_open();
	char stamp[OSP_TIMESTAMP_LEN + 1];
	char expected[128];
	redisReply *reply;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 2);
	points_add_error(&all, trace, 3);
	points_add_error(&all, OSP_STR("ж\"😀"), 5);
	contract_store(conn, &all);

	reply = command("KEYS *");
	assert_int_equal(reply->elements, 4);
	freeReplyObject(reply);
	reply = command("LRANGE osprofiler_opt:trace 0 -1");
	assert_int_equal(reply->elements, 3);
	assert_string_equal(reply->element[0]->str, all.items[2].json.ptr);
	assert_string_equal(reply->element[2]->str, all.items[0].json.ptr);
	freeReplyObject(reply);
	reply = command("TTL osprofiler_opt:trace");
	assert_int_equal(reply->integer, -1);
	freeReplyObject(reply);

	points_timestamp(3, stamp);
	(void) snprintf(expected,
					sizeof(expected),
					"{\"base_id\": \"trace\", \"timestamp\": \"%s\"}",
					stamp);
	reply = command("GET osprofiler_error:trace");
	assert_string_equal(reply->str, expected);
	freeReplyObject(reply);
	points_timestamp(5, stamp);
	(void) snprintf(expected,
					sizeof(expected),
					"{\"base_id\": \"\\u0436\\\"\\ud83d\\ude00\", "
					"\"timestamp\": \"%s\"}",
					stamp);
	reply = command("GET %s", "osprofiler_error:ж\"😀");
	assert_string_equal(reply->str, expected);
	freeReplyObject(reply);
	points_term(&all);
	contract_close(conn);
}

static void
test_errors_not_noted(void **state)
{
	osp_driver_conn *conn = contract_open_as(uri, false, TIMEOUT_MS);
	redisReply *reply;
	points all;

	(void) state;
	points_init(&all);
	points_add_error(&all, trace, 3);
	contract_store(conn, &all);
	reply = command("KEYS *");
	assert_int_equal(reply->elements, 1);
	freeReplyObject(reply);
	points_term(&all);
	contract_close(conn);
}

static void
test_legacy_keys(void **state)
{
	osp_driver_conn *writer = contract_open();
	osp_driver_conn *conn = contract_open_reader();
	char stamp[OSP_TIMESTAMP_LEN + 1];
	collected got;
	points all;
	points newer;
	unsigned i;

	(void) state;
	points_init(&all);
	points_init(&newer);
	points_fill(&all, trace, 0, 600);
	points_fill(&newer, trace, 600, 2);
	for (i = 0; i < 600; i++)
		freeReplyObject(command("SET osprofiler:trace%04u %b",
								i,
								all.items[i].json.ptr,
								all.items[i].json.len));
	freeReplyObject(command("SET osprofiler:trace2-x %s",
							"{\"name\": \"x\", \"base_id\": \"trace2\", "
							"\"trace_id\": \"t\", \"parent_id\": \"p\", "
							"\"timestamp\": \"2016-04-18T17:42:10.77\"}"));
	command_ok("SET osprofiler:trace-nonsense nonsense");
	command_ok("LPUSH osprofiler:trace-list nonsense");
	contract_store(writer, &newer);

	/* A trace in both forms is one trace, and the old form comes first. */
	collected_init(&got);
	assert_int_equal(
		osp_driver_redis.get_points(conn, trace, collect_point, &got, NULL),
		OSP_OK);
	assert_int_equal(got.count, 602);
	for (i = 0; i < 600; i++)
		assert_in_range(collected_find(&got, all.items[i].json.ptr), 0, 599);
	assert_string_equal(got.texts[600], newer.items[0].json.ptr);
	assert_string_equal(got.texts[601], newer.items[1].json.ptr);
	collected_term(&got);

	/* Who writes does not ask for the old form. */
	contract_expect(writer, trace, &newer);
	contract_close(writer);

	contract_list(conn, false, &got);
	assert_int_equal(got.count, 2);
	points_timestamp(0, stamp);
	assert_string_equal(got.timestamps[collected_find(&got, "trace")], stamp);
	assert_true(collected_find(&got, "trace2") >= 0);
	collected_term(&got);
	points_term(&all);
	points_term(&newer);
	contract_close(conn);
}

static void
test_nonsense_is_listed(void **state)
{
	osp_driver_conn *conn = contract_open();
	collected list;

	(void) state;
	command_ok("LPUSH osprofiler_opt:one nonsense");
	command_ok("SET osprofiler_opt:two nonsense");
	command_ok("SET osprofiler_error:three nonsense");
	command_ok("SET osprofilerx nonsense");
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.texts[0], "one");
	assert_string_equal(list.timestamps[0], "");
	collected_term(&list);
	contract_list(conn, true, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.texts[0], "three");
	collected_term(&list);
	contract_close(conn);
}

/* The list grows at its head while it is read. */
typedef struct growing
{
	collected got;
	unsigned more;
} growing;

static osp_status
collect_and_grow(void *ctx, osp_str json)
{
	growing *g = ctx;

	if (g->got.count % 300 == 0)
	{
		points p;
		osp_driver_conn *other = contract_open();

		points_init(&p);
		points_fill(&p, trace, 100000 + g->more++, 1);
		contract_store(other, &p);
		points_term(&p);
		contract_close(other);
	}
	return collect_point(&g->got, json);
}

static void
test_growing_list(void **state)
{
	osp_driver_conn *conn = contract_open();
	growing g = {.more = 0};
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 9000);
	contract_store(conn, &all);
	assert_int_equal(
		osp_driver_redis.get_points(conn, trace, collect_and_grow, &g, NULL),
		OSP_OK);
	assert_int_equal(g.got.count, 9000);
	for (i = 0; i < 9000; i++)
		assert_string_equal(g.got.texts[i], all.items[i].json.ptr);
	collected_term(&g.got);
	points_term(&all);
	contract_close(conn);
}

static void
test_databases(void **state)
{
	static const char *const same[] = {
		"/3", "/3/", "?db=3", "/?db=3", "/1?db=3"};
	osp_driver_conn *conn =
		contract_open_as(server_uri("", "/3"), false, TIMEOUT_MS);
	osp_driver_conn *zero = contract_open();
	points all;
	points none;
	size_t i;

	(void) state;
	points_init(&all);
	points_init(&none);
	points_fill(&all, trace, 0, 3);
	contract_store(conn, &all);
	contract_expect(zero, trace, &none);
	contract_close(zero);
	contract_close(conn);
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		conn = contract_open_as(server_uri("", same[i]), false, TIMEOUT_MS);
		contract_expect(conn, trace, &all);
		contract_close(conn);
	}
	conn = contract_open_as(server_uri("", "/999"), false, TIMEOUT_MS);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "index is out of range"));
	contract_close(conn);
	points_term(&all);
}

static void
test_socket(void **state)
{
	osp_driver_conn *conn;
	char text[256];
	points all;

	(void) state;
	(void) snprintf(text, sizeof(text), "redis+unix://%s/sock?db=2", dir);
	conn = contract_open_as(text, false, TIMEOUT_MS);
	points_init(&all);
	points_fill(&all, trace, 0, 3);
	contract_store(conn, &all);
	contract_expect(conn, trace, &all);
	contract_close(conn);
	conn = contract_open_as(server_uri("", "/2"), false, TIMEOUT_MS);
	contract_expect(conn, trace, &all);
	contract_close(conn);
	conn = contract_open_as("redis+unix:///no/such", false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "/no/such"));
	contract_close(conn);
	points_term(&all);
}

static void
assert_login_fails(const char *login, const char *says)
{
	osp_driver_conn *conn =
		contract_open_as(server_uri(login, ""), false, TIMEOUT_MS);
	osp_error err = {OSP_OK, ""};
	const char *message;
	points all;

	points_init(&all);
	points_fill(&all, trace, 0, 300);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(message, says));
	assert_null(strstr(message, "wrong word"));
	assert_int_equal(
		osp_driver_redis.get_points(conn, trace, collect_point, NULL, &err),
		OSP_EUNAVAIL);
	assert_int_equal(
		osp_driver_redis.list_traces(conn, NULL, collect_trace, NULL, &err),
		OSP_EUNAVAIL);
	points_term(&all);
	contract_close(conn);
}

static void
assert_login(const char *login)
{
	osp_driver_conn *conn =
		contract_open_as(server_uri(login, "/1"), false, TIMEOUT_MS);
	points all;

	points_init(&all);
	points_fill(&all, osp_str_of(login), 0, 3);
	contract_store(conn, &all);
	contract_expect(conn, osp_str_of(login), &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_passwords(void **state)
{
	(void) state;
	restart_server("--requirepass 'se cret@/:%'");
	assert_login_fails("", "password");
	assert_login_fails(":wrong%20word@", "WRONGPASS");
	assert_login_fails("nobody:se%20cret%40%2f%3a%25@", "WRONGPASS");
	assert_login(":se%20cret%40%2F%3A%25@");
	assert_login("default:se%20cret%40%2f%3a%25@");
	restart_server("");
	assert_login_fails(":wrong%20word@", "AUTH");
}

/* A restart between two batches goes unnoticed. */
static void
test_restart(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 3);
	contract_store(conn, &all);
	restart_server("");
	contract_store(conn, &all);
	contract_expect(conn, trace, &all);
	redis_server_kill(&server);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "cannot connect"));
	start_server("");
	contract_store(conn, &all);
	contract_expect(conn, trace, &all);
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
		redis_server_kill(&server);
		_exit(0);
	}
	return pid;
}

static void
test_killed_during_batch(void **state)
{
	osp_driver_conn *conn = contract_open();
	unsigned failures = 0;
	unsigned round;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 50000);
	for (round = 0; round < 5; round++)
	{
		pid_t killer = kill_later(1000 + 9000 * round);
		osp_error err = {OSP_OK, ""};
		osp_status status;
		size_t accepted;

		do
			status = osp_driver_redis.notify(
				conn, all.items, all.count, &accepted, &err);
		while (status == OSP_OK);
		assert_int_equal(status, OSP_EUNAVAIL);
		assert_int_equal(accepted, 0);
		failures += strstr(err.msg, "cannot connect") == NULL;
		assert_int_equal(waitpid(killer, NULL, 0), killer);
		start_server("");
	}
	assert_true(failures > 0);
	contract_store(conn, &all);
	contract_expect(conn, trace, &all);
	fresh_needed = true;
	points_term(&all);
	contract_close(conn);
}

/* How many connections have this name? */
static unsigned
connections_named(const char *name)
{
	redisReply *reply = command("CLIENT LIST");
	const char *at = reply->str;
	unsigned count = 0;
	char mark[64];

	(void) snprintf(mark, sizeof(mark), " name=%s ", name);
	while ((at = strstr(at, mark)) != NULL)
	{
		at += strlen(mark);
		count++;
	}
	freeReplyObject(reply);
	return count;
}

/* A writer that asks closes what its predecessor may have on its way. */
static void
test_predecessor(void **state)
{
	osp_driver_conn *old = contract_open_instance(uri, "one");
	osp_driver_conn *other = contract_open_instance(uri, "one2");
	osp_driver_conn *young = contract_open_instance(uri, "one");
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 2);
	contract_store(old, &all);
	contract_expect(old, trace, &all);
	contract_expect(other, trace, &all);
	assert_int_equal(connections_named("osprofiler:one"), 1);
	contract_expect(young, trace, &all);
	assert_int_equal(connections_named("osprofiler:one"), 1);
	assert_int_equal(connections_named("osprofiler:one2"), 1);
	contract_expect(young, trace, &all);
	contract_close(young);
	contract_close(other);
	contract_close(old);
	points_term(&all);
}

/* Who may not name a connection, nor close one, stores and reads all the same. */
static void
test_client_forbidden(void **state)
{
	osp_driver_conn *conn;
	points all;

	(void) state;
	command_ok("ACL SETUSER writer on >word ~* +@all -client");
	conn = contract_open_instance(server_uri("writer:word@", ""), "one");
	points_init(&all);
	points_fill(&all, trace, 0, 2);
	contract_store(conn, &all);
	contract_expect(conn, trace, &all);
	command_ok("ACL DELUSER writer");
	points_term(&all);
	contract_close(conn);
}

static void
test_wrong_type(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	points all;
	points none;

	(void) state;
	command_ok("SET osprofiler_opt:taken x");
	points_init(&all);
	points_init(&none);
	points_fill(&all, trace, 0, 3);
	points_fill(&all, OSP_STR("taken"), 3, 2);
	points_fill(&all, trace, 5, 4);
	assert_int_equal(
		osp_driver_redis.notify(conn, all.items, all.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 7);
	assert_non_null(strstr(err.msg, "not a list"));
	contract_expect(conn, trace, &all);
	contract_expect(conn, OSP_STR("taken"), &none);
	points_term(&all);
	contract_close(conn);
}

static void
test_value_too_long(void **state)
{
	osp_driver_conn *conn = contract_open();
	const size_t length = 3 * 1024 * 1024;
	char *text = malloc(length);
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	points all;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', length);
	command_ok("CONFIG SET proto-max-bulk-len 1048576");
	points_init(&all);
	points_fill(&all, trace, 0, 3);
	points_add(&all, OSP_STR("long"), 3, osp_str_n(text, length));
	points_add(&all, OSP_STR("long"), 4, osp_str_n(text, length));
	points_fill(&all, trace, 5, 3);
	assert_int_equal(
		osp_driver_redis.notify(conn, all.items, all.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 6);
	assert_non_null(strstr(err.msg, "long"));
	contract_expect(conn, trace, &all);
	command_ok("CONFIG SET proto-max-bulk-len 536870912");
	free(text);
	points_term(&all);
	contract_close(conn);
}

/* Trouble that somebody can end is no refusal. */
static void
test_server_in_trouble(void **state)
{
	static const char *const causes[][3] = {
		{"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"},
		{"CONFIG SET min-replicas-to-write 1",
		 "CONFIG SET min-replicas-to-write 0",
		 "NOREPLICAS"},
		{"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY"}};
	osp_driver_conn *conn = contract_open();
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 3);
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		command_ok(causes[i][0]);
		assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
							   causes[i][2]));
		command_ok(causes[i][1]);
		contract_store(conn, &all);
	}
	points_term(&all);
	contract_close(conn);
}

static void
test_server_drops_us(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace, 0, 2);
	contract_store(conn, &all);
	command_ok("CLIENT KILL TYPE normal SKIPME yes");
	contract_expect(conn, trace, &all);
	command_ok("CONFIG SET maxclients 1");
	points_term(&all);
	contract_close(conn);
	fresh_needed = true;
}

/* A listener on a free port of loopback that never accepts. */
static int
listen_mute(int backlog, int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* One connection more to a mute listener, which may not come about. */
static int
connect_to(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t) port);
	(void) connect(fd, (struct sockaddr *) &address, sizeof(address));
	return fd;
}

static void
assert_fails_soon(int port, size_t count, const char *says)
{
	const unsigned limit_ms = 200;
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	const char *message;
	char text[64];
	points all;
	long start;

	(void) snprintf(text, sizeof(text), "redis://127.0.0.1:%d", port);
	conn = contract_open_as(text, false, limit_ms);
	points_init(&all);
	points_fill(&all, trace, 0, count);
	start = contract_now_ms();
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(message, says));
	assert_int_equal(
		osp_driver_redis.get_points(conn, trace, collect_point, NULL, &err),
		OSP_EUNAVAIL);
	contract_close(conn);
	assert_true(contract_now_ms() - start < 10 * (long) limit_ms);
	points_term(&all);
}

static void
test_nobody_there(void **state)
{
	int port;
	int fd = listen_mute(1, &port);

	(void) state;
	(void) close(fd);
	assert_fails_soon(port, 1, "cannot connect to redis at 127.0.0.1:");
}

static void
test_mute_server(void **state)
{
	int port;
	int fd = listen_mute(5, &port);

	(void) state;
	assert_fails_soon(port, 1, "does not answer within 200 ms");
	assert_fails_soon(port, 50000, "takes nothing in");
	(void) close(fd);
}

/* When the queue of a listener is full, the system lets a new connection wait,
 * as one does to a host that is not there. */
static void
test_unreachable(void **state)
{
	int waiting[8];
	int port;
	int fd = listen_mute(0, &port);
	size_t i;

	(void) state;
	for (i = 0; i < 8; i++)
		waiting[i] = connect_to(port);
	assert_fails_soon(port, 1, "cannot connect");
	for (i = 0; i < 8; i++)
		(void) close(waiting[i]);
	(void) close(fd);
}

/* Somebody answers whatever comes with this text, and closes. */
static pid_t
answer_with(const char *text, int *port)
{
	int fd = listen_mute(5, port);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		(void) alarm(30); /* should the test fail and leave it alone */
		for (;;)
		{
			int peer = accept(fd, NULL, NULL);
			char bytes[256];

			(void) read(peer, bytes, sizeof(bytes));
			(void) write(peer, text, strlen(text));
			(void) close(peer);
		}
	}
	(void) close(fd);
	return pid;
}

static void
test_other_servers(void **state)
{
	static const char *const answers[][2] = {
		{"HTTP/1.1 400 Bad Request\r\n\r\n", "no redis server"},
		{"-DENIED Redis is running in protected mode.\r\n", "protected"},
		{"-ERR max number of clients reached\r\n", "max number"},
		{"+OK\r\n+OK\r\n", "unexpected"},
		{"*2\r\n:1\r\n:2\r\n", "unexpected"},
		{"$-1\r\n", "unexpected"},
		{"*-1\r\n", "unexpected"},
		{"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
		 "no redis server"},
		{"$99999999999999999999\r\n", "redis"},
		{"", "lost the connection"},
		{":", "lost the connection"}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		int port;
		pid_t pid = answer_with(answers[i][0], &port);

		assert_fails_soon(port, 1, answers[i][1]);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

/* A server that takes nobody in says so to the first command, whatever it is. */
static void
test_turned_away(void **state)
{
	int port;
	pid_t pid = answer_with("-ERR max number of clients reached\r\n", &port);
	osp_driver_conn *conn;
	char text[64];
	points all;

	(void) state;
	(void) snprintf(text, sizeof(text), "redis://127.0.0.1:%d", port);
	conn = contract_open_instance(text, "one");
	points_init(&all);
	points_fill(&all, trace, 0, 1);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "max number of clients"));
	contract_close(conn);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	points_term(&all);
}

/* Replies to reading that are of a wrong shape. */
static void
test_wrong_shapes(void **state)
{
	static const char *const answers[] = {
		"*2\r\n$1\r\n0\r\n$1\r\n0\r\n",
		"*2\r\n$30\r\n000000000000000000000000000000\r\n*0\r\n",
		"*3\r\n$1\r\n0\r\n*0\r\n*0\r\n",
		"*2\r\n:0\r\n*0\r\n",
		"*2\r\n$1\r\n0\r\n*1\r\n:5\r\n+OK\r\n",
		"*2\r\n$1\r\n0\r\n*1\r\n$-1\r\n+OK\r\n"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		osp_driver_conn *conn;
		osp_error err = {OSP_OK, ""};
		char text[64];
		collected got;
		int port;
		pid_t pid = answer_with(answers[i], &port);

		(void) snprintf(text, sizeof(text), "redis://127.0.0.1:%d", port);
		conn = contract_open_as(text, false, 500);
		collected_init(&got);
		assert_int_equal(
			osp_driver_redis.get_points(conn, trace, collect_point, &got, &err),
			OSP_EUNAVAIL);
		assert_int_equal(got.count, 0);
		(void) osp_driver_redis.list_traces(
			conn, NULL, collect_trace, &got, &err);
		assert_int_equal(got.count, 0);
		contract_close(conn);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

int
main(void)
{
	static const char *const bad_strings[] = {"redis",
											  "redis://host:port",
											  "redis://host:99999",
											  "redis://host/zero",
											  "redis://host/-1",
											  "redis://host/1/2",
											  "redis://host?db=",
											  "redis://host?db=x",
											  "redis://host?ssl=true",
											  "redis+unix://relative",
											  "redis+unix://",
											  "redis+unix:///sock?db=one",
											  "redis+tls://host",
											  NULL};
	static const backend b = {.name = "redis",
							  .driver = &osp_driver_redis,
							  .reset = reset,
							  .finish = finish,
							  .connection_string = connection_string,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_errors_not_noted),
		cmocka_unit_test(test_legacy_keys),
		cmocka_unit_test(test_nonsense_is_listed),
		cmocka_unit_test(test_growing_list),
		cmocka_unit_test(test_databases),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_during_batch),
		cmocka_unit_test(test_predecessor),
		cmocka_unit_test(test_client_forbidden),
		cmocka_unit_test(test_wrong_type),
		cmocka_unit_test(test_value_too_long),
		cmocka_unit_test(test_server_in_trouble),
		cmocka_unit_test(test_server_drops_us),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_mute_server),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_other_servers),
		cmocka_unit_test(test_turned_away),
		cmocka_unit_test(test_wrong_shapes),
	};

	if (!redis_server_exists())
		return contract_skip("there is no redis-server");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
