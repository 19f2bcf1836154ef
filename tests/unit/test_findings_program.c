/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_program.c
 *	  Findings about programs: repeated statements, pauses, the network to the server,
 *	  and a pooler.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

/* A statement that a pooler gave up is reported as such. Other failures are not put on
 * the pooler. */
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
		findings_add_statement(report, "db", "SELECT 1", &at, 2000, stop);
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		if ((strstr(json.ptr, "\"rule\": \"pooler\"") != NULL) != (i == 0))
			fail_msg("%s: %s", messages[i], json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Repeated statements that only the server has recorded get advice, too. */
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
		findings_add_statement(
			report, "pg", "INSERT INTO t VALUES (1)", &at, 5, "");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, "several rows of VALUES, or COPY."));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* The advice says how to see the plan of a repeated statement if it takes long in the
 * server. It does not say so if only the client has recorded the statement. */
static void
test_repeat_without_plan(void **state)
{
	static const struct
	{
		const char *name;
		int ms;
		int every; /* each so many of them has a plan node; 0: none */
		bool hint;
	} cases[] = {
		{"pg", 5, 0, true},
		{"pg", 1, 0, true},
		{"db", 5, 0, false},
		{"pg", 5, 1, false},
		{"pg", 5, 10, true},
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
			char statement[16];
			char node[16];

			(void) snprintf(statement, sizeof(statement), "s%d", at);
			(void) snprintf(node, sizeof(node), "n%d", at);
			if (cases[i].every > 0 && n % cases[i].every == 0)
			{
				findings_add(report,
							 "pg.node-start",
							 node,
							 statement,
							 "h",
							 at,
							 "\"db\": {\"node\": {\"name\": \"Result\"}}, ");
				findings_add(
					report,
					"pg.node-stop",
					node,
					statement,
					"h",
					at,
					"\"db\": {\"node\": {\"rows\": 1, \"loops\": 1}}, ");
			}
			findings_add_statement(report,
								   cases[i].name,
								   "SELECT a FROM t WHERE b = 1",
								   &at,
								   cases[i].ms,
								   "");
		}
		findings_explain(report, &json, &words);
		assert_non_null(strstr(json.ptr, "\"rule\": \"repeat\""));
		if ((strstr(json.ptr, "SET osprofiler.node_min_duration = '1ms'") !=
			 NULL) != cases[i].hint)
			fail_msg("case %zu: %s", i, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* If the server's part of some executions is unknown, their time does not count as the
 * client's. */
static void
test_repeat_half_told(void **state)
{
	static const struct
	{
		int told; /* of 40 */
		const char *said;
		const char *not_said;
	} cases[] = {
		{40, "in the client and on the way", "of which it was told"},
		{7,
		 ": 28.0 ms in the server for 7 of them, of which it was told, 172 ms "
		 "in the server, the client or on the way",
		 "in the client and on the way"},
		{0, "The same statement ran 40 times", "in the server"},
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
			char statement[16];
			char inner[16];

			(void) snprintf(statement, sizeof(statement), "s%d", at);
			(void) snprintf(inner, sizeof(inner), "p%d", at);
			if (n < cases[i].told)
			{
				findings_add(report,
							 "pg-start",
							 inner,
							 statement,
							 "h",
							 at,
							 "\"db\": {\"statement\": \"SELECT a FROM t WHERE "
							 "b = 1\"}, ");
				findings_add(
					report, "pg-stop", inner, statement, "h", at + 4, "");
			}
			findings_add_statement(
				report, "db", "SELECT a FROM t WHERE b = 1", &at, 5, "");
		}
		findings_explain(report, &json, &words);
		if (strstr(json.ptr, cases[i].said) == NULL ||
			strstr(json.ptr, cases[i].not_said) != NULL ||
			(strstr(json.ptr, "prepare_threshold=None") != NULL) !=
				(cases[i].told == 7))
			fail_msg("%d of them: %s", cases[i].told, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* A repetition is quoted in the form that most of its statements have, whichever is the
 * longest one. */
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

			findings_add_statement(report,
								   "sqlite",
								   rare ? "INSERT INTO t VALUES (?, 'x')"
										: "INSERT INTO t VALUES (?, ?)",
								   &at,
								   rare ? 15 : 3,
								   "");
		}
		findings_explain(report, &json, &words);
		assert_non_null(
			strstr(json.ptr, "\"evidence\": \"INSERT INTO t VALUES (?, ?)"));
		assert_non_null(strstr(json.ptr, "\"executions\": 60.0"));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Statements wait for the network, and some of them run at the same time. The parts of
 * the time do not add up to more than the whole. */
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
		findings_add(report, "db-start", id, FINDINGS_BASE, "h", 0, info);
		findings_add(report, "pg-start", server, id, "h", 300, info);
		findings_add(report, "pg-stop", server, id, "h", 400 + i, "");
		findings_add(
			report, "db-stop", id, FINDINGS_BASE, "h", 500 + i * 10, "");
	}
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, "\"rule\": \"network\""));
	assert_non_null(strstr(json.ptr, "\"4 statements, the longest ("));
	assert_non_null(strstr(json.ptr, "): SELECT a3; in all "));
	at = json.ptr;
	before = findings_number(&at, "\"before_ms\": ");
	after = findings_number(&at, "\"after_ms\": ");
	at = json.ptr;
	assert_true(before > after && after > 0);
	assert_true(before + after <=
				findings_number(&at, "\"time_ms\": ") + 0.001);
	findings_assert_shares(json.ptr);
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Adds a client's statement and the server's part of it, which ends ms before it, and a
 * commit. */
