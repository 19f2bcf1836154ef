/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_dead.c
 *	  In which cases dead rows are found to be the cause of much reading, and in which
 *	  cases that is uncertain.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

#define NOTHING   "\"findings\": []"
#define DEAD      "\"rule\": \"dead_rows\""
#define TOAST     "\"rule\": \"toast\""
#define CERTAIN   "most of what it read is dead rows or free space."
#define UNCERTAIN "dead rows, free space, or long values in the TOAST table."
#define ENTRIES   "most of the index entries that it read belong to dead rows."

/* A node of a plan. The members are those of info.db.node in its start and its stop. */
typedef struct plan_node
{
	const char *id;
	const char *parent; /* NULL: the statement is its parent */
	const char *start;
	const char *stop;
} plan_node;

#define NODES_MAX 4

static void
add_node(osp_report *report, const plan_node *node, int ms, bool stop)
{
	char info[1024];
	const char *what = stop ? node->stop : node->start;

	(void) snprintf(info, sizeof(info), "\"db\": {\"node\": {%s}}, ", what);
	findings_add(report,
				 stop ? "pg.node-stop" : "pg.node-start",
				 node->id,
				 node->parent != NULL ? node->parent : "s",
				 "h",
				 ms,
				 info);
}

/* Asserts the findings of a statement that takes a second. stop has the members of
 * info.db in its stop; below has further operations in it. */
static void
assert_found_below(const char *stop, const plan_node *nodes,
				   void (*below)(osp_report *report), const char *expected)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char info[512];
	osp_buf json;
	osp_buf words;
	int i;

	(void) snprintf(info, sizeof(info), "\"db\": {%s}, ", stop);
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	for (i = 0; i < NODES_MAX && nodes[i].id != NULL; i++)
	{
		add_node(report, &nodes[i], 10 + i, false);
		add_node(report, &nodes[i], 900, true);
	}
	if (below != NULL)
		below(report);
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, info);
	findings_explain(report, &json, &words);
	if (strstr(json.ptr, expected) == NULL)
		fail_msg("%s: %s", expected, json.ptr);
	findings_assert_shares(json.ptr);
	osp_buf_term(&json);
	osp_buf_term(&words);
}

static void
assert_found(const char *stop, const plan_node *nodes, const char *expected)
{
	assert_found_below(stop, nodes, NULL, expected);
}

#define HIT(blocks)  "\"buffers\": {\"shared_blks_hit\": " #blocks "}"
#define READ(blocks) "\"buffers\": {\"shared_blks_read\": " #blocks "}"
#define COLD(blocks) "\"io_read_ms\": 900, " READ(blocks)

/* ---- sequential scans ---- */

#define SEQ_TYPE(type, pages, more)                          \
	"\"name\": \"" type " on job\", \"type\": \"" type       \
	"\", \"relation\": \"job\", \"relation_pages\": " #pages \
	", \"relation_rows\": 100000" more
#define SEQ(pages, more) SEQ_TYPE("Seq Scan", pages, more)
#define NO_TOAST         ", \"relation_toast\": false"
#define HAS_TOAST        ", \"relation_toast\": true"
#define GROWN(blocks)    ", \"relation_blocks\": " #blocks
#define ROWS(rows)       "\"rows\": " #rows ", \"loops\": 1"

/* Asserts the findings of a scan of the table job, which has read this number of pages
 * and returned this number of rows. */
static void
assert_scan(const char *stop, const char *start, const char *rows,
			const char *expected)
{
	plan_node nodes[NODES_MAX] = {{"n", NULL, start, rows}};

	assert_found(stop, nodes, expected);
}

