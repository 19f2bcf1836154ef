/* SPDX-License-Identifier: Apache-2.0
 *
 * test_findings_sqlite_locks.c
 *	  Findings about connections of SQLite that wait for each other's locks.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "findings_fixture.h"

#define BUSY(text) "\"busy\": {\"count\": 9, \"ms\": " text "}, "
#define FAILED \
	"\"etype\": \"SQLITE_BUSY\", \"message\": \"database is locked\", "
#define SHOP "/srv/a shop.db"

/* The finding names the connection that held the lock, and says how long it was idle
 * meanwhile. */
static void
test_sqlite_lock_holder(void **state)
{
	static const char *const says[4] = {
		("; the holder, process 7: INSERT INTO t VALUES (1), then idle for "
		 "1.97 s before COMMIT"),
		"\"operations\": [\"p8-1-100\", \"p7-1-20\"]",
		"Only one connection writes at a time",
		"\"holder_pid\": 7"};
	static const char *const unsaid[4] = {
		"readers and a writer", "another_file", "fuser", NULL};
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	findings_add_sqlite(
		report, 9, 1, "/srv/other.db", "BEGIN IMMEDIATE", 0, 1, "");
	findings_add_sqlite(
		report, 9, 1, "/srv/other.db", "INSERT INTO another_file", 2, 3, "");
	findings_add_sqlite(report, 7, 1, SHOP, "BEGIN", 10, 11, "");
	findings_add_sqlite(
		report, 7, 1, SHOP, "INSERT INTO t VALUES (1)", 20, 30, "");
	findings_add_sqlite(
		report, 8, 1, SHOP, "UPDATE t SET a = 2", 100, 2001, BUSY("1890"));
	findings_add_sqlite(report, 7, 1, SHOP, "COMMIT", 2000, 2001, "");
	findings_assert_says(report, says, unsaid);
}

/* The holder is another connection of the process, a transaction that was at work, or
 * one without an end. */
static void
test_sqlite_lock_holder_at_work(void **state)
{
	static const char *const says[4] = {
		"; the holder, another connection of the same process: UPDATE u SET b; "
		"its transaction lasted 1.98 s",
		NULL};
	static const char *const open_says[4] = {
		"process 7: BEGIN EXCLUSIVE, then idle for 1.99 s\"", NULL};
	static const char *const none[4] = {"then idle"};
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	findings_add_sqlite(report, 8, 2, SHOP, "BEGIN", 10, 11, "");
	findings_add_sqlite(report, 8, 2, SHOP, "UPDATE u SET b", 20, 1990, "");
	findings_add_sqlite(
		report, 8, 1, SHOP, "UPDATE t SET a = 2", 100, 2000, BUSY("1890"));
	findings_add_sqlite(report, 8, 2, SHOP, "COMMIT", 1999, 2000, "");
	findings_assert_says(report, says, none);

	report = osp_report_new(&osp_allocator_default);
	findings_add_sqlite(report, 7, 1, SHOP, "BEGIN EXCLUSIVE", 0, 10, "");
	findings_add_sqlite(
		report, 8, 1, SHOP, "SELECT a FROM t", 100, 2000, BUSY("1890"));
	findings_assert_says(
		report, open_says, (const char *const[4]){"writes at a time"});
}

/* Without a WAL, readers block a connection that commits. */
static void
test_sqlite_lock_holder_reads(void **state)
{
	static const char *const says[4] = {
		"process 7: SELECT a FROM t; its transaction lasted 1.95 s",
		"\"next_step\": \"With PRAGMA journal_mode = WAL readers and a writer"};
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	findings_add_sqlite(report, 7, 1, SHOP, "SELECT a FROM t", 50, 2000, "");
	findings_add_sqlite(report,
						8,
						1,
						SHOP,
						"COMMIT",
						100,
						2000,
						BUSY("1890") "\"journal\": \"rollback\", ");
	findings_assert_says(
		report, says, (const char *const[4]){"writes at a time"});

	report = osp_report_new(&osp_allocator_default);
	findings_add_sqlite(report, 7, 1, SHOP, "SELECT a FROM t", 50, 2000, "");
	findings_add_sqlite(report,
						8,
						1,
						SHOP,
						"COMMIT",
						100,
						2000,
						BUSY("1890") "\"journal\": \"wal\", ");
	findings_assert_says(
		report,
		(const char *const[4]){"the holder is a process or connection "
							   "that is not in this trace",
							   "fuser -v '/srv/a shop.db'"},
		(const char *const[4]){"journal_mode", "process 7"});

	/* With a WAL, a reader rarely waits for a writer. */
	report = osp_report_new(&osp_allocator_default);
	findings_add_sqlite(report, 7, 1, SHOP, "UPDATE t SET a = 2", 50, 2000, "");
	findings_add_sqlite(report,
						8,
						1,
						SHOP,
						"SELECT a FROM t",
						100,
						2000,
						BUSY("1890") "\"journal\": \"wal\", ");
	findings_assert_says(
		report,
		(const char *const[4]){
			"process 7: UPDATE t SET a = 2; its transaction lasted",
			"\"next_step\": \"Commit sooner where"},
		(const char *const[4]){"journal_mode"});
}

