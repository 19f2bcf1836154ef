/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp.h
 *	  What the parts of the extension know of each other.
 *
 * The parts, from the outside in:
 *
 *	  hooks/        PostgreSQL's hooks, and where it enters the extension
 *	  sql/          the SQL functions, and reading a trace back
 *	  operations/   which statement, node, call, commit or wait is an operation,
 *	                the stack of those that are open, and what is recorded of them
 *	  fast/         records of cached plans, encoded once and copied often
 *	  usage/        what a statement uses, and what it waits for
 *	  worker/       the settings, the ring, the background worker and its child
 *	  context/      where a statement's context comes from; its text
 *	  state/        variables that all of them share
 *
 * Rules that hold everywhere but in sql/ and the check hooks: nothing here raises an
 * error (what may, runs under PG_TRY and is dropped), nothing takes a lock or makes
 * a system call on the way of an operation, and while nothing is traced a hook reads
 * one or two variables and goes on.
 */
#ifndef PGOSP_H
#define PGOSP_H

#include "pgosp_context.h"
#include "pgosp_lockwait.h"
#include "pgosp_point.h"
#include "pgosp_setting.h"
#include "pgosp_statement.h"

#pragma GCC visibility push(hidden)

/* ---- calls (call.c, function.c, trigger.c) ---- */

/* May one more call be followed, inside those that are? */
extern bool pgosp_call_may_begin(void);

/*
 * Opens the point of a call in the running statement, or counts it as one of
 * many; what runs now is under it. oid: of what is called, a trigger's own rather
 * than its function's. False: it is not followed.
 */
extern bool pgosp_call_begin(const FmgrInfo *flinfo, Oid oid, osp_str name,
							 pgosp_put_start put, const void *what,
							 size_t size);

/* The innermost call is over; nothing happens if it is another one. */
extern void pgosp_call_end(const FmgrInfo *flinfo, const pgospError *error);

/* The innermost call, if it is one of this function; else NULL. */
extern pgospPoint *pgosp_call_of(const FmgrInfo *flinfo);

/* The function of the innermost call calls itself by the same FmgrInfo: that call
 * is no operation, and pgosp_call_end is called once more. */
extern void pgosp_call_again(void);

/* Opens the point for the function that is about to run. */
extern bool pgosp_function_begin(FunctionCallInfo fcinfo);
extern bool pgosp_trigger_begin(FunctionCallInfo fcinfo);

/* Has the foreign keys' triggers of a traced statement seen when they run. */
extern void pgosp_trigger_prepare(const EState *estate);

/* Names as the catalogue has them; empty if it has none. */
typedef struct pgospNames
{
	char schema[NAMEDATALEN];
	char name[NAMEDATALEN];
} pgospNames;

extern void pgosp_call_names(Oid oid, pgospNames *names);
extern void pgosp_schema_name(Oid schema, char name[NAMEDATALEN]);
extern void pgosp_put_name(osp_writer *w, osp_str key, const char *name);

/* Writes the waits for locks that were seen. */
extern void pgosp_lockwaits_write(bool failed);

/* Writes those that began before there was an operation, below one that is told
 * afterwards and ends then. */
extern void pgosp_lockwaits_write_early(pgospPoint *point, bool failed,
										int64 stop_ns);

/* ---- plan nodes (node.c and what it uses) ---- */

typedef struct pgospNodes pgospNodes;

/* Has PostgreSQL count and time what nodes do, if they are to be told. */
extern void pgosp_nodes_ask(QueryDesc *queryDesc);

/*
 * Has PostgreSQL count the rows of nodes, in case the statement is slow. False: it
 * does not count them.
 */
extern bool pgosp_nodes_ask_for_rows(const pgospStatementPoint *statement,
									 QueryDesc *queryDesc);

/* Has the server worked on the statement for so long that its nodes are told? */
static inline bool
pgosp_nodes_are_slow(int64 active_ns)
{
	return pgosp_node_min_duration >= 0 &&
		   active_ns >= pgosp_node_min_duration * PGOSP_NS_PER_MS;
}

