/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_receiver.h
 *	  A receiver of OTLP for tests, on a free port of loopback. A protobuf library
 *	  decodes the requests. The tests read the spans, and set the answers.
 */
#ifndef TEST_OTLP_RECEIVER_H
#define TEST_OTLP_RECEIVER_H

#include <stdbool.h>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"
#include "osprofiler/base.h"

typedef Opentelemetry__Proto__Trace__V1__Span otlp_test_span;
typedef Opentelemetry__Proto__Resource__V1__Resource otlp_test_resource;
typedef Opentelemetry__Proto__Common__V1__AnyValue otlp_test_value;

/* Starts the receiver, on the same port as before if it was started before. tls_dir:
 * the directory of cert.pem and key.pem; NULL: without TLS. */
void receiver_start(const char *tls_dir);
void receiver_stop(void);

/* Sets the port; to be called before the receiver is started. */
void receiver_set_port(int port);
int receiver_port(void);

/* Forgets all spans. From now on all requests are answered with 200. */
void receiver_reset(void);

/* Sets the answer to the next requests; times 0: to all of them. Requests that are not
 * answered with 200 are not kept. retry_after may be NULL; for a status of 300 to 399
 * it is the Location. body is borrowed. */
void receiver_answer(unsigned status, const char *retry_after, osp_str body,
					 unsigned times);

/* How many requests arrived, whatever the answers were. */
size_t receiver_requests(void);

/* A header of the last request ("": it had none), and the path of that request. */
const char *receiver_header(const char *name);
const char *receiver_path(void);

/* The spans that were kept, duplicates included, in the order of their arrival. */
size_t receiver_spans(void);
const otlp_test_span *receiver_span(size_t i);
const otlp_test_resource *receiver_resource(size_t i);

/* The span with this id (16 hex digits). Fails the test unless there is exactly one. */
const otlp_test_span *receiver_find(const char *span_id);

/* How many spans have this id. */
size_t receiver_copies(const char *span_id);

/* The attribute of this name; NULL: there is none. Fails the test if the span has it
 * twice. */
const otlp_test_value *receiver_attribute(const otlp_test_span *span,
										  const char *key);

/* The text of an attribute; "" if there is none. Fails the test if it is no text. */
const char *receiver_text(const otlp_test_span *span, const char *key);
const char *receiver_resource_text(const otlp_test_resource *resource,
								   const char *key);

#endif /* TEST_OTLP_RECEIVER_H */
