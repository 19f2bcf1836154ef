/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_ids.c
 *	  Turns OSProfiler's ids into OpenTelemetry's.
 */
#include "otlp/otlp_ids.h"

#include "base/hex.h"

/* Reads sixteen bytes from 32 hex digits, with or without the dashes of a UUID. */
static bool
read_uuid(osp_str text, unsigned char out[OTLP_TRACE_ID_SIZE])
{
	size_t digits = 0;
	size_t i;

	if (text.len != 2 * OTLP_TRACE_ID_SIZE && text.len != OSP_UUID_TEXT_LEN)
		return false;
	for (i = 0; i < text.len; i++)
	{
		int value = osp__hex_value(text.ptr[i]);

		if (text.len == OSP_UUID_TEXT_LEN &&
			(i == 8 || i == 13 || i == 18 || i == 23))
		{
			if (text.ptr[i] != '-')
				return false;
			continue;
		}
		if (value < 0)
			return false;
		if (digits % 2 == 0)
			out[digits / 2] = (unsigned char) (value << 4);
		else
			out[digits / 2] |= (unsigned char) value;
		digits++;
	}
	return true;
}

static bool
is_zero(const unsigned char *bytes, size_t size)
{
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size == 0;
}

/* Hashes a text to eight bytes: FNV-1a, and MurmurHash3's last mix. Never zero. */
static void
hash_text(osp_str text, uint64_t seed, unsigned char *out)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;
	size_t i;

	for (i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char) text.ptr[i]) * UINT64_C(0x100000001b3);
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	hash = htobe64((hash ^ hash >> 33) | 1);
	memcpy(out, &hash, sizeof(hash));
}

/* Makes an id from a UUID, or from a hash of any other text. An id of zeroes would not
 * be valid, so it is hashed, too. */
static bool
make_id(osp_str text, unsigned char *out, size_t size)
{
	unsigned char uuid[OTLP_TRACE_ID_SIZE];
	size_t i;

	if (read_uuid(text, uuid) && !is_zero(uuid + sizeof(uuid) - size, size))
	{
		memcpy(out, uuid + sizeof(uuid) - size, size);
		return true;
	}
	for (i = 0; i < size; i += sizeof(uint64_t))
		hash_text(text, i, out + i);
	return false;
}

bool
otlp_trace_id(osp_str base_id, unsigned char out[OTLP_TRACE_ID_SIZE])
{
	return make_id(base_id, out, OTLP_TRACE_ID_SIZE);
}

bool
otlp_span_id(osp_str trace_id, unsigned char out[OTLP_SPAN_ID_SIZE])
{
	return make_id(trace_id, out, OTLP_SPAN_ID_SIZE);
}
