/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_operation.c
 *	  The points of statements: which trace they belong to, and which facts they
 *	  record.
 *
 * The context of a statement is the first one that exists of: that of a comment
 * in its text; the statement it runs in; the application's own point, open in
 * this thread; that of the database's URI; that of the environment.
 */
#include "sqlite_operation.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codes.h"
#include "fast.h"
#include "osprofiler/profiler.h"
#include "statement_kind.h"
#include "statement_waits.h"

#define TRIGGER_NAME OSP_STR("sqlite.trigger")

/* The space that a record needs besides its texts. */
#define START_EXTRA 64
#define STOP_EXTRA  448
#define MESSAGE_MAX 1024

/* How many bytes the end of an object takes. */
#define END_LEN 2

/*
 * The length to which a statement is cut for a second attempt, if there was no
 * room for it.
 */
#define SHORT_STATEMENT 512

bool
osp_sqlite__has_comment_context(osp_str text)
{
	osp_sql_context found;

	return osp_sql_may_have_context(text) &&
		   osp_sql_comment_find(text, OSP_SQL_SQLITE, &found);
}

/* Sets the ids and the time of a point that begins now; false: it is not traced. */
static bool
open_point(const osp_sqlite_conn *conn, osp_str text, osp__point *point)
{
	osp_context context;

	if (OSP_UNLIKELY(osp_sql_may_have_context(text)) &&
		osp__hook_comment(text, OSP_SQL_SQLITE, &context) == OSP_CTX_ACCEPTED)
		return osp__hook_open_in(point, &context);
	if (OSP_UNLIKELY(conn->has_context) && osp__depth.sqlite == 0 &&
		!osp_active())
		return osp__hook_open_in(point, &conn->context);
	return osp__hook_open(point);
}

static osp_str
cut(osp_str text, size_t max)
{
	return osp_str_n(text.ptr, osp_utf8_prefix(text, max));
}

static void
put_start(osp_writer *w, const osp_sqlite_conn *conn, osp_str text,
		  osp_str expanded)
{
	osp_put_object(w, OSP_STR("db"));
	osp_put_str(w, OSP_STR("statement"), text);
	if (expanded.len > 0)
		osp_put_str(w, OSP_STR("expanded"), expanded);
	osp_put_encoded(w, osp_str_n(conn->where, conn->where_len));
	osp_put_end(w);
}

__thread osp_sqlite_stmt *osp_sqlite__innermost = NULL;

/* Does this run inside a statement that has parameters? */
static bool
is_within_values(void)
{
	return osp_sqlite__innermost != NULL && osp_sqlite__innermost->values;
}

/*
 * Are strings left out of this text, which SQLite could not parse? Its message may
 * quote one: near "'secret'". SQLite takes "secret" for a string as well.
 */
static bool
hides_strings(osp_str text)
{
	return (memchr(text.ptr, '\'', text.len) != NULL ||
			memchr(text.ptr, '"', text.len) != NULL) &&
		   !osp_sql_is_query(text, OSP_SQL_SQLITE);
}

/*
 * Returns a statement in the form in which it may be recorded; the caller frees
 * space afterwards. A statement inside another one is masked if that one is. It
 * may have been built from the value of a parameter, as is the PRAGMA that
 * pragma_table_info(?) runs.
 */
static osp_str
recorded(const osp_sqlite_conn *conn, osp_str text, bool broken, bool *masked,
		 osp_sql_space *space)
{
	const osp_sqlite_stmt *outer = osp_sqlite__innermost;
	size_t max = conn->options.statement_max;
	osp_sql_recording how = {.dialect = OSP_SQL_SQLITE,
							 .broken = broken,
							 .masked = outer != NULL && outer->point.masked,
							 .built = is_within_values()};
	osp_sql_recorded out;

	osp__hook_record(text, how, max, space, &out);
	*masked = out.masked || (OSP_UNLIKELY(broken) && hides_strings(text));
	return cut(out.text, max);
}

