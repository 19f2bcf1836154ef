/* SPDX-License-Identifier: Apache-2.0
 *
 * fast.h
 *	  The records of nearly all statements, in one piece.
 *
 * A record of a point whose trace and parent are UUIDs begins with bytes whose
 * places are known when this is compiled; so do name and first attributes of ours.
 * What is written is what osp_record_begin and osp_put_* would write. Whoever
 * meets something else (other ids, a notifier, a ring that lost records) takes
 * the long way.
 */
#ifndef OSP_SQLITE_FAST_H
#define OSP_SQLITE_FAST_H

#include "profiler_int.h"

typedef struct osp_sqlite_fast
{
	osp_producer *producer;
	size_t size;
	char *pos; /* what comes next */
} osp_sqlite_fast;

/* Can this point's records be written so? */
static inline bool
osp_sqlite__fast_may(osp_sqlite_fast *fast, const osp__point *point)
{
	fast->producer = osp__hook_producer(point);
	return fast->producer != NULL && fast->producer->ring.lost == 0 &&
		   point->base_id.is_uuid && point->parent_id.is_uuid;
}

/*
 * Begins a record. opening is the name, of name_len bytes, and the first of the
 * info, of info_len bytes altogether; all of it has to be written. False: there
 * is no room, and a record is counted as dropped.
 */
static inline bool
osp_sqlite__fast_begin(osp_sqlite_fast *fast, const osp__point *point,
					   osp_record_kind kind, int64_t now, int64_t elapsed,
					   const char *opening, size_t opening_len, size_t name_len,
					   size_t info_len)
{
	size_t len =
		sizeof(osp_record_head) + 2 * sizeof(osp_uuid) + name_len + info_len;
	size_t size =
		(len + OSP_RECORD_ALIGN - 1) & ~(size_t) (OSP_RECORD_ALIGN - 1);
	char *p = osp_ring_reserve(&fast->producer->ring, size);
	osp_record_head head = {
		.size = (uint32_t) size,
		.version = OSP_RECORD_VERSION,
		.kind = (uint8_t) kind,
		.flags = OSP_RECORD_BASE_UUID | OSP_RECORD_PARENT_UUID,
		.name_len = (uint8_t) name_len,
		.base_len = sizeof(osp_uuid),
		.parent_len = sizeof(osp_uuid),
		.info_len = (uint32_t) info_len,
		.mono_ns = now,
		.elapsed_ns = elapsed,
	};

	if (OSP_UNLIKELY(p == NULL))
		return false;
	head.trace_id = point->trace_id;
	memset(p + size - OSP_RECORD_ALIGN, 0, OSP_RECORD_ALIGN);
	memcpy(p, &head, sizeof(head));
	p += sizeof(head);
	memcpy(p, point->base_id.bytes, sizeof(osp_uuid));
	memcpy(p + sizeof(osp_uuid), point->parent_id.bytes, sizeof(osp_uuid));
	p += 2 * sizeof(osp_uuid);
	memcpy(p, opening, opening_len);
	fast->pos = p + opening_len;
	fast->size = size;
	return true;
}

static inline void
osp_sqlite__fast_put(osp_sqlite_fast *fast, const void *bytes, size_t len)
{
	memcpy(fast->pos, bytes, len);
	fast->pos += len;
}

static inline void
osp_sqlite__fast_commit(osp_sqlite_fast *fast)
{
	osp__point_publish(fast->producer, fast->size);
}

#endif /* OSP_SQLITE_FAST_H */
