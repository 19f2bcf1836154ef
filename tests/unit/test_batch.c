/* SPDX-License-Identifier: Apache-2.0
 *
 * test_batch.c
 *	  Batches of notifications: what drivers see of them, what does not fit.
 */
#include "tap.h"

#include "failing_alloc.h"
#include "points.h"

#define MANY 1000

static void
assert_part(osp_str part, const char *expected)
{
	assert_int_equal(part.len, strlen(expected));
	assert_memory_equal(part.ptr, expected, part.len);
}

static void
make_record(point_record *point, const char *name, int number)
{
	point_begin(point, OSP_RECORD_STOP, name);
	osp_put_i64(&point->writer, OSP_STR("number"), number);
	if (number % 3 == 0)
		osp_put_sqlstate(&point->writer, OSP_STR("etype"), "57014");
	point_end(point);
}

/* The same parts as a reader finds in the same JSON. */
static void
assert_as_read(const osp_notification *item)
{
	osp_notification n;
	osp_buf scratch;

	osp_buf_init(&scratch, &osp_allocator_default, 1 << 20);
	assert_int_equal(osp_notification_read(item->json, &scratch, &n, NULL),
					 OSP_OK);
	assert_true(osp_str_eq(item->name, n.name));
	assert_true(osp_str_eq(item->base_id, n.base_id));
	assert_true(osp_str_eq(item->trace_id, n.trace_id));
	assert_true(osp_str_eq(item->parent_id, n.parent_id));
	assert_true(osp_str_eq(item->timestamp, n.timestamp));
	assert_true(osp_str_eq(item->info, n.info));
	assert_true(osp_str_eq(item->host, n.host));
	assert_true(osp_str_eq(item->project, n.project));
	assert_true(osp_str_eq(item->service, n.service));
	assert_int_equal(item->error, n.error);
	osp_buf_term(&scratch);
}

static void
assert_batch(osp_batch *batch)
{
	const osp_notification *items = osp_batch_items(batch);
	size_t bytes = 0;
	size_t i;

	for (i = 0; i < osp_batch_count(batch); i++)
	{
		assert_as_read(&items[i]);
		bytes += items[i].json.len;
	}
	assert_int_equal(osp_batch_bytes(batch), bytes);
}

static void
test_records(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 24);
	int round;
	int i;

	(void) state;
	assert_non_null(batch);
	assert_int_equal(osp_batch_count(batch), 0);
	for (round = 0; round < 2; round++)
	{
		for (i = 0; i < MANY; i++)
		{
			point_record point;

			make_record(&point, i % 7 == 0 ? "n\xc3\xa4me" : "pg", i);
			assert_int_equal(
				osp_batch_add_record(batch, &point.record, &point_origin, NULL),
				OSP_OK);
			if (i % 100 == 0)
				assert_batch(batch);
		}
		assert_int_equal(osp_batch_count(batch), MANY);
		assert_batch(batch);
		assert_part(osp_batch_items(batch)[0].name, "n\xc3\xa4me-stop");
		assert_true(osp_batch_items(batch)[0].error);
		assert_part(osp_batch_items(batch)[1].name, "pg-stop");
		assert_part(osp_batch_items(batch)[1].info,
					"{\"number\": 1, \"elapsed_ns\": 1234567, \"host\": "
					"\"vm\"}");
		assert_part(osp_batch_items(batch)[1].project, "pro");
		assert_part(osp_batch_items(batch)[1].service, "");
		assert_false(osp_batch_items(batch)[1].error);
		osp_batch_reset(batch);
		assert_int_equal(osp_batch_count(batch), 0);
		assert_int_equal(osp_batch_bytes(batch), 0);
	}
	osp_batch_free(batch);
	osp_batch_free(NULL);
}

#define FOREIGN_HEAD                                                  \
	"\"base_id\": \"b\", \"trace_id\": \"t\", \"parent_id\": \"p\", " \
	"\"timestamp\": \"now\""

