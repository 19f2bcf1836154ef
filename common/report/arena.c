/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c
 *	  Memory that is allocated in small pieces and freed all at once.
 */
#include "report/arena.h"

#define CHUNK_SIZE ((size_t) 1024 * 1024 - 64)
#define ALIGNMENT  ((size_t) 8)

struct osp__arena_chunk
{
	osp__arena_chunk *next;
	uint64_t bytes[];
};

void
osp__arena_init(osp__arena *arena, const osp_allocator *alc)
{
	memset(arena, 0, sizeof(*arena));
	arena->alc = alc;
}

void
osp__arena_term(osp__arena *arena)
{
	osp__arena_chunk *chunk = arena->chunks;

	while (chunk != NULL)
	{
		osp__arena_chunk *next = chunk->next;

		osp_free(arena->alc, chunk);
		chunk = next;
	}
	osp__arena_init(arena, arena->alc);
}

static osp__arena_chunk *
add_chunk(osp__arena *arena, size_t size)
{
	osp__arena_chunk *chunk;

	if (size > SIZE_MAX - sizeof(*chunk))
		return NULL;
	chunk = osp_alloc(arena->alc, sizeof(*chunk) + size);
	if (chunk != NULL)
	{
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	return chunk;
}

void *
osp__arena_alloc(osp__arena *arena, size_t size)
{
	osp__arena_chunk *chunk;
	char *ptr;

	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (size > (size_t) (arena->end - arena->pos))
	{
		/* A large piece gets a chunk of its own, and the current chunk stays in use. */
		if (size > CHUNK_SIZE / 8)
		{
			chunk = add_chunk(arena, size);
			return chunk != NULL ? chunk->bytes : NULL;
		}
		chunk = add_chunk(arena, CHUNK_SIZE);
		if (chunk == NULL)
			return NULL;
		arena->pos = (char *) chunk->bytes;
		arena->end = arena->pos + CHUNK_SIZE;
	}
	ptr = arena->pos;
	arena->pos += size;
	return ptr;
}

bool
osp__arena_copy(osp__arena *arena, osp_str text, osp_str *out)
{
	char *copy = osp__arena_alloc(arena, text.len);

	*out = OSP_STR("");
	if (copy == NULL)
		return false;
	memcpy(copy, text.ptr, text.len);
	*out = osp_str_n(copy, text.len);
	return true;
}
