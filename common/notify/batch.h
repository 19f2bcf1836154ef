/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.h
 *	  Makes notifications of records, and keeps many of them in one piece of
 *	  memory.
 */
#ifndef OSP_BATCH_H
#define OSP_BATCH_H

#include "osprofiler/notification.h"
#include "record/record.h"

/* Values of a notification that come from the shipper, not the record. Borrowed. */
typedef struct osp_origin
{
	osp_str host;
	osp_str project; /* empty: null */
	osp_str service; /* empty: null */
	int64_t wall_offset_ns;
} osp_origin;

/*
 * Appends the notification of a record to buf, in upstream's bytes; the info of a stop
 * also gets elapsed_ns. Its parts become known by reading it; more appending may move
 * buf, so a batch (osp_batch, below) builds all notifications first. Raw JSON in the
 * record that is invalid is written as a string. The etype of a record with a SQLSTATE
 * is PostgreSQL's condition name, or the SQLSTATE itself if it has no name.
 */
osp_status osp_notification_write(osp_buf *buf, const osp_record *record,
								  const osp_origin *origin) OSP_MUST_CHECK;

/* PostgreSQL's name of a SQLSTATE ("unique_violation"), NULL if it has none. */
const char *osp_sqlstate_name(const char state[5]);

/* The first SQLSTATE with this condition name, terminated; NULL if there is none. */
const char *osp_sqlstate_of(osp_str name);

/* The origin of a notification, as in osp_notification. */
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

/* Makes an empty batch that holds at most max_bytes of JSON. NULL: no memory. */
osp_batch *osp_batch_new(const osp_allocator *alc, size_t max_bytes);
void osp_batch_free(osp_batch *batch);
void osp_batch_reset(osp_batch *batch);
size_t osp_batch_count(const osp_batch *batch);
size_t osp_batch_bytes(const osp_batch *batch);

/* Adds the notification of a record. place NULL: its origin is unknown. OSP_EFULL: the
 * batch must be handed over first. */
osp_status osp_batch_add_record(osp_batch *batch, const osp_record *record,
								const osp_origin *origin,
								const osp_place *place) OSP_MUST_CHECK;

/*
 * Adds a notification that is already JSON (from the spool or a collector). If
 * it is not in one line or not in the form of json.dumps, it is rewritten.
 * OSP_EPROTO: it is not a notification.
 */
osp_status osp_batch_add_json(osp_batch *batch, osp_str json,
							  const osp_place *place) OSP_MUST_CHECK;

/* The notifications, in order, returned borrowed until the batch changes. */
const osp_notification *osp_batch_items(osp_batch *batch);

#endif /* OSP_BATCH_H */
