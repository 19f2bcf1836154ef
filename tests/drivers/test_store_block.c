/* SPDX-License-Identifier: Apache-2.0
 *
 * test_store_block.c
 *	  Blocks of the sqlite store: notifications are decoded as they were encoded, and a
 *	  decoder trusts no length or count in a block.
 */
#include "stored_points.h"
#include "tap.h"

#include <endian.h>
#include <stdlib.h>
#include <zstd.h>

#include "notify/batch.h"
#include "ship/spool.h"
#include "sqlite_store/store_block.h"

static const osp_allocator *const alc = &osp_allocator_default;

/* The largest allocation that a decoder asked for. */
static size_t largest;

static void *
watch_realloc(void *ctx, void *ptr, size_t size)
{
	(void) ctx;
	if (size > largest)
		largest = size;
	return realloc(ptr, size);
}

static void *
watch_alloc(void *ctx, size_t size)
{
	return watch_realloc(ctx, NULL, size);
}

static void
watch_free(void *ctx, void *ptr)
{
	(void) ctx;
	free(ptr);
}

static const osp_allocator watching = {
	watch_alloc, watch_realloc, watch_free, NULL};

/* Encodes a block of these points. The trace of each point is its index modulo 3. */
static osp_str
encode(store_encoder *encoder, const points *p)
{
	osp_str block;
	size_t i;

	for (i = 0; i < p->count; i++)
	{
		int64_t wall_ns;

		if (!osp_timestamp_parse(p->items[i].timestamp, &wall_ns))
			wall_ns = 0;
		store_encoder_add(encoder, i % 3, &p->items[i], wall_ns);
	}
	assert_int_equal(store_encoder_count(encoder), p->count);
	assert_int_equal(store_encoder_finish(encoder, &block), OSP_OK);
	return block;
}

static void
expect(osp_str block, const points *p)
{
	store_decoder *decoder = store_decoder_new(alc);
	store_item item;
	osp_buf json;
	size_t i;

	osp_buf_init(&json, alc, STORE_BLOCK_MAX);
	assert_int_equal(store_decoder_open(decoder, block), OSP_OK);
	for (i = 0; i < p->count; i++)
	{
		assert_int_equal(store_decoder_next(decoder, &item), OSP_OK);
		assert_int_equal(item.trace, i % 3);
		osp_buf_reset(&json);
		store_item_json(&item, p->items[i].base_id, &json);
		assert_string_equal(json.ptr, p->items[i].json.ptr);
	}
	assert_int_equal(store_decoder_next(decoder, &item), OSP_ENOENT);
	osp_buf_term(&json);
	store_decoder_free(decoder);
}

/* Makes points with UUIDs and other ids, all kinds of texts, unusual spellings of JSON,
 * and more words than a block keeps. */
static void
make_points(points *p)
{
	static const osp_str ids[] = {{"11111111-2222-4333-8444-555555555555", 36},
								  {"AAAAAAAA-2222-4333-8444-555555555555", 36},
								  {"it's \"quoted\"", 13},
								  {"", 0}};
	unsigned i;

	points_init(p);
	for (i = 0; i < 400; i++)
		points_add(p, ids[i % 4], i, OSP_STR("SELECT '\xc3\xa9', \"x\" \x01"));
	points_add_error(p, ids[0], 401);
	for (i = 0; i < 300; i += 3)
	{
		/* The parts differ from the JSON. The JSON counts. */
		p->items[i].name =
			osp_str_n("names that are all different: 0123456789", 1 + i % 40);
		p->items[i + 1].timestamp.len = i % 26;
		p->items[i + 2].service = OSP_STR("");
	}
}

static void
test_round_trip(void **state)
{
	store_encoder *encoder = store_encoder_new(alc);
	points all;
	points none;

	(void) state;
	make_points(&all);
	points_init(&none);
	expect(encode(encoder, &all), &all);
	expect(encode(encoder, &none), &none);
	expect(encode(encoder, &all), &all);
	points_term(&all);
	store_encoder_free(encoder);
}

