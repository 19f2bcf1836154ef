/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sql_message.c
 *	  Messages of errors as they are recorded, with their DETAIL and CONTEXT: values and
 *	  secrets in them are hidden.
 */
#include "tap.h"

#include <stdlib.h>

#include "sql/sql_text.h"

#define LITE OSP_SQL_SQLITE

/* A message, and the form in which it is recorded. */
typedef struct message_case
{
	const char *message;
	osp_sql_origin origin;
	const char *recorded; /* NULL: as it is */
} message_case;

static void
check_message(const message_case *c, const osp_sql_message_rules *rules)
{
	const char *expected = c->recorded != NULL ? c->recorded : c->message;
	char space[256];
	osp_str found = osp_sql_message(
		osp_str_of(c->message), c->origin, rules, space, sizeof(space));
	osp_str again;

	if (!osp_str_eq(found, osp_str_of(expected)))
		print_message("# %.*s\n", (int) found.len, found.ptr);
	assert_true(osp_str_eq(found, osp_str_of(expected)));
	again = osp_sql_message(osp_str_of(c->message), c->origin, rules, space, 3);
	assert_true(again.len <= 3 || again.ptr == c->message);
}

#define CHECK_MESSAGES(cases, ...)                               \
	do                                                           \
	{                                                            \
		const osp_sql_message_rules rules = {__VA_ARGS__};       \
		size_t i;                                                \
                                                                 \
		for (i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++) \
			check_message(&(cases)[i], &rules);                  \
	}                                                            \
	while (0)

#define DATA      OSP_SQL_FROM_DATA
#define ELSEWHERE OSP_SQL_FROM_ELSEWHERE
#define LOOKUP    OSP_SQL_FROM_LOOKUP
#define TEXT      OSP_SQL_FROM_TEXT
#define SCHEMA    OSP_SQL_FROM_SCHEMA
#define PROGRAM   OSP_SQL_FROM_PROGRAM

