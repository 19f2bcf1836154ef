/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_losses.c
 *	  Reports the records that found no room in a ring, in the traces they belong
 *	  to: an operation "osprofiler.lost" without duration, at the root of the trace,
 *	  whose info says how many ("lost_points").
 *
 * Records that the shipper itself had to drop are counted the same way, in a header of
 * its own. It lies in the file "losses" of the run directory, so that the next shipper
 * can report losses that this one could not.
 *
 * A report waits until the loss is over, or for a second. It is settled together with
 * the records of its slot. If the shipper is killed before that, the next one sends the
 * same report again, with the same id.
 */
#include "ship/shipper_int.h"

#include <sys/mman.h>
#include <unistd.h>

#include "record/newfile.h"

#define LOSSES_FILE "losses"
#define LOSSES_SIZE \
	((sizeof(osp_ring_header) + PAGE_SIZE - 1) & ~(size_t) (PAGE_SIZE - 1))
#define PAGE_SIZE 4096

#define LOSS_NAME    "osprofiler.lost"
#define LOSS_MEMBER  "lost_points"
#define LOSS_OVER_NS (100 * NS_PER_MS)
#define LOSS_LAST_NS NS_PER_S

static uint64_t
reported(const shipper_ring *r, int entry)
{
	return __atomic_load_n(&r->ring.header->losses[entry].reported,
						   __ATOMIC_RELAXED);
}

void
osp__losses_begin(shipper_ring *r)
{
	r->dropped_seen =
		__atomic_load_n(&r->ring.header->dropped, __ATOMIC_RELAXED);
	osp__losses_rewind(r);
}

bool
osp__losses_check(shipper_ring *r, int64_t now)
{
	uint64_t dropped =
		__atomic_load_n(&r->ring.header->dropped, __ATOMIC_RELAXED);

	if (OSP_LIKELY(dropped == r->dropped_seen))
		return false;
	r->dropped_seen = dropped;
	r->loss_ns = now;
	if (!r->has_losses)
		r->loss_since_ns = now;
	r->has_losses = true;
	return true;
}

bool
osp__losses_pending(const shipper_ring *r)
{
	osp_ring_loss loss;
	int i;

	for (i = 0; i < OSP_RING_LOSSES; i++)
		if (osp_ring_read_loss(&r->ring, i, &loss))
			return true;
	return false;
}

/* Adds the start or the stop of the operation that reports a loss. */
static bool
add_report(shipper_slot *slot, const osp_origin *origin,
		   const osp_ring_loss *loss, uint64_t before, osp_record_kind kind)
{
	size_t place = osp_batch_count(slot->batch);
	uint64_t number;
	osp_record record;
	osp_writer w;
	char info[64];

	memset(&record, 0, sizeof(record));
	record.kind = kind;
	record.mono_ns = osp_mono_now();
	osp_id_copy(&record.base_id, &loss->base_id);
	osp_id_copy(&record.parent_id, &loss->base_id);

	/* Each part of the loss is reported by an operation with its own id. */
	record.trace_id = loss->id;
	memcpy(&number, record.trace_id.bytes + 8, sizeof(number));
	number ^= before;
	memcpy(record.trace_id.bytes + 8, &number, sizeof(number));
	record.name = OSP_STR(LOSS_NAME);
	osp_attrs_begin(&w, info, sizeof(info));
	osp_put_u64(&w, OSP_STR(LOSS_MEMBER), loss->lost - before);
	record.info = osp_attrs_end(&w);
	if (osp_batch_add_record(slot->batch, &record, origin, NULL) != OSP_OK)
		return false;
	slot->born_ns[place] = record.mono_ns;
	return true;
}

static bool
is_due(const shipper_ring *r, int64_t now)
{
	return r->has_losses && (r->orphaned || now - r->loss_ns >= LOSS_OVER_NS ||
							 now - r->loss_since_ns >= LOSS_LAST_NS);
}

/* Is there a report in a slot that is not settled yet? */
static bool
is_out(const shipper_ring *r)
{
	int i;

	for (i = 0; i < OSP_RING_LOSSES; i++)
		if (r->told[i] > reported(r, i))
			return true;
	return false;
}

