/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp.h
 *	  What the parts of the extension know of each other.
 *
 * The parts, from the outside in:
 *
 *	  executor.c utility.c planner.c errors.c   the hooks; they ask and tell
 *	  guard.c                         errors of statements at the top
 *	  sqlapi.c stat.c show.c          the SQL functions
 *	  collector.c                     reading a trace back
 *	  statement.c                     which statement is a point, and its facts
 *	  userpoint.c                     points opened by osprofiler.start
 *	  commit.c                        commits, by a callback of transactions
 *	  call.c trigger.c function.c     calls, by the function manager's hook
 *	  wait.c lockwait.c               waits, sampled by a timer
 *	  point.c                         open points, their order, start and stop
 *	  context.c keys.c                where a statement's context comes from
 *	  sampling.c                      statements that begin a trace
 *	  staging.c                       records that wait for a slow statement
 *	  known.c stop.c commitknown.c    records that are made once, and put often
 *	  template.c                      the memory of these
 *	  text.c params.c redact.c        what is told of a statement
 *	  session.c producer.c            the backend's ring, and its end
 *	  shipper.c worker.c              the background worker and its child
 *	  guc.c                           the settings
 *
 * Rules that hold everywhere but in sqlapi.c, stat.c, show.c, collector.c and the
 * check hooks: nothing
 * here raises an error (what may, runs under PG_TRY and is dropped), nothing
 * takes a lock or makes a system call on the way of a point, and while nothing
 * is traced a hook looks at one or two variables and goes on.
 */
#ifndef PGOSP_H
#define PGOSP_H

#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "lib/ilist.h"
#include "nodes/plannodes.h"
#include "utils/timestamp.h"

#include "osprofiler/context.h"
#include "osprofiler/record.h"
#include "osprofiler/rundir.h"

#include "compat.h"

/* Calls and variables of our own are reached without the linker's tables. */
#pragma GCC visibility push(hidden)

/*
 * On the way of nearly every statement: these functions lie side by side, and so
 * do these variables. More than instructions, a traced statement costs what has
 * to be fetched for it.
 */
#define pgosp_hot      __attribute__((hot))
#define pgosp_hot_data __attribute__((section("pgosp_hot_data")))

/* ---- settings (guc.c) ---- */

extern bool pgosp_enabled;
extern bool pgosp_read_comments;
extern bool pgosp_hide_params;
extern bool pgosp_accept_traceparent;
extern int pgosp_max_statement_length; /* bytes */
extern int pgosp_max_points;
extern int pgosp_ring_size_kb;
extern int pgosp_spool_limit_mb;
extern int pgosp_on_full;
extern char *pgosp_hmac_keys;
extern char *pgosp_hmac_keys_file;
extern char *pgosp_connection_string;
extern char *pgosp_run_directory;
extern osp_str pgosp_project;
extern osp_str pgosp_service;
extern char *pgosp_agent;
extern char *pgosp_trace_info;
extern char *pgosp_trace_hmac;

/* What osprofiler.points may name. */
enum
{
	PGOSP_POINTS_STATEMENT = 1,
	PGOSP_POINTS_NESTED = 2,
	PGOSP_POINTS_PLAN = 4,
	PGOSP_POINTS_COMMIT = 8,
	PGOSP_POINTS_TRIGGER = 16,
	PGOSP_POINTS_WORKER = 32,
	PGOSP_POINTS_FUNCTION = 64,
	PGOSP_POINTS_NODE = 128,
	PGOSP_POINTS_WAIT = 256
};
extern int pgosp_points; /* of these */

/* Grows when what the points of the same statement tell may be another. */
extern uint64 pgosp_text_epoch;

extern void pgosp_guc_init(void);

/* ---- the gate: is there anything to do at all? ---- */

/* A context is set in osprofiler.trace_info or .trace_hmac, or for the next
 * statement, or statements are sampled; tracing is on, and this is no parallel
 * worker. */
extern bool pgosp_setting_gate;

/* Comments are to be looked at, tracing is on, and this is no parallel worker. */
extern bool pgosp_comment_gate;

/* How many points are open, and statements that we keep something of. */
extern int pgosp_busy;

