/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_usage.h
 *	  What a statement used, and what it waited for.
 */
#ifndef PGOSP_USAGE_H
#define PGOSP_USAGE_H

#include "pgosp_setting.h"

#pragma GCC visibility push(hidden)

/* ---- waits (wait_sums.c) ---- */

#define PGOSP_WAITS_SIZE 4096 /* that they take at most when put */

/* What was waited for up to here. */
typedef struct pgospWaits
{
	int count; /* -1: they are not sampled */
	uint64 seen;
	int64 began_ns; /* the top-level statement */
	int64 since_ns; /* here */
	int64 ns[PGOSP_WAITS_MAX];
} pgospWaits;

/* Notes the sums so far, within a top-level statement. */
extern void pgosp_waits_copy(pgospWaits *waits);

/* Has waits sampled from here on. What begins does not wait yet: the next look of the
 * worker is about it alone. */
static inline void
pgosp_waits_sample(pgospWaits *waits, int64 now_ns)
{
	pgospSlot *slot = &pgosp_slot;

	slot->since_ns = now_ns;
	waits->count = 0;
	waits->seen = slot->seen;
	if (likely(slot->current == NULL) || slot->began_ns == 0)
	{
		slot->began_ns = now_ns;
		if (unlikely(slot->asleep))
			pgosp_slot_wake();
	}
	else if (unlikely(slot->of_ns == slot->began_ns))
		pgosp_waits_copy(waits);
	waits->began_ns = slot->began_ns;
	waits->since_ns = now_ns;
}

static inline void
pgosp_waits_begin(pgospWaits *waits, int64 now_ns)
{
	if ((pgosp_points & PGOSP_POINTS_WAIT) != 0)
		pgosp_waits_sample(waits, now_ns);
	else
	{
		waits->count = -1;
		if (pgosp_current == NULL)
			pgosp_slot.began_ns = 0;
	}
}

/* Is there nothing to be put of these? */
static inline bool
pgosp_waits_are_none(const pgospWaits *then)
{
	return then->count < 0 || then->seen == pgosp_slot.seen;
}

/* Puts what was waited for since then, if that is known. */
extern void pgosp_put_waits(osp_writer *w, const pgospWaits *then);

/* ---- CPU time (cpu_usage.c) ---- */

/* Puts the member "cpu" of the stop of a slow statement at the top; nothing if it is
 * not known. */
extern void pgosp_put_cpu(osp_writer *w, const pgospPoint *point);

/* ---- resources (resource_usage.c) ---- */

/* What the stop of a statement tells. */
typedef struct pgospUsage
{
	uint64 rows;
	bool counts_rows; /* else it is not a statement that has any */
	const char *command;
	BufferUsage buffers; /* at the start */
	uint64 other_blocks; /* the same, in one number */
	WalUsage wal;
	uint64 jit_functions; /* 0: the times are not set */
	double jit_generation_ms;
	double jit_inlining_ms;
	double jit_optimization_ms;
	double jit_emission_ms;
	uint64 nodes_left_out;
	pgospWaits waits;
} pgospUsage;

/*
 * Blocks with which anything was done but that they were hit. Each of these counters
 * only grows, so the sum is another whenever one of them is. They are the first
 * members, whole numbers, hits first.
 */
static inline uint64
pgosp_other_blocks(const BufferUsage *usage)
{
	const char *bytes = (const char *) usage;
	const size_t end = offsetof(BufferUsage, temp_blks_written);
	uint64 sum = 0;
	size_t at;

	for (at = sizeof(uint64); at <= end; at += sizeof(uint64))
	{
		uint64 count;

		memcpy(&count, bytes + at, sizeof(count));
		sum += count;
	}
	return sum;
}

/* As pgosp_usage_begin, where it has begun before: of the counters it sets those
 * that are others now. */
static inline void
pgosp_usage_begin_again(pgospUsage *usage, int64 now_ns)
{
	uint64 other_blocks = pgosp_other_blocks(&pgBufferUsage);

	usage->rows = 0;
	usage->counts_rows = true;
	usage->command = NULL;
	if (unlikely(other_blocks != usage->other_blocks))
	{
		usage->buffers = pgBufferUsage;
		usage->other_blocks = other_blocks;
	}
	usage->buffers.shared_blks_hit = pgBufferUsage.shared_blks_hit;
	usage->wal = pgWalUsage;
	usage->jit_functions = 0;
	usage->nodes_left_out = 0;
	pgosp_waits_begin(&usage->waits, now_ns);
}

static inline void
pgosp_usage_begin(pgospUsage *usage, int64 now_ns)
{
	usage->buffers = pgBufferUsage;
	usage->other_blocks = pgosp_other_blocks(&pgBufferUsage);
	pgosp_usage_begin_again(usage, now_ns);
}

/* Adds what the plan took to compile; before the executor ends. */
extern void pgosp_usage_add_jit(pgospUsage *usage, const EState *estate);

/* Were blocks hit at most since then, and nothing else done with any? */
static inline bool
pgosp_only_hits(const BufferUsage *now, const BufferUsage *then)
{
	return pgosp_other_blocks(now) == pgosp_other_blocks(then);
}

/* What was used between then and now; nothing if that is nothing. */
extern void pgosp_put_buffers(osp_writer *w, const BufferUsage *now,
							  const BufferUsage *then);

/* Puts what was written to the WAL since then. */
extern void pgosp_put_wal(osp_writer *w, const WalUsage *then);

#pragma GCC visibility pop

#endif /* PGOSP_USAGE_H */
