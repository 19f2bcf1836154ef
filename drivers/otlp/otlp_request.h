/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_request.h
 *	  A request to the collector: encoded spans, by the resource they are of.
 */
#ifndef OSP_OTLP_REQUEST_H
#define OSP_OTLP_REQUEST_H

#include <zlib.h>

#include "osprofiler/buf.h"
#include "osprofiler/notification.h"

/* A request that holds more is sent. Collectors take 20 MB by default. */
#define OTLP_REQUEST_BYTES ((size_t) 4 * 1024 * 1024)

/* Spans of one resource. */
typedef struct otlp_group
{
	osp_buf resource; /* its attributes, encoded; what tells groups apart */
	osp_buf spans;    /* encoded, each with its tag */
} otlp_group;

typedef struct otlp_request
{
	const osp_allocator *alc;
	osp_str attributes; /* of every resource, borrowed */
	bool gzip;
	otlp_group *groups; /* count are used, made ones keep their memory */
	size_t count;
	size_t made;
	size_t last;  /* the group of the last span */
	size_t bytes; /* of all spans */
	size_t spans;
	size_t points;    /* of the batch that are in these spans */
	osp_buf resource; /* of the span that is added */
	osp_buf body;
	z_stream zlib;
	bool has_zlib;
} otlp_request;

/* Borrows attributes. To be terminated in any case. */
osp_status otlp_request_init(otlp_request *request, const osp_allocator *alc,
							 osp_str attributes, bool gzip) OSP_MUST_CHECK;
void otlp_request_term(otlp_request *request);

/* Forgets all spans. */
void otlp_request_reset(otlp_request *request);

/* Adds an encoded span of the service and host of this notification, which
 * stands for so many points of the batch. OSP_ENOMEM. */
osp_status otlp_request_add(otlp_request *request, osp_str span,
							const osp_notification *of,
							size_t points) OSP_MUST_CHECK;

/* The request as it is sent, borrowed until it changes. OSP_ENOMEM. */
osp_status otlp_request_body(otlp_request *request,
							 osp_str *body) OSP_MUST_CHECK;

#endif /* OSP_OTLP_REQUEST_H */
