/* SPDX-License-Identifier: Apache-2.0
 *
 * http_client.h
 *	  Requests to a collector by HTTP, by libcurl.
 *
 * The transfer goes on only while this waits for it, in slices, so that every
 * wait ends by the bounds of the call: no byte is taken for timeout_ms, the
 * answer is not whole timeout_ms after the request was, the deadline, the host's
 * interrupts. The connection stays open for the next request.
 */
#ifndef OSP_HTTP_CLIENT_H
#define OSP_HTTP_CLIENT_H

#include <curl/curl.h>

#include "http/http_target.h"
#include "wait.h"

typedef struct osp_http
{
	const osp_wait *wait;
	const osp_http_target *target;
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers;
	osp_buf url;
	osp_buf answer; /* to the last request */
	long status;    /* of it: 200, 404, ... */
	char reason[CURL_ERROR_SIZE];
	int64_t not_before_ns; /* the collector asked to wait until then */
} osp_http;

/* Borrows target and wait; an answer of more than answer_max bytes is not taken.
 * OSP_ENOMEM. To be terminated in any case. */
osp_status osp__http_init(osp_http *http, const osp_http_target *target,
						  const osp_wait *wait, size_t answer_max,
						  osp_error *err) OSP_MUST_CHECK;
void osp__http_term(osp_http *http);

/*
 * Sends one request, to path behind the target's URL. OSP_OK: it was answered,
 * whatever the answer is. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM; OSP_EFULL: the
 * answer is too long.
 */
osp_status osp__http_request(osp_http *http, const char *method,
							 const char *path, osp_str body,
							 osp_error *err) OSP_MUST_CHECK;

/* The collector asks for patience: until Retry-After has passed, requests are
 * not sent. */
void osp__http_heed_retry_after(osp_http *http);

/* Says what was answered, and what to do about it. Returns status. */
osp_status osp__http_report(const osp_http *http, osp_status status,
							const char *advice, osp_error *err);

#endif /* OSP_HTTP_CLIENT_H */
