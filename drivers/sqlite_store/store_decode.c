/* SPDX-License-Identifier: Apache-2.0
 *
 * store_decode.c
 *	  Reads blocks. See store_block.h for their format.
 *
 * Nothing in a block is trusted: every length, number and reference is checked,
 * and a size above STORE_BLOCK_MAX is refused before memory is allocated.
 */
#include "store_block.h"

#include <endian.h>
#include <zstd.h>

#include "ship/spool.h"

struct store_decoder
{
	const osp_allocator *alc;
	osp_buf rest;
	osp_str words[STORE_WORDS_MAX]; /* texts in rest */
	size_t word_count;
	const char *ids; /* the ids in the block */
	uint64_t id_count;
	uint64_t ids_seen;
	uint64_t left; /* notifications left to read */
	const char *at;
	const char *end;
	int64_t last_us;
	ZSTD_DCtx *zstd;
};

store_decoder *
store_decoder_new(const osp_allocator *alc)
{
	store_decoder *decoder = osp_calloc(alc, 1, sizeof(*decoder));

	if (decoder == NULL)
		return NULL;
	decoder->alc = alc;
	osp_buf_init(&decoder->rest, alc, STORE_BLOCK_MAX + 1);
	decoder->zstd = ZSTD_createDCtx();
	if (decoder->zstd == NULL)
	{
		osp_free(alc, decoder);
		return NULL;
	}
	return decoder;
}

void
store_decoder_free(store_decoder *decoder)
{
	if (decoder == NULL)
		return;
	(void) ZSTD_freeDCtx(decoder->zstd);
	osp_buf_term(&decoder->rest);
	osp_free(decoder->alc, decoder);
}

bool
store_get_varint(const char **at, const char *end, uint64_t *out)
{
	unsigned shift = 0;

	*out = 0;
	while (*at < end && shift < 64)
	{
		unsigned char byte = (unsigned char) *(*at)++;

		*out |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
		shift += 7;
	}
	return false;
}

/* Decompresses the part of a block behind the ids. */
static osp_status
decompress(store_decoder *decoder, const char *from, const char *end,
		   uint64_t len)
{
	osp_buf *rest = &decoder->rest;
	size_t size;

	osp_buf_reset(rest);
	if (!osp_buf_reserve(rest, (size_t) len + 1))
		return osp_buf_status(rest);
	size = ZSTD_decompressDCtx(
		decoder->zstd, rest->ptr, (size_t) len, from, (size_t) (end - from));
	if (ZSTD_isError(size) || size != len)
		return OSP_EPROTO;
	rest->len = size;
	decoder->at = rest->ptr;
	decoder->end = rest->ptr + size;
	return OSP_OK;
}

osp_status
store_decoder_open(store_decoder *decoder, osp_str block)
{
	const char *at = block.ptr;
	const char *end = block.ptr + block.len;
	uint64_t len;
	uint32_t crc;

	decoder->left = 0;
	decoder->word_count = 0;
	decoder->ids_seen = 0;
	decoder->last_us = 0;
	if (block.len < 1 + sizeof(crc) || *at++ != STORE_BLOCK_FORMAT)
		return OSP_EPROTO;
	end -= sizeof(crc);
	memcpy(&crc, end, sizeof(crc));
	if (le32toh(crc) != osp_crc32c(0, block.ptr, (size_t) (end - block.ptr)))
		return OSP_EPROTO;
	if (!store_get_varint(&at, end, &decoder->left) ||
		!store_get_varint(&at, end, &decoder->id_count) ||
		!store_get_varint(&at, end, &len) || len > STORE_BLOCK_MAX ||
		decoder->id_count > (size_t) (end - at) / 16)
	{
		decoder->left = 0;
		return OSP_EPROTO;
	}
	decoder->ids = at;
	return decompress(decoder, at + 16 * decoder->id_count, end, len);
}

static bool
get_text(store_decoder *decoder, osp_str *out)
{
	uint64_t len;

	if (!store_get_varint(&decoder->at, decoder->end, &len) ||
		len > (size_t) (decoder->end - decoder->at))
		return false;
	*out = osp_str_n(decoder->at, (size_t) len);
	decoder->at += len;
	return true;
}

