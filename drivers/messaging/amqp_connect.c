/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp_connect.c
 *	  Making a connection to a broker, and its channel.
 */
#include "amqp.h"
#include "stream_tls.h"

#include <stdio.h>

#define PROTOCOL_HEADER OSP_STR("AMQP\0\0\x09\x01")

#define FRAME_MIN 4096
#define SUCCESS   200

/* ---- the handshake ---- */

static void
add_capability(osp_buf *out, const char *name)
{
	osp__amqp_add_short(out, osp_str_of(name));
	osp__amqp_add_u8(out, 't');
	osp__amqp_add_u8(out, 1);
}

/* Who we are, and what we understand: a broker that refuses a login shall say so,
 * and one that takes no messages, too. */
static void
add_properties(osp_buf *out)
{
	size_t properties = osp__amqp_begin_table(out);
	size_t capabilities;

	osp__amqp_add_short(out, OSP_STR("product"));
	osp__amqp_add_u8(out, 'S');
	osp__amqp_add_long(out, OSP_STR("osprofiler"));
	osp__amqp_add_short(out, OSP_STR("capabilities"));
	osp__amqp_add_u8(out, 'F');
	capabilities = osp__amqp_begin_table(out);
	add_capability(out, "authentication_failure_close");
	add_capability(out, "connection.blocked");
	add_capability(out, "consumer_cancel_notify");
	osp__amqp_end_table(out, capabilities);
	osp__amqp_end_table(out, properties);
}

static void
add_start_ok(osp_amqp *amqp)
{
	const osp_amqp_peer *peer = &amqp->peers[amqp->peer];
	osp_buf *out = &amqp->out;
	size_t frame = osp__amqp_begin_method(out, 0, AMQP_CONNECTION_START_OK);
	size_t response;

	add_properties(out);
	osp__amqp_add_short(out, OSP_STR("PLAIN"));
	response = osp__amqp_begin_table(out);
	osp__amqp_add_u8(out, 0);
	osp_buf_add_str(out, peer->user);
	osp__amqp_add_u8(out, 0);
	osp_buf_add_str(out, peer->password);
	osp__amqp_end_table(out, response);
	osp__amqp_add_short(out, OSP_STR("en_US"));
	osp__amqp_end_frame(out, frame);
}

static void
add_tune_ok_and_open(osp_amqp *amqp)
{
	osp_buf *out = &amqp->out;
	size_t frame = osp__amqp_begin_method(out, 0, AMQP_CONNECTION_TUNE_OK);

	osp__amqp_add_u16(out, AMQP_CHANNEL); /* channels */
	osp__amqp_add_u32(out, (uint32_t) amqp->frame_max);
	osp__amqp_add_u16(out, 0); /* heartbeats: none */
	osp__amqp_end_frame(out, frame);
	frame = osp__amqp_begin_method(out, 0, AMQP_CONNECTION_OPEN);
	osp__amqp_add_short(out, amqp->vhost);
	osp__amqp_add_short(out, OSP_STR("")); /* reserved */
	osp__amqp_add_u8(out, 0);
	osp__amqp_end_frame(out, frame);
}

static osp_status
shake_hands(osp_amqp *amqp, osp_error *err)
{
	osp_amqp_frame frame;
	size_t frame_max;
	osp_status status;

	osp_buf_add_str(&amqp->out, PROTOCOL_HEADER);
	status = osp__amqp_expect(amqp, AMQP_CONNECTION_START, &frame, err);
	if (status != OSP_OK)
		return status;
	add_start_ok(amqp);
	status = osp__amqp_expect(amqp, AMQP_CONNECTION_TUNE, &frame, err);
	if (status != OSP_OK)
		return status;
	(void) osp__amqp_u16(&frame.fields);
	frame_max = osp__amqp_u32(&frame.fields);
	if (frame.fields.bad || (frame_max != 0 && frame_max < FRAME_MIN))
		return osp__amqp_malformed(amqp, err);
	if (frame_max != 0 && frame_max < amqp->frame_max)
		amqp->frame_max = frame_max;
	add_tune_ok_and_open(amqp);
	return osp__amqp_expect(amqp, AMQP_CONNECTION_OPEN_OK, &frame, err);
}

