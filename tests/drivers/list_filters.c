/* SPDX-License-Identifier: Apache-2.0
 *
 * list_filters.c
 *	  The contract suite: lists of traces by duration, service and text.
 */
#include "tap.h"

#include "contract.h"

#include <stdio.h>

#define TRACES 40

/* Numbers of points are microseconds; every fourth trace is a slow one. */
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

/* All pages of a list. */
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

/* Which traces the filter lets pass, in pages of several sizes. */
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

	/* The name of the operation is a text as well; a part of a service is none. */
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
