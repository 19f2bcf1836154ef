/* SPDX-License-Identifier: Apache-2.0
 *
 * http_client.h
 *	  HTTP requests to a collector, by libcurl.
 *
 * The transfer makes progress only while this code waits for it, in slices, so
 * that every wait ends at one of the call's limits: no byte is accepted for
 * timeout_ms, the answer is incomplete timeout_ms after the request was sent,
 * the deadline is reached, or the program interrupts. The connection stays open
 * for the next request.
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
	osp_buf answer; /* the answer to the last request */
	long status;    /* of the answer: 200, 404, ... */
	char reason[CURL_ERROR_SIZE];
	int64_t not_before_ns; /* the collector asked us to wait until then */
} osp_http;

/*
 * Prepares requests. Borrows target and wait; an answer of more than answer_max
 * bytes is not accepted. OSP_ENOMEM. osp__http_term() must be called in any
 * case.
 */
osp_status osp__http_init(osp_http *http, const osp_http_target *target,
						  const osp_wait *wait, size_t answer_max,
						  osp_error *err) OSP_MUST_CHECK;
void osp__http_term(osp_http *http);

/*
 * Sends one request, to path below the target's URL. OSP_OK: there is an
 * answer, of whatever status. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM; OSP_EFULL:
 * the answer is too long.
 */
osp_status osp__http_request(osp_http *http, const char *method,
							 const char *path, osp_str body,
							 osp_error *err) OSP_MUST_CHECK;

/* Obeys the answer's Retry-After: until that time no requests are sent. */
void osp__http_heed_retry_after(osp_http *http);

/* Writes to err what the answer was, and what to do about it. Returns status. */
osp_status osp__http_report(const osp_http *http, osp_status status,
							const char *advice, osp_error *err);

#endif /* OSP_HTTP_CLIENT_H */