static inline bool
pgosp_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Does a block comment end right before end, white space and ';' aside? */
static inline bool
pgosp_comment_ends(const char *begin, const char *end)
{
	while (end > begin && (pgosp_is_space(end[-1]) || end[-1] == ';'))
		end--;
	return end - begin >= 4 && end[-1] == '/' && end[-2] == '*';
}

/*
 * May this statement have a comment round it? As cheap as can be, for it is
 * asked for every statement; the answer may be yes too often.
 */
static inline bool
pgosp_may_have_comment(const char *string, int location, int length)
{
	const char *first = string + Max(location, 0);
	const char *text = first;

	while (pgosp_is_space(*text))
		text++;
	if (text[0] == '/' && text[1] == '*')
		return true;
	if (PGOSP_LOCATION_SKIPS_COMMENTS && pgosp_comment_ends(string, first))
		return true;
	if (length > 0 && pgosp_comment_ends(first, first + length))
		return true;
	return pgosp_comment_ends(text, text + strlen(text));
}

/* Is there more to do for this statement than to hand it on? */
static inline bool
pgosp_anything_to_do(const char *string, int location, int length)
{
	if (unlikely(pgosp_setting_gate || pgosp_busy > 0))
		return true;
	return pgosp_comment_gate && string != NULL &&
		   pgosp_may_have_comment(string, location, length);
}

/* Works the gates out again, after a setting changed. */
extern void pgosp_gates_update(void);

/* ---- keys (keys.c) ---- */

/* The keyring as the settings and the keys file are now; NULL if there is none
 * (*reason, if not NULL, says why). It may change with every call. */
extern osp_keyring *pgosp_keyring(const char **reason);

/* Changes whenever the keyring does. */
extern uint64 pgosp_keyring_serial;

/* The setting osprofiler.hmac_keys or .hmac_keys_file changed. */
extern void pgosp_keys_changed(void);

/* ---- context (context.c) ---- */

typedef enum pgospSource
{
	PGOSP_SOURCE_NONE,
	PGOSP_SOURCE_COMMENT,
	PGOSP_SOURCE_CALL, /* of osprofiler.set_context */
	PGOSP_SOURCE_SETTING,
	PGOSP_SOURCE_TRACEPARENT,
	PGOSP_SOURCE_SAMPLING
} pgospSource;

/* In the place of a key: nobody has signed it, and nobody is to. */
#define PGOSP_NO_KEY SIZE_MAX

/* A context that was looked at, accepted or not. */
typedef struct pgospContext
{
	pgospSource source;
	osp_verdict verdict;
	bool unsampled;  /* the caller says that nothing shall be traced */
	osp_context ids; /* if accepted */
} pgospContext;

/* osprofiler.trace_info or .trace_hmac changed. info and hmac: are there any? */
extern void pgosp_context_setting_changed(bool info, bool hmac);
extern bool pgosp_has_trace_info;
extern bool pgosp_has_trace_hmac;

/* Did the setting change since it was last verified? */
extern bool pgosp_context_is_stale(void);

/* The context that is set in this session, verified. */
extern const pgospContext *pgosp_context_of_setting(void);

/* osprofiler.set_context: a context for the client's next statement, in the form
 * of a comment; an empty one takes it back. Is it accepted? May raise an error. */
extern bool pgosp_context_set_next(osp_str text);
extern bool pgosp_has_next_context;

/* This statement is at its start: what was set for the next one is used up. */
extern void pgosp_context_use_up(const char *string);

/*
 * The context of a top-level statement: of its comment, else the one that was
 * set for it, else that of the session. NULL: there is none that was accepted.
 * failed: its end is told, which may be after its start was.
 */
extern const pgospContext *pgosp_context_of_statement(const char *string,
													  int location, int length,
													  bool failed);

/* The same for a text that is known to have no comment: NULL also if the one of
 * the session is not all there is to look at. */
extern const pgospContext *pgosp_context_of_known(void);

/* What became of the context of the last top-level statement. */
extern const pgospContext *pgosp_context_last(void);

/* ---- sampling (sampling.c) ---- */

extern double pgosp_sample_rate;

/* The context of a client's statement that begins a trace; NULL: not this one. */
extern const pgospContext *pgosp_sampling_draw(bool failed);

/* ---- points (point.c) ---- */

