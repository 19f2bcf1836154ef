/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings.c
 *	  Why a trace took so long: each rule speaks of the trace that was recorded for
 *	  it (tests/vectors/findings), and not of one that is nearly the same.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "failing_alloc.h"
#include "osprofiler/report.h"
#include "osprofiler/saved.h"

#define FOLDER   OSP_TEST_TOP "/tests/vectors/findings/"
#define TEXT_MAX ((size_t) 1 << 20)

/* The recorded traces, and the rules if these have other names. */
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
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static osp_status
add_point(void *ctx, osp_str json)
{
	return osp_report_add((osp_report *) ctx, json, NULL);
}

static osp_status
read_file(const char *name, osp_point_fn add, osp_report *report)
{
	static char text[TEXT_MAX];
	char path[256];
	FILE *file;
	size_t len;

	(void) snprintf(path, sizeof(path), FOLDER "%s.points", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	assert_int_equal(fclose(file), 0);
	return osp_saved_points(osp_str_n(text, len), add, report, NULL);
}

static osp_status
read_points(osp_report *report, const char *name)
{
	return read_file(name, add_point, report);
}

static osp_report *
read_trace(const char *name)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	assert_non_null(report);
	assert_int_equal(read_points(report, name), OSP_OK);
	return report;
}

/* What is found in a trace, as JSON. */
static void
explain(const char *name, osp_buf *out)
{
	osp_report *report = read_trace(name);

	osp_buf_init(out, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, out), OSP_OK);
	osp_report_free(report);
}

/* The number behind a key, from *at on, which moves there; -1: there is none. */
static double
next_number(const char **at, const char *key)
{
	const char *found = strstr(*at, key);

	if (found == NULL)
		return -1;
	*at = found + strlen(key);
	return strtod(*at, NULL);
}

/* Shares are in order, each is worth telling, and together they are the whole. */
static void
assert_shares(const char *json)
{
	const char *at = json;
	double last = 1;
	double sum = next_number(&at, "\"not_explained\": ");
	const char *end = at;
	double share;

	at = json;
	while ((share = next_number(&at, "\"share\": ")) >= 0 && at < end)
	{
		assert_true(share <= last && share >= 0.05);
		last = share;
		sum += share;
	}
	assert_true(sum > 0.999 && sum < 1.001);
}

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

		explain(rules[i].trace, &out);
		(void) snprintf(first,
						sizeof(first),
						"\"findings\": [{\"rule\": \"%s\"",
						rule_of(i));
		if (strstr(out.ptr, first) == NULL)
			fail_msg("%s: %s", rules[i].trace, out.ptr);
		assert_shares(out.ptr);
		osp_buf_term(&out);
	}
}

/* The command that shows SQLite's plan can be typed as it is. */
static void
test_sqlite_plan_command(void **state)
{
	osp_buf out;

	(void) state;
	explain("sqlite_scan", &out);
	assert_non_null(strstr(
		out.ptr,
		"/shop.db', EXPLAIN QUERY PLAN SELECT * FROM item WHERE owner = 4711; names the table"));
	osp_buf_term(&out);
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
		explain(name, &out);
		(void) snprintf(name, sizeof(name), "\"rule\": \"%s\"", rule_of(i));
		if (strstr(out.ptr, name) != NULL)
			fail_msg("%s: %s", rules[i].trace, out.ptr);
		assert_shares(out.ptr);
		osp_buf_term(&out);
	}
}

static size_t
draw(osp_report *report, const osp_draw_options *options, osp_buf *text)
{
	size_t count;

	osp_buf_init(text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain(report, options, text, &count), OSP_OK);
	return count;
}

