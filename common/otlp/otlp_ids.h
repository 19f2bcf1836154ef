/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_ids.h
 *	  OSProfiler's ids as OpenTelemetry's.
 *
 * As upstream maps them: a trace id is all of a base_id's UUID, a span id the
 * lower half of a trace_id's UUID. So a trace that began with a W3C traceparent
 * has the caller's own ids. What is no UUID gets an id that is made of its
 * text, always the same one: a point that is sent twice is the same span, and a
 * child finds its parent.
 */
#ifndef OSP_OTLP_IDS_H
#define OSP_OTLP_IDS_H

#include "osprofiler/ids.h"

#define OTLP_TRACE_ID_SIZE 16
#define OTLP_SPAN_ID_SIZE  8

/* False: the text was no UUID, and the id was made of it. The forms are those
 * with dashes, and 32 digits without. */
bool otlp_trace_id(osp_str base_id, unsigned char out[OTLP_TRACE_ID_SIZE]);
bool otlp_span_id(osp_str trace_id, unsigned char out[OTLP_SPAN_ID_SIZE]);

#endif /* OSP_OTLP_IDS_H */
