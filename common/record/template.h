/* SPDX-License-Identifier: Apache-2.0
 *
 * template.h
 *	  Templates: records that are made once and written to rings many times.
 *
 * The start of a prepared statement is the same record every time, apart from
 * its ids and its times. A template is such a record, made by the writer of
 * record/record.h. Writing it to a ring takes one check of the room, one copy,
 * and the stores of the new values; the bytes are the same as the writer's.
 *
 * A template can be used only if both ids are UUIDs, because then every part
 * has a fixed place (osp_template_may). Otherwise osp_point_begin must be used.
 *
 *	  if (osp_template_may(&ids) &&
 *		  osp_template_put(&t, producer, &ids, now, 0) != NULL)
 *		  osp_template_commit(&t, producer);
 *
 * Writing a template does not change it, so threads may share one.
 */
#ifndef OSP_TEMPLATE_H
#define OSP_TEMPLATE_H

#include "base/shared.h"
#include "record/producer.h"

/* A template is copied in steps of this many bytes; one of more than
 * OSP_TEMPLATE_INLINE bytes by memcpy. */
#define OSP_TEMPLATE_STEP   64
#define OSP_TEMPLATE_INLINE 512

/* Cache lines to prefetch, which a record is expected to take. */
#define OSP_TEMPLATE_AHEAD 5

/* The space for a template with len bytes of names and attributes. */
#define OSP_TEMPLATE_SIZE(len)                                \
	(sizeof(osp_record_head) + 2 * sizeof(osp_uuid) + (len) + \
	 OSP_RECORD_ALIGN + OSP_TEMPLATE_STEP)

typedef struct osp_template
{
	const char *record; /* the record, zeroes up to room; borrowed */
	uint32_t size;      /* of the record */
	uint32_t len;       /* of the record without its padding */
	uint32_t room;      /* bytes to copy: up to the names, then whole steps */
} osp_template;

/*
 * Makes a template in space, which the caller owns, which is aligned to
 * OSP_RECORD_ALIGN and must outlive the template. name, project and service are those
 * of osp_record_begin, attributes is a result of osp_attrs_end. False: it does not fit,
 * and the template must not be used.
 */
OSP_SHARED bool osp_template_make(osp_template *t, void *space, size_t size,
								  osp_record_kind kind, osp_str name,
								  osp_str project, osp_str service,
								  osp_str attributes) OSP_MUST_CHECK;

/* Can a template be used with these ids? */
static inline bool
osp_template_may(const osp_point_ids *ids)
{
	return ids->base_id->is_uuid && ids->parent_id->is_uuid;
}

/* Copies the bytes between the offsets from and room, in whole steps and at least
 * one. */
static inline void
osp__template_copy(char *to, const char *record, size_t from, size_t room)
{
	const char *end = record + room;

	to += from;
	record += from;
	if (OSP_UNLIKELY(room > OSP_TEMPLATE_INLINE))
	{
		memcpy(to, record, room - from);
		return;
	}
	do
	{
		memcpy(to, record, OSP_TEMPLATE_STEP);
		to += OSP_TEMPLATE_STEP;
		record += OSP_TEMPLATE_STEP;

		/* Prevents the compiler from making this loop a call of memcpy. */
		__asm__ volatile("" : : : "memory");
	}
	while (record < end);
}

/* Copies the template to a reservation, and stores the ids and times of this record. */
static inline void
osp__template_fill(const osp_template *t, char *to, const osp_point_ids *ids,
				   int64_t mono_ns, int64_t elapsed_ns)
{
	const size_t times_at = offsetof(osp_record_head, mono_ns);
	const size_t trace_id_at = offsetof(osp_record_head, trace_id);
	const size_t ids_at = sizeof(osp_record_head);
	const size_t names_at = ids_at + 2 * sizeof(osp_uuid);

	memcpy(to, t->record, times_at);
	memcpy(to + times_at, &mono_ns, sizeof(mono_ns));
	memcpy(to + times_at + sizeof(mono_ns), &elapsed_ns, sizeof(elapsed_ns));
	memcpy(to + trace_id_at, &ids->trace_id, sizeof(osp_uuid));
	memcpy(to + ids_at, ids->base_id->bytes, sizeof(osp_uuid));
	memcpy(to + ids_at + sizeof(osp_uuid),
		   ids->parent_id->bytes,
		   sizeof(osp_uuid));
	osp__template_copy(to, t->record, names_at, t->room);
}