typedef struct pgospPoint pgospPoint;

/* Error of a point that failed; message is UTF-8. */
typedef struct pgospError
{
	bool known; /* else only that it did not end as it should */
	char sqlstate[5];
	osp_str message;
} pgospError;

/* What the kinds of points have for themselves. */
typedef struct pgospPointKind
{
	/* Puts what the stop tells: at most stop_size bytes of the point. */
	void (*put_stop)(osp_writer *w, const pgospPoint *point);
	/*
	 * The point is about to close: the last occasion to tell of what is in it.
	 * May be NULL; is not asked when the session ends.
	 */
	void (*closing)(pgospPoint *point);
	/* The stop is written; the memory is its owner's again. May be NULL. */
	void (*closed)(pgospPoint *point);
	/* A point right under this one was closed. May be NULL. */
	void (*child_closed)(pgospPoint *point);
	/* A point that a user opens in this one hangs beside it, not under it. */
	bool user_beside;
	/* It may outlive the statement that it is opened in. */
	bool spans_statements;
} pgospPointKind;

struct pgospPoint
{
	dlist_node node; /* in the list of open points, by age */
	const pgospPointKind *kind;
	pgospPoint *parent; /* the open point round it, or NULL */
	uint64 serial;      /* grows from point to point */
	int calls;          /* points of calls under it; see call.c */
	bool open;
	bool silent; /* its start was not written: it writes no stop */
	/*
	 * The point of the top-level statement that this one belongs to, maybe
	 * itself; NULL if there is none, or if that has ended.
	 */
	pgospPoint *top;
	bool staged;     /* of a top: its records wait (see staging.c) */
	uint64 points;   /* of a top: how many it has, itself included */
	uint64 left_out; /* points right under it beyond osprofiler.max_points */
	osp_str name;
	size_t stop_size;
	size_t key; /* that signed its context */
	int64 start_ns;
	osp_uuid trace_id;
	osp_id base_id;
	osp_id parent_id;
	osp_id self; /* the parent id of its children */
};

/*
 * Where a new point hangs: under an open point, or, if there is none, under a
 * context. With both, the context says which key signed it last.
 */
typedef struct pgospParent
{
	pgospPoint *point;
	const osp_context *context;
} pgospParent;

/* The statement that runs now; nested ones are its children. */
extern pgospPoint *pgosp_current;

/* Puts what the start tells. */
typedef void (*pgosp_put_start)(osp_writer *w, const void *what);

/*
 * Opens a point now and writes its start: put puts at most size bytes. The
 * owner has set kind, name and stop_size.
 */
extern void pgosp_point_open(pgospPoint *point, const pgospParent *parent,
							 pgosp_put_start put, const void *what,
							 size_t size);

/* Has the running statement's top-level statement as many as it may have? */
static inline bool
pgosp_point_is_full(void)
{
	const pgospPoint *top = pgosp_current->top;

	return unlikely(top != NULL && top->points >= (uint64) pgosp_max_points);
}

/*
 * May there be one more point in the running statement? Else it is counted by
 * parent->point, whose stop tells how many were left out. For those who can
 * spare themselves more than pgosp_point_open, which looks at this, too.
 */
static inline bool
pgosp_point_may_open(const pgospParent *parent)
{
	if (likely(!pgosp_point_is_full()))
		return true;
	parent->point->left_out++;
	return false;
}

/*
 * The same for what is told later than it began: at a time in the past, that is
 * not before the start of the parent.
 */
extern void pgosp_point_open_at(pgospPoint *point, const pgospParent *parent,
								pgosp_put_start put, const void *what,
								size_t size, int64 start_ns);

/*
 * Opens a point under a context now, as one of its own: its start is a template.
 * False, and nothing is done, if it is not to be done by one: other points are
 * open, it has to be staged, the ring has lost something.
 */
struct osp_template;
extern bool pgosp_point_open_known(pgospPoint *point,
								   const osp_context *context,
								   const struct osp_template *start);

/* The same for a point under one that is open, at a time in the past. */
extern bool pgosp_point_open_known_at(pgospPoint *point, pgospPoint *parent,
									  const struct osp_template *start,
									  int64 start_ns);

/* All points that are open, by age. */
extern dlist_head pgosp_open_points;