osp_str
osp_sqlite__start_attributes(const osp_sqlite_conn *conn, osp_str text,
							 void *space, size_t size, bool *masked)
{
	osp_sql_space changed = {NULL, 0};
	osp_writer w;

	osp_attrs_begin(&w, space, size);
	put_start(
		&w, conn, recorded(conn, text, false, masked, &changed), OSP_STR(""));
	osp_sql_space_free(&changed);
	return osp_attrs_end(&w);
}

static bool
write_start(const osp_sqlite_conn *conn, const osp__point *point, osp_str text,
			osp_str expanded)
{
	size_t max = START_EXTRA + text.len + expanded.len + conn->where_len;
	osp_writer w;

	if (!osp__hook_begin(
			point, OSP_RECORD_START, OSP_SQLITE_NAME, point->start_ns, max, &w))
		return false;
	put_start(&w, conn, text, expanded);
	osp__hook_commit(&w);
	return true;
}

/*
 * Returns the statement with its parameters filled in by SQLite, if that is
 * wanted; freed by the caller.
 */
static char *
expand(const osp_sqlite_conn *conn, sqlite3_stmt *stmt)
{
	const osp_config *config;

	if (OSP_LIKELY(!conn->options.parameters || stmt == NULL))
		return NULL;
	config = osp__hook_config();
	if (config != NULL && config->statement_text != OSP_STATEMENT_FULL)
		return NULL;
	return sqlite3_expanded_sql(stmt);
}

/* Writes the start, with a shorter text if there is no room for the whole text. */
static bool
write_recorded(const osp_sqlite_conn *conn, const osp__point *point,
			   osp_str text, osp_str expanded)
{
	return OSP_LIKELY(write_start(conn, point, text, expanded)) ||
		   (text.len > SHORT_STATEMENT &&
			write_start(conn, point, cut(text, SHORT_STATEMENT), OSP_STR("")));
}

/* Writes the start of a statement with the values of its parameters. */
static bool
record_expanded(const osp_sqlite_conn *conn, osp__point *point, osp_str text,
				const char *expanded)
{
	osp_sql_space space = {NULL, 0};
	bool masked;
	osp_str values =
		recorded(conn, osp_str_of(expanded), false, &masked, &space);
	bool done;

	point->masked |= masked;
	done =
		write_recorded(conn, point, text, point->masked ? OSP_STR("") : values);
	osp_sql_space_free(&space);
	return done;
}

/* Records the start of a statement; broken: it could not be parsed. */
static bool
record_start(const osp_sqlite_conn *conn, osp__point *point, sqlite3_stmt *stmt,
			 osp_str sql, bool broken)
{
	osp_sql_space space = {NULL, 0};
	osp_str text = recorded(conn, sql, broken, &point->masked, &space);
	char *expanded = expand(conn, stmt);
	bool done;

	if (OSP_LIKELY(expanded == NULL))
		done = write_recorded(conn, point, text, OSP_STR(""));
	else
	{
		done = record_expanded(conn, point, text, expanded);
		sqlite3_free(expanded);
	}
	osp_sql_space_free(&space);
	return done;
}

/* Records the start again with a shorter text, after there was no room for it. */
static bool
record_short(const osp_sqlite_conn *conn, osp__point *point, osp_str sql)
{
	osp_sql_space space = {NULL, 0};
	osp_str text = recorded(conn, sql, false, &point->masked, &space);
	bool is_short = text.len <= SHORT_STATEMENT;
	bool done =
		!is_short &&
		write_start(conn, point, cut(text, SHORT_STATEMENT), OSP_STR(""));

	/*
	 * The stop will be missing, too, so it is counted as dropped. If there was
	 * a second attempt, its failure has been counted in place of the stop.
	 */
	if (is_short)
		osp__hook_drop_stop(point);
	osp_sql_space_free(&space);
	return done;
}