/* ---- the connection ---- */

static osp_status
connect_to_peer(osp_amqp *amqp, osp_error *err)
{
	const osp_amqp_peer *peer = &amqp->peers[amqp->peer];
	osp_status status;

	osp__amqp_drop(amqp);
	(void) snprintf(amqp->where,
					sizeof(amqp->where),
					"rabbitmq at %.100s:%u",
					peer->host,
					peer->port);
	status = osp__stream_connect(
		&amqp->stream, peer->host, peer->port, amqp->where, err);
	if (status == OSP_OK && amqp->tls)
		status = osp__stream_start_tls(
			&amqp->stream, peer->host, amqp->ca_file, amqp->where, err);
	if (status == OSP_OK)
		status = shake_hands(amqp, err);
	if (status == OSP_EREFUSED)
		status = osp__amqp_malformed(amqp, err);
	return status;
}

/* Is the connection in order? With nothing outstanding the broker has nothing to
 * say, unless that it has closed the connection, or about an alarm. */
static bool
is_in_order(osp_amqp *amqp)
{
	osp_amqp_frame frame;

	if (amqp->stream.fd < 0 || amqp->ended)
		return false;
	return osp__amqp_take_waiting(amqp, &frame, NULL) == OSP_ENOENT &&
		   !amqp->ended;
}

osp_status
osp__amqp_begin_call(osp_amqp *amqp, osp_error *err)
{
	osp_status status = OSP_EUNAVAIL;
	size_t tried;

	osp__wait_begin(&amqp->wait);
	if (is_in_order(amqp))
		return OSP_OK;
	for (tried = 0; tried < amqp->peer_count && status == OSP_EUNAVAIL; tried++)
	{
		if (tried > 0)
			amqp->peer = (amqp->peer + 1) % amqp->peer_count;
		status = osp__wait_check(&amqp->wait);
		if (status != OSP_OK)
			return osp__amqp_broken(amqp, status, err, "no time left for");
		status = connect_to_peer(amqp, err);
	}
	return status;
}

/* ---- the channel ---- */

osp_status
osp__amqp_open_channel(osp_amqp *amqp, osp_error *err)
{
	osp_amqp_frame frame;
	osp_status status;
	size_t begin;

	if (amqp->channel_open)
		return OSP_OK;
	begin = osp__amqp_begin_method(&amqp->out, AMQP_CHANNEL, AMQP_CHANNEL_OPEN);
	osp__amqp_add_short(&amqp->out, OSP_STR("")); /* reserved */
	osp__amqp_end_frame(&amqp->out, begin);
	status = osp__amqp_expect(amqp, AMQP_CHANNEL_OPEN_OK, &frame, err);
	if (status == OSP_EREFUSED)
		return osp__amqp_malformed(amqp, err);
	amqp->channel_open = status == OSP_OK;
	return status;
}

osp_status
osp__amqp_close_channel(osp_amqp *amqp, osp_error *err)
{
	osp_amqp_frame frame;
	osp_status status;
	size_t begin;

	if (!amqp->channel_open)
		return OSP_OK;
	begin =
		osp__amqp_begin_method(&amqp->out, AMQP_CHANNEL, AMQP_CHANNEL_CLOSE);
	osp__amqp_add_u16(&amqp->out, SUCCESS);
	osp__amqp_add_short(&amqp->out, OSP_STR(""));
	osp__amqp_add_u32(&amqp->out, 0); /* because of no method */
	osp__amqp_end_frame(&amqp->out, begin);
	status = osp__amqp_expect(amqp, AMQP_CHANNEL_CLOSE_OK, &frame, err);
	if (status == OSP_EREFUSED)
		return osp__amqp_broken(amqp, OSP_EUNAVAIL, err, "lost the channel to");
	amqp->channel_open = false;
	return status;
}
