/* SPDX-License-Identifier: Apache-2.0
 *
 * test_template.c
 *	  Templates: they give the same bytes as the writer, in a ring that wraps, runs
 *	  full, and drops records.
 */
#include "tap.h"

#include <stdlib.h>

#include "record/template.h"
#include "tempdir.h"

#define SPACE 65536
#define NOW   INT64_C(123456789012)

static union
{
	char bytes[SPACE];
	uint64_t align;
} made, written;

static osp_producer producer;
static osp_ring reader;
static osp_buf buf;
static osp_id base;
static osp_id parent;
static osp_id text_id;
static osp_point_ids ids = {&base, &parent, {{0}}};

static int
set_up(void **state)
{
	const char *dir = tempdir_make();
	int dir_fd;

	(void) state;
	if (osp_producer_open(&producer,
						  dir,
						  &(osp_producer_options){.ring_size = OSP_RING_MIN,
												  .on_full = OSP_ON_FULL_DROP},
						  NULL) != OSP_OK ||
		osp_rundir_open(dir, false, &dir_fd, NULL) != OSP_OK ||
		osp_ring_map(&reader, dir_fd, "ring.0", NULL) != OSP_OK)
		return -1;
	osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
	osp_uuid_new(&ids.trace_id);
	osp_id_set_uuid(&base, &ids.trace_id);
	osp_uuid_new(&ids.trace_id);
	osp_id_set_uuid(&parent, &ids.trace_id);
	osp_uuid_new(&ids.trace_id);
	return osp_id_set(&text_id, OSP_STR("no UUID")) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void) state;
	osp_buf_term(&buf);
	osp_ring_unmap(&reader);
	osp_producer_close(&producer);
	tempdir_remove();
	return 0;
}

/* Encodes the attributes of a statement with a text of len bytes. */
static osp_str
attributes(char *space, size_t size, size_t len)
{
	char *text = malloc(len + 1);
	osp_writer w = {0};

	assert_non_null(text);
	memset(text, 's', len);
	osp_attrs_begin(&w, space, size);
	osp_put_object(&w, OSP_STR("db"));
	osp_put_str(&w, OSP_STR("statement"), osp_str_n(text, len));
	osp_put_end(&w);
	free(text);
	return osp_attrs_end(&w);
}

static void
make(osp_template *t, size_t text_len)
{
	static char attrs[SPACE];

	assert_true(osp_template_make(t,
								  made.bytes,
								  sizeof(made.bytes),
								  OSP_RECORD_START,
								  OSP_STR("name"),
								  OSP_STR("project"),
								  OSP_STR(""),
								  attributes(attrs, sizeof(attrs), text_len)));
}

/* Writes the same record without a template. Returns its size. */
static size_t
write_plainly(size_t text_len, int64_t elapsed, bool more)
{
	static char attrs[SPACE];
	osp_writer w = {0};

	memset(written.bytes, 0xaa, sizeof(written.bytes));
	osp_record_begin(&w,
					 written.bytes,
					 sizeof(written.bytes),
					 OSP_RECORD_START,
					 &ids,
					 OSP_STR("name"),
					 OSP_STR("project"),
					 OSP_STR(""),
					 NOW,
					 elapsed);
	osp_put_encoded(&w, attributes(attrs, sizeof(attrs), text_len));
	if (more)
	{
		osp_put_u64(&w, OSP_STR("rows"), 7);
		osp_put_str(&w, OSP_STR("outcome"), OSP_STR("reset"));
	}
	return osp_record_end(&w);
}

static void
test_same_bytes(void **state)
{
	osp_template t;
	osp_record record;
	size_t len;

	(void) state;
	for (len = 0; len < 1200; len++)
	{
		size_t size = write_plainly(len, 55, false);
		char *put;

		make(&t, len);
		assert_true(osp_template_may(&ids));
		put = osp_template_put(&t, &producer, &ids, NOW, 55);
		assert_non_null(put);
		assert_int_equal(t.size, size);
		assert_memory_equal(put, written.bytes, size);
		assert_int_equal(osp_record_read(put, size, &record), size);
		osp_template_commit(&t, &producer);
		osp_ring_set_tail(&reader, osp_ring_head(&reader));
	}
}

static void
test_more_attributes(void **state)
{
	osp_template t;
	size_t len;

	(void) state;
	for (len = 0; len < 40; len++)
	{
		size_t size = write_plainly(len, 0, true);
		osp_writer w = {0};

		make(&t, len);
		assert_true(osp_template_begin(&t, &producer, &ids, NOW, 0, 64, &w));
		osp_put_u64(&w, OSP_STR("rows"), 7);
		osp_put_str(&w, OSP_STR("outcome"), OSP_STR("reset"));
		osp_point_commit(&producer, &w);
		assert_memory_equal(w.start, written.bytes, size);
		osp_ring_set_tail(&reader, osp_ring_head(&reader));
	}
}