/* The stop of a point is written, and so it is open no more. */
static inline void
pgosp_point_leave(pgospPoint *point)
{
	point->open = false;
	dlist_delete(&point->node);
	pgosp_busy--;
	if (pgosp_current == point)
		pgosp_current = NULL;
}

/* Borrowed from the point. */
static inline void
pgosp_point_ids(const pgospPoint *point, osp_point_ids *ids)
{
	ids->base_id = &point->base_id;
	ids->parent_id = &point->parent_id;
	ids->trace_id = point->trace_id;
}

/*
 * Closes a point and, before it, everything that is open under it. error is
 * NULL if all went well. Nothing happens if it is not open.
 */
extern void pgosp_point_close(pgospPoint *point, const pgospError *error);

/* The same at a time in the past; what is under it has ended by then. */
extern void pgosp_point_close_at(pgospPoint *point, const pgospError *error,
								 int64 stop_ns);

/* Closes all that is open; for the end of the session. */
extern void pgosp_point_close_all(const pgospError *error);

/* Its ids are given to somebody else, so it has to be recorded in any case. */
extern void pgosp_point_hand_on(pgospPoint *point);

/* Is it not known yet whether this point will be recorded? */
static inline bool
pgosp_point_is_staged(const pgospPoint *point)
{
	return unlikely(point->top != NULL && point->top->staged);
}

/* Is lower the same as, or somewhere under, ancestor? */
extern bool pgosp_point_is_under(const pgospPoint *lower,
								 const pgospPoint *ancestor);

/* ---- statements that may be too quick to be recorded (staging.c) ---- */

extern int pgosp_min_duration; /* ms; none if not above 0 */

/* The records of this top-level statement shall wait. False: no memory. */
extern bool pgosp_stage_begin(pgospPoint *top);

/* Has it taken as long as it must at this time? */
extern bool pgosp_stage_is_late(const pgospPoint *top, int64 now_ns);

/* Room for a record, NULL if there is none; its size, 0 if it was given up. */
extern void *pgosp_stage_reserve(bool start, size_t size);
extern void pgosp_stage_commit(const pgospPoint *top, size_t size);

/* They go to the ring; false: it has no room for them, and they are lost. */
extern bool pgosp_stage_keep(pgospPoint *top);

/* They are thrown away. */
extern void pgosp_stage_drop(pgospPoint *top);

/* ---- points of users (userpoint.c) ---- */

/* The innermost open point of a user, NULL if none; see userpoint.c. */
extern pgospPoint *pgosp_user_point(void);

extern bool pgosp_user_start(const pgospParent *parent, osp_str name,
							 osp_str info);
extern bool pgosp_user_stop(osp_str info);

/* Closes those that hang under a context that is no longer there. */
extern void pgosp_user_close_all(void);

/* ---- statements (statement.c) ---- */

/* What is told of a statement when it starts. */
typedef struct pgospStatementFacts
{
	const char *string; /* the query string */
	int location;       /* of the statement in it */
	int length;
	uint64 query_id;
	const ParamListInfoData *params;
	const Node *utility; /* NULL: optimizable */
	bool failed;         /* never came to run: trust nothing in the text */
} pgospStatementFacts;

/* Shall there be a point for this statement? Where it would hang. */
extern bool pgosp_statement_wanted(const pgospStatementFacts *facts,
								   pgospParent *parent);

/* ---- waits (wait.c, lockwait.c) ---- */

#define PGOSP_WAITS_MAX  24   /* kinds of events that are told apart */
#define PGOSP_WAITS_SIZE 4096 /* that they take at most when put */

/* What was waited for up to here. */
typedef struct pgospWaits
{
	int count; /* -1: nobody looks */
	uint32 epoch;
	int64 ns[PGOSP_WAITS_MAX];
} pgospWaits;

/* Has waits looked at from here on. */
extern void pgosp_waits_sample(pgospWaits *waits);

static inline void
pgosp_waits_begin(pgospWaits *waits)
{
	waits->count = -1;
	if (unlikely((pgosp_points & PGOSP_POINTS_WAIT) != 0))
		pgosp_waits_sample(waits);
}

/* Puts what was waited for since then, if that is known. */
extern void pgosp_put_waits(osp_writer *w, const pgospWaits *then);