/* Many short transactions, attempts that fail at once, and a reader that begins to
 * write. */
static void
test_sqlite_lock_attempts(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int i;

	(void) state;
	findings_add_sqlite(
		report, 8, 1, SHOP, "UPDATE t SET a = 2", 5, 1000, BUSY("900"));
	for (i = 0; i < 9; i++)
		findings_add_sqlite(report,
							7,
							1,
							SHOP,
							"INSERT INTO t VALUES (1)",
							10 + 100 * i,
							100 + 100 * i,
							"");
	findings_assert_says(
		report,
		(const char *const[4]){
			"; meanwhile process 7 had the lock 9 times, for 810 ms in "
			"all: INSERT INTO t VALUES (1)\""},
		(const char *const[4]){NULL});

	report = osp_report_new(&osp_allocator_default);
	findings_add_sqlite(report, 7, 1, SHOP, "BEGIN IMMEDIATE", 0, 1, "");
	for (i = 0; i < 9; i++)
		findings_add_sqlite(report,
							8,
							1,
							SHOP,
							"UPDATE t SET a = 2",
							10 + 100 * i,
							11 + 100 * i,
							FAILED);
	findings_add_sqlite(report, 7, 1, SHOP, "COMMIT", 900, 901, "");
	findings_add_sqlite(report, 8, 1, SHOP, "UPDATE t SET a = 2", 910, 911, "");
	findings_assert_says(
		report,
		(const char *const[4]){
			"9 attempts failed; with the pauses up to the next attempt that "
			"took 900 ms in all.",
			"process 7: BEGIN IMMEDIATE, then idle for 899 ms before COMMIT",
			"No busy timeout is set",
			"let one connection do all the writing.\""},
		(const char *const[4]){"BEGIN IMMEDIATE: SQLite"});

	report = osp_report_new(&osp_allocator_default);
	findings_add_sqlite(report, 8, 1, SHOP, "BEGIN", 0, 1, "");
	findings_add_sqlite(report, 8, 1, SHOP, "SELECT a FROM t", 1, 2, "");
	findings_add_sqlite(report, 7, 1, SHOP, "BEGIN IMMEDIATE", 3, 4, "");
	findings_add_sqlite(
		report, 8, 1, SHOP, "UPDATE t SET a = 2", 10, 11, FAILED);
	findings_add_sqlite(
		report, 8, 1, SHOP, "UPDATE t SET a = 2", 100, 101, FAILED);
	findings_assert_says(
		report,
		(const char *const[4]){"with BEGIN IMMEDIATE: SQLite does not"},
		(const char *const[4]){"No busy timeout"});
}

/* Transactions of two processes are different ones. A database in memory is not locked
 * by others. */