static void
test_sequential(void **state)
{
	(void) state;
	assert_scan(HIT(5000), SEQ(5000, NO_TOAST), ROWS(100), CERTAIN);
	assert_scan(HIT(5000),
				SEQ(5000, NO_TOAST),
				ROWS(100),
				"Seq Scan on job read 5,000 pages (39 MB) for 100 rows: ");
	assert_scan(HIT(5000),
				SEQ(5000, NO_TOAST),
				ROWS(100),
				"\"pages\": 5000.0, \"rows\": 100.0");
	assert_scan(HIT(5000),
				SEQ(5000, NO_TOAST),
				ROWS(100),
				"VACUUM job lets new rows take the place of dead ones, and "
				"gives back the empty pages at the table's end. If it stays as "
				"large, VACUUM FULL");

	/* Rows that the filter removed are live rows, too. */
	assert_scan(HIT(5000),
				SEQ(5000, NO_TOAST),
				ROWS(0) ", \"rows_removed_by_filter\": 2000",
				" for 2,000 rows: ");
	assert_scan(HIT(5000),
				SEQ(5000, NO_TOAST),
				ROWS(400) ", \"rows_removed_by_filter\": 2400",
				NOTHING);
	assert_scan(HIT(5000), SEQ(5000, NO_TOAST), ROWS(2500), NOTHING);

	/* So few pages are read quickly. */
	assert_scan(HIT(999), SEQ(999, NO_TOAST), ROWS(1), NOTHING);

	/* The processes of a parallel scan read the table once together. */
	assert_scan(HIT(5000),
				SEQ_TYPE("Parallel Seq Scan", 5000, HAS_TOAST),
				"\"rows\": 100, \"loops\": 3",
				CERTAIN);

	/* A sample scan returns only a part of the rows. */
	assert_scan(
		HIT(5000), SEQ_TYPE("Sample Scan", 5000, NO_TOAST), ROWS(100), NOTHING);
}

/* A page of a table with short rows has room for at least four of them, so fewer than
 * two rows for each page are too few. */
static void
test_short_rows(void **state)
{
#define SHORT(pages) SEQ(pages, HAS_TOAST ", \"relation_short_rows\": true")
#define LONG(pages)  SEQ(pages, HAS_TOAST ", \"relation_short_rows\": false")
	(void) state;
	assert_scan(HIT(9346), SHORT(9346), ROWS(10000), CERTAIN);
	assert_scan(HIT(9346), SHORT(9346), ROWS(18600), CERTAIN);
	assert_scan(HIT(9346), SHORT(9346), ROWS(18700), NOTHING);
	assert_scan(HIT(9346), LONG(9346), ROWS(10000), NOTHING);

	/* Long values may be among the blocks that were read. */
	assert_scan(HIT(12000), SHORT(9346), ROWS(10000), NOTHING);
}

/* The table has grown since its statistics were made. */
static void
test_old_statistics(void **state)
{
	plan_node limited[NODES_MAX] = {
		{"l", NULL, "\"name\": \"Limit\", \"type\": \"Limit\"", ROWS(10)},
		{"n", "l", SHORT(28), ROWS(10) GROWN(19487)}};

	(void) state;
	assert_scan(HIT(19500), SHORT(28), ROWS(5000), NOTHING);
	assert_scan(HIT(19500), SHORT(28), ROWS(5000) GROWN(19487), CERTAIN);
	assert_scan(HIT(19500),
				SHORT(28),
				ROWS(5000) GROWN(19487),
				"on job read 19,487 pages (152 MB) for 5,000 rows: ");
	assert_scan(COLD(19500), SHORT(28), ROWS(5000) GROWN(19487), DEAD);

	/* The other blocks are long values. */
	assert_scan(HIT(60000), SHORT(28), ROWS(38000) GROWN(19487), CERTAIN);
	assert_scan(HIT(60000), SHORT(28), ROWS(39000) GROWN(19487), NOTHING);
	assert_scan(HIT(60000), SHORT(28), ROWS(10) GROWN(900), NOTHING);
	assert_scan(COLD(60000), SHORT(28), ROWS(5000) GROWN(2000), TOAST);

	/* Two scans have read the table. */
	assert_scan(HIT(10000),
				SHORT(28),
				"\"rows\": 200, \"loops\": 2" GROWN(5000),
				" read 10,000 pages (78 MB) for 200 rows: ");

	/* The table was not read to its end. */
	assert_found(HIT(9000), limited, UNCERTAIN);
}

