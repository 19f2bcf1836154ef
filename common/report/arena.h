/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h
 *	  Memory that is allocated in small pieces and freed all at once. Private to
 *	  common/.
 */
#ifndef OSPROFILER_ARENA_H
#define OSPROFILER_ARENA_H

#include "osprofiler/base.h"

typedef struct osp__arena_chunk osp__arena_chunk;

typedef struct osp__arena
{
	const osp_allocator *alc;
	osp__arena_chunk *chunks;
	char *pos;
	char *end;
} osp__arena;

/* Initialises an arena; allocates nothing yet. */
void osp__arena_init(osp__arena *arena, const osp_allocator *alc);
void osp__arena_term(osp__arena *arena);

/* Allocates size bytes, aligned to 8, not zeroed; NULL when there is no memory. */
void *osp__arena_alloc(osp__arena *arena, size_t size);

/* Copies text into the arena, not terminated; false when there is no memory. */
bool osp__arena_copy(osp__arena *arena, osp_str text,
					 osp_str *out) OSP_MUST_CHECK;

#endif /* OSPROFILER_ARENA_H */
