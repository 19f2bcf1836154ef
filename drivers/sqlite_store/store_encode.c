/* SPDX-License-Identifier: Apache-2.0
 *
 * store_encode.c
 *	  Makes blocks. See store_block.h for their format.
 */
#include "store_block.h"

#include <endian.h>
#include <zstd.h>

#include "base/buf_fast.h"
#include "ship/spool.h"

/*
 * With level 1, a notification of PostgreSQL takes 0.2 us. Higher levels take
 * up to four times as long and save less than a twentieth.
 */
#define ZSTD_LEVEL 1

/*
 * The number of slots is a power of two, and twice the largest number of ids
 * that a block can have.
 */
#define ID_SLOTS  16384
#define ID_PROBES 8

#define WORD_HINTS 32

/* Bytes of the longest varint. */
#define VARINT_MAX 10

struct store_encoder
{
	const osp_allocator *alc;
	osp_buf rest; /* the part that is compressed */
	osp_buf ids;
	osp_buf block;
	osp_buf word_texts;
	size_t word_ends[STORE_WORDS_MAX];
	size_t words;
	unsigned char hints[WORD_HINTS]; /* by length: the last word found */
	size_t count;
	int64_t last_us;
	ZSTD_CCtx *zstd;
	uint32_t slots[ID_SLOTS]; /* 1 + place in ids; 0: free */
};

static void
begin_block(store_encoder *encoder)
{
	osp_buf_reset(&encoder->rest);
	osp_buf_reset(&encoder->ids);
	osp_buf_reset(&encoder->word_texts);
	memset(encoder->slots, 0, sizeof(encoder->slots));
	encoder->words = 0;
	encoder->count = 0;
	encoder->last_us = 0;
}

store_encoder *
store_encoder_new(const osp_allocator *alc)
{
	store_encoder *encoder = osp_calloc(alc, 1, sizeof(*encoder));

	if (encoder == NULL)
		return NULL;
	encoder->alc = alc;
	osp_buf_init(&encoder->rest, alc, STORE_BLOCK_MAX);
	osp_buf_init(&encoder->ids, alc, STORE_BLOCK_MAX);
	osp_buf_init(&encoder->word_texts, alc, STORE_BLOCK_MAX);
	osp_buf_init(&encoder->block, alc, 2 * STORE_BLOCK_MAX);
	encoder->zstd = ZSTD_createCCtx();
	if (encoder->zstd == NULL)
	{
		osp_free(alc, encoder);
		return NULL;
	}
	return encoder;
}

void
store_encoder_free(store_encoder *encoder)
{
	if (encoder == NULL)
		return;
	(void) ZSTD_freeCCtx(encoder->zstd);
	osp_buf_term(&encoder->rest);
	osp_buf_term(&encoder->ids);
	osp_buf_term(&encoder->word_texts);
	osp_buf_term(&encoder->block);
	osp_free(encoder->alc, encoder);
}

size_t
store_encoder_count(const store_encoder *encoder)
{
	return encoder->count;
}

bool
store_encoder_is_full(const store_encoder *encoder)
{
	return encoder->count >= STORE_BLOCK_ITEMS ||
		   encoder->rest.len >= STORE_BLOCK_BYTES;
}

void
store_put_varint(osp_buf *out, uint64_t value)
{
	char *bytes = osp__buf_room(out, VARINT_MAX);

	if (bytes == NULL)
		return;
	while (value >= 0x80)
	{
		*bytes++ = (char) (value | 0x80);
		value >>= 7;
	}
	*bytes++ = (char) value;
	out->len = (size_t) (bytes - out->ptr);
}

static void
put_text(osp_buf *out, osp_str text)
{
	store_put_varint(out, text.len);
	osp__buf_put(out, text.ptr, text.len);
}

static bool
is_word(const store_encoder *encoder, size_t i, osp_str text)
{
	size_t begin = i > 0 ? encoder->word_ends[i - 1] : 0;

	return encoder->word_ends[i] - begin == text.len &&
		   memcmp(encoder->word_texts.ptr + begin, text.ptr, text.len) == 0;
}

