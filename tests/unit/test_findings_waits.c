/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_waits.c
 *	  Findings about waits for locks: what the holder did, and what to do next.
 */
#include "tap.h"

#include <stdio.h>

#include "findings_fixture.h"

#define TRACE "99999999-2222-4333-8444-555555555555"

/* Adds the start of the statement that waits. */
static void
begin_update(osp_report *report)
{
	findings_add(report,
				 "pg-start",
				 "s",
				 FINDINGS_BASE,
				 "h",
				 0,
				 "\"db\": {\"statement\": \"UPDATE t SET n = 1\"}, ");
}

/* Makes a trace of a statement that waited for a second. holder has the recorded facts
 * about the holder. */
static osp_report *
waited_for(const char *holder)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char info[1024];

	assert_non_null(report);
	begin_update(report);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"lock\": {\"name\": \"ShareLock on t, held by "
					"process 7\"}, %s}, ",
					holder);
	findings_add(report, "pg.wait-start", "w", "s", "h", 1, info);
	findings_add(report, "pg.wait-stop", "w", "s", "h", 1001, "");
	findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1002, "");
	return report;
}

#define IDLE(ms)                                                     \
	"\"held_by\": {\"pid\": 7, \"state\": \"idle in transaction\", " \
	"\"state_ms\": " ms ", \"statement\": \"UPDATE t SET n = 2\"}"

/* Does the head of the drawn tree contain this text? Frees the report. */
static bool
says_of_time(osp_report *report, const char *what)
{
	osp_draw_options options = {
		sizeof(options), false, true, 100, true, false, false};
	osp_buf words;
	osp_buf tree;
	bool said;

	(void) findings_draw(report, &options, &words);
	osp_buf_init(&tree, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_draw(report, &options, &tree), OSP_OK);
	said = strstr(tree.ptr, what) != NULL;
	osp_buf_term(&tree);
	osp_buf_term(&words);
	osp_report_free(report);
	return said;
}

/* The head of the tree says what a server has mostly waited for. */
static void
test_time(void **state)
{
	static const struct
	{
		const char *waits;
		const char *says;
	} cases[] = {
		{"\"IO:DataFileRead\": 700, \"IPC:ExecuteGather\": 100",
		 "waiting 800 ms (80 %, most for reading from disk)"},
		{"\"IPC:ExecuteGather\": 300, \"IPC:BgWorkerShutdown\": 200, "
		 "\"IO:WALSync\": 100",
		 "waiting 600 ms (60 %, most for parallel workers)"},
		{"\"IO:WALSync\": 200, \"LWLock:WALWrite\": 200",
		 "waiting 400 ms (40 %, most for the WAL)"},
		{"\"Client:ClientRead\": 300, \"Client:ClientWrite\": 200",
		 "waiting 500 ms (50 %, most for the client)"},
		{"\"IO:DataFileRead\": 300, \"IO:WALSync\": 300",
		 "waiting 600 ms (60 %)"},
		{"\"Extension:Extension\": 300", "waiting 300 ms (30 %)"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report;
		char info[256];

		report = osp_report_new(&osp_allocator_default);
		assert_non_null(report);
		findings_add(report,
					 "pg-start",
					 "s",
					 FINDINGS_BASE,
					 "h",
					 0,
					 "\"db\": {\"statement\": \"SELECT 1\"}, ");
		(void) snprintf(
			info, sizeof(info), "\"db\": {\"waits\": {%s}}, ", cases[i].waits);
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, info);
		assert_true(says_of_time(report, cases[i].says));
	}
	assert_true(says_of_time(waited_for(IDLE("0.5")), ", most for locks)"));
}

