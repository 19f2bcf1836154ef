/* SPDX-License-Identifier: Apache-2.0
 *
 * notification_read.c
 *	  Reading a notification from the JSON of a collector or the spool.
 */
#include "base/buf_fast.h"
#include "base/utf8.h"
#include "notify/notification_parts.h"

#define REPLACEMENT OSP_STR("\xef\xbf\xbd") /* U+FFFD */

typedef struct member_name
{
	osp_str key;
	osp__part_name part;
	bool required; /* else a value that is not a string is read as null */
} member_name;

#define MEMBER(key, part, required)            \
	{                                          \
		{key, sizeof(key) - 1}, part, required \
	}

static const member_name member_names[] = {
	MEMBER("name", OSP__PART_NAME, true),
	MEMBER("base_id", OSP__PART_BASE_ID, true),
	MEMBER("trace_id", OSP__PART_TRACE_ID, true),
	MEMBER("parent_id", OSP__PART_PARENT_ID, false),
	MEMBER("timestamp", OSP__PART_TIMESTAMP, true),
	MEMBER("project", OSP__PART_PROJECT, false),
	MEMBER("service", OSP__PART_SERVICE, false),
};

#define MEMBER_COUNT (sizeof(member_names) / sizeof(member_names[0]))

/* State while one notification is parsed. */
typedef struct parsing
{
	osp_str json; /* borrowed */
	osp_buf *texts;
	osp__parts *parts;
} parsing;

static void
set_part(parsing *p, osp__part_name name, size_t start, size_t len,
		 bool decoded)
{
	osp__part *part = &p->parts->part[name];

	part->start = (uint32_t) start;
	part->len = (uint32_t) len & 0x7fffffff;
	part->decoded = decoded;
}

/* Appends text, with U+FFFD in place of bytes that are not UTF-8. */
static void
add_utf8(osp_buf *texts, osp_str text)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;

	while (p < end)
	{
		unsigned len;
		uint32_t code = osp__utf8_decode(p, end, &len);

		if (code == OSP__UTF8_INVALID || (code >= 0xd800 && code < 0xe000))
			osp_buf_add_str(texts, REPLACEMENT);
		else
			osp__buf_put(texts, p, len);
		p += len;
	}
}

/*
 * Notes where the text of a string lies: between its quotes, or among the
 * decoded texts. A value that is not a string gets an empty part.
 */
static void
take_text(parsing *p, const osp__json_reader *reader, osp__part_name name,
		  const osp__json_member *member)
{
	osp_str quoted = member->value_text;
	size_t before = p->texts->len;

	if (!yyjson_is_str(member->value))
	{
		set_part(p, name, 0, 0, false);
		return;
	}
	if (!reader->lenient &&
		unsafe_yyjson_get_subtype(member->value) == YYJSON_SUBTYPE_NOESC)
	{
		set_part(p,
				 name,
				 (size_t) (quoted.ptr + 1 - p->json.ptr),
				 quoted.len - 2,
				 false);
		return;
	}
	add_utf8(p->texts, osp__json_str(member->value));
	set_part(p, name, before, p->texts->len - before, true);
}

static void
take_info(parsing *p, const osp__json_reader *reader,
		  const osp__json_member *info)
{
	osp__json_iter iter;
	osp__json_member member;

	/* If there are several infos, the last one counts, so forget the one before. */
	set_part(p, OSP__PART_HOST, 0, 0, false);
	p->parts->error = false;
	set_part(p,
			 OSP__PART_INFO,
			 (size_t) (info->value_text.ptr - p->json.ptr),
			 info->value_text.len,
			 false);
	if (!yyjson_is_obj(info->value))
		return;
	osp__json_iter_init(&iter, reader, info->value, info->value_text);
	while (osp__json_iter_next(&iter, &member))
	{
		if (osp__json_is(member.key, OSP_STR("host")))
			take_text(p, reader, OSP__PART_HOST, &member);
		else if (osp__json_is(member.key, OSP_STR("etype")))
			p->parts->error = !yyjson_is_null(member.value);
	}
}

/* Takes one member; found gets a bit for each of member_names that was a string. */
static void
take_member(parsing *p, const osp__json_reader *reader,
			const osp__json_member *member, unsigned *found)
{
	osp_str key = osp__json_str(member->key);
	size_t i;

	if (osp_str_eq(key, OSP_STR("info")))
	{
		take_info(p, reader, member);
		return;
	}
	for (i = 0; i < MEMBER_COUNT; i++)
	{
		if (osp_str_eq(key, member_names[i].key))
		{
			take_text(p, reader, member_names[i].part, member);
			if (yyjson_is_str(member->value))
				*found |= 1U << i;
			else
				*found &= ~(1U << i);
			return;
		}
	}
}