/* Values of parameters are hidden, whether they are in quotes or a number. */
static void
test_messages(void **state)
{
	static const message_case cases[] = {
		{"operator does not exist: LEAK", LOOKUP, "operator does not exist"},
		{"improper relation name (too many dotted names): a.\"LEAK\"",
		 LOOKUP,
		 "improper relation name (too many dotted names)"},
		{"function leak(integer) does not exist", LOOKUP, "***"},
		{"function a\"LEAK(integer) does not exist", LOOKUP, "***"},
		{"relation \"a:LEAK\" does not exist",
		 LOOKUP,
		 "relation \"?\" does not exist"},
		{"syntax error in tsquery: \"LEAK\"",
		 LOOKUP,
		 "syntax error in tsquery: \"?\""},
		{"improper name: \"LE\"AK", LOOKUP, "improper name"},
		{"COPY from stdin failed: given up", ELSEWHERE, NULL},
		{"relation \"LEAK\" does not exist",
		 LOOKUP,
		 "relation \"?\" does not exist"},
		{"cross-database references are not implemented: a.b.LEAK",
		 LOOKUP,
		 "cross-database references are not implemented"},
		{"unterminated /* comment at or near \"/* trace_info='LEAK\"",
		 TEXT,
		 "unterminated /* comment at or near \"?\""},
		{"invalid input syntax for type integer: \"LEAK\"",
		 DATA,
		 "invalid input syntax for type integer: \"?\""},
		{"invalid input syntax for type integer: \"LE\"AK\"",
		 DATA,
		 "invalid input syntax for type integer: \"?\""},
		{"value \"LEAK\" is out of range for type integer",
		 DATA,
		 "value \"?\" is out of range for type integer"},
		{"invalid byte sequence for encoding \"UTF8\": 0xe9",
		 DATA,
		 "invalid byte sequence for encoding \"?\""},
		{"ungültige Eingabesyntax für Typ integer: »LEAK«",
		 DATA,
		 "ungültige Eingabesyntax für Typ integer: \"?\""},
		{"syntaxe en entrée invalide pour le type integer : « LEAK »",
		 DATA,
		 "syntaxe en entrée invalide pour le type integer : \"?\""},
		{"l'entrée n'est pas « LEAK » d'un type",
		 DATA,
		 "l'entrée n'est pas \"?\" d'un type"},
		{"invalid \"LEAK", DATA, "invalid \"?\""},
		{"it can't be \"LEAK\"", DATA, "it can't be \"?\""},
		{"division by zero", DATA, NULL},
		{"setval: value -4711 is out of bounds for sequence \"s\" (1..10)",
		 DATA,
		 "setval: value -? is out of bounds for sequence \"?\""},
		{"date field value out of range: 2024-13-45",
		 DATA,
		 "date field value out of range: ?-?-?"},
		{"character with byte sequence 0xe2 0x82 0xac",
		 DATA,
		 "character with byte sequence ? ? ?"},
		{"1.5 kB of int4 in utf8", DATA, "? kB of int4 in utf8"},
		{"relation \"LEAK\" does not exist",
		 ELSEWHERE,
		 "relation \"?\" does not exist"},
		{"large object 4711 does not exist",
		 ELSEWHERE,
		 "large object ? does not exist"},
		{"relation \"t1\" does not exist", TEXT, NULL},
		{"there is no parameter $3", TEXT, NULL},
		{"duplicate key value violates unique constraint \"t1_pkey\"",
		 SCHEMA,
		 NULL},
		{"no user \"LEAK\" of 12", PROGRAM, "no user \"?\""},
		{"card 4111111111111111 was declined", PROGRAM, "card ? was declined"},
		{"card 4111-1111, 12.5 of item7", PROGRAM, "card ?-?, ? of item7"},
	};
	static const message_case without_values[] = {
		{"info is 70009 bytes long", DATA, NULL},
		{"table \"t1\" does not exist", ELSEWHERE, NULL},
		{"only 3 of \"LEAK\" are left", PROGRAM, "only 3 of \"?\" are left"},
		{"invalid input syntax for type integer: \"LEAK\"",
		 DATA,
		 "invalid input syntax for type integer: \"?\""},
	};
	static const message_case shown[] = {
		{"invalid input syntax for type integer: \"x\"", DATA, NULL},
		{"relation \"t\" does not exist", ELSEWHERE, NULL},
		{"could not connect to \"redis://:LEAK@h\"",
		 ELSEWHERE,
		 "could not connect to \"?\""},
	};

	(void) state;
	CHECK_MESSAGES(cases, .hide_values = true, .values = true);
	CHECK_MESSAGES(without_values, .hide_values = true);
	CHECK_MESSAGES(shown, .values = true);
}

static void
test_messages_masked(void **state)
{
	static const message_case cases[] = {
		{"role \"LEAK\" does not exist",
		 ELSEWHERE,
		 "role \"?\" does not exist"},
		{"syntax error at or near \"LEAK\"",
		 TEXT,
		 "syntax error at or near \"?\""},
		{"it is LEAK", PROGRAM, "***"},
		{"date out of range: 4711", DATA, "date out of range: ?"},
	};
	static const message_case hidden_texts[] = {
		{"the name is LEAK, card 4111", PROGRAM, "***"},
		{"date out of range: 4711", DATA, "date out of range: ?"},
		{"syntax error at or near \"'LEAK'\"",
		 TEXT,
		 "syntax error at or near \"?\""},
		{"invalid input syntax for type integer: \"LEAK\"",
		 DATA,
		 "invalid input syntax for type integer: \"?\""},
	};

	static const message_case named[] = {
		{"operator does not exist: LEAK", TEXT, "operator does not exist"},
		{"dotted names: leak.x", ELSEWHERE, "dotted names"},
		{"function x(integer) does not exist", TEXT, NULL},
	};
	static const message_case unchecked[] = {
		{"operator does not exist: LEAK", TEXT, "operator does not exist"},
		{"LEAK is not a valid encoding name", TEXT, "***"},
		{"improper relation name (too many dotted names): leak.x.y.z",
		 ELSEWHERE,
		 "improper relation name (too many dotted names)"},
		{"canceling statement due to user request", ELSEWHERE, NULL},
	};

	(void) state;
	CHECK_MESSAGES(named, .hide_text = true);
	CHECK_MESSAGES(unchecked, .hide_text = true, .unchecked = true);
	CHECK_MESSAGES(cases, .masked = true);
	CHECK_MESSAGES(hidden_texts, .hide_text = true);
}

