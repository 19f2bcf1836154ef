/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_plans.c
 *	  Findings about plans: parallel scans, nodes without times, stale statistics.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

/* Adds the nodes of a parallel plan without times, of a leader and two workers. The
 * figures of the leader's nodes already include the workers'. */
static void
add_parallel_scan(osp_report *report, bool leader)
{
#define SCAN                                                              \
	"\"db\": {\"node\": {\"name\": \"Parallel Seq Scan\", \"relation\": " \
	"\"t\"}}, "
#define COUNTED(removed, loops)                          \
	"\"db\": {\"node\": {\"rows\": 0, \"loops\": " loops \
	", \"rows_removed_by_filter\": " removed "}}, "
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	findings_add(report, "pg.worker-start", "w1", "s", "h", 10, "");
	findings_add(report, "pg.node-start", "n1", "w1", "h", 20, SCAN);
	findings_add(
		report, "pg.node-stop", "n1", "w1", "h", 20, COUNTED("100000", "1"));
	findings_add(report, "pg.worker-stop", "w1", "s", "h", 900, "");
	findings_add(report, "pg.worker-start", "w2", "s", "h", 10, "");
	findings_add(report, "pg.node-start", "n2", "w2", "h", 20, SCAN);
	findings_add(
		report, "pg.node-stop", "n2", "w2", "h", 20, COUNTED("200000", "1"));
	findings_add(report, "pg.worker-stop", "w2", "s", "h", 900, "");
	if (leader)
	{
		findings_add(report, "pg.node-start", "n", "s", "h", 30, SCAN);
		findings_add(
			report, "pg.node-stop", "n", "s", "h", 30, COUNTED("500000", "3"));
	}
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
}

/* The work of parallel workers is counted once, whether the leader or the workers
 * report it. */
static void
test_parallel_scan(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	add_parallel_scan(report, true);
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, " read 500,000 rows and kept 0"));
	assert_non_null(strstr(json.ptr, "\"loops\": 3.0"));
	findings_assert_shares(json.ptr);
	osp_buf_term(&json);
	osp_buf_term(&words);

	report = osp_report_new(&osp_allocator_default);
	add_parallel_scan(report, false);
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, " read 300,000 rows and kept 0"));
	assert_non_null(strstr(json.ptr, "\"loops\": 2.0"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Explains a sort of a leader, which wrote leader_kb to files, and of a worker. */
static void
explain_parallel_sort(const char *leader_kb, osp_buf *json)
{
#define SORT \
	"\"db\": {\"node\": {\"name\": \"Sort\", \"type\": \"Sort\", \"id\": 3}}, "
#define SORTED(rows, loops, kb)                                 \
	"\"db\": {\"node\": {\"rows\": " rows ", \"loops\": " loops \
	", \"sort_space_type\": \"Disk\", \"sort_space_kb\": " kb "}}, "
	osp_report *report = osp_report_new(&osp_allocator_default);
	char stop[256];
	osp_buf words;

	(void) snprintf(stop, sizeof(stop), SORTED("200000", "2", "%s"), leader_kb);
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	findings_add(report, "pg.worker-start", "w", "s", "h", 10, "");
	findings_add(report, "pg.node-start", "m", "w", "h", 20, SORT);
	findings_add(report,
				 "pg.node-stop",
				 "m",
				 "w",
				 "h",
				 20,
				 SORTED("100000", "1", "9000"));
	findings_add(report, "pg.worker-stop", "w", "s", "h", 900, "");
	findings_add(report, "pg.node-start", "n", "s", "h", 30, SORT);
	findings_add(report, "pg.node-stop", "n", "s", "h", 30, stop);
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, json, &words);
	findings_assert_shares(json->ptr);
	osp_buf_term(&words);
}

/* The bytes that workers wrote to files are added to those of the leader; the memory of
 * each process is its own. */
static void
test_parallel_spill(void **state)
{
	osp_buf json;

	(void) state;
	explain_parallel_sort("7000", &json);
	assert_non_null(strstr(
		json.ptr,
		"\"Sort did not fit into work_mem and used temporary files. All of its "
		"work took "));
	assert_non_null(strstr(json.ptr, ", of which the files are a part.\""));
	assert_non_null(
		strstr(json.ptr,
			   " (by the rows, not measured) in 2 loops, 16,000 kB on disk"));
	assert_non_null(strstr(json.ptr, "\"disk_kb\": 16000.0"));
	assert_non_null(strstr(json.ptr, "SET work_mem = '32MB'"));
	assert_non_null(strstr(json.ptr,
						   "; it counts for each sort and hash of each process "
						   "of this parallel plan. With more memory the "
						   "planner may choose a plan without workers: "));
	osp_buf_term(&json);

	/* The leader's part fitted into memory. */
	explain_parallel_sort("0", &json);
	assert_non_null(strstr(json.ptr, "\"rule\": \"spill\""));
	assert_non_null(strstr(json.ptr, "\"disk_kb\": 9000.0"));
	osp_buf_term(&json);
}

/* A sort that spills to files takes longer than passing on the same number of rows. */
static void
test_spill_judged(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	findings_add(report, "pg.node-start", "n", "s", "h", 30, SORT);
	findings_add(report,
				 "pg.node-start",
				 "t",
				 "n",
				 "h",
				 30,
				 "\"db\": {\"node\": {\"name\": \"Seq Scan on t\", \"type\": "
				 "\"Seq Scan\", \"relation\": \"t\"}}, ");
	findings_add(report,
				 "pg.node-stop",
				 "t",
				 "n",
				 "h",
				 30,
				 "\"db\": {\"node\": {\"rows\": 100000, \"loops\": 1}}, ");
	findings_add(report,
				 "pg.node-stop",
				 "n",
				 "s",
				 "h",
				 30,
				 SORTED("100000", "1", "9000"));
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, "All of its work took 857 ms"));
	assert_non_null(strstr(json.ptr,
						   "SET work_mem = '32MB' in the session that runs "
						   "this statement; it counts for each sort and hash. "
						   "Compare how long it takes then"));
	findings_assert_shares(json.ptr);
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Adds a point without the times of nodes, as a server records it that does not measure
 * these. */