static osp_status
check_required(unsigned found, osp_error *err)
{
	size_t i;

	for (i = 0; i < MEMBER_COUNT; i++)
	{
		if (member_names[i].required && (found & 1U << i) == 0)
			return osp_error_set(err,
								 OSP_EPROTO,
								 "a notification needs a string \"%s\"",
								 member_names[i].key.ptr);
	}
	return OSP_OK;
}

/* Is it a stop? Only there an etype means an error. */
static bool
is_stop(const parsing *p)
{
	const osp__part *name = &p->parts->part[OSP__PART_NAME];
	const char *base = name->decoded ? p->texts->ptr : p->json.ptr;
	const osp_str stop = OSP_STR("stop");

	return name->len >= stop.len &&
		   memcmp(base + name->start + name->len - stop.len,
				  stop.ptr,
				  stop.len) == 0;
}

osp_status
osp__notification_parse(osp__json_reader *reader, osp_str json, osp_buf *texts,
						osp__parts *parts, osp_error *err)
{
	osp__json_iter iter;
	osp__json_member member;
	unsigned found = 0;
	parsing p;
	osp_status status;

	memset(parts, 0, sizeof(*parts));
	p.json = json;
	p.texts = texts;
	p.parts = parts;
	if (json.len > OSP_NOTIFICATION_MAX)
		return osp_error_set(err,
							 OSP_EPROTO,
							 "a notification of %zu bytes is too long (at "
							 "most %d)",
							 json.len,
							 OSP_NOTIFICATION_MAX);
	status = osp__json_read(reader, json);
	if (status != OSP_OK)
		return osp_error_set(
			err, status, status == OSP_EPROTO ? "not JSON" : "out of memory");
	if (!yyjson_is_obj(osp__json_root(reader)))
		return osp_error_set(err, OSP_EPROTO, "not a JSON object");
	osp__json_iter_init(
		&iter, reader, osp__json_root(reader), osp__json_root_text(reader));
	while (osp__json_iter_next(&iter, &member))
		take_member(&p, reader, &member, &found);
	if (osp_buf_status(texts) != OSP_OK)
		return osp_error_set(err, osp_buf_status(texts), "out of memory");
	status = check_required(found, err);
	if (status == OSP_OK)
		parts->error = parts->error && is_stop(&p);
	return status;
}

static osp_str
resolve(const osp__parts *parts, osp__part_name name, const char *json,
		const char *texts)
{
	const osp__part *part = &parts->part[name];

	if (part->len == 0)
		return OSP_STR("");
	return osp_str_n((part->decoded ? texts : json) + part->start, part->len);
}

void
osp__notification_resolve(const osp__parts *parts, osp_str json,
						  const char *texts, osp_notification *out)
{
	out->json = json;
	out->name = resolve(parts, OSP__PART_NAME, json.ptr, texts);
	out->base_id = resolve(parts, OSP__PART_BASE_ID, json.ptr, texts);
	out->trace_id = resolve(parts, OSP__PART_TRACE_ID, json.ptr, texts);
	out->parent_id = resolve(parts, OSP__PART_PARENT_ID, json.ptr, texts);
	out->timestamp = resolve(parts, OSP__PART_TIMESTAMP, json.ptr, texts);
	out->info = resolve(parts, OSP__PART_INFO, json.ptr, texts);
	out->host = resolve(parts, OSP__PART_HOST, json.ptr, texts);
	out->project = resolve(parts, OSP__PART_PROJECT, json.ptr, texts);
	out->service = resolve(parts, OSP__PART_SERVICE, json.ptr, texts);
	out->error = parts->error;
	out->values = parts->has_values ? &parts->values : NULL;
}

osp_status
osp_notification_read(osp_str json, osp_buf *scratch, osp_notification *out,
					  osp_error *err)
{
	char space[OSP__JSON_SPACE];
	osp__json_reader reader;
	osp__parts parts;
	osp_status status;

	osp_buf_reset(scratch);
	memset(out, 0, sizeof(*out));
	osp__json_reader_init(&reader, scratch->alc, space, sizeof(space));
	status = osp__notification_parse(&reader, json, scratch, &parts, err);
	osp__json_reader_term(&reader);
	if (status != OSP_OK)
		memset(&parts, 0, sizeof(parts));
	osp__notification_resolve(&parts, json, scratch->ptr, out);
	out->values = NULL;
	return status;
}
