/* SPDX-License-Identifier: Apache-2.0
 *
 * test_batch.c
 *	  Batches of notifications: what drivers see of them, and notifications that do not
 *	  fit.
 */
#include "tap.h"

#include "failing_alloc.h"
#include "points.h"

#define MANY 1000

static char long_text[1500];

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

/* Asserts that the parts are those that a reader finds in the same JSON. */
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

/* Asserts that the values are those that a reader finds in the texts. */
static void
assert_values(const osp_notification *item)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	osp_uuid id;

	assert_non_null(item->values);
	assert_true(osp_uuid_parse(item->trace_id, &id));
	assert_memory_equal(&id, &item->values->trace_id, sizeof(id));
	assert_true(osp_uuid_parse(item->parent_id, &id));
	assert_memory_equal(&id, &item->values->parent_id, sizeof(id));
	osp_timestamp_text(item->values->wall_ns, timestamp);
	assert_part(item->timestamp, timestamp);
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

/* Writes attributes of a start. Their sizes and types depend on number. */
static void
put_start(osp_writer *w, int number)
{
	static const char text[] =
		"SELECT 'caf\xc3\xa9', \"n\" FROM t WHERE id = $1 ";

	osp_put_object(w, OSP_STR("db"));
	if (number % 2 == 0)
		osp_put_str(w, OSP_STR("statement"), osp_str_n(text, 20 + number % 24));
	osp_put_i64(w, OSP_STR("number"), number);
	osp_put_f64(w, OSP_STR("cost"), number / 3.0);
	osp_put_end(w);
	if (number % 5 == 0)
		osp_put_str(w, OSP_STR("host"), OSP_STR("is written by us"));
	if (number % 7 == 0)
		osp_put_members(w, OSP_STR("{\"more\": [1, \"x\"], \"host\": 1}"));
	if (number % 11 == 0)
		osp_put_str(
			w, OSP_STR("long"), osp_str_n(long_text, sizeof(long_text)));
}

/* Attributes that are written again have the same JSON each time, also if more other
 * attributes were written meanwhile than are kept. */
static void
test_again(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 24);
	osp_buf alone;
	int round;
	int i;

	(void) state;
	memset(long_text, 'x', sizeof(long_text));
	osp_buf_init(&alone, &osp_allocator_default, 1 << 20);
	for (round = 0; round < 4; round++)
		for (i = 0; i < MANY; i++)
		{
			int number = i % 3 == 0 ? i % 50 : i;
			const osp_notification *item;
			point_record point;

			point_begin(
				&point, i % 13 == 0 ? OSP_RECORD_STOP : OSP_RECORD_START, "pg");
			put_start(&point.writer, number);
			point_end(&point);
			assert_int_equal(
				osp_batch_add_record(batch, &point.record, &point_origin, NULL),
				OSP_OK);
			osp_buf_reset(&alone);
			assert_int_equal(
				osp_notification_write(&alone, &point.record, &point_origin),
				OSP_OK);
			item = &osp_batch_items(batch)[osp_batch_count(batch) - 1];
			assert_int_equal(item->json.len, alone.len);
			assert_memory_equal(item->json.ptr, alone.ptr, alone.len);
			assert_values(item);
			if (i % 100 == 99)
				osp_batch_reset(batch);
		}
	osp_buf_term(&alone);
	osp_batch_free(batch);
}

static int
pick(unsigned *seed, int choices)
{
	*seed = *seed * 1103515245 + 12345;
	return (int) (*seed >> 16) % choices;
}

