/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_indexes.c
 *	  The advice for a filter without an index: which columns in which order. Indexes
 *	  that exist, or that PostgreSQL could not use, are not proposed. tests/incidents
 *	  executes the same advice in a server.
 */
#include "tap.h"

#include <stdio.h>

#include "findings_fixture.h"

/* Writes the advice for a scan of 100,000 rows on 1,000 pages that returns 10 of them;
 * members may change that. */
static void
find_step(const char *statement, const char *members, const char *counts,
		  osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char info[2048];
	osp_buf words;

	assert_non_null(report);
	(void) snprintf(
		info, sizeof(info), "\"db\": {\"statement\": \"%s\"}, ", statement);
	findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, info);
	(void) snprintf(
		info,
		sizeof(info),
		"\"db\": {\"node\": {\"name\": \"Scan\", "
		"\"relation_pages\": 1000, \"relation_rows\": 100000, %s}}, ",
		members);
	findings_add(report, "pg.node-start", "n", "s", "h", 1, info);
	(void) snprintf(info, sizeof(info), "\"db\": {\"node\": {%s}}, ", counts);
	findings_add(report, "pg.node-stop", "n", "s", "h", 900, info);
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, "");
	findings_explain(report, json, &words);
	osp_buf_term(&words);
}

#define FEW "\"rows\": 10, \"loops\": 1, \"rows_removed_by_filter\": 99990"

/* A sequential scan with this filter. */
#define SCAN(filter)                                                   \
	"\"type\": \"Seq Scan\", \"relation\": \"t\", \"plan_rows\": 12, " \
	"\"filter\": \"" filter "\""

typedef struct advice
{
	const char *statement;
	const char *members;
	const char *says;
	const char *never; /* NULL: no index is proposed */
} advice;

static void
assert_advice(const advice *a, const char *counts)
{
	const char *step;
	osp_buf json;

	find_step(a->statement, a->members, counts, &json);
	findings_assert_shares(json.ptr);
	step = strstr(json.ptr, "\"next_step\": ");
	if (step == NULL || strstr(step, a->says) == NULL)
		fail_msg("%s: %s", a->members, json.ptr);
	if (strstr(step, a->never != NULL ? a->never : "CREATE INDEX") != NULL)
		fail_msg("%s: %s", a->members, json.ptr);
	osp_buf_term(&json);
}

#define NEVER "no such text"

/* Columns that are compared for equality come first, then one with a range, whatever
 * their order in the filter. */
