/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_strangers.c
 *	  Something else than Redis answers: no server, a silent one, another kind of
 *	  server, or one with wrong replies.
 */
#include "faults.h"
#include "redis_tests.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The reply of a server that is no cluster to the question whether it is one. */
#define NO_CLUSTER "-ERR This instance has cluster support disabled\r\n"

/* Begins a further connection to a listener that does not accept it; the connection may
 * never be established. */
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
	points_fill(&all, redis_trace, 0, count);
	start = contract_now_ms();
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	if (strstr(message, says) == NULL)
		fail_msg("not \"%s\": %s", says, message);
	assert_int_equal(osp_driver_redis.get_points(
						 conn, redis_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	contract_close(conn);
	assert_true(contract_now_ms() - start < 10 * (long) limit_ms);
	points_term(&all);
}

void
test_nobody_there(void **state)
{
	int port;
	int fd = listen_mute(1, &port);

	(void) state;
	(void) close(fd);
	assert_fails_soon(port, 1, "cannot connect to redis at 127.0.0.1:");
}

void
test_mute_server(void **state)
{
	const stranger falls_silent = {NO_CLUSTER, "", 40, false, 0, 0};
	int port;
	int fd = listen_mute(5, &port);
	pid_t pid;

	(void) state;
	assert_fails_soon(port, 1, "does not answer within 200 ms");
	(void) close(fd);
	pid = start_stranger(&falls_silent, &port);
	assert_fails_soon(port, 50000, "takes nothing in");
	end_stranger(pid);
}

/* If the queue of a listener is full, a new connection waits, like one to a host that
 * does not exist. */
void
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

/* Starts a stranger that answers every request with this text, and closes the
 * connection. */
static pid_t
answer_with(const char *text, int *port)
{
	const stranger who = {.text = text};

	return start_stranger(&who, port);
}

/* Options for connecting to a stranger. */
static osp_driver_options
options_for(int port)
{
	static char text[64];

	(void) snprintf(text, sizeof(text), "redis://127.0.0.1:%d", port);
	return contract_options(text);
}

/* Replies that arrive before the requests do not count as confirmations, even if there
 * are as many of them as requests, or more. */
void
test_unasked_answers(void **state)
{
	static const stranger strangers[] = {
		{":1\r\n", ":1\r\n", 0, true, 0, 0},
		{NO_CLUSTER ":400\r\n", ":400\r\n", 0, true, 0, 0},
		{NO_CLUSTER, ":400\r\n", 0, false, 0, 0},
		{NO_CLUSTER ":400\r\n:1\r\n:1\r\n", ":9\r\n", 5, true, 0, 0},
		{NO_CLUSTER ":400\r\n", ":400\r\n", 1, false, 0, 0},
		{NO_CLUSTER ":400\r\n:1\r\n$4\r\nECHO\r\n", "+OK\r\n", 1, false, 0, 0},
		{"+OK\r\n", "+OK\r\n", 1, true, 0, 0}};
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, redis_trace, 0, 400);
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
	{
		int port;
		pid_t pid = start_stranger(&strangers[i], &port);
		osp_driver_options options = options_for(port);
		osp_driver_conn *conn = contract_open_with(&options);
		osp_error err = {OSP_OK, ""};
		size_t accepted = 1;

		assert_int_equal(osp_driver_redis.notify(
							 conn, all.items, all.count, &accepted, &err),
						 OSP_EUNAVAIL);
		assert_int_equal(accepted, 0);
		contract_close(conn);
		end_stranger(pid);
	}
	points_term(&all);
}

/* A server that sends single bytes slowly does not delay a call beyond its deadline,
 * nor after the host has interrupted it. */
void
test_dripping_server(void **state)
{
	static const stranger drips[] = {
		{NO_CLUSTER "$100000\r\n", "x", 40, false, 0, 0},
		{NO_CLUSTER "*100000\r\n", ":1\r\n", 40, false, 0, 0},
		{"*10000\r\n*3\r\n:1\r\n", ":1\r\n", 40, false, 0, 0},
		{"+", "x", 40, false, 0, 0},
		{"", "", 40, false, 0, 0}};

	(void) state;
	faults_drips("redis://127.0.0.1:", drips, sizeof(drips) / sizeof(drips[0]));
}

#define TEN_NUMBERS \
	":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"
#define MANY_NUMBERS                                                        \
	TEN_NUMBERS TEN_NUMBERS TEN_NUMBERS TEN_NUMBERS TEN_NUMBERS TEN_NUMBERS \
		TEN_NUMBERS TEN_NUMBERS TEN_NUMBERS TEN_NUMBERS