/* If there are more attributes than there is room for, no record is written, as by the
 * writer. */
static void
test_too_many_attributes(void **state)
{
	char text[200] = {0};
	osp_template t;
	osp_writer w = {0};

	(void) state;
	make(&t, 10);
	assert_true(osp_template_begin(&t, &producer, &ids, NOW, 0, 64, &w));
	osp_put_str(&w, OSP_STR("k"), osp_str_n(text, sizeof(text)));
	osp_point_commit(&producer, &w);
	assert_int_equal(osp_ring_head(&reader), 0);
	assert_int_equal(reader.header->dropped, 1);
	assert_int_equal(reader.header->losses[0].lost, 1);
}

/* Reads all records, and asserts that each is complete. Returns how many there were. */
static uint64_t
consume(uint64_t *pos, uint64_t first)
{
	osp_record record;
	uint64_t count = 0;

	while (osp_ring_next(&reader, pos, &buf, &record))
	{
		assert_int_equal(record.mono_ns, first + count);
		assert_true(osp_id_eq(&record.base_id, &base));
		assert_true(osp_id_eq(&record.parent_id, &parent));
		assert_memory_equal(&record.trace_id, &ids.trace_id, sizeof(osp_uuid));
		count++;
	}
	assert_int_equal(reader.header->corrupt, 0);
	return count;
}

static bool
put(const osp_template *t, uint64_t number)
{
	if (osp_template_put(t, &producer, &ids, (int64_t) number, 0) == NULL)
		return false;
	osp_template_commit(t, &producer);
	return true;
}

/* Records of all sizes pass through a ring that is filled to its last byte and emptied
 * repeatedly. No record may overwrite another one. */
static void
test_wrap_and_full(void **state)
{
	uint64_t pos = osp_ring_tail(&reader);
	uint64_t number = 0;
	uint64_t seen = 0;
	uint64_t dropped = 0;
	osp_template t;
	size_t len;

	(void) state;
	for (len = 0; len < 200; len++)
	{
		make(&t, len);
		while (put(&t, number))
			number++;
		dropped++;
		seen += consume(&pos, seen);
		assert_int_equal(seen, number);
		assert_int_equal(reader.header->dropped, dropped);
		osp_ring_set_tail(&reader, pos);
	}
	assert_int_equal(reader.header->records, number);
}

/* A record of a template that finds no room is counted for its trace, too. */
static void
test_lost_is_counted(void **state)
{
	osp_ring_loss loss;
	osp_template t;
	osp_writer w = {0};

	(void) state;
	make(&t, 100);
	while (put(&t, 0))
		;
	assert_false(put(&t, 0));
	assert_false(osp_template_begin(&t, &producer, &ids, NOW, 0, 64, &w));
	assert_true(osp_ring_read_loss(&reader, 0, &loss));
	assert_int_equal(loss.lost, 3);
	assert_true(osp_id_eq(&loss.base_id, &base));
	assert_false(osp_ring_read_loss(&reader, 1, &loss));
}

/* A record that fits neither into the free space nor into a quarter of the ring. */
static void
test_oversize(void **state)
{
	uint64_t head;
	osp_template t;

	(void) state;
	make(&t, 10);
	assert_true(put(&t, 0));
	head = osp_ring_head(&reader);
	make(&t, OSP_RING_MIN - OSP_TEMPLATE_SIZE(64));
	assert_null(osp_template_put(&t, &producer, &ids, NOW, 0));
	assert_int_equal(reader.header->dropped, 1);
	assert_int_equal(osp_ring_head(&reader), head);
}

static void
test_other_ids(void **state)
{
	osp_point_ids others = {&text_id, &parent, {{0}}};

	(void) state;
	assert_false(osp_template_may(&others));
	others.base_id = &base;
	others.parent_id = &text_id;
	assert_false(osp_template_may(&others));
	others.parent_id = &parent;
	assert_true(osp_template_may(&others));
}

/* With any amount of space, a template is made or not, and no byte outside of the space
 * changes. */
static void
test_little_space(void **state)
{
	char attrs[64];
	osp_str some = attributes(attrs, sizeof(attrs), 20);
	bool fitted = false;
	osp_template t;
	size_t size;

	(void) state;
	for (size = 0; size <= OSP_TEMPLATE_SIZE(4 + some.len); size++)
	{
		memset(made.bytes, 0x55, sizeof(made.bytes));
		if (osp_template_make(&t,
							  made.bytes,
							  size,
							  OSP_RECORD_STOP,
							  OSP_STR("name"),
							  OSP_STR(""),
							  OSP_STR(""),
							  some))
		{
			fitted = true;
			assert_true(t.room <= size && t.size <= t.room);
		}
		else
			assert_false(fitted);
		assert_int_equal(made.bytes[size], 0x55);
	}
	assert_true(fitted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_more_attributes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_too_many_attributes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrap_and_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_lost_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oversize, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_ids, set_up, tear_down),
		cmocka_unit_test(test_little_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
