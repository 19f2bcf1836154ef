/* SPDX-License-Identifier: Apache-2.0
 *
 * elasticsearch.c
 *	  The driver for elasticsearch://host and opensearch://host. It stores
 *	  notifications as documents of Elasticsearch or OpenSearch, in the same form
 *	  as upstream's driver.
 *
 *	  elastic_call.c     a request and its answer, the server's version
 *	  elastic_mapping.c  the index and its fields
 *	  elastic_write.c    storing batches
 *	  elastic_read.c     reading and listing traces
 *	  elastic_remove.c   removing traces
 */
#include "elasticsearch.h"

#include <ctype.h>

#include "base/read_file.h"
#include "profiler/config.h"

#define TEXT_MAX  ((size_t) OSP_NOTIFICATION_MAX * 3)
#define KEY_MAX   ((size_t) 16 * 1024)
#define INDEX     "osprofiler-notifications"
#define DOC_TYPE  "notification"
#define NAME_LONG 200

/* ---- the connection string ---- */

/* Can the name be used in a path without encoding? */
static bool
is_name(osp_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
	{
		unsigned char c = (unsigned char) text.ptr[i];

		if (!islower(c) && !isdigit(c) && (i == 0 || strchr("-_.", c) == NULL))
			return false;
	}
	return text.len > 0 && text.len <= NAME_LONG;
}

static osp_status
take_name(osp_http_target *target, char **name, osp_str value, osp_error *err)
{
	if (!is_name(value))
		return osp__http_bad_string(
			target,
			"index and doc_type are of lower-case letters, digits, '-', '_' and "
			"'.'",
			err);
	osp_free(target->alc, *name);
	*name = osp_strdup(target->alc, value);
	return *name != NULL ? OSP_OK : osp__http_no_memory(target, err);
}

static osp_status
add_key(osp_http_target *target, osp_str key, osp_error *err)
{
	osp_status status = OSP_OK;
	osp_buf text;

	osp_buf_init(&text, target->alc, 2 * KEY_MAX);
	osp_buf_add_str(&text, OSP_STR("Authorization:ApiKey "));
	osp_buf_add_str(&text, key);
	if (osp_buf_status(&text) == OSP_ENOMEM)
		status = osp__http_no_memory(target, err);
	else if (key.len == 0 || osp_buf_status(&text) != OSP_OK ||
			 memchr(key.ptr, '\n', key.len) != NULL ||
			 !osp__http_add_header(target, osp_buf_str(&text)))
		status = osp__http_bad_string(
			target, "an API key is one line, in base64", err);
	osp_buf_term(&text);
	return status;
}

/* Reads an API key from a file that others can neither read nor write. */
static osp_status
read_key(osp_http_target *target, const char *path, osp_error *err)
{
	osp__file file;
	osp_status status =
		osp__file_read(&file, target->alc, path, KEY_MAX, true, err);

	if (status != OSP_OK)
		return status;
	status =
		add_key(target, osp__http_trim(osp_str_n(file.ptr, file.len)), err);
	osp__file_term(&file);
	return status;
}

static osp_status
read_option(void *ctx, osp_http_target *target, osp_str name, osp_str value,
			osp_error *err)
{
	osp_driver_conn *conn = ctx;

	if (osp_str_eq(name, OSP_STR("index")))
		return take_name(target, &conn->index, value, err);
	if (osp_str_eq(name, OSP_STR("doc_type")))
		return take_name(target, &conn->doc_type, value, err);
	if (osp_str_eq(name, OSP_STR("api_key")))
		return add_key(target, value, err);
	if (osp_str_eq(name, OSP_STR("api_key_file")))
		return read_key(target, value.ptr, err);
	return osp__http_bad_string(target, "unknown option", err);
}

static const char *const elasticsearch_schemes[] = {
	"elasticsearch", "elasticsearch+https", NULL};
static const char *const opensearch_schemes[] = {
	"opensearch", "opensearch+https", NULL};
static const char *const all_schemes[] = {"elasticsearch",
										  "elasticsearch+https",
										  "opensearch",
										  "opensearch+https",
										  NULL};

static const osp_http_kind elastic_kind = {
	.name = "elasticsearch",
	.schemes = all_schemes,
	.usage =
		"elasticsearch://[user:password@]host[:port][/prefix], opensearch://... "
		"or with +https, perhaps with ?api_key_file=FILE&api_key=KEY&ca=FILE"
		"&index=NAME&doc_type=NAME&header=...",
	.port = 9200,
	.content_type = "application/json",
	.option = read_option,
};

