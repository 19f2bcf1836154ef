/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_http.h
 *	  Sending a request to an OTLP receiver.
 */
#ifndef OSP_OTLP_HTTP_H
#define OSP_OTLP_HTTP_H

#include "http/http_client.h"
#include "otlp_answer.h"

/*
 * The path at which receivers accept traces, unless the connection string has
 * another one.
 */
#define OTLP_PATH "/v1/traces"

/* The longest answer that is accepted. */
#define OTLP_ANSWER_MAX ((size_t) 64 * 1024)

/*
 * Sends one request. OSP_OK: the receiver has accepted it, except for what
 * *answer says (borrowed until the next request). OSP_EREFUSED: it will never
 * accept it. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM: the request has to be sent
 * again.
 */
osp_status otlp_http_post(osp_http *http, osp_str body, otlp_answer *answer,
						  osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_OTLP_HTTP_H */
