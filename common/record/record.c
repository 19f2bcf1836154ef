/* SPDX-License-Identifier: Apache-2.0
 *
 * record.c
 *	  Reading the binary form of a point. Any bytes are safe to read.
 */
#include "record/record.h"

/* Moves len bytes from the front of rest to out; false if rest is shorter. */
static bool
take(osp_str *rest, size_t len, osp_str *out)
{
	if (rest->len < len)
		return false;
	*out = osp_str_n(rest->ptr, len);
	rest->ptr += len;
	rest->len -= len;
	return true;
}

static bool
take_id(osp_str *rest, size_t len, bool is_uuid, osp_id *out)
{
	osp_str bytes;

	if (len > OSP_ID_MAX || (is_uuid && len != sizeof(osp_uuid)) ||
		!take(rest, len, &bytes))
		return false;
	out->is_uuid = is_uuid;
	out->len = (uint8_t) len;
	memcpy(out->bytes, bytes.ptr, len);
	return true;
}

/* Size of a value of this type; SIZE_MAX: its length comes first. */
static size_t
value_size(osp_attr_type type)
{
	switch (type)
	{
		case OSP_ATTR_END:
		case OSP_ATTR_OBJECT:
		case OSP_ATTR_NULL:
			return 0;
		case OSP_ATTR_BOOL:
			return 1;
		case OSP_ATTR_SQLSTATE:
			return 5;
		case OSP_ATTR_I64:
		case OSP_ATTR_U64:
		case OSP_ATTR_F64:
			return 8;
		case OSP_ATTR_STR:
		case OSP_ATTR_JSON:
		case OSP_ATTR_MEMBERS:
			break;
	}
	return SIZE_MAX;
}

bool
osp_attr_value(osp_attr_type type, osp_str *rest, osp_str *value)
{
	size_t size = value_size(type);

	if (size == SIZE_MAX)
	{
		osp_str len_bytes;
		uint32_t len;

		if (!take(rest, sizeof(len), &len_bytes))
			return false;
		memcpy(&len, len_bytes.ptr, sizeof(len));
		size = len;
	}
	return take(rest, size, value);
}

bool
osp_attr_next(osp_str info, size_t *pos, osp_attr *out)
{
	osp_str rest;
	osp_str head;

	if (*pos >= info.len)
		return false;
	rest = osp_str_n(info.ptr + *pos, info.len - *pos);
	if (!take(&rest, 2, &head) || (uint8_t) head.ptr[0] > OSP_ATTR_SQLSTATE ||
		!take(&rest, (uint8_t) head.ptr[1], &out->key))
		return false;
	out->type = (osp_attr_type) head.ptr[0];
	if (!osp_attr_value(out->type, &rest, &out->value))
		return false;
	*pos = info.len - rest.len;
	return true;
}

/* Do the attributes fill info exactly, and are all objects closed? */
static bool
info_is_sane(osp_str info)
{
	size_t pos = 0;
	int depth = 0;
	osp_attr attr;

	while (osp_attr_next(info, &pos, &attr))
	{
		if (attr.type == OSP_ATTR_OBJECT && ++depth > OSP_INFO_DEPTH)
			return false;
		if (attr.type == OSP_ATTR_END && --depth < 0)
			return false;
	}
	return pos == info.len && depth == 0;
}

size_t
osp_record_read(const void *bytes, size_t avail, osp_record *out)
{
	size_t size = osp_record_read_frame(bytes, avail, out);

	if (size == 0 || out->kind == OSP_RECORD_PAD || info_is_sane(out->info))
		return size;
	return 0;
}

size_t
osp_record_read_frame(const void *bytes, size_t avail, osp_record *out)
{
	osp_record_head head;
	osp_str rest;

	/* A pad may be as short as the space that is left before the end of the ring. */
	if (avail < OSP_RECORD_ALIGN)
		return 0;
	memcpy(&head, bytes, OSP_RECORD_ALIGN);
	if (head.size < OSP_RECORD_ALIGN || head.size > avail ||
		head.size % OSP_RECORD_ALIGN != 0 || head.version != OSP_RECORD_VERSION)
		return 0;
	if (head.kind == OSP_RECORD_PAD)
	{
		out->kind = OSP_RECORD_PAD;
		return head.size;
	}
	if ((head.kind != OSP_RECORD_START && head.kind != OSP_RECORD_STOP) ||
		head.size < sizeof(head))
		return 0;
	memcpy(&head, bytes, sizeof(head));
	rest = osp_str_n((const char *) bytes + sizeof(head),
					 head.size - sizeof(head));

	out->kind = (osp_record_kind) head.kind;
	out->flags = head.flags;
	out->mono_ns = head.mono_ns;
	out->elapsed_ns = head.elapsed_ns;
	out->trace_id = head.trace_id;
	if (!take_id(&rest,
				 head.base_len,
				 (head.flags & OSP_RECORD_BASE_UUID) != 0,
				 &out->base_id) ||
		!take_id(&rest,
				 head.parent_len,
				 (head.flags & OSP_RECORD_PARENT_UUID) != 0,
				 &out->parent_id) ||
		!take(&rest, head.name_len, &out->name) ||
		!take(&rest, head.project_len, &out->project) ||
		!take(&rest, head.service_len, &out->service) ||
		!take(&rest, head.info_len, &out->info) || rest.len >= OSP_RECORD_ALIGN)
		return 0;
	if (out->base_id.len == 0 || out->name.len == 0)
		return 0;
	return head.size;
}