static osp_status
add_untimed(void *ctx, osp_str json)
{
	static char text[FINDINGS_TEXT_MAX];
	char *at;

	memcpy(text, json.ptr, json.len);
	text[json.len] = '\0';
	while ((at = strstr(text, "\"total_ms\"")) != NULL)
		memcpy(at + 1, "unknown_", 8);
	return osp_report_add((osp_report *) ctx, osp_str_of(text), NULL);
}

/* If the times of the nodes were not measured, the time of a statement is divided in
 * proportion to their rows. */
static void
test_untimed_nodes(void **state)
{
	static const char *const names[] = {
		"filter", "spill", "heap_fetches", "workers", "estimate"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char first[64];
		osp_buf out;

		assert_int_equal(findings_read(names[i], add_untimed, report), OSP_OK);
		osp_buf_init(&out, &osp_allocator_default, FINDINGS_TEXT_MAX);
		assert_int_equal(osp_report_explain_json(report, &out), OSP_OK);
		(void) snprintf(
			first, sizeof(first), "\"findings\": [{\"rule\": \"%s\"", names[i]);
		if (strstr(out.ptr, first) == NULL)
			fail_msg("%s: %s", names[i], out.ptr);
		findings_assert_shares(out.ptr);
		osp_buf_term(&out);
		osp_report_free(report);
	}
}

/* Stale statistics are reported as the cause of a wrong estimate. */
static void
test_stale_statistics(void **state)
{
	static const char *const names[] = {
		"estimate", "estimate_stale_near", "estimate_stale"};
	int i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		osp_report *report = findings_trace(names[i]);
		osp_buf out;

		osp_buf_init(&out, &osp_allocator_default, FINDINGS_TEXT_MAX);
		assert_int_equal(osp_report_explain_json(report, &out), OSP_OK);
		assert_non_null(strstr(out.ptr, "\"rule\": \"estimate\""));
		assert_true(
			(strstr(out.ptr,
					" Its statistics are stale: they know 1,000 rows of "
					"the table, which has 100,000.") != NULL) == (i == 2));
		osp_buf_term(&out);
		osp_report_free(report);
	}
}

/* Adds the scan of one of many partitions. */
static void
add_partition(osp_report *report, int number, const char *parent,
			  const char *filter)
{
	char id[16];
	char info[512];

	(void) snprintf(id, sizeof(id), "n%d", number);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"name\": \"Seq Scan on day_%d day\", "
					"\"type\": \"Seq Scan\", \"relation\": \"day_%d\", "
					"\"alias\": \"day\", \"filter\": \"%s\"}}, ",
					number,
					number,
					filter);
	findings_add(report, "pg.node-start", id, parent, "h", 20, info);
	findings_add(report,
				 "pg.node-stop",
				 id,
				 parent,
				 "h",
				 20,
				 "\"db\": {\"node\": {\"rows\": 0, \"loops\": 1, "
				 "\"rows_removed_by_filter\": 2000}}, ");
}

