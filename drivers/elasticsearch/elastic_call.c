/* SPDX-License-Identifier: Apache-2.0
 *
 * elastic_call.c
 *	  Sends a request and reads its answer; finds out the server's version.
 */
#include "elasticsearch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_BYTES  1024
#define LAST_TYPED  6 /* the last version whose documents have types */
#define LAST_NAMING 7 /* the last one with named types for new indexes */
#define LOGIN_ADVICE                                                      \
	" (give a login: elasticsearch://USER:PASSWORD@HOST, ?api_key_file= " \
	"or ?headers_file=)"

osp_status
osp__elastic_no_memory(osp_error *err)
{
	return osp_error_set(err, OSP_ENOMEM, "elasticsearch: out of memory");
}

osp_status
osp__elastic_trouble(osp_status status, osp_error *err)
{
	if (status != OSP_ENOENT && status != OSP_EPERM && status != OSP_EINVAL &&
		status != OSP_EREFUSED)
		return status;
	if (err != NULL)
		err->code = OSP_EUNAVAIL;
	return OSP_EUNAVAIL;
}

osp_status
osp__elastic_forgive(osp_error *err)
{
	if (err != NULL)
		(void) osp_error_set(err, OSP_OK, "%s", "");
	return OSP_OK;
}

const char *
osp__elastic_path(osp_driver_conn *conn, const char *format, ...)
{
	char text[PATH_BYTES];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t) len >= sizeof(text))
		return NULL;
	osp_buf_reset(&conn->path);
	osp_buf_add_str(&conn->path, osp_str_n(text, (size_t) len));
	return osp_buf_status(&conn->path) == OSP_OK ? conn->path.ptr : NULL;
}

uint64_t
osp__elastic_number(yyjson_val *value)
{
	int64_t number;

	return osp__json_i64(value, &number) && number > 0 ? (uint64_t) number : 0;
}

/* Turns the status of an answer into a result. */
static osp_status
judge(osp_http *http, osp_error *err)
{
	if (http->status >= 200 && http->status < 300)
		return OSP_OK;
	switch (http->status)
	{
		case 400:
			return osp__http_report(http, OSP_EINVAL, "", err);
		case 401:
			return osp__http_report(http, OSP_EUNAVAIL, LOGIN_ADVICE, err);
		case 403:
			return osp__http_report(
				http, OSP_EPERM, " (the user lacks rights)", err);
		case 404:
			return osp__http_report(http, OSP_ENOENT, "", err);
		case 413:
			return osp__http_report(http, OSP_EREFUSED, "", err);
		case 429:
		case 502:
		case 503:
		case 504:
			osp__http_heed_retry_after(http);
			return osp__http_report(http, OSP_EUNAVAIL, "", err);
		default:
			return osp__http_report(http, OSP_EUNAVAIL, "", err);
	}
}

static osp_status
no_elasticsearch(const osp_driver_conn *conn, osp_error *err)
{
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "elasticsearch: %s answers what is not "
						 "Elasticsearch's (is the port that of its HTTP "
						 "interface?)",
						 conn->target.where);
}

osp_status
osp__elastic_call(osp_driver_conn *conn, const char *method, const char *path,
				  osp_str body, yyjson_val **root, osp_error *err)
{
	osp_status status;

	*root = NULL;
	if (path == NULL)
		return osp__elastic_no_memory(err);
	status = osp__http_request(&conn->http, method, path, body, err);
	if (status == OSP_OK)
		status = judge(&conn->http, err);
	if (status == OSP_EUNAVAIL)
		conn->knows_version = conn->has_index = false;
	if (status != OSP_OK)
		return status;
	status = osp__json_read(&conn->reader, osp_buf_str(&conn->http.answer));
	if (status == OSP_ENOMEM)
		return osp__elastic_no_memory(err);
	if (status == OSP_OK)
		*root = osp__json_root(&conn->reader);
	return status == OSP_OK && yyjson_is_obj(*root)
			   ? OSP_OK
			   : no_elasticsearch(conn, err);
}

static osp_status
read_version(osp_driver_conn *conn, yyjson_val *root, osp_error *err)
{
	yyjson_val *version = yyjson_obj_get(root, "version");
	osp_str number = osp__json_str(yyjson_obj_get(version, "number"));
	bool is_opensearch = osp__json_is(yyjson_obj_get(version, "distribution"),
									  OSP_STR("opensearch"));
	long major = strtol(number.ptr, NULL, 10);

	if (number.len == 0 || major <= 0)
		return no_elasticsearch(conn, err);
	conn->typed = !is_opensearch && major <= LAST_TYPED;
	conn->names_type = !is_opensearch && major <= LAST_NAMING;
	conn->knows_version = true;
	return OSP_OK;
}

osp_status
osp__elastic_begin(osp_driver_conn *conn, osp_error *err)
{
	yyjson_val *root;
	osp_status status;

	osp__wait_begin(&conn->wait);
	if (conn->knows_version)
		return OSP_OK;
	status = osp__elastic_call(conn, "GET", "/", OSP_STR(""), &root, err);

	/*
	 * The user may lack the right to ask for the version. Servers that have
	 * such rights are newer.
	 */
	if (status == OSP_EPERM)
	{
		conn->typed = conn->names_type = false;
		conn->knows_version = true;
		return osp__elastic_forgive(err);
	}
	return status == OSP_OK ? read_version(conn, root, err)
							: osp__elastic_trouble(status, err);
}
