/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_text.h
 *	  What a list says of a trace: the text and the service of an operation, and
 *	  whether it tells traces apart.
 *
 * Many traces begin alike: with a connection, BEGIN, or a setting. A list has the
 * first operation that says what its trace does, and only without one the first.
 */
#ifndef OSP_TRACE_TEXT_H
#define OSP_TRACE_TEXT_H

#include "osprofiler/buf.h"
#include "osprofiler/notification.h"

/* The name of a notification without -start or -stop. */
osp_str osp__operation_name(osp_str name);
bool osp__is_start(osp_str name);

/* The first bytes of the statement that an info holds, or of its request as
 * "METHOD PATH", in buf; empty if it holds none. OSP_ENOMEM. */
osp_status osp__operation_text(osp_buf *buf, osp_str info,
							   osp_str *text) OSP_MUST_CHECK;

/* The service of a point or, without one, the name of the application that its
 * server was told (db.application), in buf. OSP_ENOMEM. */
osp_status osp__service_of(osp_buf *buf, const osp_notification *point,
						   osp_str *service) OSP_MUST_CHECK;

/* Does the start of an operation with this name (without -start) and this text say
 * what the trace does? */
bool osp__tells_apart(osp_str name, osp_str text);

/* Can the start of an operation with this name? Then its text decides. */
bool osp__may_tell_apart(osp_str name);

#endif /* OSP_TRACE_TEXT_H */
