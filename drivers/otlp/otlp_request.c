/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_request.c
 *	  A request to the collector: encoded spans, grouped by their resource.
 *
 * The length that precedes each message is computed from the lengths in the
 * groups. So the whole request is in memory only in compressed form.
 */
#include "otlp_request.h"

#include "otlp/otlp_proto.h"
#include "otlp/otlp_resource.h"

#define BODY_MAX    ((size_t) 512 * 1024 * 1024)
#define GZIP_WINDOW (15 + 16) /* zlib: the largest window, a gzip header */
#define GZIP_LEVEL  1
#define GZIP_MEMORY 8
#define ROOM_MIN    4096

osp_status
otlp_request_init(otlp_request *request, const osp_allocator *alc,
				  osp_str attributes, bool gzip)
{
	memset(request, 0, sizeof(*request));
	request->alc = alc;
	request->attributes = attributes;
	request->gzip = gzip;
	osp_buf_init(&request->resource, alc, BODY_MAX);
	osp_buf_init(&request->body, alc, BODY_MAX);
	if (gzip)
		request->has_zlib = deflateInit2(&request->zlib,
										 GZIP_LEVEL,
										 Z_DEFLATED,
										 GZIP_WINDOW,
										 GZIP_MEMORY,
										 Z_DEFAULT_STRATEGY) == Z_OK;
	return request->has_zlib || !gzip ? OSP_OK : OSP_ENOMEM;
}

void
otlp_request_term(otlp_request *request)
{
	size_t i;

	if (request->alc == NULL)
		return;
	for (i = 0; i < request->made; i++)
	{
		osp_buf_term(&request->groups[i].resource);
		osp_buf_term(&request->groups[i].spans);
	}
	osp_free(request->alc, request->groups);
	osp_buf_term(&request->resource);
	osp_buf_term(&request->body);
	if (request->has_zlib)
		(void) deflateEnd(&request->zlib);
}

void
otlp_request_reset(otlp_request *request)
{
	size_t i;

	for (i = 0; i < request->count; i++)
	{
		osp_buf_reset(&request->groups[i].resource);
		otlp_buf_empty(&request->groups[i].spans);
	}
	otlp_buf_empty(&request->body);
	request->count = 0;
	request->last = 0;
	request->bytes = 0;
	request->spans = 0;
	request->points = 0;
}

/* Adds an empty group; NULL: no memory. */
static otlp_group *
new_group(otlp_request *request)
{
	otlp_group *groups = request->groups;
	otlp_group *group;

	if (request->count == request->made)
	{
		size_t made = request->made > 0 ? 2 * request->made : 4;
		size_t i;

		groups = osp_realloc(request->alc, groups, made * sizeof(*groups));
		if (groups == NULL)
			return NULL;
		for (i = request->made; i < made; i++)
		{
			osp_buf_init(&groups[i].resource, request->alc, BODY_MAX);
			osp_buf_init(&groups[i].spans, request->alc, BODY_MAX);
		}
		request->groups = groups;
		request->made = made;
	}
	group = &request->groups[request->count];
	osp_buf_add_str(&group->resource, osp_buf_str(&request->resource));
	if (osp_buf_status(&group->resource) != OSP_OK)
	{
		osp_buf_reset(&group->resource);
		return NULL;
	}
	request->count++;
	return group;
}

/* Finds or adds the group of request->resource; NULL: no memory. */
static otlp_group *
find_group(otlp_request *request)
{
	osp_str resource = osp_buf_str(&request->resource);
	size_t n;

	for (n = 0; n < request->count; n++)
	{
		size_t i = (request->last + n) % request->count;

		if (osp_str_eq(osp_buf_str(&request->groups[i].resource), resource))
		{
			request->last = i;
			return &request->groups[i];
		}
	}
	request->last = request->count;
	return new_group(request);
}

osp_status
otlp_request_add(otlp_request *request, osp_str span,
				 const osp_notification *of, size_t points)
{
	otlp_group *group;
	size_t before;

	osp_buf_reset(&request->resource);
	otlp_put_resource(&request->resource, of);
	osp_buf_add_str(&request->resource, request->attributes);
	group = osp_buf_status(&request->resource) == OSP_OK ? find_group(request)
														 : NULL;
	if (group == NULL)
		return OSP_ENOMEM;
	before = group->spans.len;
	otlp_put_span(&group->spans, span);
	if (osp_buf_status(&group->spans) != OSP_OK)
		return OSP_ENOMEM;
	request->bytes += group->spans.len - before;
	request->spans++;
	request->points += points;
	return OSP_OK;
}

/* Appends bytes to the body in compressed form; flush is Z_FINISH for the last ones. */
static osp_status
compress_bytes(otlp_request *request, osp_str bytes, int flush)
{
	z_stream *z = &request->zlib;

	z->next_in = (Bytef *) (uintptr_t) bytes.ptr;
	z->avail_in = (uInt) bytes.len;
	do
	{
		size_t room = z->avail_in / 4 + ROOM_MIN;

		if (!osp_buf_reserve(&request->body, room))
			return osp_buf_status(&request->body);
		z->next_out = (Bytef *) request->body.ptr + request->body.len;
		z->avail_out = (uInt) room;
		if (deflate(z, flush) == Z_STREAM_ERROR)
			return OSP_EIO;
		request->body.len += room - z->avail_out;
	}
	while (z->avail_out == 0);
	return OSP_OK;
}

static osp_status
put_bytes(otlp_request *request, osp_str bytes)
{
	if (request->gzip)
		return compress_bytes(request, bytes, Z_NO_FLUSH);
	osp_buf_add_str(&request->body, bytes);
	return osp_buf_status(&request->body);
}

osp_status
otlp_request_body(otlp_request *request, osp_str *body)
{
	osp_status status = OSP_OK;
	size_t i;

	osp_buf_reset(&request->body);
	if (request->gzip)
		(void) deflateReset(&request->zlib);
	for (i = 0; i < request->count && status == OSP_OK; i++)
	{
		const otlp_group *group = &request->groups[i];

		osp_buf_reset(&request->resource);
		otlp_put_heads(&request->resource,
					   osp_buf_str(&group->resource),
					   group->spans.len);
		status = osp_buf_status(&request->resource);
		if (status == OSP_OK)
			status = put_bytes(request, osp_buf_str(&request->resource));
		if (status == OSP_OK)
			status = put_bytes(request, osp_buf_str(&group->spans));
	}
	if (status == OSP_OK && request->gzip)
		status = compress_bytes(request, OSP_STR(""), Z_FINISH);
	*body = osp_buf_str(&request->body);
	return status;
}
