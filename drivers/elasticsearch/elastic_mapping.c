/* SPDX-License-Identifier: Apache-2.0
 *
 * elastic_mapping.c
 *	  The index and its fields.
 *
 * Upstream lets the server guess the fields. Then the base_id is split into
 * words, which other traces may have, too, and an info whose value has another
 * type than an earlier one of the same name is refused. So an index that we
 * make has a mapping.
 */
#include "elasticsearch.h"

#define KEYWORD "{\"type\":\"keyword\"}"

/* The mapping of our index. Infos are stored as they are, and not analysed. */
static const char mapping[] =
	"{\"properties\":{"
	"\"name\":" KEYWORD ",\"base_id\":" KEYWORD ",\"trace_id\":" KEYWORD
	",\"parent_id\":" KEYWORD ",\"project\":" KEYWORD ",\"service\":" KEYWORD
	",\"timestamp\":{\"type\":\"date\",\"ignore_malformed\":true,"
	"\"fields\":{\"keyword\":" KEYWORD "}},"
	"\"info\":{\"type\":\"object\",\"enabled\":false}}}";

static osp_status
make_index(osp_driver_conn *conn, const char *index, osp_error *err)
{
	bool types = conn->names_type;
	osp_buf *body = &conn->body;
	const char *path;
	osp_status status;
	yyjson_val *root;

	osp_buf_reset(body);
	osp_buf_add_str(body, OSP_STR("{\"mappings\":"));
	if (types)
		osp_buf_addf(body, "{\"%s\":", conn->doc_type);
	osp_buf_add_str(body, osp_str_of(mapping));
	osp_buf_add_str(body, types ? OSP_STR("}}") : OSP_STR("}"));
	if (osp_buf_status(body) != OSP_OK)
		return osp__elastic_no_memory(err);
	path = osp__elastic_path(conn,
							 "/%s%s",
							 index,
							 types && !conn->typed ? "?include_type_name=true"
												   : "");
	status =
		osp__elastic_call(conn, "PUT", path, osp_buf_str(body), &root, err);

	/* An answer like this means that the index exists, or that we may not make one. */
	if (status == OSP_EINVAL || status == OSP_EPERM || status == OSP_ENOENT)
		status = osp__elastic_forgive(err);
	return osp__elastic_trouble(status, err);
}

osp_status
osp__elastic_need_index(osp_driver_conn *conn, osp_error *err)
{
	osp_status status = OSP_OK;

	if (conn->has_index)
		return OSP_OK;
	status = make_index(conn, conn->index, err);
	if (status == OSP_OK && conn->filter_error_trace)
		status = make_index(conn, ELASTIC_ERROR_INDEX, err);
	conn->has_index = status == OSP_OK;
	return status;
}

/*
 * Finds the properties in a mapping. In an index with a type they are one level
 * deeper.
 */
static yyjson_val *
properties_of(yyjson_val *mappings)
{
	yyjson_val *properties = yyjson_obj_get(mappings, "properties");

	if (properties != NULL || !yyjson_is_obj(mappings) ||
		yyjson_obj_size(mappings) == 0)
		return properties;
	return yyjson_obj_get(unsafe_yyjson_get_first(mappings) + 1, "properties");
}

static bool
is_keyword(yyjson_val *field)
{
	return osp__json_is(yyjson_obj_get(field, "type"), OSP_STR("keyword"));
}

static bool
has_keyword(yyjson_val *field)
{
	return is_keyword(
		yyjson_obj_get(yyjson_obj_get(field, "fields"), "keyword"));
}

osp_status
osp__elastic_fields(osp_driver_conn *conn, const char *index,
					elastic_fields *fields, osp_error *err)
{
	const char *path = osp__elastic_path(conn, "/%s/_mapping", index);
	yyjson_val *root;
	yyjson_val *properties;
	yyjson_val *base_id;
	osp_status status =
		osp__elastic_call(conn, "GET", path, OSP_STR(""), &root, err);

	fields->base_id = NULL;
	fields->timestamp = "timestamp";
	if (status == OSP_EPERM)
		return osp__elastic_forgive(err);
	if (status != OSP_OK || yyjson_obj_size(root) == 0)
		return status;

	/*
	 * If the name is an alias of several indexes, the first one is taken: they
	 * are alike.
	 */
	properties = properties_of(
		yyjson_obj_get(unsafe_yyjson_get_first(root) + 1, "mappings"));
	base_id = yyjson_obj_get(properties, "base_id");
	if (is_keyword(base_id))
		fields->base_id = "base_id";
	else if (has_keyword(base_id))
		fields->base_id = "base_id.keyword";
	if (has_keyword(yyjson_obj_get(properties, "timestamp")))
		fields->timestamp = "timestamp.keyword";
	return OSP_OK;
}
