/* SPDX-License-Identifier: Apache-2.0
 *
 * rabbit_bound.c
 *	  Measures how many messages a second RabbitMQ accepts from librabbitmq's
 *	  amqp_basic_publish(), if they are confirmed in windows of 1 MB. The messaging
 *	  driver cannot be faster. rabbit_bound PORT MESSAGES [durable]
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The length of a message with a notification of 370 bytes. */
#define BODY_BYTES 620
#define WINDOW     1690

static const amqp_basic_properties_t properties = {
	._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
	.delivery_mode = AMQP_DELIVERY_PERSISTENT};

static double
now(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void
check(int good, const char *what)
{
	if (good)
		return;
	(void) fprintf(stderr, "rabbit_bound: %s failed\n", what);
	exit(1);
}

static amqp_connection_state_t
connect_to(int port)
{
	amqp_connection_state_t broker = amqp_new_connection();

	check(amqp_socket_open(amqp_tcp_socket_new(broker), "127.0.0.1", port) == 0,
		  "connecting");
	check(
		amqp_login(
			broker, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest")
				.reply_type == AMQP_RESPONSE_NORMAL,
		"logging in");
	check(amqp_channel_open(broker, 1) != NULL, "opening a channel");
	return broker;
}

/* Waits until the message of this number is confirmed. */
static void
wait_confirmed(amqp_connection_state_t broker, unsigned long last,
			   unsigned long *confirmed)
{
	while (*confirmed < last)
	{
		const amqp_basic_ack_t *ack;
		amqp_frame_t frame;

		amqp_maybe_release_buffers(broker);
		check(amqp_simple_wait_frame(broker, &frame) == AMQP_STATUS_OK &&
				  frame.frame_type == AMQP_FRAME_METHOD &&
				  frame.payload.method.id == AMQP_BASIC_ACK_METHOD,
			  "confirming");
		ack = frame.payload.method.decoded;
		*confirmed = ack->multiple ? ack->delivery_tag : *confirmed + 1;
	}
}

int
main(int argc, char **argv)
{
	const int port = argc > 2 ? (int) strtol(argv[1], NULL, 10) : 0;
	const unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	const amqp_bytes_t name =
		amqp_cstring_bytes(argc > 3 ? "bound-durable" : "bound");
	amqp_connection_state_t broker = connect_to(port);
	unsigned long confirmed = 0;
	unsigned long i;
	char text[BODY_BYTES];
	double begin;

	memset(text, 'x', sizeof(text));
	check(amqp_queue_declare(
			  broker, 1, name, 0, argc > 3, 0, 0, amqp_empty_table) != NULL,
		  "making a queue");
	check(amqp_queue_bind(broker,
						  1,
						  name,
						  amqp_cstring_bytes("amq.topic"),
						  name,
						  amqp_empty_table) != NULL,
		  "binding it");
	check(amqp_confirm_select(broker, 1) != NULL, "asking for confirmations");
	begin = now();
	for (i = 1; i <= count; i++)
	{
		const amqp_bytes_t body = {sizeof(text), text};

		check(amqp_basic_publish(broker,
								 1,
								 amqp_cstring_bytes("amq.topic"),
								 name,
								 1,
								 0,
								 &properties,
								 body) == AMQP_STATUS_OK,
			  "publishing");
		if (i % WINDOW == 0 || i == count)
			wait_confirmed(broker, i, &confirmed);
	}
	(void) printf("%.0f\n", (double) count / (now() - begin));
	(void) amqp_queue_delete(broker, 1, name, 0, 0);
	(void) amqp_destroy_connection(broker);
	return 0;
}
