/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_match.c
 *	  Finds out which notifications belong to a trace.
 */
#include "trace_match.h"

/*
 * Does the id consist of characters that JSON never escapes? Then a line
 * without the id can be skipped without parsing.
 */
static bool
is_plain(osp_str id)
{
	size_t i;

	for (i = 0; i < id.len; i++)
	{
		unsigned char c = (unsigned char) id.ptr[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '/')
			return false;
	}
	return id.len > 0;
}

/*
 * Does the line begin like a notification of this plain base_id, in the bytes
 * that we and upstream write? Then its trace is known without parsing.
 */
static bool
begins_with_id(osp_str line, osp_str base_id)
{
	static const char begin[] = "{\"name\": \"";
	static const char middle[] = "\", \"base_id\": \"";
	const size_t begin_len = sizeof(begin) - 1;
	const size_t middle_len = sizeof(middle) - 1;
	const char *name_end;
	size_t left;

	if (line.len < begin_len || memcmp(line.ptr, begin, begin_len) != 0)
		return false;
	left = line.len - begin_len;
	name_end = memchr(line.ptr + begin_len, '"', left);
	if (name_end == NULL || name_end[-1] == '\\')
		return false;
	left -= (size_t) (name_end - (line.ptr + begin_len));
	return left > middle_len + base_id.len &&
		   memcmp(name_end, middle, middle_len) == 0 &&
		   memcmp(name_end + middle_len, base_id.ptr, base_id.len) == 0 &&
		   name_end[middle_len + base_id.len] == '"';
}

void
osp__trace_match_init(osp_trace_match *match, osp_str base_id)
{
	match->base_id = base_id;
	match->plain = is_plain(base_id);
}

bool
osp__trace_may_match(const osp_trace_match *match, osp_str text)
{
	return !match->plain ||
		   memmem(text.ptr, text.len, match->base_id.ptr, match->base_id.len) !=
			   NULL;
}

osp_status
osp__trace_matches(const osp_trace_match *match, osp_str json, osp_buf *scratch)
{
	osp_notification point;
	osp_status status;

	if (!osp__trace_may_match(match, json))
		return OSP_ENOENT;
	if (match->plain && begins_with_id(json, match->base_id) &&
		json.ptr[json.len - 1] == '}')
		return OSP_OK;
	osp_buf_reset(scratch);
	status = osp_notification_read(json, scratch, &point, NULL);
	if (status == OSP_ENOMEM)
		return status;
	return status == OSP_OK && osp_str_eq(point.base_id, match->base_id)
			   ? OSP_OK
			   : OSP_ENOENT;
}