/* What the stop of a statement tells. */
typedef struct pgospUsage
{
	uint64 rows;
	const char *command;
	BufferUsage buffers; /* at the start */
	WalUsage wal;
	uint64 jit_functions; /* 0: the times are not set */
	double jit_generation_ms;
	double jit_inlining_ms;
	double jit_optimization_ms;
	double jit_emission_ms;
	uint64 nodes_left_out;
	pgospWaits waits;
} pgospUsage;

static inline void
pgosp_usage_begin(pgospUsage *usage)
{
	usage->rows = 0;
	usage->command = NULL;
	usage->buffers = pgBufferUsage;
	usage->wal = pgWalUsage;
	usage->jit_functions = 0;
	usage->nodes_left_out = 0;
	pgosp_waits_begin(&usage->waits);
}

/* Adds what the plan took to compile; before the executor ends. */
extern void pgosp_usage_add_jit(pgospUsage *usage, const EState *estate);
extern void pgosp_put_usage(osp_writer *w, const pgospUsage *usage);

/* Were blocks hit at most, and nothing else done with any? */
static inline bool
pgosp_only_hits(const BufferUsage *now, const BufferUsage *then)
{
	const char *a = (const char *) now;
	const char *b = (const char *) then;
	const size_t end = offsetof(BufferUsage, temp_blks_written);
	uint64 differs = 0;
	size_t at;

	/* The counters of blocks are the first members, whole numbers, hits first. */
	for (at = sizeof(uint64); at <= end; at += sizeof(uint64))
	{
		uint64 x;
		uint64 y;

		memcpy(&x, a + at, sizeof(x));
		memcpy(&y, b + at, sizeof(y));
		differs |= x ^ y;
	}
	return differs == 0;
}

/* What was used between then and now; nothing if that is nothing. */
extern void pgosp_put_buffers(osp_writer *w, const BufferUsage *now,
							  const BufferUsage *then);

/* A statement as a point: utility statements have one on the C stack. */
typedef struct pgospStatementPoint
{
	pgospPoint point;         /* first */
	struct pgospKnown *known; /* what was known of its plan, or NULL */
	pgospUsage usage;
} pgospStatementPoint;

/* put_stop of all statements. */
#define PGOSP_STATEMENT_STOP_SIZE (1280 + PGOSP_WAITS_SIZE)
extern void pgosp_put_statement_stop(osp_writer *w, const pgospPoint *point);

/* Puts what was written to the WAL since then. */
extern void pgosp_put_wal(osp_writer *w, const WalUsage *then);

/* Where a point in the running statement hangs: there may be a user's between. */
extern void pgosp_nested_parent(pgospParent *parent);

/* Where a point under this context hangs: there may be a user's between. */
extern void pgosp_parent_of_context(const osp_context *context,
									pgospParent *parent);

extern void pgosp_statement_open(pgospStatementPoint *statement,
								 const pgospPointKind *kind,
								 const pgospParent *parent,
								 const pgospStatementFacts *facts);

/* ---- commits (commit.c) ---- */

extern void pgosp_commit_init(void);

/* A top-level statement under this context begins: its commit, if commits are
 * points, hangs there. */
extern void pgosp_commit_remember(const osp_context *context);

/* A statement or trigger comes while none runs: does a commit, and has none told
 * so? Then its point is opened. */
extern void pgosp_commit_look(void);

/* A COMMIT or PREPARE TRANSACTION gets this point, which is left open if there
 * will be an end of the transaction. False: it is a statement like others. */
extern bool pgosp_commit_statement(pgospStatementPoint **out);

/* The transaction goes to its commit now, if it has written something. */
extern void pgosp_commit_begins(const char *command);

/* A COMMIT PREPARED begins. */
extern void pgosp_commit_prepared(void);

/* The commit is over, if one is open that this statement has made. */
extern void pgosp_commit_ends(const pgospPoint *within,
							  const pgospError *error);

extern bool pgosp_commit_is_open(void);

