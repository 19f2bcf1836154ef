/* SPDX-License-Identifier: Apache-2.0
 *
 * traceparent.c
 *	  W3C trace contexts: version-traceid-parentid-flags, all in hex.
 */
#include "osprofiler/context.h"

#include "base/hex.h"

#define VERSION_AT    0
#define TRACE_ID_AT   3
#define PARENT_ID_AT  36
#define FLAGS_AT      53
#define LENGTH        OSP_TRACEPARENT_LEN /* later versions may be longer */
#define PARENT_ID_LEN 8
#define SAMPLED       1

/* Reads n bytes from 2 * n hex digits, which must be lower-case. */
static bool
read_hex(const char *text, unsigned char *out, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++, text += 2)
	{
		int high = osp__hex_value(text[0]);
		int low = osp__hex_value(text[1]);

		if (high < 0 || low < 0 || (text[0] >= 'A' && text[0] <= 'F') ||
			(text[1] >= 'A' && text[1] <= 'F'))
			return false;
		out[i] = (unsigned char) (high << 4 | low);
	}
	return true;
}

static bool
is_zero(const unsigned char *bytes, size_t n)
{
	while (n > 0 && bytes[n - 1] == 0)
		n--;
	return n == 0;
}

static bool
has_form(osp_str text)
{
	return text.len >= LENGTH && text.ptr[TRACE_ID_AT - 1] == '-' &&
		   text.ptr[PARENT_ID_AT - 1] == '-' && text.ptr[FLAGS_AT - 1] == '-';
}

bool
osp_traceparent_read(osp_str text, osp_traceparent *out)
{
	unsigned char version;
	unsigned char flags;
	osp_uuid trace;
	osp_uuid parent = {{0}};
	unsigned char *parent_id =
		parent.bytes + sizeof(parent.bytes) - PARENT_ID_LEN;

	if (!has_form(text) || !read_hex(text.ptr + VERSION_AT, &version, 1) ||
		!read_hex(text.ptr + TRACE_ID_AT, trace.bytes, sizeof(trace.bytes)) ||
		!read_hex(text.ptr + PARENT_ID_AT, parent_id, PARENT_ID_LEN) ||
		!read_hex(text.ptr + FLAGS_AT, &flags, 1))
		return false;
	if (version == 0xff ||
		(text.len > LENGTH && (version == 0 || text.ptr[LENGTH] != '-')))
		return false;
	if (is_zero(trace.bytes, sizeof(trace.bytes)) ||
		is_zero(parent_id, PARENT_ID_LEN))
		return false;
	osp_id_set_uuid(&out->base_id, &trace);
	osp_id_set_uuid(&out->parent_id, &parent);
	out->sampled = (flags & SAMPLED) != 0;
	return true;
}

static void
write_hex(char *out, const char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i += 4)
		osp__hex_write4(out + 2 * i, (const unsigned char *) bytes + i);
}

bool
osp_traceparent_write(const osp_id *base_id, const osp_id *parent_id,
					  char out[OSP_TRACEPARENT_LEN + 1])
{
	const char *parent = parent_id->bytes + sizeof(osp_uuid) - PARENT_ID_LEN;

	out[0] = '\0';
	if (!base_id->is_uuid || !parent_id->is_uuid ||
		is_zero((const unsigned char *) base_id->bytes, sizeof(osp_uuid)) ||
		is_zero((const unsigned char *) parent, PARENT_ID_LEN))
		return false;
	memcpy(out, "00-", TRACE_ID_AT);
	write_hex(out + TRACE_ID_AT, base_id->bytes, sizeof(osp_uuid));
	out[PARENT_ID_AT - 1] = '-';
	write_hex(out + PARENT_ID_AT, parent, PARENT_ID_LEN);
	memcpy(out + FLAGS_AT - 1, "-01", sizeof("-01"));
	return true;
}
