/* SPDX-License-Identifier: Apache-2.0
 *
 * notification.c
 *	  Writing a notification: the JSON of a record, in upstream's bytes.
 *
 * This code runs twice for every traced statement, so it appends straight to
 * the buffer and allocates no other memory.
 */
#include "base/buf_fast.h"
#include "notify/notification_parts.h"
#include "json/json_layout.h"

/* The year 2116: what is later is not a time, but damage. */
#define WALL_MAX INT64_C(0x4000000000000000)

/* State while one notification is written. */
typedef struct writing
{
	osp_buf *buf;
	size_t start; /* offset of the notification in buf */
	const osp_record *record;
	osp__parts *parts;
	osp__info_cache *cache; /* NULL: none */
	bool comma;             /* the open object already has a member */
} writing;

static void
note_part(writing *w, osp__part_name name, size_t start, size_t len)
{
	osp__part *part = &w->parts->part[name];

	part->start = (uint32_t) (start - w->start);
	part->len = (uint32_t) len & 0x7fffffff;
	part->decoded = 0;
}

/* Appends a string with its quotes, and notes where it lies. */
static void
put_part(writing *w, osp__part_name name, osp_str text)
{
	size_t start = w->buf->len + 1;
	size_t len;

	osp_json_string(w->buf, text);
	len = w->buf->len - 1 - start;
	note_part(w, name, start, len);
	if (len != text.len)
		w->parts->escaped = true;
}

/* Like put_part, for text that needs no escapes. */
static void
put_plain_part(writing *w, osp__part_name name, const char *text, size_t len)
{
	osp__buf_lit(w->buf, "\"");
	note_part(w, name, w->buf->len, len);
	osp__buf_put(w->buf, text, len);
	osp__buf_lit(w->buf, "\"");
}

/* Writes the operation's name with -start or -stop behind it: "pg-start". */
static void
put_name(writing *w)
{
	osp__part *part = &w->parts->part[OSP__PART_NAME];
	bool stop = w->record->kind == OSP_RECORD_STOP;
	osp_str suffix = stop ? OSP_STR("-stop") : OSP_STR("-start");

	put_part(w, OSP__PART_NAME, w->record->name);
	if (osp_buf_status(w->buf) != OSP_OK)
		return;
	w->buf->len--; /* the suffix goes before the closing quote */
	osp__buf_put(w->buf, suffix.ptr, suffix.len);
	osp__buf_lit(w->buf, "\"");
	part->len += (uint32_t) suffix.len & 0x7fffffff;
}

static void
put_id(writing *w, osp__part_name name, const osp_id *id)
{
	char storage[OSP_ID_MAX + 1];
	osp_str text = osp_id_text(id, storage);

	if (id->is_uuid)
		put_plain_part(w, name, text.ptr, text.len);
	else
		put_part(w, name, text);
}

/* Like put_part, but writes null for an empty text. */
static void
put_label(writing *w, osp__part_name name, osp_str text)
{
	if (text.len > 0)
		put_part(w, name, text);
	else
		osp__buf_lit(w->buf, "null");
}

/* Begins a member of an object. */
static void
put_key(writing *w, osp_str key)
{
	if (w->comma)
		osp__buf_lit(w->buf, ", ");
	osp_json_string(w->buf, key);
	osp__buf_lit(w->buf, ": ");
	w->comma = true;
}

static void
put_u64(osp_buf *buf, uint64_t value)
{
	if (value > INT64_MAX)
	{
		/* The last digit is written separately: the rest fits into an int64_t. */
		osp_buf_add_i64(buf, (int64_t) (value / 10));
		value %= 10;
	}
	osp_buf_add_i64(buf, (int64_t) value);
}

static void
put_sqlstate(osp_buf *buf, osp_str state)
{
	const char *name = osp_sqlstate_name(state.ptr);

	osp_json_string(buf, name != NULL ? osp_str_of(name) : state);
}

/* Appends raw JSON; a text that is not JSON is written as a string. */
static osp_status
put_json(osp_buf *buf, osp_str json)
{
	osp_status status = osp_json_rewrite(buf, json, -1, 0);

	if (status != OSP_EPROTO)
		return status;
	osp_json_string(buf, json);
	return OSP_OK;
}

static osp_status
put_value(writing *w, const osp_attr *attr)
{
	osp_buf *buf = w->buf;
	int64_t i64;
	uint64_t u64;
	double f64;

	switch (attr->type)
	{
		case OSP_ATTR_STR:
			osp_json_string(buf, attr->value);
			break;
		case OSP_ATTR_I64:
			memcpy(&i64, attr->value.ptr, sizeof(i64));
			osp_buf_add_i64(buf, i64);
			break;
		case OSP_ATTR_U64:
			memcpy(&u64, attr->value.ptr, sizeof(u64));
			put_u64(buf, u64);
			break;
		case OSP_ATTR_F64:
			memcpy(&f64, attr->value.ptr, sizeof(f64));
			osp_json_double(buf, f64);
			break;
		case OSP_ATTR_BOOL:
			osp_buf_add_str(buf,
							attr->value.ptr[0] != 0 ? OSP_STR("true")
													: OSP_STR("false"));
			break;
		case OSP_ATTR_JSON:
			return put_json(buf, attr->value);
		case OSP_ATTR_SQLSTATE:
			put_sqlstate(buf, attr->value);
			break;
		default:
			osp__buf_lit(buf, "null");
			break;
	}
	return OSP_OK;
}

