/* SPDX-License-Identifier: Apache-2.0
 *
 * point_id.c
 *	  The id of a stored notification, made of a hash of its texts (FNV-1a, twice
 *	  64 bits).
 */
#include "point_id.h"

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)
#define OTHER_SEED UINT64_C(0x9e3779b97f4a7c15)

static uint64_t
hash_text(uint64_t hash, osp_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char) text.ptr[i]) * FNV_PRIME;

	/* Marks the end of a text with a value that no byte has. */
	return (hash ^ 0x100) * FNV_PRIME;
}

static void
hash_texts(const osp_str *texts, size_t count, osp_uuid *id)
{
	static const uint64_t seeds[] = {FNV_OFFSET, OTHER_SEED};
	size_t i;
	size_t j;

	for (i = 0; i < 2; i++)
	{
		uint64_t hash = seeds[i];

		for (j = 0; j < count; j++)
			hash = hash_text(hash, texts[j]);
		memcpy(id->bytes + i * sizeof(hash), &hash, sizeof(hash));
	}
	id->bytes[6] = (unsigned char) ((id->bytes[6] & 0x0f) | 0x40);
	id->bytes[8] = (unsigned char) ((id->bytes[8] & 0x3f) | 0x80);
}

void
osp__point_id(const osp_notification *item, osp_uuid *id)
{
	const osp_str texts[] = {item->base_id, item->trace_id, item->name};

	hash_texts(texts, 3, id);
}

void
osp__text_id(osp_str text, osp_uuid *id)
{
	hash_texts(&text, 1, id);
}
