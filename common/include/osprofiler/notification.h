/* SPDX-License-Identifier: Apache-2.0
 *
 * notification.h
 *	  A notification is the message that a collector gets for every start and
 *	  every stop: OSProfiler's JSON in upstream's bytes.
 *
 *	  {"name": "pg-start", "base_id": ..., "trace_id": ..., "parent_id": ...,
 *	   "timestamp": "2026-11-22T15:56:58.022333", "info": {..., "host": ...},
 *	   "project": ..., "service": ...}
 */
#ifndef OSPROFILER_NOTIFICATION_H
#define OSPROFILER_NOTIFICATION_H

#include "osprofiler/base.h"
#include "osprofiler/buf.h"
#include "osprofiler/ids.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest notification, in bytes, that is written or is accepted from a
 * collector. */
#define OSP_NOTIFICATION_MAX (64 * 1024 * 1024)

#define OSP_TIMESTAMP_LEN 26

/* Writes a time, given in ns since 1970, as YYYY-MM-DDTHH:MM:SS.ffffff in UTC,
 * terminated. */
OSP_API void osp_timestamp_text(int64_t wall_ns,
								char out[OSP_TIMESTAMP_LEN + 1]);

/*
 * Reads a time as ns since 1970: YYYY-MM-DDTHH:MM:SS.ffffff or the forms of other
 * writers, who use no fraction or one of any length (nine digits of it count), a space
 * for the T, and Z or an offset like +02:00 at the end. Years from 1678 to 2261.
 */
OSP_API bool osp_timestamp_parse(osp_str text, int64_t *wall_ns) OSP_MUST_CHECK;

/* The values that some texts of a notification are made of, so that a driver need not
 * read the texts. */
typedef struct osp_values
{
	int64_t wall_ns; /* the timestamp; its text ends with the microseconds */
	osp_uuid trace_id;
	osp_uuid parent_id;
} osp_values;

/*
 * One notification, with the parts that drivers store separately. All texts are
 * borrowed; they are UTF-8, after the decoding of JSON.
 */
typedef struct osp_notification
{
	osp_str json; /* the whole notification, in one line, without a newline */
	osp_str name; /* with -start or -stop */
	osp_str base_id;
	osp_str trace_id;
	osp_str parent_id; /* empty: it is null, and the operation has no parent */
	osp_str timestamp;
	osp_str info; /* JSON text of the info member, part of json */
	osp_str host;
	osp_str project; /* empty: null */
	osp_str service; /* empty: null */
	bool error;      /* the stop of an operation that failed */

	/*
	 * Set if the notification was made of a record: then json is made of the parts as
	 * they are, in the order and form shown above, and these are the values of
	 * timestamp, trace_id and parent_id. NULL: unknown. Borrowed like the texts.
	 */
	const osp_values *values;

	/*
	 * The origin of the notification: the id of a ring, which no other ring
	 * ever has, and a position in it. Notifications of one source come in the
	 * order of their sequence. When a notification is sent again, after a crash
	 * or a failure, also by way of the spool, it has the same source and
	 * sequence. sequence 0: unknown.
	 */
	osp_uuid source;
	uint64_t sequence;
} osp_notification;

/*
 * Reads a notification from JSON. Texts are borrowed from json where they need
 * no decoding, else from scratch, which is emptied first and grows. OSP_EPROTO,
 * with the reason: name, base_id, trace_id or timestamp is missing or of a
 * wrong type. Any other member that is not text is read as null.
 */
OSP_API osp_status osp_notification_read(osp_str json, osp_buf *scratch,
										 osp_notification *out,
										 osp_error *err) OSP_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_NOTIFICATION_H */
