/* SPDX-License-Identifier: Apache-2.0
 *
 * local.h
 *	  What the tests of the drivers that keep a file of their own share.
 */
#ifndef TEST_LOCAL_H
#define TEST_LOCAL_H

#include "contract.h"

/* The file under test, in a directory that is not there yet, and its name as a
 * connection string. */
extern char local_path[256];
extern char local_uri[300];

/* A new place for each test: prefix, then the path, make the string. */
void local_reset(const char *prefix);
void local_finish(void);
const char *local_connection_string(void);

/* The trace of local_stored. */
extern const osp_str local_trace;

/* Stores count points, left in *all, which it initialises. */
osp_driver_conn *local_stored(points *all, size_t count);

/*
 * Lets everybody read the file, and nobody write it; directories get this mode.
 * Root may write everything, so another user goes on, until local_read_write.
 */
void local_read_only(unsigned directory_mode);
void local_read_write(void);

#endif /* TEST_LOCAL_H */
