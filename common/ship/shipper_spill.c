/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_spill.c
 *	  Makes room in the rings: moves points to the spool, or drops them when the
 *	  spool is full.
 *
 * A shipper that is killed after writing to the spool, but before moving the
 * tails, leaves points in both: the next one sends them twice, with the same
 * source and sequence.
 */
#include "ship/shipper_int.h"

/* A sender that takes longer than this for a batch is slow. */
#define SLOW_NS (20 * NS_PER_MS)

/* Batches that are spooled before other work has its turn. */
#define SPILL_BATCHES 4

/* After a failed write, the spool is not tried again for this time. */
#define SPILL_RETRY_NS NS_PER_S

static bool
spill_failed(osp_shipper *s, osp_status status, const osp_error *err)
{
	/* While the collector works, a full spool alone is no problem: producers may wait,
	 * and if points are lost, that is logged by itself. */
	bool matters = status != OSP_EFULL || s->down;

	if (matters && osp__shipper_is_news(&s->spill_trouble_ns))
	{
		osp__shipper_log(s, OSP_LOG_WARNING, "cannot spool: %s", err->msg);
		osp__shipper_note_error(s, err->msg);
	}
	s->spill_failed = true;
	s->spill_failed_ns = osp_mono_now();
	return false;
}

static bool
may_spill(const osp_shipper *s)
{
	return s->spool != NULL &&
		   (!s->spill_failed ||
			osp_mono_now() - s->spill_failed_ns > SPILL_RETRY_NS);
}

/* Appends all points of a slot to the spool; none of them if that fails. */
static osp_status
append_slot(osp_shipper *s, const shipper_slot *slot, osp_error *err)
{
	const osp_notification *items = osp_batch_items(slot->batch);
	size_t count = osp_batch_count(slot->batch);
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < count && status == OSP_OK; i++)
	{
		osp_place place = {items[i].source, items[i].sequence};

		status = osp_spool_append(s->spool, items[i].json, &place, err);
	}
	if (status == OSP_OK)
		return osp_spool_flush(s->spool, err);
	osp_spool_discard(s->spool);
	return status;
}

bool
osp__slot_spill(osp_shipper *s, shipper_slot *slot)
{
	bool sent = s->busy && slot == &s->slots[0];
	size_t count = osp_batch_count(slot->batch);
	osp_status status;
	osp_error err;

	if (slot->from_spool)
		return true;

	/* Points that are being sent can only go to an empty spool, see below. */
	if (!may_spill(s) || (sent && osp_spool_bytes(s->spool) > 0))
		return false;
	status = append_slot(s, slot, &err);
	if (status != OSP_OK)
		return spill_failed(s, status, &err);

	s->spill_failed = false;
	s->outage_spooled += count;
	osp_runstat_add(&s->stat->spooled, count);
	osp__slot_free_rings(slot);
	if (sent)
	{
		/* The points are at the front of the spool now, and the sender sends them from
		 * there. */
		slot->from_spool = true;
		slot->spool_end = s->spool_pos = osp_spool_end(s->spool);
		slot->spool_points = count;
	}
	else
		osp__slot_reset(s, slot);
	osp__spool_publish(s);
	return true;
}

/*
 * Returns an empty slot that the sender does not use: the second one. If its
 * points came from the spool, they will be read again.
 */
static shipper_slot *
scratch_slot(osp_shipper *s)
{
	shipper_slot *slot = &s->slots[1];

	if (slot->from_spool)
	{
		s->spool_pos = s->slots[0].from_spool ? s->slots[0].spool_end
											  : osp_spool_begin(s->spool);
		osp__slot_reset(s, slot);
	}
	return slot;
}

/* Spools both slots, in order. */
static bool
spill_slots(osp_shipper *s)
{
	if (osp__slot_used(&s->slots[0]) && !osp__slot_spill(s, &s->slots[0]))
		return false;
	if (!osp__slot_used(&s->slots[1]) || osp__slot_spill(s, &s->slots[1]))
		return true;

	/* The slot's points must not overtake older ones that are in the spool now. */
	osp__slot_rewind(s, &s->slots[1]);
	return false;
}