/* A message that contains a secret is cut before its value, whatever raised it and
 * whatever the settings are. */
static void
test_messages_with_secrets(void **state)
{
	static const message_case told[] = {
		{"bad password=LEAK boom", PROGRAM, "bad password=***"},
		{"bad pass\\u003dLEAK boom", PROGRAM, "bad pass\\u003d***"},
		{"bad password\\u003DLEAK", PROGRAM, "bad password\\u003D***"},
		{"bad a:1:{s:5:\"token\";s:4:\"LEAK\";}",
		 ELSEWHERE,
		 "bad a:1:{s:5:\"token\";s:***"},
		{"bad {\\u0022token\\u0022:\\u0022LEAK\\u0022}",
		 ELSEWHERE,
		 "bad {\\u0022token\\u0022:***"},
		{"bad a:1:{s:4:\"pass\";s:4:\"LEAK\";}",
		 PROGRAM,
		 "bad a:1:{s:4:\"pass\";s:***"},
		{"bad password = LEAK", ELSEWHERE, "bad password = ***"},
		{"Passwort: LEAK", PROGRAM, "Passwort: ***"},
		{"PASSWORD:\tLEAK", DATA, "PASSWORD:\t***"},
		{"password := LEAK", PROGRAM, "password := ***"},
		{"{\"password\": \"LEAK\"}", PROGRAM, "{\"password\": ***"},
		{"{\\\"api_key\\\":\\\"LEAK", PROGRAM, "{\\\"api_key\\\":***"},
		{"\"secret\"=>\"LEAK\"", PROGRAM, "\"secret\"=>***"},
		{"<token>LEAK</token>", PROGRAM, "<token>***"},
		{"x?access_token=LEAK&y", PROGRAM, "x?access_token=***"},
		{"x?token%3dLEAK", PROGRAM, "x?token%3d***"},
		{"refused pwd=LEAK", PROGRAM, "refused pwd=***"},
		{"refused pass=LEAK", PROGRAM, "refused pass=***"},
		{"Authorization: Basic LEAK", PROGRAM, "Authorization: ***"},
		{"Bearer LEAK", PROGRAM, "Bearer ***"},
		{"the secret is LEAK4711", PROGRAM, "the secret is ***"},
		{"set password to L3AK", PROGRAM, "set password to ***"},
		{"password is: LEAK", PROGRAM, "password is: ***"},
		{"wrong password for bob: LEAK",
		 PROGRAM,
		 "wrong password for bob: ***"},
		{"the token for bob = LEAK", PROGRAM, "the token for bob = ***"},
		{"password\xef\xbc\x9aLEAK", PROGRAM, "password\xef\xbc\x9a***"},
		{"password\xc2\xa0LEAK", PROGRAM, "password\xc2\xa0***"},
		{"no token LEAK here", PROGRAM, "no token ***"},
		{"token leak", PROGRAM, "token ***"},
		{"wrong password \"LEAK\"", PROGRAM, "wrong password ***"},
		{"invalid token LEAK4711", ELSEWHERE, "invalid token ***"},
		{"token is expired, token LEAK4711",
		 ELSEWHERE,
		 "token is expired, token ***"},
		{"Key (token)=(LEAK) exists.", SCHEMA, "Key (token)=***"},
		{"-----BEGIN PRIVATE KEY-----\nMLEAK/+4",
		 PROGRAM,
		 "-----BEGIN PRIVATE KEY-----\n***"},
		{"cannot reach postgres://u:LEAK@h/db", PROGRAM, "***"},
		{"cannot reach https://ghp_LEAK@h/db", ELSEWHERE, "***"},
		{"relation \"password=LEAK\" does not exist",
		 TEXT,
		 "relation \"password=***"},
	};
	static const message_case harmless[] = {
		{"password authentication failed for user \"x\"", ELSEWHERE, NULL},
		{"column \"password\" does not exist", TEXT, NULL},
		{"column \"password\" of relation \"t1\" does not exist", LOOKUP, NULL},
		{"null value in column \"token\" of relation \"t\" violates not-null "
		 "constraint",
		 SCHEMA,
		 NULL},
		{"duplicate key value violates unique constraint \"user_token_key\"",
		 SCHEMA,
		 NULL},
		{"Key (token)=(***) already exists.", SCHEMA, NULL},
		{"syntax error at or near \"password\"", TEXT, NULL},
		{"relation \"tokens\" does not exist", TEXT, NULL},
		{"column \"token\" is of type integer but expression is of type text",
		 TEXT,
		 NULL},
		{"permission denied for table passwords", ELSEWHERE, NULL},
		{"Token \"x\" is invalid.", DATA, NULL},
		{"fe_sendauth: no password supplied", ELSEWHERE, NULL},
		{"FATAL:  password authentication failed for user \"u\"\npassword "
		 "retrieved from file \"/x\"",
		 SCHEMA,
		 NULL},
		{"User \"u\" has no password assigned.", ELSEWHERE, NULL},
		{"password must have 8 characters", PROGRAM, NULL},
		{"the token has expired", PROGRAM, NULL},
		{"password authentication failed for user \"x\"", PROGRAM, NULL},
		{"the password is as short as 8 letters", PROGRAM, NULL},
		{"token missing in a_schema.tokens", PROGRAM, NULL},
		{"the password of bob has expired.", PROGRAM, NULL},
		{"token expired.", PROGRAM, NULL},
		{"unknown token", PROGRAM, NULL},
		{"function crypt(text) does not exist: 1", TEXT, NULL},
		{"cannot cast token::text", TEXT, NULL},
		{"Encryption: 4", PROGRAM, NULL},
		{"password=***", PROGRAM, NULL},
		{"token \"?\" is unknown", PROGRAM, NULL},
	};
	static const message_case told_by_sqlite[] = {
		{"bad password=LEAK", ELSEWHERE, "bad password=***"},
		{"bad token leak", ELSEWHERE, "bad token ***"},
		{"bad password: LEAK", PROGRAM, "bad password: ***"},
		{"unrecognized token: \"#\"", TEXT, NULL},
		{"UNIQUE constraint failed: t.token", SCHEMA, NULL},
		{"no such column: password", ELSEWHERE, NULL},
		{"table token has no column named x", ELSEWHERE, NULL},
	};

	(void) state;
	CHECK_MESSAGES(told, .values = false);
	CHECK_MESSAGES(harmless, .values = false);
	CHECK_MESSAGES(told_by_sqlite, .dialect = LITE);
}

