/* SPDX-License-Identifier: Apache-2.0
 *
 * notification.h
 *	  A notification: what a collector gets for every start and every stop,
 *	  OSProfiler's JSON in upstream's bytes.
 *
 *	  {"name": "pg-start", "base_id": ..., "trace_id": ..., "parent_id": ...,
 *	   "timestamp": "2026-11-22T15:56:58.022333", "info": {..., "host": ...},
 *	   "project": ..., "service": ...}
 */
#ifndef OSPROFILER_NOTIFICATION_H
#define OSPROFILER_NOTIFICATION_H

#include "osprofiler/base.h"
#include "osprofiler/buf.h"
#include "osprofiler/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longest notification that is made or taken from a collector, in bytes. */
#define OSP_NOTIFICATION_MAX (64 * 1024 * 1024)

#define OSP_TIMESTAMP_LEN 26

/* YYYY-MM-DDTHH:MM:SS.ffffff of a time in ns since 1970, UTC, terminated. */
OSP_API void osp_timestamp_text(int64_t wall_ns,
								char out[OSP_TIMESTAMP_LEN + 1]);

/*
 * Reads what upstream's reader accepts: YYYY-MM-DDTHH:MM:SS with 1 to 6 digits
 * of a fraction, nothing behind; years from 1678 to 2261. As ns since 1970.
 */
OSP_API bool osp_timestamp_parse(osp_str text, int64_t *wall_ns) OSP_MUST_CHECK;

/*
 * One notification, with the parts that drivers store in places of their own.
 * All text is UTF-8 as JSON has it after decoding, and borrowed.
 */
typedef struct osp_notification
{
	osp_str json; /* the whole, one line, without a newline */
	osp_str name; /* with -start or -stop */
	osp_str base_id;
	osp_str trace_id;
	osp_str parent_id;
	osp_str timestamp;
	osp_str info; /* JSON text of the info member, part of json */
	osp_str host;
	osp_str project; /* empty: null */
	osp_str service; /* empty: null */
	bool error;      /* the stop of an operation that failed */

	/*
	 * Where it came from: a ring, by an id that no other ring ever has, and a
	 * position there. Of one source, notifications come in the order of their
	 * sequence. One that is sent again, after a crash or a failure, also by way
	 * of the spool, has the same source and sequence. sequence 0: unknown.
	 */
	osp_uuid source;
	uint64_t sequence;
} osp_notification;

/* What the shipper adds to a record. Borrowed. */
typedef struct osp_origin
{
	osp_str host;
	osp_str project; /* empty: null */
	osp_str service; /* empty: null */
	int64_t wall_offset_ns;
} osp_origin;

/*
 * Appends the notification of a record to buf (upstream's bytes; the info of a
 * stop also carries elapsed_ns). Lengths and places become known by reading; the text
 * and texts lie in buf and are valid until buf changes, so a batch builds all
 * notifications first (osp_batch, below, does). Raw JSON in the
 * record that is not JSON is written as a string. The etype of a record that
 * has a SQLSTATE is PostgreSQL's condition name, or the SQLSTATE itself if that
 * has none.
 */
OSP_API osp_status
osp_notification_write(osp_buf *buf, const osp_record *record,
					   const osp_origin *origin) OSP_MUST_CHECK;

/* PostgreSQL's name of a SQLSTATE ("unique_violation"), NULL if it has none. */
OSP_API const char *osp_sqlstate_name(const char state[5]);

/* Where a notification came from, as in osp_notification. */
typedef struct osp_place
{
	osp_uuid source;
	uint64_t sequence;
} osp_place;

/*
 * Many notifications in one piece of memory, for drivers. Index and bytes are
 * owned by the batch. A batch is used by one thread at a time.
 */
typedef struct osp_batch osp_batch;

/* Empty batch that holds at most max_bytes of JSON. NULL: no memory. */
OSP_API osp_batch *osp_batch_new(const osp_allocator *alc, size_t max_bytes);
OSP_API void osp_batch_free(osp_batch *batch);
OSP_API void osp_batch_reset(osp_batch *batch);
OSP_API size_t osp_batch_count(const osp_batch *batch);
OSP_API size_t osp_batch_bytes(const osp_batch *batch);

/* Adds the notification of a record. place NULL: unknown. OSP_EFULL: hand the
 * batch over first. */
OSP_API osp_status osp_batch_add_record(osp_batch *batch,
										const osp_record *record,
										const osp_origin *origin,
										const osp_place *place) OSP_MUST_CHECK;

/*
 * Adds a notification that is JSON already (of the spool, of a collector). What
 * is not in json.dumps' bytes, or not in one line, is brought into them.
 * OSP_EPROTO: it is not a notification.
 */
OSP_API osp_status osp_batch_add_json(osp_batch *batch, osp_str json,
									  const osp_place *place) OSP_MUST_CHECK;

/* The notifications, in order, returned borrowed until the batch changes. */
OSP_API const osp_notification *osp_batch_items(osp_batch *batch);

/*
 * Reads a notification from JSON. Texts are borrowed from json where they need
 * no decoding, else from scratch, which is emptied first and grows. OSP_EPROTO, with the reason:
 * name, base_id, trace_id, parent_id or timestamp is missing or of a wrong type.
 */
OSP_API osp_status osp_notification_read(osp_str json, osp_buf *scratch,
										 osp_notification *out,
										 osp_error *err) OSP_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_NOTIFICATION_H */
