/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_subplan.c
 *	  In which cases a subquery that ran for each row is found to be the cause, and in
 *	  which cases another cause is.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

#define NOTHING "\"findings\": []"
#define SUBPLAN "\"findings\": [{\"rule\": \"subplan\", "
#define MARKED  ", \"subplan\": \"SubPlan 1\""

static void
add_node(osp_report *report, const char *id, const char *parent,
		 const char *start, const char *stop)
{
	char info[512];

	(void) snprintf(info, sizeof(info), "\"db\": {\"node\": {%s}}, ", start);
	findings_add(report, "pg.node-start", id, parent, "h", 10, info);
	(void) snprintf(info, sizeof(info), "\"db\": {\"node\": {%s}}, ", stop);
	findings_add(report, "pg.node-stop", id, parent, "h", 900, info);
}

/* The nodes of a statement that takes a second: the scan of a table, and the subquery
 * that ran for its rows. */
typedef struct subquery
{
	const char *statement; /* its stop */
	const char *scan;      /* the stop of the scan */
	const char *mark;      /* marks the top node of a subquery */
	const char *top;       /* the stop of that node, an aggregate */
	const char *inner;     /* the stop of the index scan below */
} subquery;

static void
explain(const subquery *q, osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char info[512];
	osp_buf words;

	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	add_node(report,
			 "a",
			 "s",
			 "\"name\": \"Seq Scan on parent p\", \"type\": \"Seq Scan\"",
			 q->scan);
	(void) snprintf(info,
					sizeof(info),
					"\"name\": \"Aggregate\", \"type\": \"Aggregate\"%s",
					q->mark);
	add_node(report, "b", "a", info, q->top);
	add_node(report,
			 "c",
			 "b",
			 "\"name\": \"Index Scan using i on detail d\", \"type\": \"Index "
			 "Scan\"",
			 q->inner);
	(void) snprintf(info, sizeof(info), "\"db\": {%s}, ", q->statement);
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, info);
	findings_explain(report, json, &words);
	findings_assert_shares(json->ptr);
	osp_buf_term(&words);
}

static void
assert_found(const subquery *q, const char *expected)
{
	osp_buf json;

	explain(q, &json);
	if (strstr(json.ptr, expected) == NULL)
		fail_msg("%s: %s", expected, json.ptr);
	osp_buf_term(&json);
}

static void
assert_not_found(const subquery *q, const char *unexpected)
{
	osp_buf json;

	explain(q, &json);
	if (strstr(json.ptr, unexpected) != NULL)
		fail_msg("%s: %s", unexpected, json.ptr);
	osp_buf_term(&json);
}

#define RAN(rows, loops)       "\"rows\": " #rows ", \"loops\": " #loops
#define TIMED(rows, loops, ms) RAN(rows, loops) ", \"total_ms\": " #ms

static void
test_often(void **state)
{
	subquery q = {"", RAN(2000, 1), MARKED, RAN(2000, 2000), RAN(6000, 2000)};

	(void) state;
	assert_found(&q, SUBPLAN);
	assert_found(
		&q,
		"The subquery with Index Scan using i on detail d ran 2,000 "
		"times, each time for a row of Seq Scan on parent p, and took ");
	assert_found(&q, "(by rows and loops, not measured)");
	assert_found(
		&q,
		"\"measure_nodes\": \"SET osprofiler.points = 'statement, nested, "
		"parse, plan, commit, trigger, worker, wait, node'\"");
	assert_found(&q, "\"loops\": 2000.0");
	q.top = RAN(999, 999);
	q.inner = RAN(3000, 999);
	assert_found(&q, NOTHING);
}

/* A node without the mark of a subquery is the inner side of a join. */
static void
test_join(void **state)
{
	subquery q = {"", RAN(2000, 1), "", RAN(2000, 2000), RAN(6000, 2000)};

	(void) state;
	assert_found(&q, NOTHING);
}

/* A subquery that ran once does not depend on the rows. One that took little time is no
 * cause. */
static void
test_fast(void **state)
{
	subquery once = {
		"", RAN(200000, 1), MARKED, RAN(200000, 1), RAN(600000, 1)};
	subquery fast = {"",
					 TIMED(2000, 1, 990),
					 MARKED,
					 TIMED(2000, 2000, 30),
					 TIMED(6000, 2000, 20)};
	subquery slow = fast;

	(void) state;
	assert_found(&once, NOTHING);
	assert_found(&fast, NOTHING);
	slow.top = TIMED(2000, 2000, 800);
	slow.inner = TIMED(6000, 2000, 600);
	assert_found(&slow, SUBPLAN "\"share\": 0.8, \"time_ms\": 800.0, ");
	assert_found(&slow, "took 800 ms: 400 us each.");
	slow.inner = TIMED(6000, 2000, 800);
	assert_found(&slow, "took 800 ms: 400 us each.");
}

