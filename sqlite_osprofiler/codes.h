/* SPDX-License-Identifier: Apache-2.0
 *
 * codes.h
 *	  The names of SQLite's result codes.
 */
#ifndef OSP_SQLITE_CODES_H
#define OSP_SQLITE_CODES_H

/*
 * Returns a name such as "SQLITE_CONSTRAINT_UNIQUE". If an extended code is not
 * known, returns the name of its primary code; never NULL.
 */
const char *osp_sqlite__code_name(int rc);

#endif /* OSP_SQLITE_CODES_H */
