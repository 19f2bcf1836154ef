/* SPDX-License-Identifier: Apache-2.0
 *
 * staging.c
 *	  osprofiler.min_duration: records of a statement that may turn out to be
 *	  too quick to be told of.
 *
 * The time in which the server worked on the statement counts, not that in which the
 * client let it wait. As long as a top-level statement is quicker, its records, and those
 * of all that hangs under it, wait in a buffer of the backend. The first record
 * that comes later, at the latest that of its own stop, has them all put into
 * the ring; if it ends before that they are thrown away, unless it failed. So
 * nothing is known of a backend that is killed in a statement that was quick so
 * far, and a ring never holds a stop without its start.
 *
 * Two thirds of the buffer are for starts: a point that finds no room there is
 * left out, as one beyond osprofiler.max_points. For a stop there is room nearly
 * always; if not, the statement is told of, quick or not.
 *
 * Several top-level statements may be open at a time, for a client can leave
 * portals half run. Each record says whose it is.
 */
#include "pgosp.h"

#include "utils/memutils.h"

typedef struct pgospStaged
{
	const pgospPoint *top;
	uint64 size; /* of the record that follows */
} pgospStaged;

static char *buffer = NULL;
static size_t capacity = 0;
static size_t used = 0;

static inline pgospStaged *
entry_at(size_t offset)
{
	return (pgospStaged *) (void *) (buffer + offset);
}

bool
pgosp_stage_begin(pgospPoint *top)
{
	/* The longest text takes an eighth of the ring. */
	if (buffer == NULL)
	{
		capacity = (size_t) pgosp_ring_size_kb * 1024 / 2;
		buffer = MemoryContextAllocExtended(
			TopMemoryContext, capacity, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	}
	top->staged = buffer != NULL;
	return top->staged;
}

/* Takes the records of top out of the buffer; each one goes to put, if any. */
static void
take_out(const pgospPoint *top, void (*put)(const void *record, size_t size))
{
	size_t from = 0;
	size_t to = 0;

	while (from < used)
	{
		const pgospStaged *entry = entry_at(from);
		size_t size = sizeof(*entry) + entry->size;

		if (entry->top != top)
		{
			memmove(buffer + to, buffer + from, size);
			to += size;
		}
		else if (put != NULL)
			put(entry + 1, entry->size);
		from += size;
	}
	used = to;
}

static void
put_into_ring(const void *record, size_t size)
{
	osp_producer *producer = pgosp_producer_if_open();
	void *space = osp_ring_reserve(&producer->ring, size);

	if (space == NULL)
		return;
	memcpy(space, record, size);
	osp__point_publish(producer, size);
}

static size_t
size_of(const pgospPoint *top)
{
	size_t offset = 0;
	size_t sum = 0;

	while (offset < used)
	{
		const pgospStaged *entry = entry_at(offset);

		if (entry->top == top)
			sum += entry->size;
		offset += sizeof(*entry) + entry->size;
	}
	return sum;
}

/* All records of top are lost. */
static void
count_lost(osp_ring *ring, const pgospPoint *top)
{
	uint64 records = 0;
	size_t offset = 0;

	while (offset < used)
	{
		const pgospStaged *entry = entry_at(offset);

		if (entry->top == top)
		{
			osp__ring_drop(ring);
			records++;
		}
		offset += sizeof(*entry) + entry->size;
	}
	osp_ring_count_loss(ring, &top->base_id, records);
}

bool
pgosp_stage_keep(pgospPoint *top)
{
	osp_producer *producer = pgosp_producer_if_open();
	size_t size = size_of(top);

	top->staged = false;
	if (size == 0)
		return true;
	if (producer == NULL)
	{
		take_out(top, NULL);
		return false;
	}

	if (!osp_ring_make_room(&producer->ring, size))
	{
		count_lost(&producer->ring, top);
		take_out(top, NULL);
		return false;
	}
	take_out(top, put_into_ring);
	return true;
}

void
pgosp_stage_drop(pgospPoint *top)
{
	top->staged = false;
	take_out(top, NULL);
}

bool
pgosp_stage_is_late(const pgospPoint *top, int64 now_ns)
{
	int64 until_ns = top->idle_ns != 0 ? top->idle_ns : now_ns;

	return pgosp_point_active_ns(top, until_ns) >=
		   (int64) pgosp_min_duration * 1000000;
}

void *
pgosp_stage_reserve(bool start, size_t size)
{
	size_t limit = start ? capacity / 3 * 2 : capacity;

	if (used + sizeof(pgospStaged) + size > limit)
		return NULL;
	return buffer + used + sizeof(pgospStaged);
}

void
pgosp_stage_commit(const pgospPoint *top, size_t size)
{
	pgospStaged *entry = entry_at(used);

	if (size == 0)
		return;
	entry->top = top;
	entry->size = size;
	used += sizeof(*entry) + size;
}
