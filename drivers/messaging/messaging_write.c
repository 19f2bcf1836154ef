/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_write.c
 *	  Publishing batches.
 *
 * A window of messages goes out, then their confirmations are read: the broker
 * numbers messages as we do, and confirms one or all up to one. What it cannot
 * route to a queue it sends back before. The longest message that it takes is
 * not known before it refuses one, by closing the channel; then the longest of
 * the batch is left out, until what remains is taken.
 */
#include "messaging.h"

#include <stdio.h>
#include <time.h>

/* Bytes in a window, unless one message is longer. */
#define WINDOW_BYTES ((size_t) 1024 * 1024)

/* content_type, content_encoding, headers, delivery_mode and priority. */
#define PROPERTIES 0xf800U
#define PERSISTENT 2U
#define MANDATORY  1U

static int64_t
wall_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- sending ---- */

static void
add_publish(osp_driver_conn *conn)
{
	osp_buf *out = &conn->amqp.out;
	size_t begin =
		osp__amqp_begin_method(out, AMQP_CHANNEL, AMQP_BASIC_PUBLISH);

	osp__amqp_add_u16(out, 0);
	osp__amqp_add_short(out, conn->exchange);
	osp__amqp_add_short(out, conn->queue); /* routing key */
	osp__amqp_add_u8(out, MANDATORY);
	osp__amqp_end_frame(out, begin);
}

static void
add_header(osp_driver_conn *conn, size_t size)
{
	osp_buf *out = &conn->amqp.out;
	size_t begin = osp__amqp_begin_frame(out, AMQP_FRAME_HEADER, AMQP_CHANNEL);

	osp__amqp_add_u16(out, AMQP_BASIC);
	osp__amqp_add_u16(out, 0); /* weight */
	osp__amqp_add_u64(out, size);
	osp__amqp_add_u16(out, PROPERTIES);
	osp__amqp_add_short(out, OSP_STR("application/json"));
	osp__amqp_add_short(out, OSP_STR("utf-8"));
	osp__amqp_end_table(out, osp__amqp_begin_table(out));
	osp__amqp_add_u8(out, PERSISTENT);
	osp__amqp_add_u8(out, 0); /* priority */
	osp__amqp_end_frame(out, begin);
}

/* A body that goes out in frames, none longer than the broker takes. */
typedef struct body_writer
{
	osp_amqp *amqp;
	size_t begin;      /* of the frame that is open; 0: none is */
	size_t frame_left; /* room in it */
} body_writer;

static osp_status
end_body_frame(body_writer *writer, osp_error *err)
{
	if (writer->begin != 0)
		osp__amqp_end_frame(&writer->amqp->out, writer->begin);
	writer->begin = 0;
	return writer->amqp->out.len >= AMQP_OUT_MAX / 2
			   ? osp__amqp_send(writer->amqp, err)
			   : OSP_OK;
}

static osp_status
add_body(body_writer *writer, osp_str part, osp_error *err)
{
	osp_status status = OSP_OK;

	while (part.len > 0 && status == OSP_OK)
	{
		size_t len;

		if (writer->begin == 0)
		{
			writer->begin = osp__amqp_begin_frame(
				&writer->amqp->out, AMQP_FRAME_BODY, AMQP_CHANNEL);
			writer->frame_left = writer->amqp->frame_max - AMQP_FRAME_EXTRA;
		}
		len = part.len < writer->frame_left ? part.len : writer->frame_left;
		osp_buf_add(&writer->amqp->out, part.ptr, len);
		part = osp_str_n(part.ptr + len, part.len - len);
		writer->frame_left -= len;
		if (writer->frame_left == 0)
			status = end_body_frame(writer, err);
	}
	return status;
}

/* Publishes one notification, whose head and tail have been made. */
static osp_status
publish(osp_driver_conn *conn, osp_str json, size_t size, osp_error *err)
{
	body_writer writer = {.amqp = &conn->amqp};
	osp_status status;

	add_publish(conn);
	add_header(conn, size);
	status = add_body(&writer, osp_buf_str(&conn->head), err);
	if (status == OSP_OK)
		status = add_body(&writer, json, err);
	if (status == OSP_OK)
		status = add_body(&writer, osp_buf_str(&conn->tail), err);
	return status == OSP_OK ? end_body_frame(&writer, err) : status;
}

/* ---- confirmations ---- */

/* Messages that have been published together. */
typedef struct window
{
	uint64_t before; /* the tag before the first of them */
	size_t count;
	size_t low;     /* so many from the first on are settled */
	size_t settled; /* and so many in all */
	size_t longest; /* body */
	size_t refused; /* were left out because of their length */
} window;

static void
settle(osp_driver_conn *conn, window *w, size_t place)
{
	if (conn->settled[place])
		return;
	conn->settled[place] = true;
	w->settled++;
	while (w->low < w->count && conn->settled[w->low])
		w->low++;
}

