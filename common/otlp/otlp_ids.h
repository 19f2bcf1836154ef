/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_ids.h
 *	  Turns OSProfiler's ids into OpenTelemetry's.
 *
 * The mapping is upstream's: a trace id is all of a base_id's UUID, a span id
 * the lower half of a trace_id's UUID. So a trace that began with a W3C
 * traceparent has the caller's own ids. A text that is not a UUID is hashed, so
 * it always gets the same id: a point that is sent twice is the same span, and
 * a child finds its parent.
 */
#ifndef OSP_OTLP_IDS_H
#define OSP_OTLP_IDS_H

#include "osprofiler/ids.h"

#define OTLP_TRACE_ID_SIZE 16
#define OTLP_SPAN_ID_SIZE  8

/* Make an id from a UUID, with dashes or as 32 digits. False: the text was not
 * a UUID, and the id is its hash. */
bool otlp_trace_id(osp_str base_id, unsigned char out[OTLP_TRACE_ID_SIZE]);
bool otlp_span_id(osp_str trace_id, unsigned char out[OTLP_SPAN_ID_SIZE]);

#endif /* OSP_OTLP_IDS_H */
