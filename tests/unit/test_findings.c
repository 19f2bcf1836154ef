/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings.c
 *	  Findings: each rule finds its cause in the trace that was recorded for it
 *	  (tests/vectors/findings), and does not find it in its near miss, which differs a
 *	  little.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "failing_alloc.h"
#include "findings_fixture.h"

/* The recorded traces. The rule is given if its name is not that of the trace. */
static const struct
{
	const char *trace;
	const char *rule;
} rules[] = {
	{"deadlock", NULL},
	{"wal", NULL},
	{"write", NULL},
	{"analysis", NULL},
	{"lock_wait", NULL},
	{"commit", NULL},
	{"connect", NULL},
	{"estimate", NULL},
	{"spill", NULL},
	{"filter", NULL},
	{"heap_fetches", NULL},
	{"read", NULL},
	{"sleep", NULL},
	{"client_wait", NULL},
	{"jit", NULL},
	{"sqlite_busy", NULL},
	{"sqlite_wait", "sqlite_busy"},
	{"sqlite_checkpoint", NULL},
	{"sqlite_sync", NULL},
	{"sqlite_scan", NULL},
	{"sqlite_index", "sqlite_scan"},
	{"failure", NULL},
	{"trigger", NULL},
	{"repeat", NULL},
	{"planning", NULL},
	{"workers", NULL},
	{"function", NULL},
	{"network", NULL},
	{"client_pause", NULL},
	{"failed", NULL},
	{"application", NULL},
	{"cpu", NULL},
	{"plan_change", NULL},
	{"pooler", NULL},
	{"toast", NULL},
	{"offset", NULL},
	{"skip_locked", NULL},
	{"dead_rows", NULL},
	{"dead_index", "dead_rows"},
	{"subplan", NULL},
	{"expression", NULL},
	{"lookup", NULL},
	{"cpu_workers", "cpu"},
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static const char *
rule_of(size_t i)
{
	return rules[i].rule != NULL ? rules[i].rule : rules[i].trace;
}

static void
test_rules_speak(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < RULE_COUNT; i++)
	{
		char first[64];
		osp_buf out;

		findings_of(rules[i].trace, &out);
		(void) snprintf(first,
						sizeof(first),
						"\"findings\": [{\"rule\": \"%s\"",
						rule_of(i));
		if (strstr(out.ptr, first) == NULL)
			fail_msg("%s: %s", rules[i].trace, out.ptr);
		findings_assert_shares(out.ptr);
		osp_buf_term(&out);
	}
}

static void
test_near_misses(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < RULE_COUNT; i++)
	{
		char name[64];
		osp_buf out;

		(void) snprintf(name, sizeof(name), "%s_near", rules[i].trace);
		findings_of(name, &out);
		(void) snprintf(name, sizeof(name), "\"rule\": \"%s\"", rule_of(i));
		if (strstr(out.ptr, name) != NULL)
			fail_msg("%s: %s", rules[i].trace, out.ptr);
		findings_assert_shares(out.ptr);
		osp_buf_term(&out);
	}
}

