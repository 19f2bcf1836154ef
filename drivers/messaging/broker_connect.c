/* SPDX-License-Identifier: Apache-2.0
 *
 * broker_connect.c
 *	  Makes a connection to a broker, and its channel.
 */
#include "broker.h"

#include <stdio.h>

#define FRAME_MIN 4096

/* ---- the handshake ---- */

static amqp_table_entry_t
capability(const char *name)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};

	entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
	entry.value.value.boolean = 1;
	return entry;
}

/*
 * Sends our name and our capabilities: we understand a broker that reports a
 * refused login, and one that reports that it accepts no messages.
 */
static osp_status
send_properties(osp_broker *broker, osp_str response, osp_error *err)
{
	amqp_table_entry_t capabilities[] = {
		capability("authentication_failure_close"),
		capability("connection.blocked"),
		capability("consumer_cancel_notify")};
	amqp_table_entry_t properties[] = {
		{.key = amqp_cstring_bytes("product"),
		 .value = {.kind = AMQP_FIELD_KIND_UTF8,
				   .value = {.bytes = amqp_cstring_bytes("osprofiler")}}},
		{.key = amqp_cstring_bytes("capabilities"),
		 .value = {.kind = AMQP_FIELD_KIND_TABLE,
				   .value = {.table = {3, capabilities}}}}};
	amqp_connection_start_ok_t start = {.client_properties = {2, properties},
										.mechanism =
											amqp_cstring_bytes("PLAIN"),
										.response = osp__broker_bytes(response),
										.locale = amqp_cstring_bytes("en_US")};

	return osp__broker_send(
		broker, 0, AMQP_CONNECTION_START_OK_METHOD, &start, err);
}

static osp_status
send_start_ok(osp_broker *broker, osp_error *err)
{
	const osp_broker_peer *peer = &broker->peers[broker->peer];
	osp_buf response;
	osp_status status;

	osp_buf_init(&response, broker->alc, FRAME_MIN / 2);
	osp_buf_add_char(&response, '\0');
	osp_buf_add_str(&response, peer->user);
	osp_buf_add_char(&response, '\0');
	osp_buf_add_str(&response, peer->password);
	status = osp_buf_status(&response);
	if (status == OSP_OK)
		status = send_properties(broker, osp_buf_str(&response), err);
	else
		status = osp__broker_broken(
			broker, status, err, "the login is too long for");
	osp_buf_term(&response);
	return status;
}

/* Agrees to limits that are within both the broker's and ours. */
static osp_status
send_tune_ok(osp_broker *broker, const amqp_connection_tune_t *tune,
			 osp_error *err)
{
	amqp_connection_tune_ok_t ok = {.channel_max = BROKER_CHANNEL};

	if (tune->frame_max != 0 && tune->frame_max < FRAME_MIN)
		return osp__broker_malformed(broker, err);
	if (tune->frame_max != 0 && tune->frame_max < broker->frame_max)
		broker->frame_max = tune->frame_max;
	ok.frame_max = (uint32_t) broker->frame_max;
	if (amqp_tune_connection(
			broker->link, BROKER_CHANNEL, (int) broker->frame_max, 0) !=
		AMQP_STATUS_OK)
		return osp__broker_broken(broker, OSP_ENOMEM, err, "out of memory for");
	return osp__broker_send(
		broker, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok, err);
}

static osp_status
shake_hands(osp_broker *broker, osp_error *err)
{
	amqp_connection_open_t open = {.virtual_host =
									   osp__broker_bytes(broker->vhost)};
	amqp_frame_t frame;
	osp_status status;

	broker->ended = amqp_send_header(broker->link) != AMQP_STATUS_OK;
	status =
		osp__broker_expect(broker, AMQP_CONNECTION_START_METHOD, &frame, err);
	if (status == OSP_OK)
		status = send_start_ok(broker, err);
	if (status == OSP_OK)
		status = osp__broker_expect(
			broker, AMQP_CONNECTION_TUNE_METHOD, &frame, err);
	if (status == OSP_OK)
		status = send_tune_ok(broker, frame.payload.method.decoded, err);
	if (status == OSP_OK)
		status = osp__broker_send(
			broker, 0, AMQP_CONNECTION_OPEN_METHOD, &open, err);
	return status == OSP_OK
			   ? osp__broker_expect(
					 broker, AMQP_CONNECTION_OPEN_OK_METHOD, &frame, err)
			   : status;
}

/* ---- the connection ---- */

static osp_status
connect_to_peer(osp_broker *broker, osp_error *err)
{
	const osp_broker_peer *peer = &broker->peers[broker->peer];
	osp_status status;

	osp__broker_drop(broker);
	(void) snprintf(broker->where,
					sizeof(broker->where),
					"rabbitmq at %.100s:%u",
					peer->host,
					peer->port);
	status = osp__broker_open_socket(broker, peer, err);
	if (status == OSP_OK)
		status = shake_hands(broker, err);
	if (status == OSP_EREFUSED)
		status = osp__broker_malformed(broker, err);
	return status;
}

/*
 * Does the connection work? While no answer is outstanding the broker sends
 * only that it closes the connection, or an alarm.
 */
static bool
is_in_order(osp_broker *broker)
{
	amqp_frame_t frame;

	return broker->link != NULL && !broker->ended &&
		   osp__broker_take_waiting(broker, &frame, NULL) == OSP_ENOENT;
}

osp_status
osp__broker_begin_call(osp_broker *broker, osp_error *err)
{
	osp_status status = OSP_EUNAVAIL;
	size_t tried;

	osp__wait_begin(&broker->wait);
	if (is_in_order(broker))
		return OSP_OK;
	for (tried = 0; tried < broker->peer_count && status == OSP_EUNAVAIL;
		 tried++)
	{
		if (tried > 0)
			broker->peer = (broker->peer + 1) % broker->peer_count;
		status = osp__wait_check(&broker->wait);
		if (status != OSP_OK)
			return osp__broker_broken(broker, status, err, "no time left for");
		status = connect_to_peer(broker, err);
	}
	return status;
}

/* ---- the channel ---- */

osp_status
osp__broker_open_channel(osp_broker *broker, osp_error *err)
{
	amqp_channel_open_t open = {.out_of_band = amqp_empty_bytes};
	amqp_frame_t frame;
	osp_status status;

	if (broker->channel_open)
		return OSP_OK;
	status = osp__broker_ask(broker,
							 AMQP_CHANNEL_OPEN_METHOD,
							 &open,
							 AMQP_CHANNEL_OPEN_OK_METHOD,
							 &frame,
							 err);
	if (status == OSP_EREFUSED)
		return osp__broker_malformed(broker, err);
	broker->channel_open = status == OSP_OK;
	return status;
}

osp_status
osp__broker_close_channel(osp_broker *broker, osp_error *err)
{
	amqp_channel_close_t close = {.reply_code = AMQP_REPLY_SUCCESS};
	amqp_frame_t frame;
	osp_status status;

	if (!broker->channel_open)
		return OSP_OK;
	status = osp__broker_ask(broker,
							 AMQP_CHANNEL_CLOSE_METHOD,
							 &close,
							 AMQP_CHANNEL_CLOSE_OK_METHOD,
							 &frame,
							 err);
	if (status == OSP_EREFUSED)
		return osp__broker_broken(
			broker, OSP_EUNAVAIL, err, "lost the channel to");
	broker->channel_open = false;
	return status;
}
