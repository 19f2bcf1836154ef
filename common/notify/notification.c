/* SPDX-License-Identifier: Apache-2.0
 *
 * notification.c
 *	  Writing a notification: the JSON of a record, in upstream's bytes.
 *
 * This code runs twice for every traced statement, so it appends straight to
 * the buffer and allocates no other memory.
 */
#include "base/buf_fast.h"
#include "base/timestamp.h"
#include "notify/notification_parts.h"
#include "osprofiler/json.h"

/* The year 2116: what is later is not a time, but damage. */
#define WALL_MAX INT64_C(0x4000000000000000)

#define NS_PER_SECOND INT64_C(1000000000)

/* State while one notification is written. */
typedef struct writing
{
	osp_buf *buf;
	size_t start; /* offset of the notification in buf */
	const osp_record *record;
	osp__parts *parts;
	osp__write_memory *memory; /* NULL: none */
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

/* Appends the text of a UUID with its quotes, and notes where it lies. */
static void
put_uuid_part(writing *w, osp__part_name name, const void *bytes)
{
	char *out = osp__buf_room(w->buf, OSP_UUID_TEXT_LEN + 2);
	osp_uuid uuid;

	if (out == NULL)
		return;
	memcpy(uuid.bytes, bytes, sizeof(uuid.bytes));
	out[0] = '"';
	osp_uuid_text(&uuid, out + 1);
	out[OSP_UUID_TEXT_LEN + 1] = '"';
	note_part(w, name, w->buf->len + 1, OSP_UUID_TEXT_LEN);
	w->buf->len += OSP_UUID_TEXT_LEN + 2;
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
	if (id->is_uuid)
		put_uuid_part(w, name, id->bytes);
	else
		put_part(w, name, osp_str_n(id->bytes, id->len));
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

static void
put_ids(writing *w)
{
	const osp_record *r = w->record;

	osp__buf_lit(w->buf, ", \"base_id\": ");
	put_id(w, OSP__PART_BASE_ID, &r->base_id);
	osp__buf_lit(w->buf, ", \"trace_id\": ");
	put_uuid_part(w, OSP__PART_TRACE_ID, r->trace_id.bytes);
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

/* Writes a time. Most times are in the same second as the time before, so the text of
 * that second is kept. */
static void
write_time(osp__second *second, int64_t wall, char out[OSP_TIMESTAMP_LEN + 1])
{
	if (second->begin_ns == 0 || wall < second->begin_ns ||
		wall - second->begin_ns >= NS_PER_SECOND)
	{
		osp_timestamp_text(wall, out);
		if (wall < 0 || wall >= WALL_MAX)
			return;
		second->begin_ns = wall - wall % NS_PER_SECOND;
		memcpy(second->text, out, sizeof(second->text));
		return;
	}
	memcpy(out, second->text, sizeof(second->text));
	osp__timestamp_put_us(out, (int) ((wall - second->begin_ns) / 1000));
}

static void
put_timestamp(writing *w, int64_t wall)
{
	char *out = osp__buf_room(w->buf, OSP_TIMESTAMP_LEN + 2);

	if (out == NULL)
		return;
	out[0] = '"';
	if (w->memory != NULL)
		write_time(&w->memory->second, wall, out + 1);
	else
		osp_timestamp_text(wall, out + 1);
	out[OSP_TIMESTAMP_LEN + 1] = '"';
	note_part(w, OSP__PART_TIMESTAMP, w->buf->len + 1, OSP_TIMESTAMP_LEN);
	w->buf->len += OSP_TIMESTAMP_LEN + 2;
}

/* The texts at the end of a notification. */
static void
set_labels(osp_str labels[OSP__ENDING_LABELS], const osp_record *r,
		   const osp_origin *origin)
{
	labels[0] = origin->host;
	labels[1] =
		(r->flags & OSP_RECORD_HAS_PROJECT) != 0 ? r->project : origin->project;
	labels[2] =
		(r->flags & OSP_RECORD_HAS_SERVICE) != 0 ? r->service : origin->service;
}

/* Appends what stands behind the attributes: the host, the end of info, the labels. */
static void
write_ending(writing *w, const osp_str labels[OSP__ENDING_LABELS])
{
	osp__part *info = &w->parts->part[OSP__PART_INFO];

	osp__buf_lit(w->buf, "\"host\": ");
	put_part(w, OSP__PART_HOST, labels[0]);
	osp__buf_lit(w->buf, "}");
	info->len = (uint32_t) (w->buf->len - w->start - info->start) & 0x7fffffff;
	osp__buf_lit(w->buf, ", \"project\": ");
	put_label(w, OSP__PART_PROJECT, labels[1]);
	osp__buf_lit(w->buf, ", \"service\": ");
	put_label(w, OSP__PART_SERVICE, labels[2]);
	osp__buf_lit(w->buf, "}");
}

static const osp__part_name ending_parts[OSP__ENDING_LABELS] = {
	OSP__PART_HOST, OSP__PART_PROJECT, OSP__PART_SERVICE};

/* Keeps the ending that begins at start, if it needs no escapes. */
static void
keep_ending(writing *w, const osp_str labels[OSP__ENDING_LABELS], size_t start)
{
	const osp__part *parts = w->parts->part;
	osp__ending *e = &w->memory->ending;
	uint32_t offset = (uint32_t) (start - w->start);
	size_t len = w->buf->len - start;
	int i;

	e->text_len = 0;
	if (w->parts->escaped || osp_buf_status(w->buf) != OSP_OK ||
		len > sizeof(e->text))
		return;
	memcpy(e->text, w->buf->ptr + start, len);
	e->text_len = len;
	e->info_end =
		parts[OSP__PART_INFO].start + parts[OSP__PART_INFO].len - offset;
	for (i = 0; i < OSP__ENDING_LABELS; i++)
	{
		const osp__part *part = &parts[ending_parts[i]];

		e->label_len[i] = labels[i].len;
		e->label_at[i] = part->len > 0 ? part->start - offset : 0;
	}
}

static bool
is_kept_ending(const osp__ending *e, const osp_str labels[OSP__ENDING_LABELS])
{
	int i;

	if (e->text_len == 0)
		return false;
	for (i = 0; i < OSP__ENDING_LABELS; i++)
		if (labels[i].len != e->label_len[i] ||
			memcmp(labels[i].ptr, e->text + e->label_at[i], labels[i].len) != 0)
			return false;
	return true;
}

static void
put_kept_ending(writing *w, const osp__ending *e)
{
	osp__part *info = &w->parts->part[OSP__PART_INFO];
	size_t start = w->buf->len;
	int i;

	osp__buf_put(w->buf, e->text, e->text_len);
	info->len =
		(uint32_t) (start + e->info_end - w->start - info->start) & 0x7fffffff;
	for (i = 0; i < OSP__ENDING_LABELS; i++)
		if (e->label_len[i] > 0)
			note_part(
				w, ending_parts[i], start + e->label_at[i], e->label_len[i]);
}

static void
put_ending(writing *w, const osp_str labels[OSP__ENDING_LABELS])
{
	size_t start = w->buf->len;

	if (w->memory != NULL && is_kept_ending(&w->memory->ending, labels))
	{
		put_kept_ending(w, &w->memory->ending);
		return;
	}
	write_ending(w, labels);
	if (w->memory != NULL)
		keep_ending(w, labels, start);
}

static osp_status
put_notification(writing *w, const osp_origin *origin)
{
	const osp_record *r = w->record;
	int64_t wall = wall_ns(r, origin);
	osp_buf *buf = w->buf;
	osp_str labels[OSP__ENDING_LABELS];
	osp__info_written written;
	osp_status status;

	osp__buf_lit(buf, "{\"name\": ");
	put_name(w);
	put_ids(w);
	osp__buf_lit(buf, ", \"timestamp\": ");
	put_timestamp(w, wall);

	osp__buf_lit(buf, ", \"info\": ");
	w->parts->part[OSP__PART_INFO].start = (uint32_t) (buf->len - w->start);
	osp__buf_lit(buf, "{");
	status = osp__info_write(
		buf, r, w->memory != NULL ? &w->memory->info : NULL, &written);
	if (status != OSP_OK)
		return status;
	w->parts->error = written.error;
	if (written.comma)
		osp__buf_lit(buf, ", ");
	if (r->kind == OSP_RECORD_STOP)
	{
		osp__buf_lit(buf, "\"elapsed_ns\": ");
		osp_buf_add_i64(buf, r->elapsed_ns);
		osp__buf_lit(buf, ", ");
	}
	set_labels(labels, r, origin);
	put_ending(w, labels);
	note_values(w, wall);
	if (osp_buf_status(buf) == OSP_OK &&
		buf->len - w->start > OSP_NOTIFICATION_MAX)
		return OSP_EFULL;
	return osp_buf_status(buf);
}

osp_status
osp__notification_write(osp_buf *buf, const osp_record *record,
						const osp_origin *origin, osp__write_memory *memory,
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
	w.memory = memory;
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
