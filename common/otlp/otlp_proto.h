/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_proto.h
 *	  Writing protobuf: the few kinds of fields that OTLP's spans are made of.
 *
 * Fields are appended to a buffer in the order of the calls. A message within a
 * message is written to a buffer of its own first, because its length stands
 * before it. See docs/drivers.md for why no library does this. Texts have to be
 * UTF-8: otlp_text.h makes them so.
 */
#ifndef OSP_OTLP_PROTO_H
#define OSP_OTLP_PROTO_H

#include <endian.h>

#include "base/buf_fast.h"

enum
{
	OTLP_VARINT = 0,
	OTLP_FIXED64 = 1,
	OTLP_BYTES = 2,
	OTLP_FIXED32 = 5
};

/* The fields of the messages KeyValue and AnyValue, of which every attribute
 * consists. */
enum
{
	OTLP_KEY = 1,
	OTLP_VALUE = 2,
	OTLP_VALUE_STRING = 1,
	OTLP_VALUE_BOOL = 2,
	OTLP_VALUE_INT = 3,
	OTLP_VALUE_DOUBLE = 4
};

/* A buffer that grew larger than this gives its memory back when it is emptied. */
#define OTLP_KEPT_BYTES ((size_t) 8 * 1024 * 1024)

static inline void
otlp_buf_empty(osp_buf *buf)
{
	if (buf->cap > OTLP_KEPT_BYTES)
		osp_buf_term(buf);
	else
		osp_buf_reset(buf);
}

static inline size_t
otlp_varint_size(uint64_t value)
{
	size_t size = 1;

	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

/* Size of an encoded field with len bytes of contents, for field numbers below 16,
 * whose tag takes one byte. */
static inline size_t
otlp_field_size(size_t len)
{
	return 1 + otlp_varint_size(len) + len;
}

static inline void
otlp_put_varint(osp_buf *out, uint64_t value)
{
	char bytes[10];
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[len++] = (char) (value | 0x80);
	bytes[len++] = (char) value;
	osp__buf_put(out, bytes, len);
}

static inline void
otlp_put_tag(osp_buf *out, unsigned field, unsigned type)
{
	otlp_put_varint(out, field << 3 | type);
}

static inline void
otlp_put_uint(osp_buf *out, unsigned field, uint64_t value)
{
	otlp_put_tag(out, field, OTLP_VARINT);
	otlp_put_varint(out, value);
}

static inline void
otlp_put_fixed64(osp_buf *out, unsigned field, uint64_t value)
{
	uint64_t bytes = htole64(value);

	otlp_put_tag(out, field, OTLP_FIXED64);
	osp__buf_put(out, (const char *) &bytes, sizeof(bytes));
}

/* Appends the tag and the length that stand before a message, a text or bytes. */
static inline void
otlp_put_length(osp_buf *out, unsigned field, size_t len)
{
	otlp_put_tag(out, field, OTLP_BYTES);
	otlp_put_varint(out, len);
}

static inline void
otlp_put_bytes(osp_buf *out, unsigned field, osp_str bytes)
{
	otlp_put_length(out, field, bytes.len);
	osp__buf_put(out, bytes.ptr, bytes.len);
}

/* Appends the beginning of an attribute, which is the given field of its message. The
 * caller appends the AnyValue, of value_len bytes, next. */
static inline void
otlp_put_key(osp_buf *out, unsigned field, osp_str key, size_t value_len)
{
	otlp_put_length(
		out, field, otlp_field_size(key.len) + otlp_field_size(value_len));
	otlp_put_bytes(out, OTLP_KEY, key);
	otlp_put_length(out, OTLP_VALUE, value_len);
}

static inline void
otlp_put_string(osp_buf *out, unsigned field, osp_str key, osp_str value)
{
	otlp_put_key(out, field, key, otlp_field_size(value.len));
	otlp_put_bytes(out, OTLP_VALUE_STRING, value);
}

static inline void
otlp_put_int(osp_buf *out, unsigned field, osp_str key, int64_t value)
{
	otlp_put_key(out, field, key, 1 + otlp_varint_size((uint64_t) value));
	otlp_put_uint(out, OTLP_VALUE_INT, (uint64_t) value);
}

static inline void
otlp_put_bool(osp_buf *out, unsigned field, osp_str key, bool value)
{
	otlp_put_key(out, field, key, 2);
	otlp_put_uint(out, OTLP_VALUE_BOOL, value);
}

static inline void
otlp_put_double(osp_buf *out, unsigned field, osp_str key, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	otlp_put_key(out, field, key, 1 + sizeof(bits));
	otlp_put_fixed64(out, OTLP_VALUE_DOUBLE, bits);
}

#endif /* OSP_OTLP_PROTO_H */
