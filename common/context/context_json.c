/* SPDX-License-Identifier: Apache-2.0
 *
 * context_json.c
 *	  Reading the JSON of a signed context as Python's json.loads does.
 *
 * The reader of json/ accepts more than a context may hold. Bytes that are not
 * UTF-8 make a context unreadable, as they do for Python. An id may hold no
 * escape of a lone surrogate, because no collector can keep it.
 */
#include "context/context_json.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "json/json_read.h"

#define JSON_MAX OSP__BASE64_DECODED(OSP_TRACE_INFO_MAX)

/* Bytes on the stack for reading usual contexts; a longer one is read in allocated
 * memory. The thread of a traced program may have a small stack. */
#define POOL_SIZE 4096

static bool
is_surrogate(uint32_t code)
{
	return code >= 0xd800 && code <= 0xdfff;
}

/* Is it a control character of Unicode: C0, DEL or C1? */
static bool
is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

/* Can a collector keep the id, and a person read it? */
static bool
is_printable(osp_str id)
{
	const char *p = id.ptr;
	const char *end = p + id.len;

	while (p < end)
	{
		unsigned len;
		uint32_t code = osp__utf8_decode(p, end, &len);

		if (is_control(code) || is_surrogate(code))
			return false;
		p += len;
	}
	return true;
}

static bool
is_utf8(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	while (p < end)
	{
		unsigned len;
		uint32_t code = osp__utf8_decode(p, end, &len);

		if (code == OSP__UTF8_INVALID || is_surrogate(code))
			return false;
		p += len;
	}
	return true;
}

static bool
set_id(osp_id *id, yyjson_val *value)
{
	return yyjson_is_str(value) && osp_id_set(id, osp__json_str(value)) &&
		   (id->is_uuid || is_printable(osp__json_str(value)));
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

	/* If several members have one name, the last one counts. */
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
	char json[JSON_MAX];
	char space[POOL_SIZE];
	osp__json_reader reader;
	osp_verdict verdict;
	osp_str text;
	size_t len;

	if (!osp__base64_decode(trace_info, json, &len))
		return OSP_CTX_BAD_ENCODING;
	text = osp_str_n(json, len);
	osp__json_reader_init(
		&reader, &osp_allocator_default, space, sizeof(space));
	if (osp__json_read(&reader, text) != OSP_OK)
		return OSP_CTX_BAD_ENCODING;
	if (reader.lenient && !is_utf8(text))
		verdict = OSP_CTX_BAD_ENCODING;
	else if (!yyjson_is_obj(osp__json_root(&reader)))
		verdict = OSP_CTX_BAD_MEMBERS;
	else
		verdict = read_members(osp__json_root(&reader), out);
	osp__json_reader_term(&reader);
	return verdict;
}
