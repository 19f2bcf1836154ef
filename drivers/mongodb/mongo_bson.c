/* SPDX-License-Identifier: Apache-2.0
 *
 * mongo_bson.c
 *	  Converts notifications to documents, and back.
 *
 * libbson's own JSON reader is not used: it gives keys like "$oid" a special
 * meaning, which parameters of statements ("$1") must not have.
 */
#include "mongodb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/json.h"

#define NUMBER_MAX 400

/* ---- to BSON ---- */

static bool append_value(osp_buf *scratch, bson_t *to, osp_str key,
						 yyjson_val *value);

/* Replaces half of a surrogate pair, which is not valid UTF-8, by U+FFFD. */
static osp_str
without_surrogates(osp_buf *scratch, osp_str text)
{
	size_t i;

	osp_buf_reset(scratch);
	osp_buf_add_str(scratch, text);
	for (i = 0; i + 2 < scratch->len; i++)
	{
		unsigned char *p = (unsigned char *) scratch->ptr + i;

		if (p[0] == 0xed && p[1] >= 0xa0)
			memcpy(p, "\xef\xbf\xbd", 3);
	}
	return osp_buf_str(scratch);
}

static bool
append_text(osp_buf *scratch, bson_t *to, osp_str key, osp_str text)
{
	if (memchr(text.ptr, 0xed, text.len) != NULL)
		text = without_surrogates(scratch, text);
	return osp_buf_status(scratch) == OSP_OK &&
		   bson_append_utf8(
			   to, key.ptr, (int) key.len, text.ptr, (int) text.len);
}

/*
 * Appends a whole number with the type that Python's driver would choose, any
 * other number as a double.
 */
static bool
append_number(bson_t *to, osp_str key, osp_str text)
{
	char copy[NUMBER_MAX];
	char *end;
	long long whole;

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	errno = 0;
	whole = strtoll(copy, &end, 10);
	if (*end != '\0' || errno != 0)
		return bson_append_double(
			to, key.ptr, (int) key.len, strtod(copy, NULL));
	if (whole >= INT32_MIN && whole <= INT32_MAX)
		return bson_append_int32(to, key.ptr, (int) key.len, (int32_t) whole);
	return bson_append_int64(to, key.ptr, (int) key.len, whole);
}

static bool
append_members(osp_buf *scratch, bson_t *to, yyjson_val *object)
{
	yyjson_obj_iter iter;
	yyjson_val *key;

	(void) yyjson_obj_iter_init(object, &iter);
	while ((key = yyjson_obj_iter_next(&iter)) != NULL)
	{
		osp_str name = osp__json_str(key);

		/* A name in BSON ends with a NUL, so it must not contain one. */
		if (memchr(name.ptr, '\0', name.len) != NULL ||
			!append_value(scratch, to, name, yyjson_obj_iter_get_val(key)))
			return false;
	}
	return true;
}

static bool
append_elements(osp_buf *scratch, bson_t *to, yyjson_val *array)
{
	yyjson_arr_iter iter;
	yyjson_val *value;
	uint32_t i = 0;

	(void) yyjson_arr_iter_init(array, &iter);
	while ((value = yyjson_arr_iter_next(&iter)) != NULL)
	{
		char room[16];
		const char *key;
		size_t len = bson_uint32_to_string(i++, &key, room, sizeof(room));

		if (!append_value(scratch, to, osp_str_n(key, len), value))
			return false;
	}
	return true;
}

