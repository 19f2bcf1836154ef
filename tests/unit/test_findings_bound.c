/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_bound.c
 *	  How much of a statement's time the rows of its plan can have taken. Time in which
 *	  the statement waited for something else does not count, and neither does more time
 *	  than reading rows and blocks can take.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

/* A statement that reads 20,000 rows of a table and keeps one of them. */
typedef struct scan
{
	const char *statement;
	int ms;
	const char *usage;  /* members of info.db in the stop */
	const char *filter; /* of the scan */
	int timed_ms;       /* the measured time of its node; 0: not measured */
} scan;

#define QUERY  "SELECT name FROM customers WHERE email = 'a'"
#define SLEEP  "SELECT pg_sleep(1), name FROM customers WHERE email = 'a'"
#define RATING "SELECT rating(600000), name FROM customers WHERE email = 'a'"
#define DBLINK                                                                  \
	"SELECT 1 FROM dblink('x', 'SELECT 1') AS d(x int), customers WHERE email " \
	"= 'a'"
#define EQUAL "(email = ?)"
#define HIT   "\"buffers\": {\"shared_blks_hit\": 197}"
#define READ  "\"buffers\": {\"shared_blks_read\": 197}"
#define CPU(ms, of)                                                       \
	", \"cpu\": {\"user_ms\": " #ms ", \"system_ms\": 0, \"of_ms\": " #of \
	", \"involuntary_switches\": 0}"
#define WAITED(event, ms) ", \"waits\": {\"" event "\": " #ms "}"

static void
explain_scan(const scan *s, osp_buf *json)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf words;
	char info[512];
	int at = 0;

	(void) snprintf(info,
					sizeof(info),
					"\"db\": {%s}, \"elapsed_ns\": %d000000, ",
					s->usage,
					s->ms);
	findings_add_statement(report, "pg", s->statement, &at, s->ms, info);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"node\": {\"name\": \"Seq Scan on customers\", "
					"\"type\": \"Seq Scan\", \"relation\": \"customers\", "
					"\"filter\": \"%s\"}}, ",
					s->filter);
	findings_add(report, "pg.node-start", "n", "s0", "h", 0, info);
	if (s->timed_ms > 0)
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"node\": {\"rows\": 1, \"loops\": 1, "
						"\"rows_removed_by_filter\": 19999, \"total_ms\": "
						"%d}}, ",
						s->timed_ms);
	else
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"node\": {\"rows\": 1, \"loops\": 1, "
						"\"rows_removed_by_filter\": 19999}}, ");
	findings_add(report, "pg.node-stop", "n", "s0", "h", s->timed_ms, info);
	findings_explain(report, json, &words);
	findings_assert_shares(json->ptr);
	osp_buf_term(&words);
}

/* The share of a rule in the findings; 0: the rule has found nothing. */
static double
share_of(const char *json, const char *rule)
{
	char key[64];
	const char *at = json;

	(void) snprintf(key, sizeof(key), "{\"rule\": \"%s\", \"share\": ", rule);
	return strstr(json, key) != NULL ? findings_number(&at, key) : 0;
}

/* Asserts that the share of a rule is between two bounds. */
static void
assert_share(const scan *s, const char *rule, double from, double to)
{
	osp_buf json;
	double share;

	explain_scan(s, &json);
	share = share_of(json.ptr, rule);
	if (share < from || share > to)
		fail_msg("%s: %.3f in %s", rule, share, json.ptr);
	osp_buf_term(&json);
}

static void
assert_says(const scan *s, const char *words)
{
	osp_buf json;

	explain_scan(s, &json);
	if (strstr(json.ptr, words) == NULL)
		fail_msg("not \"%s\" in %s", words, json.ptr);
	osp_buf_term(&json);
}

/* If reading the rows can have taken the whole time, it counts as theirs. */
static void
test_rows(void **state)
{
	scan s = {QUERY, 25, HIT CPU(25, 25), EQUAL, 0};

	(void) state;
	assert_share(&s, "filter", 0.99, 1);
	s.timed_ms = 24;
	assert_share(&s, "filter", 0.95, 1);

	/* Matching a pattern takes longer for each row. */
	s = (scan){QUERY, 400, HIT CPU(400, 400), "(body ~~ ?)", 0};
	assert_share(&s, "filter", 0.99, 1);
	s.filter = "((email)::text ~~* ?)";
	assert_share(&s, "filter", 0.99, 1);

	/* So does a search through a list for each row. */
	s.filter = "(NOT (SubPlan 1))";
	assert_share(&s, "filter", 0.99, 1);
}

/* Reading a block from the disk takes long, whether the time was measured or not. */
static void
test_disk(void **state)
{
	scan s = {QUERY, 400, READ CPU(10, 400), EQUAL, 0};

	(void) state;
	assert_share(&s, "filter", 0.99, 1);
	s.ms = 1000;
	s.usage = READ CPU(25, 1000) WAITED("IO:DataFileRead", 975);
	assert_share(&s, "filter", 0.99, 1);

	/* Reading blocks may include waiting for an LWLock. */
	s.usage = HIT CPU(25, 1000) WAITED("LWLock:BufferContent", 975);
	assert_share(&s, "filter", 0.99, 1);
}

