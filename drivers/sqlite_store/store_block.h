/* SPDX-License-Identifier: Apache-2.0
 *
 * store_block.h
 *	  Blocks: the notifications of one batch, of many traces, in few bytes.
 *
 * A notification is taken apart, because most of its bytes are known from its
 * neighbours: names and labels are numbered, ids are kept as their 16 bytes and
 * only where they first occur, times as differences. What is left (numbers and
 * info) is compressed with zstd. A notification that is not spelled as we spell
 * it is kept as its JSON, so what is read is always byte for byte what was
 * stored. Knows nothing of SQLite.
 *
 *	  byte     format, STORE_BLOCK_FORMAT
 *	  varint   number of notifications, of ids, of bytes that follow decompressed
 *	  ids      16 bytes each
 *	  rest     zstd: for each notification
 *				 varint   trace * 2, + 1 if its JSON follows as a text
 *				 word     name
 *				 id       trace_id, parent_id
 *				 varint   microseconds since the one before, zigzag
 *				 word     project, service; empty stands for null
 *				 text     info
 *	  4 bytes  CRC-32C of all that stands before it, little-endian
 *
 * text: varint length, bytes. word: varint n; 0: a text follows, which becomes
 * the next word unless there are STORE_WORDS_MAX; else word n - 1. id: varint n;
 * 0: the next one of ids; 1: the trace's base_id; 2: a word; else ids[n - 3].
 */
#ifndef OSP_STORE_BLOCK_H
#define OSP_STORE_BLOCK_H

#include "osprofiler/buf.h"
#include "osprofiler/ids.h"
#include "osprofiler/notification.h"

#define STORE_BLOCK_FORMAT 1
#define STORE_WORDS_MAX    64

/* A block is closed when it has so many notifications or bytes. */
#define STORE_BLOCK_ITEMS 4096
#define STORE_BLOCK_BYTES ((size_t) 2 * 1024 * 1024)

/* No block is larger than this decompressed, whatever it says of itself. */
#define STORE_BLOCK_MAX (OSP_NOTIFICATION_MAX + 2 * STORE_BLOCK_BYTES)

typedef struct store_encoder store_encoder;

/* NULL: no memory. Returned owned. */
store_encoder *store_encoder_new(const osp_allocator *alc);
void store_encoder_free(store_encoder *encoder);

/* Adds a notification of the trace with this number in the block. wall_ns is its
 * timestamp as osp_timestamp_parse() reads it, or 0. Failures show in
 * store_encoder_finish. */
void store_encoder_add(store_encoder *encoder, uint64_t trace,
					   const osp_notification *item, int64_t wall_ns);
size_t store_encoder_count(const store_encoder *encoder);
bool store_encoder_is_full(const store_encoder *encoder);

/* The block, borrowed until the next is begun; the encoder is empty then. */
osp_status store_encoder_finish(store_encoder *encoder,
								osp_str *out) OSP_MUST_CHECK;

/* Reads one block after another; memory is kept for the next. */
typedef struct store_decoder store_decoder;

store_decoder *store_decoder_new(const osp_allocator *alc);
void store_decoder_free(store_decoder *decoder);

/* Borrows block until the next. OSP_EPROTO: it is damaged, or of a format that
 * is not known; OSP_ENOMEM. */
osp_status store_decoder_open(store_decoder *decoder,
							  osp_str block) OSP_MUST_CHECK;

/* The parts of a notification; ids and words are borrowed from the decoder. */
typedef struct store_item
{
	uint64_t trace; /* its number in the block */
	bool is_json;   /* only json is set */
	osp_str json;
	osp_str name;
	osp_str trace_id;
	osp_str parent_id; /* empty: the base_id, which the block does not know */
	bool trace_is_base;
	bool parent_is_base;
	int64_t us; /* since 1970 */
	osp_str project;
	osp_str service;
	osp_str info;
	char trace_id_text[OSP_UUID_TEXT_LEN + 1];
	char parent_id_text[OSP_UUID_TEXT_LEN + 1];
} store_item;

/* The next one. OSP_ENOENT: there is no more; OSP_EPROTO: damaged. */
osp_status store_decoder_next(store_decoder *decoder,
							  store_item *item) OSP_MUST_CHECK;

/* Appends its JSON, as it was stored. */
void store_item_json(const store_item *item, osp_str base_id, osp_buf *out);

/* Varints of a list of trace numbers, as the column block.traces has it. */
void store_put_varint(osp_buf *out, uint64_t value);
bool store_get_varint(const char **at, const char *end,
					  uint64_t *out) OSP_MUST_CHECK;

/* Signed numbers as small unsigned ones. */
static inline uint64_t
store_zigzag(int64_t value)
{
	uint64_t bits = (uint64_t) value;

	return bits << 1 ^ (0 - (bits >> 63));
}

static inline int64_t
store_unzigzag(uint64_t value)
{
	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

#endif /* OSP_STORE_BLOCK_H */
