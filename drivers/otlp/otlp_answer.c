/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_answer.c
 *	  Reads an ExportTraceServiceResponse: protobuf that may contain anything.
 */
#include "otlp_answer.h"

#include "otlp/otlp_proto.h"

#define PARTIAL_SUCCESS  1 /* a field of the answer */
#define REJECTED_SPANS   1 /* a field of the partial success */
#define ERROR_MESSAGE    2
#define VARINT_BYTES_MAX 10

typedef struct field
{
	uint64_t number;
	unsigned type;
	uint64_t value; /* if it is a varint */
	osp_str bytes;  /* if it is a text or message */
} field;

static bool
read_varint(osp_str *rest, uint64_t *value)
{
	unsigned i;

	*value = 0;
	for (i = 0; i < VARINT_BYTES_MAX && i < rest->len; i++)
	{
		unsigned char byte = (unsigned char) rest->ptr[i];

		*value |= (uint64_t) (byte & 0x7f) << (7 * i);
		if (byte < 0x80)
		{
			*rest = osp_str_n(rest->ptr + i + 1, rest->len - i - 1);
			return true;
		}
	}
	return false;
}

static bool
skip(osp_str *rest, uint64_t len)
{
	if (len > rest->len)
		return false;
	*rest = osp_str_n(rest->ptr + len, rest->len - (size_t) len);
	return true;
}

/* Reads the next field of a message; false: there is no valid one. */
static bool
next_field(osp_str *rest, field *out)
{
	uint64_t tag;

	if (!read_varint(rest, &tag) || tag >> 3 == 0)
		return false;
	out->number = tag >> 3;
	out->type = (unsigned) tag & 7;
	out->value = 0;
	out->bytes = OSP_STR("");
	switch (out->type)
	{
		case OTLP_VARINT:
			return read_varint(rest, &out->value);
		case OTLP_FIXED64:
			return skip(rest, 8);
		case OTLP_FIXED32:
			return skip(rest, 4);
		case OTLP_BYTES:
			if (!read_varint(rest, &out->value) || out->value > rest->len)
				return false;
			out->bytes = osp_str_n(rest->ptr, (size_t) out->value);
			return skip(rest, out->value);
		default:
			return false;
	}
}

static bool
read_partial_success(osp_str rest, otlp_answer *out)
{
	field f;

	while (rest.len > 0)
	{
		if (!next_field(&rest, &f))
			return false;
		if (f.number == REJECTED_SPANS && f.type == OTLP_VARINT)
			out->rejected = f.value;
		else if (f.number == ERROR_MESSAGE && f.type == OTLP_BYTES)
			out->message = f.bytes;
	}
	return true;
}

bool
otlp_answer_read(osp_str bytes, otlp_answer *out)
{
	field f;

	out->rejected = 0;
	out->message = OSP_STR("");
	while (bytes.len > 0)
	{
		if (!next_field(&bytes, &f))
			return false;
		if (f.number == PARTIAL_SUCCESS && f.type == OTLP_BYTES &&
			!read_partial_success(f.bytes, out))
			return false;
	}
	return true;
}
