/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_attributes.c
 *	  The attributes of a span.
 *
 * The info of start and stop is walked through once. A member that both have is taken
 * from the stop, as a whole unless it is an object in both. No key is written twice;
 * members with a fixed key come first.
 */
#include "otlp/otlp_attributes.h"

#include <stdio.h>
#include <stdlib.h>

#include "notify/batch.h"
#include "otlp/otlp_ids.h"
#include "otlp/otlp_proto.h"
#include "otlp/otlp_text.h"

#define PREFIX      "osprofiler."
#define PARAMETERS  "db.query.parameter."
#define PATH_SIZE   512
#define NUMBER_SIZE 64

/* Members nested deeper, and elements further behind in a list, are left out. */
#define DEPTH_MAX    16
#define ELEMENTS_MAX 100

/* State while the attributes of one span are written. */
typedef struct attributes
{
	otlp_span *span;
	osp_buf *out;
	unsigned field;
	otlp_family family;
} attributes;

/* The path to a member: "osprofiler.db.rows". */
typedef struct path
{
	char text[PATH_SIZE];
	size_t len;
} path;

otlp_family
otlp_family_of(osp_str operation)
{
	static const struct
	{
		osp_str name;
		otlp_family family;
	} families[] = {{{"db", 2}, OTLP_DB},
					{{"pg", 2}, OTLP_PG},
					{{"sqlite", 6}, OTLP_SQLITE}};
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
	{
		osp_str name = families[i].name;

		if (operation.len >= name.len &&
			memcmp(operation.ptr, name.ptr, name.len) == 0 &&
			(operation.len == name.len || operation.ptr[name.len] == '.'))
			return families[i].family;
	}
	return OTLP_OTHER;
}

static yyjson_val *
db_member(const otlp_half *half, const char *name)
{
	return yyjson_obj_get(yyjson_obj_get(half->info, "db"), name);
}

/* The member db.NAME of the stop, or else of the start; NULL if neither has it. */
static yyjson_val *
either(const otlp_span *span, const char *name)
{
	yyjson_val *value = db_member(&span->stop, name);

	return value != NULL ? value : db_member(&span->start, name);
}

static bool
is_new(const attributes *a, osp_str key)
{
	return otlp_keys_add(&a->span->keys, key);
}

static void
put(const attributes *a, osp_str key, osp_str text)
{
	if (text.len > 0 && is_new(a, key))
		otlp_put_text(a->out, a->field, key, text);
}

static void
put_int(const attributes *a, osp_str key, int64_t value)
{
	if (is_new(a, key))
		otlp_put_int(a->out, a->field, key, value);
}

static void
put_bool(const attributes *a, osp_str key, bool value)
{
	if (is_new(a, key))
		otlp_put_bool(a->out, a->field, key, value);
}

static void
put_number(const attributes *a, osp_str key, yyjson_val *value)
{
	char digits[NUMBER_SIZE];
	size_t len = unsafe_yyjson_get_len(value);
	int64_t number;

	if (osp__json_i64(value, &number))
		put_int(a, key, number);
	else if (len < sizeof(digits) && is_new(a, key))
	{
		memcpy(digits, unsafe_yyjson_get_raw(value), len);
		digits[len] = '\0';
		otlp_put_double(a->out, a->field, key, strtod(digits, NULL));
	}
}

/* Appends a member that is neither an object nor null. */
static void
put_leaf(const attributes *a, osp_str key, yyjson_val *value)
{
	if (yyjson_is_str(value) && is_new(a, key))
		otlp_put_text(a->out, a->field, key, osp__json_str(value));
	else if (yyjson_is_raw(value))
		put_number(a, key, value);
	else if (yyjson_is_bool(value))
		put_bool(a, key, yyjson_get_bool(value));
}

/* Is this member of info, or of info.db, already written under a name of
 * OpenTelemetry's conventions or in another part of the span? */
static bool
is_told(const attributes *a, osp_str key, bool in_db)
{
	static const char *const in_info[] = {
		"host", "elapsed_ns", "etype", "message"};
	static const char *const db[] = {"statement",
									 "system",
									 "namespace",
									 "database",
									 "server",
									 "port",
									 "command",
									 "name"};
	const char *const *names = in_db ? db : in_info;
	size_t count = in_db ? sizeof(db) / sizeof(db[0])
						 : sizeof(in_info) / sizeof(in_info[0]);
	size_t i;

	/* For SQLite "name" is the database file; for libpq it is a prepared statement. */
	if (in_db && a->family != OTLP_SQLITE)
		count--;
	for (i = 0; i < count; i++)
		if (osp_str_eq(key, osp_str_of(names[i])))
			return true;
	return false;
}

