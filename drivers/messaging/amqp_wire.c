/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp_wire.c
 *	  The bytes of AMQP 0-9-1: frames, and the fields of methods.
 *
 * Numbers are big-endian. A frame is its kind, its channel, the length of its
 * payload, the payload, and an end mark.
 */
#include "amqp_wire.h"

#include <endian.h>

#define FRAME_END   0xce
#define LENGTH_SIZE 4

/* ---- writing ---- */

void
osp__amqp_add_u8(osp_buf *buf, unsigned value)
{
	osp_buf_add_char(buf, (char) value);
}

void
osp__amqp_add_u16(osp_buf *buf, unsigned value)
{
	const uint16_t bytes = htobe16((uint16_t) value);

	osp_buf_add(buf, &bytes, sizeof(bytes));
}

void
osp__amqp_add_u32(osp_buf *buf, uint32_t value)
{
	const uint32_t bytes = htobe32(value);

	osp_buf_add(buf, &bytes, sizeof(bytes));
}

void
osp__amqp_add_u64(osp_buf *buf, uint64_t value)
{
	const uint64_t bytes = htobe64(value);

	osp_buf_add(buf, &bytes, sizeof(bytes));
}

void
osp__amqp_add_short(osp_buf *buf, osp_str text)
{
	if (text.len > AMQP_SHORT_MAX)
		text.len = AMQP_SHORT_MAX;
	osp__amqp_add_u8(buf, (unsigned) text.len);
	osp_buf_add_str(buf, text);
}

void
osp__amqp_add_long(osp_buf *buf, osp_str text)
{
	osp__amqp_add_u32(buf, (uint32_t) text.len);
	osp_buf_add_str(buf, text);
}

size_t
osp__amqp_begin_table(osp_buf *buf)
{
	osp__amqp_add_u32(buf, 0);
	return buf->len;
}

void
osp__amqp_end_table(osp_buf *buf, size_t begin)
{
	const uint32_t length = htobe32((uint32_t) (buf->len - begin));

	if (osp_buf_status(buf) == OSP_OK)
		memcpy(buf->ptr + begin - LENGTH_SIZE, &length, sizeof(length));
}

size_t
osp__amqp_begin_frame(osp_buf *buf, unsigned kind, unsigned channel)
{
	osp__amqp_add_u8(buf, kind);
	osp__amqp_add_u16(buf, channel);
	return osp__amqp_begin_table(buf);
}

size_t
osp__amqp_begin_method(osp_buf *buf, unsigned channel, uint32_t method)
{
	size_t begin = osp__amqp_begin_frame(buf, AMQP_FRAME_METHOD, channel);

	osp__amqp_add_u32(buf, method);
	return begin;
}

void
osp__amqp_end_frame(osp_buf *buf, size_t begin)
{
	osp__amqp_end_table(buf, begin);
	osp__amqp_add_u8(buf, FRAME_END);
}

/* ---- reading ---- */

static osp_str
take(osp_amqp_fields *fields, size_t len)
{
	osp_str taken = osp_str_n(fields->rest.ptr, len);

	if (len > fields->rest.len)
	{
		fields->bad = true;
		fields->rest.len = 0;
		return OSP_STR("");
	}
	fields->rest = osp_str_n(fields->rest.ptr + len, fields->rest.len - len);
	return taken;
}

/* A number of so many bytes. */
static uint64_t
take_number(osp_amqp_fields *fields, size_t size)
{
	osp_str bytes = take(fields, size);
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < bytes.len; i++)
		value = value << 8 | (unsigned char) bytes.ptr[i];
	return value;
}

unsigned
osp__amqp_u8(osp_amqp_fields *fields)
{
	return (unsigned) take_number(fields, 1);
}

unsigned
osp__amqp_u16(osp_amqp_fields *fields)
{
	return (unsigned) take_number(fields, 2);
}

uint32_t
osp__amqp_u32(osp_amqp_fields *fields)
{
	return (uint32_t) take_number(fields, 4);
}

uint64_t
osp__amqp_u64(osp_amqp_fields *fields)
{
	return take_number(fields, 8);
}

osp_str
osp__amqp_short(osp_amqp_fields *fields)
{
	return take(fields, osp__amqp_u8(fields));
}

osp_status
osp__amqp_take_frame(osp_str bytes, size_t frame_max, osp_amqp_frame *frame,
					 size_t *taken)
{
	osp_amqp_fields fields = {bytes, false};
	size_t length;

	if (bytes.len < AMQP_FRAME_HEAD)
		return OSP_ENOENT;
	memset(frame, 0, sizeof(*frame));
	frame->kind = osp__amqp_u8(&fields);
	frame->channel = osp__amqp_u16(&fields);
	length = osp__amqp_u32(&fields);
	if (length > frame_max - AMQP_FRAME_EXTRA)
		return OSP_EPROTO;
	if (fields.rest.len < length + 1)
		return OSP_ENOENT;
	if ((unsigned char) fields.rest.ptr[length] != FRAME_END)
		return OSP_EPROTO;
	*taken = length + AMQP_FRAME_EXTRA;
	fields.rest.len = length;
	if (frame->kind == AMQP_FRAME_METHOD)
		frame->method = osp__amqp_u32(&fields);
	frame->fields = fields;
	return fields.bad ? OSP_EPROTO : OSP_OK;
}
