/* SPDX-License-Identifier: Apache-2.0
 *
 * store_block.h
 *	  Blocks: a compact form of a batch of notifications, which may belong to
 *	  many traces.
 *
 * A notification is split into its parts, because most of its bytes are known
 * from its neighbours: names and labels are numbered, each id is stored once, as
 * 16 bytes, and times are stored as differences. The rest (numbers and info) is
 * compressed with zstd. A notification whose JSON differs from what
 * store_item_json() would write is stored as its JSON, so that reading always
 * returns exactly the bytes that were stored. Blocks know nothing of SQLite.
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
 *	  4 bytes  CRC-32C of everything before it, little-endian
 *
 * text: varint length, bytes. word: varint n; 0: a text follows, which becomes
 * the next word unless there are STORE_WORDS_MAX; else word n - 1. id: varint n;
 * 0: the next one of ids; 1: the trace's base_id; 2: a word follows; else
 * ids[n - 3].
 */
#ifndef OSP_STORE_BLOCK_H
#define OSP_STORE_BLOCK_H

#include "osprofiler/buf.h"
#include "osprofiler/ids.h"
#include "osprofiler/notification.h"

#define STORE_BLOCK_FORMAT 1
#define STORE_WORDS_MAX    64

/* A block is full when it has this many notifications or bytes. */
#define STORE_BLOCK_ITEMS 4096
#define STORE_BLOCK_BYTES ((size_t) 2 * 1024 * 1024)

/* The maximum size of a decompressed block, whatever the block itself says. */
#define STORE_BLOCK_MAX (OSP_NOTIFICATION_MAX + 2 * STORE_BLOCK_BYTES)

typedef struct store_encoder store_encoder;

/* Returns a new encoder, which the caller owns; NULL: no memory. */
store_encoder *store_encoder_new(const osp_allocator *alc);
void store_encoder_free(store_encoder *encoder);

/*
 * Adds a notification. trace is the number of its trace in the block, wall_ns
 * its timestamp as osp_timestamp_parse() reads it, or 0. store_encoder_finish
 * reports failures.
 */
void store_encoder_add(store_encoder *encoder, uint64_t trace,
					   const osp_notification *item, int64_t wall_ns);
size_t store_encoder_count(const store_encoder *encoder);
bool store_encoder_is_full(const store_encoder *encoder);

/*
 * Finishes the block and empties the encoder. *out is borrowed until the next
 * block is begun.
 */
osp_status store_encoder_finish(store_encoder *encoder,
								osp_str *out) OSP_MUST_CHECK;

/* Reads one block after another, and reuses its memory. */
typedef struct store_decoder store_decoder;

store_decoder *store_decoder_new(const osp_allocator *alc);
void store_decoder_free(store_decoder *decoder);

/*
 * Begins to read a block, which is borrowed until the next one is opened.
 * OSP_EPROTO: the block is damaged, or its format is unknown; OSP_ENOMEM.
 */
osp_status store_decoder_open(store_decoder *decoder,
							  osp_str block) OSP_MUST_CHECK;

/* The parts of a notification; ids and words are borrowed from the decoder. */
typedef struct store_item
{
	uint64_t trace; /* the number of its trace in the block */
	bool is_json;   /* only json is set */
	osp_str json;
	osp_str name;
	osp_str trace_id;
	osp_str parent_id; /* empty: the base_id, which the block does not know */
	bool trace_is_base;
	bool parent_is_base;
	int64_t us; /* microseconds since 1970 */
	osp_str project;
	osp_str service;
	osp_str info;
	char trace_id_text[OSP_UUID_TEXT_LEN + 1];
	char parent_id_text[OSP_UUID_TEXT_LEN + 1];
} store_item;

/*
 * Reads the next notification. OSP_ENOENT: there are no more; OSP_EPROTO: the
 * block is damaged.
 */
osp_status store_decoder_next(store_decoder *decoder,
							  store_item *item) OSP_MUST_CHECK;

/* Appends the JSON of a notification, as it was stored. */
void store_item_json(const store_item *item, osp_str base_id, osp_buf *out);

/* Write and read one varint. The column block.traces is a list of varints, too. */
void store_put_varint(osp_buf *out, uint64_t value);
bool store_get_varint(const char **at, const char *end,
					  uint64_t *out) OSP_MUST_CHECK;

/* Maps signed numbers to unsigned ones, which are small if the number is near 0. */
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
