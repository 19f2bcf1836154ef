/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h
 *	  A traced connection, and functions of the tests for it.
 *
 * The tests of statements are built twice: linked with the library, where its
 * wrappers see every call, and (TEST_BY_HOOK) with the run-time extension, where
 * SQLite's trace hook is all there is.
 */
#ifndef TEST_SQLITE_FIXTURE_H
#define TEST_SQLITE_FIXTURE_H

#include "tap.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collect.h"
#include "osprofiler/profiler.h"
#include "osprofiler/sqlite.h"

#define BASE "5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20"
#define KEY  "SECRET_KEY"

#ifdef TEST_BY_HOOK
#define BY_HOOK true
#else
#define BY_HOOK false
#endif

/* The expected tree if the wrappers and the hook record different ones, as
 * docs/sqlite.md describes. */
#define EXPECT(wrapped, hook) (BY_HOOK ? (hook) : (wrapped))

/* The connection of the test, to a database in memory. */
extern sqlite3 *db;

/* Traces a connection, by the wrappers or by the hook. */
void attach(sqlite3 *conn);

/* Opens and traces another connection, to this file; URI names are allowed. */
sqlite3 *open_file(const char *name);

/* For cmocka: open a connection and begin a trace before a test, and end both after
 * it. */
int set_up(void **state);
int tear_down(void **state);

/* Prepares a statement. Fails the test if that is not possible. */
sqlite3_stmt *prepare(const char *sql);

/* Executes statements. Fails the test if the result is not rc. */
void execute(const char *sql, int rc);

/* Asserts that the operations so far are this tree. */
void expect_tree(const char *expected);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif /* TEST_SQLITE_FIXTURE_H */