bool
osp_sqlite__start_again(osp_sqlite_conn *conn, osp_sqlite_stmt *st,
						const char *text, bool was_dropped)
{
	osp_str sql = osp_str_of(text);
	bool done = was_dropped ? record_short(conn, &st->point, sql)
							: record_start(conn, &st->point, NULL, sql, false);

	if (!done)
	{
		if (!was_dropped)
			osp__hook_drop_stop(&st->point);
		osp_sqlite__stmt_free(st);
	}
	return done;
}

bool
osp_sqlite__may_be_traced(const osp_sqlite_conn *conn, const char *text)
{
	return osp__hook_tracing() || conn->has_context ||
		   osp_sql_may_have_context(osp_str_of(text));
}

osp_sqlite_stmt *
osp_sqlite__start(osp_sqlite_conn *conn, sqlite3_stmt *stmt, const char *text)
{
	osp_str sql = osp_str_of(text);
	osp_sqlite_stmt *st;

	/* A statement without a text is SQLite's own, which reads the schema. */
	if (OSP_UNLIKELY(text == NULL || osp_sqlite__is_control(sql)))
		return NULL;
	st = osp_sqlite__stmt_new();
	if (OSP_UNLIKELY(st == NULL))
		return NULL;
	if (!open_point(conn, sql, &st->point))
	{
		osp_sqlite__stmt_free(st);
		return NULL;
	}
	if (!record_start(conn, &st->point, stmt, sql, false))
	{
		osp__hook_drop_stop(&st->point);
		osp_sqlite__stmt_free(st);
		return NULL;
	}
	st->columns = sqlite3_column_count(stmt) > 0;
	st->fires = sqlite3_stmt_readonly(stmt) == 0;
	st->writes = st->fires && osp_sqlite__changes_rows(sql);
	st->values = sqlite3_bind_parameter_count(stmt) > 0 || is_within_values();
	osp_sqlite__stmt_set(st, conn, stmt);
	return st;
}

int64_t
osp_sqlite__changes(sqlite3 *db)
{
#if SQLITE_VERSION_NUMBER >= OSP_SQLITE_CHANGES64
	if (sqlite3_libversion_number() >= OSP_SQLITE_CHANGES64)
		return sqlite3_changes64(db);
#endif
	return sqlite3_changes(db);
}

static void
put_status(osp_writer *w, const int status[OSP_SQLITE_STATUS_COUNT])
{
	osp_put_object(w, OSP_STR("stats"));
	osp_put_i64(w, OSP_STR("vm_steps"), status[OSP_SQLITE_VM]);
	if (status[OSP_SQLITE_FULLSCAN] > 0)
		osp_put_i64(w, OSP_STR("fullscan_steps"), status[OSP_SQLITE_FULLSCAN]);
	if (status[OSP_SQLITE_SORT] > 0)
		osp_put_i64(w, OSP_STR("sorts"), status[OSP_SQLITE_SORT]);
	if (status[OSP_SQLITE_AUTOINDEX] > 0)
		osp_put_i64(w, OSP_STR("autoindex_rows"), status[OSP_SQLITE_AUTOINDEX]);
	osp_put_end(w);
}

static void
put_outcome(osp_writer *w, const osp_sqlite_result *result, osp_str message)
{
	if (OSP_UNLIKELY(osp_sqlite__is_error(result->rc)))
	{
		osp_put_str(
			w, OSP_STR("etype"), osp_str_of(osp_sqlite__code_name(result->rc)));
		osp_put_str(w, OSP_STR("message"), message);
		return;
	}
	if (result->outcome == OSP_SQLITE_RESET)
		osp_put_str(w, OSP_STR("outcome"), OSP_STR("reset"));
	else if (OSP_UNLIKELY(result->outcome == OSP_SQLITE_LEFT_OPEN))
		osp_put_str(w, OSP_STR("outcome"), OSP_STR("open"));
}

osp_sqlite_stop osp_sqlite__stops[8];