/* Returns the number of a word; encoder->words: it is new. */
static size_t
find_word(store_encoder *encoder, osp_str text)
{
	unsigned char *hint = &encoder->hints[text.len % WORD_HINTS];
	size_t i = *hint;

	if (i < encoder->words && is_word(encoder, i, text))
		return i;
	for (i = 0; i < encoder->words; i++)
		if (is_word(encoder, i, text))
			break;
	*hint = (unsigned char) i;
	return i;
}

static void
put_word(store_encoder *encoder, osp_str text)
{
	size_t i = find_word(encoder, text);

	if (i < encoder->words)
	{
		store_put_varint(&encoder->rest, i + 1);
		return;
	}
	store_put_varint(&encoder->rest, 0);
	put_text(&encoder->rest, text);
	if (encoder->words == STORE_WORDS_MAX)
		return;

	/*
	 * Reserves a byte, so that word_texts has memory to compare with even if it
	 * is empty.
	 */
	osp_buf_reserve(&encoder->word_texts, 1);
	osp__buf_put(&encoder->word_texts, text.ptr, text.len);
	encoder->word_ends[encoder->words++] = encoder->word_texts.len;
}

/*
 * Returns the slot that has an id, or the free slot where it belongs. Ids from
 * outside may be chosen to collide, so the search ends after some probes. NULL:
 * the id was not found and has to be written again.
 */
static uint32_t *
find_id(store_encoder *encoder, const osp_uuid *id)
{
	uint64_t hash;
	size_t i;

	memcpy(&hash, id->bytes + 8, sizeof(hash));
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	for (i = 0; i < ID_PROBES; i++)
	{
		uint32_t *slot = &encoder->slots[((hash >> 40) + i) % ID_SLOTS];

		if (*slot == 0 || memcmp(encoder->ids.ptr + 16 * (size_t) (*slot - 1),
								 id->bytes,
								 sizeof(id->bytes)) == 0)
			return slot;
	}
	return NULL;
}

/* known: the value of text; NULL: it has to be read. */
static void
put_id(store_encoder *encoder, osp_str text, osp_str base_id,
	   const osp_uuid *known)
{
	uint32_t *slot;
	osp_uuid id;

	if (osp_str_eq(text, base_id))
	{
		store_put_varint(&encoder->rest, 1);
		return;
	}
	if (known != NULL)
		id = *known;
	else if (!osp_uuid_parse(text, &id))
	{
		store_put_varint(&encoder->rest, 2);
		put_word(encoder, text);
		return;
	}
	slot = find_id(encoder, &id);
	if (slot != NULL && *slot != 0)
	{
		store_put_varint(&encoder->rest, 3 + (uint64_t) (*slot - 1));
		return;
	}
	store_put_varint(&encoder->rest, 0);
	osp__buf_put(&encoder->ids, (const char *) id.bytes, sizeof(id.bytes));
	if (slot != NULL)
		*slot = (uint32_t) (encoder->ids.len / 16);
}

static bool
match(osp_str *rest, osp_str text)
{
	if (rest->len < text.len || memcmp(rest->ptr, text.ptr, text.len) != 0)
		return false;
	rest->ptr += text.len;
	rest->len -= text.len;
	return true;
}

/* Matches a label, or null if the label is empty. */
static bool
match_label(osp_str *rest, osp_str text)
{
	if (text.len == 0)
		return match(rest, OSP_STR("null"));
	return match(rest, OSP_STR("\"")) && match(rest, text) &&
		   match(rest, OSP_STR("\""));
}

/*
 * Is the JSON of the notification what store_item_json makes of its parts and
 * this time?
 */
