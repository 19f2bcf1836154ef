/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_otlp.c
 *	  Spans that are made from notifications, and answers of a collector.
 *
 * Properties: whatever the notification holds, the span is valid protobuf with valid
 * UTF-8, is the same each time, and has no key twice. Reading an answer does not go
 * beyond its end. A summary is not longer than its limit.
 */
#include "fuzz.h"

#include "otlp/otlp_answer.h"
#include "otlp/otlp_span.h"
#include "otlp/otlp_summary.h"
#include "otlp/otlp_text.h"

#define BUF_MAX ((size_t) 1 << 24)

/* The fields of Span, KeyValue and Status that are messages or texts. */
enum
{
	SPAN_NAME = 5,
	SPAN_ATTRIBUTES = 9,
	SPAN_STATUS = 15
};

static uint64_t
take_varint(osp_str *rest)
{
	uint64_t value = 0;
	unsigned shift = 0;

	for (;;)
	{
		unsigned char byte;

		REQUIRE(rest->len > 0 && shift < 70);
		byte = (unsigned char) rest->ptr[0];
		*rest = osp_str_n(rest->ptr + 1, rest->len - 1);
		value |= shift < 64 ? (uint64_t) (byte & 0x7f) << shift : 0;
		shift += 7;
		if (byte < 0x80)
			return value;
	}
}

static osp_str
take_bytes(osp_str *rest, uint64_t len)
{
	osp_str bytes = osp_str_n(rest->ptr, (size_t) len);

	REQUIRE(len <= rest->len);
	*rest = osp_str_n(rest->ptr + len, rest->len - (size_t) len);
	return bytes;
}

/* Checks a KeyValue: a key that no other attribute has, and an AnyValue of one field. */
static void
check_attribute(osp_str message, otlp_keys *keys)
{
	osp_str value;
	osp_str key;

	REQUIRE(take_varint(&message) == 0x0a);
	key = take_bytes(&message, take_varint(&message));
	REQUIRE(otlp_is_utf8(key));
	REQUIRE(otlp_keys_add(keys, key));
	REQUIRE(take_varint(&message) == 0x12);
	value = take_bytes(&message, take_varint(&message));
	REQUIRE(message.len == 0);
	switch (take_varint(&value))
	{
		case 0x0a:
			REQUIRE(otlp_is_utf8(take_bytes(&value, take_varint(&value))));
			break;
		case 0x10:
		case 0x18:
			(void) take_varint(&value);
			break;
		case 0x21:
			(void) take_bytes(&value, 8);
			break;
		default:
			REQUIRE(false);
	}
	REQUIRE(value.len == 0);
}

static void
check_span(osp_str message)
{
	otlp_keys keys;

	otlp_keys_init(&keys, &osp_allocator_default);
	while (message.len > 0)
	{
		uint64_t tag = take_varint(&message);
		osp_str bytes;

		switch (tag & 7)
		{
			case 0:
				(void) take_varint(&message);
				break;
			case 1:
				(void) take_bytes(&message, 8);
				break;
			case 2:
				bytes = take_bytes(&message, take_varint(&message));
				if (tag >> 3 == SPAN_NAME)
					REQUIRE(otlp_is_utf8(bytes));
				else if (tag >> 3 == SPAN_ATTRIBUTES)
					check_attribute(bytes, &keys);
				else
					REQUIRE(tag >> 3 == SPAN_STATUS || bytes.len == 8 ||
							bytes.len == 16);
				break;
			default:
				REQUIRE(false);
		}
	}
	otlp_keys_term(&keys);
}

static void
check_notification(osp_str json)
{
	static otlp_span span;
	osp_notification n;
	osp_buf first;
	osp_buf texts;
	int i;

	osp_buf_init(&texts, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&first, &osp_allocator_default, BUF_MAX);
	if (osp_notification_read(json, &texts, &n, NULL) == OSP_OK)
	{
		otlp_span_init(&span, &osp_allocator_default, OSP_STATEMENT_NORMALIZED);
		for (i = 0; i < 6; i++)
		{
			const osp_notification *start = i / 2 != 1 ? &n : NULL;
			const osp_notification *stop = i / 2 != 0 ? &n : NULL;

			REQUIRE(otlp_span_make(&span, start, stop, &n) == OSP_OK);
			check_span(osp_buf_str(&span.encoded));
			if (i % 2 != 0)
				REQUIRE(osp_str_eq(osp_buf_str(&first),
								   osp_buf_str(&span.encoded)));
			osp_buf_reset(&first);
			osp_buf_add_str(&first, osp_buf_str(&span.encoded));
		}
		otlp_span_term(&span);
	}
	osp_buf_term(&first);
	osp_buf_term(&texts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	osp_str text = osp_str_n(copy, size);
	otlp_summary summary;
	otlp_answer answer;

	if (otlp_answer_read(text, &answer) && answer.message.len > 0)
		REQUIRE(answer.message.ptr >= text.ptr &&
				answer.message.ptr + answer.message.len <= text.ptr + text.len);
	otlp_summarize(text, OSP_SQL_POSTGRES_ANY, &summary);
	REQUIRE(summary.len <= OTLP_SUMMARY_MAX);
	otlp_summarize(text, OSP_SQL_SQLITE, &summary);
	check_notification(text);
	free(copy);
	return 0;
}