/* Else pgosp_nodes_begin has nothing to do. */
static inline bool
pgosp_nodes_may_be_wanted(const QueryDesc *queryDesc)
{
	return unlikely((pgosp_points & PGOSP_POINTS_NODE) != 0) ||
		   ((pgosp_points & PGOSP_POINTS_WORKER) != 0 &&
			unlikely(queryDesc->plannedstmt->parallelModeNeeded));
}

/* What we keep of the nodes of a plan that is about to run; NULL: nothing. It
 * goes with the EState. */
extern pgospNodes *pgosp_nodes_begin(const QueryDesc *queryDesc,
									 pgospPoint *statement);

/* The same at the end of a slow statement, whose rows were counted. nodes: what is
 * kept already, or NULL. */
extern pgospNodes *pgosp_nodes_begin_late(pgospNodes *nodes, PlanState *top,
										  pgospPoint *statement);

/*
 * Tells what they did, as points under the statement; returns how many were too
 * many. failed: there was an error. over: don't ask again.
 */
extern uint64 pgosp_nodes_tell(pgospNodes *nodes, bool failed, bool over);

/* Stops the parallel workers, after an error. */
extern void pgosp_nodes_stop(const pgospNodes *nodes);

/* ---- parallel workers (parallel.c) ---- */

/* Opens the point of a worker; false if it is not traced. */
extern bool pgosp_parallel_open(pgospStatementPoint *worker,
								const pgospPointKind *kind);

/* ---- texts (statement_text.c, sql_function_text.c, params.c) ---- */

/* The statement itself, without white space round it. */
extern osp_str pgosp_text_of_statement(const char *string, int location,
									   int length);

/* The statement that a PREPARE prepares; the text itself if it is none. */
extern osp_str pgosp_text_behind_prepare(osp_str text);

/*
 * The name of the SQL function that runs and the number of its statement, as
 * PostgreSQL's error context reports them; empty if none runs. Borrowed until the
 * next call.
 */
extern osp_str pgosp_text_of_sql_function(void);

/*
 * The contexts in the comments of a statement: those between it and its
 * neighbours, else those at the ends of the whole string. As osp__comment_read.
 */
extern osp_verdict pgosp_text_context(const char *string, int location,
									  int length, char *space, osp_str *info,
									  osp_str *hmac,
									  osp__loose_traceparent *traceparent);

/* May the text hold a secret? */
extern bool pgosp_text_is_secret(osp_str text);

/*
 * The text as it may be recorded, in UTF-8; borrowed until the next call. broken:
 * it did not parse; masked: it runs within a statement that may hold a secret;
 * built: it may be built of values of parameters.
 */
extern void pgosp_text_record(osp_str text, bool broken, bool masked,
							  bool built, osp_sql_recorded *recorded);


/* The message of an error as it may be recorded, in UTF-8; borrowed until the
 * next call of anything here, or in space. */
extern osp_str pgosp_text_message(osp_str message, osp_sql_origin origin,
								  bool masked, char *space, size_t size);

/* Its DETAIL or HINT, likewise; empty if it may not be recorded. */
extern osp_str pgosp_text_detail(const char *detail, const char *sqlstate,
								 osp_sql_origin origin, bool masked,
								 char *space, size_t size);

/*
 * text in UTF-8, cut to max bytes between two characters. Borrowed from text
 * or from a buffer that the next call uses again.
 */
extern osp_str pgosp_text_utf8(osp_str text, size_t max);

/* Bytes of a statement's text that are recorded at most. */
extern size_t pgosp_text_limit(void);

/*
 * The value as text, in space (of PGOSP_VALUE_MAX bytes) or borrowed; false if
 * the type is not known.
 */
#define PGOSP_VALUE_MAX 1024
extern bool pgosp_value_text(Oid type, Datum value, char *space, size_t size,
							 osp_str *out);