/* A notification takes about twenty bytes, eight of which are its ids. */
static void
test_size(void **state)
{
	store_encoder *encoder = store_encoder_new(alc);
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, OSP_STR("trace"), 0, 400);
	assert_true(encode(encoder, &all).len < 400 * 20);
	points_term(&all);
	store_encoder_free(encoder);
}

/* Reads everything from a block. */
static void
read_all(store_decoder *decoder, osp_str block)
{
	store_item item;
	osp_status status = store_decoder_open(decoder, block);
	osp_buf json;

	osp_buf_init(&json, alc, STORE_BLOCK_MAX);
	while (status == OSP_OK)
	{
		status = store_decoder_next(decoder, &item);
		if (status == OSP_OK)
			store_item_json(&item, OSP_STR("base"), &json);
		osp_buf_reset(&json);
	}
	assert_true(status == OSP_EPROTO || status == OSP_ENOENT);
	osp_buf_term(&json);
}

/* Corrects the checksum of a block, so that the decoder reads the other bytes. */
static void
sign(char *block, size_t len)
{
	uint32_t crc = htole32(osp_crc32c(0, block, len - 4));

	memcpy(block + len - 4, &crc, sizeof(crc));
}

static void
test_cut_and_damaged(void **state)
{
	store_encoder *encoder = store_encoder_new(alc);
	store_decoder *decoder = store_decoder_new(&watching);
	points all;
	osp_str good;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, OSP_STR("trace"), 0, 30);
	good = encode(encoder, &all);
	for (i = 0; i < good.len; i++)
	{
		char *copy = malloc(good.len);
		int k;

		/* The block has an allocation of its exact size, so that a tool detects reading
		 * beyond it. */
		char *cut = malloc(i + 1);

		memcpy(cut, good.ptr, i);
		assert_int_equal(store_decoder_open(decoder, osp_str_n(cut, i)),
						 OSP_EPROTO);
		if (i > 4)
		{
			sign(cut, i);
			read_all(decoder, osp_str_n(cut, i));
		}
		for (k = 0; k < 8; k++)
		{
			memcpy(copy, good.ptr, good.len);
			copy[i] = (char) (copy[i] ^ 1 << k);
			assert_int_equal(
				store_decoder_open(decoder, osp_str_n(copy, good.len)),
				OSP_EPROTO);
			if (i < good.len - 4)
			{
				sign(copy, good.len);
				read_all(decoder, osp_str_n(copy, good.len));
			}
		}
		free(cut);
		free(copy);
	}
	points_term(&all);
	store_encoder_free(encoder);
	store_decoder_free(decoder);
}

/* Wraps a compressed stream into a block with these counts and this length. */
static size_t
wrap(char *out, uint64_t count, uint64_t ids, uint64_t len, const char *rest,
	 size_t rest_len)
{
	osp_buf buf;
	size_t size;

	osp_buf_init(&buf, alc, 1 << 20);
	osp_buf_add_char(&buf, STORE_BLOCK_FORMAT);
	store_put_varint(&buf, count);
	store_put_varint(&buf, ids);
	store_put_varint(&buf, len);
	size = ZSTD_compress(out + buf.len, 1 << 19, rest, rest_len, 1);
	assert_false(ZSTD_isError(size));
	memcpy(out, buf.ptr, buf.len);
	size += buf.len + 4;
	osp_buf_term(&buf);
	sign(out, size);
	return size;
}