static void
test_json(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 24);
	const osp_place place = {{"sixteen letters."}, 77};
	const osp_notification *items;

	(void) state;
	assert_non_null(batch);

	/* What is in our bytes stays as it is; the rest is brought into them. */
	assert_int_equal(
		osp_batch_add_json(
			batch, OSP_STR("{\"name\":\"a-stop\", " FOREIGN_HEAD "}"), &place),
		OSP_OK);
	assert_int_equal(
		osp_batch_add_json(
			batch,
			OSP_STR("{\"name\":\"\xc3\xa9\xff\",\n" FOREIGN_HEAD "}\n"),
			NULL),
		OSP_OK);
	assert_int_equal(
		osp_batch_add_json(batch, OSP_STR("{\"name\": 1}"), &place),
		OSP_EPROTO);
	assert_int_equal(osp_batch_add_json(batch, OSP_STR("\n"), NULL),
					 OSP_EPROTO);
	assert_int_equal(osp_batch_count(batch), 2);
	assert_batch(batch);
	items = osp_batch_items(batch);
	assert_part(items[0].json, "{\"name\":\"a-stop\", " FOREIGN_HEAD "}");
	assert_part(items[1].json,
				"{\"name\": \"\\u00e9\\ufffd\", " FOREIGN_HEAD "}");
	assert_part(items[1].name, "\xc3\xa9\xef\xbf\xbd");
	assert_int_equal(items[0].sequence, 77);
	assert_memory_equal(&items[0].source, &place.source, sizeof(osp_uuid));
	assert_int_equal(items[1].sequence, 0);
	osp_batch_free(batch);
}

/* Nothing of what did not fit stays, and there is room again after a reset. */
static void
test_full(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1024);
	point_record point;
	size_t count = 0;
	osp_status status;

	(void) state;
	assert_non_null(batch);
	make_record(&point, "pg", 1);
	while ((status = osp_batch_add_record(
				batch, &point.record, &point_origin, NULL)) == OSP_OK)
		count++;
	assert_int_equal(status, OSP_EFULL);
	assert_int_equal(count, 3);
	assert_int_equal(osp_batch_count(batch), count);
	assert_batch(batch);
	assert_int_equal(
		osp_batch_add_json(batch, osp_batch_items(batch)[0].json, NULL),
		OSP_EFULL);
	assert_int_equal(
		osp_batch_add_json(
			batch, OSP_STR("{\"name\":\"a\", " FOREIGN_HEAD "}"), NULL),
		OSP_OK);
	assert_batch(batch);
	osp_batch_reset(batch);
	assert_int_equal(
		osp_batch_add_record(batch, &point.record, &point_origin, NULL),
		OSP_OK);
	assert_batch(batch);
	osp_batch_free(batch);
}

/* An addition that fails lets the memory move, too. */
static void
test_items_after_failure(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 20);
	point_record point;
	osp_buf large;
	int i;

	(void) state;
	assert_non_null(batch);
	make_record(&point, "pg", 1);
	assert_int_equal(
		osp_batch_add_record(batch, &point.record, &point_origin, NULL),
		OSP_OK);
	assert_batch(batch);

	/* What is 400 kB becomes three times as much, for which there is no room. */
	osp_buf_init(&large, &osp_allocator_default, 1 << 20);
	osp_buf_add_str(&large, OSP_STR("{" FOREIGN_HEAD ", \"name\": \""));
	for (i = 0; i < 200000; i++)
		osp_buf_add_str(&large, OSP_STR("\xc3\xa9"));
	osp_buf_add_str(&large, OSP_STR("\"}"));
	assert_int_equal(osp_batch_add_json(batch, osp_buf_str(&large), NULL),
					 OSP_EFULL);
	assert_batch(batch);
	assert_int_equal(osp_batch_count(batch), 1);
	osp_buf_term(&large);
	osp_batch_free(batch);
}

static osp_status
work(const osp_allocator *alc)
{
	osp_batch *batch = osp_batch_new(alc, 1 << 20);
	osp_status status = OSP_OK;
	point_record point;
	int i;

	if (batch == NULL)
		return OSP_ENOMEM;
	for (i = 0; i < 100 && status == OSP_OK; i++)
	{
		make_record(&point, i % 2 == 0 ? "\t" : "pg", i);
		status =
			osp_batch_add_record(batch, &point.record, &point_origin, NULL);
		if (status == OSP_OK)
			status = osp_batch_add_json(
				batch,
				OSP_STR("{\"name\":\"\xc3\xa9\", " FOREIGN_HEAD "}"),
				NULL);
	}
	assert_batch(batch);
	osp_batch_free(batch);
	return status;
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_status status = work(&fa.alc);

		failing_alloc_check(&fa, status);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_items_after_failure),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
