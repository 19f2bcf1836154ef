/* SPDX-License-Identifier: Apache-2.0
 *
 * json_member.c
 *	  Finds one member of a JSON object.
 */
#include "osprofiler/json.h"

#include "json/json_read.h"
#include "json/json_value.h"

/* Finds the member of a name, which may be names of nested objects with dots between;
 * NULL: there is none. */
static yyjson_val *
member_of(yyjson_val *object, osp_str name)
{
	yyjson_val *value = yyjson_obj_getn(object, name.ptr, name.len);
	const char *dot = memchr(name.ptr, '.', name.len);
	size_t len;

	if (value != NULL || dot == NULL)
		return value;
	len = (size_t) (dot - name.ptr);
	return member_of(yyjson_obj_getn(object, name.ptr, len),
					 osp_str_n(dot + 1, name.len - len - 1));
}

osp_status
osp_json_member_text(osp_buf *buf, osp_str json, osp_str name)
{
	char space[OSP__JSON_SPACE];
	osp__json_reader reader;
	osp_status status;

	osp__json_reader_init(&reader, buf->alc, space, sizeof(space));
	status = osp__json_read(&reader, json);
	if (status == OSP_OK && !yyjson_is_obj(osp__json_root(&reader)))
		status = OSP_EPROTO;
	if (status == OSP_OK)
	{
		yyjson_val *value = member_of(osp__json_root(&reader), name);

		if (yyjson_is_str(value))
			osp_buf_add_str(buf, osp__json_str(value));
		else
			status = OSP_ENOENT;
	}
	osp__json_reader_term(&reader);
	return status == OSP_OK ? osp_buf_status(buf) : status;
}

osp_status
osp__json_value(const osp_allocator *alc, osp_str json, osp_str name,
				osp_str *value)
{
	char space[OSP__JSON_SPACE];
	osp__json_reader reader;
	osp__json_iter iter;
	osp__json_member member;
	osp_status status;

	osp__json_reader_init(&reader, alc, space, sizeof(space));
	status = osp__json_read(&reader, json);
	if (status == OSP_OK && !yyjson_is_obj(osp__json_root(&reader)))
		status = OSP_EPROTO;
	if (status == OSP_OK)
	{
		/* If several members have this name, the last one counts, as in Python. */
		status = OSP_ENOENT;
		osp__json_iter_init(&iter,
							&reader,
							osp__json_root(&reader),
							osp__json_root_text(&reader));
		while (osp__json_iter_next(&iter, &member))
		{
			if (!osp__json_is(member.key, name))
				continue;
			*value = member.value_text;
			status = OSP_OK;
		}
	}
	osp__json_reader_term(&reader);
	return status;
}
