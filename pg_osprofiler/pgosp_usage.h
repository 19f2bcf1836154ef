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

#define PGOSP_WAITS_SIZE 4096 /* the largest number of bytes of encoded waits */

/* The sums of waits when an operation began. */
typedef struct pgospWaits
{
	int count; /* -1: waits are not sampled */
	uint64 seen;
	int64 began_ns; /* beginning of the top-level statement */
	int64 since_ns; /* when the operation began */
	int64 ns[PGOSP_WAITS_MAX];
} pgospWaits;

/* Notes the sums so far, within a top-level statement. */
extern void pgosp_waits_copy(pgospWaits *waits);

/* Makes the worker sample waits from now on. An operation that begins does not wait
 * yet, so the time up to the worker's next look is this operation's alone. */
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

/* Is there no wait to report since then? */
static inline bool
pgosp_waits_are_none(const pgospWaits *then)
{
	return then->count < 0 || then->seen == pgosp_slot.seen;
}

/* Encodes the waits since then, if they are known. */
extern void pgosp_put_waits(osp_writer *w, const pgospWaits *then);

/* ---- CPU time (cpu_usage.c) ---- */

/* Encodes the member "cpu" of the stop of a slow top-level statement; nothing if the
 * CPU time is not known. */
extern void pgosp_put_cpu(osp_writer *w, const pgospPoint *point);

/* ---- resources (resource_usage.c) ---- */

/* What the stop of a statement reports. */
typedef struct pgospUsage
{
	uint64 rows;
	bool counts_rows; /* false: its command has no rows */
	const char *command;
	BufferUsage buffers; /* at the start */
	uint64 other_blocks; /* pgosp_other_blocks() at the start */
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
 * The sum of all counters of blocks except shared hits. Each counter only grows, so the
 * sum changes whenever one of them does. The counters are the first members of
 * BufferUsage, 64-bit integers, with shared hits first.
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

/* Like pgosp_usage_begin, for a usage that began before: it sets only the counters that
 * have changed. */
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

/* Adds the time of compiling the plan. To be called before the executor ends. */
extern void pgosp_usage_add_jit(pgospUsage *usage, const EState *estate);

/* Were shared blocks only hit between then and now, and nothing done with other
 * blocks? */
static inline bool
pgosp_only_hits(const BufferUsage *now, const BufferUsage *then)
{
	return pgosp_other_blocks(now) == pgosp_other_blocks(then);
}

/* Encodes the use of blocks between then and now; nothing if there was none. */
extern void pgosp_put_buffers(osp_writer *w, const BufferUsage *now,
							  const BufferUsage *then);

/* Encodes what was written to the WAL since then. */
extern void pgosp_put_wal(osp_writer *w, const WalUsage *then);

#pragma GCC visibility pop

#endif /* PGOSP_USAGE_H */
