/* SPDX-License-Identifier: Apache-2.0
 *
 * store_tests.h
 *	  Shared by the tests of the sqlite driver. local_path is the path of the store.
 */
#ifndef TEST_STORE_TESTS_H
#define TEST_STORE_TESTS_H

#include <sqlite3.h>

#include "local.h"

extern const osp_driver osp_driver_sqlite;

/* Makes an empty store without limits of age and size. */
void store_reset(void);

/* Opens the store with these options, for example "?keep=7d". */
osp_driver_conn *store_open_with(const char *options);

/* Executes SQL without the driver. The connection stays open. */
sqlite3 *store_sql(const char *sql);

/* Asserts the value of the first column of the first row. */
void store_expect_sql(const char *sql, const char *expected);

/* Returns that value as a number. */
long store_sql_number(const char *sql);

/* Asserts that a kill or a loss of power has not damaged the store. */
void store_check_integrity(void);

osp_status store_get(osp_driver_conn *conn, osp_str base_id, collected *got,
					 osp_error *err);

/* Reads a trace, and asserts that this fails with this status. Returns the message
 * (static). */
const char *store_get_fails(osp_driver_conn *conn, osp_str base_id,
							osp_status expected);

/* Stores traces of two points each, named "PREFIX-NUMBER", in batches of 500. Their
 * times are one second apart; the first one is first_s seconds after 1970. */
void store_fill(osp_driver_conn *conn, const char *prefix, unsigned count,
				int64_t first_s);

/* Appends a point with this time, and without a source. */
void store_add_at(points *p, osp_str base_id, unsigned number, int64_t wall_ns);

uint64_t store_remove(osp_driver_conn *conn, const char *base_id,
					  int64_t older_than_ns);

/* ---- the groups of tests ---- */

extern const struct CMUnitTest store_lists[];
extern const size_t store_lists_count;
extern const struct CMUnitTest store_removals[];
extern const size_t store_removals_count;
extern const struct CMUnitTest store_crashes[];
extern const size_t store_crashes_count;
extern const struct CMUnitTest store_olds[];
extern const size_t store_olds_count;

#endif /* TEST_STORE_TESTS_H */