/*
 * Writes the record to the ring. Returns its place, so that the caller can
 * store other values in it; nobody sees it before osp_template_commit. NULL:
 * there is no room; the record is dropped and counted.
 */
static inline char *
osp_template_put(const osp_template *t, osp_producer *producer,
				 const osp_point_ids *ids, int64_t mono_ns, int64_t elapsed_ns)
{
	osp_ring *ring = &producer->ring;
	uint64_t offset = ring->head & ring->mask;
	char *to;

	/* The check of osp_ring_reserve; room is a multiple of OSP_RECORD_ALIGN already. */
	if (OSP_LIKELY(offset + t->room <= ring->capacity &&
				   ring->head + t->room - ring->tail_seen <= ring->capacity))
	{
		ring->reserved = ring->head;
		to = ring->data + offset;
	}
	else
	{
		to = (char *) osp__ring_reserve_slow(ring, t->room);
		if (to == NULL)
		{
			osp_ring_count_loss(ring, ids->base_id, 1);
			return NULL;
		}
	}
	osp__template_fill(t, to, ids, mono_ns, elapsed_ns);
	return to;
}

/* Makes the record visible, and wakes the shipper if it sleeps. */
static inline void
osp_template_commit(const osp_template *t, osp_producer *producer)
{
	osp__ring_advance(&producer->ring, t->size);
	osp__producer_committed(producer);
}

/*
 * Prefetches the cache lines of the next record for writing. The shipper has read them,
 * so they are shared, and would cost time when the record is written. For a producer
 * that does much else between two records.
 */
static inline void
osp_template_prefetch(const osp_producer *producer)
{
	const osp_ring *ring = &producer->ring;
	const char *next = ring->data + (ring->head & ring->mask);
	int i;

	for (i = 1; i <= OSP_TEMPLATE_AHEAD; i++)
	{
#if defined(__x86_64__)
		/* __builtin_prefetch would not use this instruction, which some old processors
		 * lack. */
		__asm__ volatile("prefetchw %0" : : "m"(next[i * 64]));
#else
		__builtin_prefetch(next + i * 64, 1);
#endif
	}
}

/* Prefetches the cache lines of the template itself, which will be used soon. */
static inline void
osp_template_prefetch_record(const osp_template *t)
{
	int i;

	for (i = 0; i < OSP_TEMPLATE_AHEAD; i++)
		__builtin_prefetch(t->record + i * 64);
}

/*
 * Begins a record with the template's bytes. The caller adds up to info_max bytes of
 * attributes by osp_put_*, closes an object that the template's attributes leave open,
 * and calls osp_point_commit. False: there is no room; the record is dropped and
 * counted.
 */
static inline bool
osp_template_begin(const osp_template *t, osp_producer *producer,
				   const osp_point_ids *ids, int64_t mono_ns,
				   int64_t elapsed_ns, size_t info_max, osp_writer *w)
{
	char *to = (char *) osp_ring_reserve(&producer->ring,
										 t->room + info_max + OSP_RECORD_ALIGN);

	if (OSP_UNLIKELY(to == NULL))
	{
		osp_ring_count_loss(&producer->ring, ids->base_id, 1);
		return false;
	}
	osp__template_fill(t, to, ids, mono_ns, elapsed_ns);
	w->start = to;
	w->pos = to + t->len;
	w->limit = to + producer->ring.reserved_size;
	w->full = false;
	return true;
}

#endif /* OSP_TEMPLATE_H */