/* Writes an attribute. Its type and key depend on kind only, its value on seed. */
static void
put_some(osp_writer *w, unsigned *seed, int kind)
{
	static const char key[] = "key12";
	osp_str name = osp_str_n(key, 3 + (size_t) kind % 3);
	int number = pick(seed, 1000000) - 500000;

	switch (kind % 10)
	{
		case 0:
			osp_put_i64(w, name, pick(seed, 3) == 0 ? INT64_MIN : number);
			break;
		case 1:
			osp_put_u64(w, name, pick(seed, 3) == 0 ? UINT64_MAX : 7);
			break;
		case 2:
			osp_put_f64(w, name, number / 7.0);
			break;
		case 3:
			osp_put_bool(w, name, number > 0);
			break;
		case 4:
			osp_put_null(w, name);
			break;
		case 5:
			osp_put_sqlstate(w, OSP_STR("etype"), "23505");
			break;
		case 6:
			osp_put_str(
				w, name, osp_str_n("caf\xc3\xa9\"\n", 1 + pick(seed, 6)));
			break;
		case 7:
			osp_put_json(w, name, OSP_STR("{\"a\":[1,2]}"));
			break;
		case 8:
			osp_put_i64(w, OSP_STR("host"), number);
			break;
		default:
			osp_put_members(w, OSP_STR("{\"etype\": 1, \"elapsed_ns\": 2}"));
			break;
	}
}

/* Writes attributes of a stop. For the same shape they differ in their values only.
 * Some shapes have too many or too long attributes to be kept. */
static void
put_stop(osp_writer *w, unsigned *seed, int shape)
{
	unsigned shape_seed = (unsigned) shape * 7919;
	int depth = 0;
	int count = shape % 13 == 0 ? 40 : pick(&shape_seed, 6);
	int i;

	for (i = 0; i < count; i++)
	{
		int kind = pick(&shape_seed, 40);

		if (kind >= 30 && depth < 4)
		{
			osp_put_object(w, OSP_STR("obj"));
			depth++;
		}
		else if (kind >= 26 && depth > 0)
		{
			osp_put_end(w);
			depth--;
		}
		else
			put_some(w, seed, kind);
		if (kind == 11)
			osp_put_i64(w, osp_str_n(long_text, OSP_KEY_MAX), kind);
	}
	while (depth-- > 0)
		osp_put_end(w);
}

/* Returns an origin that changes from time to time, also to texts with escapes. */
static osp_origin
some_origin(unsigned *seed)
{
	static const osp_str texts[] = {
		{"", 0}, {"a", 1}, {"b", 1}, {"\"", 1}, {"a longer text", 13}};
	osp_origin origin = point_origin;

	if (pick(seed, 4) > 0)
		return origin;
	origin.host = texts[1 + pick(seed, 4)];
	origin.project = texts[pick(seed, 5)];
	origin.service = texts[pick(seed, 5)];
	origin.wall_offset_ns += INT64_C(300000000) * pick(seed, 10);
	if (pick(seed, 8) == 0)
		origin.wall_offset_ns = pick(seed, 2000) - 1000;
	return origin;
}

/* Stops that differ in their values only, or little more, have the same JSON in a batch
 * as alone. */
static void
test_stops_alike(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 24);
	unsigned seed = 1;
	osp_buf alone;
	int i;

	(void) state;
	memset(long_text, 'x', sizeof(long_text));
	osp_buf_init(&alone, &osp_allocator_default, 1 << 20);
	for (i = 0; i < 20000; i++)
	{
		osp_origin origin = some_origin(&seed);
		const osp_notification *item;
		point_record point;

		point_begin(&point, OSP_RECORD_STOP, "pg");
		put_stop(&point.writer, &seed, pick(&seed, 100));
		point_end(&point);
		assert_int_equal(
			osp_batch_add_record(batch, &point.record, &origin, NULL), OSP_OK);
		osp_buf_reset(&alone);
		assert_int_equal(osp_notification_write(&alone, &point.record, &origin),
						 OSP_OK);
		item = &osp_batch_items(batch)[osp_batch_count(batch) - 1];
		assert_int_equal(item->json.len, alone.len);
		assert_memory_equal(item->json.ptr, alone.ptr, alone.len);
		assert_as_read(item);
		if (i % 100 == 99)
			osp_batch_reset(batch);
	}
	osp_buf_term(&alone);
	osp_batch_free(batch);
}

