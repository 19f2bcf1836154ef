/* SPDX-License-Identifier: Apache-2.0
 *
 * traces.c
 *	  A set of traces, for drivers whose collector names a trace many times.
 *
 * The entries are in an array, and are found by open addressing. The hash is
 * seeded with the set's address, so that nobody can cause collisions by
 * choosing base_ids.
 */
#include "traces.h"

#define FIRST_CAP  64
#define MAX_CAP    ((size_t) 1 << 30)
#define MAX_TEXTS  ((size_t) 1 << 32)
#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)
#define MIX        UINT64_C(0x9e3779b97f4a7c15)

void
osp__traces_init(osp_traces *traces, const osp_allocator *alc)
{
	memset(traces, 0, sizeof(*traces));
	traces->alc = alc;
	osp_buf_init(&traces->texts, alc, MAX_TEXTS);
	osp_buf_init(&traces->scratch, alc, MAX_TEXTS);
}

void
osp__traces_term(osp_traces *traces)
{
	osp_free(traces->alc, traces->entries);
	osp_free(traces->alc, traces->slots);
	osp_buf_term(&traces->texts);
	osp_buf_term(&traces->scratch);
}

void
osp__traces_reset(osp_traces *traces)
{
	if (traces->count > 0)
		memset(traces->slots, 0, 2 * traces->cap * sizeof(traces->slots[0]));
	traces->count = 0;
	osp_buf_reset(&traces->texts);
}

static uint64_t
hash_id(const osp_traces *traces, osp_str id)
{
	uint64_t hash = FNV_OFFSET ^ ((uint64_t) (uintptr_t) traces * MIX);
	size_t i;

	for (i = 0; i < id.len; i++)
		hash = (hash ^ (unsigned char) id.ptr[i]) * FNV_PRIME;
	return hash ^ (hash >> 32);
}

osp_str
osp__traces_id(const osp_traces *traces, size_t i)
{
	const osp_traces_entry *entry = &traces->entries[i];

	return osp_str_n(traces->texts.ptr + entry->id_at, entry->id_len);
}

/* Finds the slot of an id, or the free one where it belongs. */
static uint32_t *
find_slot(const osp_traces *traces, osp_str id, uint64_t hash)
{
	size_t mask = 2 * traces->cap - 1;
	size_t at = (size_t) hash & mask;

	while (traces->slots[at] != 0)
	{
		size_t i = traces->slots[at] - 1;

		if (traces->entries[i].hash == hash &&
			osp_str_eq(osp__traces_id(traces, i), id))
			break;
		at = (at + 1) & mask;
	}
	return &traces->slots[at];
}

/* Doubles the room. If there is no memory, the set stays as it was. */
static osp_status
grow(osp_traces *traces)
{
	size_t cap = traces->cap > 0 ? 2 * traces->cap : FIRST_CAP;
	osp_traces_entry *entries;
	uint32_t *slots;
	size_t i;

	if (cap > MAX_CAP)
		return OSP_EFULL;
	entries = osp_realloc(
		traces->alc, traces->entries, cap * sizeof(traces->entries[0]));
	if (entries == NULL)
		return OSP_ENOMEM;
	traces->entries = entries;
	slots = osp_calloc(traces->alc, 2 * cap, sizeof(slots[0]));
	if (slots == NULL)
		return OSP_ENOMEM;
	osp_free(traces->alc, traces->slots);
	traces->slots = slots;
	traces->cap = cap;
	for (i = 0; i < traces->count; i++)
		*find_slot(traces, osp__traces_id(traces, i), entries[i].hash) =
			(uint32_t) i + 1;
	return OSP_OK;
}