/*
 * Is it a member that this file writes itself at the end of info? Then a
 * tracer's or an application's member of that name is left out; upstream
 * overwrites "host", too.
 */
static bool
is_reserved(const writing *w, osp_str key)
{
	return osp_str_eq(key, OSP_STR("host")) ||
		   (w->record->kind == OSP_RECORD_STOP &&
			osp_str_eq(key, OSP_STR("elapsed_ns")));
}

static void
note_error(writing *w, osp_str key, bool is_null)
{
	if (w->record->kind == OSP_RECORD_STOP && !is_null &&
		osp_str_eq(key, OSP_STR("etype")))
		w->parts->error = true;
}

/* Called for each member of a JSON object from an application: keep it? */
static bool
keep_member(void *ctx, const osp__json_member *member)
{
	writing *w = ctx;
	osp_str key = osp__json_str(member->key);

	if (is_reserved(w, key))
		return false;
	note_error(w, key, yyjson_is_null(member->value));
	return true;
}

/* Appends the members of a JSON object to the open object; other JSON becomes one
 * member named "info". */
static osp_status
put_members(writing *w, osp_str json, int depth)
{
	osp_buf *buf = w->buf;
	size_t before = buf->len;
	size_t count;
	osp_status status;

	if (w->comma)
		osp__buf_lit(buf, ", ");
	status = osp__json_members(
		buf, json, depth == 0 ? keep_member : NULL, w, &count);
	if (status == OSP_OK && count > 0)
	{
		w->comma = true;
		return OSP_OK;
	}
	osp__buf_cut(buf, before);
	if (status != OSP_EPROTO)
		return status;
	put_key(w, OSP_STR("info"));
	return put_json(buf, json);
}

/* Moves *pos beyond the end of an object that is left out. */
static void
skip_object(osp_str info, size_t *pos)
{
	osp_attr attr;
	int depth = 1;

	while (depth > 0 && osp_attr_next(info, pos, &attr))
	{
		if (attr.type == OSP_ATTR_OBJECT)
			depth++;
		else if (attr.type == OSP_ATTR_END)
			depth--;
	}
}

/* Writes an attribute of info; an object's beginning and end are attributes, too. */
static osp_status
put_attr(writing *w, const osp_attr *attr, int *depth, size_t *pos)
{
	bool top = *depth == 0;

	if (attr->type == OSP_ATTR_END)
	{
		osp__buf_lit(w->buf, "}");
		w->comma = true;
		return --*depth < 0 ? OSP_EPROTO : OSP_OK;
	}
	if (attr->type == OSP_ATTR_MEMBERS)
		return put_members(w, attr->value, *depth);
	if (top && is_reserved(w, attr->key))
	{
		if (attr->type == OSP_ATTR_OBJECT)
			skip_object(w->record->info, pos);
		return OSP_OK;
	}
	if (top)
		note_error(w, attr->key, attr->type == OSP_ATTR_NULL);
	put_key(w, attr->key);
	if (attr->type != OSP_ATTR_OBJECT)
		return put_value(w, attr);
	osp__buf_lit(w->buf, "{");
	w->comma = false;
	++*depth;
	return OSP_OK;
}

static osp_status
put_attributes(writing *w)
{
	osp_str info = w->record->info;
	size_t pos = 0;
	int depth = 0;
	osp_attr attr;

	while (osp_attr_next(info, &pos, &attr))
	{
		osp_status status = put_attr(w, &attr, &depth, &pos);

		if (status != OSP_OK)
			return status;
	}
	return pos != info.len || depth != 0 ? OSP_EPROTO : OSP_OK;
}

/* Like put_attributes, for a start, whose JSON depends on nothing but them. */
static osp_status
put_start_attributes(writing *w)
{
	osp_str info = w->record->info;
	osp_buf *buf = w->buf;
	size_t before = buf->len;
	osp__info_slot *slot;
	osp_status status;
	osp_str json;

	if (osp__info_cache_find(w->cache, buf->alc, info, &json, &slot))
	{
		osp__buf_put(buf, json.ptr, json.len);
		w->comma = json.len > 0;
		return OSP_OK;
	}
	status = put_attributes(w);
	if (slot != NULL && status == OSP_OK && osp_buf_status(buf) == OSP_OK)
		osp__info_cache_keep(
			slot, info, osp_str_n(buf->ptr + before, buf->len - before));
	return status;
}