/* In messages of SQLite, values follow a colon or are in quotes. */
static void
test_messages_of_sqlite(void **state)
{
	static const message_case masked[] = {
		{"no such column: LEAK", TEXT, "no such column"},
		{"near \"LEAK\": syntax error", TEXT, "near \"?\""},
		{"near \"LE:AK\": syntax error", TEXT, "near \"?\""},
	};
	static const message_case hidden[] = {
		{"malformed MATCH expression: [LEAK]",
		 DATA,
		 "malformed MATCH expression"},
		{"fts5: syntax error near \"LEAK\"",
		 DATA,
		 "fts5: syntax error near \"?\""},
		{"fts5: LEAK: x", DATA, "fts5: LEAK"},
		{"JSON path error near 'LEAK'", DATA, "JSON path error near \"?\""},
		{"unable to open database: file:x?key=LEAK",
		 DATA,
		 "unable to open database"},
		{"LEAK.so: cannot open shared object file", DATA, "***"},
		{"/LEAK: cannot open", DATA, "***"},
		{"LEAK: x.so: cannot open shared object file", DATA, "***"},
		{"UNIQUE constraint failed: t.a1", SCHEMA, NULL},
		{"no such table: t1", TEXT, NULL},
	};
	static const message_case shown[] = {
		{"unable to open database: x", DATA, NULL},
		{"unable to open database: file:x?key=LEAK",
		 DATA,
		 "unable to open database"},
		{"unable to open database: FILE:///x?a=b&%6b%65Y=LEAK",
		 DATA,
		 "unable to open database"},
	};

	static const message_case raised[] = {
		{"only 3 of LEAK are left", PROGRAM, "***"},
	};
	static const message_case constraints[] = {
		{"CHECK constraint failed: b <> 'LEAK'",
		 SCHEMA,
		 "CHECK constraint failed"},
		{"CHECK constraint failed: b BETWEEN 1 AND 4711",
		 SCHEMA,
		 "CHECK constraint failed"},
		{"CHECK constraint failed: adult2", SCHEMA, NULL},
		{"UNIQUE constraint failed: t.a1, t.b", SCHEMA, NULL},
		{"FOREIGN KEY constraint failed", SCHEMA, NULL},
	};
	static const message_case raised_shown[] = {
		{"only 3 of 'x' are left", PROGRAM, NULL},
	};

	(void) state;
	CHECK_MESSAGES(raised, .dialect = LITE, .hide_text = true);
	CHECK_MESSAGES(constraints, .dialect = LITE, .hide_text = true);
	CHECK_MESSAGES(raised_shown, .dialect = LITE, .hide_values = true);
	CHECK_MESSAGES(masked, .dialect = LITE, .masked = true);
	CHECK_MESSAGES(hidden, .dialect = LITE, .hide_values = true);
	CHECK_MESSAGES(shown, .dialect = LITE);
}

