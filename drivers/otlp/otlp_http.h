/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_http.h
 *	  Sending a request to an OTLP receiver.
 */
#ifndef OSP_OTLP_HTTP_H
#define OSP_OTLP_HTTP_H

#include "http/http_client.h"
#include "otlp_answer.h"

/* Where receivers take traces, unless the connection string says another path. */
#define OTLP_PATH "/v1/traces"

/* An answer is not longer. */
#define OTLP_ANSWER_MAX ((size_t) 64 * 1024)

/*
 * Sends one request. OSP_OK: the receiver has taken it, but for what *answer
 * says (borrowed until the next request). OSP_EREFUSED: it will never take it.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM: to be sent again.
 */
osp_status otlp_http_post(osp_http *http, osp_str body, otlp_answer *answer,
						  osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_OTLP_HTTP_H */
