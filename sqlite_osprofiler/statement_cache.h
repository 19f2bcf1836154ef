/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_cache.h
 *	  What a thread knows of the statements that it ran last.
 *
 * A prepared statement says the same at every start, so the record is kept as a
 * template, with what the text tells. An entry is found by the handle and then
 * compared with the text: a handle may have been finalized, and another one have
 * come to lie at its address. Where the wrappers see all that is prepared, once
 * is enough until something is. Entries belong to their thread: nothing is locked.
 */
#ifndef OSP_SQLITE_KNOWN_H
#define OSP_SQLITE_KNOWN_H

#include "sqlite_conn.h"

/* Entries of a thread; a text that is longer than this has none. */
#define OSP_SQLITE_KNOWN_BITS 5
#define OSP_SQLITE_KNOWN_TEXT 2048

typedef struct osp_sqlite_known
{
	const sqlite3_stmt *stmt;
	uint64_t conn_id;
	const char *text;
	const char *sql;   /* where SQLite keeps it */
	uint64_t prepared; /* the connection's, when it was compared last */
	bool masked;       /* it may hold a secret */
	bool control;      /* it only calls our functions: not traced */
	bool columns;      /* as in osp_sqlite_stmt */
	bool writes;
	bool fires;
	bool values;
	osp_template start;
	size_t capacity; /* of what follows: the template, then the text */
	uint64_t space[];
} osp_sqlite_known;

typedef struct osp_sqlite_known_table
{
	osp_sqlite_known *entries[1 << OSP_SQLITE_KNOWN_BITS];
} osp_sqlite_known_table;

extern __thread osp_sqlite_known_table *osp_sqlite__known_table
	__attribute__((tls_model("initial-exec")));

/* Makes the entry; NULL: this statement gets none. */
const osp_sqlite_known *osp_sqlite__known_make(const osp_sqlite_conn *conn,
											   sqlite3_stmt *stmt,
											   const char *text);

static inline size_t
osp_sqlite__known_slot(const sqlite3_stmt *stmt)
{
	return ((uintptr_t) stmt >> 4) * UINT64_C(0x9e3779b97f4a7c15) >>
		   (64 - OSP_SQLITE_KNOWN_BITS);
}

static inline uint64_t
osp_sqlite__prepared(const osp_sqlite_conn *conn)
{
	return __atomic_load_n(&conn->prepared, __ATOMIC_RELAXED);
}

/* The statement's entry; NULL: it has none, and may hold a context. */
static inline const osp_sqlite_known *
osp_sqlite__known(const osp_sqlite_conn *conn, sqlite3_stmt *stmt,
				  const char *text)
{
	const osp_sqlite_known_table *table = osp_sqlite__known_table;
	osp_sqlite_known *known;

	if (OSP_UNLIKELY(table == NULL))
		return osp_sqlite__known_make(conn, stmt, text);
	known = table->entries[osp_sqlite__known_slot(stmt)];
	if (OSP_UNLIKELY(known == NULL || known->stmt != stmt ||
					 known->conn_id != conn->id))
		return osp_sqlite__known_make(conn, stmt, text);
	if (OSP_LIKELY(known->sql == text && conn->wrapped &&
				   known->prepared == osp_sqlite__prepared(conn)))
		return known;
	if (strcmp(known->text, text) != 0)
		return osp_sqlite__known_make(conn, stmt, text);
	known->sql = text;
	known->prepared = osp_sqlite__prepared(conn);
	return known;
}

#endif /* OSP_SQLITE_KNOWN_H */