/* If a block announces more than a block can have, no memory is allocated for it. */
static void
test_bombs(void **state)
{
	static const uint64_t lens[] = {
		(uint64_t) STORE_BLOCK_MAX + 1, UINT64_C(1) << 40, UINT64_MAX};
	store_decoder *decoder = store_decoder_new(&watching);
	char *out = malloc(1 << 20);
	char *zeros = calloc(1, 1 << 24);
	size_t size;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
	{
		largest = 0;
		size = wrap(out, 1, 0, lens[i], zeros, 100);
		assert_int_equal(store_decoder_open(decoder, osp_str_n(out, size)),
						 OSP_EPROTO);
		assert_int_equal(largest, 0);
	}

	/* 16 MB of data that are announced as 1 kB */
	size = wrap(out, 1, 0, 1024, zeros, 1 << 24);
	assert_int_equal(store_decoder_open(decoder, osp_str_n(out, size)),
					 OSP_EPROTO);
	assert_true(largest < 8192);

	/* More notifications, or ids, are announced than there are. */
	size = wrap(out, UINT64_MAX, 0, 1 << 20, zeros, 1 << 20);
	read_all(decoder, osp_str_n(out, size));
	size = wrap(out, 1, UINT64_MAX / 16, 100, zeros, 100);
	assert_int_equal(store_decoder_open(decoder, osp_str_n(out, size)),
					 OSP_EPROTO);
	free(out);
	free(zeros);
	store_decoder_free(decoder);
}

/* Adds the start of an operation with these ids and this time. */
static void
add_record(osp_batch *batch, const char *base, const osp_uuid *trace_id,
		   const char *parent, int64_t mono_ns)
{
	const osp_origin origin = {OSP_STR("vm"),
							   OSP_STR(""),
							   OSP_STR("shop"),
							   INT64_C(1795363018022333000)};
	uint64_t space[256];
	osp_record record;
	osp_point_ids ids;
	osp_id base_id;
	osp_id parent_id;
	osp_writer w;

	assert_true(osp_id_set(&base_id, osp_str_of(base)));
	assert_true(osp_id_set(&parent_id, osp_str_of(parent)));
	ids.base_id = &base_id;
	ids.parent_id = &parent_id;
	ids.trace_id = *trace_id;
	osp_record_begin(&w,
					 space,
					 sizeof(space),
					 OSP_RECORD_START,
					 &ids,
					 OSP_STR("pg"),
					 OSP_STR(""),
					 OSP_STR(""),
					 mono_ns,
					 0);
	osp_put_str(&w, OSP_STR("statement"), OSP_STR("SELECT 1"));
	assert_true(osp_record_read(space, osp_record_end(&w), &record) > 0);
	assert_int_equal(osp_batch_add_record(batch, &record, &origin, NULL),
					 OSP_OK);
}

/* A block has the same bytes whether the values of its notifications are given, or have
 * to be read from their JSON. */
static void
test_values(void **state)
{
	static const char *const bases[] = {"11111111-2222-4333-8444-555555555555",
										"a base of another program"};
	store_encoder *encoder = store_encoder_new(alc);
	osp_batch *batch = osp_batch_new(alc, 1 << 20);
	osp_uuid id = {{0}};
	osp_str block;
	osp_buf first;
	points p;
	unsigned i;

	(void) state;
	for (i = 0; i < 200; i++)
	{
		char parent[OSP_UUID_TEXT_LEN + 1];

		osp_uuid_text(&id, parent);
		id.bytes[i % 16] = (unsigned char) i;
		add_record(batch,
				   bases[i % 2],
				   &id,
				   i % 5 == 0 ? bases[0] : parent,
				   (int64_t) i * 1999);
	}
	points_init(&p);
	p.count = osp_batch_count(batch);
	p.items = osp_calloc(alc, p.count, sizeof(*p.items));
	memcpy(p.items, osp_batch_items(batch), p.count * sizeof(*p.items));
	osp_buf_init(&first, alc, STORE_BLOCK_MAX);
	for (i = 0; i < p.count; i++)
		assert_non_null(p.items[i].values);
	block = encode(encoder, &p);
	osp_buf_add_str(&first, block);
	for (i = 0; i < p.count; i++)
		p.items[i].values = NULL;
	block = encode(encoder, &p);
	assert_int_equal(block.len, first.len);
	assert_memory_equal(block.ptr, first.ptr, first.len);
	osp_buf_term(&first);
	osp_free(alc, p.items);
	osp_batch_free(batch);
	store_encoder_free(encoder);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_cut_and_damaged),
		cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests_name("store_block", tests, NULL, NULL);
}
