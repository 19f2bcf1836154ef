/* SPDX-License-Identifier: Apache-2.0
 *
 * test_record.c
 *	  Records: they are read as they were written, and invalid bytes are not read.
 */
#include "tap.h"

#include <stdlib.h>

#include "record/record.h"

#define SPACE 4096

static union
{
	char bytes[SPACE];
	uint64_t align;
} space;

static osp_id base;
static osp_id parent;
static osp_uuid trace;

static int
set_ids(void **state)
{
	(void) state;
	osp_uuid_new(&trace);
	return osp_id_set(&base, OSP_STR("a base id that is no UUID")) &&
				   osp_id_set(&parent,
							  OSP_STR("5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20"))
			   ? 0
			   : -1;
}

static void
begin(osp_writer *w, size_t size)
{
	osp_point_ids ids = {&base, &parent, trace};

	osp_record_begin(w,
					 space.bytes,
					 size,
					 OSP_RECORD_STOP,
					 &ids,
					 OSP_STR("pg"),
					 OSP_STR("a project"),
					 OSP_STR(""),
					 123456789,
					 42);
}

/* Writes a record with an attribute of each type. */
static size_t
write_all(size_t size)
{
	osp_writer w;

	begin(&w, size);
	osp_put_object(&w, OSP_STR("db"));
	osp_put_str(&w, OSP_STR("statement"), OSP_STR("SELECT 1"));
	osp_put_json(&w, OSP_STR("params"), OSP_STR("[1, 2]"));
	osp_put_end(&w);
	osp_put_members(&w, OSP_STR("{\"a\": 1}"));
	osp_put_i64(&w, OSP_STR("i"), INT64_MIN);
	osp_put_u64(&w, OSP_STR("u"), UINT64_MAX);
	osp_put_f64(&w, OSP_STR("f"), 0.5);
	osp_put_bool(&w, OSP_STR("yes"), true);
	osp_put_null(&w, OSP_STR("nothing"));
	osp_put_sqlstate(&w, OSP_STR("etype"), "23505");
	return osp_record_end(&w);
}

static void
expect(osp_str info, size_t *pos, osp_attr_type type, const char *key,
	   const void *value, size_t len)
{
	osp_attr attr;

	assert_true(osp_attr_next(info, pos, &attr));
	assert_int_equal(attr.type, type);
	assert_int_equal(attr.key.len, strlen(key));
	assert_memory_equal(attr.key.ptr, key, attr.key.len);
	assert_int_equal(attr.value.len, len);
	if (len > 0)
		assert_memory_equal(attr.value.ptr, value, len);
}

static void
test_round_trip(void **state)
{
	const int64_t least = INT64_MIN;
	const uint64_t most = UINT64_MAX;
	const double half = 0.5;
	osp_record record;
	osp_str info;
	size_t size = write_all(SPACE);
	size_t pos = 0;
	osp_attr attr;

	(void) state;
	assert_true(size > 0);
	assert_int_equal(size % OSP_RECORD_ALIGN, 0);
	assert_int_equal(osp_record_read(space.bytes, SPACE, &record), size);
	assert_int_equal(record.kind, OSP_RECORD_STOP);
	assert_int_equal(record.mono_ns, 123456789);
	assert_int_equal(record.elapsed_ns, 42);
	assert_memory_equal(&record.trace_id, &trace, sizeof(trace));
	assert_true(osp_id_eq(&record.base_id, &base));
	assert_true(osp_id_eq(&record.parent_id, &parent));
	assert_true(osp_str_eq(record.name, OSP_STR("pg")));
	assert_true((record.flags & OSP_RECORD_HAS_PROJECT) != 0);
	assert_true(osp_str_eq(record.project, OSP_STR("a project")));
	assert_true((record.flags & OSP_RECORD_HAS_SERVICE) == 0);

	info = record.info;
	expect(info, &pos, OSP_ATTR_OBJECT, "db", NULL, 0);
	expect(info, &pos, OSP_ATTR_STR, "statement", "SELECT 1", 8);
	expect(info, &pos, OSP_ATTR_JSON, "params", "[1, 2]", 6);
	expect(info, &pos, OSP_ATTR_END, "", NULL, 0);
	expect(info, &pos, OSP_ATTR_MEMBERS, "", "{\"a\": 1}", 8);
	expect(info, &pos, OSP_ATTR_I64, "i", &least, 8);
	expect(info, &pos, OSP_ATTR_U64, "u", &most, 8);
	expect(info, &pos, OSP_ATTR_F64, "f", &half, 8);
	expect(info, &pos, OSP_ATTR_BOOL, "yes", "\1", 1);
	expect(info, &pos, OSP_ATTR_NULL, "nothing", NULL, 0);
	expect(info, &pos, OSP_ATTR_SQLSTATE, "etype", "23505", 5);
	assert_false(osp_attr_next(info, &pos, &attr));
	assert_int_equal(pos, info.len);
}

/* If there is too little space, no record is written, and no byte outside of the space
 * changes. */
static void
test_no_room(void **state)
{
	size_t whole = write_all(SPACE);
	size_t size;

	(void) state;
	for (size = 0; size < whole; size++)
	{
		memset(space.bytes, 0x55, sizeof(space.bytes));
		assert_int_equal(write_all(size), 0);
		assert_int_equal((unsigned char) space.bytes[size], 0x55);
	}
	assert_int_equal(write_all(whole), whole);
}

