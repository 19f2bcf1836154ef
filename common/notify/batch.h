/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.h
 *	  Notifications made of records, and many of them in one piece of memory.
 */
#ifndef OSP_BATCH_H
#define OSP_BATCH_H

#include "osprofiler/notification.h"
#include "record/record.h"

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
osp_status osp_notification_write(osp_buf *buf, const osp_record *record,
								  const osp_origin *origin) OSP_MUST_CHECK;

/* PostgreSQL's name of a SQLSTATE ("unique_violation"), NULL if it has none. */
const char *osp_sqlstate_name(const char state[5]);

/* The first SQLSTATE of a name, terminated; NULL if it is no such name. */
const char *osp_sqlstate_of(osp_str name);

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
osp_batch *osp_batch_new(const osp_allocator *alc, size_t max_bytes);
void osp_batch_free(osp_batch *batch);
void osp_batch_reset(osp_batch *batch);
size_t osp_batch_count(const osp_batch *batch);
size_t osp_batch_bytes(const osp_batch *batch);

/* Adds the notification of a record. place NULL: unknown. OSP_EFULL: hand the
 * batch over first. */
osp_status osp_batch_add_record(osp_batch *batch, const osp_record *record,
								const osp_origin *origin,
								const osp_place *place) OSP_MUST_CHECK;

/*
 * Adds a notification that is JSON already (of the spool, of a collector). What
 * is not in json.dumps' bytes, or not in one line, is brought into them.
 * OSP_EPROTO: it is not a notification.
 */
osp_status osp_batch_add_json(osp_batch *batch, osp_str json,
							  const osp_place *place) OSP_MUST_CHECK;

/* The notifications, in order, returned borrowed until the batch changes. */
const osp_notification *osp_batch_items(osp_batch *batch);

#endif /* OSP_BATCH_H */
