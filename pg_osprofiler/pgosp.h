/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp.h
 *	  Declares what the parts of the extension use of each other.
 *
 * The parts, from the outside in:
 *
 *	  hooks/        PostgreSQL's hooks, and the extension's entry point
 *	  sql/          the SQL functions, and reading a trace back
 *	  operations/   which statement, node, call, commit or wait is an operation,
 *	                the stack of open operations, and what is recorded of them
 *	  fast/         records of cached plans, encoded once and copied often
 *	  usage/        what a statement uses, and what it waits for
 *	  worker/       the settings, the ring, the background worker and its child
 *	  context/      the contexts and the texts of statements
 *	  state/        variables that all parts share
 *
 * Rules for all code except sql/ and the check hooks: it raises no errors (calls that
 * may raise one run under PG_TRY, and the error is dropped); it takes no lock and makes
 * no system call while it records an operation; and while nothing is traced, a hook
 * only reads one or two variables.
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

/* May one more nested call be followed? Their number is limited (call.c). */
extern bool pgosp_call_may_begin(void);

/*
 * Opens the point of a call in the running statement, or counts the call as one of
 * many; whatever runs now is under it. oid: of the called function, or of the trigger
 * itself. False: the call is not followed.
 */
extern bool pgosp_call_begin(const FmgrInfo *flinfo, Oid oid, osp_str name,
							 pgosp_put_start put, const void *what,
							 size_t size);

/* Ends the innermost call if it is one of this function; else nothing happens. */
extern void pgosp_call_end(const FmgrInfo *flinfo, const pgospError *error);

/* The point of the innermost call, if that is a call of this function; else NULL. */
extern pgospPoint *pgosp_call_of(const FmgrInfo *flinfo);

/* Notes that the function of the innermost call calls itself by the same
 * FmgrInfo: the inner call is not an operation, and pgosp_call_end comes once
 * more. */
extern void pgosp_call_again(void);

/* Open the point of the function or trigger that is about to run. */
extern bool pgosp_function_begin(FunctionCallInfo fcinfo);
extern bool pgosp_trigger_begin(FunctionCallInfo fcinfo);

/* Makes foreign keys' triggers visible to us when a traced statement runs them. */
extern void pgosp_trigger_prepare(const EState *estate);

/* The schema and the name of a function in the catalogue; empty if it has none. */
typedef struct pgospNames
{
	char schema[NAMEDATALEN];
	char name[NAMEDATALEN];
} pgospNames;

extern void pgosp_call_names(Oid oid, pgospNames *names);
extern void pgosp_schema_name(Oid schema, char name[NAMEDATALEN]);
extern void pgosp_put_name(osp_writer *w, osp_str key, const char *name);

/* Writes the waits for locks that the background worker has seen so far. */
extern void pgosp_lockwaits_write(bool failed);

/* The end of the last wait for a lock that began after start_ns and before the statement
 * was planned; limit_ns if the worker has not seen the end yet; 0: there was no wait. */
extern int64 pgosp_lockwaits_early_end(int64 start_ns, int64 limit_ns);

/* Writes the waits that began before there was an operation. They are reported below
 * point, which ends at stop_ns. */
extern void pgosp_lockwaits_write_early(pgospPoint *point, bool failed,
										int64 stop_ns);

/* ---- plan nodes (node.c and what it uses) ---- */

typedef struct pgospNodes pgospNodes;

/* Makes PostgreSQL count and time the work of plan nodes, which are to be reported. */
extern void pgosp_nodes_ask(QueryDesc *queryDesc);

/*
 * Makes PostgreSQL count the rows of plan nodes, in case the statement turns out slow.
 * False: it does not count them.
 */
extern bool pgosp_nodes_ask_for_rows(const pgospStatementPoint *statement,
									 QueryDesc *queryDesc);

/* Has the server worked on the statement for so long that its nodes are reported? */
static inline bool
pgosp_nodes_are_slow(int64 active_ns)
{
	return pgosp_node_min_duration >= 0 &&
		   active_ns >= pgosp_node_min_duration * PGOSP_NS_PER_MS;
}

