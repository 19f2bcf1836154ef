/* SPDX-License-Identifier: Apache-2.0
 *
 * context_json.c
 *	  Reading the JSON of a signed context as Python's json.loads does.
 *
 * Where yyjson differs from Python:
 *	- Python reads NaN, Infinity and -Infinity, yyjson every spelling of them or
 *	  none. So numbers are read raw and looked at.
 *	- Python reads an escaped surrogate that has no partner, yyjson does not.
 *	  No collector can keep such an id, so it is made a control character before
 *	  yyjson sees it: a bad id, and of no concern in a member that is not read.
 *	- Python ends at some depth that depends on its own stack, here it is
 *	  OSP_JSON_DEPTH_MAX.
 */
#include "context/context_json.h"

#include "../third_party/yyjson/yyjson.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "osprofiler/json.h"

#define READ_FLAGS                                    \
	(YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW | \
	 YYJSON_READ_ALLOW_INF_AND_NAN)

/* See yyjson_read_max_memory_usage(): 12 bytes for each, and 256. */
#define JSON_MAX  OSP__BASE64_DECODED(OSP_TRACE_INFO_MAX)
#define POOL_SIZE (JSON_MAX * 12 + 512)

#define UNICODE_ESCAPE_LEN 6 /* \uXXXX */

/* The number that an escape \uXXXX at p stands for, or -1 if it is none. */
static long
read_escape(const char *p, const char *end)
{
	long value = 0;
	int i;

	if (end - p < UNICODE_ESCAPE_LEN || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (i = 2; i < UNICODE_ESCAPE_LEN; i++)
	{
		int digit = osp__hex_value(p[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Makes escaped surrogates without a partner \u0000. */
static void
replace_lone_surrogates(char *p, char *end)
{
	while ((p = memchr(p, '\\', (size_t) (end - p))) != NULL)
	{
		long first = read_escape(p, end);

		if (first < 0)
		{
			/* Two characters, or an error that the reader will find. */
			p += end - p > 1 ? 2 : 1;
			continue;
		}
		if (first >= 0xd800 && first <= 0xdfff)
		{
			long second = read_escape(p + UNICODE_ESCAPE_LEN, end);

			if (first <= 0xdbff && second >= 0xdc00 && second <= 0xdfff)
				p += UNICODE_ESCAPE_LEN;
			else
				memcpy(p + 2, "0000", 4);
		}
		p += UNICODE_ESCAPE_LEN;
	}
}

/* What yyjson read raw: a number, or one of Python's three names? */
static bool
is_python_number(yyjson_val *value)
{
	osp_str raw = osp_str_n(yyjson_get_raw(value), yyjson_get_len(value));
	size_t sign = raw.len > 0 && raw.ptr[0] == '-' ? 1 : 0;

	if (raw.len > sign && raw.ptr[sign] >= '0' && raw.ptr[sign] <= '9')
		return true;
	return osp_str_eq(raw, OSP_STR("NaN")) ||
		   osp_str_eq(raw, OSP_STR("Infinity")) ||
		   osp_str_eq(raw, OSP_STR("-Infinity"));
}

/* Would Python read this value, and what is in it, too? */
static bool
check_value(yyjson_val *value, unsigned depth)
{
	yyjson_val *child;
	size_t i;
	size_t count;

	if (yyjson_is_raw(value))
		return is_python_number(value);
	if (!yyjson_is_ctn(value))
		return true;
	if (depth == OSP_JSON_DEPTH_MAX)
		return false;
	if (yyjson_is_arr(value))
	{
		yyjson_arr_foreach(value, i, count, child)
		{
			if (!check_value(child, depth + 1))
				return false;
		}
	}
	else
	{
		yyjson_val *name;

		yyjson_obj_foreach(value, i, count, name, child)
		{
			if (!check_value(child, depth + 1))
				return false;
		}
	}
	return true;
}

/* Control characters are those of Unicode: C0, DEL and C1. */
static bool
has_control_character(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	while (p < end)
	{
		unsigned len;
		uint32_t code = osp__utf8_decode(p, end, &len);

		if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
			return true;
		p += len;
	}
	return false;
}

static bool
set_id(osp_id *id, yyjson_val *value)
{
	osp_str text;

	if (!yyjson_is_str(value))
		return false;
	text = osp_str_n(yyjson_get_str(value), yyjson_get_len(value));
	return osp_id_set(id, text) &&
		   (id->is_uuid || !has_control_character(text));
}

static osp_verdict
read_members(yyjson_val *root, osp_context *out)
{
	yyjson_val *base = NULL;
	yyjson_val *parent = NULL;
	yyjson_val *name;
	yyjson_val *value;
	size_t i;
	size_t count;

	/* Of several members with one name the last one counts. */
	yyjson_obj_foreach(root, i, count, name, value)
	{
		if (yyjson_equals_str(name, "base_id"))
			base = value;
		else if (yyjson_equals_str(name, "parent_id"))
			parent = value;
		else if (!yyjson_equals_str(name, "hmac_key"))
			return OSP_CTX_BAD_MEMBERS;
	}
	if (base == NULL)
		return OSP_CTX_BAD_MEMBERS;
	if (!set_id(&out->base_id, base))
		return OSP_CTX_BAD_ID;
	if (parent == NULL || yyjson_is_null(parent) ||
		yyjson_equals_str(parent, ""))
		out->parent_id = out->base_id;
	else if (!set_id(&out->parent_id, parent))
		return OSP_CTX_BAD_ID;
	return OSP_CTX_ACCEPTED;
}

osp_verdict
osp__context_read(osp_str trace_info, osp_context *out)
{
	char json[JSON_MAX + YYJSON_PADDING_SIZE];
	char pool[POOL_SIZE];
	yyjson_alc alc;
	yyjson_doc *doc;
	yyjson_val *root;
	size_t len;

	if (!osp__base64_decode(trace_info, json, &len))
		return OSP_CTX_BAD_ENCODING;
	memset(json + len, 0, YYJSON_PADDING_SIZE);
	replace_lone_surrogates(json, json + len);

	/* All memory is the pool's, so there is nothing to free. */
	if (!yyjson_alc_pool_init(&alc, pool, sizeof(pool)))
		return OSP_CTX_BAD_ENCODING;
	doc = yyjson_read_opts(json, len, READ_FLAGS, &alc, NULL);
	root = yyjson_doc_get_root(doc);
	if (root == NULL || !check_value(root, 0))
		return OSP_CTX_BAD_ENCODING;
	if (!yyjson_is_obj(root))
		return OSP_CTX_BAD_MEMBERS;
	return read_members(root, out);
}
