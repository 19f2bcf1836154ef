/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_prepare.c
 *	  sqlite3_prepare and its kin: statements that cannot be prepared are points
 *	  too, and contexts in comments are first seen here.
 */
#include "wrap_prepare.h"

#include "point.h"
#include "text.h"
#include "wrap.h"
#include "wrappers.h"

__thread unsigned osp_sqlite__preparing = 0;

/* What was handed over to be prepared; UTF-16 if utf8 is not set. */
typedef struct source
{
	const void *sql;
	int len; /* negative: up to the NUL */
	bool utf8;
} source;

/* When it began; 0: nobody wants to know. */
static int64_t
begin(void)
{
	osp_sqlite__preparing++;
	return osp__hook_tracing() ? osp_mono_now() : 0;
}

static osp_str
utf8_of(const source *from)
{
	const char *text = from->sql;

	if (text == NULL)
		return OSP_STR("");
	return osp_str_n(
		text, from->len < 0 ? strlen(text) : strnlen(text, (size_t) from->len));
}

/* The ASCII of a UTF-16 text, enough to say which statement it was. */
static osp_str
ascii_of_utf16(const source *from, char *out, size_t size)
{
	const uint16_t *unit = from->sql;
	size_t max = from->len < 0 ? size : (size_t) from->len / 2;
	size_t len = 0;

	while (unit != NULL && len < size && len < max && unit[len] != 0)
	{
		out[len] = unit[len] < 0x80 ? (char) unit[len] : '?';
		len++;
	}
	return osp_str_n(out, len);
}

static void
record_failure(sqlite3 *db, const source *from, int64_t start_ns, int rc)
{
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);
	char ascii[512];
	char *message;
	int extended;

	if (conn == NULL || !conn->enabled || !conn->wrapped ||
		(osp__depth.sqlite > 0 && !conn->options.nested))
		return;
	sqlite3_mutex_enter(sqlite3_db_mutex(db));
	extended = sqlite3_extended_errcode(db);
	message = sqlite3_mprintf("%s", sqlite3_errmsg(db));
	sqlite3_mutex_leave(sqlite3_db_mutex(db));
	osp_sqlite__failed_prepare(
		conn,
		from->utf8 ? utf8_of(from) : ascii_of_utf16(from, ascii, sizeof(ascii)),
		start_ns,
		(extended & 0xff) == (rc & 0xff) ? extended : rc,
		message);
	sqlite3_free(message);
}

static int
end(sqlite3 *db, const source *from, int64_t start_ns, int rc)
{
	bool inner = --osp_sqlite__preparing > 0;
	osp_sqlite_conn *conn;

	if (OSP_UNLIKELY(rc != SQLITE_OK) && start_ns != 0 && !inner)
		record_failure(db, from, start_ns, rc);

	/* A handle may have come to lie where another one was. */
	if (osp_sqlite__is_watched())
	{
		conn = osp_sqlite__conn_find(db);
		if (conn != NULL)
			(void) __atomic_fetch_add(&conn->prepared, 1, __ATOMIC_RELAXED);
	}

	/* From now on the texts of statements are looked at. */
	if (OSP_LIKELY(rc == SQLITE_OK) && from->utf8 && osp_sqlite__watch == 0 &&
		from->sql != NULL && osp_sqlite__may_have_context(utf8_of(from)))
		osp_sqlite__watch_all();
	return rc;
}

int
osp_sqlite__prepare(sqlite3 *db, const char *sql, int len, sqlite3_stmt **stmt,
					const char **tail)
{
	source from = {sql, len, true};
	int64_t start_ns = begin();

	return end(db,
			   &from,
			   start_ns,
			   osp_sqlite__real()->prepare(db, sql, len, stmt, tail));
}

int
osp_sqlite__prepare_v2(sqlite3 *db, const char *sql, int len,
					   sqlite3_stmt **stmt, const char **tail)
{
	source from = {sql, len, true};
	int64_t start_ns = begin();

	return end(db,
			   &from,
			   start_ns,
			   osp_sqlite__real()->prepare_v2(db, sql, len, stmt, tail));
}

int
osp_sqlite__prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
					   sqlite3_stmt **stmt, const char **tail)
{
	source from = {sql, len, true};
	int64_t start_ns = begin();

	return end(db,
			   &from,
			   start_ns,
			   osp_sqlite__real()->prepare_v3(db, sql, len, flags, stmt, tail));
}

int
osp_sqlite__prepare16(sqlite3 *db, const void *sql, int len,
					  sqlite3_stmt **stmt, const void **tail)
{
	source from = {sql, len, false};
	int64_t start_ns = begin();

	return end(db,
			   &from,
			   start_ns,
			   osp_sqlite__real()->prepare16(db, sql, len, stmt, tail));
}

int
osp_sqlite__prepare16_v2(sqlite3 *db, const void *sql, int len,
						 sqlite3_stmt **stmt, const void **tail)
{
	source from = {sql, len, false};
	int64_t start_ns = begin();

	return end(db,
			   &from,
			   start_ns,
			   osp_sqlite__real()->prepare16_v2(db, sql, len, stmt, tail));
}

int
osp_sqlite__prepare16_v3(sqlite3 *db, const void *sql, int len, unsigned flags,
						 sqlite3_stmt **stmt, const void **tail)
{
	source from = {sql, len, false};
	int64_t start_ns = begin();

	return end(
		db,
		&from,
		start_ns,
		osp_sqlite__real()->prepare16_v3(db, sql, len, flags, stmt, tail));
}

OSP_SQLITE_EXPORT(prepare);
OSP_SQLITE_EXPORT(prepare_v2);
OSP_SQLITE_EXPORT(prepare_v3);
OSP_SQLITE_EXPORT(prepare16);
OSP_SQLITE_EXPORT(prepare16_v2);
OSP_SQLITE_EXPORT(prepare16_v3);
