/* SPDX-License-Identifier: Apache-2.0
 *
 * report_table.h
 *	  Hash tables of a report. Private to common/.
 *
 * The keys of items come from outside, so the hash has a secret key: nobody can make
 * texts that all have the same hash.
 */
#ifndef OSPROFILER_REPORT_TABLE_H
#define OSPROFILER_REPORT_TABLE_H

#include "osprofiler/base.h"
#include "osprofiler/ids.h"

typedef struct osp__table_slot
{
	uint64_t hash;
	void *item; /* NULL: free */
} osp__table_slot;

/* A hash table. Items are borrowed. The caller compares them. */
typedef struct osp__table
{
	const osp_allocator *alc;
	osp__table_slot *slots;
	size_t size; /* a power of two, or 0 */
	size_t count;
} osp__table;

void osp__table_init(osp__table *table, const osp_allocator *alc);
void osp__table_term(osp__table *table);

/* Removes all items. The memory of a small table is kept. */
void osp__table_clear(osp__table *table);

/* Makes room for a few more items; false when there is no memory. */
bool osp__table_reserve(osp__table *table, size_t more) OSP_MUST_CHECK;

/* Adds an item; room for it must have been reserved. */
void osp__table_add(osp__table *table, uint64_t hash, void *item);

/*
 * The next item with this hash, or NULL. *pos is 0 at first, and kept by the
 * caller between the calls of one search.
 */
static inline void *
osp__table_next(const osp__table *table, uint64_t hash, size_t *pos)
{
	while (table->size > 0)
	{
		const osp__table_slot *slot =
			&table->slots[(hash + (*pos)++) & (table->size - 1)];

		if (slot->item == NULL)
			break;
		if (slot->hash == hash)
			return slot->item;
	}
	return NULL;
}

/* SipHash-1-3 of text. */
uint64_t osp__table_hash(const osp_uuid *key, osp_str text);

#endif /* OSPROFILER_REPORT_TABLE_H */