static bool
get_word(store_decoder *decoder, osp_str *out)
{
	uint64_t n;

	if (!store_get_varint(&decoder->at, decoder->end, &n) ||
		n > decoder->word_count)
		return false;
	if (n > 0)
	{
		*out = decoder->words[n - 1];
		return true;
	}
	if (!get_text(decoder, out))
		return false;
	if (decoder->word_count < STORE_WORDS_MAX)
		decoder->words[decoder->word_count++] = *out;
	return true;
}

static bool
get_id(store_decoder *decoder, char text[OSP_UUID_TEXT_LEN + 1], osp_str *out,
	   bool *is_base)
{
	uint64_t n;
	osp_uuid id;

	*is_base = false;
	*out = OSP_STR("");
	if (!store_get_varint(&decoder->at, decoder->end, &n))
		return false;
	if (n == 1)
		return *is_base = true;
	if (n == 2)
		return get_word(decoder, out);
	n = n == 0 ? decoder->ids_seen++ : n - 3;
	if (n >= decoder->id_count)
		return false;
	memcpy(id.bytes, decoder->ids + 16 * n, sizeof(id.bytes));
	osp_uuid_text(&id, text);
	*out = osp_str_n(text, OSP_UUID_TEXT_LEN);
	return true;
}

osp_status
store_decoder_next(store_decoder *decoder, store_item *item)
{
	uint64_t head;
	uint64_t us = 0;
	bool ok;

	if (decoder->left == 0)
		return OSP_ENOENT;
	decoder->left--;
	ok = store_get_varint(&decoder->at, decoder->end, &head);
	item->trace = head >> 1;
	item->is_json = ok && (head & 1) != 0;
	if (item->is_json)
		ok = get_text(decoder, &item->json);
	else
		ok = ok && get_word(decoder, &item->name) &&
			 get_id(decoder,
					item->trace_id_text,
					&item->trace_id,
					&item->trace_is_base) &&
			 get_id(decoder,
					item->parent_id_text,
					&item->parent_id,
					&item->parent_is_base) &&
			 store_get_varint(&decoder->at, decoder->end, &us) &&
			 get_word(decoder, &item->project) &&
			 get_word(decoder, &item->service) &&
			 get_text(decoder, &item->info);
	if (!ok)
	{
		decoder->left = 0;
		return OSP_EPROTO;
	}
	decoder->last_us =
		(int64_t) ((uint64_t) decoder->last_us + (uint64_t) store_unzigzag(us));
	item->us = decoder->last_us;
	return OSP_OK;
}

static void
add_label(osp_buf *out, osp_str text)
{
	if (text.len == 0)
		osp_buf_add_str(out, OSP_STR("null"));
	else
	{
		osp_buf_add_char(out, '"');
		osp_buf_add_str(out, text);
		osp_buf_add_char(out, '"');
	}
}

void
store_item_json(const store_item *item, osp_str base_id, osp_buf *out)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];

	if (item->is_json)
	{
		osp_buf_add_str(out, item->json);
		return;
	}
	osp_timestamp_text((int64_t) ((uint64_t) item->us * UINT64_C(1000)),
					   timestamp);
	osp_buf_add_str(out, OSP_STR("{\"name\": \""));
	osp_buf_add_str(out, item->name);
	osp_buf_add_str(out, OSP_STR("\", \"base_id\": \""));
	osp_buf_add_str(out, base_id);
	osp_buf_add_str(out, OSP_STR("\", \"trace_id\": \""));
	osp_buf_add_str(out, item->trace_is_base ? base_id : item->trace_id);
	osp_buf_add_str(out, OSP_STR("\", \"parent_id\": \""));
	osp_buf_add_str(out, item->parent_is_base ? base_id : item->parent_id);
	osp_buf_add_str(out, OSP_STR("\", \"timestamp\": \""));
	osp_buf_add_str(out, osp_str_n(timestamp, OSP_TIMESTAMP_LEN));
	osp_buf_add_str(out, OSP_STR("\", \"info\": "));
	osp_buf_add_str(out, item->info);
	osp_buf_add_str(out, OSP_STR(", \"project\": "));
	add_label(out, item->project);
	osp_buf_add_str(out, OSP_STR(", \"service\": "));
	add_label(out, item->service);
	osp_buf_add_char(out, '}');
}