static void
test_origins(void **state)
{
	static const struct
	{
		const char *sqlstate;
		const char *function;
		bool position;
		bool internal_position;
		osp_sql_origin origin;
	} cases[] = {
		{"22P02", "pg_strtoint32", true, false, DATA},
		{"42P01", "parserOpenTable", true, false, TEXT},
		{"42P01", "parserOpenTable", false, true, TEXT},
		{"42601", "scanner_yyerror", true, false, ELSEWHERE},
		{"42601", "scanner_yyerror", false, true, ELSEWHERE},
		{"42P01", "RangeVarGetRelidExtended", false, false, LOOKUP},
		{"42883", "regoperin", false, false, LOOKUP},
		{"42601", "makeRangeVarFromNameList", false, false, LOOKUP},
		{"0A000", "DeconstructQualifiedName", false, false, LOOKUP},
		{"42501", "aclcheck_error", false, false, ELSEWHERE},
		{"23505", "_bt_check_unique", false, false, SCHEMA},
		{"26000", "FetchPreparedStatement", false, false, SCHEMA},
		{"08003", "dblink_conn_not_avail", false, false, SCHEMA},
		{"34000", "exec_execute_message", false, false, ELSEWHERE},
		{"3B001", "RollbackToSavepoint", false, false, ELSEWHERE},
		{"23505", "exec_stmt_raise", false, false, PROGRAM},
		{"22023", "PLy_output", false, false, PROGRAM},
		{"23505", "pgfdw_report_error", false, false, PROGRAM},
		{"26000", "dblink_res_error", false, false, PROGRAM},
		{"57014", "CopyGetData", false, false, PROGRAM},
		{"57014", "ProcessInterrupts", false, false, ELSEWHERE},
		{"08P01", "CopyGetData", false, false, SCHEMA},
		{"P0001", NULL, false, false, PROGRAM},
		{NULL, NULL, false, false, ELSEWHERE},
		{"", NULL, false, false, ELSEWHERE},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(osp_sql_error_origin(cases[i].sqlstate,
											  cases[i].function,
											  cases[i].position,
											  cases[i].internal_position),
						 cases[i].origin);
}

typedef struct detail_case
{
	const char *sqlstate;
	osp_sql_origin origin;
	const char *detail;
	const char *shown; /* the recorded form with hide_params */
} detail_case;

static const detail_case details[] = {
	{"23505",
	 OSP_SQL_FROM_SCHEMA,
	 "Key (email)=(a@b.c) already exists.",
	 "Key (email)=(***) already exists."},
	{"23505",
	 OSP_SQL_FROM_SCHEMA,
	 "Key (lower(name), b)=(x)=(y) is (z), 7) already exists.",
	 "Key (lower(name), b)=(***) already exists."},
	{"23503",
	 OSP_SQL_FROM_SCHEMA,
	 "Key (id2)=(42) is not present in table \"t2\".",
	 "Key (id2)=(***) is not present in table \"t2\"."},
	{"23P01",
	 OSP_SQL_FROM_SCHEMA,
	 "Key (a)=(1) conflicts with existing key (a)=(2).",
	 "Key (a)=(***)."},
	{"23502",
	 OSP_SQL_FROM_SCHEMA,
	 "Failing row contains (hunter)=(2, null).",
	 "Failing row contains (***)."},
	{"23514",
	 OSP_SQL_FROM_SCHEMA,
	 "Partition key of the failing row contains (a) = (5).",
	 "Partition key of the failing row contains (***)."},
	{"23505",
	 OSP_SQL_FROM_SCHEMA,
	 "Schl\xc3\xbcssel \xc2\xbb(a)=(x)\xc2\xab existiert bereits.",
	 "Schl\xc3\xbcssel \xc2\xbb(a)=(***)\xc2\xab existiert bereits."},
	{"23000",
	 OSP_SQL_FROM_SCHEMA,
	 "value 7 is odd (so)",
	 "value ? is odd (***)"},
	{"23000", OSP_SQL_FROM_SCHEMA, "value 'x' of 7", "value \"?\""},
	{"40P01",
	 OSP_SQL_FROM_ELSEWHERE,
	 "Process 1 waits for ShareLock on transaction 2; blocked by process 3.",
	 "Process 1 waits for ShareLock on transaction 2; blocked by process 3."},
	{"44000",
	 OSP_SQL_FROM_ELSEWHERE,
	 "Failing row contains (hunter, 2).",
	 "Failing row contains (***)."},
	{"40P01", OSP_SQL_FROM_PROGRAM, "hunter2", ""},
	{"22P02", OSP_SQL_FROM_DATA, "Token \"hunter2\" is invalid.", ""},
	{"P0001", OSP_SQL_FROM_PROGRAM, "hunter2", ""},
	{"42703",
	 OSP_SQL_FROM_TEXT,
	 "Perhaps you meant to reference the column \"t.name\".",
	 "Perhaps you meant to reference the column \"t.name\"."},
	{"55000", OSP_SQL_FROM_ELSEWHERE, "Row \"x\" has 7", "Row \"?\""},
	{NULL, OSP_SQL_FROM_ELSEWHERE, "", ""},
};

static void
test_details(void **state)
{
	const osp_sql_message_rules hiding = {.dialect = OSP_SQL_POSTGRES,
										  .hide_values = true};
	const osp_sql_message_rules open = {.dialect = OSP_SQL_POSTGRES};
	const osp_sql_message_rules masked = {.dialect = OSP_SQL_POSTGRES,
										  .masked = true};
	char space[256];
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(details) / sizeof(details[0]); i++)
	{
		const detail_case *c = &details[i];
		osp_str detail = osp_str_of(c->detail);
		osp_str found = osp_sql_detail(
			detail, c->sqlstate, c->origin, &hiding, space, sizeof(space));

		assert_int_equal(found.len, strlen(c->shown));
		assert_memory_equal(found.ptr, c->shown, found.len);
		found =
			osp_sql_detail(detail, c->sqlstate, c->origin, &hiding, space, 3);
		assert_true(found.ptr == detail.ptr || found.len <= 3);
		found = osp_sql_detail(
			detail, c->sqlstate, c->origin, &open, space, sizeof(space));
		assert_true(found.ptr == detail.ptr && found.len == detail.len);
		found = osp_sql_detail(
			detail, c->sqlstate, c->origin, &masked, space, sizeof(space));
		assert_true(found.len == 0 || found.ptr == detail.ptr);
		assert_true(found.len == 0 || strcmp(c->sqlstate, "40P01") == 0);
	}
}