static void
make_stop(osp_sqlite_stop *stop, bool changes, bool status, bool reset)
{
	osp_sqlite_result result = {.outcome = reset ? OSP_SQLITE_RESET
												 : OSP_SQLITE_RETURNED};
	char space[sizeof(stop->space)];
	osp_writer w;

	osp_attrs_begin(&w, space, sizeof(space));
	if (changes)
		osp_put_i64(&w, OSP_STR("changes"), 0);
	else
		osp_put_u64(&w, OSP_STR("rows"), 0);
	if (status)
	{
		put_status(&w, result.status);

		/* The only value ends just before the end of the object. */
		stop->vm_at = sizeof(osp_record_head) + 2 * sizeof(osp_uuid) +
					  OSP_SQLITE_NAME.len + (size_t) (w.pos - w.start) -
					  END_LEN - sizeof(int64_t);
	}
	put_outcome(&w, &result, OSP_STR(""));
	(void) !osp_template_make(&stop->template,
							  stop->space,
							  sizeof(stop->space),
							  OSP_RECORD_STOP,
							  OSP_SQLITE_NAME,
							  OSP_STR(""),
							  OSP_STR(""),
							  osp_attrs_end(&w));
}

static void
make_stops(void)
{
	int i;

	for (i = 0; i < 8; i++)
		make_stop(
			&osp_sqlite__stops[i], (i & 4) != 0, (i & 2) != 0, (i & 1) != 0);
}

/* Is it the code of an error that a trigger or a virtual table raises with its own
 * text? */
static bool
raises_for_program(int rc)
{
	return rc == SQLITE_CONSTRAINT_TRIGGER || rc == SQLITE_CONSTRAINT_VTAB ||
		   rc == SQLITE_CONSTRAINT_FUNCTION;
}

/*
 * Where the error comes from. During preparation parameters have no values yet.
 * Messages about constraints name columns, unless a trigger, a function or a
 * virtual table raised the error.
 */
static osp_sql_origin
origin_of(const osp_sqlite_result *result)
{
	if (result->in_prepare && osp_sqlite__innermost == NULL)
		return OSP_SQL_FROM_TEXT;
	if ((result->rc & 0xff) == SQLITE_CONSTRAINT &&
		!raises_for_program(result->rc))
		return OSP_SQL_FROM_SCHEMA;
	return raises_for_program(result->rc) ? OSP_SQL_FROM_PROGRAM
										  : OSP_SQL_FROM_ELSEWHERE;
}

/* Returns the message of an error in the form in which it may be recorded, in space. */
static osp_str
message_of(const osp__point *point, bool values,
		   const osp_sqlite_result *result, char space[MESSAGE_MAX])
{
	osp_sql_message_rules rules = {
		.dialect = OSP_SQL_SQLITE, .masked = point->masked, .values = values};
	const char *standard = sqlite3_errstr(result->rc);

	if (result->message == NULL || strcmp(result->message, standard) == 0)
		return osp_str_of(standard);
	return cut(osp__hook_message(osp_str_of(result->message),
								 origin_of(result),
								 rules,
								 space,
								 MESSAGE_MAX),
			   MESSAGE_MAX);
}

/* Writes that a statement was only prepared, and not executed. */
static void
put_not_executed(osp_writer *w)
{
	osp_put_object(w, OSP_STR("db"));
	osp_put_str(w, OSP_STR("outcome"), OSP_STR("not executed"));
	osp_put_end(w);
}

/*
 * Writes, for a statement that had to wait for another connection, whether the
 * database has a WAL, since the conflicts of locks depend on that. The WAL's
 * file exists while a connection is open. The database file itself must not be
 * opened: closing it again would end the process's locks.
 */