bool
osp__losses_take(shipper_ring *r, shipper_slot *slot, const osp_origin *origin)
{
	bool found = false;
	int i;

	if (OSP_LIKELY(!r->has_losses) || !is_due(r, osp_mono_now()) || is_out(r))
		return false;
	r->has_losses = false;
	for (i = 0; i < OSP_RING_LOSSES; i++)
	{
		osp_ring_loss loss;

		if (!osp_ring_read_loss(&r->ring, i, &loss) || loss.lost <= r->told[i])
			continue;
		if (osp_batch_count(slot->batch) + 2 > BATCH_POINTS ||
			!add_report(slot, origin, &loss, r->told[i], OSP_RECORD_START) ||
			!add_report(slot, origin, &loss, r->told[i], OSP_RECORD_STOP))
		{
			r->has_losses = true;
			break;
		}
		r->told[i] = loss.lost;
		found = true;
	}
	return found;
}

void
osp__losses_settle(shipper_ring *r)
{
	int i;

	for (i = 0; i < OSP_RING_LOSSES; i++)
		if (r->told[i] > reported(r, i))
			__atomic_store_n(&r->ring.header->losses[i].reported,
							 r->told[i],
							 __ATOMIC_RELEASE);
}

void
osp__losses_rewind(shipper_ring *r)
{
	int i;

	for (i = 0; i < OSP_RING_LOSSES; i++)
		r->told[i] = reported(r, i);
	r->has_losses = osp__losses_pending(r);
}

void
osp__losses_hurry(shipper_ring *r)
{
	r->loss_ns = 0;
	r->has_losses |= osp__losses_pending(r);
}

static void
close_losses(osp_shipper *s)
{
	if (s->own_mapped)
		(void) munmap(s->own.ring.header, LOSSES_SIZE);
	else
		osp_free(s->alc, s->own.ring.header);
	s->own.ring.header = NULL;
	s->own_mapped = false;
}

/* Maps the file of losses in the present run directory; NULL: there is no room. */
static osp_ring_header *
map_losses(const osp_shipper *s)
{
	void *map = NULL;

	if (osp__mappart(s->dir_fd, LOSSES_FILE, 0, LOSSES_SIZE, &map, NULL) !=
		OSP_OK)
		return NULL;
	return map;
}

bool
osp__losses_open(osp_shipper *s)
{
	s->own.ring.header = map_losses(s);
	s->own_mapped = s->own.ring.header != NULL;
	if (!s->own_mapped)
		s->own.ring.header = osp_calloc(s->alc, 1, LOSSES_SIZE);
	if (s->own.ring.header == NULL)
		return false;
	osp__losses_begin(&s->own);
	return true;
}

void
osp__losses_close(osp_shipper *s)
{
	/* Removes a file without losses, which the next shipper does not need. */
	if (s->own_mapped && !osp__losses_pending(&s->own))
		(void) unlinkat(s->dir_fd, LOSSES_FILE, 0);
	close_losses(s);
}

void
osp__losses_move(osp_shipper *s)
{
	osp_ring_header *header = map_losses(s);

	if (header == NULL)
		return;
	memcpy(header, s->own.ring.header, sizeof(*header));
	close_losses(s);
	s->own.ring.header = header;
	s->own_mapped = true;
}

void
osp__losses_count(osp_shipper *s, const osp_id *base_id, uint64_t count)
{
	int64_t now = osp_mono_now();

	osp_ring_count_loss(&s->own.ring, base_id, count);
	if (!s->own.has_losses)
		s->own.loss_since_ns = now;
	s->own.loss_ns = now;
	s->own.has_losses = true;
}

bool
osp__losses_is_report(const osp_notification *item, uint64_t *lost)
{
	static const char key[] = "\"" LOSS_MEMBER "\": ";
	const char *end = item->info.ptr + item->info.len;
	const char *digit;

	*lost = 0;
	if (osp_str_eq(item->name, OSP_STR(LOSS_NAME "-stop")))
		return true;
	if (!osp_str_eq(item->name, OSP_STR(LOSS_NAME "-start")))
		return false;
	digit = memmem(item->info.ptr, item->info.len, key, sizeof(key) - 1);
	if (digit == NULL)
		return true;
	for (digit += sizeof(key) - 1;
		 digit < end && *digit >= '0' && *digit <= '9';
		 digit++)
		*lost = *lost * 10 + (uint64_t) (*digit - '0');
	return true;
}
