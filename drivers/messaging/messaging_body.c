/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_body.c
 *	  Notifications as messages of oslo.messaging.
 *
 *	  format 1.0, written and read:
 *	  {"message_id": ..., "publisher_id": HOST, "event_type": "profiler.SERVICE",
 *	   "priority": "INFO", "payload": NOTIFICATION, "timestamp": ...,
 *	   "_unique_id": ...}
 *	  format 2.0, read:
 *	  {"oslo.version": "2.0", "oslo.message": "the above as a string"}
 */
#include "messaging.h"

#include "osprofiler/json.h"
#include "point_id.h"
#include "json/json_value.h"

void
osp__messaging_body(osp_driver_conn *conn, const osp_notification *item,
					int64_t now_ns)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	char text[OSP_UUID_TEXT_LEN + 1];
	osp_buf *body = &conn->text;
	osp_buf *event = &conn->scratch;
	osp_uuid id;
	size_t i;

	/*
	 * The same notification always gets the same id, so that consumers such as
	 * Ceilometer, which keep an id only once, drop the copy.
	 */
	osp__point_id(item, &id);
	osp_uuid_text(&id, text);
	osp_buf_reset(body);
	osp_buf_add_str(body, OSP_STR("{\"message_id\": \""));
	osp_buf_add(body, text, OSP_UUID_TEXT_LEN);
	osp_buf_add_str(body, OSP_STR("\", \"publisher_id\": "));
	osp_json_string(body, item->host);
	osp_buf_reset(event);
	osp_buf_add_str(event, OSP_STR("profiler."));
	osp_buf_add_str(event,
					item->service.len > 0 ? item->service : OSP_STR("None"));
	osp_buf_add_str(body, OSP_STR(", \"event_type\": "));
	osp_json_string(body, osp_buf_str(event));
	osp_buf_add_str(body, OSP_STR(", \"priority\": \"INFO\", \"payload\": "));
	osp_buf_add_str(body, item->json);

	osp_timestamp_text(now_ns, timestamp);
	timestamp[strcspn(timestamp, "T")] = ' ';
	osp_buf_add_str(body, OSP_STR(", \"timestamp\": \""));
	osp_buf_add(body, timestamp, OSP_TIMESTAMP_LEN);
	osp_buf_add_str(body, OSP_STR("\", \"_unique_id\": \""));
	for (i = 0; i < OSP_UUID_TEXT_LEN; i++)
		if (text[i] != '-')
			osp_buf_add_char(body, text[i]);
	osp_buf_add_str(body, OSP_STR("\"}"));
}

osp_status
osp__messaging_payload(osp_driver_conn *conn, osp_str body, osp_str *json)
{
	osp_status status =
		osp__json_value(conn->alc, body, OSP_STR("payload"), json);

	if (status != OSP_ENOENT)
		return status;
	osp_buf_reset(&conn->text);
	status = osp_json_member_text(&conn->text, body, OSP_STR("oslo.message"));
	if (status == OSP_OK)
		status = osp__json_value(
			conn->alc, osp_buf_str(&conn->text), OSP_STR("payload"), json);
	return status == OSP_ENOENT ? OSP_EPROTO : status;
}