/* If another rule explains a part of the subquery, its advice helps more. */
static void
test_claimed(void **state)
{
	subquery q = {"",
				  RAN(2000, 1),
				  MARKED,
				  RAN(2000, 2000),
				  RAN(6000, 2000) ", \"rows_removed_by_filter\": 600000"};

	(void) state;
	assert_found(&q, "\"findings\": [{\"rule\": \"filter\", ");
	assert_not_found(&q, "\"subplan\"");
}

/* If the statement mostly waited for its client, the subquery gets only the rest of the
 * time. */
static void
test_waits(void **state)
{
	subquery q = {"\"waits\": {\"Client:ClientWrite\": 750}",
				  RAN(2000, 1),
				  MARKED,
				  RAN(2000, 2000),
				  RAN(6000, 2000)};

	(void) state;
	assert_found(
		&q, "\"findings\": [{\"rule\": \"client_wait\", \"share\": 0.75, ");
	assert_found(&q, "{\"rule\": \"subplan\", \"share\": 0.22");
}

/* A list is made once, and gone through for each row. The node that compares the rows
 * with the list takes as long for that as the node of the list. */
static void
test_list(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	add_node(report,
			 "a",
			 "s",
			 "\"name\": \"Seq Scan on child\", \"type\": \"Seq Scan\"",
			 RAN(1200, 1) ", \"rows_removed_by_filter\": 800");
	add_node(report,
			 "b",
			 "a",
			 "\"name\": \"Materialize\", \"type\": \"Materialize\"" MARKED,
			 RAN(12800400, 2000));
	add_node(report,
			 "c",
			 "b",
			 "\"name\": \"Seq Scan on leaf\", \"type\": \"Seq Scan\"",
			 RAN(8000, 1));
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(strstr(words.ptr, " 100 %  1.00 s "));
	assert_non_null(strstr(
		json.ptr,
		"The list that the subquery returned, with Seq Scan on leaf, was "
		"gone through 2,000 times, each time for a row of Seq Scan on "
		"child, and took 1.00 s: 500 us each."));
	assert_non_null(strstr(json.ptr, "NOT EXISTS"));
	assert_null(strstr(json.ptr, "GROUP BY"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* The filter that finds rows in the list, and the list itself, are one cause. The filter
 * is another one if it leaves out most rows before the list is searched. */
static void
test_list_as_filter(void **state)
{
	static const struct
	{
		const char *scan;
		const char *list;
		const char *rule;
		const char *not_rule;
	} cases[] = {
		{RAN(100, 1) ", \"rows_removed_by_filter\": 19900",
		 RAN(150000000, 20000),
		 SUBPLAN,
		 "\"filter\""},
		{RAN(0, 1) ", \"rows_removed_by_filter\": 1000",
		 RAN(30000000, 1000),
		 SUBPLAN,
		 "\"filter\""},
		{RAN(0, 1) ", \"rows_removed_by_filter\": 1000",
		 RAN(15000000, 600),
		 SUBPLAN,
		 "\"filter\""},
		{RAN(580, 1) ", \"rows_removed_by_filter\": 599420",
		 RAN(60000, 600),
		 "\"findings\": [{\"rule\": \"filter\"",
		 "CREATE STATISTICS"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);

		findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
		add_node(report,
				 "a",
				 "s",
				 "\"name\": \"Seq Scan on child\", \"type\": \"Seq Scan\", "
				 "\"relation\": \"child\", \"filter\": \"(NOT (SubPlan 1))\", "
				 "\"plan_rows\": 10000, \"indexes\": \"\"",
				 cases[i].scan);
		add_node(report,
				 "b",
				 "a",
				 "\"name\": \"Materialize\", \"type\": \"Materialize\"" MARKED,
				 cases[i].list);
		add_node(report,
				 "c",
				 "b",
				 "\"name\": \"Seq Scan on leaf\", \"type\": \"Seq Scan\"",
				 RAN(30000, 1));
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
		findings_assert_says(report,
							 (const char *const[4]){cases[i].rule},
							 (const char *const[4]){cases[i].not_rule});
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_often),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_fast),
		cmocka_unit_test(test_claimed),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_as_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
