/* SPDX-License-Identifier: Apache-2.0
 *
 * codes.h
 *	  The names of SQLite's result codes.
 */
#ifndef OSP_SQLITE_CODES_H
#define OSP_SQLITE_CODES_H

/* "SQLITE_CONSTRAINT_UNIQUE"; the name of the primary code if the extended one
 * is not known; never NULL. */
const char *osp_sqlite__code_name(int rc);

#endif /* OSP_SQLITE_CODES_H */
