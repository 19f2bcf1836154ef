/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_remove.c
 *	  Removing traces from the queue: their messages are acknowledged, all others
 *	  go back to their places.
 */
#include "messaging.h"

/* What osp_traces_entry.place says of a trace. */
enum
{
	KEPT,
	DOOMED,
	REMOVED
};

/* Names the traces that are to be removed, by id. */
static osp_status
doom_by_id(osp_driver_conn *conn, const osp_removal *what)
{
	osp_traces_entry *entry;
	osp_status status = OSP_OK;
	size_t i;

	osp__traces_reset(&conn->traces);
	for (i = 0; i < what->count && status == OSP_OK; i++)
	{
		status = osp__traces_add(&conn->traces, what->ids[i], &entry);
		if (status == OSP_OK)
			entry->place = DOOMED;
	}
	return status;
}

/* The same by age, which all messages have to be looked at for. */
static osp_status
doom_by_age(osp_driver_conn *conn, int64_t older_than_ns, osp_error *err)
{
	osp_status status = osp__messaging_find_traces(conn, err);
	size_t i;

	for (i = 0; i < conn->traces.count && status == OSP_OK; i++)
	{
		osp_traces_entry *entry = &conn->traces.entries[i];

		if (entry->last_ns != 0 && entry->last_ns < older_than_ns)
			entry->place = DOOMED;
	}
	return status;
}

/* An osp_messaging_fn: acknowledges what is of a trace that is to be removed. */
static osp_status
remove_message(void *ctx, osp_driver_conn *conn, uint64_t tag, osp_str body)
{
	uint64_t *removed = ctx;
	amqp_basic_ack_t ack = {.delivery_tag = tag};
	osp_notification point;
	osp_traces_entry *entry;
	osp_status status;
	osp_str json;

	status = osp__messaging_payload(conn, body, &json);
	if (status == OSP_OK)
		status = osp_notification_read(json, &conn->scratch, &point, NULL);
	if (status == OSP_OK)
		status = osp__traces_add(&conn->traces, point.base_id, &entry);
	if (status != OSP_OK)
		return status == OSP_EPROTO ? OSP_OK : status;
	if (entry->place == KEPT)
		return OSP_OK;
	*removed += entry->place == DOOMED;
	entry->place = REMOVED;
	return osp__broker_send(
		&conn->broker, BROKER_CHANNEL, AMQP_BASIC_ACK_METHOD, &ack, NULL);
}

osp_status
osp__messaging_remove_traces(osp_driver_conn *conn, const osp_removal *what,
							 uint64_t *removed, osp_error *err)
{
	osp_removal known = {.count = 0};
	osp_status status;

	*removed = 0;
	osp_struct_copy(&known, sizeof(known), what);
	status = osp__broker_begin_call(&conn->broker, err);
	if (status != OSP_OK)
		return status;
	status = known.count > 0 ? doom_by_id(conn, &known)
							 : doom_by_age(conn, known.older_than_ns, err);
	if (status == OSP_OK)
		status = osp__messaging_each(conn, remove_message, removed, err);
	if (status != OSP_OK && err != NULL && err->code != status)
		(void) osp_error_set(
			err, status, "messaging: %s", osp_status_text(status));
	return status;
}
