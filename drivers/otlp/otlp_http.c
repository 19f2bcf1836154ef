/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_http.c
 *	  Sending a request to an OTLP receiver.
 *
 * The result of a request follows the rules of the protocol for 429, 502, 503
 * and 504 (tried again) and for 400, 413 and 500 (refused). All other statuses
 * mean a wrong address, login or proxy. Somebody can correct that, so the
 * points are kept.
 */
#include "otlp_http.h"

#include <stdio.h>
#include <strings.h>

/* How the address of a gRPC receiver ends. */
#define GRPC_PORT ":4317"

/*
 * Reads the answer to accepted spans. An answer in JSON, which some receivers
 * send to any request, is not read further.
 */
static osp_status
read_success(osp_http *http, otlp_answer *answer, osp_error *err)
{
	const char *type = NULL;

	(void) curl_easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
	if (type != NULL && strncasecmp(type, "application/json", 16) == 0)
		return OSP_OK;
	if (otlp_answer_read(osp_buf_str(&http->answer), answer))
		return OSP_OK;
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "otlp: %s answers what is not OTLP (is it a "
						 "collector, with the path that it receives traces "
						 "at?)",
						 http->target->where);
}

static osp_status
judge(osp_http *http, otlp_answer *answer, osp_error *err)
{
	if (http->status >= 200 && http->status < 300)
		return read_success(http, answer, err);
	switch (http->status)
	{
		case 400:
		case 413:
		case 500:
			return osp__http_report(http, OSP_EREFUSED, "", err);
		case 401:
		case 403:
			return osp__http_report(
				http,
				OSP_EUNAVAIL,
				" (give a login: otlp://USER:PASSWORD@HOST, "
				"?header= or ?headers_file=)",
				err);
		case 404:
		case 405:
			return osp__http_report(
				http,
				OSP_EUNAVAIL,
				" (give the path at which it receives traces: "
				"otlp://HOST/PATH)",
				err);
		case 415:
			return osp__http_report(
				http, OSP_EUNAVAIL, " (perhaps ?compression=none helps)", err);
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

/*
 * Is this a gRPC receiver? It usually has a certain port, or it answers in
 * HTTP/2, which libcurl takes for HTTP/0.9.
 */
static bool
is_for_grpc(const osp_http *http)
{
	const char *port = strrchr(http->target->where, ':');

	return http->status == 0 &&
		   ((port != NULL && strcmp(port, GRPC_PORT) == 0) ||
			strstr(http->reason, "HTTP/0.9") != NULL);
}

static osp_status
advise_port(const osp_http *http, osp_status status, osp_error *err)
{
	size_t used = err != NULL ? strlen(err->msg) : 0;

	if (status == OSP_EUNAVAIL && err != NULL && is_for_grpc(http))
		(void) snprintf(err->msg + used,
						sizeof(err->msg) - used,
						" (give the port for HTTP, such as 4318; this one is "
						"for gRPC)");
	return status;
}

osp_status
otlp_http_post(osp_http *http, osp_str body, otlp_answer *answer,
			   osp_error *err)
{
	osp_status status;

	answer->rejected = 0;
	answer->message = OSP_STR("");
	status = osp__http_request(
		http, "POST", http->target->has_path ? "" : OTLP_PATH, body, err);
	if (status == OSP_EFULL)
		return osp_error_set(err,
							 OSP_EUNAVAIL,
							 "otlp: %s answers with more than 64 kB",
							 http->target->where);
	return status == OSP_OK ? judge(http, answer, err)
							: advise_port(http, status, err);
}