/* As a terminal of 80 columns has it, and one that has ASCII only and is narrow. */
static void
test_text(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = read_trace("client_pause");
	osp_buf text;
	const char *line;

	(void) state;
	assert_int_equal(draw(report, &options, &text), 1);
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
	assert_int_equal(draw(report, &options, &text), 1);
	assert_non_null(strstr(text.ptr, "\033[1m 100 %"));
	for (line = text.ptr; *line != '\0'; line++)
		assert_true((unsigned char) *line < 0x80);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Nothing is found in nothing, in a short trace, and in a healthy one. */
static void
test_nothing(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	assert_int_equal(draw(report, &options, &text), 0);
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

#define BASE "11111111-2222-4333-8444-555555555555"

static void
add(osp_report *report, const char *name, const char *id, const char *parent,
	const char *host, int ms, const char *info)
{
	char json[2048];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s\", \"base_id\": \"" BASE
					"\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					"\"timestamp\": \"2026-11-22T22:15:%02d.%03d000\", "
					"\"info\": {%s\"host\": \"%s\"}, \"project\": null, "
					"\"service\": null}",
					name,
					id,
					parent,
					ms / 1000,
					ms % 1000,
					info,
					host);
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

/* A statement of so many ms after the last; stop is what its stop's info begins
 * with. */
static void
add_statement(osp_report *report, const char *name, const char *statement,
			  int *at, int ms, const char *stop)
{
	char id[16];
	char point[32];
	char info[512];

	(void) snprintf(id, sizeof(id), "s%d", *at);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"sends_context\": true, \"server\": \"h1\", "
					"\"statement\": \"%s\"}, ",
					statement);
	(void) snprintf(point, sizeof(point), "%s-start", name);
	add(report, point, id, BASE, "h", *at, info);
	*at += ms;
	(void) snprintf(point, sizeof(point), "%s-stop", name);
	add(report, point, id, BASE, "h", *at, stop);
}

static void
explain_to(osp_report *report, osp_buf *json, osp_buf *words)
{
	osp_draw_options options = {
		sizeof(options), false, true, 100, true, false, false};

	osp_buf_init(json, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, json), OSP_OK);
	(void) draw(report, &options, words);
	osp_report_free(report);
}

/* With the client's half alone, the longest statements are named: three, the
 * longest first, and none that is short. */