/* Either the pages of the table explain the number of blocks, or some blocks may be
 * long values. */
static void
test_long_values(void **state)
{
	plan_node limited[NODES_MAX] = {
		{"l", NULL, "\"name\": \"Limit\", \"type\": \"Limit\"", ROWS(10)},
		{"n", "l", SEQ(5000, HAS_TOAST), ROWS(10)}};
	plan_node sorted[NODES_MAX] = {
		{"l", NULL, "\"name\": \"Limit\", \"type\": \"Limit\"", ROWS(10)},
		{"o", "l", "\"name\": \"Sort\", \"type\": \"Sort\"", ROWS(10)},
		{"n", "o", SEQ(5000, HAS_TOAST), ROWS(10)}};

	(void) state;
	assert_scan(HIT(5000), SEQ(5000, HAS_TOAST), ROWS(100), CERTAIN);
	assert_scan(HIT(6500), SEQ(5000, HAS_TOAST), ROWS(100), UNCERTAIN);
	assert_scan(HIT(6500), SEQ(5000, NO_TOAST), ROWS(100), CERTAIN);
	assert_scan(HIT(60000), SEQ(5000, HAS_TOAST), ROWS(100), NOTHING);

	/* Traces of servers that did not record whether there may be long values. */
	assert_scan(HIT(5000), SEQ(5000, ""), ROWS(100), CERTAIN);
	assert_scan(HIT(6500), SEQ(5000, ""), ROWS(100), UNCERTAIN);

	/* The table has no statistics. */
	assert_scan(HIT(5000), SEQ(0, HAS_TOAST), ROWS(100), UNCERTAIN);
	assert_scan(HIT(5000), SEQ(0, NO_TOAST), ROWS(100), CERTAIN);

	/* The scan has not read the whole table. */
	assert_found(HIT(5000), limited, UNCERTAIN);
	assert_found(HIT(5000), sorted, CERTAIN);
}

/* Blocks that were not in the buffers are called long values only if the table may have
 * long values. */
static void
test_cold(void **state)
{
	(void) state;
	assert_scan(COLD(5000), SEQ(5000, HAS_TOAST), ROWS(100), DEAD);
	assert_scan(COLD(60000), SEQ(5000, HAS_TOAST), ROWS(100), TOAST);
	assert_scan(COLD(60000), SEQ(5000, ""), ROWS(100), TOAST);
	assert_scan(COLD(60000),
				SEQ(5000, NO_TOAST),
				ROWS(100),
				"\"findings\": [{\"rule\": \"read\"");
}

/* ---- index scans ---- */

#define INDEX_OF(table, index, more)                                      \
	"\"name\": \"Index Scan using i on " table                            \
	"\", \"type\": \"Index Scan\", \"relation\": \"" table                \
	"\", \"index\": \"i\", \"relation_pages\": 5000, \"relation_rows\": " \
	"100000, \"indexes\": \"" index "\"" more
#define INDEX(index, more) INDEX_OF("job", index, more)

static void
test_index(void **state)
{
	(void) state;
	assert_scan(HIT(5000), INDEX("i btree (id); ", NO_TOAST), ROWS(1), ENTRIES);
	assert_scan(HIT(5000),
				INDEX("i btree (id); ", NO_TOAST),
				ROWS(1),
				"on job visited 5,000 pages for 1 row: ");
	assert_scan(HIT(5000),
				INDEX("i btree (id); ", HAS_TOAST),
				ROWS(1),
				"or the rows have long values in the TOAST table.");
	assert_scan(
		HIT(5000), INDEX("i btree (id); ", NO_TOAST), ROWS(300), NOTHING);
	assert_scan(HIT(50000),
				INDEX("i btree (id); ", NO_TOAST),
				"\"rows\": 100, \"loops\": 1000",
				NOTHING);

	/* Only a table with long values has so many pages. */
	assert_scan(
		COLD(16000), INDEX("i btree (id); ", HAS_TOAST), ROWS(1), TOAST);
	assert_scan(COLD(14000), INDEX("i btree (id); ", HAS_TOAST), ROWS(1), DEAD);

	/* Traces of servers that did not record the definition of the index. */
	assert_scan(HIT(5000),
				"\"name\": \"Index Scan\", \"type\": \"Index Scan\", "
				"\"relation\": \"job\", \"index\": \"i\"",
				ROWS(1),
				NOTHING);
}

