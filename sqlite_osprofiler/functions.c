/* SPDX-License-Identifier: Apache-2.0
 *
 * functions.c
 *	  The SQL functions osprofiler_init, _start, _stop and _context.
 *
 * They give SQL the profiler that C programs have. They affect the thread that runs
 * them, and so all connections that it uses. Views and triggers may not call them: a
 * schema from somewhere else must not control the tracing.
 *
 *	  osprofiler_init(trace_info, trace_hmac)  ends the trace before; returns
 *	                                           'accepted', or why it was refused;
 *	                                           with NULLs it only ends the trace
 *	  osprofiler_start(name [, info])          1, or 0 if nothing is traced
 *	  osprofiler_stop([info])                  1, or 0 if nothing is traced
 *	  osprofiler_context()                     JSON: the active trace, or why there
 *	                                           is none
 */
#include "functions.h"

#include "osprofiler/buf.h"
#include "osprofiler/profiler.h"

#define FLAGS    (SQLITE_UTF8 | SQLITE_DIRECTONLY)
#define JSON_MAX 1024

static osp_str
text_of(sqlite3_value *value)
{
	return osp_str_of((const char *) sqlite3_value_text(value));
}

/*
 * Does this thread trace? If the environment has a context, the functions trace
 * without a call of osprofiler_init.
 */
static bool
is_tracing(void)
{
	const osp_config *config;

	if (osp_active())
		return true;
	config = osp__hook_config();
	return config != NULL && config->trace_info[0] != '\0' &&
		   osp_init_from_headers(config->trace_info,
								 config->trace_hmac,
								 NULL) == OSP_CTX_ACCEPTED;
}

static void
result_verdict(sqlite3_context *ctx, osp_verdict verdict)
{
	sqlite3_result_text(ctx, osp_verdict_name(verdict), -1, SQLITE_STATIC);
}

static void
run_init(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	osp_str info = text_of(argv[0]);
	osp_str hmac = text_of(argv[1]);

	(void) argc;
	osp_clean();
	if (info.len == 0 && hmac.len == 0)
	{
		result_verdict(ctx, OSP_CTX_NONE);
		return;
	}
	result_verdict(ctx, osp_init_from_headers(info.ptr, hmac.ptr, NULL));
}

static const char *
info_argument(int argc, sqlite3_value **argv, int at)
{
	return argc > at ? (const char *) sqlite3_value_text(argv[at]) : NULL;
}

static void
run_start(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *name = (const char *) sqlite3_value_text(argv[0]);
	bool tracing = name != NULL && *name != '\0' && is_tracing();

	if (tracing)
		osp_start(name, info_argument(argc, argv, 1));
	sqlite3_result_int(ctx, tracing ? 1 : 0);
}

static void
run_stop(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	bool tracing = osp_active();

	if (tracing)
		osp_stop(info_argument(argc, argv, 0));
	sqlite3_result_int(ctx, tracing ? 1 : 0);
}

/* Why this thread traces nothing. */
static osp_verdict
why_not(void)
{
	const osp_config *config = osp__hook_config();
	osp_context context;

	if (config == NULL || !config->enabled)
		return OSP_CTX_NO_KEYS;
	if (config->trace_info[0] == '\0')
		return OSP_CTX_NONE;
	return osp__hook_verify(osp_str_of(config->trace_info),
							osp_str_of(config->trace_hmac),
							&context);
}

static void
put_id(osp_buf *json, const char *key, const osp_id *id)
{
	char storage[OSP_ID_MAX + 1];
	osp_str text = osp_id_text(id, storage);
	size_t i;

	osp_buf_addf(json, ", \"%s\": \"", key);
	for (i = 0; i < text.len; i++)
	{
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			osp_buf_add_char(json, '\\');
		osp_buf_add_char(json, text.ptr[i]);
	}
	osp_buf_add_char(json, '"');
}

static void
run_context(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	osp__point point;
	osp_buf json;

	(void) argc;
	(void) argv;
	osp_buf_init(&json, &osp_allocator_default, JSON_MAX);
	if (osp__hook_open(&point))
	{
		osp_buf_add_str(&json, OSP_STR("{\"active\": true"));
		put_id(&json, "base_id", &point.base_id);
		put_id(&json, "parent_id", &point.parent_id);
	}
	else
		osp_buf_addf(&json,
					 "{\"active\": false, \"reason\": \"%s\"",
					 osp_verdict_text(why_not()));
	osp_buf_add_char(&json, '}');
	if (osp_buf_status(&json) == OSP_OK)
		sqlite3_result_text(ctx, json.ptr, (int) json.len, SQLITE_TRANSIENT);
	else
		sqlite3_result_error_nomem(ctx);
	osp_buf_term(&json);
}

static int
add(sqlite3 *db, const char *name, int args,
	void (*fn)(sqlite3_context *, int, sqlite3_value **))
{
	return sqlite3_create_function_v2(
		db, name, args, FLAGS, NULL, fn, NULL, NULL, NULL);
}

int
osp_sqlite__functions_add(osp_sqlite_conn *conn, void (*gone)(void *))
{
	sqlite3 *db = conn->db;
	int rc;

	/*
	 * Functions without a destructor are added first: only the last call frees
	 * conn if it fails.
	 */
	rc = add(db, "osprofiler_init", 2, run_init);
	if (rc == SQLITE_OK)
		rc = add(db, "osprofiler_start", 1, run_start);
	if (rc == SQLITE_OK)
		rc = add(db, "osprofiler_start", 2, run_start);
	if (rc == SQLITE_OK)
		rc = add(db, "osprofiler_stop", 0, run_stop);
	if (rc == SQLITE_OK)
		rc = add(db, "osprofiler_stop", 1, run_stop);
	if (rc != SQLITE_OK)
	{
		gone(conn);
		return rc;
	}
	return sqlite3_create_function_v2(db,
									  "osprofiler_context",
									  0,
									  FLAGS,
									  conn,
									  run_context,
									  NULL,
									  NULL,
									  gone);
}