static void
test_longest_of_client(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	add_statement(report, "db", "SELECT 'e'", &at, 50, "");
	add_statement(report, "db", "SELECT a", &at, 200, "");
	add_statement(report, "db", "SELECT a, b", &at, 300, "");
	add_statement(report, "db", "UPDATE stock SET n = 2", &at, 1000, "");
	add_statement(report, "db", "SELECT 1, 2", &at, 250, "");
	explain_to(report, &json, &words);
	assert_shares(json.ptr);
	assert_non_null(strstr(
		json.ptr,
		"\"longest\": [{\"share\": 0.5555555555555556, \"time_ms\": 1000.0, "
		"\"statement\": \"UPDATE stock SET n = 2\", \"why\": \"the cause is in "
		"the server, whose operations are missing: h1\", \"operation\": "
		"\"s550\"}, {\"share\": 0.16666666666666666, "));
	assert_non_null(strstr(
		words.ptr,
		"Why it took 1.80 s:\n"
		" 100 %            Not explained, above all:\n"
		"  56 %  1.00 s    UPDATE stock SET n = 2: the cause is in the server, "
		"whose operations are missing:\n"
		"                  h1.\n"
		"  17 %  300 ms    SELECT a, b: "));
	assert_non_null(strstr(words.ptr, "  14 %  250 ms    SELECT 1, 2: "));
	assert_null(strstr(words.ptr, "SELECT a:"));
	assert_null(strstr(words.ptr, "'e'"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* A pooler that gives a statement up says so; another failure is none of its. */
static void
test_pooler_gave_up(void **state)
{
	static const char *const messages[] = {"query_wait_timeout", "no route"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char stop[128];
		osp_buf json;
		osp_buf words;
		int at = 0;

		(void) snprintf(stop,
						sizeof(stop),
						"\"etype\": \"protocol_violation\", \"message\": "
						"\"FATAL:  %s\", ",
						messages[i]);
		add_statement(report, "db", "SELECT 1", &at, 2000, stop);
		explain_to(report, &json, &words);
		assert_shares(json.ptr);
		if ((strstr(json.ptr, "\"rule\": \"pooler\"") != NULL) != (i == 0))
			fail_msg("%s: %s", messages[i], json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The server's half is there, and says nothing; SQLite's figures do. */
static void
test_longest_of_database(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	add_statement(report, "pg", "SELECT busy", &at, 1000, "");
	add_statement(report,
				  "sqlite",
				  "INSERT INTO t VALUES (1)",
				  &at,
				  900,
				  "\"stats\": {\"vm_steps\": 12}, ");
	add_statement(report,
				  "sqlite",
				  "SELECT sum(a) FROM t",
				  &at,
				  800,
				  "\"stats\": {\"vm_steps\": 50000000}, ");
	explain_to(report, &json, &words);
	assert_shares(json.ptr);
	assert_non_null(
		strstr(words.ptr, "SELECT busy: nothing in the trace says why.\n"));
	assert_non_null(strstr(
		json.ptr,
		"\"INSERT INTO t VALUES (1)\", \"why\": \"it hardly computed (12 "
		"steps): likely it waited for a lock or the disk\""));
	assert_non_null(strstr(json.ptr,
						   "\"SELECT sum(a) FROM t\", \"why\": \"nothing in "
						   "the trace says why\""));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* A plan is no cause, but something to look at. */
static void
test_longest_with_plan(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	add_statement(report, "pg", "SELECT planned", &at, 950, "");
	add(report, "pg.node-start", "n", "s0", "h", 1, "");
	add(report, "pg.node-stop", "n", "s0", "h", 949, "");
	explain_to(report, &json, &words);
	assert_non_null(
		strstr(words.ptr, "SELECT planned: its plan says what it did"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Where causes explain most, or the trace is the application's, none is named. */
static void
test_longest_of_explained(void **state)
{
	static const char *const names[] = {
		"sleep", "lock_wait", "repeat", "application"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		osp_buf out;

		explain(names[i], &out);
		if (strstr(out.ptr, "\"longest\": []") == NULL)
			fail_msg("%s: %s", names[i], out.ptr);
		osp_buf_term(&out);
	}
}

/* What reading rows can have taken is blamed on it, and no more: a join that looks
 * rows up by an index takes its time there. Rows of which each takes long are read
 * by a statement that does nothing else. */
static void
test_sqlite_scan_bounds(void **state)
{
	static const struct
	{
		int ms;
		const char *stats;
		const char *says; /* NULL: nothing is found */
	} cases[] = {
		{40, "\"fullscan_steps\": 2999, \"vm_steps\": 60000", NULL},
		{400, "\"fullscan_steps\": 29999, \"vm_steps\": 600000", NULL},
		{1000,
		 "\"fullscan_steps\": 400000, \"vm_steps\": 9000000",
		 "to return 0; that took at most 120 ms."},
		{300,
		 "\"fullscan_steps\": 3000, \"vm_steps\": 9010",
		 "to return 0; that took 300 ms."},
		{20,
		 "\"fullscan_steps\": 120000, \"vm_steps\": 900000",
		 "to return 0; that took 20.0 ms."},
		{500, "\"autoindex_rows\": 5000, \"vm_steps\": 5000000", NULL},
		{500,
		 "\"autoindex_rows\": 90000, \"vm_steps\": 5000000",
		 "to return 0; that took at most 90.0 ms."},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char stop[128];
		osp_buf json;
		osp_buf words;
		int at = 0;

		(void) snprintf(
			stop, sizeof(stop), "\"stats\": {%s}, ", cases[i].stats);
		add_statement(report,
					  "sqlite",
					  "SELECT sum(n) FROM item JOIN movement USING (id)",
					  &at,
					  cases[i].ms,
					  stop);
		explain_to(report, &json, &words);
		assert_shares(json.ptr);
		if (cases[i].says == NULL ? strstr(json.ptr, "\"findings\": []") == NULL
								  : strstr(json.ptr, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].stats, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Rounded shares add up to 100: of two halves of a percent one is rounded down. */
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
			add_statement(
				report, "sqlite", statement, &at, sleeps[i][k] / 10, stop);
		}
		add_statement(report, "sqlite", "ANALYZE", &at, 320, "");
		explain_to(report, &json, &words);
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

/* What SQLite counted is said of a statement that is not explained. */
static void
test_longest_of_sqlite(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	add_statement(report,
				  "sqlite",
				  "CREATE INDEX i ON t (a)",
				  &at,
				  400,
				  "\"stats\": {\"sorts\": 1, \"vm_steps\": 1080026}, ");
	add_statement(
		report,
		"sqlite",
		"SELECT sum(a) FROM t JOIN u USING (b)",
		&at,
		300,
		"\"stats\": {\"fullscan_steps\": 2999, \"vm_steps\": 1080026}, ");
	explain_to(report, &json, &words);
	assert_non_null(
		strstr(json.ptr,
			   "\"CREATE INDEX i ON t (a)\", \"why\": \"it sorted rows 1 time, "
			   "in 1,080,026 steps of SQLite's virtual machine\""));
	assert_non_null(
		strstr(json.ptr, "\"why\": \"it read 2,999 rows of whole tables, in "));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Repeats a statement of SQLite, and returns what is found. */
static void
explain_repeated(const char *statement, const char *stop, osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf words;
	int at = 0;
	int i;

	for (i = 0; i < 40; i++)
		add_statement(report, "sqlite", statement, &at, 5, stop);
	explain_to(report, json, &words);
	osp_buf_term(&words);
}

/* SQLite has no COPY, no ANY, no pipeline, no FETCH, and no trigger of statements. */
static void
test_sqlite_advice(void **state)
{
	static const struct
	{
		const char *statement;
		const char *says;
	} cases[] = {
		{"INSERT INTO t VALUES (1)", "executemany"},
		{"SELECT a FROM t WHERE b = 1", "WHERE key IN ("},
		{"DELETE FROM t WHERE a = 1", "WHERE key IN ("},
		{"UPDATE t SET a = 2 WHERE a = 1", "executemany"},
		{"REPLACE INTO t VALUES (1)", "in one transaction"},
		{"FETCH x", "in one transaction"},
		{"SELECT count(*) FROM t", "Run it once"},
	};
	static const char *const foreign[] = {
		"ANY", "COPY", "pipeline", "FETCH 1000", "$1"};
	size_t i;
	size_t k;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *step;
		osp_buf json;

		explain_repeated(cases[i].statement, "", &json);
		step = strstr(json.ptr, "\"next_step\": ");
		if (step == NULL || strstr(step, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].statement, json.ptr);
		for (k = 0; k < sizeof(foreign) / sizeof(foreign[0]); k++)
			if (strstr(step, foreign[k]) != NULL)
				fail_msg("%s: %s", cases[i].statement, json.ptr);
		osp_buf_term(&json);
	}
}

/* A server's statements keep their advice. */
static void
test_server_advice(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;
	int i;

	(void) state;
	for (i = 0; i < 40; i++)
		add_statement(report, "pg", "INSERT INTO t VALUES (1)", &at, 5, "");
	explain_to(report, &json, &words);
	assert_non_null(strstr(json.ptr, "several rows of VALUES, or COPY."));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* A repetition is quoted as most of its statements are written, wherever the longest
 * one is. */
static void
test_repeat_quote(void **state)
{
	int order;

	(void) state;
	for (order = 0; order < 3; order++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;
		int i;

		for (i = 0; i < 60; i++)
		{
			bool rare = order == 0 ? i < 20 : order == 1 ? i >= 40 : i % 3 == 0;

			add_statement(report,
						  "sqlite",
						  rare ? "INSERT INTO t VALUES (?, 'x')"
							   : "INSERT INTO t VALUES (?, ?)",
						  &at,
						  rare ? 15 : 3,
						  "");
		}
		explain_to(report, &json, &words);
		assert_non_null(
			strstr(json.ptr, "\"evidence\": \"INSERT INTO t VALUES (?, ?)"));
		assert_non_null(strstr(json.ptr, "\"executions\": 60.0"));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Only changes that commit one by one are told to become one transaction. */
static void
test_sqlite_sync_advice(void **state)
{
	static const char *const statements[] = {"ANALYZE", "COMMIT", "COMMIT"};
	int count;

	(void) state;
	for (count = 2; count <= 3; count++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;
		int i;

		for (i = 0; i < count; i++)
			add_statement(report,
						  "sqlite",
						  statements[i],
						  &at,
						  50,
						  "\"syncs\": {\"count\": 3, \"ms\": 45}, ");
		explain_to(report, &json, &words);
		assert_non_null(strstr(json.ptr, "\"rule\": \"sqlite_sync\""));
		assert_true((strstr(json.ptr, "into one transaction") != NULL) ==
					(count == 3));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The nodes of a plan without a clock, of a leader and two workers: the leader's
 * have the rows of all three already. */
static void
add_parallel_scan(osp_report *report, bool leader)
{
#define SCAN                                                              \
	"\"db\": {\"node\": {\"name\": \"Parallel Seq Scan\", \"relation\": " \
	"\"t\"}}, "
#define COUNTED(removed, loops)                          \
	"\"db\": {\"node\": {\"rows\": 0, \"loops\": " loops \
	", \"rows_removed_by_filter\": " removed "}}, "
	add(report, "pg-start", "s", BASE, "h", 0, "");
	add(report, "pg.worker-start", "w1", "s", "h", 10, "");
	add(report, "pg.node-start", "n1", "w1", "h", 20, SCAN);
	add(report, "pg.node-stop", "n1", "w1", "h", 20, COUNTED("100000", "1"));
	add(report, "pg.worker-stop", "w1", "s", "h", 900, "");
	add(report, "pg.worker-start", "w2", "s", "h", 10, "");
	add(report, "pg.node-start", "n2", "w2", "h", 20, SCAN);
	add(report, "pg.node-stop", "n2", "w2", "h", 20, COUNTED("200000", "1"));
	add(report, "pg.worker-stop", "w2", "s", "h", 900, "");
	if (leader)
	{
		add(report, "pg.node-start", "n", "s", "h", 30, SCAN);
		add(report, "pg.node-stop", "n", "s", "h", 30, COUNTED("500000", "3"));
	}
	add(report, "pg-stop", "s", BASE, "h", 1000, "");
}

/* What parallel workers did is counted once, whoever says it. */
static void
test_parallel_scan(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	add_parallel_scan(report, true);
	explain_to(report, &json, &words);
	assert_non_null(strstr(json.ptr, " read 500,000 rows and kept 0"));
	assert_non_null(strstr(json.ptr, "\"loops\": 3.0"));
	assert_shares(json.ptr);
	osp_buf_term(&json);
	osp_buf_term(&words);

	report = osp_report_new(&osp_allocator_default);
	add_parallel_scan(report, false);
	explain_to(report, &json, &words);
	assert_non_null(strstr(json.ptr, " read 300,000 rows and kept 0"));
	assert_non_null(strstr(json.ptr, "\"loops\": 2.0"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Statements that wait for the network, of which some ran at the same time: the
 * parts of the time are not larger than the whole. */
static void
test_network_of_many(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	const char *at;
	osp_buf json;
	osp_buf words;
	double before;
	double after;
	int i;

	(void) state;
	for (i = 0; i < 4; i++)
	{
		char id[16];
		char server[16];
		char info[64];

		(void) snprintf(id, sizeof(id), "d%d", i);
		(void) snprintf(server, sizeof(server), "s%d", i);
		(void) snprintf(
			info, sizeof(info), "\"db\": {\"statement\": \"SELECT a%d\"}, ", i);
		add(report, "db-start", id, BASE, "h", 0, info);
		add(report, "pg-start", server, id, "h", 300, info);
		add(report, "pg-stop", server, id, "h", 400 + i, "");
		add(report, "db-stop", id, BASE, "h", 500 + i * 10, "");
	}
	explain_to(report, &json, &words);
	assert_non_null(strstr(json.ptr, "\"rule\": \"network\""));
	assert_non_null(strstr(json.ptr, "\"4 statements, the longest ("));
	assert_non_null(strstr(json.ptr, "): SELECT a3; in all "));
	at = json.ptr;
	before = next_number(&at, "\"before_ms\": ");
	after = next_number(&at, "\"after_ms\": ");
	at = json.ptr;
	assert_true(before > after && after > 0);
	assert_true(before + after <= next_number(&at, "\"time_ms\": ") + 0.001);
	assert_shares(json.ptr);
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Statements with the server's part of them, as a client recorded each; db is more of what
 * it says of one. The words, and the tree. */
static void
explain_statements(const char *statement, const char *db, int count,
				   osp_buf *words, osp_buf *tree)
{
	const osp_draw_options drawing = {.struct_size = sizeof(drawing),
									  .times = true};
	osp_report *report = osp_report_new(&osp_allocator_default);
	size_t found;
	int i;

	for (i = 0; i < count; i++)
	{
		char id[16];
		char server[16];
		char info[128];

		(void) snprintf(id, sizeof(id), "d%d", i);
		(void) snprintf(server, sizeof(server), "s%d", i);
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {%s\"statement\": \"%s\"}, ",
						db,
						statement);
		add(report, "db-start", id, BASE, "h", i * 20, info);
		add(report, "pg-start", server, id, "h", i * 20 + 15, info);
		add(report, "pg-stop", server, id, "h", i * 20 + 16, "");
		add(report, "db-stop", id, BASE, "h", i * 20 + 18, "");
	}
	osp_buf_init(words, &osp_allocator_default, TEXT_MAX);
	osp_buf_init(tree, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain(report, &drawing, words, &found),
					 OSP_OK);
	assert_int_equal(osp_report_draw(report, &drawing, tree), OSP_OK);
	osp_report_free(report);
}

/* What a program's own tracing takes is not called the network. */
static void
test_tracing_of_program(void **state)
{
	static const struct
	{
		const char *db;
		bool foreign;
	} cases[] = {
		{"\"params\": {}, ", true},
		{"", true},
		{"\"server\": \"h\", \"sends_context\": true, ", false},
		{"\"server\": \"h\", \"params\": [], ", false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_buf words;
		osp_buf tree;
		bool said;

		explain_statements("UPDATE a", cases[i].db, 4, &words, &tree);
		said = strstr(words.ptr, "or in writing points to the collector") !=
				   NULL &&
			   strstr(words.ptr, "as OSProfiler in Python does") != NULL;
		assert_int_equal(said, cases[i].foreign);
		assert_int_equal(strstr(tree.ptr, "network and tracing 68") != NULL,
						 cases[i].foreign);
		assert_int_equal(strstr(tree.ptr, "  network 68") != NULL,
						 !cases[i].foreign);
		osp_buf_term(&words);
		osp_buf_term(&tree);
	}
}

/* A pool that asks for a sign of life does not get the advice to keep the answer. */
static void
test_pings(void **state)
{
	static const struct
	{
		const char *statement;
		bool ping;
	} cases[] = {
		{"SELECT 1", true},
		{"select 1", true},
		{" SELECT  1 /* ping */", true},
		{"/* ping */ SELECT 1", true},
		{"SELECT a", false},
		{"SELECT now()", false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_buf words;
		osp_buf tree;

		explain_statements(cases[i].statement, "", 12, &words, &tree);
		assert_int_equal(strstr(words.ptr, "whether a connection") != NULL,
						 cases[i].ping);
		assert_int_equal(strstr(words.ptr, "keep what it returns") != NULL,
						 !cases[i].ping);
		assert_non_null(strstr(words.ptr, " in the client, its tracing"));
		osp_buf_term(&words);
		osp_buf_term(&tree);
	}
}

/* BEGIN of one process, long before a statement of another one. */
static bool
finds_pause(const char *first, const char *second, const char *host)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	char info[256];
	bool found;

	(void) snprintf(
		info, sizeof(info), "\"db\": {%s, \"statement\": \"BEGIN\"}, ", first);
	add(report, "pg-start", "a", BASE, "h", 0, info);
	add(report, "pg-stop", "a", BASE, "h", 1, "");
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {%s, \"statement\": \"SELECT 1\"}, ",
					second);
	add(report, "pg-start", "b", BASE, host, 900, info);
	add(report, "pg-stop", "b", BASE, host, 901, "");
	explain_to(report, &json, &words);
	found = strstr(json.ptr, "\"rule\": \"client_pause\"") != NULL;
	osp_buf_term(&json);
	osp_buf_term(&words);
	return found;
}

/* A pause lies between two statements of one process. */
static void
test_pause_of_one_process(void **state)
{
	(void) state;
	assert_true(finds_pause("\"pid\": 11", "\"pid\": 11", "h"));
	assert_false(finds_pause("\"pid\": 11", "\"pid\": 12", "h"));
	assert_false(finds_pause("\"pid\": 11", "\"pid\": 11", "other"));
	assert_true(finds_pause("\"server\": \"s\"", "\"server\": \"s\"", "h"));
	assert_false(finds_pause("\"server\": \"s\"", "\"server\": \"t\"", "h"));
	assert_false(finds_pause("\"server\": \"s\"", "\"pid\": 11", "h"));
}

/* Operations side by side share the time, and none of it counts twice. */
static void
test_side_by_side(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	const char *at;
	double share;

	(void) state;
	add(report, "app-start", "a", BASE, "h", 0, "");
	add(report, "pg.plan-start", "p", "a", "h", 0, "");
	add(report, "pg.wait-start", "w", "a", "h", 0, "");
	add(report, "pg.plan-stop", "p", "a", "h", 1000, "");
	add(report, "pg.wait-stop", "w", "a", "h", 1000, "");
	add(report, "app-stop", "a", BASE, "h", 1000, "");
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	at = text.ptr;
	share = next_number(&at, "\"share\": ");
	assert_true(share > 0.49 && share < 0.51);
	share = next_number(&at, "\"share\": ");
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

/* An operation without a stop gets no time after its caller has ended, however many
 * others without one, and of whatever tracer, are between them. */
static void
assert_lost_end(const char *caller, const char *between, const char *lost)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	const char *at;
	double share;

	add(report, "app-start", "a", BASE, "h", 0, "");
	add(report, caller, "c", "a", "h", 100, "");
	add(report, between, "b", "c", "h", 110, "");
	add(report, lost, "l", "b", "h", 120, "");
	add(report, "x-stop", "c", "a", "h", 160, "");
	add(report, "app-stop", "a", BASE, "h", 1000, "");
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	at = strstr(text.ptr, "\"rule\": \"application\"");
	assert_non_null(at);
	share = next_number(&at, "\"share\": ");
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

/* A server whose clock is an hour off: its time is in the client's call. */
static void
test_other_clock(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;

	(void) state;
	add(report, "app-start", "a", BASE, "client", 0, "");
	add(report, "db-start", "d", "a", "client", 0, "");
	add(report, "pg-start", "s", "d", "server", 10000, "");
	add(report, "pg.wait-start", "w", "s", "server", 10010, "");
	add(report, "pg.wait-stop", "w", "s", "server", 10810, "");
	add(report, "pg-stop", "s", "d", "server", 10820, "");
	add(report, "db-stop", "d", "a", "client", 1000, "");
	add(report, "app-stop", "a", BASE, "client", 11000, "");
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	assert_non_null(
		strstr(text.ptr, "\"rule\": \"lock_wait\", \"share\": 0.0727"));
	assert_non_null(
		strstr(text.ptr, "\"rule\": \"application\", \"share\": 0.909"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Statements are the same whatever their constants are, and in whatever case. */
static void
test_shapes(void **state)
{
	static const char *const texts[] = {
		"SELECT 1 FROM t WHERE a IN (1, 2) AND b = 'x'",
		"select 7 from t where a in (3,4,5) and b='it''s'",
		"SELECT $1 FROM t /* note */ WHERE a IN ($2) AND b = $3",
		"SELECT ? FROM t\n WHERE a IN (?) AND b = ?"};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	int i;

	(void) state;
	for (i = 0; i < 40; i++)
	{
		char id[16];
		char info[256];

		(void) snprintf(id, sizeof(id), "s%d", i);
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"statement\": \"%s\"}, ",
						i % 4 == 3
							? "SELECT ? FROM t\\n WHERE a IN (?) AND b = ?"
							: texts[i % 4]);
		add(report, "pg-start", id, BASE, "h", i * 2, info);
		add(report, "pg-stop", id, BASE, "h", i * 2 + 2, "");
	}
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "\"executions\": 40.0"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The points of a file without a member of nodes: what a server records that
 * takes no times of nodes. */
static osp_status
add_untimed(void *ctx, osp_str json)
{
	static char text[TEXT_MAX];
	char *at;

	memcpy(text, json.ptr, json.len);
	text[json.len] = '\0';
	while ((at = strstr(text, "\"total_ms\"")) != NULL)
		memcpy(at + 1, "unknown_", 8);
	return osp_report_add((osp_report *) ctx, osp_str_of(text), NULL);
}

/* Without times of nodes, the time of a statement is divided by their rows. */
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

		assert_int_equal(read_file(names[i], add_untimed, report), OSP_OK);
		osp_buf_init(&out, &osp_allocator_default, TEXT_MAX);
		assert_int_equal(osp_report_explain_json(report, &out), OSP_OK);
		(void) snprintf(
			first, sizeof(first), "\"findings\": [{\"rule\": \"%s\"", names[i]);
		if (strstr(out.ptr, first) == NULL)
			fail_msg("%s: %s", names[i], out.ptr);
		assert_shares(out.ptr);
		osp_buf_term(&out);
		osp_report_free(report);
	}
}

/* Stale statistics are said to be the reason of a wrong estimate. */
static void
test_stale_statistics(void **state)
{
	static const char *const names[] = {
		"estimate", "estimate_stale_near", "estimate_stale"};
	int i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		osp_report *report = read_trace(names[i]);
		osp_buf out;

		osp_buf_init(&out, &osp_allocator_default, TEXT_MAX);
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

static void
test_lost_points(void **state)
{
	osp_draw_options options = {
		sizeof(options), false, true, 80, true, false, false};
	osp_report *report = read_trace("sleep");
	osp_buf text;

	(void) state;
	add(report,
		"osprofiler.lost-stop",
		"lost",
		BASE,
		"h",
		0,
		"\"lost_points\": 3, ");
	(void) draw(report, &options, &text);
	assert_non_null(strstr(text.ptr, "3 points of the trace were lost"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* Parents in a ring, a deep tree, ends before begins: no rule stumbles. */
static void
test_odd_trees(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf text;
	int i;

	(void) state;
	add(report, "pg-start", "r1", "r2", "h", 0, "");
	add(report, "pg-start", "r2", "r1", "h", 5, "");
	add(report, "pg-stop", "x", "nowhere", "h", 9000, "\"elapsed_ns\": 8, ");
	add(report, "pg-start", "y", "r1", "h", 8000, "");
	add(report, "pg-stop", "y", "r1", "h", 4000, "");
	for (i = 0; i < 3000; i++)
	{
		char id[16];
		char parent[16];

		(void) snprintf(id, sizeof(id), "d%d", i);
		(void) snprintf(parent, sizeof(parent), "d%d", i - 1);
		add(report,
			i % 3 == 0 ? "pg.node-start" : "pg-start",
			id,
			parent,
			i % 2 == 0 ? "h" : "g",
			i,
			"\"db\": {\"statement\": \"SELECT 1\", \"node\": {\"plan_rows\": "
			"1e400}}, ");
		add(report,
			i % 3 == 0 ? "pg.node-stop" : "pg-stop",
			id,
			parent,
			i % 2 == 0 ? "h" : "g",
			9000 - i,
			"\"db\": {\"waits\": {\"Lock:x\": 1e17}, \"io_read_ms\": -5, "
			"\"node\": {\"rows\": 9e18, \"loops\": 0.5}}, ");
	}
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	assert_shares(text.ptr);
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

	osp_buf_init(&text, alc, TEXT_MAX);
	if (status == OSP_OK)
		status = read_points(report, name);
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
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_speak),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_sqlite_plan_command),
		cmocka_unit_test(test_pooler_gave_up),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_longest_of_client),
		cmocka_unit_test(test_longest_of_database),
		cmocka_unit_test(test_longest_with_plan),
		cmocka_unit_test(test_longest_of_explained),
		cmocka_unit_test(test_sqlite_scan_bounds),
		cmocka_unit_test(test_rounded_shares),
		cmocka_unit_test(test_longest_of_sqlite),
		cmocka_unit_test(test_sqlite_advice),
		cmocka_unit_test(test_server_advice),
		cmocka_unit_test(test_repeat_quote),
		cmocka_unit_test(test_sqlite_sync_advice),
		cmocka_unit_test(test_parallel_scan),
		cmocka_unit_test(test_network_of_many),
		cmocka_unit_test(test_tracing_of_program),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_pause_of_one_process),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_lost_ends),
		cmocka_unit_test(test_other_clock),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_untimed_nodes),
		cmocka_unit_test(test_stale_statistics),
		cmocka_unit_test(test_lost_points),
		cmocka_unit_test(test_odd_trees),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