/* If this is false, do not call pgosp_nodes_begin. */
static inline bool
pgosp_nodes_may_be_wanted(const QueryDesc *queryDesc)
{
	return unlikely((pgosp_points & PGOSP_POINTS_NODE) != 0) ||
		   ((pgosp_points & PGOSP_POINTS_WORKER) != 0 &&
			unlikely(queryDesc->plannedstmt->parallelModeNeeded));
}

/* Makes what we keep of the nodes of a plan that is about to run; NULL: nothing. It
 * lives as long as the EState. */
extern pgospNodes *pgosp_nodes_begin(const QueryDesc *queryDesc,
									 pgospPoint *statement);

/* Like pgosp_nodes_begin, but at the end of a slow statement whose rows were counted.
 * nodes: what is already kept, or NULL. */
extern pgospNodes *pgosp_nodes_begin_late(pgospNodes *nodes, PlanState *top,
										  pgospPoint *statement);

/*
 * Reports what the nodes did, as points under the statement; returns how many
 * nodes were left out. failed: there was an error. over: this was the last
 * time.
 */
extern uint64 pgosp_nodes_tell(pgospNodes *nodes, bool failed, bool over);

/* Stops the parallel workers of the plan after an error. */
extern void pgosp_nodes_stop(const pgospNodes *nodes);

/* ---- parallel workers (parallel.c) ---- */

/* Opens the point of this parallel worker; false: it is not traced. */
extern bool pgosp_parallel_open(pgospStatementPoint *worker,
								const pgospPointKind *kind);

/* ---- texts (statement_text.c, sql_function_text.c, params.c) ---- */

/* The statement's part of the query string, without white space around it. */
extern osp_str pgosp_text_of_statement(const char *string, int location,
									   int length);

/* The statement that a PREPARE prepares; the whole text if it is not a
 * PREPARE. */
extern osp_str pgosp_text_behind_prepare(osp_str text);

/*
 * The name of the SQL function that runs and the number of its statement, as
 * PostgreSQL's error context reports them; empty if none runs. Borrowed until the
 * next call.
 */
extern osp_str pgosp_text_of_sql_function(void);

/*
 * Reads the contexts in the comments of a statement: the comments between it
 * and its neighbours, else those at both ends of the whole string. Results are
 * those of osp__comment_read.
 */
extern osp_verdict pgosp_text_context(const char *string, int location,
									  int length, char *space, osp_str *info,
									  osp_str *hmac,
									  osp__loose_traceparent *traceparent);

/* May the text hold a secret? */
extern bool pgosp_text_is_secret(osp_str text);

/*
 * The text in the form in which it may be recorded, in UTF-8; borrowed until the next
 * call. broken: it did not parse; masked: it runs within a statement that may hold a
 * secret; built: it may be built from values of parameters.
 */
extern void pgosp_text_record(osp_str text, bool broken, bool masked,
							  bool built, osp_sql_recorded *recorded);


/* The message of an error in the form in which it may be recorded, in UTF-8. It is in
 * space, or borrowed until the next call of a function here. */
extern osp_str pgosp_text_message(osp_str message, osp_sql_origin origin,
								  bool masked, char *space, size_t size);

/* The DETAIL or HINT of an error in the form in which it may be recorded, in space or
 * borrowed like a message; empty if it may not be recorded. */
extern osp_str pgosp_text_detail(const char *detail, const char *sqlstate,
								 osp_sql_origin origin, bool masked,
								 char *space, size_t size);

/*
 * Converts text to UTF-8 and cuts it at the end of a character to at most max
 * bytes. The result is borrowed from text, or from a buffer that the next call
 * reuses.
 */
extern osp_str pgosp_text_utf8(osp_str text, size_t max);

/* The largest number of bytes of a statement's text that are recorded. */
extern size_t pgosp_text_limit(void);

/* Notes that a statement of this transaction may hold a secret; so may everything that
 * its deferred triggers and cursors run. */
extern void pgosp_transaction_mask(void);
extern bool pgosp_transaction_is_masked(void);

/*
 * The value as text, in space (of PGOSP_VALUE_MAX bytes) or borrowed; false if
 * the type is not known.
 */