/* Incomplete attributes follow valid ones that were kept. */
static void
test_damaged_attributes(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 20);
	osp_record_kind kind;
	point_record point;
	size_t len;

	(void) state;
	for (kind = OSP_RECORD_START; kind <= OSP_RECORD_STOP; kind++)
	{
		unsigned seed = 5;
		int i;

		point_begin(&point, kind, "pg");
		osp_put_object(&point.writer, OSP_STR("db"));
		for (i = 0; i < 10; i++)
			put_some(&point.writer, &seed, i % 7);
		osp_put_end(&point.writer);
		point_end(&point);
		len = point.record.info.len;
		for (i = 0; i < 3; i++)
			assert_int_equal(
				osp_batch_add_record(batch, &point.record, &point_origin, NULL),
				OSP_OK);
		while (--point.record.info.len > 0)
			assert_int_equal(
				osp_batch_add_record(batch, &point.record, &point_origin, NULL),
				OSP_EPROTO);
		point.record.info.len = len;
		assert_int_equal(
			osp_batch_add_record(batch, &point.record, &point_origin, NULL),
			OSP_OK);
	}
	assert_int_equal(osp_batch_count(batch), 8);
	osp_batch_free(batch);
}

/* Objects are nested more deeply than a record allows. */
static void
test_deep_attributes(void **state)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 20);
	point_record point;
	int depth;

	(void) state;
	for (depth = OSP_INFO_DEPTH; depth <= OSP_INFO_DEPTH + 1; depth++)
	{
		osp_writer w;
		char space[256];
		int i;

		point_begin(&point, OSP_RECORD_STOP, "pg");
		point_end(&point);
		osp_attrs_begin(&w, space, sizeof(space));
		for (i = 0; i < depth; i++)
			osp_put_object(&w, OSP_STR("o"));
		for (i = 0; i < depth; i++)
			osp_put_end(&w);
		point.record.info = osp_attrs_end(&w);
		for (i = 0; i < 2; i++)
			assert_int_equal(
				osp_batch_add_record(batch, &point.record, &point_origin, NULL),
				depth <= OSP_INFO_DEPTH ? OSP_OK : OSP_EPROTO);
	}
	osp_batch_free(batch);
}

static void
add_with_ids(osp_batch *batch, const char *name, const char *base,
			 const char *parent, int64_t wall_offset_ns)
{
	osp_origin origin = point_origin;
	point_record point;

	origin.wall_offset_ns = wall_offset_ns;
	point_begin_with_ids(&point, OSP_RECORD_START, name, base, parent);
	point_end(&point);
	assert_int_equal(osp_batch_add_record(batch, &point.record, &origin, NULL),
					 OSP_OK);
}

/* A notification has no values if its parent is no UUID, a text has escapes, or its
 * time cannot be read. */
static void
test_without_values(void **state)
{
	static const char uuid[] = "11111111-1111-4111-8111-111111111111";
	osp_batch *batch = osp_batch_new(&osp_allocator_default, 1 << 20);
	size_t i;

	(void) state;
	add_with_ids(batch, "pg", "a base", uuid, point_origin.wall_offset_ns);
	add_with_ids(batch, "pg", uuid, "a parent", point_origin.wall_offset_ns);
	add_with_ids(batch, "p\"g", uuid, uuid, point_origin.wall_offset_ns);
	add_with_ids(batch, "pg", uuid, uuid, INT64_MIN / 2);
	add_with_ids(batch, "pg", uuid, uuid, INT64_MAX - 1);
	assert_values(&osp_batch_items(batch)[0]);
	for (i = 1; i < osp_batch_count(batch); i++)
		assert_null(osp_batch_items(batch)[i].values);
	osp_batch_free(batch);
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

	/* JSON in the form of json.dumps is not changed; other JSON is brought into that
	 * form. */
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

/* A notification that does not fit leaves nothing behind. After a reset there is room
 * again. */
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

/* An addition that fails may move the memory, too. */
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

	/* A text of 400 kB becomes three times as long by its escapes, and does not fit. */
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
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_stops_alike),
		cmocka_unit_test(test_damaged_attributes),
		cmocka_unit_test(test_deep_attributes),
		cmocka_unit_test(test_without_values),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_items_after_failure),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