/* Puts the parameters' values; at most PGOSP_PARAMS_SIZE bytes. */
#define PGOSP_PARAMS_SIZE 8192
extern void pgosp_put_params(osp_writer *w, const ParamListInfoData *params);

/* ---- session, ring, shipper (session.c, session_ring.c, worker.c) ---- */

/* PgReloadTime when the ring was last checked against the settings. */
extern TimestampTz pgosp_ring_at;

/* The ring once it was looked whether those are others now. */
extern osp_producer *pgosp_producer_look(void);

/* The backend's ring; NULL if there is none to be had, which was logged. */
static inline osp_producer *
pgosp_producer(void)
{
	return likely(pgosp_ring != NULL && pgosp_ring_at == PgReloadTime)
			   ? pgosp_ring
			   : pgosp_producer_look();
}

/* The ring if it is open already. */
static inline osp_producer *
pgosp_producer_if_open(void)
{
	return pgosp_ring;
}

extern void pgosp_producer_close(void);

/* What is wrong with the ring, NULL if nothing. */
extern const char *pgosp_producer_trouble(void);

/* Database, user, pid and application, encoded when one of them is new. */
extern osp_str pgosp_session_attributes(void);

/* The user that this session was opened by, borrowed; NULL: nobody has. */
extern const char *pgosp_session_login(void);

/* The application's name in these attributes. */
extern char pgosp_application[NAMEDATALEN];

/* Do they have the application's name as it is now? */
static inline bool
pgosp_session_is_told(void)
{
	return likely(application_name != NULL) &&
		   strcmp(application_name, pgosp_application) == 0;
}

/* Memory for a record that is made once, to be freed by pfree; NULL: there is
 * none. */
extern void *pgosp_record_space(size_t size);

/* Memory in which an error can be copied without needing more. */
extern MemoryContext pgosp_error_memory(void);

/* Has us told when the backend ends. */
extern void pgosp_session_begin(void);

/* Sees to it that a shipper is at work, or will be as soon as that may be. */
extern void pgosp_worker_look(const osp_producer *producer);
extern bool pgosp_worker_looked;

static inline void
pgosp_worker_want(const osp_producer *producer)
{
	if (unlikely(!pgosp_worker_looked || producer->stat->shipper == 0))
		pgosp_worker_look(producer);
}

/* Makes the store directory; what came with a copy of another cluster is set
 * aside. False, after a line in the log, if that is impossible. */
extern bool pgosp_store_prepare(void);

/* The last occasion to start one. */
extern void pgosp_worker_session_ends(void);

/*
 * The lock of the worker, -1 if it is held. keep: as the worker has it, until
 * the descriptor is closed; else only to look whether there is one.
 */
extern int pgosp_worker_lock(const char *rundir, bool keep);

/* The path of the file from which this library was loaded. */
extern void pgosp_library_path(char *out, size_t size);

/* Registers the worker; false if no slot is free. */
extern bool pgosp_worker_register(void);

/* The library is being loaded: by a session, or by the server. */
extern void pgosp_replaced_init(void);

/* PostgreSQL looks it up by its name. */
extern __attribute__((visibility("default"))) void pgosp_worker_main(Datum arg);

/* ---- errors (errors.c) ---- */

#define PGOSP_MESSAGE_MAX 3072
#define PGOSP_DETAIL_MAX  512 /* and for hint and places */
#define PGOSP_ERROR_MAX   (PGOSP_MESSAGE_MAX + 3 * PGOSP_DETAIL_MAX)

/* Reads the error as it may be recorded; its texts are in space, of PGOSP_ERROR_MAX
 * bytes. */
extern void pgosp_error_read(pgospError *error, const ErrorData *edata,
							 char *space);

/* Calls read with a copy of the error that is being thrown, unless there is too
 * little memory; what read allocates is given back. */
typedef void (*pgosp_error_reader)(const ErrorData *edata, void *arg);
extern void pgosp_error_copy(pgosp_error_reader read, void *arg);

