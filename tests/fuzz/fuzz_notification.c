/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_notification.c
 *	  Notifications that are made from JSON or from records.
 *
 * Properties: a notification that was written is read as it was. A batch and a reader
 * find the same parts in a notification. All parts are inside its text.
 */
#include "fuzz.h"

#include "notify/batch.h"

#define BUF_MAX ((size_t) 1 << 24)

static void
check_same(const osp_notification *a, const osp_notification *b)
{
	REQUIRE(osp_str_eq(a->name, b->name));
	REQUIRE(osp_str_eq(a->base_id, b->base_id));
	REQUIRE(osp_str_eq(a->trace_id, b->trace_id));
	REQUIRE(osp_str_eq(a->parent_id, b->parent_id));
	REQUIRE(osp_str_eq(a->timestamp, b->timestamp));
	REQUIRE(osp_str_eq(a->host, b->host));
	REQUIRE(osp_str_eq(a->project, b->project));
	REQUIRE(osp_str_eq(a->service, b->service));
	REQUIRE(a->error == b->error);
}

static void
check_json(osp_str json)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, BUF_MAX);
	osp_notification n;
	osp_error err = {OSP_OK, ""};
	osp_buf scratch;
	osp_status status;

	REQUIRE(batch != NULL);
	osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
	status = osp_notification_read(json, &scratch, &n, &err);
	REQUIRE(status == OSP_OK || (status == OSP_EPROTO && err.msg[0] != '\0'));
	REQUIRE((osp_batch_add_json(batch, json, NULL) == OSP_OK) ==
			(status == OSP_OK));
	if (status == OSP_OK)
	{
		const osp_notification *item = osp_batch_items(batch);
		int64_t ns;

		REQUIRE(osp_batch_count(batch) == 1);
		REQUIRE(memchr(item->json.ptr, '\n', item->json.len) == NULL);
		REQUIRE(n.info.len == 0 ||
				(n.info.ptr >= json.ptr &&
				 n.info.ptr + n.info.len <= json.ptr + json.len));
		check_same(&n, item);
		(void) osp_timestamp_parse(n.timestamp, &ns);
	}
	osp_buf_term(&scratch);
	osp_batch_free(batch);
}

/* Makes a record in which the input is in each place that takes a text. */
static void
make_record(uint64_t *space, size_t size, osp_str text, osp_record *record)
{
	osp_str id_text = osp_str_n(text.ptr, text.len < 100 ? text.len : 100);
	osp_str name = text.len > 0 ? text : OSP_STR("name");
	osp_id id;
	osp_point_ids ids;
	osp_writer w;

	if (!osp_id_set(&id, id_text))
		REQUIRE(osp_id_set(&id, OSP_STR("id")));
	ids.base_id = &id;
	ids.parent_id = &id;
	osp_uuid_new(&ids.trace_id);
	osp_record_begin(
		&w, space, size, OSP_RECORD_STOP, &ids, name, text, text, 1, 2);
	osp_put_str(&w, OSP_STR("text"), text);
	osp_put_json(&w, osp_str_n(text.ptr, text.len & 0xff), text);
	osp_put_object(&w, OSP_STR("object"));
	osp_put_members(&w, text);
	osp_put_end(&w);
	osp_put_members(&w, text);
	size = osp_record_end(&w);
	REQUIRE(size > 0);
	REQUIRE(osp_record_read(space, size, record) == size);
}

static void
check_record(osp_str text)
{
	size_t size = (text.len * 4 + 4096) & ~(size_t) 7;
	uint64_t *space = malloc(size);
	osp_batch *batch = osp_batch_new(&osp_allocator_default, BUF_MAX);
	const osp_origin origin = {OSP_STR("host"), text, text, 3};
	osp_record record;
	osp_notification n;
	osp_buf json;
	osp_buf scratch;

	REQUIRE(space != NULL && batch != NULL);
	make_record(space, size, text, &record);
	osp_buf_init(&json, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
	REQUIRE(osp_notification_write(&json, &record, &origin) == OSP_OK);
	REQUIRE(osp_notification_read(osp_buf_str(&json), &scratch, &n, NULL) ==
			OSP_OK);
	REQUIRE(osp_str_eq(n.host, OSP_STR("host")));
	REQUIRE(osp_str_eq(n.timestamp, OSP_STR("1970-01-01T00:00:00.000000")));
	REQUIRE(osp_batch_add_record(batch, &record, &origin, NULL) == OSP_OK);
	REQUIRE(osp_str_eq(osp_batch_items(batch)->json, osp_buf_str(&json)));
	REQUIRE(osp_str_eq(osp_batch_items(batch)->info, n.info));
	check_same(&n, osp_batch_items(batch));
	osp_buf_term(&json);
	osp_buf_term(&scratch);
	osp_batch_free(batch);
	free(space);
}

/* A batch keeps JSON that it has written. This must not change how it writes the same
 * record again, or a record that lacks its last bytes. json is empty if the record is
 * invalid. */
static void
check_again(osp_record *record, const osp_origin *origin, osp_str json)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, BUF_MAX);
	osp_buf shorter;
	int i;

	REQUIRE(batch != NULL);
	osp_buf_init(&shorter, &osp_allocator_default, BUF_MAX);
	for (i = 0; i < 3; i++)
	{
		osp_status status = osp_batch_add_record(batch, record, origin, NULL);

		REQUIRE((status == OSP_OK || status == OSP_EFULL) == (json.len > 0));
		if (status == OSP_OK)
			REQUIRE(osp_str_eq(
				osp_batch_items(batch)[osp_batch_count(batch) - 1].json, json));
	}
	record->info.len /= 2;
	REQUIRE((osp_batch_add_record(batch, record, origin, NULL) == OSP_OK) ==
			(osp_notification_write(&shorter, record, origin) == OSP_OK));
	osp_buf_term(&shorter);
	osp_batch_free(batch);
}

/* Attributes of arbitrary bytes. */
static void
check_attributes(osp_str info)
{
	const osp_origin origin = {OSP_STR("h"), OSP_STR(""), OSP_STR(""), 0};
	uint64_t space[512];
	osp_record record;
	osp_notification n;
	osp_buf json;
	osp_buf scratch;

	make_record(space, sizeof(space), OSP_STR("x"), &record);
	record.info = info;
	osp_buf_init(&json, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
	if (osp_notification_write(&json, &record, &origin) == OSP_OK)
		REQUIRE(osp_notification_read(osp_buf_str(&json), &scratch, &n, NULL) !=
				OSP_ENOMEM);
	else
		REQUIRE(json.len == 0);
	check_again(&record, &origin, osp_buf_str(&json));
	osp_buf_term(&json);
	osp_buf_term(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	osp_str text = osp_str_n(copy, size);

	check_json(text);
	check_record(text);
	check_attributes(text);
	free(copy);
	return 0;
}
