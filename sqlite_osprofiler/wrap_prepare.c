/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_prepare.c
 *	  sqlite3_prepare and its variants. A statement that cannot be prepared is a
 *	  point, too, as is a preparation that had to wait for a lock. Contexts in
 *	  comments are first noticed here.
 */
#include "wrap_prepare.h"

#include "sqlite_home.h"
#include "sqlite_operation.h"
#include "statement_kind.h"
#include "statement_waits.h"
#include "wrappers.h"

__thread unsigned osp_sqlite__preparing = 0;

/* The text that is to be prepared; in UTF-16 if utf8 is false. */
typedef struct source
{
	const void *sql;
	int len; /* negative: up to the NUL */
	bool utf8;
} source;

static osp_str
utf8_of(const source *from)
{
	const char *text = from->sql;

	if (text == NULL)
		return OSP_STR("");
	return osp_str_n(
		text, from->len < 0 ? strlen(text) : strnlen(text, (size_t) from->len));
}

/*
 * Copies the ASCII characters of a UTF-16 text, which is enough to recognise
 * the statement.
 */
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

/* The time and the waits of a call. */
typedef struct preparing
{
	int64_t start_ns; /* 0: it is not measured */
	osp_sqlite_waits waits;
	osp_sqlite_waits *outer; /* where waits were collected before */
} preparing;

static void
begin(preparing *now)
{
	osp_sqlite__preparing++;
	now->start_ns = osp__hook_tracing() ? osp__hook_now() : 0;
	if (now->start_ns != 0)
		now->outer = osp_sqlite__collect_begin(&now->waits);
}

/* Records a call that failed, or that waited for a lock to read the schema. */
static void
record(sqlite3 *db, const source *from, const preparing *now, int rc)
{
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);
	osp_sqlite_preparation done = {.start_ns = now->start_ns,
								   .waits = now->waits};
	char ascii[512];
	char *message = NULL;

	if (conn == NULL || !conn->enabled || !conn->wrapped ||
		(osp__depth.sqlite > 0 && !conn->options.nested))
		return;
	if (rc != SQLITE_OK)
	{
		int extended;

		sqlite3_mutex_enter(sqlite3_db_mutex(db));
		extended = sqlite3_extended_errcode(db);
		message = sqlite3_mprintf("%s", sqlite3_errmsg(db));
		sqlite3_mutex_leave(sqlite3_db_mutex(db));
		done.rc = (extended & 0xff) == (rc & 0xff) ? extended : rc;
	}
	done.text =
		from->utf8 ? utf8_of(from) : ascii_of_utf16(from, ascii, sizeof(ascii));
	done.message = message;
	osp_sqlite__preparation(conn, &done);
	sqlite3_free(message);
}

static int
end(sqlite3 *db, const source *from, const preparing *now, int rc)
{
	bool inner = --osp_sqlite__preparing > 0;
	osp_sqlite_conn *conn;

	if (now->start_ns != 0)
	{
		osp_sqlite__collect_end(now->outer);
		if (OSP_UNLIKELY(rc != SQLITE_OK || now->waits.busy.count > 0) &&
			!inner)
			record(db, from, now, rc);
	}

	/* The new handle may have the address of an earlier one. */
	conn = osp_sqlite__conn_find(db);
	if (conn != NULL)
		(void) __atomic_fetch_add(&conn->prepared, 1, __ATOMIC_RELAXED);

	/* From now on the texts of all statements are checked for a context. */
	if (OSP_LIKELY(rc == SQLITE_OK) && from->utf8 && osp_sqlite__watch == 0 &&
		from->sql != NULL && osp_sql_may_have_context(utf8_of(from)))
		osp_sqlite__watch_all();
	return rc;
}

/*
 * Wraps a function of this family. unit is the type of the text, char or void;
 * utf8 says whether it is UTF-8; the flags macros are for variants that have
 * flags after the length.
 */
#define WRAP(name, unit, utf8, flags_parameter, flags_argument)          \
	int osp_sqlite__##name(sqlite3 *db,                                  \
						   const unit *sql,                              \
						   int len,                                      \
						   flags_parameter sqlite3_stmt **stmt,          \
						   const unit **tail)                            \
	{                                                                    \
		const osp_sqlite_real *real = OSP_SQLITE_REAL();                 \
		source from = {sql, len, utf8};                                  \
		preparing now;                                                   \
                                                                         \
		if (OSP_UNLIKELY(real != &osp_sqlite__home))                     \
			return real->name(db, sql, len, flags_argument stmt, tail);  \
		begin(&now);                                                     \
		return end(db,                                                   \
				   &from,                                                \
				   &now,                                                 \
				   real->name(db, sql, len, flags_argument stmt, tail)); \
	}                                                                    \
	OSP_SQLITE_EXPORT(name)

#define NONE
#define FLAGS_PARAMETER unsigned flags,
#define FLAGS_ARGUMENT  flags,

WRAP(prepare, char, true, NONE, NONE);
WRAP(prepare_v2, char, true, NONE, NONE);
WRAP(prepare_v3, char, true, FLAGS_PARAMETER, FLAGS_ARGUMENT);
WRAP(prepare16, void, false, NONE, NONE);
WRAP(prepare16_v2, void, false, NONE, NONE);
WRAP(prepare16_v3, void, false, FLAGS_PARAMETER, FLAGS_ARGUMENT);