/* Appends a value of any type. The JSON reader limits the nesting. */
static bool
append_value(osp_buf *scratch, bson_t *to, osp_str key, yyjson_val *value)
{
	bson_t inner;
	bool good;

	if (yyjson_is_str(value))
		return append_text(scratch, to, key, osp__json_str(value));
	if (yyjson_is_raw(value))
		return append_number(to,
							 key,
							 osp_str_n(unsafe_yyjson_get_raw(value),
									   unsafe_yyjson_get_len(value)));
	if (yyjson_is_bool(value))
		return bson_append_bool(
			to, key.ptr, (int) key.len, yyjson_is_true(value));
	if (yyjson_is_obj(value))
	{
		good = bson_append_document_begin(to, key.ptr, (int) key.len, &inner) &&
			   append_members(scratch, &inner, value);
		return bson_append_document_end(to, &inner) && good;
	}
	if (yyjson_is_arr(value))
	{
		good = bson_append_array_begin(to, key.ptr, (int) key.len, &inner) &&
			   append_elements(scratch, &inner, value);
		return bson_append_array_end(to, &inner) && good;
	}
	return bson_append_null(to, key.ptr, (int) key.len);
}

osp_status
osp__mongo_from_json(osp_driver_conn *conn, osp_str json, bson_t *document)
{
	osp_status status = osp__json_read_unique(&conn->reader, json, &conn->text);

	if (status != OSP_OK)
		return status;
	osp_buf_reset(&conn->scratch);
	if (append_members(&conn->scratch, document, osp__json_root(&conn->reader)))
		return OSP_OK;
	return osp_buf_status(&conn->scratch) == OSP_ENOMEM ? OSP_ENOMEM
														: OSP_EPROTO;
}

/* ---- and back ---- */

static void put_members(osp_buf *buf, bson_iter_t *iter, bool array, bool top);

static void
put_date(osp_buf *buf, int64_t ms)
{
	char text[OSP_TIMESTAMP_LEN + 1];

	osp_timestamp_text(ms * INT64_C(1000000), text);
	osp_json_string(buf, osp_str_of(text));
}

/* Writes a value as JSON. Types that no profiler writes become null. */
static void
put_value(osp_buf *buf, bson_iter_t *iter)
{
	bson_iter_t inner;
	const char *text;
	uint32_t len;

	switch (bson_iter_type(iter))
	{
		case BSON_TYPE_UTF8:
			text = bson_iter_utf8(iter, &len);
			osp_json_string(buf, osp_str_n(text, len));
			break;
		case BSON_TYPE_INT32:
		case BSON_TYPE_INT64:
			osp_buf_add_i64(buf, bson_iter_as_int64(iter));
			break;
		case BSON_TYPE_DOUBLE:
			osp_json_double(buf, bson_iter_double(iter));
			break;
		case BSON_TYPE_BOOL:
			osp_buf_add_str(
				buf, bson_iter_bool(iter) ? OSP_STR("true") : OSP_STR("false"));
			break;
		case BSON_TYPE_DATE_TIME:
			put_date(buf, bson_iter_date_time(iter));
			break;
		case BSON_TYPE_DOCUMENT:
		case BSON_TYPE_ARRAY:
			if (bson_iter_recurse(iter, &inner))
			{
				put_members(buf,
							&inner,
							bson_iter_type(iter) == BSON_TYPE_ARRAY,
							false);
				break;
			}
			/* FALLTHROUGH */
		default:
			osp_buf_add_str(buf, OSP_STR("null"));
	}
}

static void
put_members(osp_buf *buf, bson_iter_t *iter, bool array, bool top)
{
	bool first = true;

	osp_buf_add_char(buf, array ? '[' : '{');
	while (bson_iter_next(iter))
	{
		if (top && strcmp(bson_iter_key(iter), "_id") == 0)
			continue;
		if (!first)
			osp_buf_add_str(buf, OSP_STR(", "));
		first = false;
		if (!array)
		{
			osp_json_string(buf, osp_str_of(bson_iter_key(iter)));
			osp_buf_add_str(buf, OSP_STR(": "));
		}
		put_value(buf, iter);
	}
	osp_buf_add_char(buf, array ? ']' : '}');
}

void
osp__mongo_to_json(osp_buf *buf, const bson_t *document)
{
	bson_iter_t iter;

	if (bson_iter_init(&iter, document))
		put_members(buf, &iter, false, true);
}
