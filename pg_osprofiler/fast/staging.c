/* SPDX-License-Identifier: Apache-2.0
 *
 * staging.c
 *	  osprofiler.min_duration: keeps the records of a statement back while it
 *	  may turn out too quick to be recorded.
 *
 * Only the time in which the server worked on the statement counts, not that in which
 * the statement waited for the client. While a top-level statement has taken less than
 * the setting, its records, and those of everything under it, wait in a buffer of the
 * backend. The first record after that time, at the latest the statement's own stop,
 * moves all of them into the ring; if the statement ends before, they are thrown away,
 * unless it failed. So if a backend is killed in a statement that was quick so far,
 * nothing of the statement is recorded, and a ring never holds a stop without its
 * start.
 *
 * Two thirds of the buffer are for starts: a point for which they have no room is left
 * out, like a point beyond osprofiler.max_points. There is nearly always room for a
 * stop; if not, the statement is recorded, quick or not.
 *
 * The start of a statement with a template is not even written before there is another
 * record of it: most statements end without one, and cost next to nothing.
 *
 * A parallel worker has a buffer of its own. Its records are kept if it is still at
 * work when its statement has taken long enough, because then the statement is recorded,
 * too: it ends after its workers. They are kept also if it fails and nothing in the
 * statement can catch the error, because the statement fails then.
 *
 * Several top-level statements may be open at a time, because a client can
 * leave portals half run. Each record in the buffer says to which statement it
 * belongs.
 */
#include "pgosp_known.h"

#include "access/xact.h"
#include "utils/memutils.h"

typedef struct pgospStaged
{
	const pgospPoint *top;
	uint64 size; /* of the record behind this */
} pgospStaged;

static char *buffer = NULL;
static size_t capacity = 0;
static size_t used = 0;

/* A top-level statement whose start is still to be written, and the template for it.
 * There is at most one, because such a statement begins only while nothing else is
 * open. */
static pgosp_hot_data pgospPoint *unwritten = NULL;
static pgosp_hot_data const osp_template *unwritten_start = NULL;

static inline pgospStaged *
entry_at(size_t offset)
{
	return (pgospStaged *) (void *) (buffer + offset);
}

/* Is there a buffer? False: there is no memory for it. */
static inline bool
has_buffer(void)
{
	if (likely(buffer != NULL))
		return true;

	/* The longest text takes an eighth of the ring's size. */
	capacity = (size_t) pgosp_ring_size_kb * 1024 / 2;
	buffer = MemoryContextAllocExtended(
		TopMemoryContext, capacity, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	return buffer != NULL;
}

bool
pgosp_stage_begin(pgospPoint *top)
{
	top->staged = has_buffer();
	top->nest_level = GetCurrentTransactionNestLevel();
	return top->staged;
}

pgosp_hot bool
pgosp_stage_begin_unwritten(pgospPoint *top, const osp_template *start)
{
	if (!pgosp_stage_begin(top))
		return false;
	unwritten = top;
	unwritten_start = start;
	return true;
}

/* Removes the records of top from the buffer, and passes each one to put, if that is
 * not NULL. */
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

static void
fill_start(char *space)
{
	osp_point_ids ids;

	pgosp_point_ids(unwritten, &ids);
	osp__template_fill(unwritten_start, space, &ids, unwritten->start_ns, 0);
}

static void
put_start_into_ring(osp_producer *producer)
{
	char *space = osp_ring_reserve(&producer->ring, unwritten_start->room);

	if (space != NULL)
	{
		fill_start(space);
		osp__point_publish(producer, unwritten_start->size);
	}
	unwritten = NULL;
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

/* Counts all records of top as lost. */
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
	if (unwritten == top)
	{
		osp__ring_drop(ring);
		records++;
	}
	osp_ring_count_loss(ring, &top->base_id, records);
}

/* Reserves room in the buffer below a limit; NULL: there is none. */
static inline void *
reserve(size_t size, size_t limit)
{
	return used + sizeof(pgospStaged) + size <= limit
			   ? buffer + used + sizeof(pgospStaged)
			   : NULL;
}

/* Writes the start that has not been written yet (unwritten) to the buffer.
 * False: there is no room. */
static bool
stage_start(void)
{
	void *space = reserve(unwritten_start->room, capacity);

	if (space == NULL)
		return false;
	fill_start(space);
	pgosp_stage_commit(unwritten, unwritten_start->size);
	unwritten = NULL;
	return true;
}

bool
pgosp_stage_keep(pgospPoint *top)
{
	osp_producer *producer = pgosp_producer_if_open();
	size_t size = size_of(top);

	if (unwritten == top)
		size += unwritten_start->room;
	top->staged = false;
	if (size == 0)
		return true;
	if (producer == NULL)
	{
		pgosp_stage_drop(top);
		return false;
	}

	if (!osp_ring_make_room(&producer->ring, size))
	{
		count_lost(&producer->ring, top);
		pgosp_stage_drop(top);
		return false;
	}
	if (unwritten == top)
		put_start_into_ring(producer);
	take_out(top, put_into_ring);
	return true;
}

void
pgosp_stage_write_start(const osp_template *start)
{
	pgospPoint *top = unwritten;

	if (likely(top == NULL || unwritten_start != start) || stage_start() ||
		pgosp_stage_keep(top))
		return;
	top->silent = true;
	osp_id_copy(&top->self, &top->parent_id);
}

void
pgosp_stage_drop(pgospPoint *top)
{
	top->staged = false;
	if (unwritten == top)
		unwritten = NULL;
	take_out(top, NULL);
}

bool
pgosp_stage_is_late(const pgospPoint *top, int64 now_ns)
{
	int64 until_ns = top->idle_ns != 0 ? top->idle_ns : now_ns;

	int64 due_ns =
		top->due_ns != 0 ? top->due_ns : (int64) pgosp_min_duration * 1000000;

	return pgosp_point_active_ns(top, until_ns) >= due_ns;
}

void
pgosp_stage_tell_worker(pgospPoint *top, pgospWorkerStage *stage)
{
	stage->due_ns = 0;
	stage->may_be_caught = false;
	if (!top->staged)
		return;
	if (top->due_ns == 0)
		top->due_ns = (int64) pgosp_min_duration * 1000000;
	stage->due_ns = top->start_ns + top->paused_ns + top->due_ns;

	/* An error can only be caught by code that runs in a subtransaction. */
	stage->may_be_caught = GetCurrentTransactionNestLevel() > top->nest_level;
}

void *
pgosp_stage_reserve(const pgospPoint *top, bool start, size_t size)
{
	if (unwritten == top && !stage_start())
		return NULL;
	return reserve(size, start ? capacity / 3 * 2 : capacity);
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