static void
test_sqlite_sessions(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	findings_add_sqlite(report, 7, 1, SHOP, "BEGIN", 0, 1, "");
	findings_add_sqlite(
		report, 7, 1, SHOP, "INSERT INTO t VALUES (1)", 1, 2, "");
	findings_add_sqlite(
		report, 7, 1, SHOP, "INSERT INTO t VALUES (2)", 10, 500, "");
	findings_add_sqlite(report, 8, 1, SHOP, "SELECT 1", 300, 301, "");
	findings_add_sqlite(report, 7, 1, SHOP, "COMMIT", 501, 502, "");
	findings_add_sqlite(report, 8, 1, SHOP, "SELECT 1", 700, 701, "");
	findings_assert_says(report,
						 (const char *const[4]){"\"findings\": ["},
						 (const char *const[4]){"client_pause"});

	report = osp_report_new(&osp_allocator_default);
	findings_add_sqlite(report, 7, 1, ":memory:", "BEGIN", 0, 1, "");
	findings_add_sqlite(report, 7, 1, ":memory:", "COMMIT", 1000, 1001, "");
	findings_assert_says(report,
						 (const char *const[4]){"\"rule\": \"application\""},
						 (const char *const[4]){"held its locks"});

	report = osp_report_new(&osp_allocator_default);
	findings_add_sqlite(report, 7, 1, SHOP, "BEGIN", 0, 1, "");
	findings_add_sqlite(report, 7, 1, SHOP, "UPDATE t SET a", 501, 502, "");
	findings_add_sqlite(report, 7, 1, SHOP, "COMMIT", 602, 902, "");
	findings_assert_says(
		report,
		(const char *const[4]){"500 ms between BEGIN and UPDATE t SET a\""},
		(const char *const[4]){NULL});
}

/* The evidence of a pause is the part of it that counts: another connection worked during
 * the rest. */
static void
test_sqlite_pause_beside_work(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	findings_add_sqlite(report, 7, 1, SHOP, "BEGIN", 0, 1, "");
	findings_add_sqlite(report, 7, 1, SHOP, "UPDATE t SET a", 1, 2, "");
	findings_add_sqlite(report, 8, 1, SHOP, "SELECT 1", 300, 446, "");
	findings_add_sqlite(report, 7, 1, SHOP, "COMMIT", 802, 803, "");
	findings_assert_says(
		report,
		(const char *const[4]){
			"did something else for 654 ms while",
			"\"evidence\": \"654 ms of the 800 ms between UPDATE t SET a and "
			"COMMIT",
			"\"longest_ms\": 654.0"},
		(const char *const[4]){"\"evidence\": \"800 ms"});
}

/* If two processes wait for each other, there are two causes. If others worked during a
 * wait, the finding says how long the wait was. */
static void
test_sqlite_lock_directions(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp_buf json;
	osp_buf words;
	int i;

	(void) state;
	findings_add_sqlite(report,
						1,
						1,
						"/a.db",
						"BEGIN IMMEDIATE",
						0,
						1000,
						"\"busy\": {\"count\": 9, \"ms\": 990}, ");
	for (i = 0; i < 9; i++)
		findings_add_sqlite(report,
							2,
							1,
							"/a.db",
							"INSERT INTO t VALUES (1)",
							i * 110,
							i * 110 + 100,
							"\"changes\": 1, ");
	findings_add_sqlite(report, 1, 1, "/a.db", "COMMIT", 1990, 2000, "");
	findings_add_sqlite(
		report,
		2,
		1,
		"/a.db",
		"INSERT INTO t VALUES (1)",
		1100,
		2010,
		"\"changes\": 1, \"busy\": {\"count\": 9, \"ms\": 890}, ");
	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	assert_non_null(strstr(json.ptr,
						   "1 statement waited 990 ms for it, which counts as "
						   "550 ms of the trace, for others were at work "
						   "meanwhile."));
	assert_non_null(strstr(json.ptr, "1 statement waited 890 ms for it."));
	assert_non_null(strstr(json.ptr,
						   "BEGIN IMMEDIATE; meanwhile process 2 had the lock "
						   "9 times, for 900 ms in all: INSERT"));
	assert_non_null(strstr(json.ptr,
						   "the holder, process 1: BEGIN IMMEDIATE, then idle "
						   "for 990 ms before COMMIT"));
	assert_non_null(
		strstr(json.ptr, "commits after each row and begins again"));
	assert_null(strstr(json.ptr, "wait longer"));
	osp_buf_term(&json);
	osp_buf_term(&words);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sqlite_lock_holder),
		cmocka_unit_test(test_sqlite_lock_holder_at_work),
		cmocka_unit_test(test_sqlite_lock_holder_reads),
		cmocka_unit_test(test_sqlite_lock_attempts),
		cmocka_unit_test(test_sqlite_sessions),
		cmocka_unit_test(test_sqlite_pause_beside_work),
		cmocka_unit_test(test_sqlite_lock_directions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
