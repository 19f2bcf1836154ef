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

	/* Empties the collector before each test; after the last test. */
	void (*reset)(void);
	void (*finish)(void);

	/* Where the collector is. */
	const char *(*connection_string)(void);

	/* For faults.h: the collector's server, and how it is started again. NULL: it has
	 * none. */
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
 * Runs the suite, then the driver's own tests, with one plan for all. Returns
 * main's result.
 */
int contract_run(const backend *b, const struct CMUnitTest *own, size_t count);

/* Ends the program as skipped, or as failed where nothing may be skipped (CI,
 * OSP_REQUIRE_ALL=1). */
int contract_skip(const char *reason);

/* Opens a connection to the backend's collector; asserts that it works. */
osp_driver_conn *contract_open(void);
osp_driver_conn *contract_open_as(const char *connection_string,
								  bool filter_error_trace, unsigned timeout_ms);
osp_driver_conn *contract_open_reader(void);

/* The options of all these, to be changed and opened. */
osp_driver_options contract_options(const char *connection_string);
osp_driver_conn *contract_open_with(const osp_driver_options *options);
void contract_close(osp_driver_conn *conn);

/* Stores all points, and asserts that all were accepted. */
void contract_store(osp_driver_conn *conn, const points *p);

/* Stores all points; asserts this result and returns its message (static). */
const char *contract_store_fails(osp_driver_conn *conn, const points *p,
								 osp_status expected);

/* Asserts that the collector's notifications of a trace are these of p, in
 * their order, byte for byte. */
void contract_expect(osp_driver_conn *conn, osp_str base_id, const points *p);

/* A test of the suite, in list_filters.c: duration, service and text of traces. */
void contract_test_filters(void **state);
void contract_test_texts(void **state);

/* The list of traces. */
void contract_list(osp_driver_conn *conn, bool errors_only, collected *out);

/* Milliseconds of a clock that only goes forward. */
long contract_now_ms(void);

#endif /* TEST_CONTRACT_H */
