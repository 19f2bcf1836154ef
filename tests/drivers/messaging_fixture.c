/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_fixture.c
 *	  The broker that the tests of the messaging driver share.
 *
 * It takes seconds to start, so it is started once.
 */
#include "certificates.h"
#include "messaging_tests.h"

#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>

#include "tempdir.h"

#define OPTIONS "'max_message_size = 16777216'"

const osp_str messaging_trace = {"trace", 5};
script_server messaging_test_server;
char messaging_test_dir[128];

void
messaging_test_start(void)
{
	script_server_start(
		&messaging_test_server, RABBIT_SERVER, messaging_test_dir, OPTIONS);
}

void
messaging_test_finish(void)
{
	script_server_stop(&messaging_test_server);
	if (messaging_test_dir[0] != '\0')
		tempdir_remove();
	messaging_test_dir[0] = '\0';
}

static void
start_first(void)
{
	(void) snprintf(
		messaging_test_dir, sizeof(messaging_test_dir), "%s", tempdir_make());
	certificates_make(messaging_test_dir);
	messaging_test_start();
}

const char *
messaging_test_uri(const char *login, const char *rest)
{
	static char text[512];

	(void) snprintf(text,
					sizeof(text),
					"messaging://%s127.0.0.1:%d%s",
					login,
					messaging_test_server.port,
					rest);
	return text;
}

const char *
messaging_test_connection_string(void)
{
	static char text[64];

	(void) snprintf(text,
					sizeof(text),
					"messaging://127.0.0.1:%d",
					messaging_test_server.port);
	return text;
}

void
messaging_test_ok(amqp_connection_state_t broker)
{
	amqp_rpc_reply_t reply = amqp_get_rpc_reply(broker);

	assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
}

amqp_connection_state_t
messaging_test_connect(void)
{
	amqp_connection_state_t broker = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(broker);

	assert_int_equal(
		amqp_socket_open(socket, "127.0.0.1", messaging_test_server.port), 0);
	assert_int_equal(
		amqp_login(
			broker, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest")
			.reply_type,
		AMQP_RESPONSE_NORMAL);
	(void) amqp_channel_open(broker, 1);
	messaging_test_ok(broker);
	return broker;
}

void
messaging_test_disconnect(amqp_connection_state_t broker)
{
	(void) amqp_connection_close(broker, AMQP_REPLY_SUCCESS);
	assert_int_equal(amqp_destroy_connection(broker), AMQP_STATUS_OK);
}

void
messaging_test_publish(const char *exchange, const char *key, const char *type,
					   osp_str text)
{
	amqp_connection_state_t broker = messaging_test_connect();
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG,
		.content_type = amqp_cstring_bytes(type)};
	amqp_bytes_t body = {text.len, (void *) text.ptr};

	assert_int_equal(amqp_basic_publish(broker,
										1,
										amqp_cstring_bytes(exchange),
										amqp_cstring_bytes(key),
										0,
										0,
										&properties,
										body),
					 AMQP_STATUS_OK);
	messaging_test_disconnect(broker);
}

bool
messaging_test_get(const char *queue, amqp_message_t *message)
{
	amqp_connection_state_t broker = messaging_test_connect();
	amqp_rpc_reply_t reply =
		amqp_basic_get(broker, 1, amqp_cstring_bytes(queue), 1);
	bool found;

	assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
	found = reply.reply.id == AMQP_BASIC_GET_OK_METHOD;
	if (found)
		assert_int_equal(amqp_read_message(broker, 1, message, 0).reply_type,
						 AMQP_RESPONSE_NORMAL);
	messaging_test_disconnect(broker);
	return found;
}

/* Removes the queue and the exchange of the test before. */
void
messaging_test_reset(void)
{
	amqp_connection_state_t broker;

	if (messaging_test_dir[0] == '\0')
		start_first();
	if (!messaging_test_server.running)
		messaging_test_start();
	broker = messaging_test_connect();
	(void) amqp_queue_delete(
		broker, 1, amqp_cstring_bytes("profiler.info"), 0, 0);
	messaging_test_ok(broker);
	(void) amqp_exchange_delete(broker, 1, amqp_cstring_bytes("openstack"), 0);
	messaging_test_ok(broker);
	messaging_test_disconnect(broker);
}
