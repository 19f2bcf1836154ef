/* SPDX-License-Identifier: Apache-2.0
 *
 * contract.h
 *	  The suite that every driver has to pass, and what a driver's own tests
 *	  share with it.
 */
#ifndef TEST_CONTRACT_H
#define TEST_CONTRACT_H

#include "stored_points.h"
#include "tap.h"

/* A driver under test, and a collector for it. */
typedef struct backend
{
	const char *name;
	const osp_driver *driver;

	/* reset() is called before each test, and empties the collector; finish() is called
	 * after the last test. */
	void (*reset)(void);
	void (*finish)(void);

	/* Returns the connection string of the collector. */
	const char *(*connection_string)(void);

	/* For faults.h: the collector's server, and the function that starts it again.
	 * NULL: the collector has no server. */
	struct script_server *server;
	void (*start)(void);

	/* Connection strings that open refuses, NULL at the end. */
	const char *const *bad_strings;

	/* The driver makes fewer than four allocations to open, store and read. */
	bool allocates_little;
} backend;

#define TIMEOUT_MS 2000

extern const backend *contract_backend;

/*
 * Runs the suite, then the driver's own tests, as one TAP plan. Returns the result
 * for main().
 */
int contract_run(const backend *b, const struct CMUnitTest *own, size_t count);

/* Ends the program as skipped, or as failed if no test may be skipped (CI,
 * OSP_REQUIRE_ALL=1). */
int contract_skip(const char *reason);

/* Opens a connection to the backend's collector; asserts that it works. */
osp_driver_conn *contract_open(void);
osp_driver_conn *contract_open_as(const char *connection_string,
								  bool filter_error_trace, unsigned timeout_ms);
osp_driver_conn *contract_open_reader(void);

/* Returns the options that the functions above use. The caller may change them, and
 * open a connection with contract_open_with(). */
osp_driver_options contract_options(const char *connection_string);
osp_driver_conn *contract_open_with(const osp_driver_options *options);
void contract_close(osp_driver_conn *conn);

/* Stores all points, and asserts that all were accepted. */
void contract_store(osp_driver_conn *conn, const points *p);

/* Stores all points; asserts this result and returns its message (static). */
const char *contract_store_fails(osp_driver_conn *conn, const points *p,
								 osp_status expected);

/* Asserts that the collector returns exactly the notifications in p for this trace: the
 * same bytes, in the same order. */
void contract_expect(osp_driver_conn *conn, osp_str base_id, const points *p);

/* A test of the suite (list_filters.c): filters by duration, service and text. */
void contract_test_filters(void **state);
void contract_test_texts(void **state);

/* Adds the list of traces to out. */
void contract_list(osp_driver_conn *conn, bool errors_only, collected *out);

/* The time of a monotonic clock in milliseconds. */
long contract_now_ms(void);

#endif /* TEST_CONTRACT_H */