static osp_status
put_info(writing *w, osp_str host)
{
	osp_status status;

	osp__buf_lit(w->buf, "{");
	w->comma = false;
	status = w->cache != NULL && w->record->kind == OSP_RECORD_START
				 ? put_start_attributes(w)
				 : put_attributes(w);
	if (status != OSP_OK)
		return status;
	if (w->record->kind == OSP_RECORD_STOP)
	{
		put_key(w, OSP_STR("elapsed_ns"));
		osp_buf_add_i64(w->buf, w->record->elapsed_ns);
	}
	put_key(w, OSP_STR("host"));
	put_part(w, OSP__PART_HOST, host);
	osp__buf_lit(w->buf, "}");
	return OSP_OK;
}

static void
put_ids(writing *w)
{
	const osp_record *r = w->record;
	char trace_id[OSP_UUID_TEXT_LEN + 1];

	osp__buf_lit(w->buf, ", \"base_id\": ");
	put_id(w, OSP__PART_BASE_ID, &r->base_id);
	osp__buf_lit(w->buf, ", \"trace_id\": ");
	osp_uuid_text(&r->trace_id, trace_id);
	put_plain_part(w, OSP__PART_TRACE_ID, trace_id, OSP_UUID_TEXT_LEN);
	osp__buf_lit(w->buf, ", \"parent_id\": ");
	put_id(w,
		   OSP__PART_PARENT_ID,
		   r->parent_id.len > 0 ? &r->parent_id : &r->base_id);
}

/* Computed with unsigned numbers, which may wrap: a damaged record may hold any
 * time. */
static int64_t
wall_ns(const osp_record *record, const osp_origin *origin)
{
	return (int64_t) ((uint64_t) record->mono_ns +
					  (uint64_t) origin->wall_offset_ns);
}

/* Notes the values that the texts are made of, if the texts say no more than these. */
static void
note_values(writing *w, int64_t wall)
{
	const osp_record *r = w->record;
	const osp_id *parent = r->parent_id.len > 0 ? &r->parent_id : &r->base_id;
	osp_values *values = &w->parts->values;

	w->parts->has_values =
		!w->parts->escaped && parent->is_uuid && wall >= 0 && wall < WALL_MAX;
	if (!w->parts->has_values)
		return;
	values->wall_ns = wall;
	values->trace_id = r->trace_id;
	memcpy(values->parent_id.bytes, parent->bytes, sizeof(osp_uuid));
}

static osp_status
put_notification(writing *w, const osp_origin *origin)
{
	const osp_record *r = w->record;
	int64_t wall = wall_ns(r, origin);
	osp_buf *buf = w->buf;
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	osp__part *info = &w->parts->part[OSP__PART_INFO];
	osp_status status;

	osp__buf_lit(buf, "{\"name\": ");
	put_name(w);
	put_ids(w);
	osp__buf_lit(buf, ", \"timestamp\": ");
	osp_timestamp_text(wall, timestamp);
	put_plain_part(w, OSP__PART_TIMESTAMP, timestamp, OSP_TIMESTAMP_LEN);

	osp__buf_lit(buf, ", \"info\": ");
	info->start = (uint32_t) (buf->len - w->start);
	status = put_info(w, origin->host);
	if (status != OSP_OK)
		return status;
	info->len = (uint32_t) (buf->len - w->start - info->start) & 0x7fffffff;

	osp__buf_lit(buf, ", \"project\": ");
	put_label(w,
			  OSP__PART_PROJECT,
			  (r->flags & OSP_RECORD_HAS_PROJECT) != 0 ? r->project
													   : origin->project);
	osp__buf_lit(buf, ", \"service\": ");
	put_label(w,
			  OSP__PART_SERVICE,
			  (r->flags & OSP_RECORD_HAS_SERVICE) != 0 ? r->service
													   : origin->service);
	osp__buf_lit(buf, "}");
	note_values(w, wall);
	if (osp_buf_status(buf) == OSP_OK &&
		buf->len - w->start > OSP_NOTIFICATION_MAX)
		return OSP_EFULL;
	return osp_buf_status(buf);
}

osp_status
osp__notification_write(osp_buf *buf, const osp_record *record,
						const osp_origin *origin, osp__info_cache *cache,
						osp__parts *parts)
{
	writing w;
	osp_status status = osp_buf_status(buf);

	if (status != OSP_OK)
		return status;
	memset(parts, 0, sizeof(*parts));
	w.buf = buf;
	w.start = buf->len;
	w.record = record;
	w.parts = parts;
	w.cache = cache;
	w.comma = false;
	status = put_notification(&w, origin);
	if (status == OSP_OK)
		osp__buf_end(buf);
	else
		osp__buf_cut(buf, w.start);
	return status;
}

osp_status
osp_notification_write(osp_buf *buf, const osp_record *record,
					   const osp_origin *origin)
{
	osp__parts parts;

	return osp__notification_write(buf, record, origin, NULL, &parts);
}