/* Removes slashes from the end of the URL, since each path begins with one. */
static void
cut_slashes(char *url)
{
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		url[--len] = '\0';
}

static osp_status
read_string(osp_driver_conn *conn, osp_str connection_string, osp_error *err)
{
	osp_http_target *target = &conn->target;
	osp_status status = osp__http_target_read(
		target, &elastic_kind, conn->alc, connection_string, conn, err);

	if (status != OSP_OK)
		return status;
	if (target->gzip)
		return osp__http_bad_string(
			target, "compression can only be none", err);
	cut_slashes(target->url);
	if (conn->index == NULL)
		conn->index = osp_strdup(conn->alc, OSP_STR(INDEX));
	if (conn->doc_type == NULL)
		conn->doc_type = osp_strdup(conn->alc, OSP_STR(DOC_TYPE));
	return conn->index != NULL && conn->doc_type != NULL
			   ? OSP_OK
			   : osp__elastic_no_memory(err);
}

/* ---- open and close ---- */

static void
elastic_close(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->alc;
	osp__http_term(&conn->http);
	osp__http_target_term(&conn->target);
	osp__json_reader_term(&conn->reader);
	osp__traces_term(&conn->traces);
	osp_buf_term(&conn->body);
	osp_buf_term(&conn->path);
	osp_buf_term(&conn->text);
	osp_buf_term(&conn->scratch);
	osp_buf_term(&conn->scroll);
	osp_free(alc, conn->space);
	osp_free(alc, conn->index);
	osp_free(alc, conn->doc_type);
	osp_free(alc, conn);
}

static osp_status
open_parts(osp_driver_conn *conn, const osp_driver_options *options,
		   osp_error *err)
{
	size_t answer_max =
		options->memory_max != 0 ? options->memory_max : OSP_DRIVER_MEMORY_MAX;
	osp_status status;

	conn->space = osp_alloc(conn->alc, OSP__JSON_SPACE);
	if (conn->space == NULL)
		return osp__elastic_no_memory(err);
	osp__json_reader_init(
		&conn->reader, conn->alc, conn->space, OSP__JSON_SPACE);

	/* If a document of an answer is nested too deeply, only this one is left out. */
	conn->reader.any_depth = true;
	status = read_string(conn, options->connection_string, err);
	if (status != OSP_OK)
		return status;
	return osp__http_init(
		&conn->http, &conn->target, &conn->wait, answer_max, err);
}

static osp_status
elastic_open(const osp_driver_options *options, osp_driver_conn **out,
			 osp_error *err)
{
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp__elastic_no_memory(err);
	conn->alc = known.alc;
	conn->filter_error_trace = known.filter_error_trace;
	osp__wait_init(&conn->wait, &known);
	osp_buf_init(&conn->body, known.alc, TEXT_MAX);
	osp_buf_init(&conn->path, known.alc, TEXT_MAX);
	osp_buf_init(&conn->text, known.alc, TEXT_MAX);
	osp_buf_init(&conn->scratch, known.alc, TEXT_MAX);
	osp_buf_init(&conn->scroll, known.alc, TEXT_MAX);
	osp__traces_init(&conn->traces, known.alc);
	status = open_parts(conn, &known, err);
	if (status != OSP_OK)
	{
		elastic_close(conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

#define SLOTS                                                  \
	.abi = OSP_DRIVER_ABI,                                     \
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST |       \
			 OSP_DRIVER_CAN_REMOVE | OSP_DRIVER_NEWEST_FIRST | \
			 OSP_DRIVER_DROPS_COPIES | OSP_DRIVER_FILTERS,     \
	.open = elastic_open, .notify = osp__elastic_notify,       \
	.get_points = osp__elastic_get_points,                     \
	.list_traces = osp__elastic_list_traces,                   \
	.remove_traces = osp__elastic_remove_traces, .close = elastic_close

extern OSP_API const osp_driver osp_driver_elasticsearch;
const osp_driver osp_driver_elasticsearch = {
	.name = "elasticsearch", .schemes = elasticsearch_schemes, SLOTS};

/* The same driver under another name. */
extern OSP_API const osp_driver osp_driver_opensearch;
const osp_driver osp_driver_opensearch = {
	.name = "opensearch", .schemes = opensearch_schemes, SLOTS};