/* How a top-level statement was planned; it hangs under the statement. */
typedef struct pgospPlan
{
	bool kept;
	bool custom; /* for the values of parameters */
	TimestampTz transaction;
	int64 start_ns;
	int64 stop_ns;
	BufferUsage before;
	BufferUsage after;
	/* of the plan; what it is found by */
	int location;
	int length;
	uint64 query_id;
	Oid relation;
	double rows;
	double cost;
} pgospPlan;

/*
 * A statement that begins with its planning, and so in the past. *plan is made
 * NULL if it can't hang here; may be NULL.
 */
extern void pgosp_statement_open_planned(pgospStatementPoint *statement,
										 const pgospPointKind *kind,
										 const pgospParent *parent,
										 const pgospStatementFacts *facts,
										 const pgospPlan **plan);

/* This statement has been traced; the start of its next execution may be known
 * then (known.c). */
extern void pgosp_statement_learn(const pgospStatementFacts *facts,
								  const PlannedStmt *plan);

/* A point that tells of the statement's text only. */
extern void pgosp_statement_open_part(pgospPoint *point,
									  const pgospParent *parent,
									  const pgospStatementFacts *facts);

/* ---- planning (planner.c) ---- */

/* The planning of this plan, if it is not told yet; else NULL. Ask once. */
extern const pgospPlan *pgosp_plan_of(const PlannedStmt *planned);

/* The planning that has failed just now; NULL if none has. Ask once. */
extern const pgospPlan *pgosp_plan_failed(void);

/* Tells it, under the statement. generic: the plan is one for any parameters. */
extern void pgosp_plan_tell(const pgospPlan *plan, pgospPoint *statement,
							bool generic, const pgospError *error);

/* ---- calls (call.c, function.c, trigger.c) ---- */

extern void pgosp_call_init(void);

/*
 * Opens the point of a call in the running statement, or counts it as one of
 * many; what runs now is under it. False: it is not followed.
 */
extern bool pgosp_call_begin(const FmgrInfo *flinfo, osp_str name,
							 pgosp_put_start put, const void *what,
							 size_t size);

/* The innermost call is over; nothing happens if it is another one. */
extern void pgosp_call_end(const FmgrInfo *flinfo, const pgospError *error);

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

/* A transaction by its process and its own number; in the years, unique. */
static inline uint64
pgosp_lockwait_key(const PGPROC *proc)
{
	return (uint64) (uint32) proc->pid << 32 | pgosp_transaction_of(proc);
}

/* Notes that this backend's transaction belongs to this trace; see lockwait.c. */
static inline void
pgosp_lockwait_note(osp_producer *noting, const osp_context *context)
{
	if (context->base_id.is_uuid)
		osp_ring_note(
			&noting->ring, pgosp_lockwait_key(MyProc), context->base_id.bytes);
}

/* The timer looks: is there a lock to wait for? May make *ms, until the next
 * look, less; false if there must be none. */
extern bool pgosp_lockwait_look(uint32 event, int64 now, int64 before, int *ms);

/* Writes the waits for locks that were seen. */
extern volatile int pgosp_lockwaits;
extern void pgosp_lockwaits_write(void);

/* ---- plan nodes (node.c and what it uses) ---- */

typedef struct pgospNodes pgospNodes;

/* Has PostgreSQL count and time what nodes do, if they are to be told. */
extern void pgosp_nodes_ask(QueryDesc *queryDesc);

/* Else pgosp_nodes_begin has nothing to do. */
static inline bool
pgosp_nodes_may_be_wanted(const QueryDesc *queryDesc)
{
	return (pgosp_points & PGOSP_POINTS_NODE) != 0 ||
		   ((pgosp_points & PGOSP_POINTS_WORKER) != 0 &&
			queryDesc->plannedstmt->parallelModeNeeded);
}

/* What we keep of the nodes of a plan that is about to run; NULL: nothing. It
 * goes with the EState. */
extern pgospNodes *pgosp_nodes_begin(const QueryDesc *queryDesc,
									 pgospPoint *statement);

/*
 * Tells what they did, as points under the statement; returns how many were too
 * many. failed: there was an error. over: don't ask again.
 */
extern uint64 pgosp_nodes_tell(pgospNodes *nodes, bool failed, bool over);

/* Stops the parallel workers, after an error. */
extern void pgosp_nodes_stop(const pgospNodes *nodes);