static void
put_journal(osp_writer *w, const osp_sqlite_conn *conn,
			const osp_sqlite_result *result, const osp_sqlite_waits *waits)
{
	int saved = errno;
	const char *file;
	char wal[PATH_MAX];

	if (OSP_LIKELY(waits->busy.count == 0 &&
				   (result->rc & 0xff) != SQLITE_BUSY) ||
		result->outcome != OSP_SQLITE_RETURNED)
		return;
	file = sqlite3_db_filename(conn->db, "main");
	if (file == NULL || *file == '\0' ||
		snprintf(wal, sizeof(wal), "%s-wal", file) >= (int) sizeof(wal))
		return;
	osp_put_str(w,
				OSP_STR("journal"),
				access(wal, F_OK) == 0 ? OSP_STR("wal") : OSP_STR("rollback"));
	errno = saved;
}

static void
write_stop(const osp_sqlite_conn *conn, const osp__point *point, bool values,
		   uint64_t rows, const osp_sqlite_result *result,
		   const osp_sqlite_waits *waits, int64_t now)
{
	char space[MESSAGE_MAX];
	osp_str message = OSP_STR("");
	osp_writer w;

	if (OSP_UNLIKELY(osp_sqlite__is_error(result->rc)))
		message = message_of(point, values, result, space);
	if (!osp__hook_begin(point,
						 OSP_RECORD_STOP,
						 OSP_SQLITE_NAME,
						 now,
						 STOP_EXTRA + message.len,
						 &w))
		return;
	if (result->has_rows)
		osp_put_u64(&w, OSP_STR("rows"), rows);
	if (result->has_changes)
		osp_put_i64(&w, OSP_STR("changes"), result->changes);
	if (result->has_status)
		put_status(&w, result->status);
	osp_sqlite__put_waits(&w, waits, now - point->start_ns);
	put_journal(&w, conn, result, waits);
	if (result->in_prepare && result->rc == SQLITE_OK)
		put_not_executed(&w);
	put_outcome(&w, result, message);
	osp__hook_commit(&w);
}

/*
 * SQLite reports that a trigger begins and that each of its steps begins, but
 * not that it ends. The next event is another trigger or the end of the
 * statement, so the trigger took at most the time until then. The end of a
 * statement outside a transaction includes the commit, which may take long. In
 * that case only the time until the last step began is certain.
 */
static void
stop_trigger(osp_sqlite_stmt *st, int64_t now, bool statement_ends)
{
	bool too_late = statement_ends && st->trigger_commits;
	osp_writer w;

	if (too_late)
		now = st->trigger_seen_ns;
	st->trigger_open = false;
	if (!osp__hook_begin(
			&st->trigger, OSP_RECORD_STOP, TRIGGER_NAME, now, STOP_EXTRA, &w))
		return;
	osp_put_u64(&w, OSP_STR("steps"), st->trigger_steps);
	osp_put_str(&w,
				OSP_STR("elapsed_is"),
				too_late ? OSP_STR("at least") : OSP_STR("at most"));
	osp__hook_commit(&w);
}

void
osp_sqlite__trigger_start(osp_sqlite_stmt *st, osp_str name)
{
	osp_context context;
	osp_writer w;

	context.base_id = st->point.base_id;
	context.key = 0;
	osp_id_set_uuid(&context.parent_id, &st->point.trace_id);
	if (!osp__hook_ours(&st->point))
		return;
	if (st->trigger_open)
		stop_trigger(st, osp__hook_now(), false);
	name = cut(name, OSP_KEY_MAX);
	if (!osp__hook_open_in(&st->trigger, &context))
		return;
	if (!osp__hook_begin(&st->trigger,
						 OSP_RECORD_START,
						 TRIGGER_NAME,
						 st->trigger.start_ns,
						 START_EXTRA + name.len,
						 &w))
	{
		osp__hook_drop_stop(&st->trigger);
		return;
	}
	osp_put_object(&w, OSP_STR("trigger"));
	osp_put_str(&w, OSP_STR("name"), name);
	osp_put_end(&w);
	osp__hook_commit(&w);
	st->trigger_open = true;
	st->trigger_commits = sqlite3_get_autocommit(st->conn->db) != 0;
	st->trigger_steps = 0;
	st->trigger_seen_ns = st->trigger.start_ns;
}