osp_status
osp__traces_add(osp_traces *traces, osp_str base_id, osp_traces_entry **entry)
{
	uint64_t hash = hash_id(traces, base_id);
	uint32_t *slot;

	if (traces->count == traces->cap)
	{
		osp_status status = grow(traces);

		if (status != OSP_OK)
			return status;
	}
	slot = find_slot(traces, base_id, hash);
	if (*slot == 0)
	{
		size_t at = traces->texts.len;

		osp_buf_add_str(&traces->texts, base_id);
		if (osp_buf_status(&traces->texts) != OSP_OK)
			return osp_buf_status(&traces->texts);
		*entry = &traces->entries[traces->count++];
		memset(*entry, 0, sizeof(**entry));
		(*entry)->hash = hash;
		(*entry)->id_at = at;
		(*entry)->id_len = base_id.len;
		*slot = (uint32_t) traces->count;
	}
	*entry = &traces->entries[*slot - 1];
	return OSP_OK;
}

/* Keeps a copy of the name and the text of an operation. */
static osp_status
keep_operation(osp_traces *traces, osp_traces_entry *entry, osp_str name,
			   osp_str text)
{
	name.len = osp_utf8_prefix(name, UINT8_MAX);
	entry->name_at = traces->texts.len;
	entry->name_len = (uint8_t) name.len;
	entry->text_len = (uint16_t) text.len;
	osp_buf_add_str(&traces->texts, name);
	osp_buf_add_str(&traces->texts, text);
	return osp_buf_status(&traces->texts);
}

/*
 * Keeps the operation of a point if it is earlier than the kept one, or if only
 * it shows what the trace does.
 */
static osp_status
note_operation(osp_traces *traces, osp_traces_entry *entry,
			   const osp_notification *point, int64_t at)
{
	osp_str name = osp__operation_name(point->name);
	bool is_earlier = entry->name_ns == 0 || at < entry->name_ns;
	bool may_tell = osp__is_start(point->name) && osp__may_tell_apart(name);
	osp_status status;
	osp_str text;
	bool tells;

	if (entry->tells ? !may_tell || !is_earlier : !may_tell && !is_earlier)
		return OSP_OK;
	status = osp__operation_text(&traces->scratch, point->info, &text);
	if (status != OSP_OK)
		return status;
	tells = may_tell && osp__tells_apart(name, text);
	if (!tells && (entry->tells || !is_earlier))
		return OSP_OK;
	entry->tells = tells;
	entry->name_ns = at;
	return keep_operation(traces, entry, name, text);
}

static osp_status
note_service(osp_traces *traces, osp_traces_entry *entry,
			 const osp_notification *point, int64_t at)
{
	osp_status status;
	osp_str service;

	if (entry->service_len > 0 && at >= entry->service_ns)
		return OSP_OK;
	status = osp__service_of(&traces->scratch, point, &service);
	if (status != OSP_OK || service.len == 0)
		return status;
	service.len = osp_utf8_prefix(service, OSP_LABEL_MAX);
	entry->service_at = traces->texts.len;
	entry->service_len = (uint16_t) service.len;
	entry->service_ns = at;
	osp_buf_add_str(&traces->texts, service);
	return osp_buf_status(&traces->texts);
}

void
osp__traces_time(osp_traces_entry *entry, osp_str timestamp)
{
	int64_t at;

	if (!osp_timestamp_parse(timestamp, &at))
		return;
	if (entry->first_ns == 0 || at < entry->first_ns)
		entry->first_ns = at;
	if (at > entry->last_ns)
		entry->last_ns = at;
}

bool
osp__traces_is_older(const osp_traces_entry *entry, int64_t than_ns)
{
	return entry->last_ns != 0 && entry->last_ns < than_ns;
}

osp_status
osp__traces_note(osp_traces *traces, const osp_notification *point)
{
	osp_traces_entry *entry;
	osp_status status = osp__traces_add(traces, point->base_id, &entry);
	int64_t at;

	if (status != OSP_OK)
		return status;
	if (!osp_timestamp_parse(point->timestamp, &at))
		at = INT64_MAX;
	osp__traces_time(entry, point->timestamp);
	entry->operations += osp__is_start(point->name);
	entry->errors += point->error;
	status = note_operation(traces, entry, point, at);
	return status == OSP_OK ? note_service(traces, entry, point, at) : status;
}
