/* SPDX-License-Identifier: Apache-2.0
 *
 * template.h
 *	  Records that are made once and put into rings many times.
 *
 * The start of a prepared statement is the same record every time but for its
 * ids and its times. A template is such a record, made by the writer of
 * record/record.h; putting it is one look at the ring's room, a copy, and
 * the stores of what is new: the bytes are those that the writer would make.
 *
 * That goes only where both ids are UUIDs, so that everything has its place
 * (osp_template_may). Else osp_point_begin is the way.
 *
 *	  if (osp_template_may(&ids) &&
 *		  osp_template_put(&t, producer, &ids, now, 0) != NULL)
 *		  osp_template_commit(&t, producer);
 *
 * A template is not changed by being put: threads may share one.
 */
#ifndef OSP_TEMPLATE_H
#define OSP_TEMPLATE_H

#include "base/shared.h"
#include "record/producer.h"

/* Copied in steps of this many bytes; more than a few are left to memcpy. */
#define OSP_TEMPLATE_STEP   64
#define OSP_TEMPLATE_INLINE 512

/* Cache lines that a record is expected to take. */
#define OSP_TEMPLATE_AHEAD 5

/* Space that a template with so many bytes of names and attributes takes. */
#define OSP_TEMPLATE_SIZE(len)                                \
	(sizeof(osp_record_head) + 2 * sizeof(osp_uuid) + (len) + \
	 OSP_RECORD_ALIGN + OSP_TEMPLATE_STEP)

typedef struct osp_template
{
	const char *record; /* the record, zeroes up to room; borrowed */
	uint32_t size;      /* of the record */
	uint32_t len;       /* the same without its padding */
	uint32_t room;      /* what is copied: up to the names, then whole steps */
} osp_template;

/*
 * Makes a template in space, which stays the caller's, is aligned to
 * OSP_RECORD_ALIGN and outlives the template. name, project and service are as
 * osp_record_begin takes them, attributes what osp_attrs_end returned. False: it
 * does not fit, and the template must not be used.
 */
OSP_SHARED bool osp_template_make(osp_template *t, void *space, size_t size,
								  osp_record_kind kind, osp_str name,
								  osp_str project, osp_str service,
								  osp_str attributes) OSP_MUST_CHECK;

/* Can templates be put for these ids? */
static inline bool
osp_template_may(const osp_point_ids *ids)
{
	return ids->base_id->is_uuid && ids->parent_id->is_uuid;
}

/* Copies what lies from from to room, in whole steps and at least one. */
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

		/* Or the compiler makes a call of memcpy of all this. */
		__asm__ volatile("" : : : "memory");
	}
	while (record < end);
}

/* Copies the template to a reservation, and stores what is this record's own. */
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
 * Puts the record into the ring. Returns it, so that the caller can store other
 * values in place; nobody sees it before osp_template_commit. NULL: there is no
 * room, the record is dropped and counted.
 */
static inline char *
osp_template_put(const osp_template *t, osp_producer *producer,
				 const osp_point_ids *ids, int64_t mono_ns, int64_t elapsed_ns)
{
	osp_ring *ring = &producer->ring;
	uint64_t offset = ring->head & ring->mask;
	char *to;

	/* As osp_ring_reserve: room is a multiple already. */
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
 * Asks for the cache lines of the next record, which the shipper has read and so
 * are shared: when there is one, they are the producer's own again. For those who
 * have much else to do between two records.
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
		/* The compiler takes it for one that not every processor has. */
		__asm__ volatile("prefetchw %0" : : "m"(next[i * 64]));
#else
		__builtin_prefetch(next + i * 64, 1);
#endif
	}
}

/* Asks for the cache lines of the template itself, which is put soon. */
static inline void
osp_template_prefetch_record(const osp_template *t)
{
	int i;

	for (i = 0; i < OSP_TEMPLATE_AHEAD; i++)
		__builtin_prefetch(t->record + i * 64);
}

/*
 * Begins a record with the template's bytes, to which the caller adds up to
 * info_max bytes of attributes by osp_put_*, and which osp_point_commit commits.
 * An object that the template's attributes leave open is the caller's to end.
 * False: there is no room, the record is dropped and counted.
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
