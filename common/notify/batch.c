/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.c
 *	  Many notifications in one piece of memory, for drivers.
 *
 * That memory moves while it grows, so a batch keeps the offsets of its
 * notifications' parts, and makes pointers of them on request. All memory is
 * kept for the next batch.
 */
#include "base/buf_fast.h"
#include "notify/notification_parts.h"
#include "json/json_layout.h"

#define ITEMS_FIRST 64

/* Bytes of decoded texts, whose offsets must fit into 31 bits. */
#define TEXTS_MAX 0x7fffffff

/* Notifications of up to some kilobytes are read without allocating. */
#define READER_SPACE 65536

typedef struct batch_item
{
	size_t start; /* offset of the notification in the batch's JSON */
	size_t len;
	osp__parts parts;
	osp_place place;
} batch_item;

struct osp_batch
{
	const osp_allocator *alc;
	osp_buf json;
	osp_buf texts; /* decoded texts of all notifications */
	batch_item *items;
	osp_notification *resolved;
	size_t count;
	size_t room; /* allocated items and resolved */
	bool moved;  /* resolved is not up to date */
	osp__write_memory memory;
	osp__json_reader reader;
	char space[READER_SPACE];
};

osp_batch *
osp_batch_new(const osp_allocator *alc, size_t max_bytes)
{
	osp_batch *batch = osp_alloc(alc, sizeof(*batch));

	if (batch == NULL)
		return NULL;
	memset(batch, 0, offsetof(osp_batch, space));
	batch->alc = alc;
	osp_buf_init(&batch->json, alc, max_bytes);
	osp_buf_init(&batch->texts, alc, TEXTS_MAX);
	osp__json_reader_init(
		&batch->reader, alc, batch->space, sizeof(batch->space));
	return batch;
}

void
osp_batch_free(osp_batch *batch)
{
	if (batch == NULL)
		return;
	osp__json_reader_term(&batch->reader);
	osp__info_memory_term(&batch->memory.info);
	osp_buf_term(&batch->json);
	osp_buf_term(&batch->texts);
	osp_free(batch->alc, batch->items);
	osp_free(batch->alc, batch->resolved);
	osp_free(batch->alc, batch);
}

void
osp_batch_reset(osp_batch *batch)
{
	osp_buf_reset(&batch->json);
	osp_buf_reset(&batch->texts);
	batch->count = 0;
	batch->moved = false;
}

size_t
osp_batch_count(const osp_batch *batch)
{
	return batch->count;
}

size_t
osp_batch_bytes(const osp_batch *batch)
{
	return batch->json.len;
}

/* Makes room for one more item, so that nothing can fail later. */
static bool
reserve_item(osp_batch *batch)
{
	size_t room = batch->room > 0 ? batch->room * 2 : ITEMS_FIRST;
	batch_item *items;
	osp_notification *resolved;

	/* Even an addition that fails may move the memory. */
	batch->moved = true;
	if (batch->count < batch->room)
		return true;
	items = osp_realloc(batch->alc, batch->items, room * sizeof(*items));
	if (items == NULL)
		return false;
	batch->items = items;
	resolved =
		osp_realloc(batch->alc, batch->resolved, room * sizeof(*resolved));
	if (resolved == NULL)
		return false;
	batch->resolved = resolved;
	batch->room = room;
	return true;
}

/* Finds the parts of a notification; if it is invalid, nothing is added to texts. */
static osp_status
parse(osp_batch *batch, osp_str json, osp__parts *parts)
{
	size_t texts_before = batch->texts.len;
	osp_status status = osp__notification_parse(
		&batch->reader, json, &batch->texts, parts, NULL);

	if (status != OSP_OK)
		(void) osp__buf_undo(&batch->texts, texts_before);
	return status;
}

/* Does the work of parse() for the notification from start to the end of the batch's
 * JSON. */
static osp_status
parse_last(osp_batch *batch, size_t start, osp__parts *parts)
{
	return parse(batch,
				 osp_str_n(batch->json.ptr + start, batch->json.len - start),
				 parts);
}

/* Adds the notification that begins at start, or removes it if status is an error. */
static osp_status
finish(osp_batch *batch, size_t start, const osp_place *place,
	   osp_status status)
{
	batch_item *item = &batch->items[batch->count];

	if (status != OSP_OK)
	{
		(void) osp__buf_undo(&batch->json, start);
		return status;
	}
	item->start = start;
	item->len = batch->json.len - start;
	if (place != NULL)
		item->place = *place;
	else
		memset(&item->place, 0, sizeof(item->place));
	batch->count++;
	return OSP_OK;
}

osp_status
osp_batch_add_record(osp_batch *batch, const osp_record *record,
					 const osp_origin *origin, const osp_place *place)
{
	size_t start = batch->json.len;
	osp__parts *parts;
	osp_status status;

	if (!reserve_item(batch))
		return OSP_ENOMEM;
	parts = &batch->items[batch->count].parts;
	status = osp__notification_write(
		&batch->json, record, origin, &batch->memory, parts);
	if (status == OSP_OK && parts->escaped)
		status = parse_last(batch, start, parts);
	return finish(batch, start, place, status);
}

/* Is the JSON in one line, and in the form of json.dumps? The project's own is. */
static bool
is_ours(osp_str json)
{
	return memchr(json.ptr, '\n', json.len) == NULL &&
		   memchr(json.ptr, '\r', json.len) == NULL &&
		   osp__json_is_canonical(json);
}

osp_status
osp_batch_add_json(osp_batch *batch, osp_str json, const osp_place *place)
{
	size_t start = batch->json.len;
	size_t texts_before = batch->texts.len;
	osp__parts *parts;
	osp_status status;

	if (!reserve_item(batch))
		return OSP_ENOMEM;
	parts = &batch->items[batch->count].parts;
	status = parse(batch, json, parts);
	if (status != OSP_OK)
		return status;
	if (is_ours(json))
	{
		osp_buf_add_str(&batch->json, json);
		return finish(batch, start, place, osp_buf_status(&batch->json));
	}
	osp__buf_cut(&batch->texts, texts_before);
	status = osp_json_rewrite(&batch->json, json, -1, 0);
	if (status == OSP_OK)
		status = parse_last(batch, start, parts);
	return finish(batch, start, place, status);
}

const osp_notification *
osp_batch_items(osp_batch *batch)
{
	size_t i;

	for (i = 0; batch->moved && i < batch->count; i++)
	{
		const batch_item *item = &batch->items[i];

		osp__notification_resolve(
			&item->parts,
			osp_str_n(batch->json.ptr + item->start, item->len),
			batch->texts.ptr,
			&batch->resolved[i]);
		batch->resolved[i].source = item->place.source;
		batch->resolved[i].sequence = item->place.sequence;
	}
	batch->moved = false;
	return batch->resolved;
}
