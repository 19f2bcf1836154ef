/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_loss.c
 *	  Counts records that found no room, per trace, in the ring's header.
 *
 * The producer writes an entry's check last, over everything else that it writes;
 * the consumer copies an entry and uses it only if the check fits.
 */
#include "record/ring.h"

static uint64_t
mix(uint64_t sum, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (sum ^ p[i]) * UINT64_C(1099511628211);
	return sum;
}

static uint64_t
check_of(const osp_ring_loss *entry)
{
	uint64_t sum = mix(OSP_RING_MAGIC, &entry->lost, sizeof(entry->lost));

	sum = mix(sum, &entry->id, sizeof(entry->id));
	sum = mix(sum, &entry->base_id.is_uuid, 1);
	return mix(sum, entry->base_id.bytes, entry->base_id.len);
}

/* The entry of this trace, or else a free one; NULL: all are in use. */
static osp_ring_loss *
find_entry(osp_ring_header *header, const osp_id *base_id)
{
	osp_ring_loss *unused = NULL;
	int i;

	for (i = 0; i < OSP_RING_LOSSES; i++)
	{
		osp_ring_loss *entry = &header->losses[i];

		if (entry->lost <= __atomic_load_n(&entry->reported, __ATOMIC_ACQUIRE))
			unused = unused == NULL ? entry : unused;
		else if (osp_id_eq(&entry->base_id, base_id))
			return entry;
	}
	if (unused == NULL)
		return NULL;
	unused->check = ~check_of(unused);
	osp_id_copy(&unused->base_id, base_id);
	osp_uuid_new(&unused->id);
	return unused;
}

void
osp_ring_count_loss(osp_ring *ring, const osp_id *base_id, uint64_t count)
{
	osp_ring_loss *entry;

	if (ring->header == NULL || base_id->len == 0 || count == 0)
		return;
	entry = find_entry(ring->header, base_id);
	if (entry == NULL)
		return;
	entry->lost += count;
	__atomic_store_n(&entry->check, check_of(entry), __ATOMIC_RELEASE);
}

bool
osp_ring_read_loss(const osp_ring *ring, int entry, osp_ring_loss *out)
{
	const osp_ring_loss *from = &ring->header->losses[entry];

	/* Reads the check first, so that it does not fit values that are written later. */
	uint64_t check = __atomic_load_n(&from->check, __ATOMIC_ACQUIRE);

	memcpy(out, from, sizeof(*out));
	return out->lost > out->reported && out->base_id.len > 0 &&
		   out->base_id.len <= OSP_ID_MAX && check == check_of(out);
}
