/* SPDX-License-Identifier: Apache-2.0
 *
 * mongo_read.c
 *	  Reading and listing traces by a cursor, of which the library holds one
 *	  batch of at most 16 MB.
 */
#include "mongodb.h"

#define BATCH_DOCUMENTS 500

/* Passes the notification of each document to fn. */
static osp_status
each_document(osp_driver_conn *conn, const bson_t *query, const bson_t *options,
			  osp_point_fn fn, void *ctx, osp_error *err)
{
	mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(conn->points, query, options, NULL);
	osp_status status = osp__mongo_check(conn, err);
	const bson_t *document;
	bson_error_t why;

	while (status == OSP_OK && mongoc_cursor_next(cursor, &document))
	{
		status = osp__mongo_check(conn, err);
		if (status != OSP_OK)
			break;
		osp_buf_reset(&conn->text);
		osp__mongo_to_json(&conn->text, document);
		status = osp_buf_status(&conn->text);
		if (status == OSP_OK && document->len > conn->memory_max)
			status = OSP_EFULL;
		if (status == OSP_OK)
			status = fn(ctx, osp_buf_str(&conn->text));
		else
			(void) osp_error_set(
				err, status, "%.80s: %s", conn->where, osp_status_text(status));
	}
	if (status == OSP_OK && mongoc_cursor_error(cursor, &why))
		status = osp__mongo_failed(conn, &why, err);
	mongoc_cursor_destroy(cursor);
	return status;
}

osp_status
osp__mongo_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
					  void *ctx, osp_error *err)
{
	bson_t query = BSON_INITIALIZER;
	bson_t *options = BCON_NEW("batchSize", BCON_INT32(BATCH_DOCUMENTS));
	osp_status status;

	(void) bson_append_utf8(
		&query, "base_id", -1, base_id.ptr, (int) base_id.len);
	status = osp__mongo_begin(conn, err);
	if (status == OSP_OK)
		status = each_document(conn, &query, options, fn, ctx, err);
	bson_destroy(&query);
	bson_destroy(options);
	return status;
}

/* Adds a point to the set of traces; an osp_point_fn. */
static osp_status
note_point(void *ctx, osp_str json)
{
	osp_driver_conn *conn = ctx;
	osp_notification point;
	osp_status status =
		osp_notification_read(json, &conn->scratch, &point, NULL);

	if (status == OSP_OK)
		status = osp__traces_note(&conn->traces, &point);
	return status == OSP_EPROTO ? OSP_OK : status;
}

osp_status
osp__mongo_gather(osp_driver_conn *conn, osp_error *err)
{
	static const char *const fields[] = {"name",
										 "base_id",
										 "trace_id",
										 "parent_id",
										 "timestamp",
										 "project",
										 "service",
										 "info.etype",
										 "info.db.statement",
										 "info.db.application",
										 "info.request.method",
										 "info.request.path"};
	bson_t all = BSON_INITIALIZER;
	bson_t *options = BCON_NEW("batchSize", BCON_INT32(BATCH_DOCUMENTS));
	osp_status status;
	bson_t chosen;
	size_t i;

	(void) BSON_APPEND_DOCUMENT_BEGIN(options, "projection", &chosen);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		(void) BSON_APPEND_INT32(&chosen, fields[i], 1);
	(void) bson_append_document_end(options, &chosen);
	osp__traces_reset(&conn->traces);
	status = each_document(conn, &all, options, note_point, conn, err);
	bson_destroy(&all);
	bson_destroy(options);
	if (status == OSP_ENOMEM || status == OSP_EFULL)
		(void) osp_error_set(
			err, status, "mongodb: %s", osp_status_text(status));
	return status;
}

osp_status
osp__mongo_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
					   osp_trace_fn fn, void *ctx, osp_str *next,
					   osp_error *err)
{
	osp_status status;

	if (next != NULL)
		*next = OSP_STR("");
	status = osp__mongo_begin(conn, err);
	if (status == OSP_OK)
		status = osp__mongo_gather(conn, err);
	if (status == OSP_OK)
		status =
			osp__traces_each(&conn->traces, filter, fn, ctx, &conn->text, err);
	if (status == OSP_OK && next != NULL)
		*next = osp_buf_str(&conn->text);
	return status;
}