/* Goes one member down. False: the path is too long for a key, or not UTF-8. */
static bool
descend(path *p, osp_str key)
{
	size_t dot = p->len > 0 && p->text[p->len - 1] != '.' ? 1 : 0;

	if (p->len + dot + key.len > sizeof(p->text) || !otlp_is_utf8(key))
		return false;
	if (dot > 0)
		p->text[p->len++] = '.';
	memcpy(p->text + p->len, key.ptr, key.len);
	p->len += key.len;
	return true;
}

/* Is there a value? */
static bool
has_value(yyjson_val *value)
{
	return value != NULL && !yyjson_is_null(value);
}

/* Appends the statement's parameters, by name, or by place, which OpenTelemetry counts
 * from 0 and the info from 1. Parameters that twin, the stop's object in this place,
 * has as well are left out here. */
static void
put_parameters(const attributes *a, yyjson_val *object, yyjson_val *twin)
{
	yyjson_obj_iter iter = yyjson_obj_iter_with(object);
	yyjson_val *key;

	while ((key = yyjson_obj_iter_next(&iter)) != NULL)
	{
		yyjson_val *value = yyjson_obj_iter_get_val(key);
		path p = {.text = PARAMETERS, .len = sizeof(PARAMETERS) - 1};
		osp_str name = osp__json_str(key);
		char digits[NUMBER_SIZE];
		char *end;
		long place = strtol(name.ptr, &end, 10);

		if (has_value(yyjson_obj_getn(twin, name.ptr, name.len)))
			continue;
		if (place > 0 && end == name.ptr + name.len)
			name = osp_str_n(
				digits,
				(size_t) snprintf(digits, sizeof(digits), "%ld", place - 1));
		if (!descend(&p, name))
			continue;
		if (yyjson_is_raw(value))
			put(a,
				osp_str_n(p.text, p.len),
				osp_str_n(unsafe_yyjson_get_raw(value),
						  unsafe_yyjson_get_len(value)));
		else
			put_leaf(a, osp_str_n(p.text, p.len), value);
	}
}

static void put_members(const attributes *a, path *p, yyjson_val *object,
						yyjson_val *twin, int depth);

static void
put_value(const attributes *a, path *p, yyjson_val *value, yyjson_val *twin,
		  int depth)
{
	size_t before = p->len;
	size_t count = yyjson_arr_size(value);
	size_t i;

	if (has_value(twin) && !(yyjson_is_obj(value) && yyjson_is_obj(twin)))
		return;
	if (yyjson_is_obj(value))
		put_members(a, p, value, twin, depth + 1);
	else
		put_leaf(a, osp_str_n(p->text, p->len), value);
	for (i = 0; i < count && i < ELEMENTS_MAX && depth < DEPTH_MAX; i++)
	{
		char digits[NUMBER_SIZE];
		int len = snprintf(digits, sizeof(digits), "%zu", i);

		if (descend(p, osp_str_n(digits, (size_t) len)))
			put_value(a, p, yyjson_arr_get(value, i), NULL, depth + 1);
		p->len = before;
	}
}

/* Appends the members of object. If object belongs to the start, twin is the stop's
 * value in the same place. */
static void
put_members(const attributes *a, path *p, yyjson_val *object, yyjson_val *twin,
			int depth)
{
	size_t before = p->len;
	bool in_db = depth == 1 && before == sizeof(PREFIX "db") - 1 &&
				 memcmp(p->text, PREFIX "db", before) == 0;
	yyjson_obj_iter iter = yyjson_obj_iter_with(object);
	yyjson_obj_iter twins = yyjson_obj_iter_with(twin);
	yyjson_val *key;

	if (depth > DEPTH_MAX)
		return;
	while ((key = yyjson_obj_iter_next(&iter)) != NULL)
	{
		yyjson_val *value = yyjson_obj_iter_get_val(key);
		osp_str name = osp__json_str(key);
		yyjson_val *other = NULL;

		if ((depth == 0 || in_db) && is_told(a, name, in_db))
			continue;

		/* This is fast if the stop has the same members in the same order. */
		if (yyjson_is_obj(twin))
			other = yyjson_obj_iter_getn(&twins, name.ptr, name.len);
		if (in_db && osp_str_eq(name, OSP_STR("params")) &&
			yyjson_is_obj(value))
			put_parameters(a, value, other);
		else if (descend(p, name))
			put_value(a, p, value, other, depth);
		p->len = before;
	}
}

static osp_str
system_of(const attributes *a)
{
	osp_str system = osp__json_str(either(a->span, "system"));

	if (system.len > 0)
		return system;
	if (a->family == OTLP_SQLITE)
		return OSP_STR("sqlite");

	/* Points of OSProfiler in Python are named db as well, for every database. */
	if (a->family == OTLP_PG || either(a->span, "database") != NULL ||
		either(a->span, "server") != NULL)
		return OSP_STR("postgresql");
	return OSP_STR("other_sql");
}