/* The driver uses no more memory than the host allows, whatever the server announces or
 * sends, in replies to reading and to storing. */
void
test_large_answers(void **state)
{
	static const stranger strangers[] = {
		{NO_CLUSTER "$2147483647\r\n", MANY_NUMBERS, 0, false, 0, 0},
		{NO_CLUSTER "*2147483647\r\n", MANY_NUMBERS, 0, false, 0, 0},
		{NO_CLUSTER "*20000\r\n", "$398\r\n" MANY_NUMBERS, 0, false, 0, 0},
		{NO_CLUSTER "*1000000\r\n", MANY_NUMBERS, 0, false, 0, 0},
		{NO_CLUSTER "*30000\r\n", MANY_NUMBERS, 0, false, 0, 0}};

	(void) state;
	faults_large_answers("redis://127.0.0.1:",
						 strangers,
						 sizeof(strangers) / sizeof(strangers[0]),
						 4);

	/* If the host sets no limit of memory, as the agent does not, the driver's default
	 * applies. */
	{
		int port;
		pid_t pid = start_stranger(&strangers[1], &port);
		osp_driver_options options = options_for(port);
		osp_driver_conn *conn;
		osp_error err = {OSP_OK, ""};

		options.deadline_ms = 3000;
		conn = contract_open_with(&options);
		assert_int_equal(osp_driver_redis.get_points(
							 conn, redis_trace, collect_point, NULL, &err),
						 OSP_EFULL);
		contract_close(conn);
		end_stranger(pid);
	}
}

void
test_other_servers(void **state)
{
	static const char *const answers[][2] = {
		{"HTTP/1.1 400 Bad Request\r\n\r\n", "no redis server"},
		{"-DENIED Redis is running in protected mode.\r\n", "protected"},
		{"-ERR max number of clients reached\r\n", "max number"},
		{"+OK\r\n+OK\r\n", "unexpected"},
		{"*2\r\n:1\r\n:2\r\n", "unexpected"},
		{"*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\nh\r\n:1\r\n", "unexpected"},
		{"*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n$1\r\nh\r\n:0\r\n", "unexpected"},
		{"*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n", "lost the connection"},
		{"*0\r\n", "has no slots"},
		{"$-1\r\n", "unexpected"},
		{"*-1\r\n", "unexpected"},
		{"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
		 "redis"},
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
		end_stranger(pid);
	}
}

/* A server that accepts no clients says so in reply to the first command, whatever that
 * command is. */
void
test_turned_away(void **state)
{
	int port;
	pid_t pid = answer_with("-ERR max number of clients reached\r\n", &port);
	osp_driver_conn *conn;
	char text[64];
	points all;

	(void) state;
	(void) snprintf(text, sizeof(text), "redis://127.0.0.1:%d", port);
	conn = contract_open_as(text, false, TIMEOUT_MS);
	points_init(&all);
	points_fill(&all, redis_trace, 0, 1);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "max number of clients"));
	contract_close(conn);
	end_stranger(pid);
	points_term(&all);
}

/* The replies to reading have a wrong type. */
void
test_wrong_shapes(void **state)
{
	static const char *const answers[] = {
		NO_CLUSTER "*2\r\n$1\r\n0\r\n$1\r\n0\r\n",
		NO_CLUSTER "*2\r\n$30\r\n000000000000000000000000000000\r\n*0\r\n",
		NO_CLUSTER "*3\r\n$1\r\n0\r\n*0\r\n*0\r\n",
		NO_CLUSTER "*2\r\n:0\r\n*0\r\n",
		NO_CLUSTER "*2\r\n$1\r\n0\r\n*1\r\n:5\r\n+OK\r\n",
		NO_CLUSTER "*2\r\n$1\r\n0\r\n*1\r\n$-1\r\n+OK\r\n",
		NO_CLUSTER ":30000\r\n:30000\r\n*2\r\n:1\r\n:2\r\n",
		NO_CLUSTER ":30000\r\n:30000\r\n*2\r\n*1\r\n:1\r\n$-1\r\n"};
	const osp_trace_filter newest = {.struct_size = sizeof(newest), .limit = 1};
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
		assert_int_equal(osp_driver_redis.get_points(
							 conn, redis_trace, collect_point, &got, &err),
						 OSP_EUNAVAIL);
		assert_int_equal(got.count, 0);
		(void) osp_driver_redis.list_traces(
			conn, NULL, collect_trace, &got, NULL, &err);
		(void) osp_driver_redis.list_traces(
			conn, &newest, collect_trace, &got, NULL, &err);
		assert_int_equal(got.count, 0);
		contract_close(conn);
		end_stranger(pid);
	}
}