/* Reads the error that is being thrown; for PG_CATCH. */
extern void pgosp_error_capture(pgospError *error);

/* Keeps the error that was reported while a commit was open, and hands it out once. */
extern void pgosp_error_keep_reported(const ErrorData *edata);
extern const pgospError *pgosp_error_reported(void);

/* Keeps the FATAL error that ends this session; NULL: there is none. */
extern void pgosp_error_keep_fatal(const ErrorData *edata);
extern const pgospError *pgosp_error_fatal(void);

/* ---- statements that failed early (failed_statement.c) ---- */

/*
 * Reports a statement that failed before it could run by a point of its own, from
 * start_ns until now. error: NULL is not allowed.
 */
extern void pgosp_error_statement(const pgospStatementFacts *facts,
								  const pgospParent *parent, int64 start_ns,
								  const pgospError *error);

/* Reports the client's statement that failed with this error, if it is traced. */
extern void pgosp_error_of_client(const ErrorData *edata);

/* ---- the collector (collector_setting.c, trace_reader.c) ---- */

/*
 * The default collector and the spool lie there, in the data directory. Base
 * backups and pg_rewind leave out what is called pgsql_tmp, in any directory.
 */
#define PGOSP_STORE_DIRECTORY "osprofiler/pgsql_tmp"

/* The collector's connection string by the settings and their file. On failure it
 * is empty, and err says what is wrong. */
#define OSP_CONNECTION_STRING_MAX 4096
extern osp_status pgosp_collector_string(char out[OSP_CONNECTION_STRING_MAX],
										 osp_error *err);

/* May this be a connection string of the server? err is a sentence. */
extern osp_status pgosp_collector_check(osp_str text, osp_error *err);

/* Memory for a trace that is read, maintenance_work_mem at most; it is given
 * back with the current memory context. May raise an error. */
extern const struct osp_allocator *pgosp_collector_memory(void);

/* What jsonb_in takes, made of the JSON of a notification; palloc'd. */
extern char *pgosp_storable_json(osp_str json);

/*
 * Reads the points of a trace, which may be named in any form of
 * osp_trace_name_form(). fn, which must not raise an error, gets the JSON of each;
 * the result is how many there are. Raises an error if the collector cannot be read.
 */
extern size_t pgosp_collector_points(osp_str name,
									 const struct osp_allocator *alc,
									 osp_status (*fn)(void *ctx, osp_str json),
									 void *ctx);

/* Lists the traces of the collector that a filter lets pass, in the same way. */
struct osp_trace_filter;
struct osp_trace_entry;
extern void pgosp_collector_list(
	const struct osp_trace_filter *filter, const struct osp_allocator *alc,
	osp_status (*fn)(void *ctx, const struct osp_trace_entry *entry),
	void *ctx);

/* The points of a trace as a report. */
extern struct osp_report *pgosp_collector_read(osp_str name,
											   const struct osp_allocator *alc);

extern void pgosp_collector_error(osp_status status, const char *message)
	__attribute__((noreturn));

/* A time in nanoseconds since 1970. */
extern TimestampTz pgosp_wall_time(int64 wall_ns);

/* ---- hooks ---- */

extern void pgosp_executor_init(void);
extern void pgosp_parallel_init(void);

/* Something is traced for the first time: what runs is followed from here on. Until
 * then there is the hook of the start only. */
extern void pgosp_executor_session_begins(void);

/*
 * The transaction is about to be aborted. The plans of portals that wait for the
 * client go with it, so this is the last occasion to report their nodes.
 */
extern void pgosp_executor_abort_begins(void);

/* The session ends in the middle of what it does: its workers must not go on. */
extern void pgosp_executor_session_ends(void);
extern void pgosp_function_manager_init(void);
extern void pgosp_planner_init(void);
extern void pgosp_analysis_init(void);
extern void pgosp_utility_init(void);
extern void pgosp_log_init(void);

#pragma GCC visibility pop

#endif /* PGOSP_H */
