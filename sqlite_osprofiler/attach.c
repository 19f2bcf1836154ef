/* SPDX-License-Identifier: Apache-2.0
 *
 * attach.c
 *	  Makes a connection a traced one.
 *
 * The state of a connection lives as long as one of the SQL functions that are
 * registered with the connection: their destructor is the only call that SQLite
 * makes when a connection is really gone, which may be long after
 * sqlite3_close_v2.
 */
#include "attach.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/parse.h"
#include "functions.h"
#include "hook.h"
#include "sqlite_operation.h"
#include "statement_waits.h"

#define STATEMENT_MAX (32 * 1024)

void
osp_sqlite_options_init(osp_sqlite_options *options)
{
	memset(options, 0, sizeof(*options));
	options->struct_size = sizeof(*options);
	options->nested = true;
	options->triggers = true;
	options->rows = true;
	options->statistics = true;
	options->statement_max = STATEMENT_MAX;
}

/* config.c refuses lists with other words. */
void
osp_sqlite__options_from_environment(osp_sqlite_options *options)
{
	const char *value = secure_getenv("OSPROFILER_SQLITE_POINTS");
	osp_str list;

	osp_sqlite_options_init(options);
	if (value == NULL)
		return;
	list = osp_str_of(value);
	options->nested = osp_parse_has_word(list, "nested");
	options->triggers = osp_parse_has_word(list, "triggers");
	options->rows = osp_parse_has_word(list, "rows");
	options->parameters = osp_parse_has_word(list, "parameters");
	options->statistics = osp_parse_has_word(list, "statistics");
}

/*
 * Copies the options. Members that a later version adds come at the end of the
 * struct, and are off by default.
 */
static void
set_options(osp_sqlite_conn *conn, const osp_sqlite_options *options)
{
	conn->id = osp_sqlite__conn_new_id();
	osp_struct_copy(&conn->options, sizeof(conn->options), options);
	if (conn->options.statement_max == 0)
		conn->options.statement_max = STATEMENT_MAX;
}

/*
 * Names the kinds of waits that cannot be measured for this connection; empty:
 * all can.
 */
static osp_str
unmeasured(const osp_sqlite_conn *conn)
{
	if (!conn->wrapped)
		return OSP_STR("busy, syncs, pauses");
	return osp_sqlite__syncs_measured ? OSP_STR("") : OSP_STR("syncs");
}

/*
 * Encodes the file, the connection and the process, which every start record
 * has. After a fork the child overwrites the last 8 bytes, the process's
 * number, with its own.
 */
static void
set_where(osp_sqlite_conn *conn, const char *file)
{
	osp_str name =
		osp_str_of(file != NULL && *file != '\0' ? file : ":memory:");
	osp_writer w;

	osp_attrs_begin(&w, conn->where, sizeof(conn->where));
	osp_put_str(
		&w,
		OSP_STR("name"),
		osp_str_n(name.ptr, osp_utf8_prefix(name, OSP_SQLITE_FILE_MAX)));
	osp_put_u64(&w, OSP_STR("connection"), conn->number);
	if (unmeasured(conn).len > 0)
		osp_put_str(&w, OSP_STR("unmeasured"), unmeasured(conn));
	osp_put_i64(&w, OSP_STR("pid"), getpid());
	conn->where_len = osp_attrs_end(&w).len;
}

/* Reads the context of a URI: file:app.db?trace_info=...&trace_hmac=... */
static void
read_uri(osp_sqlite_conn *conn, const char *file)
{
	const char *info;
	const char *hmac;

	if (file == NULL)
		return;
	info = sqlite3_uri_parameter(file, "trace_info");
	hmac = sqlite3_uri_parameter(file, "trace_hmac");
	if (info == NULL && hmac == NULL)
		return;
	if (osp__hook_verify(osp_str_of(info), osp_str_of(hmac), &conn->context) !=
		OSP_CTX_ACCEPTED)
		return;
	conn->has_context = true;
	osp_sqlite__watch_all();
}

static const osp__listener listener = {osp_sqlite__hook_wake,
									   osp_sqlite__close_below};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init_process(void)
{
	osp_sqlite__operations_init();
	osp__hook_listen(&listener);
}

/* SQLite calls this when it frees the connection. */
static void
detach(void *ptr)
{
	osp_sqlite_conn *conn = ptr;

	osp_sqlite__close_all(conn);
	osp_sqlite__hook_forget(conn);
	osp_sqlite__conn_free(conn);
}

int
osp_sqlite__attach(sqlite3 *db, const osp_sqlite_options *options, bool wrapped)
{
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);
	int saved = errno;
	const char *file;
	int rc;

	(void) pthread_once(&once, init_process);
	if (conn == NULL)
	{
		conn = osp_sqlite__conn_new(db);
		if (conn == NULL)
			return SQLITE_NOMEM;
		conn->wrapped = wrapped;

		/* From here on SQLite frees conn by detach(), even if this call fails. */
		rc = osp_sqlite__functions_add(conn, detach);
		if (rc != SQLITE_OK)
			return rc;
		file = sqlite3_db_filename(db, "main");
		set_where(conn, file);
		read_uri(conn, file);
	}
	set_options(conn, options);
	conn->enabled = true;
	conn->live = conn->wrapped;
	rc = osp_sqlite__hook_attach(conn);
	errno = saved;
	return rc;
}
