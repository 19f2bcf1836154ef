/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_strangers.c
 *	  Something else than RabbitMQ answers: no server, a silent one, another kind of
 *	  server, or a broker that breaks the protocol.
 */
#include "faults.h"
#include "messaging_tests.h"

#include <stdio.h>
#include <unistd.h>

/* Frames: kind, channel, length, payload, end. */
#define METHOD(channel, length, method) "\1\0" channel "\0\0\0" length method
#define END                             "\xce"

#define START                            \
	METHOD("\0", "\x1c", "\0\x0a\0\x0a") \
	"\0\x09"                             \
	"\0\0\0\0"                           \
	"\0\0\0\5"                           \
	"PLAIN"                              \
	"\0\0\0\5"                           \
	"en_US" END
#define TUNE_OF(frame_max) \
	METHOD("\0", "\x0c", "\0\x0a\0\x1e") "\7\xff" frame_max "\0\x3c" END
#define TUNE        TUNE_OF("\0\2\0\0")
#define OPEN_OK     METHOD("\0", "\5", "\0\x0a\0\x29") "\0" END
#define CHANNEL_OK  METHOD("\1", "\x08", "\0\x14\0\x0b") "\0\0\0\0" END
#define EXCHANGE_OK METHOD("\1", "\4", "\0\x28\0\x0b") END
#define QUEUE_OK                         \
	METHOD("\1", "\x0e", "\0\x32\0\x0b") \
	"\1q"                                \
	"\0\0\0\5"                           \
	"\0\0\0\0" END
#define BIND_OK    METHOD("\1", "\4", "\0\x32\0\x15") END
#define CONFIRM_OK METHOD("\1", "\4", "\0\x55\0\x0b") END
#define CONSUME_OK METHOD("\1", "\6", "\0\x3c\0\x15") "\1c" END
#define ACK(tag, all) \
	METHOD("\1", "\x0d", "\0\x3c\0\x50") "\0\0\0\0\0\0\0" tag all END
#define DELIVER                          \
	METHOD("\1", "\x11", "\0\x3c\0\x3c") \
	"\1c"                                \
	"\0\0\0\0\0\0\0\1"                   \
	"\0"                                 \
	"\0"                                 \
	"\0" END
#define HEADER(size)   \
	"\2\0\1\0\0\0\x0e" \
	"\0\x3c"           \
	"\0\0" size "\0\0" END
#define BODY         \
	"\3\0\1\0\0\0\4" \
	"xxxx" END
#define HEARTBEAT "\x08\0\0\0\0\0\0" END
#define BLOCKED                          \
	METHOD("\0", "\x12", "\0\x0a\0\x3c") \
	"\x0d"                               \
	"low on memory" END

#define CONNECTED START TUNE OPEN_OK CHANNEL_OK
#define WRITABLE  CONNECTED EXCHANGE_OK QUEUE_OK BIND_OK CONFIRM_OK
#define READABLE  CONNECTED QUEUE_OK CONSUME_OK

/* A stranger that sends text, and then sends again repeatedly. */
#define SAYS(text, again, pause_ms)                                       \
	{                                                                     \
		text, again, pause_ms, false, sizeof(text) - 1, sizeof(again) - 1 \
	}

/* A stranger that sends text, and then only heartbeats. */
#define STALLS(text) SAYS(text, HEARTBEAT, 60)

static osp_driver_options
options_by(const char *scheme, int port)
{
	static char text[64];

	(void) snprintf(text, sizeof(text), "%s://127.0.0.1:%d", scheme, port);
	return contract_options(text);
}

static osp_driver_options
options_for(int port)
{
	return options_by("messaging", port);
}

/* Asserts that storing and reading fail within their time limits. Returns the message
 * of storing. */
static const char *
fails_soon_by(const char *scheme, int port, size_t count)
{
	const unsigned limit_ms = 200;
	osp_driver_options options = options_by(scheme, port);
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	const char *message;
	points all;
	long start = contract_now_ms();

	options.timeout_ms = limit_ms;
	options.deadline_ms = 2 * limit_ms;
	conn = contract_open_with(&options);
	points_init(&all);
	points_fill(&all, messaging_trace, 0, count);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	contract_close(conn);
	assert_true(contract_now_ms() - start < 10 * (long) limit_ms);
	points_term(&all);
	return message;
}

static const char *
fails_soon(int port, size_t count)
{
	return fails_soon_by("messaging", port, count);
}

void
test_nobody_there(void **state)
{
	int port;
	int fd = listen_mute(5, &port);

	(void) state;
	assert_non_null(
		strstr(fails_soon(port, 1), "does not answer within 200 ms"));
	assert_non_null(strstr(fails_soon_by("messaging+amqps", port, 1),
						   "TLS with rabbitmq at 127.0.0.1:"));
	(void) close(fd);
	assert_non_null(strstr(fails_soon(port, 1),
						   "cannot connect to rabbitmq at 127.0.0.1:"));
	assert_non_null(strstr(fails_soon_by("messaging+amqps", port, 1),
						   "cannot connect to rabbitmq at 127.0.0.1:"));
}