/* The finding says how long the holder had been idle, or at work. */
static void
test_state_of_holder(void **state)
{
	static const struct
	{
		const char *holder;
		const char *says;
	} cases[] = {
		{IDLE("1300.5"),
		 "; the holder: UPDATE t SET n = 2, then idle in transaction, for 1.30 "
		 "s when the wait began\""},
		{IDLE("0.5"), "; the holder: UPDATE t SET n = 2\""},
		{"\"held_by\": {\"pid\": 7, \"state\": \"active\", \"state_ms\": 140, "
		 "\"statement\": \"DELETE FROM t\"}",
		 "; the holder: DELETE FROM t, which had run for 140 ms when the wait "
		 "began\""},
		{"\"held_by\": {\"pid\": 7, \"state\": \"active\", \"state_ms\": 1, "
		 "\"statement\": \"UPDATE u SET n = 1\"}, \"waits_for\": {\"pid\": 8, "
		 "\"state\": \"idle in transaction\", \"state_ms\": 60000, "
		 "\"statement\": \"DELETE FROM u\"}",
		 "; who kept that waiting: DELETE FROM u, then idle in transaction, for "
		 "60.0 s when the wait began\""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_buf json;
		osp_buf words;

		findings_explain(waited_for(cases[i].holder), &json, &words);
		if (strstr(json.ptr, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].holder, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The advice depends on the lock, and on the state of its holder. */
static void
test_step_of_holder(void **state)
{
	static const struct
	{
		const char *lock;
		const char *holder;
		const char *says;
		const char *never;
	} cases[] = {
		{"ExclusiveLock on the advisory lock 77",
		 "\"state\": \"idle\", \"statement\": \"SELECT 1\"",
		 "The session of process 7 has kept the lock behind the end of its "
		 "transaction, so no COMMIT frees it: pg_advisory_unlock() there",
		 "should commit"},
		{"ExclusiveLock on the advisory lock (?, ?)",
		 "\"state\": \"idle\", \"base_id\": \"" TRACE "\"",
		 "See what the session that holds the lock did, if",
		 "should commit"},
		{"ExclusiveLock on the advisory lock 77",
		 "\"state\": \"idle in transaction\"",
		 "idle_in_transaction_session_timeout",
		 "pg_advisory_unlock"},
		{"ExclusiveLock on the advisory lock 77",
		 "\"state\": \"active\"",
		 "should commit soon afterwards",
		 "pg_advisory_unlock"},
		{"ShareLock on t",
		 "\"state\": \"idle\"",
		 "should commit soon afterwards",
		 "pg_advisory_unlock"},
		{"RowExclusiveLock on t",
		 "\"state\": \"active\", \"statement\": \"CREATE UNIQUE INDEX i ON t "
		 "(a)\"",
		 "With CONCURRENTLY they take longer",
		 "should commit"},
		{"RowExclusiveLock on t",
		 "\"state\": \"active\", \"statement\": \"REINDEX TABLE t\"",
		 "With CONCURRENTLY they take longer",
		 "should commit"},
		{"RowExclusiveLock on t",
		 "\"state\": \"idle in transaction\", \"statement\": \"CREATE INDEX i "
		 "ON t (a)\"",
		 "idle_in_transaction_session_timeout",
		 "CONCURRENTLY"},
		{"AccessExclusiveLock on t",
		 "\"state\": \"active\", \"statement\": \"CREATE INDEX concurrently i "
		 "ON t (a)\"",
		 "should commit",
		 "CONCURRENTLY"},
		{"RowExclusiveLock on t",
		 "\"state\": \"active\", \"statement\": \"CREATE TABLE i (a int)\"",
		 "should commit",
		 "CONCURRENTLY"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char info[1024];
		osp_buf json;
		osp_buf words;

		begin_update(report);
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"lock\": {\"name\": \"%s\"}, \"held_by\": "
						"{\"pid\": 7, %s}}, ",
						cases[i].lock,
						cases[i].holder);
		findings_add(report, "pg.wait-start", "w", "s", "h", 1, info);
		findings_add(report, "pg.wait-stop", "w", "s", "h", 1001, "");
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1002, "");
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].says) == NULL ||
			strstr(json.ptr, cases[i].never) != NULL)
			fail_msg("%s, %s: %s", cases[i].lock, cases[i].holder, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

#define CANCELLED                                                        \
	"\"etype\": \"query_canceled\", \"message\": \"canceling statement " \
	"due to statement timeout\", "

/* A statement that was cancelled while it waited has not got the lock. */
static void
test_cancelled(void **state)
{
	static const struct
	{
		const char *stop;
		const char *cause;
	} cases[] = {
		{CANCELLED, "waited 449 ms for a lock and was cancelled: ShareLock"},
		{"\"etype\": \"lock_not_available\", ",
		 "waited 449 ms for a lock and gave up: ShareLock"},
		{"\"etype\": \"division_by_zero\", ",
		 "waited 449 ms for a lock: ShareLock"},
		{"", "waited 449 ms for a lock: ShareLock"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;

		begin_update(report);
		findings_add(report,
					 "pg.wait-start",
					 "w",
					 "s",
					 "h",
					 1,
					 "\"db\": {\"lock\": {\"name\": \"ShareLock on t\"}, "
					 "\"held_by\": {\"pid\": 7}}, ");
		findings_add(report, "pg.wait-stop", "w", "s", "h", 450, cases[i].stop);
		findings_add(
			report, "pg-stop", "s", FINDINGS_BASE, "h", 450, cases[i].stop);
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].cause) == NULL)
			fail_msg("%s: %s", cases[i].cause, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The command that shows the holder's trace names the same collector or server as for
 * this trace. */
static void
test_show_command(void **state)
{
	static const struct
	{
		const char *before;
		const char *behind;
		const char *says;
	} cases[] = {
		{NULL, NULL, "recorded: osprofiler trace show " TRACE ". "},
		{"osprofiler trace show --server 'host=h' ",
		 "",
		 "recorded: osprofiler trace show --server 'host=h' " TRACE ". "},
		{"SELECT osprofiler.show('",
		 "')",
		 "recorded: SELECT osprofiler.show('" TRACE "'). "},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report =
			waited_for("\"held_by\": {\"pid\": 7, \"base_id\": \"" TRACE "\"}");
		osp_buf json;
		osp_buf words;

		if (cases[i].before != NULL)
			osp_report_set_show_command(
				report, cases[i].before, cases[i].behind);
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].says, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Adds a statement of a session, from its beginning on, which waits for a lock of
 * another process. stop is the beginning of its stop's info. */
static void
add_waiting(osp_report *report, int pid, int from_ms, int until_ms,
			const char *stop)
{
	char id[16];
	char wait[16];
	char info[160];

	(void) snprintf(id, sizeof(id), "p%d", pid);
	(void) snprintf(wait, sizeof(wait), "w%d", pid);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"statement\": \"UPDATE t%d SET n = 1\", "
					"\"pid\": %d}, ",
					pid,
					pid);
	findings_add(report, "pg-start", id, FINDINGS_BASE, "h", from_ms, info);
	findings_add(report,
				 "pg.wait-start",
				 wait,
				 id,
				 "h",
				 from_ms,
				 "\"db\": {\"lock\": {\"name\": \"ShareLock on t\"}, "
				 "\"held_by\": {\"holders\": 1, \"pid\": 99}}, ");
	findings_add(report, "pg.wait-stop", wait, id, "h", until_ms, "");
	findings_add(report, "pg-stop", id, FINDINGS_BASE, "h", until_ms, stop);
}

/* If the transaction that held the lock belongs to the same trace, the next step names
 * its operation there. */
static void
test_holder_in_trace(void **state)
{
	static const char holder[] =
		"\"held_by\": {\"pid\": 7, \"base_id\": \"" FINDINGS_BASE "\"}";
	osp_report *report = waited_for(holder);

	(void) state;
	findings_assert_says(
		report,
		(const char *const[4]){
			"\"next_step\": \"What the transaction that held the lock did is "
			"in this trace, too: process 7. A transaction",
			"\"operations\": [\"w\"]"},
		(const char *const[4]){"trace show"});

	report = waited_for(holder);
	findings_add(report,
				 "pg-start",
				 "a",
				 FINDINGS_BASE,
				 "h",
				 0,
				 "\"db\": {\"pid\": 7, \"statement\": \"UPDATE t\"}, ");
	findings_add(report, "pg-stop", "a", FINDINGS_BASE, "h", 1, "");
	findings_add(report,
				 "pg-start",
				 "b",
				 FINDINGS_BASE,
				 "h",
				 500,
				 "\"db\": {\"pid\": 7, \"statement\": \"COMMIT\"}, ");
	findings_add(report, "pg-stop", "b", FINDINGS_BASE, "h", 501, "");
	findings_assert_says(
		report,
		(const char *const[4]){
			"too: process 7, whose last statement before the wait was UPDATE t. A tra",
			"\"operations\": [\"w\", \"a\"]"},
		(const char *const[4]){"trace show"});
}

/* Adds two statements of which each waits once, the longer one with a sampled time that
 * is ms more than the wait. */
static osp_report *
make_two_waits(int more_ms)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char stop[96];

	assert_non_null(report);
	add_waiting(report, 1, 0, 100, "");
	(void) snprintf(stop,
					sizeof(stop),
					"\"db\": {\"waits\": {\"Lock:transactionid\": %d}}, ",
					500 + more_ms);
	add_waiting(report, 2, 100, 600, "");
	findings_add(report, "pg-stop", "p2", FINDINGS_BASE, "h", 800, stop);
	return report;
}

/* Adds a statement that waits twice in the checks of a foreign key. */
static osp_report *
make_inner_waits(void)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int i;

	assert_non_null(report);
	begin_update(report);
	findings_add(report, "pg.trigger-start", "t", "s", "h", 0, "");
	for (i = 0; i < 2; i++)
	{
		char wait[3] = {'w', (char) ('0' + i), '\0'};

		findings_add(report,
					 "pg.wait-start",
					 wait,
					 "t",
					 "h",
					 i * 500,
					 "\"db\": {\"lock\": {\"name\": \"ShareLock on t\"}, "
					 "\"held_by\": {\"holders\": 1, \"pid\": 7}}, ");
		findings_add(report, "pg.wait-stop", wait, "t", "h", i * 500 + 450, "");
	}
	findings_add(report, "pg.trigger-stop", "t", "s", "h", 960, "");
	findings_add(report,
				 "pg-stop",
				 "s",
				 FINDINGS_BASE,
				 "h",
				 1000,
				 "\"db\": {\"waits\": {\"Lock:transactionid\": 905}}, ");
	return report;
}

/* The sampled time of all waits may be a little longer than the waits that were recorded
 * one by one. That does not show that there were more. */
static void
test_number_of_waits(void **state)
{
	(void) state;
	findings_assert_says(make_two_waits(20),
						 (const char *const[4]){": \"2 waits for locks took"},
						 (const char *const[4]){"More than"});
	findings_assert_says(
		make_two_waits(100),
		(const char *const[4]){": \"More than 2 waits for locks took"},
		(const char *const[4]){NULL});
	findings_assert_says(
		make_inner_waits(),
		(const char *const[4]){": \"2 waits for locks took 905 ms"},
		(const char *const[4]){"More than"});
}

/* Many sessions change one row. Which one holds the lock is chance, so all waits are
 * one cause. */
static void
test_crowd(void **state)
{
	static const struct
	{
		int holders;
		const char *state;
		bool crowd;
		const char *step;
	} cases[] = {
		{5, "active", true, "Many processes lock the same"},
		{2, "active", false, "pg_stat_activity"},

		/* the cause of the waits is not the number of sessions */
		{5, "idle in transaction", true, "idle_in_transaction_session_timeout"},
	};
	size_t i;
	int n;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;

		for (n = 0; n < 20; n++)
		{
			char id[16];
			char wait[16];
			char info[256];

			(void) snprintf(id, sizeof(id), "s%d", n);
			(void) snprintf(wait, sizeof(wait), "w%d", n);
			(void) snprintf(
				info,
				sizeof(info),
				"\"db\": {\"statement\": \"UPDATE t SET n = %d\"}, ",
				n);
			findings_add(
				report, "pg-start", id, FINDINGS_BASE, "h", n * 50, info);
			(void) snprintf(
				info,
				sizeof(info),
				"\"db\": {\"lock\": {\"name\": \"ShareLock on t\"}, "
				"\"held_by\": {\"pid\": %d, \"state\": \"%s\"}}, ",
				7 + n % cases[i].holders,
				cases[i].state);
			findings_add(report, "pg.wait-start", wait, id, "h", n * 50, info);
			findings_add(
				report, "pg.wait-stop", wait, id, "h", n * 50 + 45, "");
			findings_add(
				report, "pg-stop", id, FINDINGS_BASE, "h", n * 50 + 50, "");
		}
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		assert_int_equal(
			strstr(json.ptr,
				   "20 waits for locks took 900 ms, for one process after the "
				   "other; the longest: ShareLock on t.") != NULL,
			cases[i].crowd);
		assert_int_equal(strstr(json.ptr, "\"holder_pid\"") == NULL,
						 cases[i].crowd);
		assert_non_null(strstr(json.ptr, cases[i].step));
		assert_int_equal(strstr(json.ptr, "pg_stat_activity") == NULL,
						 cases[i].crowd);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* A prepared transaction has no process. The advice is to end the transaction. */
static void
test_prepared_transaction(void **state)
{
	static const char *const holders[] = {
		"\"held_by\": {\"holders\": 1, \"pid\": 0}",
		"\"held_by\": {\"holders\": 1, \"pid\": 7, \"state\": \"active\"}, "
		"\"waits_for\": {\"chain\": 1, \"pid\": 0}",
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(holders) / sizeof(holders[0]); i++)
	{
		osp_report *report = waited_for(holders[i]);
		osp_buf json;
		osp_buf words;

		findings_explain(report, &json, &words);
		assert_non_null(strstr(json.ptr, "FROM pg_prepared_xacts"));
		assert_null(strstr(json.ptr, "not recorded"));
		assert_null(strstr(json.ptr, "pg_stat_activity"));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Only a few waits of a statement are recorded one by one, but also the sum of all. */
static void
test_more_waits_than_recorded(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int n;

	(void) state;
	assert_non_null(report);
	begin_update(report);
	for (n = 0; n < 8; n++)
	{
		char wait[16];

		(void) snprintf(wait, sizeof(wait), "w%d", n);
		findings_add(report,
					 "pg.wait-start",
					 wait,
					 "s",
					 "h",
					 n * 50,
					 "\"db\": {\"lock\": {\"name\": \"ShareLock on t\"}, "
					 "\"held_by\": {\"holders\": 1, \"pid\": 7}}, ");
		findings_add(report, "pg.wait-stop", wait, "s", "h", n * 50 + 50, "");
	}
	findings_add(report,
				 "pg-stop",
				 "s",
				 FINDINGS_BASE,
				 "h",
				 1000,
				 "\"db\": {\"waits\": {\"Lock:transactionid\": 950}}, ");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(strstr(json.ptr, "\"time_ms\": 950.0"));
	assert_non_null(
		strstr(json.ptr, "More than 8 waits for locks took 950 ms"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Sentences name the time that operations took, not the share of the trace that they
 * have beside others. */
static void
test_beside_others(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int at = 0;
	int i;

	(void) state;
	assert_non_null(report);
	add_waiting(report, 1, 0, 801, "");
	findings_add_statement(report, "db", "SELECT 1", &at, 801, "");
	findings_assert_says(
		report,
		(const char *const[4]){
			"A statement waited 801 ms for a lock",
			"; it counts as 401 ms of the trace, for others were at work "
			"meanwhile",
			"\"time_ms\": 400.5"},
		(const char *const[4]){"waited 400 ms", "waited 401 ms"});

	/* The part of the wait in which nothing else ran counts in full. */
	report = osp_report_new(&osp_allocator_default);
	assert_non_null(report);
	add_waiting(
		report,
		1,
		0,
		1000,
		"\"etype\": \"deadlock_detected\", \"detail\": \"Process 1 "
		"waits for ShareLock on transaction 9; blocked by process 2.\", ");
	add_waiting(report, 2, 200, 1000, "");
	findings_assert_says(
		report,
		(const char *const[4]){"because of a deadlock, after 1.00 s in all.",
							   "process 2; it counts as 600 ms of the trace",
							   "waited 800 ms for a lock",
							   "it counts as 400 ms of the trace"},
		(const char *const[4]){"after 600 ms in all", "waited 400 ms"});

	/* What takes a part of a statement's time takes it whole. */
	report = osp_report_new(&osp_allocator_default);
	assert_non_null(report);
	for (i = 1; i <= 2; i++)
	{
		char id[2] = {(char) ('0' + i), '\0'};

		findings_add(report, "pg-start", id, FINDINGS_BASE, "h", 0, "");
		findings_add(report,
					 "pg-stop",
					 id,
					 FINDINGS_BASE,
					 "h",
					 1000,
					 i == 1 ? "\"db\": {\"waits\": "
							  "{\"Timeout:PgSleep\": 700}}, "
							: "");
	}
	findings_assert_says(report,
						 (const char *const[4]){"pg_sleep took about 700 ms"},
						 (const char *const[4]){"about 500 ms"});

	/* The mean of many executions, too. */
	report = osp_report_new(&osp_allocator_default);
	assert_non_null(report);
	findings_add(report, "web-start", "w", FINDINGS_BASE, "h", 0, "");
	for (i = 0, at = 0; i < 20;)
	{
		i++;
		findings_add_statement(report, "db", "SELECT 1", &at, 2, "");
	}
	findings_add(report, "web-stop", "w", FINDINGS_BASE, "h", at, "");
	findings_assert_says(report,
						 (const char *const[4]){
							 "ran 20 times, which took 40.0 ms: 2.00 ms each.",
							 "it counts as 20.0 ms of the trace",
							 "\"mean_ms\": 2.0"},
						 (const char *const[4]){"1.00 ms each"});
}

/* An operation that sleeps does not wait for a CPU. So the wait for a CPU belongs to
 * the other operation of the statement. */
static void
test_starved_beside_sleep(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	assert_non_null(report);
	findings_add(report,
				 "pg-start",
				 "s",
				 FINDINGS_BASE,
				 "h",
				 0,
				 "\"db\": {\"statement\": \"COMMIT\"}, ");
	findings_add(report,
				 "pg-start",
				 "c",
				 "s",
				 "h",
				 50,
				 "\"db\": {\"statement\": \"SELECT count(*) FROM t\"}, ");
	findings_add(report, "pg-stop", "c", "s", "h", 550, "");
	findings_add(report,
				 "pg-start",
				 "p",
				 "s",
				 "h",
				 560,
				 "\"db\": {\"statement\": \"SELECT pg_sleep(0.4)\"}, ");
	findings_add(report,
				 "pg-stop",
				 "p",
				 "s",
				 "h",
				 960,
				 "\"db\": {\"waits\": {\"Timeout:PgSleep\": 398}}, ");
	findings_add(report,
				 "pg-stop",
				 "s",
				 FINDINGS_BASE,
				 "h",
				 1000,
				 "\"db\": {\"cpu\": {\"user_ms\": 202, \"of_ms\": 1000, "
				 "\"involuntary_switches\": 90}, \"waits\": "
				 "{\"Timeout:PgSleep\": 398}}, ");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(
		strstr(json.ptr, "waited for a CPU for 400 ms, because other"));
	assert_non_null(strstr(json.ptr, "pg_sleep took about 398 ms."));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Making an index uses memory of another setting, and workers that are not recorded. */
static void
test_maintenance(void **state)
{
	static const struct
	{
		const char *statement;
		const char *says;
		const char *never;
	} cases[] = {
		{"CREATE INDEX i ON t (a)",
		 "for lack of maintenance_work_mem, took",
		 " work_mem"},
		{"CREATE UNIQUE INDEX i ON t (a)",
		 "SET maintenance_work_mem = '32MB'",
		 " work_mem"},
		{"ALTER TABLE t ADD UNIQUE (a)",
		 "SET maintenance_work_mem",
		 " work_mem"},
		{"CREATE INDEX i ON t (a)",
		 "max_parallel_maintenance_workers",
		 "never"},
		{"CREATE TABLE u AS SELECT 1",
		 "for lack of work_mem, took",
		 "maintenance"},
		{"SELECT a FROM t ORDER BY a", "SET work_mem = '32MB'", "maintenance"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;

		findings_add_statement(
			report,
			"pg",
			cases[i].statement,
			&at,
			1000,
			"\"db\": {\"temp_read_ms\": 300, \"buffers\": "
			"{\"temp_blks_written\": 1300}, \"cpu\": {\"user_ms\": 200, "
			"\"of_ms\": 1000, \"involuntary_switches\": 90}}, ");
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		if (strstr(json.ptr, cases[i].says) == NULL ||
			strstr(json.ptr, cases[i].never) != NULL)
			fail_msg("%s: %s", cases[i].statement, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* If lock_timeout ends the wait, it ends the statement, too. */
static void
test_gave_up(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	begin_update(report);
	findings_add(
		report,
		"pg.wait-start",
		"w",
		"s",
		"h",
		1,
		"\"db\": {\"lock\": {\"name\": \"ShareLock on relation 7, held by "
		"process 7\"}, \"held_by\": {\"pid\": 7}}, ");
	findings_add(report, "pg.wait-stop", "w", "s", "h", 200, "");
	findings_add(report,
				 "pg-stop",
				 "s",
				 FINDINGS_BASE,
				 "h",
				 200,
				 "\"etype\": \"lock_not_available\", ");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(
		strstr(json.ptr,
			   "A statement waited 199 ms for a lock and gave up: ShareLock on "
			   "relation 7, held by process 7."));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* The statement waited for a lock before it was planned. The wait counts as the
 * statement's, and three holders of the lock are a crowd, too. */
static void
test_wait_before_planning(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		char parse[8];
		char wait[8];
		char info[256];

		(void) snprintf(parse, sizeof(parse), "p%d", i);
		(void) snprintf(wait, sizeof(wait), "w%d", i);
		findings_add(report,
					 "pg.parse-start",
					 parse,
					 FINDINGS_BASE,
					 "h",
					 i * 200,
					 "\"db\": {\"statement\": \"SELECT n FROM t\"}, ");
		(void) snprintf(info,
						sizeof(info),
						"\"db\": {\"lock\": {\"name\": \"AccessShareLock on t, "
						"held by process %d\"}, \"held_by\": {\"pid\": %d}}, ",
						i + 7,
						i + 7);
		findings_add(report, "pg.wait-start", wait, parse, "h", i * 200, info);
		findings_add(
			report, "pg.wait-stop", wait, parse, "h", i * 200 + 190, "");
		findings_add(report,
					 "pg.parse-stop",
					 parse,
					 FINDINGS_BASE,
					 "h",
					 i * 200 + 200,
					 "");
	}
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(strstr(json.ptr, "\"evidence\": \"SELECT n FROM t\""));
	assert_non_null(strstr(json.ptr, ", for one process after the other"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* The part of the time that no finding explains is divided: waits that no cause has,
 * and, if a statement is explained in part, what it did in the rest. */
static void
test_rest_of_waits(void **state)
{
	static const struct
	{
		const char *rule;
		const char *stop;
		bool locks; /* a wait for a lock, of 700 ms */
		const char *says;
	} cases[] = {
		{"lock_wait",
		 "\"waits\": {\"Lock:transactionid\": 700}, \"cpu\": {\"user_ms\": 280, "
		 "\"system_ms\": 0, \"of_ms\": 1000}",
		 true,
		 "\"not_explained_parts\": [{\"part\": \"cpu\", \"share\": 0.28, "},
		{"sleep",
		 "\"waits\": {\"Timeout:PgSleep\": 700}, \"cpu\": {\"user_ms\": 280, "
		 "\"system_ms\": 0, \"of_ms\": 1000}",
		 false,
		 "\"not_explained_parts\": [{\"part\": \"cpu\", \"share\": 0.28, "},
		{"cpu",
		 "\"cpu\": {\"user_ms\": 280, \"system_ms\": 0, \"of_ms\": 1000, "
		 "\"involuntary_switches\": 40}",
		 false,
		 "\"not_explained_parts\": [{\"part\": \"cpu\", \"share\": 0.28, "},
		{"sleep",
		 "\"waits\": {\"Timeout:PgSleep\": 700, \"IPC:Other\": 200}, \"cpu\": "
		 "{\"user_ms\": 100, \"system_ms\": 0, \"of_ms\": 1000}",
		 false,
		 "\"not_explained_parts\": [{\"part\": \"waiting\", \"share\": 0.2, "},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char first[64];
		char info[256];
		osp_buf json;
		osp_buf words;

		findings_add(report,
					 "pg-start",
					 "s",
					 FINDINGS_BASE,
					 "h",
					 0,
					 "\"db\": {\"statement\": \"SELECT f(a) FROM t\"}, ");
		if (cases[i].locks)
		{
			findings_add(report,
						 "pg.wait-start",
						 "w",
						 "s",
						 "h",
						 0,
						 "\"db\": {\"lock\": {\"name\": \"ShareLock on t\"}, "
						 "\"held_by\": {\"pid\": 7}}, ");
			findings_add(report, "pg.wait-stop", "w", "s", "h", 700, "");
		}
		(void) snprintf(info, sizeof(info), "\"db\": {%s}, ", cases[i].stop);
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, info);
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		(void) snprintf(first,
						sizeof(first),
						"\"findings\": [{\"rule\": \"%s\"",
						cases[i].rule);
		if (strstr(json.ptr, first) == NULL ||
			strstr(json.ptr, cases[i].says) == NULL)
			fail_msg("%zu: %s", i, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Two causes: nodes of a plan that spilled to files, and a statement without a recorded
 * plan that did. Each names its own statement. */
static void
test_spills_of_two_kinds(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 500;

	(void) state;
	findings_add(report,
				 "pg-start",
				 "p",
				 FINDINGS_BASE,
				 "h",
				 0,
				 "\"db\": {\"statement\": \"SELECT a FROM t ORDER BY b\"}, ");
	findings_add(report,
				 "pg.node-start",
				 "n",
				 "p",
				 "h",
				 0,
				 "\"db\": {\"node\": {\"name\": \"Sort\", \"type\": "
				 "\"Sort\"}}, ");
	findings_add(report,
				 "pg.node-stop",
				 "n",
				 "p",
				 "h",
				 500,
				 "\"db\": {\"node\": {\"rows\": 90000, \"loops\": 1, "
				 "\"disk_kb\": 30560}}, ");
	findings_add(report, "pg-stop", "p", FINDINGS_BASE, "h", 500, "");
	findings_add_statement(
		report,
		"pg",
		"CREATE TABLE u AS SELECT md5(a) FROM t",
		&at,
		700,
		"\"db\": {\"waits\": {\"IO:BufFileWrite\": 600}, \"buffers\": "
		"{\"temp_blks_written\": 513}}, ");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(strstr(json.ptr,
						   "\"evidence\": \"CREATE TABLE u AS SELECT md5(a) "
						   "FROM t: 513 blocks written\""));
	assert_non_null(strstr(json.ptr,
						   "\"evidence\": \"SELECT a FROM t ORDER BY b: 500 ms "
						   "(by the rows, not measured), 30,560 kB on disk\""));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Making an index and checking a foreign key have to read as much as they do, so the
 * advice does not propose to read less. */
static void
test_reads_of_the_server(void **state)
{
#define LESS  "let it read less (an index, fewer rows or columns)"
#define CHORE "Reading tables is the work of such a statement."
#define OF_KEY \
	"see whether child has an index that begins with pid, or compare "
#define HELD "only not in memory yet. Otherwise compare shared_buffers with"
	static const struct
	{
		const char *statement;
		const char *inside; /* a statement below it that reads; NULL: none */
		const char *step;
	} cases[] = {
		{"SELECT a FROM t", NULL, LESS},
		{"CREATE TABLE u AS SELECT 1", NULL, LESS},
		{"CREATE INDEX i ON t (a)", NULL, CHORE},
		{"REINDEX TABLE t", NULL, CHORE},
		{"VACUUM t", NULL, CHORE},
		{"CLUSTER t", NULL, CHORE},
		{"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u",
		 "SELECT fk.a FROM ONLY t fk LEFT OUTER JOIN ONLY u pk ON pk.a = fk.a",
		 CHORE},
		{"DELETE FROM parent",
		 "SELECT 1 FROM ONLY \\\"public\\\".\\\"child\\\" x WHERE $1 "
		 "OPERATOR(pg_catalog.=) \\\"pid\\\" FOR KEY SHARE OF x",
		 OF_KEY},
		{"INSERT INTO child SELECT 1",
		 "SELECT 1 FROM ONLY \\\"public\\\".\\\"parent\\\" x WHERE "
		 "\\\"id\\\" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x",
		 HELD},
		{"SELECT f()", "SELECT a FROM t", LESS},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		static const char read[] = "\"db\": {\"io_read_ms\": 900, \"buffers\": "
								   "{\"shared_blks_read\": 900}}, ";
		static const char *const steps[] = {LESS, CHORE, OF_KEY, HELD};
		osp_report *report = osp_report_new(&osp_allocator_default);
		char start[256];
		osp_buf json;
		osp_buf words;
		size_t k;

		(void) snprintf(start,
						sizeof(start),
						"\"db\": {\"statement\": \"%s\"}, ",
						cases[i].statement);
		findings_add(report, "pg-start", "s", FINDINGS_BASE, "h", 0, start);
		if (cases[i].inside != NULL)
		{
			(void) snprintf(start,
							sizeof(start),
							"\"db\": {\"statement\": \"%s\"}, ",
							cases[i].inside);
			findings_add(report, "pg-start", "q", "s", "h", 1, start);
			findings_add(report, "pg-stop", "q", "s", "h", 999, read);
		}
		findings_add(report, "pg-stop", "s", FINDINGS_BASE, "h", 1000, read);
		findings_explain(report, &json, &words);
		for (k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
			if ((strstr(json.ptr, steps[k]) != NULL) !=
				(strcmp(steps[k], cases[i].step) == 0))
				fail_msg("%s: %s", cases[i].statement, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_state_of_holder),
		cmocka_unit_test(test_step_of_holder),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_show_command),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_prepared_transaction),
		cmocka_unit_test(test_more_waits_than_recorded),
		cmocka_unit_test(test_beside_others),
		cmocka_unit_test(test_holder_in_trace),
		cmocka_unit_test(test_number_of_waits),
		cmocka_unit_test(test_starved_beside_sleep),
		cmocka_unit_test(test_maintenance),
		cmocka_unit_test(test_gave_up),
		cmocka_unit_test(test_wait_before_planning),
		cmocka_unit_test(test_rest_of_waits),
		cmocka_unit_test(test_spills_of_two_kinds),
		cmocka_unit_test(test_reads_of_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