/* Without the statement's usage, it is unknown how many blocks were read. */
static void
test_no_usage(void **state)
{
	scan s = {QUERY, 1000, HIT, EQUAL, 0};

	(void) state;
	assert_share(&s, "filter", 0.99, 1);
	s.ms = 500;
	s.usage = "\"x\": 1" CPU(500, 500);
	assert_share(&s, "filter", 0.99, 1);
}

/* The target list of a scan with a filter calls pg_sleep. */
static void
test_sleep(void **state)
{
	scan s = {
		SLEEP, 1000, HIT CPU(5, 1000) WAITED("Timeout:PgSleep", 990), EQUAL, 0};

	(void) state;
	assert_share(&s, "sleep", 0.98, 1);
	assert_share(&s, "filter", 0, 0);
	s.timed_ms = 998;
	assert_share(&s, "sleep", 0.98, 1);
	assert_share(&s, "filter", 0, 0);

	/* Without sampled waits, the time is not explained. */
	s.usage = HIT CPU(5, 1000);
	assert_share(&s, "filter", 0, 0);
	s.timed_ms = 0;
	assert_share(&s, "filter", 0, 0);
	assert_says(&s, "; it calls pg_sleep(), which is in C or SQL and so ");
}

/* If a statement also slept, the rows get the rest of its time. */
static void
test_sleep_and_rows(void **state)
{
	scan s = {
		SLEEP, 56, HIT CPU(14, 56) WAITED("Timeout:PgSleep", 42), EQUAL, 0};

	(void) state;
	assert_share(&s, "sleep", 0.74, 0.76);
	assert_share(&s, "filter", 0.23, 0.26);
	s.timed_ms = 55;
	assert_share(&s, "sleep", 0.74, 0.76);
	assert_share(&s, "filter", 0.23, 0.26);
}

/* The target list of a scan with a filter calls a function. */
static void
test_function(void **state)
{
	scan s = {RATING, 540, HIT CPU(537, 540), EQUAL, 0};

	(void) state;
	assert_share(&s, "expression", 0.9, 1);
	assert_says(&s, "What the statement computes, with rating(), took ");
	s.timed_ms = 539;
	assert_share(&s, "expression", 0.9, 1);

	/* A shorter time may have many causes; most of it is not put on the rows. */
	s = (scan){RATING, 180, HIT CPU(180, 180), EQUAL, 0};
	assert_share(&s, "filter", 0, 0.2);
	assert_says(&s,
				"; it calls rating(): SET osprofiler.points = 'statement, "
				"nested, parse, plan, commit, trigger, worker, wait, "
				"function' (the default, and function) and trace it again, to "
				"see how long functions in PL/pgSQL and other procedural "
				"languages take");
	s.timed_ms = 179;
	assert_share(&s, "filter", 0, 0.2);

	/* A short time of a statement with a function is not put on the rows; the same time
	 * of one without a function is. */
	s = (scan){RATING, 28, HIT CPU(28, 28), EQUAL, 0};
	assert_share(&s, "filter", 0, 0);
	s.statement = QUERY;
	assert_share(&s, "filter", 0.99, 1);

	/* If the statement calls no function, the limit for the rule about expressions is
	 * three times as high. */
	s = (scan){QUERY, 540, HIT CPU(540, 540), EQUAL, 0};
	assert_share(&s, "expression", 0, 0);
}

/* A statement with a filter also asks another server. */
static void
test_other_server(void **state)
{
	scan s = {DBLINK,
			  500,
			  HIT CPU(5, 500) WAITED("Extension:Extension", 490),
			  EQUAL,
			  0};

	(void) state;
	assert_share(&s, "filter", 0, 0);
	assert_says(
		&s,
		"; it waited for about 490 ms in an extension, as for another "
		"server (dblink, a foreign table); it calls dblink(), which is in C ");
	s.usage = HIT CPU(5, 500) WAITED("Extension", 490);
	assert_says(&s, "; it waited for about 490 ms in an extension, ");
	assert_share(&s, "filter", 0, 0);
	s.usage = HIT CPU(5, 500);
	assert_share(&s, "filter", 0, 0);
	assert_says(&s,
				"; for about 495 ms it neither computed nor waited for "
				"anything that PostgreSQL names, as a function may that asks "
				"another server; it calls dblink(), which is in C ");
	s.usage = HIT CPU(5, 500) WAITED("IPC:AppendReady", 490);
	assert_share(&s, "filter", 0, 0);
	s.usage = HIT CPU(5, 500) WAITED("Client:ClientWrite", 490);
	assert_share(&s, "client_wait", 0.95, 1);
	assert_share(&s, "filter", 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_no_usage),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_sleep_and_rows),
		cmocka_unit_test(test_function),
		cmocka_unit_test(test_other_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
