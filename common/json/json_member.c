/* SPDX-License-Identifier: Apache-2.0
 *
 * json_member.c
 *	  One text out of a JSON object.
 */
#include "osprofiler/json.h"

#include "json/json_read.h"

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
		yyjson_val *value =
			yyjson_obj_getn(osp__json_root(&reader), name.ptr, name.len);

		if (yyjson_is_str(value))
			osp_buf_add_str(buf, osp__json_str(value));
		else
			status = OSP_ENOENT;
	}
	osp__json_reader_term(&reader);
	return status == OSP_OK ? osp_buf_status(buf) : status;
}
