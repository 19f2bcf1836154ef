/* SPDX-License-Identifier: Apache-2.0
 *
 * elastic_write.c
 *	  Storing batches.
 *
 * A document's id is made from the texts that identify the notification, and a
 * document is only created, never replaced. So the answer to a copy is a
 * conflict, which means that it is stored already.
 */
#include "elasticsearch.h"

#include "point_id.h"

/*
 * The size from which a request is sent. Servers accept 100 MB by default, but
 * larger requests are not faster.
 */
#define REQUEST_BYTES ((size_t) 4 * 1024 * 1024)

#define BULK_PATH "/_bulk?filter_path=errors,items.*.status,items.*.error"

/* A batch that is being sent. */
typedef struct sending
{
	osp_driver_conn *conn;
	osp_error *err;
	size_t refused;
	osp_error why; /* the reason of the first refusal */
} sending;

static osp_str
text_of(yyjson_val *error, const char *member)
{
	return osp__json_str(yyjson_obj_get(error, member));
}

/* Is the error about the document, rather than about the index? */
static bool
is_about_document(uint64_t code, yyjson_val *error)
{
	static const char *const others[] = {"index_closed_exception",
										 "validation_exception",
										 "invalid_index_name_exception",
										 "invalid_alias_name_exception"};
	static const char types[] = "Rejecting mapping update";
	osp_str type = text_of(error, "type");
	osp_str reason = text_of(error, "reason");
	size_t i;

	if (code != 400 && code != 413)
		return false;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (osp_str_eq(type, osp_str_of(others[i])))
			return false;
	return reason.len < sizeof(types) - 1 ||
		   memcmp(reason.ptr, types, sizeof(types) - 1) != 0;
}

static osp_status
report_item(sending *s, osp_status status, uint64_t code, yyjson_val *error,
			osp_error *err)
{
	osp_str type = text_of(error, "type");
	osp_str reason = text_of(error, "reason");

	return osp_error_set(err,
						 status,
						 "elasticsearch: %s answers %u for a document: "
						 "%.*s: %.*s",
						 s->conn->target.where,
						 (unsigned) code,
						 (int) (type.len < 50 ? type.len : 50),
						 type.ptr,
						 (int) (reason.len < 120 ? reason.len : 120),
						 reason.ptr);
}

/* Reads the result of each document. There must be one for all of them. */
static osp_status
read_items(sending *s, yyjson_val *root, size_t count)
{
	yyjson_val *items = yyjson_obj_get(root, "items");
	yyjson_arr_iter iter;
	yyjson_val *item;

	if (yyjson_arr_size(items) != count)
		return osp_error_set(s->err,
							 OSP_EUNAVAIL,
							 "elasticsearch: %s answers for %zu of %zu "
							 "documents",
							 s->conn->target.where,
							 yyjson_arr_size(items),
							 count);
	(void) yyjson_arr_iter_init(items, &iter);
	while ((item = yyjson_arr_iter_next(&iter)) != NULL)
	{
		yyjson_val *created = yyjson_obj_get(item, "create");
		uint64_t code = osp__elastic_number(yyjson_obj_get(created, "status"));
		yyjson_val *error = yyjson_obj_get(created, "error");

		if ((code >= 200 && code < 300) || code == 409)
			continue;
		if (!is_about_document(code, error))
		{
			s->conn->has_index = false;
			return report_item(s, OSP_EUNAVAIL, code, error, s->err);
		}
		s->refused++;
		if (s->why.code == OSP_OK)
			(void) report_item(s, OSP_EREFUSED, code, error, &s->why);
	}
	return OSP_OK;
}

