/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_export.c
 *	  A trace in the formats of other programs: errors. tests/cli/export.t and
 *	  tests/cli/dot.t check that those programs can read them.
 */
#include "tap.h"

#include <stdio.h>

#include "failing_alloc.h"
#include "osprofiler/report.h"

#define TEXT_MAX ((size_t) 1 << 24)

typedef osp_status (*write_report_fn)(osp_report *report, osp_write_fn write,
									  void *ctx);

static const write_report_fn forms[] = {osp_report_dot_write,
										osp_report_chrome_write,
										osp_report_csv_write,
										osp_report_otlp_write};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* Adds count operations, each of which takes 10 us and begins 5 us after the one
 * before. */
static osp_status
add_points(osp_report *report, int count)
{
	osp_status status = OSP_OK;
	char point[512];
	int i;

	for (i = 0; i < 2 * count && status == OSP_OK; i++)
	{
		(void) snprintf(
			point,
			sizeof(point),
			"{\"name\": \"db-%s\", \"base_id\": \"b\", \"trace_id\": \"%d\", "
			"\"parent_id\": \"b\", \"timestamp\": "
			"\"2026-11-28T10:00:00.%06d\", \"info\": {\"db\": {\"statement\": "
			"\"SELECT %d\"}}, \"project\": null, \"service\": \"s\"}",
			i % 2 == 0 ? "start" : "stop",
			i / 2,
			i / 2 * 5 + i % 2 * 10,
			i);
		status = osp_report_add(report, osp_str_of(point), NULL);
	}
	return status;
}

static osp_status
append(void *ctx, osp_str piece)
{
	osp_buf_add_str((osp_buf *) ctx, piece);
	return osp_buf_status((osp_buf *) ctx);
}

static osp_status
refuse(void *ctx, osp_str piece)
{
	(void) piece;
	return --*(int *) ctx < 0 ? OSP_EIO : OSP_OK;
}

/* Whichever piece cannot be written, the error is returned. */
static void
test_refused(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	size_t i;

	(void) state;
	assert_non_null(report);
	assert_int_equal(add_points(report, 2000), OSP_OK);
	for (i = 0; i < FORMS; i++)
	{
		int pieces = 0;
		int left;

		do
			left = pieces++;
		while (forms[i](report, refuse, &left) == OSP_EIO && pieces < 1000);
		assert_in_range(pieces, 3, 999);
	}
	osp_report_free(report);
}

/* An empty trace gives a complete text, too. */
static void
test_empty(void **state)
{
	static const char *const texts[] = {
		"digraph {\n\t0 [label=\"total - 0 ms\"]\n}\n",
		"{\"traceEvents\":[\n],\"displayTimeUnit\":\"ms\",\"otherData\":"
		"{\"base_id\":\"\",\"started\":\"\",\"lost_points\":0}}\n",
		"depth,trace_id,parent_id,name,service,host,started,offset_ms,"
		"duration_ms,self_ms,state,error,rows,text\r\n",
		""};
	osp_report *report = osp_report_new(&osp_allocator_default);
	size_t i;

	(void) state;
	assert_non_null(report);
	for (i = 0; i < FORMS; i++)
	{
		osp_buf out;

		osp_buf_init(&out, &osp_allocator_default, TEXT_MAX);
		assert_int_equal(forms[i](report, append, &out), OSP_OK);
		assert_true(osp_str_eq(osp_buf_str(&out), osp_str_of(texts[i])));
		osp_buf_term(&out);
	}
	osp_report_free(report);
}

static osp_status
write_once(const osp_allocator *alc, write_report_fn form)
{
	osp_report *report = osp_report_new(alc);
	osp_status status = report == NULL ? OSP_ENOMEM : add_points(report, 3);
	osp_buf out;

	osp_buf_init(&out, alc, TEXT_MAX);
	if (status == OSP_OK)
		status = form(report, append, &out);
	osp_buf_term(&out);
	osp_report_free(report);
	return status;
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;
	size_t i;

	(void) state;
	for (i = 0; i < FORMS; i++)
		for (failing_alloc_init(&fa); !fa.done;)
			failing_alloc_check(&fa, write_once(&fa.alc, forms[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