static void
test_columns(void **state)
{
	static const advice cases[] = {
		{"S", SCAN("(a = ?)"), "ON t (a), and", NEVER},
		{"S", SCAN("(? = x.a)"), "ON t (a), and", NEVER},
		{"S", SCAN("(b > ?) AND (a = ?)"), "ON t (a, b), and", NEVER},
		{"S",
		 SCAN("(b > $1) AND (b < $2) AND (c > ?)"),
		 "ON t (b), and",
		 NEVER},
		{"S", SCAN("(x.a = ANY (?)) AND (x.b IS NULL)"), "ON t (a, b)", NEVER},
		{"S", SCAN("flag"), "ON t (flag), and", NEVER},
		{"S", SCAN("(NOT flag)"), "ON t (flag), and", NEVER},
		{"S", SCAN("(\\\"My Column\\\" = ?)"), "(\\\"My Column\\\")", NEVER},
		{"S", SCAN("(a = $exec0)"), "ON t (a), and", NEVER},
		{"S", SCAN("(a = now())"), "ON t (a), and", NEVER},
		{"S", SCAN("((a = ?) AND (b = ?))"), "ON t (a, b), and", NEVER},
		{"S",
		 SCAN("(a = ?) AND (b <> ?)"),
		 "ON t (a), and look at EXPLAIN again. It helps if these conditions "
		 "alone leave few rows",
		 NEVER},
		{"S",
		 SCAN("(gone IS NOT NULL)"),
		 "(gone) WHERE gone IS NOT NULL",
		 NEVER},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

/* Scans that do not read a table get no index. A CTE may have other readers. */
static void
test_without_table(void **state)
{
	static const advice cases[] = {
		{"S",
		 "\"type\": \"CTE Scan\", \"filter\": \"(a = ?)\"",
		 "condition. If other parts need the rest of them, WITH ",
		 NULL},
		{"S",
		 "\"type\": \"Subquery Scan\", \"filter\": \"(a = ?)\"",
		 "let that return fewer rows",
		 "MATERIALIZED"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

/* Operators that other kinds of indexes support, also by the names of their functions. */
static void
test_other_indexes(void **state)
{
	static const advice cases[] = {
		{"S", SCAN("jsonb_contains(j, ?)"), "ON t USING gin (j), and", NEVER},
		{"S", SCAN("jsonb_exists(x.j, ?)"), "ON t USING gin (j), and", NEVER},
		{"S", SCAN("jsonb_path_exists_opr(j, ?)"), "USING gin (j)", NEVER},
		{"S", SCAN("arraycontains(tags, ?)"), "USING gin (tags)", NEVER},
		{"S", SCAN("arrayoverlap(tags, ?)"), "USING gin (tags)", NEVER},
		{"S", SCAN("range_contains_elem(r, ?)"), "USING gist (r)", NEVER},
		{"S", SCAN("(? = ANY (tags))"), "column @> ARRAY[value]", NULL},
		{"S", SCAN("(? = ANY (x.tags))"), "column @> ARRAY[value]", NULL},
		{"S",
		 SCAN("ts_match_vq(to_tsvector_byid(?, body), to_tsquery(?))"),
		 "USING gin (to_tsvector('english', column))",
		 NULL},
		{"S",
		 SCAN("jsonb_contains(j, ?)") ", \"indexes\": \"t_j gin (j); \"",
		 "There is an index that could serve the filter, t_j, and",
		 NULL},
		{"S",
		 SCAN("jsonb_contains(j, ?)") ", \"indexes\": \"t_j btree (j); \"",
		 "ON t USING gin (j), and",
		 NEVER},
		{"S", SCAN("ours(a, ?)"), "An ordinary index cannot serve", NULL},
		{"S",
		 SCAN("(a = ?) AND jsonb_contains(j, ?)"),
		 "ON t (a), and look",
		 "gin"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

/* The columns of the index that the scan uses come first, in their order. */
static void
test_index_in_use(void **state)
{
#define BY_INDEX(conditions)                          \
	"\"type\": \"Index Scan\", \"relation\": \"t\", " \
	"\"index\": \"t_a\", " conditions
	static const advice cases[] = {
		{"S",
		 BY_INDEX("\"index_cond\": \"(a = ?)\", \"filter\": \"(b = ?)\""),
		 "The index t_a does not cover the filter. If statements like this are "
		 "frequent, try CREATE INDEX CONCURRENTLY ON t (a, b)",
		 NEVER},
		{"S",
		 BY_INDEX("\"index_cond\": \"(a > ?)\", \"filter\": \"(b = ?)\""),
		 "ON t (b, a)",
		 NEVER},
		{"S",
		 BY_INDEX("\"index_cond\": \"(a = ?)\", \"filter\": \"(b <> ?)\""),
		 "\"The index t_a does not cover the filter. No index finds what is not "
		 "equal",
		 NULL},
		{"S", BY_INDEX("\"filter\": \"(b = ?)\""), "ON t (b), and", NEVER},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

static void
test_patterns(void **state)
{
	static const advice cases[] = {
		{"SELECT 1 FROM t WHERE a LIKE 'abc%'",
		 SCAN("(a ~~ ?)"),
		 "ON t (a text_pattern_ops)",
		 "USING gin"},
		{"SELECT 1 FROM t WHERE a LIKE '%abc%'",
		 SCAN("(a ~~ ?)"),
		 "USING gin (a gin_trgm_ops)",
		 "text_pattern_ops"},
		{"SELECT 1 FROM t WHERE a LIKE '%ab%'",
		 SCAN("(a ~~ ?)"),
		 "fewer than three letters",
		 NULL},
		{"SELECT 1 FROM t WHERE a LIKE $1",
		 SCAN("(a ~~ ?)"),
		 "If the pattern begins with letters",
		 NEVER},
		{"SELECT 1 FROM t WHERE a LIKE $1",
		 SCAN("(a ~~ $1)"),
		 "planned for any pattern, which only an index of trigrams serves: "
		 "CREATE EXTENSION",
		 "ON t (a text_pattern_ops)"},
		/* with two LIKEs it is unknown which one this is */
		{"SELECT a LIKE '%x' FROM t WHERE a LIKE 'abc%'",
		 SCAN("(a ~~ ?)"),
		 "If the pattern begins with letters",
		 NEVER},
		{"SELECT 1 FROM t WHERE a ILIKE 'abc%'",
		 SCAN("(a ~~* ?)"),
		 "No ordinary index serves ILIKE or a regular expression. One of "
		 "trigrams does",
		 "text_pattern_ops"},
		{"SELECT 1 FROM t WHERE a ~ 'abc'",
		 SCAN("(a ~ ?)"),
		 "gin_trgm_ops",
		 "text_pattern_ops"},
		{"SELECT 1 FROM t WHERE lower(a) LIKE 'abc%'",
		 SCAN("(lower(a) ~~ ?)"),
		 "ON t (lower(a) text_pattern_ops)",
		 NEVER},
		{"SELECT 1 FROM t WHERE a NOT LIKE 'abc%'",
		 SCAN("(a !~~ ?)"),
		 "No index finds what is not equal",
		 NULL},
		{"SELECT 1 FROM t WHERE a LIKE '%abc%'",
		 SCAN("(a ~~ ?)") ", \"indexes\": \"t_a gin (a); \"",
		 "The column has another one, which was not used",
		 NULL},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

static void
test_expressions(void **state)
{
	static const advice cases[] = {
		{"S", SCAN("(lower(a) = ?)"), "ON t (lower(a)), then ANALYZE t", NEVER},
		{"S", SCAN("((a)::text = ?)"), "converted to text", NULL},
		{"S", SCAN("((x.a)::numeric > ?)"), "converted to numeric", NULL},
		{"S",
		 SCAN("(timestamp_trunc(?, at) = ?)"),
		 "Compare the column itself",
		 NULL},
		{"S", SCAN("((a % ?) = ?)"), "result of an expression", NULL},
		{"S",
		 SCAN("(a = ((drandom() * ?))::integer)"),
		 "anew for each row",
		 "CREATE INDEX"},
		{"S",
		 SCAN("(a = ((drandom() * ?))::integer)") ", \"indexes\": \"t_a btree "
												  "(a); \"",
		 "anew for each row",
		 "was not used"},
		{"S", SCAN("(a > (now() - ?))"), "ON t (a)", "anew"},
		{"S", SCAN("(function 16385(a) = ?)"), "result of an expression", NULL},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

static void
test_any_of_several(void **state)
{
	static const advice cases[] = {
		{"S",
		 SCAN("((a = ?) OR (b = ?))"),
		 "ON t (a); CREATE INDEX CONCURRENTLY ON t (b).",
		 NEVER},
		{"S",
		 SCAN("((a = ?) OR (b = ?))") ", \"indexes\": \"t_a btree (a); \"",
		 "in a bitmap. Try CREATE INDEX CONCURRENTLY ON t (b).",
		 "ON t (a)"},
		{"S", SCAN("((a = ?) OR (a > ?))"), "ON t (a).", "combines"},
		{"S",
		 SCAN("((a = ?) OR (b <> ?))"),
		 "only if each of its branches has one",
		 "UNION ALL"},
		{"SELECT 1 FROM t WHERE a LIKE '%abc%' OR lower(b) = 'x' OR c = 1",
		 SCAN("((a ~~ ?) OR (lower(b) = ?) OR (c = ?))"),
		 "gin (a gin_trgm_ops)",
		 "UNION"},
		{"SELECT 1 FROM t WHERE a LIKE '%abc%' OR lower(b) = 'x' OR c = 1",
		 SCAN("((a ~~ ?) OR (lower(b) = ?) OR (c = ?))"),
		 "ON t (c).",
		 "UNION"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

/* If a condition is not understood completely, the advice is general. */
static void
test_not_understood(void **state)
{
	static const char *const filters[] = {
		"(a = ?) AND (b = ...",
		"(a = ?) AND (b = ?",
		"(a = ?)) AND (b = ?)",
		"(my column = ?)",
		"(a = <case>)",
		"(a IS DISTINCT FROM ?)",
		"(a = 'it's')",
		"a = ?",
		"((((((((((((((((((((((((((a = ?))))))))))))))))))))))))))",
		"",
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
	{
		char members[512];
		advice a = {
			"S", members, "See whether an index serves a part of this", NULL};

		(void) snprintf(members,
						sizeof(members),
						"\"type\": \"Seq Scan\", \"relation\": \"t\", "
						"\"filter\": \"%s\"",
						filters[i]);
		assert_advice(&a, FEW);
	}
}

/* An existing index is not proposed again. An index that cannot support the filter does
 * not count as existing. */
static void
test_indexes_that_exist(void **state)
{
#define WITH(indexes) \
	SCAN("(b > ?) AND (a = ?)") ", \"indexes\": \"" indexes "\""
	static const advice cases[] = {
		{"S",
		 WITH("t_pkey btree (id); t_a_b btree (a, b, c); "),
		 "There is an index that could serve the filter, t_a_b,",
		 NULL},
		{"S", WITH("t_a btree (a); "), "ON t (a, b), and", NEVER},
		{"S", WITH("t_a_b btree (a, b) WHERE; "), "ON t (a, b), and", NEVER},
		{"S", WITH("t_a_b brin (a, b); "), "ON t (a, b), and", NEVER},
		{"S",
		 WITH("t_a_b btree (a text_pattern_ops, b); "),
		 "ON t (a, b)",
		 NEVER},
		{"S", WITH("t_a_b btree (?, a, b); "), "ON t (a, b), and", NEVER},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

/* Relations that cannot have an index, and names that need quotes. */
static void
test_tables(void **state)
{
	static const advice cases[] = {
		{"S",
		 "\"type\": \"CTE Scan\", \"filter\": \"(a = ?)\"",
		 "CTE Scan reads no table",
		 NULL},
		{"S",
		 "\"type\": \"Seq Scan\", \"relation\": \"pg_class\", \"filter\": "
		 "\"(a = ?)\"",
		 "See whether an index",
		 NULL},
		{"S",
		 "\"type\": \"Seq Scan\", \"relation\": \"order\", \"filter\": "
		 "\"(a = ?)\"",
		 "ON \\\"order\\\" (a)",
		 NEVER},
		{"S",
		 "\"type\": \"Seq Scan\", \"relation\": \"Big\", \"filter\": "
		 "\"(a = ?)\"",
		 "ON \\\"Big\\\" (a)",
		 NEVER},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_advice(&cases[i], FEW);
}

/* An index that PostgreSQL would not use is not proposed. */
static void
test_unused(void **state)
{
	static const advice misjudged = {
		"S",
		"\"type\": \"Seq Scan\", \"relation\": \"t\", \"plan_rows\": 90000, "
		"\"filter\": \"(a = ?)\"",
		"PostgreSQL expected 90,000 rows here",
		NULL};
	static const advice small = {
		"S",
		"\"type\": \"Seq Scan\", \"relation\": \"t\", \"plan_rows\": 1, "
		"\"relation_pages\": 1, \"relation_rows\": 50, \"filter\": \"(a = ?)\"",
		"too small for an index",
		NULL};

	(void) state;
	assert_advice(&misjudged, FEW);
	assert_advice(&small,
				  "\"rows\": 1000, \"loops\": 1000, "
				  "\"rows_removed_by_filter\": 49000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_without_table),
		cmocka_unit_test(test_other_indexes),
		cmocka_unit_test(test_index_in_use),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_any_of_several),
		cmocka_unit_test(test_not_understood),
		cmocka_unit_test(test_indexes_that_exist),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_unused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
