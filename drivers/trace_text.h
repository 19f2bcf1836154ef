/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_text.h
 *	  The facts about a trace that a list shows: the text and the service of an
 *	  operation, and whether the operation distinguishes the trace from others.
 *
 * Many traces begin alike: with a connection, BEGIN, or a setting. A list shows
 * the first operation that says what its trace does. Only without such an
 * operation it shows the first one.
 */
#ifndef OSP_TRACE_TEXT_H
#define OSP_TRACE_TEXT_H

#include "osprofiler/buf.h"
#include "osprofiler/notification.h"

/* Removes -start or -stop from the name of a notification. */
osp_str osp__operation_name(osp_str name);
bool osp__is_start(osp_str name);

/*
 * Finds the first bytes of an info's statement, or of its request as "METHOD
 * PATH", in buf; empty if it has none. OSP_ENOMEM.
 */
osp_status osp__operation_text(osp_buf *buf, osp_str info,
							   osp_str *text) OSP_MUST_CHECK;

/*
 * Finds the service of a point or, if it has none, the name of the application
 * that its server knows (db.application), in buf. OSP_ENOMEM.
 */
osp_status osp__service_of(osp_buf *buf, const osp_notification *point,
						   osp_str *service) OSP_MUST_CHECK;

/*
 * Does an operation with this name (without -start) and this text show what the
 * trace does?
 */
bool osp__tells_apart(osp_str name, osp_str text);

/* May an operation with this name show what its trace does? Then its text decides. */
bool osp__may_tell_apart(osp_str name);

#endif /* OSP_TRACE_TEXT_H */