/* The keys of advisory locks are constants. */
static void
test_deadlocks(void **state)
{
	const osp_sql_message_rules hiding = {.dialect = OSP_SQL_POSTGRES,
										  .hide_text = true};
	static const char *const cases[][2] = {
		{"Process 1 waits for ExclusiveLock on advisory lock [16384,0,4711,1]; "
		 "blocked by process 2.\nProcess 2 waits for ShareLock on transaction "
		 "77; blocked by process 1.",
		 "Process 1 waits for ExclusiveLock on advisory lock [?]; blocked by "
		 "process 2.\nProcess 2 waits for ShareLock on transaction 77; blocked "
		 "by process 1."},
		{"two [1,2] and [3,4]", "two [?] and [?]"},
		{"cut off [1,2", "cut off [?"},
		{"none", "none"},
	};
	char space[512];
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_str found = osp_sql_detail(osp_str_of(cases[i][0]),
									   "40P01",
									   ELSEWHERE,
									   &hiding,
									   space,
									   sizeof(space));

		assert_int_equal(found.len, strlen(cases[i][1]));
		assert_memory_equal(found.ptr, cases[i][1], found.len);
		found = osp_sql_detail(
			osp_str_of(cases[i][0]), "40P01", ELSEWHERE, &hiding, space, 5);
		assert_true(found.len <= 5);
	}
}