static void
test_cut_short(void **state)
{
	size_t whole = write_all(SPACE);
	size_t size;
	osp_record record;

	(void) state;
	for (size = 0; size < whole; size++)
		assert_int_equal(osp_record_read(space.bytes, size, &record), 0);
}

/* Whatever the bytes are, all texts that are read are inside the record. */
static void
test_damaged_bytes(void **state)
{
	size_t whole = write_all(SPACE);
	char *copy = malloc(whole);
	unsigned seed = 1;
	int round;

	(void) state;
	assert_non_null(copy);
	for (round = 0; round < 200000; round++)
	{
		int flips = 1 + rand_r(&seed) % 4;
		osp_record record;
		size_t size;

		memcpy(copy, space.bytes, whole);
		while (flips-- > 0)
			copy[(size_t) rand_r(&seed) % whole] = (char) rand_r(&seed);
		size = osp_record_read(copy, whole, &record);
		assert_true(size <= whole);
		if (size > 0 && record.kind != OSP_RECORD_PAD)
		{
			size_t pos = 0;
			osp_attr attr;

			while (osp_attr_next(record.info, &pos, &attr))
				assert_true(attr.value.ptr + attr.value.len <= copy + whole);
			assert_int_equal(pos, record.info.len);
			assert_true(record.base_id.len <= OSP_ID_MAX);
		}
	}
	free(copy);
}

static void
test_nesting(void **state)
{
	osp_record record;
	osp_writer w;
	int depth;

	(void) state;
	begin(&w, SPACE);
	osp_put_object(&w, OSP_STR("never ended"));
	assert_true(osp_record_end(&w) > 0);
	assert_int_equal(osp_record_read(space.bytes, SPACE, &record), 0);

	begin(&w, SPACE);
	osp_put_end(&w);
	assert_true(osp_record_end(&w) > 0);
	assert_int_equal(osp_record_read(space.bytes, SPACE, &record), 0);

	begin(&w, SPACE);
	for (depth = 0; depth < OSP_INFO_DEPTH; depth++)
		osp_put_object(&w, OSP_STR("o"));
	for (depth = 0; depth < OSP_INFO_DEPTH; depth++)
		osp_put_end(&w);
	assert_true(osp_record_end(&w) > 0);
	assert_true(osp_record_read(space.bytes, SPACE, &record) > 0);

	begin(&w, SPACE);
	for (depth = 0; depth <= OSP_INFO_DEPTH; depth++)
		osp_put_object(&w, OSP_STR("o"));
	for (depth = 0; depth <= OSP_INFO_DEPTH; depth++)
		osp_put_end(&w);
	assert_true(osp_record_end(&w) > 0);
	assert_int_equal(osp_record_read(space.bytes, SPACE, &record), 0);
}

/* Attributes that were encoded before give the same bytes as attributes that are
 * written one by one. */
static void
test_encoded(void **state)
{
	char once[64];
	osp_record record;
	osp_writer attrs;
	osp_writer w;
	size_t pos = 0;

	(void) state;
	osp_attrs_begin(&attrs, once, sizeof(once));
	osp_put_str(&attrs, OSP_STR("database"), OSP_STR("postgres"));
	begin(&w, SPACE);
	osp_put_encoded(&w, osp_attrs_end(&attrs));
	assert_true(osp_record_end(&w) > 0);
	assert_true(osp_record_read(space.bytes, SPACE, &record) > 0);
	expect(record.info, &pos, OSP_ATTR_STR, "database", "postgres", 8);

	osp_attrs_begin(&attrs, once, 8);
	osp_put_str(&attrs, OSP_STR("database"), OSP_STR("postgres"));
	assert_int_equal(osp_attrs_end(&attrs).len, 0);
}

static void
test_utf8_prefix(void **state)
{
	(void) state;
	assert_int_equal(osp_utf8_prefix(OSP_STR("abc"), 10), 3);
	assert_int_equal(osp_utf8_prefix(OSP_STR("abc"), 3), 3);
	assert_int_equal(osp_utf8_prefix(OSP_STR("abc"), 2), 2);
	assert_int_equal(osp_utf8_prefix(OSP_STR("abc"), 0), 0);
	assert_int_equal(osp_utf8_prefix(OSP_STR("a\xc3\xa9"), 2), 1);
	assert_int_equal(osp_utf8_prefix(OSP_STR("a\xe2\x82\xac"), 3), 1);
	assert_int_equal(osp_utf8_prefix(OSP_STR("a\xf0\x9f\x98\x80z"), 4), 1);
	assert_int_equal(osp_utf8_prefix(OSP_STR("a\xf0\x9f\x98\x80z"), 5), 5);
	/* The text is not UTF-8 at all, so it is cut at the limit. */
	assert_int_equal(osp_utf8_prefix(OSP_STR("\x80\x80\x80\x80\x80\x80"), 5),
					 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_damaged_bytes),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_encoded),
		cmocka_unit_test(test_utf8_prefix),
	};

	return cmocka_run_group_tests(tests, set_ids, NULL);
}