#define PGOSP_VALUE_MAX 1024
extern bool pgosp_value_text(Oid type, Datum value, char *space, size_t size,
							 osp_str *out);

/* Encodes the values of parameters, in at most PGOSP_PARAMS_SIZE bytes. */
#define PGOSP_PARAMS_SIZE 8192
extern void pgosp_put_params(osp_writer *w, const ParamListInfoData *params);

/* ---- session, ring, shipper (session.c, session_ring.c, worker.c) ---- */

/* PgReloadTime when the ring was last checked against the settings. */
extern TimestampTz pgosp_ring_at;

/* Checks the ring against changed settings, and returns it. */
extern osp_producer *pgosp_producer_look(void);

/* The backend's ring; NULL if none can be opened, which has been logged. */
static inline osp_producer *
pgosp_producer(void)
{
	return likely(pgosp_ring != NULL && pgosp_ring_at == PgReloadTime)
			   ? pgosp_ring
			   : pgosp_producer_look();
}

/* The backend's ring if it is already open; else NULL. */
static inline osp_producer *
pgosp_producer_if_open(void)
{
	return pgosp_ring;
}

extern void pgosp_producer_close(void);

/* What is wrong with the ring, NULL if nothing. */
extern const char *pgosp_producer_trouble(void);

/* The session's attributes: database, user, pid and application. They are encoded again
 * when the application's name has changed. */
extern osp_str pgosp_session_attributes(void);

/* The name of the user who opened this session, borrowed; NULL: no user did. */
extern const char *pgosp_session_login(void);

/* The application's name in the session's attributes. */
extern char pgosp_application[NAMEDATALEN];

/* Do the session's attributes have the present name of the application? */
static inline bool
pgosp_session_is_told(void)
{
	return likely(application_name != NULL) &&
		   strcmp(application_name, pgosp_application) == 0;
}

/* Memory for a record that is made once and reused, to be freed with pfree; NULL: there
 * is none. */
extern void *pgosp_record_space(size_t size);

/* The memory context in which errors are copied; NULL if it cannot be made. */
extern MemoryContext pgosp_error_memory(void);

/* Prepares this session for tracing when its first statement is traced: the memory, the
 * hooks, and what happens at the end of the session. */
extern void pgosp_session_begin(void);

/* Checks whether a shipper is at work; if not, starts the background worker as soon as
 * that is possible. */
extern void pgosp_worker_look(const osp_producer *producer);
extern bool pgosp_worker_looked;

static inline void
pgosp_worker_want(const osp_producer *producer)
{
	if (unlikely(!pgosp_worker_looked || producer->stat->shipper == 0))
		pgosp_worker_look(producer);
}

/* Makes the store directory, and sets a directory aside that was copied with another
 * cluster. False, after a line in the log, if it cannot be set aside. */
extern bool pgosp_store_prepare(void);

/* Starts the worker at the end of a session, if it could not be started before, or has
 * ended since. */
extern void pgosp_worker_session_ends(void);

/*
 * Takes the lock of the background worker; -1 if another process holds it.
 * keep: for the worker itself, until the descriptor is closed; else only to
 * check whether there is a worker.
 */
extern int pgosp_worker_lock(const char *rundir, bool keep);

/* The path of the file from which this library was loaded. */
extern void pgosp_library_path(char *out, size_t size);

/* Registers the background worker; false if no slot is free. */
extern bool pgosp_worker_register(void);

/* Registers the background worker if points wait that nobody delivers. To be called
 * when the library is loaded, after its settings were defined. */
extern void pgosp_worker_deliver_left(void);

/* Notes, while the library is loaded, whether a session or the server loads it. */
extern void pgosp_replaced_init(void);

/* The main function of the background worker, which PostgreSQL looks up by its name. */
extern __attribute__((visibility("default"))) void pgosp_worker_main(Datum arg);

/* ---- errors (errors.c) ---- */

#define PGOSP_MESSAGE_MAX 3072
#define PGOSP_DETAIL_MAX  512 /* also for hint and places */
#define PGOSP_ERROR_MAX   (PGOSP_MESSAGE_MAX + 3 * PGOSP_DETAIL_MAX)