/* Messages are confirmed: one, or all up to one. False: they are none of ours. */
static bool
confirm(osp_driver_conn *conn, window *w, osp_amqp_fields *fields)
{
	uint64_t tag = osp__amqp_u64(fields);
	bool all = (osp__amqp_u8(fields) & 1) != 0;
	size_t place;

	if (all && tag == 0)
		tag = w->before + w->count;
	if (fields->bad || tag <= w->before || tag > w->before + w->count)
		return false;
	place = (size_t) (tag - w->before - 1);
	while (all && w->low < place)
		settle(conn, w, w->low);
	settle(conn, w, place);
	return true;
}

/* The broker does not store a message. */
static osp_status
not_stored(osp_driver_conn *conn, const char *why, osp_error *err)
{
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%.60s %s %.40s by the key %.40s",
						 conn->amqp.where,
						 why,
						 conn->exchange.ptr,
						 conn->queue.ptr);
	osp__amqp_drop(&conn->amqp);
	return OSP_EUNAVAIL;
}

static osp_status
wait_confirmed(osp_driver_conn *conn, window *w, osp_error *err)
{
	osp_amqp *amqp = &conn->amqp;
	osp_status status = osp__amqp_send(amqp, err);
	osp_amqp_frame frame;

	while (status == OSP_OK && w->settled < w->count)
	{
		status = osp__amqp_next(amqp, &frame, 0, err);
		if (status != OSP_OK)
			break;
		switch (frame.method)
		{
			case AMQP_BASIC_ACK:
				if (!confirm(conn, w, &frame.fields))
					return osp__amqp_malformed(amqp, err);
				break;
			case AMQP_BASIC_NACK:
				return not_stored(
					conn, "does not take what is sent to exchange", err);
			case AMQP_BASIC_RETURN:
				return not_stored(
					conn, "has no queue that is bound to exchange", err);
			default:
				return osp__amqp_malformed(amqp, err);
		}
	}
	return status;
}

/* ---- batches ---- */

/* Publishes from *next on what makes a window, and leaves *next behind it. */
static osp_status
publish_window(osp_driver_conn *conn, const osp_notification *items,
			   size_t count, size_t *next, window *w, osp_error *err)
{
	int64_t now_ns = wall_now();
	osp_amqp_frame frame;
	osp_status status = osp__amqp_take_waiting(&conn->amqp, &frame, err);
	size_t bytes = 0;

	memset(w, 0, sizeof(*w));
	w->before = conn->tag;

	/* What comes before anything was sent confirms nothing. */
	if (status == OSP_OK)
		return osp__amqp_malformed(&conn->amqp, err);
	if (status != OSP_ENOENT)
		return status;
	status = OSP_OK;
	while (*next < count && w->count < MESSAGING_WINDOW &&
		   bytes < WINDOW_BYTES && status == OSP_OK)
	{
		const osp_notification *item = &items[(*next)++];
		size_t size;

		osp__messaging_frame_body(conn, item, now_ns);
		if (osp_buf_status(&conn->head) != OSP_OK ||
			osp_buf_status(&conn->tail) != OSP_OK)
			return osp__amqp_broken(
				&conn->amqp, OSP_ENOMEM, err, "out of memory for");
		size = conn->head.len + item->json.len + conn->tail.len;
		if (size > conn->body_max)
		{
			w->refused++;
			continue;
		}
		conn->settled[w->count++] = false;
		w->longest = size > w->longest ? size : w->longest;
		bytes += size;
		status = publish(conn, item->json, size, err);
	}
	conn->tag += w->count;
	return status;
}

/* The broker has closed the channel: because of a message's length, or for
 * another reason, which ends the call. */
static osp_status
channel_closed(osp_driver_conn *conn, const window *w, osp_error *err)
{
	osp_amqp *amqp = &conn->amqp;

	if (amqp->closed_code == AMQP_PRECONDITION_FAILED && w->count > 0 &&
		strstr(amqp->closed_text, "message size") != NULL)
	{
		conn->body_max = w->longest - 1;
		return osp__messaging_prepare(conn, err);
	}
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%.60s says: %.180s",
						 amqp->where,
						 amqp->closed_text);
	osp__amqp_drop(amqp);
	return OSP_EUNAVAIL;
}

osp_status
osp__messaging_notify(osp_driver_conn *conn, const osp_notification *items,
					  size_t count, size_t *accepted, osp_error *err)
{
	size_t refused = 0;
	size_t done = 0;
	osp_status status;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	status = osp__amqp_begin_call(&conn->amqp, err);
	if (status == OSP_OK)
		status = osp__messaging_prepare(conn, err);
	while (status == OSP_OK && done < count)
	{
		size_t next = done;
		window w;

		status = publish_window(conn, items, count, &next, &w, err);
		if (status == OSP_OK)
			status = wait_confirmed(conn, &w, err);
		if (status == OSP_EREFUSED)
		{
			status = channel_closed(conn, &w, err);
			continue;
		}
		done = next;
		refused += w.refused;
	}
	if (status != OSP_OK)
		return status;
	*accepted = count - refused;
	return refused == 0
			   ? OSP_OK
			   : osp_error_set(err,
							   OSP_EREFUSED,
							   "%.60s takes no message longer than %zu bytes",
							   conn->amqp.where,
							   conn->body_max);
}
