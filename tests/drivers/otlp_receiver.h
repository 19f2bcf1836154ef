/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_receiver.h
 *	  A receiver of OTLP for tests, on a free port of loopback: it keeps what it
 *	  is sent, decoded by a protobuf library, and answers as it is told to.
 */
#ifndef TEST_OTLP_RECEIVER_H
#define TEST_OTLP_RECEIVER_H

#include <stdbool.h>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"
#include "osprofiler/base.h"

typedef Opentelemetry__Proto__Trace__V1__Span otlp_test_span;
typedef Opentelemetry__Proto__Resource__V1__Resource otlp_test_resource;
typedef Opentelemetry__Proto__Common__V1__AnyValue otlp_test_value;

/* Starts it, on the port of the last time if there was one. tls_dir: where
 * cert.pem and key.pem are; NULL: without TLS. */
void receiver_start(const char *tls_dir);
void receiver_stop(void);

/* Before it is started: the port to take. */
void receiver_set_port(int port);
int receiver_port(void);

/* Forgets what it was sent, and answers well from now on. */
void receiver_reset(void);

/* How the next requests are answered; times 0: all of them. retry_after may be
 * NULL, and is the Location with which one of 300 to 399 is answered; body is borrowed. Those that are not answered with 200 are not kept. */
void receiver_answer(unsigned status, const char *retry_after, osp_str body,
					 unsigned times);

/* Requests that came, whatever the answer was. */
size_t receiver_requests(void);

/* A header of the last request, "" if it had none; its path. */
const char *receiver_header(const char *name);
const char *receiver_path(void);

/* Spans that were kept, copies included, in the order in which they came. */
size_t receiver_spans(void);
const otlp_test_span *receiver_span(size_t i);
const otlp_test_resource *receiver_resource(size_t i);

/* The only span of this id (16 hex digits); fails if there is not just one. */
const otlp_test_span *receiver_find(const char *span_id);

/* How many spans have it. */
size_t receiver_copies(const char *span_id);

/* An attribute; NULL: there is none. Fails if it is there twice. */
const otlp_test_value *receiver_attribute(const otlp_test_span *span,
										  const char *key);

/* The text of an attribute; "" if there is none, fails if it is no text. */
const char *receiver_text(const otlp_test_span *span, const char *key);
const char *receiver_resource_text(const otlp_test_resource *resource,
								   const char *key);

#endif /* TEST_OTLP_RECEIVER_H */
