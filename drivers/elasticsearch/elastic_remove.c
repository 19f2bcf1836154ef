/* SPDX-License-Identifier: Apache-2.0
 *
 * elastic_remove.c
 *	  Removing traces, by queries that end after some thousand documents, so that
 *	  each is answered in time.
 */
#include "elasticsearch.h"

#define DELETE_DOCUMENTS 5000
#define DELETE_TRACES    200

/* Ids of traces that are removed by one query. */
typedef struct removal
{
	osp_driver_conn *conn;
	const char *field;
	osp_buf ids; /* elements of a JSON array */
	size_t count;
	osp_error *err;
} removal;

/* Removes the documents of these traces from one index; *deleted is their number. */
static osp_status
delete_from(removal *r, const char *index, const char *field, uint64_t *deleted)
{
	osp_driver_conn *conn = r->conn;
	osp_status status;
	uint64_t gone;

	do
	{
		const char *path = osp__elastic_path(
			conn,
			"/%s/_delete_by_query?conflicts=proceed&refresh=true"
			"&ignore_unavailable=true&%s=%d",
			index,
			conn->typed ? "size" : "max_docs",
			DELETE_DOCUMENTS);
		yyjson_val *root;

		osp_buf_reset(&conn->body);
		osp_buf_addf(&conn->body, "{\"query\":{\"terms\":{\"%s\":[", field);
		osp_buf_add_str(&conn->body, osp_buf_str(&r->ids));
		osp_buf_add_str(&conn->body, OSP_STR("]}}}"));
		if (osp_buf_status(&conn->body) != OSP_OK)
			return osp__elastic_no_memory(r->err);
		status = osp__elastic_call(
			conn, "POST", path, osp_buf_str(&conn->body), &root, r->err);
		if (status != OSP_OK)
			return osp__elastic_trouble(status, r->err);
		gone = osp__elastic_number(yyjson_obj_get(root, "deleted"));
		*deleted += gone;
	}
	while (gone == DELETE_DOCUMENTS);
	return OSP_OK;
}

/* Removes these traces from the index of traces with an error. */
static osp_status
delete_errors(removal *r)
{
	osp_driver_conn *conn = r->conn;
	uint64_t ignored = 0;
	elastic_fields fields;
	osp_status status = osp__elastic_refresh(conn, ELASTIC_ERROR_INDEX, r->err);

	if (status == OSP_OK)
		status =
			osp__elastic_fields(conn, ELASTIC_ERROR_INDEX, &fields, r->err);
	if (status == OSP_ENOENT)
		return osp__elastic_forgive(r->err);
	if (status != OSP_OK)
		return osp__elastic_trouble(status, r->err);
	return fields.base_id != NULL
			   ? delete_from(r, ELASTIC_ERROR_INDEX, fields.base_id, &ignored)
			   : OSP_OK;
}

/*
 * Removes the traces that were gathered, counts them if they existed, and
 * empties the list.
 */
static osp_status
remove_gathered(removal *r, uint64_t *removed)
{
	uint64_t deleted = 0;
	osp_status status = OSP_OK;

	if (r->count > 0)
		status = delete_from(r, r->conn->index, r->field, &deleted);
	if (deleted > 0)
		*removed += r->count;
	if (status == OSP_OK && deleted > 0)
		status = delete_errors(r);
	osp_buf_reset(&r->ids);
	r->count = 0;
	return status;
}

static void
gather_id(removal *r, osp_str id)
{
	if (r->count++ > 0)
		osp_buf_add_char(&r->ids, ',');
	osp_json_string(&r->ids, id);
}

/* Removes the traces one by one, since only that shows which of them existed. */
static osp_status
remove_by_id(removal *r, const osp_removal *what, uint64_t *removed)
{
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < what->count && status == OSP_OK; i++)
	{
		gather_id(r, what->ids[i]);
		status = remove_gathered(r, removed);
	}
	return status;
}

static osp_status
remove_by_age(removal *r, int64_t older_than_ns, uint64_t *removed)
{
	const osp_traces *traces = &r->conn->traces;
	osp_status status = osp__elastic_gather(r->conn, r->err);
	size_t i;

	for (i = 0; i < traces->count && status == OSP_OK; i++)
	{
		if (!osp__traces_is_older(&traces->entries[i], older_than_ns))
			continue;
		gather_id(r, osp__traces_id(traces, i));
		if (r->count == DELETE_TRACES)
			status = remove_gathered(r, removed);
	}
	return status == OSP_OK ? remove_gathered(r, removed) : status;
}

static osp_status
no_field(const osp_driver_conn *conn, osp_error *err)
{
	return osp_error_set(err,
						 OSP_EUNSUPPORTED,
						 "elasticsearch: traces cannot be removed from the "
						 "index %.100s, whose field base_id is no keyword and "
						 "has none; remove documents by the index's own "
						 "lifecycle",
						 conn->index);
}

osp_status
osp__elastic_remove_traces(osp_driver_conn *conn, const osp_removal *what,
						   uint64_t *removed, osp_error *err)
{
	removal r = {.conn = conn, .err = err};
	osp_removal known = {.count = 0};
	elastic_fields fields;
	osp_status status;

	*removed = 0;
	osp_struct_copy(&known, sizeof(known), what);
	status = osp__elastic_begin_reading(conn, &fields, err);
	if (status != OSP_OK)
		return status == OSP_ENOENT ? osp__elastic_forgive(err) : status;
	if (fields.base_id == NULL)
		return no_field(conn, err);
	r.field = fields.base_id;
	osp_buf_init(&r.ids, conn->alc, OSP_NOTIFICATION_MAX);
	status = known.count > 0 ? remove_by_id(&r, &known, removed)
							 : remove_by_age(&r, known.older_than_ns, removed);
	osp_buf_term(&r.ids);
	return status;
}