/* An index scan may read too much for other reasons, too. */
static void
test_conditions(void **state)
{
	static const struct
	{
		const char *index;
		const char *condition;
		bool one;
	} cases[] = {
		{"i btree (a); ", "(job.a = ANY (?))", false},
		{"i btree (a); ", "(job.a < ?)", true},
		{"i btree (a, b); ", "(job.a = ?)", true},
		{"i btree (a, b); ", "((job.a)::text = ?)", true},
		{"i btree (a, b); ", "(job.b = ?)", false},
		{"i btree (a, b); ", "(job.a = ?) AND (job.b > ?)", true},
		{"i btree (a, b); ", "(job.a > ?) AND (job.b = ?)", false},
		{"i btree (a, b); ", "(job.a > ?) AND (job.a < ?)", true},
		{"i btree (a, b); ", "(job.a IS NULL) AND (job.b = ?)", true},
		{"i btree (a, b); ", "(1234(job.a) = ?)", false},
		{"i btree (?, b); ", "(job.b = ?)", false},
		{"i gist (a); ", "(job.a = ?)", false},
		{"k btree (a); ", "(job.a = ?)", false},
		{"k btree (a); i btree (a) WHERE; ", "(job.a = ?)", true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char start[512];

		(void) snprintf(start,
						sizeof(start),
						"\"name\": \"Index Scan using i on job\", \"type\": "
						"\"Index Scan\", \"relation\": \"job\", \"index\": "
						"\"i\", \"relation_toast\": false, \"indexes\": "
						"\"%s\", \"index_cond\": \"%s\"",
						cases[i].index,
						cases[i].condition);
		assert_scan(
			HIT(5000), start, ROWS(1), cases[i].one ? ENTRIES : NOTHING);
	}
}

static void
test_index_only(void **state)
{
#define INDEX_ONLY                                                     \
	"\"name\": \"Index Only Scan\", \"type\": \"Index Only Scan\", "   \
	"\"relation\": \"job\", \"index\": \"i\", \"indexes\": \"i btree " \
	"(id); \"" HAS_TOAST
	(void) state;
	assert_scan(HIT(5000), INDEX_ONLY, ROWS(1), ENTRIES);
	assert_scan(HIT(5000),
				INDEX_ONLY,
				ROWS(1500) ", \"heap_fetches\": 2000",
				"\"rule\": \"heap_fetches\"");
	assert_scan(HIT(5000),
				INDEX_ONLY,
				ROWS(1500) ", \"heap_fetches\": 2000",
				" for 1,500 rows, because the visibility map does not mark ");

	/* Most rows that the scan looked up in the table are dead. */
	assert_scan(
		HIT(5000), INDEX_ONLY, ROWS(1) ", \"heap_fetches\": 2000", DEAD);
	assert_scan(HIT(90),
				INDEX_ONLY,
				ROWS(1) ", \"heap_fetches\": 2000",
				" looked in the table for the rows of 2,000 index entries and "
				"found 1 row: most of the index entries");
	assert_scan(HIT(90),
				INDEX_ONLY,
				ROWS(1) ", \"heap_fetches\": 2000",
				"\"heap_fetches\": 2000.0, \"rows\": 1.0");
	assert_scan(HIT(90),
				INDEX_ONLY,
				ROWS(1) ", \"heap_fetches\": 2000",
				"oldest backend_xmin");
	assert_scan(HIT(90),
				INDEX_ONLY,
				ROWS(1) ", \"rows_removed_by_filter\": 199"
						", \"heap_fetches\": 2000",
				"\"rule\": \"heap_fetches\"");
}

/* ---- bitmaps ---- */

/* Asserts the findings of a bitmap scan that returned met rows, and whose index found
 * that many. */
static void
assert_bitmap(const char *type, const char *met, const char *found,
			  const char *expected)
{
	char above[128];
	plan_node nodes[NODES_MAX] = {
		{"a", NULL, above, ROWS(1)},
		{"n",
		 "a",
		 "\"name\": \"Bitmap Heap Scan on job\", \"type\": \"Bitmap Heap "
		 "Scan\", \"relation\": \"job\"",
		 met},
		{"i",
		 "n",
		 "\"name\": \"Bitmap Index Scan\", \"type\": \"Bitmap Index Scan\"",
		 found}};

	(void) snprintf(
		above, sizeof(above), "\"name\": \"%s\", \"type\": \"%s\"", type, type);
	assert_found(HIT(5000), nodes, expected);
}

static void
test_bitmap(void **state)
{
	(void) state;
	assert_bitmap("Aggregate", ROWS(100), ROWS(200000), CERTAIN);
	assert_bitmap("Nested Loop", ROWS(100), ROWS(200000), CERTAIN);
	assert_bitmap("Aggregate", ROWS(1600), ROWS(200000), NOTHING);

	/* The bitmap scan was not read to its end. */
	assert_bitmap("Limit", ROWS(100), ROWS(200000), NOTHING);
	assert_bitmap("Hash Semi Join", ROWS(100), ROWS(200000), NOTHING);
	assert_bitmap("Merge Join", ROWS(100), ROWS(200000), NOTHING);

	/* The pages that were read are those of the index. */
	assert_bitmap("Aggregate", ROWS(100), ROWS(450000), NOTHING);

	/* The rows that the index found are live. */
	assert_bitmap("Aggregate", ROWS(100), ROWS(900), NOTHING);
	assert_bitmap("Aggregate",
				  ROWS(100) ", \"rows_removed_by_recheck\": 2000",
				  ROWS(2100),
				  "\"findings\": [{\"rule\": \"filter\"");
}

/* ---- several scans ---- */

#define DONE(rows, ms, hit)                                 \
	"\"rows\": " #rows ", \"loops\": 1, \"total_ms\": " #ms \
	", \"buffers\": {\"shared_blks_hit\": " #hit "}"

/* Either of two scans may have read the blocks. If both are of the same table, that
 * does not matter. */
static void
test_two_scans(void **state)
{
	plan_node one[NODES_MAX] = {
		{"d",
		 NULL,
		 "\"name\": \"Delete on job\", \"type\": \"Delete\"",
		 ROWS(0)},
		{"a",
		 "d",
		 INDEX("i btree (id); ", NO_TOAST) ", \"total_cost\": 9000.5",
		 ROWS(1)},
		{"b", "d", INDEX("i btree (id); ", NO_TOAST), ROWS(1)}};
	plan_node two[NODES_MAX] = {
		{"j",
		 NULL,
		 "\"name\": \"Nested Loop\", \"type\": \"Nested Loop\"",
		 ROWS(1)},
		{"a", "j", INDEX("i btree (id); ", NO_TOAST), ROWS(1)},
		{"b", "j", INDEX_OF("worker", "i btree (id); ", NO_TOAST), ROWS(1)}};
	plan_node seq[NODES_MAX] = {
		{"j",
		 NULL,
		 "\"name\": \"Nested Loop\", \"type\": \"Nested Loop\"",
		 ROWS(1)},
		{"a", "j", SEQ(5000, NO_TOAST), ROWS(1)},
		{"b", "j", INDEX_OF("worker", "i btree (id); ", NO_TOAST), ROWS(1)}};
	plan_node timed[NODES_MAX] = {
		{"j",
		 NULL,
		 "\"name\": \"Nested Loop\", \"type\": \"Nested Loop\"",
		 DONE(1, 990, 5000)},
		{"a", "j", INDEX("i btree (id); ", NO_TOAST), DONE(1, 10, 4)},
		{"b",
		 "j",
		 INDEX_OF("worker", "i btree (id); ", NO_TOAST),
		 DONE(1, 970, 4996)}};

	(void) state;
	assert_found(HIT(5000), one, "visited 4,862 pages for 1 row: ");
	assert_found(HIT(5000), two, NOTHING);
	assert_found(HIT(5000), seq, "Seq Scan on job read 4,990 pages");
	assert_found(HIT(5000), timed, "on worker visited 4,996 pages for 1 row: ");
}

/* A subquery that the filter of a scan runs for the first time counts as a part of the
 * scan. */
static void
test_counted_twice(void **state)
{
	plan_node nodes[NODES_MAX] = {
		{"a",
		 NULL,
		 "\"name\": \"Aggregate\", \"type\": \"Aggregate\"",
		 DONE(1, 990, 5001)},
		{"b", "a", SEQ_TYPE("Seq Scan", 900, NO_TOAST), DONE(1, 980, 5001)},
		{"c",
		 "a",
		 "\"name\": \"Seq Scan on big\", \"type\": \"Seq Scan\", \"subplan\": "
		 "\"InitPlan 1\", \"relation_pages\": 5000, \"relation_rows\": 400000",
		 DONE(400000, 970, 5000)}};

	(void) state;
	assert_found(HIT(5001), nodes, NOTHING);
}

static void
add_nested(osp_report *report)
{
	findings_add(report, "pg-start", "t", "s", "h", 500, "");
	findings_add(
		report, "pg-stop", "t", "s", "h", 504, "\"db\": {" HIT(4500) "}, ");
}

static void
add_planning(osp_report *report)
{
	findings_add(report, "pg.plan-start", "t", "s", "h", 1, "");
	findings_add(
		report, "pg.plan-stop", "t", "s", "h", 4, "\"db\": {" HIT(4500) "}, ");
}

/* Other operations of the statement have read blocks, which are in the statement's
 * figures. */
static void
test_others(void **state)
{
	plan_node nodes[NODES_MAX] = {
		{"n", NULL, INDEX("i btree (id); ", NO_TOAST), ROWS(1)}};
	plan_node changed[NODES_MAX] = {
		{"d",
		 NULL,
		 "\"name\": \"Update on job\", \"type\": \"Update\"",
		 ROWS(0)},
		{"a", "d", SEQ(5000, NO_TOAST), ROWS(90)}};
	plan_node unknown[NODES_MAX] = {
		{"j",
		 NULL,
		 "\"name\": \"Nested Loop\", \"type\": \"Nested Loop\"",
		 ROWS(1)},
		{"f",
		 "j",
		 "\"name\": \"Function Scan\", \"type\": \"Function Scan\"",
		 ROWS(1)},
		{"a", "j", SEQ(5000, NO_TOAST), ROWS(1)}};

	(void) state;
	assert_found_below(HIT(5000), nodes, NULL, DEAD);
	assert_found_below(HIT(5000), nodes, add_nested, NOTHING);
	assert_found_below(HIT(5000), nodes, add_planning, NOTHING);
	assert_found(HIT(5000), changed, NOTHING);
	assert_found(HIT(9000), changed, "read 3,240 pages");
	assert_found(HIT(5000), unknown, NOTHING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequential),
		cmocka_unit_test(test_short_rows),
		cmocka_unit_test(test_old_statistics),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_cold),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_index_only),
		cmocka_unit_test(test_bitmap),
		cmocka_unit_test(test_two_scans),
		cmocka_unit_test(test_counted_twice),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
