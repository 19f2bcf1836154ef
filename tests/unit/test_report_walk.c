/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_walk.c
 *	  The nodes of a report, one by one.
 */
#include "tap.h"

#include <stdio.h>

#include "failing_alloc.h"
#include "osprofiler/report.h"

#define BASE  "11111111-2222-4333-8444-555555555555"
#define EPOCH INT64_C(1600000000000000000) /* 2020-09-13T12:26:40 */

typedef struct walked
{
	int count;
	int stop_after; /* 0: never */
	char text[512];
} walked;

static osp_status
add(osp_report *report, const char *name, const char *id, const char *parent,
	int ms, const char *extra)
{
	char json[512];
	int len = snprintf(json,
					   sizeof(json),
					   "{\"name\": \"%s\", \"base_id\": \"" BASE
					   "\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					   "\"timestamp\": \"2020-09-13T12:26:40.%03d000\", "
					   "\"info\": {%s\"host\": \"h\"}, \"project\": null, "
					   "\"service\": null}",
					   name,
					   id,
					   parent,
					   ms,
					   extra);

	return osp_report_add(report, osp_str_n(json, (size_t) len), NULL);
}

static osp_status
note(void *ctx, const osp_report_node *node)
{
	walked *seen = ctx;
	size_t len = strlen(seen->text);

	seen->count++;
	(void) snprintf(seen->text + len,
					sizeof(seen->text) - len,
					"%d%s%s:%d:%d:%lld ",
					node->depth,
					node->start.len > 0 ? "<" : "-",
					node->stop.len > 0 ? ">" : "-",
					(int) ((node->start_ns - EPOCH) / 1000000),
					(int) ((node->stop_ns - EPOCH) / 1000000),
					(long long) node->elapsed_ns);
	return seen->count == seen->stop_after ? OSP_EIO : OSP_OK;
}

static osp_status
fill(osp_report *report)
{
	osp_status status = add(report, "a-start", "a", BASE, 1, "");

	if (status == OSP_OK)
		status = add(report, "b-start", "b", "a", 2, "");
	if (status == OSP_OK)
		status = add(report, "b-stop", "b", "a", 4, "\"elapsed_ns\": 1999, ");
	if (status == OSP_OK)
		status = add(report, "a-stop", "a", BASE, 9, "");
	if (status == OSP_OK)
		status = add(report, "c-start", "c", BASE, 10, "");
	return status;
}

static void
test_nodes(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	walked seen = {.count = 0};

	(void) state;
	assert_non_null(report);
	assert_int_equal(osp_report_walk(report, note, &seen), OSP_OK);
	assert_int_equal(seen.count, 0);

	assert_int_equal(fill(report), OSP_OK);
	assert_int_equal(osp_report_walk(report, note, &seen), OSP_OK);
	assert_int_equal(seen.count, 3);
	assert_memory_equal(seen.text, "0<>:1:9:8000000 1<>:2:4:1999 0<-:10:", 36);
	assert_non_null(strstr(seen.text, ":-1 "));

	/* If the callback fails, its status ends the walk. */
	memset(&seen, 0, sizeof(seen));
	seen.stop_after = 2;
	assert_int_equal(osp_report_walk(report, note, &seen), OSP_EIO);
	assert_int_equal(seen.count, 2);
	osp_report_free(report);
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
	{
		walked seen = {.count = 0};
		osp_report *report = osp_report_new(&fa.alc);
		osp_status status = report != NULL ? fill(report) : OSP_ENOMEM;

		if (status == OSP_OK)
			status = osp_report_walk(report, note, &seen);
		osp_report_free(report);
		failing_alloc_check(&fa, status);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
