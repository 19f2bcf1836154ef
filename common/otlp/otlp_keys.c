/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_keys.c
 *	  The set of keys of a span's attributes.
 */
#include "otlp/otlp_keys.h"

#include "otlp/otlp_proto.h"

#define TEXTS_MAX ((size_t) 512 * 1024 * 1024)

void
otlp_keys_init(otlp_keys *keys, const osp_allocator *alc)
{
	osp_uuid_new(&keys->secret);
	osp_buf_init(&keys->texts, alc, TEXTS_MAX);
	osp__table_init(&keys->table, alc);
	keys->status = OSP_OK;
}

void
otlp_keys_term(otlp_keys *keys)
{
	osp_buf_term(&keys->texts);
	osp__table_term(&keys->table);
}

void
otlp_keys_clear(otlp_keys *keys)
{
	otlp_buf_empty(&keys->texts);
	osp__table_clear(&keys->table);
	keys->status = OSP_OK;
}

/* The key whose entry in texts begins at place - 1. */
static osp_str
key_at(const otlp_keys *keys, uintptr_t place)
{
	const char *p = keys->texts.ptr + place - 1;
	size_t len;

	memcpy(&len, p, sizeof(len));
	return osp_str_n(p + sizeof(len), len);
}

bool
otlp_keys_add(otlp_keys *keys, osp_str key)
{
	uint64_t hash = osp__table_hash(&keys->secret, key);
	uintptr_t place = (uintptr_t) keys->texts.len + 1;
	size_t pos = 0;
	void *item;

	while ((item = osp__table_next(&keys->table, hash, &pos)) != NULL)
		if (osp_str_eq(key_at(keys, (uintptr_t) item), key))
			return false;
	osp_buf_add(&keys->texts, &key.len, sizeof(key.len));
	osp_buf_add_str(&keys->texts, key);
	if (osp_buf_status(&keys->texts) != OSP_OK ||
		!osp__table_reserve(&keys->table, 1))
	{
		keys->status = OSP_ENOMEM;
		return false;
	}
	osp__table_add(&keys->table, hash, (void *) place);
	return true;
}