static bool
is_spelled_our_way(const osp_notification *item, int64_t wall_ns)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	osp_str rest = item->json;

	if (item->timestamp.len != OSP_TIMESTAMP_LEN)
		return false;
	osp_timestamp_text(wall_ns, timestamp);
	return memcmp(timestamp, item->timestamp.ptr, OSP_TIMESTAMP_LEN) == 0 &&
		   match(&rest, OSP_STR("{\"name\": \"")) && match(&rest, item->name) &&
		   match(&rest, OSP_STR("\", \"base_id\": \"")) &&
		   match(&rest, item->base_id) &&
		   match(&rest, OSP_STR("\", \"trace_id\": \"")) &&
		   match(&rest, item->trace_id) &&
		   match(&rest, OSP_STR("\", \"parent_id\": \"")) &&
		   match(&rest, item->parent_id) &&
		   match(&rest, OSP_STR("\", \"timestamp\": \"")) &&
		   match(&rest, item->timestamp) &&
		   match(&rest, OSP_STR("\", \"info\": ")) &&
		   match(&rest, item->info) &&
		   match(&rest, OSP_STR(", \"project\": ")) &&
		   match_label(&rest, item->project) &&
		   match(&rest, OSP_STR(", \"service\": ")) &&
		   match_label(&rest, item->service) && match(&rest, OSP_STR("}")) &&
		   rest.len == 0;
}

void
store_encoder_add(store_encoder *encoder, uint64_t trace,
				  const osp_notification *item, int64_t wall_ns)
{
	const osp_values *values = item->values;
	int64_t us = wall_ns / 1000;

	if (encoder->count == 0)
		begin_block(encoder);
	encoder->count++;
	if (values == NULL && !is_spelled_our_way(item, wall_ns))
	{
		store_put_varint(&encoder->rest, trace << 1 | 1);
		put_text(&encoder->rest, item->json);
		return;
	}
	store_put_varint(&encoder->rest, trace << 1);
	put_word(encoder, item->name);
	put_id(encoder,
		   item->trace_id,
		   item->base_id,
		   values != NULL ? &values->trace_id : NULL);
	put_id(encoder,
		   item->parent_id,
		   item->base_id,
		   values != NULL ? &values->parent_id : NULL);
	store_put_varint(&encoder->rest, store_zigzag(us - encoder->last_us));
	encoder->last_us = us;
	put_word(encoder, item->project);
	put_word(encoder, item->service);
	put_text(&encoder->rest, item->info);
}

static osp_status
broken_buffer(const store_encoder *encoder)
{
	const osp_buf *const all[] = {
		&encoder->rest, &encoder->ids, &encoder->word_texts, &encoder->block};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (osp_buf_status(all[i]) != OSP_OK)
			return osp_buf_status(all[i]);
	return OSP_OK;
}

osp_status
store_encoder_finish(store_encoder *encoder, osp_str *out)
{
	osp_buf *block = &encoder->block;
	const osp_buf *rest = &encoder->rest;
	size_t bound = ZSTD_compressBound(rest->len);
	uint32_t crc;
	size_t size;

	*out = OSP_STR("");
	osp_buf_reset(block);
	osp_buf_add_char(block, STORE_BLOCK_FORMAT);
	store_put_varint(block, encoder->count);
	store_put_varint(block, encoder->ids.len / 16);
	store_put_varint(block, rest->len);
	osp_buf_add_str(block, osp_buf_str(&encoder->ids));
	encoder->count = 0;
	if (broken_buffer(encoder) != OSP_OK ||
		!osp_buf_reserve(block, bound + sizeof(crc)))
		return broken_buffer(encoder);
	size = ZSTD_compressCCtx(encoder->zstd,
							 block->ptr + block->len,
							 bound,
							 rest->ptr,
							 rest->len,
							 ZSTD_LEVEL);
	if (ZSTD_isError(size))
		return OSP_ENOMEM;
	block->len += size;
	crc = htole32(osp_crc32c(0, block->ptr, block->len));
	osp_buf_add(block, &crc, sizeof(crc));
	*out = osp_buf_str(block);
	return osp_buf_status(block);
}