/* Spools one batch of ring points. *found: were there any? */
static bool
spill_rings(osp_shipper *s, bool *found)
{
	shipper_slot *slot = scratch_slot(s);

	if (!may_spill(s))
		return false;
	*found = osp__fill_from_rings(s, slot);
	if (!*found || osp__slot_spill(s, slot))
		return true;
	osp__slot_rewind(s, slot);
	return false;
}

bool
osp__spill_all(osp_shipper *s, bool sent)
{
	bool found = true;
	int batch;

	if (s->busy && !s->slots[0].from_spool && !sent)
		return true;
	if (!spill_slots(s))
		return false;
	for (batch = 0; batch < SPILL_BATCHES && found; batch++)
		if (!spill_rings(s, &found))
			return false;
	return batch > 1 || found;
}

/* Is the ring about to run full? */
static bool
is_pressed(const osp_shipper *s, const shipper_ring *r, int64_t now_ns)
{
	uint64_t used;
	uint64_t eighths;

	if (r->foreign || !osp__ring_may_run_full(r))
		return false;
	used = osp_ring_head(&r->ring) - osp_ring_tail(&r->ring);
	eighths = used / (r->ring.capacity / 8);

	/* A ring whose head does not move can wait, unless it is nearly full. */
	return eighths >= 7 ||
		   (r->moved &&
			(eighths >= 6 ||
			 (eighths >= 4 &&
			  (s->down || (s->busy && now_ns - s->sent_ns > SLOW_NS)))));
}

static bool
any_pressed(const osp_shipper *s, int64_t now_ns)
{
	size_t i;

	for (i = 0; i < s->ring_count; i++)
		if (is_pressed(s, s->rings[i], now_ns))
			return true;
	return false;
}

static void
log_loss(osp_shipper *s)
{
	if (!osp__shipper_is_news(&s->loss_ns))
		return;
	osp__shipper_log(s,
					 OSP_LOG_WARNING,
					 "points are lost: the collector takes none, or takes them "
					 "more slowly than they come ('osprofiler status' has its "
					 "last error), and the spool, the file that keeps what it "
					 "has not taken yet, takes no more");
}

/* Drops the oldest points of a ring until it is half empty. */
static void
drop_oldest(osp_shipper *s, shipper_ring *r)
{
	uint64_t dropped = 0;
	osp_record record;

	while (osp_ring_head(&r->ring) - r->pos > r->ring.capacity / 2 &&
		   osp_ring_next(&r->ring, &r->pos, &s->record, &record))
	{
		osp__losses_count(s, &record.base_id, 1);
		dropped++;
	}
	osp__ring_count_corrupt(s, r);
	osp__ring_settle(r, r->pos, false);
	if (dropped == 0)
		return;
	s->outage_lost += dropped;
	osp_runstat_add(&s->stat->spool_dropped, dropped);
	osp_runstat_note_loss(s->stat);
	log_loss(s);
}

/* Is the ring's producer set to wait for room, and will the collector make some
 * soon? */
static bool
is_waited_for(const osp_shipper *s, const shipper_ring *r)
{
	return !s->down &&
		   __atomic_load_n(&r->ring.header->waits, __ATOMIC_RELAXED) != 0;
}

/*
 * Makes room when the spool takes nothing: the points in the slots are kept in memory
 * only, where they are lost if the shipper is killed, and the oldest points of full
 * rings are dropped. Rings whose producer waits for room keep theirs, as long as the
 * collector works.
 */
static void
give_up(osp_shipper *s, int64_t now_ns)
{
	size_t i;

	for (i = 0; i < 2; i++)
		osp__slot_detach(&s->slots[i]);
	for (i = 0; i < s->ring_count; i++)
		if (is_pressed(s, s->rings[i], now_ns) &&
			!is_waited_for(s, s->rings[i]))
			drop_oldest(s, s->rings[i]);
}

bool
osp__relieve(osp_shipper *s, int64_t now_ns)
{
	bool found = true;
	bool spooled;

	if (!any_pressed(s, now_ns))
		return false;
	spooled = spill_slots(s);
	while (spooled && found && any_pressed(s, now_ns))
		spooled = spill_rings(s, &found);
	if (!spooled)
		give_up(s, now_ns);
	return true;
}
