/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h
 *	  The binary form of a point, as it lies in a ring.
 *
 * A tracer writes raw values; the shipper turns them into texts and JSON. A
 * record is a head, then base id, parent id, name, project, service and info,
 * without padding between them. info is a sequence of attributes. An object is
 * written as an attribute that begins it, its members, and one that ends it;
 * objects may nest. Byte order and alignment are the machine's: a record never
 * leaves it. A reader checks every length (osp_record_read), so any bytes are
 * safe to read.
 *
 * Time is CLOCK_MONOTONIC only (record/clock.h), read once for a point. The
 * status file of the run directory has the offset to the wall clock
 * (record/runstat.h).
 */
#ifndef OSP_RECORD_H
#define OSP_RECORD_H

#include "osprofiler/ids.h"
#include "record/clock.h"

#define OSP_RECORD_VERSION 1
#define OSP_RECORD_ALIGN   8
#define OSP_KEY_MAX        255 /* bytes of an attribute's key */
#define OSP_INFO_DEPTH     16  /* nested objects in info */

typedef enum osp_record_kind
{
	OSP_RECORD_PAD = 0, /* skip: the rest of the ring before it wraps */
	OSP_RECORD_START = 1,
	OSP_RECORD_STOP = 2
} osp_record_kind;

enum
{
	OSP_RECORD_BASE_UUID = 1,
	OSP_RECORD_PARENT_UUID = 2,
	OSP_RECORD_HAS_PROJECT = 4, /* else the ring's or shipper's */
	OSP_RECORD_HAS_SERVICE = 8
};

typedef struct osp_record_head
{
	uint32_t size; /* of the whole record, a multiple of OSP_RECORD_ALIGN */
	uint8_t version;
	uint8_t kind;
	uint8_t flags;
	uint8_t name_len;
	uint8_t base_len;
	uint8_t parent_len;
	uint8_t project_len;
	uint8_t service_len;
	uint32_t info_len;
	int64_t mono_ns;    /* CLOCK_MONOTONIC when the point happened */
	int64_t elapsed_ns; /* of a stop: time since its start; else 0 */
	osp_uuid trace_id;
} osp_record_head;

typedef enum osp_attr_type
{
	OSP_ATTR_END = 0,    /* end of an object; no key */
	OSP_ATTR_OBJECT = 1, /* no value; members follow until its end */
	OSP_ATTR_STR = 2,    /* uint32_t length, bytes (taken as UTF-8) */
	OSP_ATTR_I64 = 3,    /* 8 bytes */
	OSP_ATTR_U64 = 4,
	OSP_ATTR_F64 = 5,
	OSP_ATTR_BOOL = 6, /* 1 byte */
	OSP_ATTR_NULL = 7,
	OSP_ATTR_JSON = 8,     /* uint32_t length, JSON text */
	OSP_ATTR_MEMBERS = 9,  /* uint32_t length, JSON of an object whose members
							* are added; its key is empty */
	OSP_ATTR_SQLSTATE = 10 /* 5 bytes, shown as PostgreSQL's condition name */
} osp_attr_type;

/* Identifies a point. The parent's and the base id are borrowed. */
typedef struct osp_point_ids
{
	const osp_id *base_id;
	const osp_id *parent_id;
	osp_uuid trace_id;
} osp_point_ids;

/*
 * A writer puts one record into bytes that the caller reserved. When something
 * does not fit, the writer becomes *full*: later parts are left out, and
 * osp_record_end returns 0. No function here allocates, locks or fails in any
 * other way.
 */
typedef struct osp_writer
{
	char *start;
	char *pos;
	char *limit;
	bool full;
} osp_writer;

/* The largest number of bytes that a record takes with the longest ids, name
 * and labels, without info. */
#define OSP_RECORD_OVERHEAD                                    \
	(sizeof(osp_record_head) + 2 * OSP_ID_MAX + OSP_NAME_MAX + \
	 2 * OSP_LABEL_MAX + OSP_RECORD_ALIGN)

/*
 * Reserves len bytes, which the caller fills. NULL, and the writer is full, if
 * there is no room. A full writer has no room for anything.
 */
static inline char *
osp__put_room(osp_writer *w, size_t len)
{
	char *room = w->pos;

	if (OSP_UNLIKELY((size_t) (w->limit - room) < len))
	{
		w->full = true;
		w->limit = room;
		return NULL;
	}
	w->pos = room + len;
	return room;
}

static inline void
osp_put(osp_writer *w, const void *bytes, size_t len)
{
	char *room = osp__put_room(w, len);

	if (OSP_LIKELY(room != NULL))
		memcpy(room, bytes, len);
}

