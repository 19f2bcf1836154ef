/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_prepare.h
 *	  sqlite3_prepare and its variants.
 */
#ifndef OSP_SQLITE_WRAP_PREPARE_H
#define OSP_SQLITE_WRAP_PREPARE_H

/*
 * Above 0: this thread is preparing a statement. Statements that run meanwhile
 * are SQLite's own.
 */
extern __thread unsigned osp_sqlite__preparing
	__attribute__((tls_model("initial-exec")));

#endif /* OSP_SQLITE_WRAP_PREPARE_H */