/* If all partitions are read, that is one cause, although each takes little time. The
 * same scans of unrelated tables are no cause. */
static void
test_partitions(void **state)
{
	static const char *const types[] = {"Append", "Nested Loop"};
	size_t i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char info[128];
		osp_buf json;
		osp_buf words;
		int k;

		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"node\": {\"name\": \"%s\", \"type\": "
						"\"%s\"}}, ",
						types[i],
						types[i]);
		findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
		findings_add(report, "pg.node-start", "a", "s", "h", 10, info);
		for (k = 0; k < 60; k++)
			add_partition(report, k, "a", "((day.at)::text = ?)");
		findings_add(report, "pg.node-stop", "a", "s", "h", 10, "");
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
		findings_explain(report, &json, &words);
		if (i == 0)
		{
			assert_non_null(strstr(json.ptr,
								   "and 59 other partitions read 120,000 rows "
								   "and kept 0 by the filter"));
			assert_non_null(strstr(json.ptr, "leaves partitions out only if"));
			assert_null(strstr(json.ptr, "CREATE INDEX"));
			findings_assert_shares(json.ptr);
		}
		else
			assert_non_null(strstr(json.ptr, "\"findings\": []"));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The advice if all partitions are read: another condition on the partition key, or an
 * index. */
static void
test_index_of_partitions(void **state)
{
	static const struct
	{
		const char *filter;
		const char *says;
		const char * not ;
	} cases[] = {
		{"(day.kind = ?)",
		 "leaves these partitions out. If statements like this are frequent, "
		 "an index of the partitioned table serves each partition: CREATE "
		 "INDEX ON the partitioned table (kind).",
		 "no cast"},
		{"((day.at >= ?) AND (day.kind = ?))",
		 "CREATE INDEX ON the partitioned table (kind, at).",
		 "no cast"},
		{"(((day.at)::text = ?) AND (day.kind = ?))",
		 "no cast and no function of it. See whether the statement can do "
		 "that. An index of the partitioned table serves each partition: "
		 "CREATE INDEX ON the partitioned table (kind).",
		 "leaves these"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int k;

		findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
		findings_add(report,
					 "pg.node-start",
					 "a",
					 "s",
					 "h",
					 10,
					 "\"db\": {\"node\": {\"name\": \"Append\", \"type\": "
					 "\"Append\"}}, ");
		for (k = 0; k < 20; k++)
			add_partition(report, k, "a", cases[i].filter);
		findings_add(report, "pg.node-stop", "a", "s", "h", 10, "");
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].says) == NULL ||
			strstr(json.ptr, cases[i].not ) != NULL)
			fail_msg("%s: %s", cases[i].filter, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* If the text of a statement is long, the time before its execution is put on the
 * length of the text, and not on a lock. */
static void
test_long_text(void **state)
{
	static const struct
	{
		const char *kind;
		const char *length;
		const char *says;
		const char * not ;
	} cases[] = {
		{"pg.parse",
		 ", \"statement_length\": 457818",
		 "457,818 bytes",
		 "locked as"},
		{"pg.parse",
		 ", \"statement_length\": 4578",
		 "locked as a whole",
		 "bytes"},
		{"pg.parse", "", "locked as a whole", "bytes"},
		{"pg.plan",
		 ", \"statement_length\": 457818",
		 "457,818 bytes",
		 "Prepare"},
		{"pg.plan", "", "Prepare the statement once", "bytes"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char info[256];
		char point[32];
		osp_buf json;
		osp_buf words;

		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"statement\": \"SELECT n FROM t WHERE id IN "
						"(1, 2\"%s}, ",
						cases[i].length);
		findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, info);
		(void) snprintf(point, sizeof(point), "%s-start", cases[i].kind);
		findings_add(report, point, "p", "s", "h", 0, info);
		(void) snprintf(point, sizeof(point), "%s-stop", cases[i].kind);
		findings_add(report, point, "p", "s", "h", 100, "");
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 110, "");
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].says) == NULL ||
			strstr(json.ptr, cases[i].not ) != NULL)
			fail_msg("%s%s: %s", cases[i].kind, cases[i].length, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Some executions were long enough for their plans to be recorded. A cause in these
 * plans is also taken for the cause of the other executions, unless those only look up
 * a row. */
static void
test_alike(void **state)
{
	static const struct
	{
		int ms;          /* of an execution without a plan; with one: 12 ms */
		int removed;     /* rows that the others' filter removed */
		const char *cpu; /* of all */
		const char *says;
		const char *never;
	} cases[] = {
		{8, 90000, "", "{\"rule\": \"filter\"", "\"rule\": \"repeat\""},
		{8,
		 90000,
		 "",
		 "48.0 ms (by the rows, not measured) for this and 3 other executions "
		 "in 4 loops; 288 ms in 36 more "
		 "executions, of which no plan is recorded, "
		 "taken to be like these",
		 "missing, too"},
		{0, 90000, "", "{\"rule\": \"filter\"", "more execution"},
		{8, 1, "", "{\"rule\": \"repeat\"", "more execution"},

		/* other processes had the CPU for more than half of the time */
		{8,
		 90000,
		 "\"db\": {\"cpu\": {\"user_ms\": 1, \"system_ms\": 0, \"of_ms\": 8, "
		 "\"involuntary_switches\": 9}}, ",
		 "; 36.0 ms in 36 more executions, of which no plan is recorded, "
		 "taken to be like these",
		 "\"rule\": \"repeat\""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;
		int n;

		for (n = 0; n < 40; n++)
		{
			int ms = n % 10 == 0 ? 12 : cases[i].ms;
			char id[16];
			char node[16];
			char stop[128];

			(void) snprintf(id, sizeof(id), "s%d", n);
			(void) snprintf(node, sizeof(node), "n%d", n);
			findings_add(report,
						 "pg-start",
						 id,
						 FINDINGS_BASE,
						 "h",
						 at,
						 "\"db\": {\"statement\": \"SELECT n FROM t WHERE a = "
						 "1\"}, ");
			if (ms == 12)
			{
				findings_add(report,
							 "pg.node-start",
							 node,
							 id,
							 "h",
							 at,
							 "\"db\": {\"node\": {\"name\": \"Seq Scan on t\", "
							 "\"type\": \"Seq Scan\", \"relation\": \"t\", "
							 "\"filter\": \"(a = ?)\"}}, ");
				(void) snprintf(
					stop,
					sizeof(stop),
					"\"db\": {\"node\": {\"rows\": 10, \"loops\": 1, "
					"\"rows_removed_by_filter\": %d}}, ",
					cases[i].removed);
				findings_add(
					report, "pg.node-stop", node, id, "h", at + ms, stop);
			}
			findings_add(report,
						 "pg-stop",
						 id,
						 FINDINGS_BASE,
						 "h",
						 at + ms,
						 cases[i].cpu);
			at += ms;
		}
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		if (strstr(json.ptr, cases[i].says) == NULL ||
			strstr(json.ptr, cases[i].never) != NULL)
			fail_msg("%zu: %s", i, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

static void
add_timed(osp_report *report, const char *id, const char *parent,
		  const char *name, const char *stop)
{
	char info[256];

	(void) snprintf(
		info,
		sizeof(info),
		"\"db\": {\"node\": {\"name\": \"%s\", \"plan_rows\": 1}}, ",
		name);
	findings_add(report, "pg.node-start", id, parent, "h", 10, info);
	(void) snprintf(info, sizeof(info), "\"db\": {\"node\": {%s}}, ", stop);
	findings_add(report, "pg.node-stop", id, parent, "h", 900, info);
}

/* A node without any time of its own is reported like others. */
static void
test_no_own_time(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	add_timed(report,
			  "j",
			  "s",
			  "Nested Loop",
			  "\"rows\": 1, \"loops\": 1, \"total_ms\": 900");
	add_timed(report,
			  "o",
			  "j",
			  "Seq Scan",
			  "\"rows\": 3000, \"loops\": 1, \"total_ms\": 300");
	add_timed(report,
			  "i",
			  "j",
			  "Index Scan",
			  "\"rows\": 3000, \"loops\": 3000, \"total_ms\": 600");
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, &json, &words);
	assert_non_null(
		strstr(json.ptr, "{\"rule\": \"estimate\", \"share\": 0.6, "));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Is OFFSET found to be the cause if a node of this type reads so many rows for a page
 * of ten? */
static bool
finds_offset(const char *type, int read, int returned)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char info[256];
	osp_buf json;
	osp_buf words;
	bool found;

	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	findings_add(report,
				 "pg.node-start",
				 "l",
				 "s",
				 "h",
				 10,
				 "\"db\": {\"node\": {\"name\": \"Limit\", \"type\": "
				 "\"Limit\"}}, ");
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"name\": \"%s\", \"type\": "
					"\"%s\"}}, ",
					type,
					type);
	findings_add(report, "pg.node-start", "c", "l", "h", 20, info);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"rows\": %d, \"loops\": 1}}, ",
					read);
	findings_add(report, "pg.node-stop", "c", "l", "h", 900, info);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"rows\": %d, \"loops\": 1}}, ",
					returned);
	findings_add(report, "pg.node-stop", "l", "s", "h", 900, info);
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	found = strstr(json.ptr, "\"rule\": \"offset\"") != NULL;
	if (found)
	{
		const char *at = strstr(json.ptr, "\"rule\": \"offset\"");

		assert_non_null(strstr(json.ptr, "OFFSET left out "));
		assert_true(findings_number(&at, "\"share\": ") > 0.99);
	}
	osp_buf_term(&json);
	osp_buf_term(&words);
	return found;
}

/* OFFSET is the cause if rows are read one after another, but not if a sort needs all
 * of them anyway. */
static void
test_offset(void **state)
{
	(void) state;
	assert_true(finds_offset("Index Scan", 190010, 10));
	assert_true(finds_offset("Index Scan", 5000, 0));
	assert_false(finds_offset("Index Scan", 190010, 190000));
	assert_false(finds_offset("Index Scan", 900, 10));
	assert_false(finds_offset("Sort", 190010, 10));
}

/* Explains a nested loop with this condition and this inner side. Its outer side
 * returns many more rows than estimated. */
static void
explain_join(const char *filter, const char *inner, int inner_rows,
			 osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char info[512];
	osp_buf words;

	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"name\": \"Nested Loop\", \"type\": "
					"\"Nested Loop\", \"plan_rows\": 1%s%s%s}}, ",
					filter[0] != '\0' ? ", \"join_filter\": \"" : "",
					filter,
					filter[0] != '\0' ? "\"" : "");
	findings_add(report, "pg.node-start", "j", "s", "h", 10, info);
	findings_add(report,
				 "pg.node-start",
				 "o",
				 "j",
				 "h",
				 10,
				 "\"db\": {\"node\": {\"name\": \"Seq Scan on a\", \"type\": "
				 "\"Seq Scan\", \"plan_rows\": 1}}, ");
	findings_add(report,
				 "pg.node-stop",
				 "o",
				 "j",
				 "h",
				 20,
				 "\"db\": {\"node\": {\"rows\": 1000, \"loops\": 1}}, ");
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"name\": \"%s\", \"type\": \"%s\", "
					"\"plan_rows\": 1000}}, ",
					inner,
					inner);
	findings_add(report, "pg.node-start", "i", "j", "h", 20, info);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"rows\": %d, \"loops\": 1000}}, ",
					inner_rows * 1000);
	findings_add(report, "pg.node-stop", "i", "j", "h", 900, info);
	findings_add(report,
				 "pg.node-stop",
				 "j",
				 "s",
				 "h",
				 900,
				 "\"db\": {\"node\": {\"rows\": 400000, \"loops\": 1, "
				 "\"rows_removed_by_join_filter\": 600000}}, ");
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, json, &words);
	findings_assert_shares(json->ptr);
	osp_buf_term(&words);
}

