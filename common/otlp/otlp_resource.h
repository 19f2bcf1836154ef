/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_resource.h
 *	  The messages around spans in a request: the resource that they belong to, and the
 *	  program that made them.
 *
 * A request is a list of ResourceSpans messages, so it may be made in pieces.
 */
#ifndef OSP_OTLP_RESOURCE_H
#define OSP_OTLP_RESOURCE_H

#include "osprofiler/buf.h"
#include "osprofiler/notification.h"

/* Field number in the message Resource. */
#define OTLP_RESOURCE_ATTRIBUTES 1

/* Appends the attributes of a notification's resource: service, host, project. */
void otlp_put_resource(osp_buf *out, const osp_notification *of);

/* Appends an encoded span to those of a resource. */
void otlp_put_span(osp_buf *spans, osp_str span);

/* Appends the part of a request before the spans of a resource. The caller appends the
 * spans, of spans_len bytes, next. */
void otlp_put_heads(osp_buf *out, osp_str resource, size_t spans_len);

#endif /* OSP_OTLP_RESOURCE_H */
