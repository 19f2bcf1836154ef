/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_lookup.c
 *	  In which cases a join is found to have read a whole table because there is no
 *	  index.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

#define INDEXES ", \"indexes\": \"j_pkey btree (id); \""
#define FAILED                        \
	"\"etype\": \"query_canceled\", " \
	"\"message\": \"canceling statement due to statement timeout\", "
#define LOOKUP "\"findings\": [{\"rule\": \"lookup\""

/* A join of the tables a and b, in which a is scanned completely. */
typedef struct join
{
	const char *type;      /* of the join */
	const char *condition; /* the member with its condition */
	const char *between;   /* type of the node above the scan of a */
	const char *side;      /* type of the node on the other side */
	const char *indexes;   /* the recorded indexes of a */
	const char *joined;    /* rows of the join, and of the other side; NULL:
							* it was never executed */
	const char *matched;
	const char *end; /* how the statement ended */
} join;

static void
begin_node(osp_report *report, const char *id, const char *parent, int ms,
		   const char *type, const char *more)
{
	char info[512];

	(void) snprintf(
		info,
		sizeof(info),
		"\"db\": {\"node\": {\"name\": \"%s\", \"type\": \"%s\"%s}}, ",
		type,
		type,
		more);
	findings_add(report, "pg.node-start", id, parent, "h", ms, info);
}

static void
end_node(osp_report *report, const char *id, const char *parent,
		 const char *rows)
{
	char info[256];

	if (rows != NULL)
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"node\": {\"rows\": %s, \"loops\": 1}}, ",
						rows);
	else
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"node\": {\"never_executed\": true}}, ");
	findings_add(report, "pg.node-stop", id, parent, "h", 900, info);
}

/* Writes the findings as JSON. */
static void
explain(const join *j, osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf words;
	char more[256];

	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, "");
	(void) snprintf(more,
					sizeof(more),
					", \"%s\": \"((a.grp = b.grp) AND (a.k = b.k))\"",
					j->condition);
	begin_node(report, "j", "s", 1, j->type, more);
	begin_node(report, "n", "j", 2, j->between, "");
	(void) snprintf(more,
					sizeof(more),
					", \"relation\": \"j\", \"alias\": \"a\", "
					"\"relation_pages\": 8000%s",
					j->indexes);
	begin_node(report, "a", "n", 3, "Seq Scan", more);
	begin_node(report, "b", "j", 4, j->side, "");
	end_node(report, "b", "j", j->matched);
	end_node(report, "a", "n", "600000");
	end_node(report, "n", "j", j->joined == NULL ? "0" : "600000");
	end_node(report, "j", "s", j->joined);
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, j->end);
	findings_explain(report, json, &words);
	osp_buf_term(&words);
}

/* There is no finding about a join that did not run, or had only just begun. */
static void
test_join_that_ran(void **state)
{
	static const struct
	{
		join join;
		bool found;
	} cases[] = {
#define MERGE "Merge Join", "merge_cond", "Sort"
#define HASH  "Hash Join", "hash_cond"
#define LOOP  "Nested Loop", "join_filter", "Materialize"
		{{MERGE, "Sort", INDEXES, "5", "10", ""}, true},
		{{MERGE, "Sort", INDEXES, NULL, NULL, FAILED}, false},
		{{MERGE, "Sort", INDEXES, "0", "0", FAILED}, false},
		{{MERGE, "Sort", INDEXES, "5", "10", FAILED}, false},
		{{HASH, "Hash", "Index Scan", INDEXES, "5", "10", ""}, true},
		{{HASH, "Hash", "Index Scan", INDEXES, "5", "10", FAILED}, false},
		{{HASH, "Materialize", "Hash", INDEXES, "5", "10", FAILED}, true},
		{{HASH, "Materialize", "Hash", INDEXES, "0", "0", FAILED}, false},
		{{LOOP, "Index Scan", INDEXES, "5", "10", FAILED}, true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_buf json;

		explain(&cases[i].join, &json);
		if ((strstr(json.ptr, LOOKUP) != NULL) != cases[i].found)
			fail_msg("case %zu: %s", i, json.ptr);
		osp_buf_term(&json);
	}
}

/* A missing index is only reported if the indexes of the table are known. */
static void
test_join_of_unknown_indexes(void **state)
{
	static const struct
	{
		join join;
		const char *step;
	} cases[] = {
		{{MERGE, "Sort", INDEXES, "5", "10", ""},
		 "\"No index begins with what the join compares. If statements like this "
		 "are frequent, try CREATE INDEX CONCURRENTLY ON j (grp, k), and look at "
		 "EXPLAIN again.\""},
		{{MERGE, "Sort", "", "5", "10", ""},
		 "\"No index was used that begins with what the join compares. If "
		 "statements like this are frequent, try CREATE INDEX CONCURRENTLY ON j "
		 "(grp, k), unless there is one that the planner did not choose, and look "
		 "at EXPLAIN again.\""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_buf json;

		explain(&cases[i].join, &json);
		if (strstr(json.ptr, cases[i].step) == NULL)
			fail_msg("%s: %s", cases[i].step, json.ptr);
		osp_buf_term(&json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join_that_ran),
		cmocka_unit_test(test_join_of_unknown_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
