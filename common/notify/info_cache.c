/* SPDX-License-Identifier: Apache-2.0
 *
 * info_cache.c
 *	  The JSON of attributes that come again and again.
 *
 * Half of the records of a busy server are starts, and those of one prepared statement
 * have the same attributes each time. To compare and copy them is quicker than to write
 * their JSON. Attributes are kept when they come a second time, so those that never come
 * again cost a hash.
 */
#include "notify/info_cache.h"

#define JSON_MAX (4 * OSP__INFO_CACHE_KEY_MAX)

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* Never 0. Attributes that were chosen to collide only take the place of each other. */
static uint64_t
hash_of(osp_str bytes)
{
	uint64_t hash = bytes.len;
	uint64_t word = 0;
	size_t at = 0;

	for (; bytes.len - at >= sizeof(word); at += sizeof(word))
	{
		memcpy(&word, bytes.ptr + at, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	memcpy(&word, bytes.ptr + at, bytes.len - at);
	return mix(hash, word) | 1;
}

/* Gives one of the two slots for this hash to it, in turn. */
static void
replace_slot(osp__info_cache *cache, const osp_allocator *alc,
			 osp__info_slot *pair, uint64_t hash)
{
	osp__info_slot *slot = &pair[cache->turn++ % 2];

	if (slot->hash == 0)
		osp_buf_init(&slot->text, alc, OSP__INFO_CACHE_KEY_MAX + JSON_MAX);
	osp_buf_reset(&slot->text);
	slot->hash = hash;
}

bool
osp__info_cache_find(osp__info_cache *cache, const osp_allocator *alc,
					 osp_str attributes, osp_str *json, osp__info_slot **slot)
{
	osp__info_slot *pair;
	osp__info_slot *found;
	uint64_t hash;

	*slot = NULL;
	if (attributes.len == 0 || attributes.len > OSP__INFO_CACHE_KEY_MAX)
		return false;
	hash = hash_of(attributes);
	pair = &cache->slots[(hash >> 8) % OSP__INFO_CACHE_SLOTS & ~UINT64_C(1)];
	found = &pair[pair[0].hash != hash];
	if (found->hash != hash)
	{
		replace_slot(cache, alc, pair, hash);
		return false;
	}
	if (found->text.len == 0 || found->key_len != attributes.len ||
		memcmp(found->text.ptr, attributes.ptr, attributes.len) != 0)
	{
		*slot = found;
		return false;
	}
	*json = osp_str_n(found->text.ptr + found->key_len,
					  found->text.len - found->key_len);
	return true;
}

void
osp__info_cache_keep(osp__info_slot *slot, osp_str attributes, osp_str json)
{
	osp_buf_reset(&slot->text);
	osp_buf_add_str(&slot->text, attributes);
	osp_buf_add_str(&slot->text, json);
	slot->key_len = attributes.len;
	if (osp_buf_status(&slot->text) != OSP_OK)
		osp_buf_reset(&slot->text);
}

void
osp__info_cache_term(osp__info_cache *cache)
{
	size_t i;

	for (i = 0; i < OSP__INFO_CACHE_SLOTS; i++)
		if (cache->slots[i].hash != 0)
			osp_buf_term(&cache->slots[i].text);
}
