/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_dedup.c
 *	  Which points of a batch does a collector have already?
 *
 * The collector is asked once for every trace of the batch. What it answers may
 * be long and is never kept: each of its points is looked up among the batch's.
 */
#include "ship/shipper_dedup.h"

osp_status
osp__keyset_init(osp_keyset *set, const osp_allocator *alc, size_t max)
{
	size_t size = 16;

	memset(set, 0, sizeof(*set));
	set->alc = alc;
	while (size / 2 < max)
		size *= 2;
	set->entries = osp_calloc(alc, size, sizeof(*set->entries));
	if (set->entries == NULL)
		return OSP_ENOMEM;
	set->size = size;
	return OSP_OK;
}

void
osp__keyset_term(osp_keyset *set)
{
	if (set->alc != NULL)
		osp_free(set->alc, set->entries);
	memset(set, 0, sizeof(*set));
}

/* The entry that has the key, or the free one where it belongs. */
static osp_keyset_entry *
entry_of(const osp_keyset *set, const osp_point_key *key)
{
	uint64_t hash;
	size_t i;

	memcpy(&hash, key->trace_id.bytes + 8, sizeof(hash));
	hash = (hash + key->stop) * UINT64_C(0x9e3779b97f4a7c15);
	for (i = (size_t) (hash >> 32);; i++)
	{
		osp_keyset_entry *entry = &set->entries[i & (set->size - 1)];

		if (!entry->used || (entry->key.stop == key->stop &&
							 memcmp(entry->key.trace_id.bytes,
									key->trace_id.bytes,
									sizeof(key->trace_id.bytes)) == 0))
			return entry;
	}
}

osp_keyset_entry *
osp__keyset_put(osp_keyset *set, const osp_point_key *key)
{
	osp_keyset_entry *entry = entry_of(set, key);

	entry->key = *key;
	entry->used = true;
	return entry;
}

osp_keyset_entry *
osp__keyset_find(const osp_keyset *set, const osp_point_key *key)
{
	osp_keyset_entry *entry = set->size > 0 ? entry_of(set, key) : NULL;

	return entry != NULL && entry->used ? entry : NULL;
}

osp_point_key
osp__key_of_record(const osp_record *record)
{
	osp_point_key key;

	memset(&key, 0, sizeof(key));
	key.trace_id = record->trace_id;
	key.stop = record->kind == OSP_RECORD_STOP;
	return key;
}

static bool
ends_with(osp_str text, osp_str end)
{
	return text.len >= end.len &&
		   memcmp(text.ptr + text.len - end.len, end.ptr, end.len) == 0;
}

bool
osp__key_of_notification(const osp_notification *item, osp_point_key *key)
{
	memset(key, 0, sizeof(*key));
	key->stop = ends_with(item->name, OSP_STR("-stop"));
	return (key->stop || ends_with(item->name, OSP_STR("-start"))) &&
		   osp_uuid_parse(item->trace_id, &key->trace_id);
}

typedef struct asking
{
	osp_keyset keys; /* of the batch; found: the collector has it */
	osp_buf scratch;
} asking;

static osp_status
note_point(void *ctx, osp_str json)
{
	asking *a = ctx;
	osp_notification point;
	osp_keyset_entry *entry;
	osp_point_key key;
	osp_status status;

	osp_buf_reset(&a->scratch);
	status = osp_notification_read(json, &a->scratch, &point, NULL);
	if (status == OSP_ENOMEM)
		return status;
	if (status != OSP_OK || !osp__key_of_notification(&point, &key))
		return OSP_OK;
	entry = osp__keyset_find(&a->keys, &key);
	if (entry != NULL)
		entry->found = true;
	return OSP_OK;
}

/* May the answer be different next time? Else it is no answer at all. */
static bool
is_outage(osp_status status)
{
	return status == OSP_EUNAVAIL || status == OSP_EIO || status == OSP_ENOMEM;
}

/* Asks for every trace of the batch once. asked: count zeros. */
static osp_status
ask_all(asking *a, const osp_driver *driver, osp_driver_conn *conn,
		const osp_notification *items, size_t count, bool *asked,
		osp_error *err)
{
	size_t i;
	size_t k;

	for (i = 0; i < count; i++)
	{
		osp_status status;

		if (asked[i])
			continue;
		for (k = i; k < count; k++)
			if (osp_str_eq(items[k].base_id, items[i].base_id))
				asked[k] = true;
		status = driver->get_points(conn, items[i].base_id, note_point, a, err);
		if (status != OSP_OK && is_outage(status))
			return status;
	}
	return OSP_OK;
}

osp_status
osp__drop_known(const osp_allocator *alc, const osp_driver *driver,
				osp_driver_conn *conn, const osp_notification *items,
				size_t count, osp_notification *kept, size_t *kept_count,
				osp_error *err)
{
	bool *asked = osp_calloc(alc, count, sizeof(*asked));
	osp_keyset_entry *entry;
	osp_point_key key;
	osp_status status;
	asking a;
	size_t i;

	*kept_count = 0;
	osp_buf_init(&a.scratch, alc, OSP_NOTIFICATION_MAX);
	status = osp__keyset_init(&a.keys, alc, count);
	if (status != OSP_OK || asked == NULL)
	{
		status = osp_error_set(err, OSP_ENOMEM, "out of memory");
		goto done;
	}
	for (i = 0; i < count; i++)
		if (osp__key_of_notification(&items[i], &key))
			(void) osp__keyset_put(&a.keys, &key);
	status = ask_all(&a, driver, conn, items, count, asked, err);
	for (i = 0; i < count && status == OSP_OK; i++)
	{
		entry = osp__key_of_notification(&items[i], &key)
					? osp__keyset_find(&a.keys, &key)
					: NULL;
		if (entry == NULL || !entry->found)
			kept[(*kept_count)++] = items[i];

		/* Should the batch itself have it twice, once is enough. */
		if (entry != NULL)
			entry->found = true;
	}

done:
	osp_buf_term(&a.scratch);
	osp__keyset_term(&a.keys);
	osp_free(alc, asked);
	return status;
}
