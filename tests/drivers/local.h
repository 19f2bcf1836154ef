/* SPDX-License-Identifier: Apache-2.0
 *
 * local.h
 *	  Shared by the tests of the drivers that store in a file.
 */
#ifndef TEST_LOCAL_H
#define TEST_LOCAL_H

#include "contract.h"

/* The file under test, in a directory that does not exist yet, and its connection
 * string. */
extern char local_path[256];
extern char local_uri[300];

/* Chooses a new path for each test. The connection string is prefix and the path. */
void local_reset(const char *prefix);
void local_finish(void);
const char *local_connection_string(void);

/* The id of the trace that local_stored() stores. */
extern const osp_str local_trace;

/* Opens a connection and stores count points. They are returned in *all, which this
 * function initialises. */
osp_driver_conn *local_stored(points *all, size_t count);

/*
 * Makes the file readable, but not writable, for everybody, and gives the
 * directories this mode. Since root may write everything, the process acts as
 * another user until local_read_write().
 */
void local_read_only(unsigned directory_mode);
void local_read_write(void);

#endif /* TEST_LOCAL_H */
