/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_read.c
 *	  Reads and lists traces, for which the whole queue has to be read.
 */
#include "messaging.h"

#include "trace_match.h"

/* ---- a trace ---- */

typedef struct point_sieve
{
	osp_trace_match match;
	osp_point_fn fn;
	void *ctx;
} point_sieve;

/*
 * Passes a message's notification on, if it is of the trace; an
 * osp_messaging_fn. Messages without a notification are skipped.
 */
static osp_status
give_point(void *ctx, osp_driver_conn *conn, uint64_t tag, osp_str body)
{
	point_sieve *sieve = ctx;
	osp_status status;
	osp_str json;

	(void) tag;
	if (!osp__trace_may_match(&sieve->match, body))
		return OSP_OK;
	status = osp__messaging_payload(conn, body, &json);
	if (status == OSP_OK)
		status = osp__trace_matches(&sieve->match, json, &conn->scratch);
	if (status == OSP_OK)
		return sieve->fn(sieve->ctx, json);
	return status == OSP_ENOMEM ? status : OSP_OK;
}

osp_status
osp__messaging_get_points(osp_driver_conn *conn, osp_str base_id,
						  osp_point_fn fn, void *ctx, osp_error *err)
{
	point_sieve sieve = {.fn = fn, .ctx = ctx};
	osp_status status = osp__broker_begin_call(&conn->broker, err);

	osp__trace_match_init(&sieve.match, base_id);
	if (status == OSP_OK)
		status = osp__messaging_each(conn, give_point, NULL, &sieve, err);
	if (status == OSP_OK)
		status = osp__messaging_missing(conn, err);
	if (status == OSP_ENOMEM)
		(void) osp_error_set(err, status, "messaging: out of memory");
	return status;
}

/* ---- all traces ---- */

/* Adds a message's notification to the set of traces; an osp_messaging_fn. */
static osp_status
note_point(void *ctx, osp_driver_conn *conn, uint64_t tag, osp_str body)
{
	osp_notification point;
	osp_status status;
	osp_str json;

	(void) ctx;
	(void) tag;
	status = osp__messaging_payload(conn, body, &json);
	if (status == OSP_OK)
		status = osp_notification_read(json, &conn->scratch, &point, NULL);
	if (status == OSP_OK)
		status = osp__traces_note(&conn->traces, &point);
	return status == OSP_EPROTO ? OSP_OK : status;
}

osp_status
osp__messaging_find_traces(osp_driver_conn *conn, osp_error *err)
{
	osp_status status;

	osp__traces_reset(&conn->traces);
	status = osp__messaging_each(conn, note_point, NULL, NULL, err);
	if (status != OSP_OK && err != NULL && err->code != status)
		(void) osp_error_set(
			err, status, "messaging: %s", osp_status_text(status));
	return status;
}

osp_status
osp__messaging_list_traces(osp_driver_conn *conn,
						   const osp_trace_filter *filter, osp_trace_fn fn,
						   void *ctx, osp_str *next, osp_error *err)
{
	osp_status status = osp__broker_begin_call(&conn->broker, err);

	if (next != NULL)
		*next = OSP_STR("");
	if (status == OSP_OK)
		status = osp__messaging_find_traces(conn, err);
	if (status == OSP_OK && conn->traces.count == 0)
		status = osp__messaging_missing(conn, err);
	if (status == OSP_OK)
		status =
			osp__traces_each(&conn->traces, filter, fn, ctx, &conn->text, err);
	if (status == OSP_OK && next != NULL)
		*next = osp_buf_str(&conn->text);
	return status;
}
