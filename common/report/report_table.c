/* SPDX-License-Identifier: Apache-2.0
 *
 * report_table.c
 *	  Hash tables of a report: open addressing, at most half full.
 */
#include "report/report_table.h"

#define SIZE_FIRST 256 /* at least twice what one call adds */
#define SIZE_KEPT  1024

void
osp__table_init(osp__table *table, const osp_allocator *alc)
{
	memset(table, 0, sizeof(*table));
	table->alc = alc;
}

void
osp__table_term(osp__table *table)
{
	osp_free(table->alc, table->slots);
	osp__table_init(table, table->alc);
}

void
osp__table_clear(osp__table *table)
{
	if (table->size > SIZE_KEPT)
		osp__table_term(table);
	if (table->count > 0)
		memset(table->slots, 0, table->size * sizeof(*table->slots));
	table->count = 0;
}

void
osp__table_add(osp__table *table, uint64_t hash, void *item)
{
	size_t i = hash & (table->size - 1);

	while (table->slots[i].item != NULL)
		i = (i + 1) & (table->size - 1);
	table->slots[i].hash = hash;
	table->slots[i].item = item;
	table->count++;
}

bool
osp__table_reserve(osp__table *table, size_t more)
{
	osp__table larger = *table;
	size_t i;

	if (table->count + more <= table->size / 2)
		return true;
	larger.size = table->size > 0 ? table->size * 2 : SIZE_FIRST;
	larger.count = 0;
	larger.slots = osp_calloc(table->alc, larger.size, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return false;
	for (i = 0; i < table->size; i++)
	{
		if (table->slots[i].item != NULL)
			osp__table_add(&larger, table->slots[i].hash, table->slots[i].item);
	}
	osp_free(table->alc, table->slots);
	*table = larger;
	return true;
}

static inline uint64_t
rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void
sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t
osp__table_hash(const osp_uuid *key, osp_str text)
{
	uint64_t k[2];
	uint64_t v[4];
	uint64_t word;
	size_t i;

	memcpy(k, key->bytes, sizeof(k));
	v[0] = k[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = k[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = k[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = k[1] ^ UINT64_C(0x7465646279746573);
	for (i = 0; i + sizeof(word) <= text.len; i += sizeof(word))
	{
		memcpy(&word, text.ptr + i, sizeof(word));
		sip_word(v, word);
	}
	word = 0;
	memcpy(&word, text.ptr + i, text.len - i);
	sip_word(v, word ^ (uint64_t) text.len << 56);
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