/* What we keep of the nodes in this EState (executor.c). */
extern pgospNodes *pgosp_nodes_of(const EState *estate);

/* ---- parallel workers (parallel.c) ---- */

/* This is one, with a context. */
extern bool pgosp_is_traced_worker;

/* Opens the point of a worker; false if it is not traced. */
extern bool pgosp_parallel_open(pgospStatementPoint *worker,
								const pgospPointKind *kind);

/* ---- text (text.c, params.c, redact.c) ---- */

/* The statement itself, without white space round it. */
extern osp_str pgosp_text_of_statement(const char *string, int location,
									   int length);

/* The statement with what stands round it up to its neighbours. */
extern osp_str pgosp_text_region(const char *string, int location, int length);

/* The statement without comments that hold a signed context. */
extern osp_str pgosp_text_without_context(osp_str text);

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

/*
 * Replaces *text by one without secrets if it may hold any; borrowed until the
 * next call. utility is NULL for a statement that did not parse.
 */
extern void pgosp_redact(const Node *utility, osp_str *text);

/*
 * Cuts the message of an error that was found in a statement, before it ran, to
 * what it holds of its own, if the statement may hold a secret.
 */
extern void pgosp_redact_message(osp_str statement, bool parsed,
								 osp_str *message);

/* ---- session, ring, shipper (session.c, producer.c, worker.c) ---- */

/* The ring if it is open, and when the settings were loaded that it is by. */
extern osp_producer *pgosp_ring;
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

/* The status file of the run directory, or NULL. Only for counting. */
extern osp_runstat *pgosp_runstat(void);

extern void pgosp_producer_close(void);

/* The run directory of this cluster. */
extern osp_status pgosp_rundir(char out[OSP_RUNDIR_PATH_MAX], osp_error *err);

/* What is wrong with the ring, NULL if nothing. */
extern const char *pgosp_producer_trouble(void);

/* Database, user, pid and application, encoded when one of them is new. */
extern osp_str pgosp_session_attributes(void);

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

/* The last occasion to start one. */
extern void pgosp_worker_session_ends(void);

/*
 * The lock of the worker, -1 if it is held. keep: as the worker has it, until
 * the descriptor is closed; else only to look whether there is one.
 */
extern int pgosp_worker_lock(const char *rundir, bool keep);

/* PostgreSQL looks it up by its name. */
extern __attribute__((visibility("default"))) void pgosp_worker_main(Datum arg);

/* True while an error or a message is being reported: log nothing then. */
extern bool pgosp_reporting;

/* ---- errors (errors.c) ---- */

/* Reads the error that is being thrown; for PG_CATCH. */
extern void pgosp_error_capture(pgospError *error);

/* The error on its way to the log was told by the point of its statement. */
extern bool pgosp_error_told;

/* The error that was reported while a commit was open; told once. */
extern const pgospError *pgosp_error_reported(void);

/* The FATAL error that ends this session, if there is one. */
extern const pgospError *pgosp_error_fatal(void);

/* ---- the collector (collector.c) ---- */

/* Where traces go to; size takes any connection string. */
#define OSP_CONNECTION_STRING_MAX 4096
extern void pgosp_collector_string(char *out, size_t size);

/* Memory for a trace that is read, maintenance_work_mem at most; it is given
 * back with the current memory context. May raise an error. */
extern const struct osp_allocator *pgosp_collector_memory(void);

/* All points of a trace. Raises an error if the collector cannot be read. */
extern struct osp_report *pgosp_collector_read(osp_str base_id,
											   const struct osp_allocator *alc);

extern void pgosp_collector_error(osp_status status, const char *message)
	__attribute__((noreturn));

/* A time in nanoseconds since 1970. */
extern TimestampTz pgosp_wall_time(int64 wall_ns);

/* ---- hooks ---- */

/* A top-level statement is being planned: what runs now belongs to it. */
extern bool pgosp_planning;

extern void pgosp_executor_init(void);
extern void pgosp_parallel_init(void);

/* The session ends in the middle of what it does: its workers must not go on. */
extern void pgosp_executor_session_ends(void);
extern void pgosp_planner_init(void);
extern void pgosp_utility_init(void);
extern void pgosp_errors_init(void);

#pragma GCC visibility pop

#endif /* PGOSP_H */
