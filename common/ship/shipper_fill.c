/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_fill.c
 *	  Fills batches from rings or from the spool, settles them, and takes them
 *	  back.
 *
 * Rings take turns: TURN_RECORDS records of one, then of the next. A slot holds at most
 * a quarter of a ring that cannot grow, so that a batch on its way does not keep most
 * of that ring occupied.
 */
#include "ship/shipper_int.h"

/* Records that are read from a ring before the next one's turn. */
#define TURN_RECORDS 256

/* A batch that grew larger than this gives its memory back. */
#define BATCH_KEPT_BYTES (4 * BATCH_BYTES)

bool
osp__slot_used(const shipper_slot *slot)
{
	return slot->from_spool || slot->run_count > 0 ||
		   osp_batch_count(slot->batch) > 0;
}

static bool
slot_full(const shipper_slot *slot)
{
	return slot->from_spool || slot->detached ||
		   slot->run_count == BATCH_POINTS ||
		   osp_batch_count(slot->batch) >= BATCH_POINTS ||
		   osp_batch_bytes(slot->batch) >= BATCH_BYTES;
}

static void
note_run(shipper_slot *slot, shipper_ring *r, bool reports)
{
	shipper_run *run;

	if (slot->run_count == 0 || slot->runs[slot->run_count - 1].ring != r)
		slot->runs[slot->run_count++] = (shipper_run){.ring = r};
	run = &slot->runs[slot->run_count - 1];
	run->end = r->pos;
	run->reports |= reports;
}

/* Adds a record that ends at next to the slot. OSP_EFULL, OSP_ENOMEM: it must be read
 * again later. */
static osp_status
add_record(osp_shipper *s, shipper_slot *slot, shipper_ring *r,
		   const osp_origin *origin, const osp_record *record, uint64_t next)
{
	osp_place place = {r->ring.header->id, next};
	osp_status status =
		osp_batch_add_record(slot->batch, record, origin, &place);

	if (status == OSP_ENOMEM ||
		(status == OSP_EFULL && osp_batch_count(slot->batch) > 0))
		return status;
	if (status != OSP_OK)
		osp_runstat_note_loss(s->stat);
	if (status == OSP_EFULL)
		osp_runstat_add(&s->stat->refused, 1);
	else if (status != OSP_OK)
		osp__ring_damaged(s, r, next - r->pos);
	else
	{
		slot->born_ns[osp_batch_count(slot->batch) - 1] = record->mono_ns;
		s->gathered++;
	}
	if (s->tap != NULL)
		s->tap(s->tap_ctx, record);
	return OSP_OK;
}

static osp_str
label_of(const char label[OSP_LABEL_MAX + 1], osp_str otherwise)
{
	size_t len = strnlen(label, OSP_LABEL_MAX);

	return len > 0 ? osp_str_n(label, len) : otherwise;
}

/* Sets project and service to those of the ring's producer, if it has any. */
static void
put_labels(const shipper_ring *r, osp_origin *origin)
{
	const osp_ring_header *header = r->ring.header;

	origin->project = label_of(header->project, origin->project);
	origin->service = label_of(header->service, origin->service);
}

/* Reads one turn of a ring into the slot. *found: was there anything? False if the slot
 * is full. */
static bool
take_turn(osp_shipper *s, shipper_slot *slot, shipper_ring *r, bool *found)
{
	uint64_t begin = r->pos;
	uint64_t quota =
		osp__ring_may_run_full(r) ? r->ring.capacity / 4 : r->ring.capacity;
	osp_origin origin = s->origin;
	bool more = true;
	bool reports;
	int n;

	put_labels(r, &origin);
	for (n = 0; n < TURN_RECORDS && r->taken < quota; n++)
	{
		uint64_t next = r->pos;
		osp_record record;
		bool whole = osp_ring_next(&r->ring, &next, &s->record, &record);

		if (whole && add_record(s, slot, r, &origin, &record, next) != OSP_OK)
		{
			more = false;
			break;
		}
		r->taken += next - r->pos;
		r->pos = next;
		if (!whole || slot_full(slot))
			break;
	}
	osp__ring_count_corrupt(s, r);
	reports = osp__losses_take(r, slot, &origin);
	*found = reports || r->pos != begin;
	if (*found)
		note_run(slot, r, reports);
	return more && !slot_full(slot);
}

/* Adds reports of the points that the shipper dropped; true if there were any. */
static bool
take_own_losses(osp_shipper *s, shipper_slot *slot)
{
	if (slot_full(slot) || !osp__losses_take(&s->own, slot, &s->origin))
		return false;
	note_run(slot, &s->own, true);
	return true;
}