void
test_no_broker(void **state)
{
	static const stranger strangers[] = {
		STALLS("HTTP/1.1 400 Bad Request\r\n\r\n"),
		STALLS("AMQP\0\0\x09\1"),
		STALLS("\x15\3\3\0\2\2\x32"),
		STALLS("\1\0\0\0\0\0\2\0\x0a" END),
		STALLS("\1\0\0\0\0\0\0" END),
		STALLS("\1\0\0\0\0\0\4\0\x0a\0\x0a\0"),
		STALLS("\1\0\0\xff\xff\xff\xff"),
		STALLS(START OPEN_OK),
		STALLS(START METHOD("\0", "\4", "\0\x0a\0\x1e") END),
		STALLS(START TUNE_OF("\0\0\0\1")),
		STALLS(START TUNE METHOD("\1", "\4", "\0\x14\0\x28") END),
		STALLS(START TUNE OPEN_OK EXCHANGE_OK),
		STALLS(CONNECTED BIND_OK),
		STALLS(CONNECTED "\1\0\2\0\0\0\4\0\x28\0\x0b" END)};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
	{
		int port;
		pid_t pid = start_stranger(&strangers[i], &port);
		const char *message = fails_soon(port, 1);

		if (strstr(message, "not AMQP 0-9-1") == NULL)
			fail_msg("stranger %zu: %s", i, message);
		end_stranger(pid);
	}
}

/* A broker that sends single bytes slowly, or only heartbeats, does not delay a call
 * beyond its deadline, nor after the host has interrupted it. */
void
test_dripping_broker(void **state)
{
	static const stranger drips[] = {
		SAYS("", "\1", 100),
		SAYS("\1\0\0\0\0\x7d\0", "x", 40),
		SAYS(START, HEARTBEAT, 40),
		SAYS(CONNECTED, HEARTBEAT, 40),
		SAYS(READABLE, HEARTBEAT, 40),
		SAYS(READABLE DELIVER HEADER("\0\0\0\0\0\1\0\0"), BODY, 40)};

	(void) state;
	faults_drips(
		"messaging://127.0.0.1:", drips, sizeof(drips) / sizeof(drips[0]));
}

/* Storing fails if the broker confirms messages before they were sent, or messages that
 * were never sent. */
void
test_lying_broker(void **state)
{
	static const stranger strangers[] = {
		SAYS(WRITABLE ACK("\0", "\1"), ACK("\0", "\1"), 1),
		SAYS(WRITABLE ACK("\1", "\0"), ACK("\1", "\0"), 1),
		SAYS(WRITABLE, ACK("\0", "\0"), 100),
		SAYS(WRITABLE, ACK("\x65", "\1"), 100),
		SAYS(WRITABLE, METHOD("\1", "\4", "\0\x3c\0\x50") END, 100),
		SAYS(WRITABLE, DELIVER, 100),
		SAYS(WRITABLE, BODY, 100)};
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 100);
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
	{
		int port;
		pid_t pid = start_stranger(&strangers[i], &port);
		osp_driver_options options = options_for(port);
		osp_driver_conn *conn = contract_open_with(&options);

		assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
							   "not AMQP 0-9-1"));
		contract_close(conn);
		end_stranger(pid);
	}
	points_term(&all);
}

/* The driver uses no more memory than the host allows, whatever the broker announces or
 * sends. */
void
test_large_answers(void **state)
{
	static const stranger strangers[] = {
		SAYS(READABLE DELIVER HEADER("\0\1\0\0\0\0\0\0"), BODY, 0),
		SAYS(READABLE DELIVER HEADER("\0\0\0\0\0\x20\0\0"), BODY, 0),
		SAYS(READABLE DELIVER HEADER("\0\0\0\0\0\4\0\0"), BODY, 0),
		SAYS(READABLE DELIVER HEADER("\0\0\0\0\0\0\0\4"), BODY, 0),
		SAYS(READABLE, BODY, 0)};

	(void) state;
	faults_large_answers("messaging://127.0.0.1:",
						 strangers,
						 sizeof(strangers) / sizeof(strangers[0]),
						 2);
}

/* A broker that has run out of memory or disk space accepts no messages. The driver's
 * message has the reason. */
void
test_alarm(void **state)
{
	static const stranger who = STALLS(WRITABLE BLOCKED);
	int port;
	pid_t pid = start_stranger(&who, &port);

	(void) state;
	assert_non_null(
		strstr(fails_soon(port, 100), "takes no messages now: low on memory"));
	end_stranger(pid);
}