/* The findings on a terminal of 80 columns, and on a narrow one that only has ASCII. */
static void
test_text(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = findings_trace("client_pause");
	osp_buf text;
	const char *line;

	(void) state;
	assert_int_equal(findings_draw(report, &options, &text), 1);
	assert_non_null(strstr(text.ptr, "Why it took 70"));
	assert_non_null(strstr(text.ptr, " 100 %  70"));
	assert_non_null(
		strstr(text.ptr, "   The client did something else for 70"));
	assert_non_null(
		strstr(text.ptr, "\n                  Next: Do what takes"));
	assert_non_null(strstr(text.ptr, "\n   0 %            Not explained.\n"));
	for (line = text.ptr; *line != '\0'; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\n') - line <= 80);
	osp_buf_term(&text);

	options.color = true;
	options.unicode = false;
	options.width = 10;
	assert_int_equal(findings_draw(report, &options, &text), 1);
	assert_non_null(strstr(text.ptr, "\033[1m 100 %"));
	for (line = text.ptr; *line != '\0'; line++)
		assert_true((unsigned char) *line < 0x80);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* There are no findings in an empty trace, in a short one, and in a healthy one. */
static void
test_nothing(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_int_equal(findings_draw(report, &options, &text), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	assert_string_equal(text.ptr,
						"{\"base_id\": null, \"duration_ms\": 0.0, "
						"\"findings\": [], \"not_explained\": 1.0, "
						"\"not_explained_parts\": [], "
						"\"longest\": [], \"lost_points\": 0.0}");
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Rounded shares add up to 100: of two shares that end in half a percent, one is
 * rounded down. */
static void
test_rounded_shares(void **state)
{
	static const int sleeps[][3] = {{79500, 15500, 5000},
									{41600, 35600, 19600},
									{33333, 33333, 33334},
									{69400, 15300, 10300}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(sleeps) / sizeof(sleeps[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		const char *line;
		osp_buf json;
		osp_buf words;
		int sum = 0;
		int at = 0;
		int k;

		for (k = 0; k < 3; k++)
		{
			char statement[64];
			char stop[128];

			(void) snprintf(
				statement, sizeof(statement), "SELECT a FROM t%d", k);
			(void) snprintf(stop,
							sizeof(stop),
							"\"stats\": {\"fullscan_steps\": 9000000, "
							"\"vm_steps\": 27000000}, ");
			findings_add_statement(
				report, "sqlite", statement, &at, sleeps[i][k] / 10, stop);
		}
		findings_add_statement(report, "sqlite", "ANALYZE", &at, 320, "");
		findings_explain(report, &json, &words);
		for (line = words.ptr; line != NULL; line = strchr(line, '\n'))
		{
			int percent = (int) strtol(line += *line == '\n', NULL, 10);

			if (strlen(line) > 5 && strncmp(line + 4, " %", 2) == 0)
				sum += percent;
		}
		if (sum != 100)
			fail_msg("%d: %s", sum, words.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Operations that run at the same time share that time, so no time counts twice. */
static void
test_side_by_side(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	const char *at;
	double share;

	(void) state;
	findings_add(report, "app-start", "a", FINDINGS_BASE, "h", 0, "");
	findings_add(report, "pg.plan-start", "p", "a", "h", 0, "");
	findings_add(report, "pg.wait-start", "w", "a", "h", 0, "");
	findings_add(report, "pg.plan-stop", "p", "a", "h", 1000, "");
	findings_add(report, "pg.wait-stop", "w", "a", "h", 1000, "");
	findings_add(report, "app-stop", "a", FINDINGS_BASE, "h", 1000, "");
	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	at = text.ptr;
	share = findings_number(&at, "\"share\": ");
	assert_true(share > 0.49 && share < 0.51);
	share = findings_number(&at, "\"share\": ");
	assert_true(share > 0.49 && share < 0.51);
	osp_buf_term(&text);
	osp_report_free(report);
}

static osp_status
add_piece(void *ctx, osp_str piece)
{
	osp_buf_add_str((osp_buf *) ctx, piece);
	return OSP_OK;
}

/* The time of a server's operation that no rule knows does not count as the program's. */
static void
test_unknown_server_operation(void **state)
{
	static const osp_draw_options options = {
		.struct_size = sizeof(options), .times = true, .width = 80};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	const char *at;
	double share;
	size_t count;

	(void) state;
	findings_add(report, "app-start", "a", FINDINGS_BASE, "h", 0, "");
	findings_add(report, "pg.novel-start", "n", "a", "h", 0, "");
	findings_add(report, "pg.novel-stop", "n", "a", "h", 600, "");
	findings_add(report, "app-stop", "a", FINDINGS_BASE, "h", 1000, "");
	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	at = strstr(text.ptr, "\"rule\": \"application\"");
	assert_non_null(at);
	share = findings_number(&at, "\"share\": ");
	assert_true(share > 0.39 && share < 0.41);
	osp_buf_reset(&text);
	assert_int_equal(osp_report_explain(report, &options, &text, &count),
					 OSP_OK);
	osp_buf_reset(&text);
	assert_int_equal(osp_report_draw(report, &options, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "server 600 ms (60 %)"));
	osp_buf_reset(&text);
	assert_int_equal(osp_report_page_write(report, add_piece, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "\"server\"]"));
	assert_non_null(strstr(text.ptr, "\"kind\":[1,15]"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* An operation without a stop gets no time after its caller has ended, also if there
 * are operations without a stop between them, of the same tracer or another one. */
static void
assert_lost_end(const char *caller, const char *between, const char *lost)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	const char *at;
	double share;

	findings_add(report, "app-start", "a", FINDINGS_BASE, "h", 0, "");
	findings_add(report, caller, "c", "a", "h", 100, "");
	findings_add(report, between, "b", "c", "h", 110, "");
	findings_add(report, lost, "l", "b", "h", 120, "");
	findings_add(report, "x-stop", "c", "a", "h", 160, "");
	findings_add(report, "app-stop", "a", FINDINGS_BASE, "h", 1000, "");
	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	at = strstr(text.ptr, "\"rule\": \"application\"");
	assert_non_null(at);
	share = findings_number(&at, "\"share\": ");
	assert_true(share > 0.93 && share < 0.95);
	osp_buf_reset(&text);
	assert_int_equal(osp_report_csv_write(report, add_piece, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, ",120.000000,,40.000000,"));
	osp_buf_reset(&text);
	assert_int_equal(osp_report_page_write(report, add_piece, &text), OSP_OK);
	assert_non_null(strstr(
		text.ptr, "\"duration\":[1000000000,60000000,-50000003,-40000003]"));
	osp_buf_term(&text);
	osp_report_free(report);
}

static void
test_lost_ends(void **state)
{
	(void) state;
	assert_lost_end("pg-start", "pg-start", "pg-start");
	assert_lost_end("pg-start", "pg-start", "pg.plan-start");
	assert_lost_end("db-start", "pg-start", "pg.wait-start");
	assert_lost_end("sqlite-start", "sqlite-start", "sqlite-start");
}

/* The clock of a server differs by an hour. The server's time counts as inside the
 * client's call. */
static void
test_other_clock(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	findings_add(report, "app-start", "a", FINDINGS_BASE, "client", 0, "");
	findings_add(report, "db-start", "d", "a", "client", 0, "");
	findings_add(report, "pg-start", "s", "d", "server", 10000, "");
	findings_add(report, "pg.wait-start", "w", "s", "server", 10010, "");
	findings_add(report, "pg.wait-stop", "w", "s", "server", 10810, "");
	findings_add(report, "pg-stop", "s", "d", "server", 10820, "");
	findings_add(report, "db-stop", "d", "a", "client", 1000, "");
	findings_add(report, "app-stop", "a", FINDINGS_BASE, "client", 11000, "");
	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	assert_non_null(
		strstr(text.ptr, "\"rule\": \"lock_wait\", \"share\": 0.0727"));
	assert_non_null(
		strstr(text.ptr, "\"rule\": \"application\", \"share\": 0.909"));
	osp_buf_term(&text);
	osp_report_free(report);
}

static void
test_lost_points(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = findings_trace("sleep");
	osp_buf text;

	(void) state;
	findings_add(report,
				 "osprofiler.lost-stop",
				 "lost",
				 FINDINGS_BASE,
				 "h",
				 0,
				 "\"lost_points\": 3, ");
	(void) findings_draw(report, &options, &text);
	assert_non_null(strstr(text.ptr, "3 points of the trace were lost"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* If operations of a program are missing, there are no findings about the program,
 * except that they are missing. */
static void
test_lost_callers(void **state)
{
	static const struct
	{
		const char *parent;
		const char *end; /* of the caller of the other statement */
		bool lost;
	} cases[] = {
		{FINDINGS_BASE, NULL, false},
		{"00000000-0000-0000-1234-567812345678", NULL, false},
		{"99999999-2222-4333-8444-555555555555", NULL, true},
		{"caller", "db-stop", true},
	};
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf text;

		findings_add(report, "pg-start", "a", FINDINGS_BASE, "h", 0, "");
		findings_add(report, "pg-stop", "a", FINDINGS_BASE, "h", 20, "");
		findings_add(report, "pg-start", "b", cases[i].parent, "h", 9000, "");
		findings_add(report, "pg-stop", "b", cases[i].parent, "h", 9020, "");
		if (cases[i].end != NULL)
			findings_add(report,
						 cases[i].end,
						 cases[i].parent,
						 FINDINGS_BASE,
						 "h",
						 9030,
						 "");
		osp_buf_init(&json, &osp_allocator_default, FINDINGS_TEXT_MAX);
		assert_int_equal(osp_report_explain_json(report, &json), OSP_OK);
		assert_true((strstr(json.ptr, "\"rule\": \"application\"") == NULL) ==
					cases[i].lost);
		(void) findings_draw(report, &options, &text);
		assert_true((text.len > 0 &&
					 strstr(text.ptr, "some program has not delivered") !=
						 NULL) == cases[i].lost);
		osp_buf_term(&text);
		osp_buf_term(&json);
		osp_report_free(report);
	}
}

/* Waits are sampled. If the sampled time is less than the argument of pg_sleep, the
 * finding says "about". */
static void
test_sampled_sleep(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = findings_trace("sleep");
	osp_buf text;

	(void) state;
	(void) findings_draw(report, &options, &text);
	assert_non_null(strstr(text.ptr, "pg_sleep took about "));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The rules accept parents that form a ring, a deep tree, and stops before starts. */
static void
test_odd_trees(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	int i;

	(void) state;
	findings_add(report, "pg-start", "r1", "r2", "h", 0, "");
	findings_add(report, "pg-start", "r2", "r1", "h", 5, "");
	findings_add(
		report, "pg-stop", "x", "nowhere", "h", 9000, "\"elapsed_ns\": 8, ");
	findings_add(report, "pg-start", "y", "r1", "h", 8000, "");
	findings_add(report, "pg-stop", "y", "r1", "h", 4000, "");
	for (i = 0; i < 3000; i++)
	{
		char id[16];
		char parent[16];

		(void) snprintf(id, sizeof(id), "d%d", i);
		(void) snprintf(parent, sizeof(parent), "d%d", i - 1);
		findings_add(
			report,
			i % 3 == 0 ? "pg.node-start" : "pg-start",
			id,
			parent,
			i % 2 == 0 ? "h" : "g",
			i,
			"\"db\": {\"statement\": \"SELECT 1\", \"node\": {\"plan_rows\": "
			"1e400}}, ");
		findings_add(
			report,
			i % 3 == 0 ? "pg.node-stop" : "pg-stop",
			id,
			parent,
			i % 2 == 0 ? "h" : "g",
			9000 - i,
			"\"db\": {\"waits\": {\"Lock:x\": 1e17}, \"io_read_ms\": -5, "
			"\"node\": {\"rows\": 9e18, \"loops\": 0.5}}, ");
	}
	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	findings_assert_shares(text.ptr);
	osp_buf_term(&text);
	osp_report_free(report);
}

static osp_status
explain_all(const osp_allocator *alc, const char *name)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(alc);
	osp_status status = report != NULL ? OSP_OK : OSP_ENOMEM;
	size_t count;
	osp_buf text;

	osp_buf_init(&text, alc, FINDINGS_TEXT_MAX);
	if (status == OSP_OK)
		status = findings_read_points(report, name);
	if (status == OSP_OK)
		status = osp_report_explain(report, &options, &text, &count);
	if (status == OSP_OK)
		status = osp_report_draw(report, &options, &text);
	if (status == OSP_OK)
		status = osp_report_explain_json(report, &text);
	osp_buf_term(&text);
	osp_report_free(report);
	return status;
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
		failing_alloc_check(&fa, explain_all(&fa.alc, "repeat"));
	for (failing_alloc_init(&fa); !fa.done;)
		failing_alloc_check(&fa, explain_all(&fa.alc, "estimate"));
	for (failing_alloc_init(&fa); !fa.done;)
		failing_alloc_check(&fa, explain_all(&fa.alc, "dead_index"));
	for (failing_alloc_init(&fa); !fa.done;)
		failing_alloc_check(&fa, explain_all(&fa.alc, "subplan"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_speak),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_rounded_shares),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_unknown_server_operation),
		cmocka_unit_test(test_lost_ends),
		cmocka_unit_test(test_other_clock),
		cmocka_unit_test(test_lost_points),
		cmocka_unit_test(test_lost_callers),
		cmocka_unit_test(test_sampled_sleep),
		cmocka_unit_test(test_odd_trees),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
