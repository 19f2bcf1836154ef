/* SPDX-License-Identifier: Apache-2.0
 *
 * list_filters.c
 *	  The contract suite: lists of traces by duration, service and text.
 */
#include "tap.h"

#include "contract.h"

#include <stdio.h>

#define TRACES 40

/* The number of a point is its time in microseconds. Every fourth trace is slow. */
#define STEP    10000
#define SLOW_US 5001
#define FAST_US 1

#define IS_SLOW(i) ((i) % 4 == 0)
#define IS_WEB(i)  ((i) % 2 == 0)
#define IS_CART(i) ((i) % 5 == 0)

static void
store_traces(osp_driver_conn *conn)
{
	points all;
	unsigned i;

	points_init(&all);
	for (i = 0; i < TRACES; i++)
	{
		osp_str service = IS_WEB(i) ? OSP_STR("web") : OSP_STR("shop");
		osp_str text = IS_CART(i) ? OSP_STR("DELETE FROM Cart WHERE id = 'x'")
								  : OSP_STR("SELECT 1");
		char id[32];

		(void) snprintf(id, sizeof(id), "trace-%u", i);
		points_add_of(&all, osp_str_of(id), STEP * i, text, service);
		points_add_of(&all,
					  osp_str_of(id),
					  STEP * i + (IS_SLOW(i) ? SLOW_US : FAST_US),
					  text,
					  service);
	}
	contract_store(conn, &all);
	points_term(&all);
}

/* Collects all pages of a list. */
static void
list_pages(osp_driver_conn *conn, osp_trace_filter filter, collected *got)
{
	osp_error err = {OSP_OK, ""};
	char page[256];
	osp_str next;
	int calls = 0;

	collected_init(got);
	do
	{
		if (contract_backend->driver->list_traces(
				conn, &filter, collect_trace, got, &next, &err) != OSP_OK)
			fail_msg("list_traces: %s", err.msg);
		assert_true(next.len < sizeof(page));
		memcpy(page, next.ptr, next.len);
		filter.page = osp_str_n(page, next.len);
		assert_true(++calls <= TRACES + 1);
	}
	while (filter.page.len > 0);
}

/* Asserts which traces pass the filter, with pages of several sizes. */
static void
expect(osp_driver_conn *conn, osp_trace_filter filter,
	   const bool wanted[TRACES])
{
	const size_t limits[] = {0, 1, 3, 10, TRACES};
	size_t k;

	for (k = 0; k < sizeof(limits) / sizeof(limits[0]); k++)
	{
		collected got;
		size_t seen = 0;
		unsigned i;

		filter.limit = limits[k];
		list_pages(conn, filter, &got);
		for (i = TRACES; i-- > 0;)
		{
			char id[32];

			if (!wanted[i])
				continue;
			(void) snprintf(id, sizeof(id), "trace-%u", i);
			assert_true(seen < got.count);
			assert_string_equal(got.texts[seen], id);
			seen++;
		}
		assert_int_equal(got.count, seen);
		collected_term(&got);
	}
}

void
contract_test_filters(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_trace_filter filter = {.struct_size = sizeof(filter)};
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	bool wanted[TRACES];
	unsigned i;

	(void) state;
	assert_true((contract_backend->driver->flags & OSP_DRIVER_FILTERS) != 0);
	store_traces(conn);

	filter.min_duration_ns = INT64_C(1000) * SLOW_US;
	for (i = 0; i < TRACES; i++)
		wanted[i] = IS_SLOW(i);
	expect(conn, filter, wanted);
	filter.text = OSP_STR("from cart");
	for (i = 0; i < TRACES; i++)
		wanted[i] = IS_SLOW(i) && IS_CART(i);
	expect(conn, filter, wanted);

	filter = (osp_trace_filter){.struct_size = sizeof(filter),
								.service = OSP_STR("shop")};
	for (i = 0; i < TRACES; i++)
		wanted[i] = !IS_WEB(i);
	expect(conn, filter, wanted);
	points_timestamp(STEP * 10, timestamp);
	assert_true(osp_timestamp_parse(osp_str_of(timestamp), &filter.since_ns));
	points_timestamp(STEP * 30, timestamp);
	assert_true(osp_timestamp_parse(osp_str_of(timestamp), &filter.until_ns));
	for (i = 0; i < TRACES; i++)
		wanted[i] = !IS_WEB(i) && i >= 10 && i <= 30;
	expect(conn, filter, wanted);

	/* The text filter also searches the operation's name. The service filter compares
	 * whole names, so a part of a name matches none. */
	memset(wanted, true, sizeof(wanted));
	filter = (osp_trace_filter){.struct_size = sizeof(filter),
								.text = OSP_STR("PG")};
	expect(conn, filter, wanted);
	memset(wanted, false, sizeof(wanted));
	filter.text = OSP_STR("nowhere");
	expect(conn, filter, wanted);
	filter.text = OSP_STR("");
	filter.service = OSP_STR("sho");
	expect(conn, filter, wanted);
	filter.service = OSP_STR("it's \\ \"quoted\"");
	expect(conn, filter, wanted);
	contract_close(conn);
}

/* ---- the texts of a trace in a list ---- */

typedef struct told_point
{
	const char *name;
	const char *info;
	const char *service;
} told_point;