/* Sends the documents that were gathered, and empties the list. */
static osp_status
flush(sending *s, const char *index, size_t count)
{
	osp_driver_conn *conn = s->conn;
	const char *path = osp__elastic_path(conn,
										 "/%s%s%s" BULK_PATH,
										 index,
										 conn->typed ? "/" : "",
										 conn->typed ? conn->doc_type : "");
	osp_error why = {OSP_OK, ""};
	yyjson_val *root;
	osp_status status;

	if (count == 0)
		return OSP_OK;
	if (osp_buf_status(&conn->body) != OSP_OK)
		return osp__elastic_no_memory(s->err);
	status = osp__elastic_call(
		conn, "POST", path, osp_buf_str(&conn->body), &root, &why);
	osp_buf_reset(&conn->body);
	if (status == OSP_OK)
		return read_items(s, root, count);
	if (status == OSP_EREFUSED && count == 1)
	{
		s->refused++;
		if (s->why.code == OSP_OK)
			s->why = why;
		return OSP_OK;
	}
	return osp_error_set(
		s->err, osp__elastic_trouble(status, &why), "%s", why.msg);
}

static void
add_id(osp_buf *body, const osp_uuid *id)
{
	char text[OSP_UUID_TEXT_LEN + 1];

	osp_uuid_text(id, text);
	osp_buf_add_str(body, OSP_STR("{\"create\":{\"_id\":\""));
	osp_buf_add(body, text, OSP_UUID_TEXT_LEN);
	osp_buf_add_str(body, OSP_STR("\"}}\n"));
}

static void
add_document(osp_buf *body, const osp_notification *item)
{
	osp_uuid id;

	osp__point_id(item, &id);
	add_id(body, &id);
	osp_buf_add_str(body, item->json);
	osp_buf_add_char(body, '\n');
}

/* Adds base_id and time of an error, as upstream does, but only once for a trace. */
static void
add_error(osp_driver_conn *conn, const osp_notification *item)
{
	osp_uuid id;

	osp__text_id(item->base_id, &id);
	add_id(&conn->body, &id);
	osp_buf_add_str(&conn->body, OSP_STR("{\"base_id\":"));
	osp_json_string(&conn->body, item->base_id);
	osp_buf_add_str(&conn->body, OSP_STR(",\"timestamp\":"));
	osp_json_string(&conn->body, item->timestamp);
	osp_buf_add_str(&conn->body, OSP_STR("}\n"));
}

static osp_status
store_items(sending *s, const osp_notification *items, size_t count)
{
	osp_driver_conn *conn = s->conn;
	osp_status status = OSP_OK;
	size_t gathered = 0;
	size_t i;

	osp_buf_reset(&conn->body);
	for (i = 0; i < count && status == OSP_OK; i++)
	{
		/*
		 * A large document is sent alone, so that a server that refuses it for
		 * its size refuses no other one.
		 */
		if (conn->body.len + items[i].json.len > REQUEST_BYTES)
		{
			status = flush(s, conn->index, gathered);
			gathered = 0;
		}
		if (status != OSP_OK)
			break;
		add_document(&conn->body, &items[i]);
		gathered++;
	}
	return status == OSP_OK ? flush(s, conn->index, gathered) : status;
}

/* Stores which traces have an error. */
static osp_status
store_errors(sending *s, const osp_notification *items, size_t count)
{
	osp_driver_conn *conn = s->conn;
	size_t refused = s->refused;
	osp_status status;
	size_t gathered = 0;
	size_t i;

	osp_buf_reset(&conn->body);
	for (i = 0; i < count; i++)
	{
		if (!items[i].error)
			continue;
		add_error(conn, &items[i]);
		gathered++;
	}
	status = flush(s, ELASTIC_ERROR_INDEX, gathered);

	/* A refusal here is not counted, since these documents are not points. */
	s->refused = refused;
	return status;
}

osp_status
osp__elastic_notify(osp_driver_conn *conn, const osp_notification *items,
					size_t count, size_t *accepted, osp_error *err)
{
	sending s = {.conn = conn, .err = err};
	osp_status status;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	status = osp__elastic_begin(conn, err);
	if (status == OSP_OK)
		status = osp__elastic_need_index(conn, err);
	if (status == OSP_OK)
		status = store_items(&s, items, count);
	if (status == OSP_OK && conn->filter_error_trace)
		status = store_errors(&s, items, count);
	if (status != OSP_OK)
		return status;
	*accepted = count - s.refused;
	return s.refused == 0 ? OSP_OK
						  : osp_error_set(err, OSP_EREFUSED, "%s", s.why.msg);
}
