/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_cache.h
 *	  The facts that a thread remembers about the statements that it ran last.
 *
 * A prepared statement has the same start record each time, so the record is
 * kept as a template, together with facts derived from the text. An entry is
 * found by the handle, and then its text is compared: the handle may have been
 * finalized, and another one may have the same address. If the wrappers see all
 * preparations, one comparison is enough until the next preparation. Entries
 * belong to their thread, so nothing is locked.
 */
#ifndef OSP_SQLITE_KNOWN_H
#define OSP_SQLITE_KNOWN_H

#include "sqlite_conn.h"

/* The number of entries of a thread, and the longest text that gets one. */
#define OSP_SQLITE_KNOWN_BITS 5
#define OSP_SQLITE_KNOWN_TEXT 2048

typedef struct osp_sqlite_known
{
	const sqlite3_stmt *stmt;
	uint64_t conn_id;
	const char *text;
	const char *sql;   /* the address of SQLite's copy */
	uint64_t prepared; /* the connection's count at the last comparison */
	bool masked;       /* the text may contain a secret */
	bool control;      /* it only calls our functions: not traced */
	bool columns;      /* these four as in osp_sqlite_stmt */
	bool writes;
	bool fires;
	bool values;
	osp_template start;
	size_t capacity; /* of space: the template, then the text */
	uint64_t space[];
} osp_sqlite_known;

typedef struct osp_sqlite_known_table
{
	osp_sqlite_known *entries[1 << OSP_SQLITE_KNOWN_BITS];
} osp_sqlite_known_table;

extern __thread osp_sqlite_known_table *osp_sqlite__known_table
	__attribute__((tls_model("initial-exec")));

/* Makes the entry of a statement; NULL: it gets none. */
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

/*
 * Finds or makes the statement's entry; NULL: it gets none, and may have a
 * context in its text.
 */
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