void
osp_sqlite__trigger_step(osp_sqlite_stmt *st)
{
	st->trigger_steps++;
	st->trigger_seen_ns = osp__hook_now();
}

static bool
is_child(const osp_sqlite_stmt *st, const void *id)
{
	return st->point.parent_id.is_uuid &&
		   memcmp(st->point.parent_id.bytes, id, sizeof(osp_uuid)) == 0;
}

static bool
is_of_thread(const osp_sqlite_stmt *st, const void *thread)
{
	return st->thread == thread;
}

static bool
is_any(const osp_sqlite_stmt *st, const void *unused)
{
	(void) st;
	(void) unused;
	return true;
}

typedef struct closing
{
	bool (*match)(const osp_sqlite_stmt *, const void *);
	const void *ctx;
} closing;

static void
close_matching(osp_sqlite_conn *conn, void *ctx)
{
	const closing *which = ctx;
	osp_sqlite_stmt st;

	while (osp_sqlite__stmt_take_if(conn, which->match, which->ctx, &st))
	{
		osp_sqlite_result result = {.outcome = OSP_SQLITE_LEFT_OPEN};

		result.has_rows = conn->options.rows && st.rows > 0;
		if (conn->wrapped && !st.running)
			osp_sqlite__pause_end(&st);
		osp_sqlite__stop(&st, &result);
	}
}

/* Stops all statements that are open below a point, in all connections. */
static void
close_children(const osp_uuid *id)
{
	closing which = {is_child, id->bytes};

	osp_sqlite__conn_each(close_matching, &which);
}

void
osp_sqlite__stop(osp_sqlite_stmt *st, const osp_sqlite_result *result)
{
	int64_t now;

	if (OSP_UNLIKELY(st->has_children))
		close_children(&st->point.trace_id);
	now = osp__hook_now();
	if (OSP_UNLIKELY(st->trigger_open))
		stop_trigger(st, now, true);
	write_stop(
		st->conn, &st->point, st->values, st->rows, result, &st->waits, now);
}

void
osp_sqlite__preparation(osp_sqlite_conn *conn,
						const osp_sqlite_preparation *done)
{
	osp_sqlite_result result = {
		.rc = done->rc, .message = done->message, .in_prepare = true};
	osp__point point;

	if (!open_point(conn, done->text, &point))
		return;
	point.start_ns = done->start_ns;
	if (record_start(conn, &point, NULL, done->text, done->rc != SQLITE_OK))
		write_stop(conn,
				   &point,
				   is_within_values(),
				   0,
				   &result,
				   &done->waits,
				   osp__hook_now());
}

void
osp_sqlite__late(osp_sqlite_conn *conn, sqlite3_stmt *stmt, const char *text)
{
	osp_sqlite_stmt *st = osp_sqlite__start(conn, stmt, text);
	osp_sqlite_result result = {.rc = SQLITE_DONE};

	if (st == NULL)
		return;
	osp_sqlite__stop(st, &result);
	osp_sqlite__stmt_free(st);
}

void
osp_sqlite__close_all(osp_sqlite_conn *conn)
{
	closing which = {is_any, NULL};

	close_matching(conn, &which);
}

/* Stops all open statements when the process ends. */
static void
close_process(void)
{
	closing which = {is_any, NULL};

	osp_sqlite__exiting = true;
	osp_sqlite__conn_each(close_matching, &which);
}

void
osp_sqlite__close_below(const osp_uuid *trace_id)
{
	if (trace_id != NULL)
		close_children(trace_id);
	else
	{
		closing which = {is_of_thread, osp_sqlite__thread()};

		osp_sqlite__conn_each(close_matching, &which);
	}
}

void
osp_sqlite__operations_init(void)
{
	make_stops();
	(void) atexit(close_process);
}