/* A command tag without its counts: INSERT for "INSERT 0 2". */
static osp_str
command_of(osp_str tag)
{
	size_t len = tag.len;

	while (len > 0 && ((tag.ptr[len - 1] >= '0' && tag.ptr[len - 1] <= '9') ||
					   tag.ptr[len - 1] == ' '))
		len--;
	return osp_str_n(tag.ptr, len);
}

static void
put_database(const attributes *a)
{
	const otlp_span *span = a->span;
	osp_str command = command_of(osp__json_str(either(span, "command")));
	osp_str port = osp__json_str(either(span, "port"));
	osp_str address = osp__json_str(either(span, "server"));
	osp_str space = osp__json_str(
		either(span, a->family == OTLP_SQLITE ? "name" : "namespace"));

	if (command.len == 0)
		command = osp__json_str(either(span, "operation"));
	if (space.len == 0)
		space = osp__json_str(either(span, "database"));
	put(a, OSP_STR("db.system.name"), system_of(a));
	put(a, OSP_STR("db.namespace"), space);
	put(a, OSP_STR("db.operation.name"), command);
	put(a, OSP_STR("server.address"), address);
	if (address.len > 0 && port.len > 0 && port.len <= 5)
		put_int(a, OSP_STR("server.port"), strtol(port.ptr, NULL, 10));
}

/* Appends the statement's text, without constants unless it has parameters. */
static void
put_statement(const attributes *a, osp_str text, osp_sql_dialect dialect,
			  bool has_params)
{
	osp_buf *space = &a->span->text;
	size_t size = 3 * text.len + 16;

	if (a->span->statement_text == OSP_STATEMENT_NONE)
		return;
	if (a->span->statement_text == OSP_STATEMENT_NORMALIZED && !has_params)
	{
		osp_buf_reset(space);
		if (!osp_buf_reserve(space, size))
			return;
		space->len = osp_sql_normalize(
			text, dialect, OSP_SQL_HARMLESS, space->ptr, size);
		text = osp_buf_str(space);
	}
	put(a, OSP_STR("db.query.text"), text);
}

static void
put_query(const attributes *a, otlp_summary *summary)
{
	osp_sql_dialect dialect =
		a->family == OTLP_SQLITE ? OSP_SQL_SQLITE : OSP_SQL_POSTGRES_ANY;
	osp_str text = osp__json_str(db_member(&a->span->start, "statement"));

	if (text.len == 0)
		return;
	otlp_summarize(text, dialect, summary);
	put_statement(a, text, dialect, summary->has_params);
	put(a, OSP_STR("db.query.summary"), osp_str_n(summary->text, summary->len));
}

/* Appends the error; OpenTelemetry names PostgreSQL's errors by SQLSTATE, not by
 * condition name. */
static void
put_error(const attributes *a)
{
	osp_str etype = osp__json_str(yyjson_obj_get(a->span->stop.info, "etype"));
	const char *state = etype.len > 0 ? osp_sqlstate_of(etype) : NULL;
	osp_str code = state != NULL ? osp_str_of(state) : etype;

	if (etype.len == 0)
		return;
	put(a, OSP_STR("error.type"), code);
	if (state != NULL || a->family == OTLP_SQLITE)
		put(a, OSP_STR("db.response.status_code"), code);
	put(a, OSP_STR(PREFIX "etype"), etype);
}

/* Appends the ids that are not UUIDs, because the span's own ids are then
 * hashes. */
static void
put_ids(const attributes *a)
{
	const osp_notification *n = a->span->start.notification != NULL
									? a->span->start.notification
									: a->span->stop.notification;
	unsigned char id[OTLP_TRACE_ID_SIZE];

	if (!otlp_trace_id(n->base_id, id))
		put(a, OSP_STR(PREFIX "base_id"), n->base_id);
	if (!otlp_span_id(n->trace_id, id))
		put(a, OSP_STR(PREFIX "trace_id"), n->trace_id);
}

void
otlp_put_attributes(otlp_span *span, osp_str operation, unsigned field,
					otlp_summary *summary)
{
	attributes a = {span, &span->encoded, field, otlp_family_of(operation)};
	path p = {.text = PREFIX, .len = sizeof(PREFIX) - 1};

	summary->len = 0;
	put(&a, OSP_STR(PREFIX "operation"), operation);
	if (a.family != OTLP_OTHER)
	{
		put_database(&a);
		put_query(&a, summary);
	}
	put_error(&a);
	put_ids(&a);
	if (span->stop.notification == NULL)
		put_bool(&a, OSP_STR(PREFIX "unfinished"), true);
	if (span->start.notification == NULL)
		put_bool(&a, OSP_STR(PREFIX "start_lost"), true);
	put_members(&a, &p, span->start.info, span->stop.info, 0);
	put_members(&a, &p, span->stop.info, NULL, 0);
}