#define STATEMENT(text) \
	"{\"db\": {\"statement\": \"" text "\"}, \"host\": \"h\"}"
#define NOTHING "{\"host\": \"h\"}"
#define REQUEST                                                       \
	"{\"request\": {\"path\": \"/cart/7\", \"query\": \"secret=1\", " \
	"\"method\": \"POST\", \"scheme\": \"http\"}, \"host\": \"h\"}"
#define APPLICATION                                           \
	"{\"db\": {\"system\": \"postgresql\", \"application\": " \
	"\"checkout\", \"statement\": \"BEGIN\"}, \"host\": \"h\"}"

/* Traces whose points are stored in batches of two. */
static const struct
{
	const char *id;
	const char *service; /* the service that the list shows */
	const char *name;
	const char *text;
	told_point points[6];
} told[] = {
	{"a-transaction",
	 "shop",
	 "pg",
	 "UPDATE stock",
	 {{"pg-start", STATEMENT("/* x */ begin"), "shop"},
	  {"pg-stop", NOTHING, "shop"},
	  {"pg-start", STATEMENT("SET work_mem = 1; -- more"), "shop"},
	  {"pg-stop", NOTHING, "shop"},
	  {"pg-start", STATEMENT("UPDATE stock"), "shop"},
	  {"pg-stop", NOTHING, "shop"}}},
	{"a-connection",
	 "web",
	 "db",
	 "SELECT 1",
	 {{"db.connect-start", NOTHING, "web"},
	  {"db.connect-stop", NOTHING, "web"},
	  {"db-start", STATEMENT("SELECT 1"), "database"},
	  {"db-stop", NOTHING, "database"},
	  {"db-start", STATEMENT("SELECT 2"), "database"},
	  {"db-stop", NOTHING, "database"}}},
	{"a-request",
	 "web",
	 "wsgi",
	 "POST /cart/7",
	 {{"wsgi-start", REQUEST, "web"},
	  {"db-start", STATEMENT("SELECT 1"), "web"},
	  {"db-stop", NOTHING, "web"},
	  {"wsgi-stop", NOTHING, "web"}}},
	{"an-application",
	 "checkout",
	 "pg",
	 "BEGIN; DELETE FROM cart",
	 {{"pg-start", APPLICATION, ""},
	  {"pg-stop", NOTHING, ""},
	  {"pg-start", STATEMENT("BEGIN; DELETE FROM cart"), ""},
	  {"pg-stop", NOTHING, ""}}},
	{"another-kind",
	 "web",
	 "compute_api",
	 "",
	 {{"compute_api-start", NOTHING, "web"},
	  {"db-start", STATEMENT("SELECT 1"), "web"}}},
	{"nothing-else",
	 "shop",
	 "pg",
	 "BEGIN",
	 {{"pg-start", STATEMENT("BEGIN"), "shop"},
	  {"pg-stop", NOTHING, "shop"},
	  {"pg-start", STATEMENT("COMMIT"), "shop"},
	  {"pg-stop", NOTHING, "shop"}}},
};

#define TOLD (sizeof(told) / sizeof(told[0]))

static osp_status
check_told(void *ctx, const osp_trace_entry *entry)
{
	size_t i;

	for (i = 0; i < TOLD; i++)
		if (osp_str_eq(entry->base_id, osp_str_of(told[i].id)))
			break;
	assert_true(i < TOLD);
	++*(size_t *) ctx;
	if (!osp_str_eq(entry->service, osp_str_of(told[i].service)) ||
		!osp_str_eq(entry->name, osp_str_of(told[i].name)) ||
		!osp_str_eq(entry->text, osp_str_of(told[i].text)))
		fail_msg("%s: '%.*s' '%.*s' '%.*s'",
				 told[i].id,
				 (int) entry->service.len,
				 entry->service.ptr,
				 (int) entry->name.len,
				 entry->name.ptr,
				 (int) entry->text.len,
				 entry->text.ptr);
	return OSP_OK;
}

/* A trace is described by its first operation that shows what the trace does, also if
 * that operation arrives in a later batch. */
void
contract_test_texts(void **state)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter)};
	osp_driver_conn *conn = contract_open();
	size_t count = 0;
	collected got;
	size_t from;
	size_t i;

	(void) state;
	for (from = 0; from < 6; from += 2)
	{
		points some;
		size_t k;

		points_init(&some);
		for (i = 0; i < TOLD; i++)
			for (k = from; k < from + 2 && told[i].points[k].name != NULL; k++)
				points_add_info(&some,
								osp_str_of(told[i].id),
								(unsigned) (STEP * i + k),
								told[i].points[k].name,
								told[i].points[k].info,
								osp_str_of(told[i].points[k].service));
		contract_store(conn, &some);
		points_term(&some);
	}
	assert_int_equal(contract_backend->driver->list_traces(
						 conn, &filter, check_told, &count, NULL, NULL),
					 OSP_OK);
	assert_int_equal(count, TOLD);

	/* The filters compare with the texts that the list shows. */
	filter.service = OSP_STR("checkout");
	list_pages(conn, filter, &got);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.texts[0], "an-application");
	collected_term(&got);
	filter.service = OSP_STR("");
	filter.text = OSP_STR("update STOCK");
	list_pages(conn, filter, &got);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.texts[0], "a-transaction");
	collected_term(&got);
	contract_close(conn);
}
