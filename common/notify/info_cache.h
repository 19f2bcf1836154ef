/* SPDX-License-Identifier: Apache-2.0
 *
 * info_cache.h
 *	  The JSON of attributes that come again and again, as those of a prepared
 *	  statement's starts do. Private to common/notify.
 */
#ifndef OSPROFILER_INFO_CACHE_H
#define OSPROFILER_INFO_CACHE_H

#include "osprofiler/buf.h"

/* Attributes of more bytes are not kept. */
#define OSP__INFO_CACHE_KEY_MAX 1024

#define OSP__INFO_CACHE_SLOTS 256

typedef struct osp__info_slot
{
	uint64_t hash; /* of the attributes that were met last; 0: none */
	osp_buf
		text; /* attributes, then their JSON; empty: only the hash is known */
	size_t key_len; /* of the attributes */
} osp__info_slot;

/* All zeroes: empty. Used by one thread at a time. */
typedef struct osp__info_cache
{
	osp__info_slot slots[OSP__INFO_CACHE_SLOTS]; /* pairs with one place */
	unsigned turn; /* which of a pair is replaced next */
} osp__info_cache;

/*
 * Finds the JSON of these attributes, borrowed until the next call. False: it has to be
 * made; then *slot is where it may be kept, or NULL if it shall not be.
 */
bool osp__info_cache_find(osp__info_cache *cache, const osp_allocator *alc,
						  osp_str attributes, osp_str *json,
						  osp__info_slot **slot);

/* Keeps the JSON of these attributes. Without memory nothing is kept. */
void osp__info_cache_keep(osp__info_slot *slot, osp_str attributes,
						  osp_str json);

void osp__info_cache_term(osp__info_cache *cache);

#endif /* OSPROFILER_INFO_CACHE_H */