/* Reads an error in the form in which it may be recorded; its texts are in space, of
 * PGOSP_ERROR_MAX bytes. */
extern void pgosp_error_read(pgospError *error, const ErrorData *edata,
							 char *space);

/* Calls read with a copy of the error that is being thrown, unless there is too little
 * memory. Memory that read allocates is freed afterwards. */
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
 * Reports a statement that failed before it could run, by a point of its own, from
 * start_ns until now. error must not be NULL.
 */
extern void pgosp_error_statement(const pgospStatementFacts *facts,
								  const pgospParent *parent, int64 start_ns,
								  const pgospError *error);

/* Reports the client's statement that failed with this error, if it is traced. */
extern void pgosp_error_of_client(const ErrorData *edata);

/* ---- the collector (collector_setting.c, trace_reader.c) ---- */

/*
 * The directory of the default collector and of the spool, in the data
 * directory. Base backups and pg_rewind leave out everything that is called
 * pgsql_tmp.
 */
#define PGOSP_STORE_DIRECTORY "osprofiler/pgsql_tmp"

/* The collector's connection string, from the settings and their file. On failure it is
 * empty, and err says what is wrong. */
#define OSP_CONNECTION_STRING_MAX 4096
extern osp_status pgosp_collector_string(char out[OSP_CONNECTION_STRING_MAX],
										 osp_error *err);

/* May text be a connection string of the server? If not, err is a sentence that says
 * why. */
extern osp_status pgosp_collector_check(osp_str text, osp_error *err);

/* An allocator for reading a trace: maintenance_work_mem at most, freed with the
 * current memory context. May raise an error. */
extern const struct osp_allocator *pgosp_collector_memory(void);

/* Changes the JSON of a notification so that jsonb_in accepts it; palloc'd. */
extern char *pgosp_storable_json(osp_str json);

/*
 * Reads the points of a trace, which may be named in any form of osp_trace_name_form().
 * fn gets the JSON of each and must not raise an error. Returns the number of points.
 * Raises an error if the collector cannot be read.
 */
extern size_t pgosp_collector_points(osp_str name,
									 const struct osp_allocator *alc,
									 osp_status (*fn)(void *ctx, osp_str json),
									 void *ctx);

/* Lists the traces of the collector that a filter accepts. fn gets each and must not
 * raise an error. Raises an error if the collector cannot be read. */
struct osp_trace_filter;
struct osp_trace_entry;
extern void pgosp_collector_list(
	const struct osp_trace_filter *filter, const struct osp_allocator *alc,
	osp_status (*fn)(void *ctx, const struct osp_trace_entry *entry),
	void *ctx);

/* Reads the points of a trace into a report. */
extern struct osp_report *pgosp_collector_read(osp_str name,
											   const struct osp_allocator *alc);

extern void pgosp_collector_error(osp_status status, const char *message)
	__attribute__((noreturn));

/* Reads the counters of this cluster's run directory, whose path is empty if it is not
 * known. */
extern osp_status pgosp_read_totals(osp_run_totals *totals,
									char path[OSP_RUNDIR_PATH_MAX],
									osp_error *err);

/* Converts a time in nanoseconds since 1970. */
extern TimestampTz pgosp_wall_time(int64 wall_ns);

/* ---- hooks ---- */

extern void pgosp_executor_init(void);
extern void pgosp_parallel_init(void);

/* Installs the other hooks of the executor when something is traced for the first time.
 * Until then there is only a hook of ExecutorStart. */
extern void pgosp_executor_session_begins(void);

/*
 * Reports the nodes of paused statements before the transaction is aborted, because the
 * plans of portals that wait for the client are freed with it.
 */
extern void pgosp_executor_abort_begins(void);

/* The session ends in the middle of its work: reports nodes, and stops parallel
 * workers, which must not go on. */
extern void pgosp_executor_session_ends(void);
extern void pgosp_function_manager_init(void);
extern void pgosp_planner_init(void);
extern void pgosp_analysis_init(void);
extern void pgosp_utility_init(void);
extern void pgosp_log_init(void);

#pragma GCC visibility pop

#endif /* PGOSP_H */