/* Reads one turn of every ring; true if any ring had something. */
static bool
take_round(osp_shipper *s, shipper_slot *slot, bool *more)
{
	bool former = osp__rings_former_unread(s);
	bool any_found = false;
	size_t k;

	for (k = 0; k < s->ring_count && *more; k++)
	{
		shipper_ring *r = s->rings[s->next_ring++ % s->ring_count];
		bool found;

		if (r->foreign || (former && !r->moved_away) || osp__ring_waits(s, r))
			continue;
		*more = take_turn(s, slot, r, &found);
		any_found |= found;
	}
	return any_found;
}

bool
osp__fill_from_rings(osp_shipper *s, shipper_slot *slot)
{
	bool found = false;
	bool more = true;
	size_t i;

	if (slot_full(slot))
		return false;
	if (!osp__slot_used(slot))
		for (i = 0; i < s->ring_count; i++)
			s->rings[i]->taken = 0;
	while (more && take_round(s, slot, &more))
		found = true;
	return take_own_losses(s, slot) || found;
}

bool
osp__fill_from_spool(osp_shipper *s, shipper_slot *slot)
{
	uint64_t stop = osp_spool_end(s->spool);
	uint64_t pos = s->spool_pos;
	osp_place place;
	osp_str json;

	if (osp__slot_used(slot))
		return false;
	slot->spool_points = 0;
	while (pos < stop && osp_batch_count(slot->batch) < BATCH_POINTS &&
		   osp_batch_bytes(slot->batch) < BATCH_BYTES)
	{
		uint64_t begin = pos;
		osp_status status;

		if (!osp_spool_next(s->spool, &pos, &json, &place))
			break;
		status = osp_batch_add_json(slot->batch, json, &place);
		if (status == OSP_ENOMEM ||
			(status == OSP_EFULL && osp_batch_count(slot->batch) > 0))
		{
			pos = begin;
			break;
		}
		if (status != OSP_OK)
		{
			osp_runstat_add(&s->stat->corrupt_bytes, json.len);
			osp_runstat_note_loss(s->stat);
		}
		slot->spool_points++;
	}
	osp__spool_publish(s);
	if (pos == s->spool_pos)
		return false;
	slot->from_spool = true;
	slot->spool_end = pos;
	s->spool_pos = pos;
	s->gathered += slot->spool_points;
	return true;
}

void
osp__slot_free_rings(shipper_slot *slot)
{
	size_t i;

	for (i = 0; i < slot->run_count; i++)
		osp__ring_settle(
			slot->runs[i].ring, slot->runs[i].end, slot->runs[i].reports);
	slot->run_count = 0;
}

void
osp__slot_detach(shipper_slot *slot)
{
	if (slot->from_spool || slot->run_count == 0)
		return;
	osp__slot_free_rings(slot);
	slot->detached = true;
}

void
osp__slot_settle(osp_shipper *s, shipper_slot *slot)
{
	osp_error err;

	osp__slot_free_rings(slot);
	if (slot->from_spool)
	{
		if (osp_spool_consume(
				s->spool, slot->spool_end, slot->spool_points, &err) != OSP_OK)
			osp__shipper_note_error(s, err.msg);

		/* The spool has room again; and if it is empty, its positions begin anew. */
		s->spill_failed = false;
		if (osp_spool_bytes(s->spool) == 0)
			s->spool_pos = osp_spool_begin(s->spool);
		osp__spool_publish(s);
	}
	osp__slot_reset(s, slot);
}

void
osp__slot_reset(osp_shipper *s, shipper_slot *slot)
{
	if (osp_batch_bytes(slot->batch) > BATCH_KEPT_BYTES)
	{
		osp_batch *fresh = osp_batch_new(s->alc, OSP_NOTIFICATION_MAX);

		if (fresh != NULL)
		{
			osp_batch_free(slot->batch);
			slot->batch = fresh;
		}
	}
	osp_batch_reset(slot->batch);
	slot->run_count = 0;
	slot->from_spool = false;
	slot->detached = false;
}

void
osp__slot_rewind(osp_shipper *s, shipper_slot *slot)
{
	size_t i;

	if (slot->detached)
		return;
	for (i = 0; i < slot->run_count; i++)
		osp__ring_rewind(slot->runs[i].ring);
	osp__slot_reset(s, slot);
}

void
osp__spool_publish(osp_shipper *s)
{
	uint64_t corrupt =
		osp_spool_corrupt(s->spool) - osp_spool_unfinished(s->spool);

	if (corrupt != s->spool_corrupt_seen)
		osp_runstat_note_loss(s->stat);
	osp_runstat_add(&s->stat->corrupt_bytes, corrupt - s->spool_corrupt_seen);
	s->spool_corrupt_seen = corrupt;
	__atomic_store_n(
		&s->stat->spool_bytes, osp_spool_bytes(s->spool), __ATOMIC_RELAXED);
	__atomic_store_n(
		&s->stat->spool_points, osp_spool_points(s->spool), __ATOMIC_RELAXED);
}