/* Copies bytes for osp_record_begin, which has checked the room; returns their end. */
static inline char *
osp__copy_text(char *to, const char *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

/* Copies an id. Most ids are UUIDs, whose sixteen bytes are copied without a call. */
static inline char *
osp__copy_id(char *to, const osp_id *id)
{
	if (OSP_LIKELY(id->is_uuid))
		return osp__copy_text(to, id->bytes, sizeof(osp_uuid));
	return osp__copy_text(to, id->bytes, id->len);
}

/*
 * Begins a record in size bytes at space, which is aligned to OSP_RECORD_ALIGN.
 * name, project and service are cut to their maximum; If project or service is
 * empty, the shipper adds the label of the ring, or else its own.
 */
static inline void
osp_record_begin(osp_writer *w, void *space, size_t size, osp_record_kind kind,
				 const osp_point_ids *ids, osp_str name, osp_str project,
				 osp_str service, int64_t mono_ns, int64_t elapsed_ns)
{
	osp_record_head *head = (osp_record_head *) space;
	size_t name_len = name.len <= OSP_NAME_MAX ? name.len : OSP_NAME_MAX;
	size_t project_len =
		project.len <= OSP_LABEL_MAX ? project.len : OSP_LABEL_MAX;
	size_t service_len =
		service.len <= OSP_LABEL_MAX ? service.len : OSP_LABEL_MAX;
	char *pos = (char *) space + sizeof(*head);

	/* This one check of the room covers all parts below. */
	w->start = w->pos = (char *) space;
	w->full = size < sizeof(*head) + ids->base_id->len + ids->parent_id->len +
						 name_len + project_len + service_len;
	w->limit = w->full ? w->start : w->start + size;
	if (OSP_UNLIKELY(w->full))
		return;

	head->size = 0;
	head->version = OSP_RECORD_VERSION;
	head->kind = (uint8_t) kind;
	head->flags =
		(uint8_t) ((ids->base_id->is_uuid ? OSP_RECORD_BASE_UUID : 0) |
				   (ids->parent_id->is_uuid ? OSP_RECORD_PARENT_UUID : 0) |
				   (project_len > 0 ? OSP_RECORD_HAS_PROJECT : 0) |
				   (service_len > 0 ? OSP_RECORD_HAS_SERVICE : 0));
	head->name_len = (uint8_t) name_len;
	head->base_len = ids->base_id->len;
	head->parent_len = ids->parent_id->len;
	head->project_len = (uint8_t) project_len;
	head->service_len = (uint8_t) service_len;
	head->info_len = 0;
	head->mono_ns = mono_ns;
	head->elapsed_ns = elapsed_ns;
	head->trace_id = ids->trace_id;
	pos = osp__copy_id(pos, ids->base_id);
	pos = osp__copy_id(pos, ids->parent_id);
	pos = osp__copy_text(pos, name.ptr, name_len);
	if (OSP_UNLIKELY(project_len > 0))
		pos = osp__copy_text(pos, project.ptr, project_len);
	if (OSP_UNLIKELY(service_len > 0))
		pos = osp__copy_text(pos, service.ptr, service_len);
	w->pos = pos;
}

/* Ends the record and returns its size, or 0 if it did not fit. */
static inline size_t
osp_record_end(osp_writer *w)
{
	osp_record_head *head = (osp_record_head *) (void *) w->start;
	size_t len = (size_t) (w->pos - w->start);
	size_t size =
		(len + OSP_RECORD_ALIGN - 1) & ~(size_t) (OSP_RECORD_ALIGN - 1);

	if (OSP_UNLIKELY(w->full || size > (size_t) (w->limit - w->start)))
		return 0;
	if (OSP_LIKELY(w->limit - w->pos >= OSP_RECORD_ALIGN))
		memset(w->pos, 0, OSP_RECORD_ALIGN); /* one store, no call */
	else
		memset(w->pos, 0, size - len);
	head->size = (uint32_t) size;
	head->info_len =
		(uint32_t) (len - sizeof(*head) - head->base_len - head->parent_len -
					head->name_len - head->project_len - head->service_len);
	return size;
}

/* Writes an attribute's type and its key, of which at most OSP_KEY_MAX bytes. */
static inline void
osp_put_key(osp_writer *w, osp_attr_type type, osp_str key)
{
	uint8_t key_len = (uint8_t) key.len;
	char *room = osp__put_room(w, 2 + (size_t) key_len);

	if (OSP_UNLIKELY(room == NULL))
		return;
	room[0] = (char) type;
	room[1] = (char) key_len;
	memcpy(room + 2, key.ptr, key_len);
}

/* Writes a key and a value whose size follows from its type, with one check of the
 * room. */
static inline void
osp__put_fixed(osp_writer *w, osp_attr_type type, osp_str key,
			   const void *value, size_t size)
{
	uint8_t key_len = (uint8_t) key.len;
	char *room = osp__put_room(w, 2 + key_len + size);

	if (OSP_UNLIKELY(room == NULL))
		return;
	room[0] = (char) type;
	room[1] = (char) key_len;
	memcpy(room + 2, key.ptr, key_len);
	memcpy(room + 2 + key_len, value, size);
}

static inline void
osp_put_object(osp_writer *w, osp_str key)
{
	osp_put_key(w, OSP_ATTR_OBJECT, key);
}

static inline void
osp_put_end(osp_writer *w)
{
	osp_put_key(w, OSP_ATTR_END, OSP_STR(""));
}

static inline void
osp_put_text(osp_writer *w, osp_attr_type type, osp_str key, osp_str value)
{
	uint32_t len = (uint32_t) value.len;

	osp__put_fixed(w, type, key, &len, sizeof(len));
	osp_put(w, value.ptr, value.len);
}

static inline void
osp_put_str(osp_writer *w, osp_str key, osp_str value)
{
	osp_put_text(w, OSP_ATTR_STR, key, value);
}

static inline void
osp_put_json(osp_writer *w, osp_str key, osp_str json)
{
	osp_put_text(w, OSP_ATTR_JSON, key, json);
}

static inline void
osp_put_members(osp_writer *w, osp_str json_object)
{
	osp_put_text(w, OSP_ATTR_MEMBERS, OSP_STR(""), json_object);
}

static inline void
osp_put_i64(osp_writer *w, osp_str key, int64_t value)
{
	osp__put_fixed(w, OSP_ATTR_I64, key, &value, sizeof(value));
}

static inline void
osp_put_u64(osp_writer *w, osp_str key, uint64_t value)
{
	osp__put_fixed(w, OSP_ATTR_U64, key, &value, sizeof(value));
}

static inline void
osp_put_f64(osp_writer *w, osp_str key, double value)
{
	osp__put_fixed(w, OSP_ATTR_F64, key, &value, sizeof(value));
}

static inline void
osp_put_bool(osp_writer *w, osp_str key, bool value)
{
	char byte = value ? 1 : 0;

	osp__put_fixed(w, OSP_ATTR_BOOL, key, &byte, sizeof(byte));
}

static inline void
osp_put_null(osp_writer *w, osp_str key)
{
	osp_put_key(w, OSP_ATTR_NULL, key);
}

/* Writes a SQLSTATE, whose five characters are state. */
static inline void
osp_put_sqlstate(osp_writer *w, osp_str key, const char state[5])
{
	osp_put_key(w, OSP_ATTR_SQLSTATE, key);
	osp_put(w, state, 5);
}

/* Writes attributes that osp_attrs_end() returned. */
static inline void
osp_put_encoded(osp_writer *w, osp_str attributes)
{
	osp_put(w, attributes.ptr, attributes.len);
}

/* Makes a writer that encodes attributes alone, once for many records. */
static inline void
osp_attrs_begin(osp_writer *w, void *space, size_t size)
{
	w->start = w->pos = (char *) space;
	w->limit = w->start + size;
	w->full = false;
}

/* The encoded attributes, borrowed from the writer's space; empty if it was full. */
static inline osp_str
osp_attrs_end(const osp_writer *w)
{
	return osp_str_n(w->start, w->full ? 0 : (size_t) (w->pos - w->start));
}

/* A record after reading; texts are borrowed from its bytes. */
typedef struct osp_record
{
	osp_record_kind kind;
	uint8_t flags;
	int64_t mono_ns;
	int64_t elapsed_ns;
	osp_uuid trace_id;
	osp_id base_id;   /* copied */
	osp_id parent_id; /* copied */
	osp_str name;
	osp_str project; /* see OSP_RECORD_HAS_PROJECT */
	osp_str service;
	osp_str info;
} osp_record;

/*
 * Reads the record at bytes, of which avail can be read. Returns its size, or 0
 * if the bytes are not a complete and valid record. The lengths, nesting and
 * types of the attributes in info are checked. Of a pad, only kind is filled.
 * bytes must not change meanwhile, so a reader of a ring copies first.
 */
size_t osp_record_read(const void *bytes, size_t avail,
					   osp_record *out) OSP_MUST_CHECK;

/* Like osp_record_read(), but does not check the attributes in info: their reader, as
 * the writer of notifications, does that itself. */
size_t osp_record_read_frame(const void *bytes, size_t avail,
							 osp_record *out) OSP_MUST_CHECK;

/* One attribute; value is empty for OBJECT and END. */
typedef struct osp_attr
{
	osp_attr_type type;
	osp_str key;
	osp_str value; /* the bytes of the value, without a length */
} osp_attr;

/* Moves the value of an attribute of this type from the front of rest to value. False:
 * rest is too short. */
bool osp_attr_value(osp_attr_type type, osp_str *rest, osp_str *value);

/*
 * Reads the attribute at *pos of info, and moves *pos beyond it. False at the
 * end, and if the bytes are invalid (then *pos is not at info.len).
 */
bool osp_attr_next(osp_str info, size_t *pos, osp_attr *out);

#endif /* OSP_RECORD_H */
