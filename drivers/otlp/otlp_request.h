/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_request.h
 *	  A request to the collector: encoded spans, grouped by their resource.
 */
#ifndef OSP_OTLP_REQUEST_H
#define OSP_OTLP_REQUEST_H

#include <zlib.h>

#include "osprofiler/buf.h"
#include "osprofiler/notification.h"

/* The size from which a request is sent. Collectors accept 20 MB by default. */
#define OTLP_REQUEST_BYTES ((size_t) 4 * 1024 * 1024)

/* Spans of one resource. */
typedef struct otlp_group
{
	osp_buf resource; /* its encoded attributes, the group's key */
	osp_buf spans;    /* encoded, each with the tag of its field */
} otlp_group;

typedef struct otlp_request
{
	const osp_allocator *alc;
	osp_str attributes; /* encoded, for every resource; borrowed */
	bool gzip;
	otlp_group *groups; /* made elements are allocated, count are in use */
	size_t count;
	size_t made;
	size_t last;  /* the group of the last span */
	size_t bytes; /* the length of all spans */
	size_t spans;
	size_t points;    /* how many points of the batch they cover */
	osp_buf resource; /* of the span that is being added */
	osp_buf body;
	z_stream zlib;
	bool has_zlib;
} otlp_request;

/*
 * Prepares a request; borrows attributes. otlp_request_term() must be called in
 * any case.
 */
osp_status otlp_request_init(otlp_request *request, const osp_allocator *alc,
							 osp_str attributes, bool gzip) OSP_MUST_CHECK;
void otlp_request_term(otlp_request *request);

/* Removes all spans. */
void otlp_request_reset(otlp_request *request);

/*
 * Adds an encoded span, for the service and host of this notification. points
 * is how many points of the batch the span covers. OSP_ENOMEM.
 */
osp_status otlp_request_add(otlp_request *request, osp_str span,
							const osp_notification *of,
							size_t points) OSP_MUST_CHECK;

/* Makes the body of the request, borrowed until the request changes. OSP_ENOMEM. */
osp_status otlp_request_body(otlp_request *request,
							 osp_str *body) OSP_MUST_CHECK;

#endif /* OSP_OTLP_REQUEST_H */
