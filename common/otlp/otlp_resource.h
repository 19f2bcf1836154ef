/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_resource.h
 *	  What stands round spans in a request: the resource that they are of, and who made
 *	  them.
 *
 * A request is a list of messages ResourceSpans, so one may be made in pieces.
 */
#ifndef OSP_OTLP_RESOURCE_H
#define OSP_OTLP_RESOURCE_H

#include "osprofiler/buf.h"
#include "osprofiler/notification.h"

/* Field of the message Resource. */
#define OTLP_RESOURCE_ATTRIBUTES 1

/* Appends the attributes of the resource that a notification is of: service, host,
 * project. */
void otlp_put_resource(osp_buf *out, const osp_notification *of);

/* Appends an encoded span to those of a resource. */
void otlp_put_span(osp_buf *spans, osp_str span);

/* Appends what stands in a request before the spans of a resource, which have spans_len
 * bytes and come next. */
void otlp_put_heads(osp_buf *out, osp_str resource, size_t spans_len);

#endif /* OSP_OTLP_RESOURCE_H */