static void
test_quoted_strings(void **state)
{
	static const struct
	{
		const char *message;
		const char *statement;
		bool quotes;
	} cases[] = {
		{"LEAK is not a valid encoding name",
		 "CREATE DATABASE d ENCODING 'LEAK'",
		 true},
		{"LEAK is not", "SELECT E'LEAK'", true},
		{"LEAK is not", "SELECT '\\'; SELECT 'LEAK'", true},
		{"LEAK is not", "SELECT '\\''; SELECT 'LEAK'", true},
		{"it's LEAK is not", "SELECT 'it''s LEAK'", true},
		{"it's LEAK is not", "SELECT E'it\\'s LEAK'", true},
		{"abcLEAK is not", "SELECT 'abc'\n'LEAK'", true},
		{"dotted names: leak.x", "SELECT 'LEAK.x'::regclass", true},
		{"LEAK is not", "SELECT $$LEAK$$, 1", true},
		{"LEAK is not", "SELECT $a$LEAK$a$", true},
		{"a$ is not", "SELECT $a$LEAK$a$", false},
		{"LEAK is not", "SELECT \"LEAK\", leak", false},
		{"a LEAK", "SELECT 'a'", false},
		{"nothing", "SELECT '', 'LEAK'", false},
		{"LEAK", "SELECT 'LEAK", false},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(osp_sql_quotes_string(osp_str_of(cases[i].message),
											   osp_str_of(cases[i].statement),
											   OSP_SQL_POSTGRES_ANY),
						 cases[i].quotes);
}

/* Strings that are nearly in the message do not take seconds: a message that was not
 * searched for all of them counts as one that quotes one. */
static void
test_many_strings(void **state)
{
	static const char *const strings[] = {"'xy',", "'aab',", "'aaa',"};
	const size_t len = 1000000;
	const size_t message_len = 100000;
	char *text = malloc(len);
	char *message = malloc(message_len);
	size_t i;
	size_t n;

	(void) state;
	assert_non_null(text);
	assert_non_null(message);
	memset(message, 'a', message_len);
	message[1] = 'b';
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
	{
		size_t size = strlen(strings[i]);

		for (n = 0; n + size <= len; n += size)
			memcpy(text + n, strings[i], size);
		assert_int_equal(osp_sql_quotes_string(osp_str_n(message, message_len),
											   osp_str_n(text, n),
											   OSP_SQL_POSTGRES_ANY),
						 i > 0);
	}
	assert_false(osp_sql_quotes_string(OSP_STR("a short message"),
									   osp_str_n(text, len),
									   OSP_SQL_POSTGRES_ANY));
	free(message);
	free(text);
}

/* A string that is nearly in the message at each of its places costs no more. */
static void
test_long_string(void **state)
{
	const size_t len = 2000000;
	char *message = malloc(len);
	char *text = malloc(len / 2);

	(void) state;
	assert_non_null(message);
	assert_non_null(text);
	memset(message, 'a', len);
	message[1] = 'b';
	memset(text, 'a', len / 2);
	text[0] = text[len / 2 - 1] = '\'';
	text[len / 2 - 3] = 'b';
	assert_true(osp_sql_quotes_string(
		osp_str_n(message, len), osp_str_n(text, len / 2), OSP_SQL_POSTGRES));
	free(message);
	free(text);
}

/* Many names of secrets in one word have the same text behind them, which is read
 * once. With repeated reading these messages take minutes. */
static void
test_many_named_secrets(void **state)
{
	static const char *const behind[] = {" ", "=", ".", "%3d"};
	const size_t len = 1000000;
	char *message = malloc(len + 8);
	size_t i;

	(void) state;
	assert_non_null(message);
	for (i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
	{
		size_t size = strlen(behind[i]);
		size_t n;

		for (n = 0; n < len / 2; n += 5)
			memcpy(message + n, "token", 5);
		message[n++] = ' ';
		for (; n + size < len; n += size)
			memcpy(message + n, behind[i], size);
		assert_int_equal(osp_sql_before_value(osp_str_n(message, n), false).len,
						 n);
		memcpy(message + n, " : LEAK", 7);
		assert_in_range(
			osp_sql_before_value(osp_str_n(message, n + 7), true).len,
			n,
			n + 3);
	}
	free(message);
}

static void
test_places(void **state)
{
	static const char context[] =
		"SQL statement \"SELECT 'hunter2\nPL/pgSQL function hunter2'\"\n"
		"PL/pgSQL function shop.buy(integer,text[]) line 3 at SQL statement\n"
		"PL/pgSQL function f('hunter2') line 3 at RAISE\n"
		"SQL function \"total\" statement 2\n"
		"SQL function \"hunter2\n"
		"COPY t, line 3, column a: \"hunter2\"\n"
		"COPY t, line 4: \"hunter2, x: y\"\n"
		"COPY t, hunter2: 3\n"
		"while updating tuple (0,1) in relation \"t\"\n"
		"while reading 'hunter2' tuple (0,1)\n"
		"JSON data, line 1: {\"hunter2...\n"
		"unnamed portal with parameters: $1 = 'hunter2'";
	static const char places[] =
		"PL/pgSQL function shop.buy(integer,text[]) line 3 at SQL statement\n"
		"SQL function \"total\" statement 2\n"
		"COPY t, line 3, column a\n"
		"COPY t, line 4\n"
		"while updating tuple (0,1) in relation \"t\"";
	char space[512];
	osp_str found = osp_sql_places(osp_str_of(context), space, sizeof(space));

	(void) state;
	assert_int_equal(found.len, strlen(places));
	assert_memory_equal(found.ptr, places, found.len);
	found = osp_sql_places(osp_str_of(context), space, 5);
	assert_int_equal(found.len, 5);
	assert_int_equal(osp_sql_places(OSP_STR(""), space, 5).len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_messages_masked),
		cmocka_unit_test(test_messages_with_secrets),
		cmocka_unit_test(test_messages_of_sqlite),
		cmocka_unit_test(test_deadlocks),
		cmocka_unit_test(test_quoted_strings),
		cmocka_unit_test(test_many_strings),
		cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_many_named_secrets),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
