/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_strangers.c
 *	  Who is no redis-server: nobody, somebody mute, other servers, wrong replies.
 */
#include "redis_tests.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
	points_fill(&all, redis_trace, 0, count);
	start = contract_now_ms();
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(message, says));
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
	int port;
	int fd = listen_mute(5, &port);

	(void) state;
	assert_fails_soon(port, 1, "does not answer within 200 ms");
	assert_fails_soon(port, 50000, "takes nothing in");
	(void) close(fd);
}

/* When the queue of a listener is full, the system lets a new connection wait,
 * as one does to a host that is not there. */
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

void
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
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	points_term(&all);
}

/* Replies to reading that are of a wrong shape. */
void
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
		assert_int_equal(osp_driver_redis.get_points(
							 conn, redis_trace, collect_point, &got, &err),
						 OSP_EUNAVAIL);
		assert_int_equal(got.count, 0);
		(void) osp_driver_redis.list_traces(
			conn, NULL, collect_trace, &got, NULL, &err);
		assert_int_equal(got.count, 0);
		contract_close(conn);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}
