/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_remove.c
 *	  Removes traces from the queue: their messages are acknowledged, all others
 *	  return to their places.
 */
#include "messaging.h"

/* The values of osp_traces_entry.place for a trace. */
enum
{
	KEPT,
	DOOMED,
	REMOVED
};

/* Marks the traces that are to be removed, by their ids. */
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

/*
 * Marks the traces that are to be removed, by their age. For that all messages
 * have to be read.
 */
static osp_status
doom_by_age(osp_driver_conn *conn, int64_t older_than_ns, osp_error *err)
{
	osp_status status = osp__messaging_find_traces(conn, err);
	size_t i;

	for (i = 0; i < conn->traces.count && status == OSP_OK; i++)
	{
		osp_traces_entry *entry = &conn->traces.entries[i];

		if (osp__traces_is_older(entry, older_than_ns))
			entry->place = DOOMED;
	}
	return status;
}

/*
 * Finds out whether a message belongs to a trace that is to be removed. *first:
 * it is the first one of that trace.
 */
static osp_status
judge_message(osp_driver_conn *conn, osp_str body, bool *doomed, bool *first)
{
	osp_notification point;
	osp_traces_entry *entry;
	osp_status status;
	osp_str json;

	*doomed = *first = false;
	status = osp__messaging_payload(conn, body, &json);
	if (status == OSP_OK)
		status = osp_notification_read(json, &conn->scratch, &point, NULL);
	if (status == OSP_OK)
		status = osp__traces_add(&conn->traces, point.base_id, &entry);
	if (status != OSP_OK)
		return status == OSP_EPROTO ? OSP_OK : status;
	*doomed = entry->place != KEPT;
	*first = entry->place == DOOMED;
	if (*first)
		entry->place = REMOVED;
	return OSP_OK;
}

/* Keeps or discards a message; an osp_messaging_fn. */
static osp_status
sort_message(void *ctx, osp_driver_conn *conn, uint64_t tag, osp_str body)
{
	bool doomed;
	bool first;
	osp_status status = judge_message(conn, body, &doomed, &first);

	(void) ctx;
	if (status != OSP_OK)
		return status;
	if (doomed)
		return osp__messaging_discard(conn, tag, first);
	osp__messaging_keep(conn, tag);
	return OSP_OK;
}

/* Removes the discarded messages; an osp_messaging_end_fn. */
static osp_status
settle_messages(void *ctx, osp_driver_conn *conn, osp_error *err)
{
	return osp__messaging_settle(conn, ctx, err);
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
	osp__messaging_settle_nothing(conn);
	if (status == OSP_OK)
		status = osp__messaging_each(
			conn, sort_message, settle_messages, removed, err);
	if (status == OSP_OK && *removed < known.count)
		status = osp__messaging_missing(conn, err);
	if (status != OSP_OK && err != NULL && err->code != status)
		(void) osp_error_set(
			err, status, "messaging: %s", osp_status_text(status));
	return status;
}
