/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_http.h
 *	  Sending a request to an OTLP receiver, by libcurl.
 *
 * The transfer goes on only while this waits for it, in slices, so that every
 * wait ends by the bounds of the call: no byte is taken for timeout_ms, the
 * answer is not whole timeout_ms after the request was, the deadline, the host's
 * interrupts. The connection stays open for the next request.
 */
#ifndef OSP_OTLP_HTTP_H
#define OSP_OTLP_HTTP_H

#include <curl/curl.h>

#include "osprofiler/buf.h"
#include "otlp_answer.h"
#include "otlp_settings.h"
#include "wait.h"

typedef struct otlp_http
{
	const osp_wait *wait;
	const char *where; /* the receiver, for messages */
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers;
	osp_buf answer;
	char reason[CURL_ERROR_SIZE];
	int64_t not_before_ns; /* the receiver asked to wait until then */
} otlp_http;

/* Borrows settings and wait. OSP_ENOMEM. To be terminated in any case. */
osp_status otlp_http_init(otlp_http *http, const otlp_settings *settings,
						  const osp_wait *wait, osp_error *err) OSP_MUST_CHECK;
void otlp_http_term(otlp_http *http);

/*
 * Sends one request. OSP_OK: the receiver has taken it, but for what *answer
 * says (borrowed until the next request). OSP_EREFUSED: it will never take it.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM: to be sent again.
 */
osp_status otlp_http_post(otlp_http *http, osp_str body, otlp_answer *answer,
						  osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_OTLP_HTTP_H */