static void
add_call(osp_report *report, const char *id, const char *statement, int at,
		 int server_ms, int after_ms)
{
	char info[128];
	char server[16];
	char commit[16];

	(void) snprintf(server, sizeof(server), "%ss", id);
	(void) snprintf(commit, sizeof(commit), "%sc", id);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"statement\": \"%s\", \"server\": \"s\", "
					"\"pid\": 7}, ",
					statement);
	findings_add(report, "db-start", id, FINDINGS_BASE, "h", at, info);
	findings_add(report, "pg-start", server, id, "h", at, info);
	findings_add(report, "pg-stop", server, id, "h", at + server_ms, "");
	findings_add(
		report, "pg.commit-start", commit, id, "h", at + server_ms, "");
	findings_add(report, "pg.commit-stop", commit, id, "h", at + server_ms, "");
	findings_add(report,
				 "db-stop",
				 id,
				 FINDINGS_BASE,
				 "h",
				 at + server_ms + after_ms,
				 "");
}

/* The time after the execution of a DROP is not put on the network, because the server
 * removes files then. */
static void
test_removed_files(void **state)
{
	static const struct
	{
		const char *first;
		int first_after;
		const char *last;
		bool removed;
	} cases[] = {
		{"SELECT 1", 0, "DROP TABLE t", true},
		{"BEGIN", 0, "SELECT 1", false},
		{"TRUNCATE t", 0, "COMMIT", true},
		{"SELECT 1", 0, "COMMIT", false},
		{"COMMIT", 0, "UPDATE t SET n = 1", false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;

		add_call(report, "a", cases[i].first, 0, 10, cases[i].first_after);
		add_call(report, "b", cases[i].last, 10, 10, 200);
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		if ((strstr(json.ptr, "removed files of tables and indexes: 200 ms") !=
			 NULL) != cases[i].removed ||
			(strstr(json.ptr, "between client and server") == NULL) !=
				cases[i].removed)
			fail_msg("%s, %s: %s", cases[i].first, cases[i].last, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* The error of a client's statement came from the server. */
static void
test_served_failures(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int i;

	(void) state;
	for (i = 0; i < 60; i++)
	{
		static const char failed[] =
			"\"etype\": \"serialization_failure\", \"message\": \"no\", ";
		char id[16];
		char server[16];
		const char *stop = i % 3 == 0 ? failed : "";

		(void) snprintf(id, sizeof(id), "d%d", i);
		(void) snprintf(server, sizeof(server), "s%d", i);
		findings_add(report,
					 "db-start",
					 id,
					 FINDINGS_BASE,
					 "h",
					 i * 10,
					 "\"db\": {\"statement\": \"UPDATE t SET n = 1\"}, ");
		findings_add(report,
					 "pg-start",
					 server,
					 id,
					 "h",
					 i * 10 + 1,
					 "\"db\": {\"statement\": \"UPDATE t SET n = 1\"}, ");
		findings_add(report, "pg-stop", server, id, "h", i * 10 + 9, stop);
		findings_add(
			report, "db-stop", id, FINDINGS_BASE, "h", i * 10 + 10, stop);
	}
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, "\"rule\": \"repeat\""));
	assert_null(strstr(json.ptr, "is not told of statements"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* If something ended a statement before it finished, the findings say so and name what
 * ended it, also if its time has another cause. */
static void
test_ended_statements(void **state)
{
	static const struct
	{
		const char *etype;
		const char *message;
		const char *by; /* NULL: it was not ended, but failed by itself */
		bool of_session;
	} cases[] = {
		{"query_canceled",
		 "canceling statement due to statement timeout",
		 "statement_timeout",
		 false},
		{"query_canceled",
		 "canceling statement due to user request",
		 "a cancel request of the program or an administrator",
		 false},
		{"query_canceled",
		 "storniere Anfrage",
		 "statement_timeout or a cancel request",
		 false},
		{"lock_not_available",
		 "canceling statement due to lock timeout",
		 "lock_timeout",
		 false},
		{"lock_not_available", "could not obtain lock on row", NULL, false},
		{"transaction_timeout",
		 "terminating connection",
		 "transaction_timeout",
		 true},
		{"idle_in_transaction_session_timeout",
		 "terminating connection",
		 "idle_in_transaction_session_timeout",
		 true},
		{"admin_shutdown",
		 "terminating connection due to administrator command",
		 "an administrator or a shutdown of the server",
		 true},
		{"serialization_failure",
		 "canceling statement due to conflict with recovery",
		 "a conflict with recovery on the standby",
		 false},
		{"serialization_failure", "could not serialize access", NULL, false},
		{"unique_violation", "duplicate key value", NULL, false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char stop[512];
		char heading[256];
		osp_buf json;
		osp_buf words;
		int at = 0;

		(void) snprintf(stop,
						sizeof(stop),
						"\"waits\": {\"Timeout:PgSleep\": 1950.0}, "
						"\"etype\": \"%s\", \"message\": \"%s\", ",
						cases[i].etype,
						cases[i].message);
		findings_add_statement(report, "pg", "SELECT slow(1)", &at, 2000, stop);
		findings_explain(report, &json, &words);
		(void) snprintf(heading,
						sizeof(heading),
						"Why it took 2.00 s; %s by %s:\n",
						cases[i].of_session
							? "a session was ended"
							: "a statement did not finish, ended after 2.00 s",
						cases[i].by != NULL ? cases[i].by : "");
		if ((strstr(words.ptr, heading) != NULL) != (cases[i].by != NULL) ||
			(strstr(words.ptr, "did not finish") != NULL) !=
				(cases[i].by != NULL) ||
			(strstr(json.ptr, "; it did not finish: ended by") != NULL) !=
				(cases[i].by != NULL) ||
			(strstr(json.ptr, "\"ended\": {\"by\": ") != NULL) !=
				(cases[i].by != NULL))
			fail_msg("%s: %s\n%s", cases[i].message, words.ptr, json.ptr);
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* If a function has caught the cancellation of one of its statements, nothing was
 * ended. */
static void
test_caught_cancel(void **state)
{
	static const char cancelled[] =
		"\"etype\": \"query_canceled\", \"message\": \"canceling statement "
		"due to statement timeout\", ";
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add(report,
				 "pg-start",
				 "a",
				 FINDINGS_BASE,
				 "h",
				 0,
				 "\"db\": {\"statement\": \"CALL p()\"}, ");
	findings_add(report,
				 "pg-start",
				 "b",
				 "a",
				 "h",
				 10,
				 "\"db\": {\"statement\": \"SELECT slow(1)\"}, ");
	findings_add(report, "pg-stop", "b", "a", "h", 1010, cancelled);
	findings_add(report, "pg-stop", "a", FINDINGS_BASE, "h", 1020, "");
	findings_explain(report, &json, &words);
	assert_null(strstr(words.ptr, "did not finish"));
	assert_null(strstr(json.ptr, "\"ended\""));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Explains statements of a client with the server's part of each. db has further
 * members of the client's info.db. Writes the words and the tree. */
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
		findings_add(report, "db-start", id, FINDINGS_BASE, "h", i * 20, info);
		findings_add(report, "pg-start", server, id, "h", i * 20 + 15, info);
		findings_add(report, "pg-stop", server, id, "h", i * 20 + 16, "");
		findings_add(
			report, "db-stop", id, FINDINGS_BASE, "h", i * 20 + 18, "");
	}
	osp_buf_init(words, &osp_allocator_default, FINDINGS_TEXT_MAX);
	osp_buf_init(tree, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain(report, &drawing, words, &found),
					 OSP_OK);
	assert_int_equal(osp_report_draw(report, &drawing, tree), OSP_OK);
	osp_report_free(report);
}

/* The time that a program needs for its own tracing is not put on the network. */
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
		assert_int_equal(strstr(tree.ptr, "on the way and tracing 68") != NULL,
						 cases[i].foreign);
		assert_int_equal(strstr(tree.ptr, "  on the way 68") != NULL,
						 !cases[i].foreign);
		osp_buf_term(&words);
		osp_buf_term(&tree);
	}
}

/* A program that is traced as a whole may have been idle. The text says where it
 * executed no operation, and, for a service, what to trace. */
static void
test_program_without_root(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int at = 0;

	(void) state;
	findings_add_statement(report, "db", "SELECT a", &at, 20, "");
	at += 200;
	findings_add_statement(report, "db", "SELECT b", &at, 20, "");
	at += 700;
	findings_add(report, "pg.plan-start", "a-plan", "s940", "h", at, "");
	findings_add_statement(report, "db", "SELECT c", &at, 20, "");
	findings_add(report, "pg.plan-stop", "a-plan", "s940", "h", at - 10, "");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(json.ptr, "\"rule\": \"application\""));
	assert_null(strstr(json.ptr, "application's own time"));
	assert_non_null(
		strstr(json.ptr,
			   "between the operations of the trace; the longest, 700 "
			   "ms, between SELECT b and SELECT c"));
	assert_non_null(strstr(json.ptr, "trace one request instead"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* Operations of a program may be missing, or be in another collector. */
static void
test_missing_callers(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;

	(void) state;
	findings_add(report,
				 "pg-start",
				 "s",
				 "22222222-2222-4333-8444-555555555555",
				 "h",
				 0,
				 "");
	findings_add(report,
				 "pg-stop",
				 "s",
				 "22222222-2222-4333-8444-555555555555",
				 "h",
				 100,
				 "");
	findings_explain(report, &json, &words);
	assert_non_null(strstr(
		words.ptr,
		"The caller of 1 operation is not here, or not whole: some program has "
		"not delivered what it did, or has delivered it to another collector, "
		"and its time is not explained.\n"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

/* With statement_text = none only the first word of a statement is recorded, so it is
 * unknown whether two statements are the same. */
static void
test_first_words(void **state)
{
	static const char *const stops[] = {"",
										"\"etype\": \"division_by_zero\", "};
	size_t n;

	(void) state;
	for (n = 0; n < 2; n++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		int at = 0;
		int i;

		for (i = 0; i < 12; i++)
			findings_add_statement(
				report, "pg", "SELECT", &at, i == 7 ? 60 : 12, stops[n]);
		findings_explain(report, &json, &words);
		findings_assert_shares(json.ptr);
		assert_null(strstr(words.ptr, "same statement"));
		assert_null(strstr(words.ptr, "12 x "));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* Adds a statement that OSProfiler in Python has recorded, and the server's part of it
 * in the process pid. */
static void
add_python(osp_report *report, const char *id, const char *statement, int pid,
		   int at)
{
	char info[256];
	char inner[16];

	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"statement\": \"%s\", \"params\": {}}, ",
					statement);
	findings_add(report, "db-start", id, "w", "h", at, info);
	(void) snprintf(inner, sizeof(inner), "%s-pg", id);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"statement\": \"%s\", \"pid\": %d}, ",
					statement,
					pid);
	findings_add(report, "pg-start", inner, id, "h", at + 1, info);
	findings_add(report, "pg-stop", inner, id, "h", at + 9, "");
	findings_add(report, "db-stop", id, "w", "h", at + 10, "");
}

/* Drivers of Python begin transactions without a BEGIN, and OSProfiler in Python does
 * not record the session. A transaction is recognized by its end and by the server's
 * process. */
static void
test_pause_of_python(void **state)
{
	static const struct
	{
		int pid; /* the process of the COMMIT; 0: there is none */
		const char *rule;
	} cases[] = {{7, "client_pause"}, {8, "application"}, {0, "application"}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf json;
		osp_buf words;
		char first[64];

		assert_non_null(report);
		findings_add(report, "wsgi-start", "w", FINDINGS_BASE, "h", 0, "");
		add_python(report, "a", "UPDATE stock SET n = 1", 7, 5);
		add_python(report, "b", "INSERT INTO payment VALUES (1)", 7, 1500);
		if (cases[i].pid != 0)
			add_python(report, "c", "COMMIT", cases[i].pid, 1515);
		findings_add(report, "wsgi-stop", "w", FINDINGS_BASE, "h", 1530, "");
		findings_explain(report, &json, &words);
		(void) snprintf(first,
						sizeof(first),
						"\"findings\": [{\"rule\": \"%s\"",
						cases[i].rule);
		assert_non_null(strstr(json.ptr, first));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* If a pool repeats a statement to check its connections, the advice is not to cache
 * the result. */
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

/* Is a pause found between a BEGIN in one process and a later statement in another
 * one? */
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
	findings_add(report, "pg-start", "a", FINDINGS_BASE, "h", 0, info);
	findings_add(report, "pg-stop", "a", FINDINGS_BASE, "h", 1, "");
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {%s, \"statement\": \"SELECT 1\"}, ",
					second);
	findings_add(report, "pg-start", "b", FINDINGS_BASE, host, 900, info);
	findings_add(report, "pg-stop", "b", FINDINGS_BASE, host, 901, "");
	findings_explain(report, &json, &words);
	found = strstr(json.ptr, "\"rule\": \"client_pause\"") != NULL;
	osp_buf_term(&json);
	osp_buf_term(&words);
	return found;
}

/* A pause is only found between two statements of the same process. */
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

/* Statements are the same if they only differ in constants and in upper and lower
 * case. */
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
		findings_add(report, "pg-start", id, FINDINGS_BASE, "h", i * 2, info);
		findings_add(report, "pg-stop", id, FINDINGS_BASE, "h", i * 2 + 2, "");
	}
	osp_buf_init(&text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "\"executions\": 40.0"));
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The finding says where an error occurred. It mentions what is below the statement
 * only if there is something. */
static void
test_failed_copy(void **state)
{
#define WHERE "copy c from stdin: COPY c, line 50001, column id: \\\"***\\\"\""
#define BELOW "What it did until then is below it in the tree."
	static const struct
	{
		bool client; /* a client sent it, and got no place */
		bool more;   /* there are operations below it */
	} cases[] = {{false, false}, {false, true}, {true, false}, {true, true}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		static const char start[] =
			"\"db\": {\"statement\": \"copy c from stdin\"}, ";
		osp_report *report = osp_report_new(&osp_allocator_default);
		const char *parent = cases[i].client ? "c" : FINDINGS_BASE;
		osp_buf json;
		osp_buf words;

		if (cases[i].client)
			findings_add(report, "db-start", "c", FINDINGS_BASE, "h", 0, start);
		findings_add(report, "pg-start", "s", parent, "h", 0, start);
		if (cases[i].more)
		{
			findings_add(report, "pg.trigger-start", "t", "s", "h", 1, "");
			findings_add(report, "pg.trigger-stop", "t", "s", "h", 2, "");
		}
		findings_add(report,
					 "pg-stop",
					 "s",
					 parent,
					 "h",
					 1000,
					 "\"etype\": \"invalid_text_representation\", "
					 "\"message\": \"invalid input syntax\", \"detail\": \"Of "
					 "CONTEXT: none\", \"context\": "
					 "\"COPY c, line 50001, column id: \\\"***\\\"\", ");
		if (cases[i].client)
			findings_add(report,
						 "db-stop",
						 "c",
						 FINDINGS_BASE,
						 "h",
						 1000,
						 "\"etype\": \"invalid_text_representation\", "
						 "\"message\": \"invalid input syntax\", ");
		findings_explain(report, &json, &words);
		assert_non_null(strstr(json.ptr, "\"rule\": \"failed\""));
		if (strstr(json.ptr, WHERE) == NULL ||
			(strstr(json.ptr, BELOW) != NULL) != cases[i].more)
			fail_msg("case %zu: %s", i, json.ptr);
		assert_non_null(strstr(json.ptr, "be checked beforehand"));
		osp_buf_term(&json);
		osp_buf_term(&words);
	}
}

/* If the connection was lost, the server's log is named. The lines of a message are
 * divided, and the sentence has one period. */
static void
test_lost_connection(void **state)
{
#define LOST                                                                \
	"server closed the connection unexpectedly\\n\\tThis probably means "   \
	"the server terminated abnormally\\n\\tbefore or while processing the " \
	"request."
#define LOST_SAID                                                          \
	"connection_failure: server closed the connection unexpectedly; This " \
	"probably means the server terminated abnormally before or while "     \
	"processing the request.\", \"evidence\""
	static const struct
	{
		const char *etype;
		const char *message;
		const char *says;
		const char *step;
	} cases[] = {
		{"connection_failure", LOST, LOST_SAID, "See the server's log at"},
		{"connection_failure", "a:\\n\\nB c\\n", "a: B c.\"", "server's log"},
		{"connection_failure", "no?", ": no?\", ", "server's log"},
		{"crash_shutdown", "terminating", ": terminating.\"", "its log names"},
		{"admin_shutdown", "terminating", ": terminating.\"", "a stop of the"},
		{"disk_full", "no space", ": no space.\"", "log says more"},
		{"division_by_zero", "d", "zero: d.\"", "be checked beforehand"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		char stop[256];
		int at = 0;

		(void) snprintf(stop,
						sizeof(stop),
						"\"etype\": \"%s\", \"message\": \"%s\", ",
						cases[i].etype,
						cases[i].message);
		findings_add_statement(report, "db", "SELECT 1", &at, 900, stop);
		findings_assert_says(
			report,
			(const char *const[4]){cases[i].says, cases[i].step},
			(const char *const[4]){
				"..", i < 6 ? "be checked beforehand" : "server's log"});
	}
}

/* A client knows only that its connection was lost; the server says why. */
static void
test_ended_by_server(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	findings_add(
		report, "db-start", "d", FINDINGS_BASE, "h", 0, "\"db\": {}, ");
	findings_add(report, "pg-start", "p", "d", "h", 1, "\"db\": {}, ");
	findings_add(report,
				 "pg-stop",
				 "p",
				 "d",
				 "h",
				 899,
				 "\"etype\": \"admin_shutdown\", \"message\": \"t\", ");
	findings_add(report,
				 "db-stop",
				 "d",
				 FINDINGS_BASE,
				 "h",
				 900,
				 "\"etype\": \"connection_failure\", \"message\": \"c\", ");
	findings_assert_says(report,
						 (const char *const[4]){"pg_terminate_backend() or a"},
						 (const char *const[4]){"a proxy", "beforehand"});
}

/* A cursor's query runs once, however often rows are fetched from it: FETCH is repeated,
 * and if each FETCH takes long, nothing is. */
static void
test_fetches(void **state)
{
	static const struct
	{
		const char *statement;
		int ms; /* of each, about half of which is the query's */
		const char *stop;
		const char *says;
	} cases[] = {
		{"FETCH FORWARD 9 FROM c", 4, "", "Fetch more rows at a time"},
		{"FETCH FORWARD 999 FROM c",
		 4,
		 "\"db\": {\"rows\": 999}, ",
		 "Fetch more rows at a time"},
		{"FETCH FORWARD 1000 FROM c",
		 4,
		 "\"db\": {\"rows\": 1000}, ",
		 "a larger fetch size hardly helps"},
		{"FETCH FORWARD 9 FROM c", 40, "", "\"findings\": []"},
		{"MOVE FORWARD 9 IN c", 40, "", "\"findings\": []"},
		{"CALL p()", 40, "", "The same statement ran 22 times within CALL p()"},
	};
	static const char query[] =
		"\"db\": {\"statement\": \"DECLARE c CURSOR FOR TABLE t\"}, ";
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		int at = 0;
		int n;

		for (n = 0; n < 22; n++)
		{
			char id[16];
			char fetch[16];
			int inner_ms = cases[i].ms / 2;

			(void) snprintf(fetch, sizeof(fetch), "s%d", at);
			(void) snprintf(id, sizeof(id), "q%d", n);
			findings_add(report, "pg-start", id, fetch, "h", at, query);
			findings_add(
				report, "pg-stop", id, fetch, "h", at + inner_ms - 1, "");
			findings_add_statement(report,
								   "pg",
								   cases[i].statement,
								   &at,
								   cases[i].ms,
								   cases[i].stop);
		}
		findings_assert_says(
			report,
			(const char *const[4]){cases[i].says},
			(const char *const[4]){i < 5 ? "ran 22 times within" : NULL,
								   "22 x DECLARE"});
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pooler_gave_up),
		cmocka_unit_test(test_server_advice),
		cmocka_unit_test(test_repeat_without_plan),
		cmocka_unit_test(test_repeat_half_told),
		cmocka_unit_test(test_repeat_quote),
		cmocka_unit_test(test_network_of_many),
		cmocka_unit_test(test_removed_files),
		cmocka_unit_test(test_served_failures),
		cmocka_unit_test(test_ended_statements),
		cmocka_unit_test(test_caught_cancel),
		cmocka_unit_test(test_tracing_of_program),
		cmocka_unit_test(test_program_without_root),
		cmocka_unit_test(test_missing_callers),
		cmocka_unit_test(test_first_words),
		cmocka_unit_test(test_pause_of_python),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_pause_of_one_process),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_failed_copy),
		cmocka_unit_test(test_lost_connection),
		cmocka_unit_test(test_ended_by_server),
		cmocka_unit_test(test_fetches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