/* With few rows on one side, the planner has chosen the loop deliberately. */
static void
explain_few_pairs(void)
{
	osp_buf json;

	explain_join("", "Function Scan", 6, &json);
	assert_null(strstr(json.ptr, "it has no condition"));
	osp_buf_term(&json);
	explain_join("", "Function Scan", 100, &json);
	assert_non_null(strstr(json.ptr, "it has no condition"));
	osp_buf_term(&json);
}

/* A wrong estimate is not the cause of a nested loop that no other join could replace. */
static void
test_joins_without_equality(void **state)
{
	static const struct
	{
		const char *filter;
		const char *inner;
		const char *rule;
		const char *cause; /* a part of it */
	} cases[] = {
		{"(a.x < b.x)", "Materialize", "filter", "has no equality"},
		{"((a.x < b.x) AND (a.y <> b.y))",
		 "Materialize",
		 "filter",
		 "has no equality"},
		{"((a.x = b.x) OR (a.y = b.y))",
		 "Materialize",
		 "filter",
		 "has no equality"},
		{"", "Materialize", "filter", "has no condition"},
		{"", "CTE Scan", "filter", "has no condition"},
		{"", "Seq Scan", "estimate", "it chose a nested loop"},
		{"(a.x < b.x)", "Seq Scan", "estimate", "it chose a nested loop"},
		{"(a.x = b.x)", "Materialize", "estimate", "it chose a nested loop"},
		{"((a.y < b.y) AND (a.x = b.x))",
		 "Materialize",
		 "estimate",
		 "it chose a nested loop"},
		{"", "Index Scan", "estimate", "it chose a nested loop"},
		{"what (is( this", "Materialize", "estimate", "it chose a nested loop"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char first[64];
		osp_buf json;

		explain_join(cases[i].filter, cases[i].inner, 1000, &json);
		(void) snprintf(first,
						sizeof(first),
						"\"findings\": [{\"rule\": \"%s\"",
						cases[i].rule);
		if (strstr(json.ptr, first) == NULL ||
			strstr(json.ptr, cases[i].cause) == NULL)
			fail_msg("%s: %s", cases[i].filter, json.ptr);
		osp_buf_term(&json);
	}
	explain_few_pairs();
}

/* Adds a point whose statement does not have SKIP LOCKED. */
static osp_status
add_waiting(void *ctx, osp_str json)
{
	osp_buf text;
	osp_status status;
	char *skip;

	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	osp_buf_add_str(&text, json);
	assert_int_equal(osp_buf_status(&text), OSP_OK);
	skip = strstr(text.ptr, "SKIP LOCKED");
	if (skip != NULL)
		memset(skip, ' ', strlen("SKIP LOCKED"));
	status = osp_report_add((osp_report *) ctx, osp_buf_str(&text), NULL);
	osp_buf_term(&text);
	return status;
}

/* FOR UPDATE also skips rows that another transaction has changed while it waited. */
static void
test_lock_without_skip(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	assert_int_equal(findings_read("skip_locked", add_waiting, report), OSP_OK);
	findings_explain(report, &json, &words);
	assert_null(strstr(json.ptr, "\"rule\": \"skip_locked\""));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* A Gather without workers: the reason depends on whether PostgreSQL allowed any, and
 * on who asked for the rows. */
static void
test_workers_ruled_out(void **state)
{
	static const struct
	{
		const char *parent; /* what is around the statement */
		const char *stop;
		const char *step;
	} cases[] = {
		{"pg", "", "\"next_step\": \"No other worker was free"},
		{"pg",
		 ", \"workers_ruled_out\": true",
		 "not run to its end at once, whatever the settings are: the last one "
		 "of an SQL function"},
		{"db",
		 ", \"workers_ruled_out\": true",
		 "whose rows the client asks for in parts"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char name[16];
		char stop[160];

		(void) snprintf(name, sizeof(name), "%s-start", cases[i].parent);
		findings_add(report, name, "o", FINDINGS_BASE, "h", 0, "");
		findings_add(report, "pg-start", "s", "o", "h", 0, "");
		findings_add(report,
					 "pg.node-start",
					 "g",
					 "s",
					 "h",
					 1,
					 "\"db\": {\"node\": {\"name\": \"Gather\", \"type\": "
					 "\"Gather\", \"workers_planned\": 2}}, ");
		(void) snprintf(stop,
						sizeof(stop),
						"\"db\": {\"node\": {\"rows\": 1, \"loops\": 1, "
						"\"workers_launched\": 0%s}}, ",
						cases[i].stop);
		findings_add(report, "pg.node-stop", "g", "s", "h", 999, stop);
		findings_add(report, "pg-stop", "s", "o", "h", 1000, "");
		(void) snprintf(name, sizeof(name), "%s-stop", cases[i].parent);
		findings_add(report, name, "o", FINDINGS_BASE, "h", 1000, "");
		findings_assert_says(
			report,
			(const char *const[4]){"None of 2 parallel workers started",
								   cases[i].step},
			(const char *const[4]){i > 0 ? "No other worker was free"
										 : "asks for in parts"});
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parallel_scan),
		cmocka_unit_test(test_parallel_spill),
		cmocka_unit_test(test_spill_judged),
		cmocka_unit_test(test_untimed_nodes),
		cmocka_unit_test(test_workers_ruled_out),
		cmocka_unit_test(test_stale_statistics),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_lock_without_skip),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_index_of_partitions),
		cmocka_unit_test(test_no_own_time),
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_joins_without_equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
