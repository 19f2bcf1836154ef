/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_statement.h
 *	  Statements, their commits and their planning.
 */
#ifndef PGOSP_STATEMENT_H
#define PGOSP_STATEMENT_H

#include "pgosp_context.h"
#include "pgosp_point.h"
#include "pgosp_usage.h"

#pragma GCC visibility push(hidden)

/* ---- statements (statement.c) ---- */

/* What is told of a statement when it starts. */
typedef struct pgospStatementFacts
{
	const char *string; /* the query string */
	int location;       /* of the statement in it */
	int length;
	uint64 query_id;
	const ParamListInfoData *params;
	const Node *utility;     /* NULL: optimizable */
	const PlannedStmt *plan; /* NULL: there is none yet */
	bool failed;             /* never came to run: trust nothing in the text */
	bool reused;             /* its plan was made for an earlier execution */
} pgospStatementFacts;

/* Has the client's statement parameters, or does it run what has some? */
extern bool pgosp_text_client_has_values(void);

/* May the text of this nested statement have been built of values of parameters,
 * which are hidden? */
extern bool pgosp_text_may_be_built(const pgospStatementFacts *facts);

/* Shall there be a point for this statement? Where it would hang. */
extern bool pgosp_statement_wanted(const pgospStatementFacts *facts,
								   pgospParent *parent);

/* That pgosp_put_statement_stop puts at most. */
#define PGOSP_STATEMENT_STOP_SIZE (1536 + PGOSP_WAITS_SIZE)

/* A statement as a point: utility statements have one on the C stack. */
typedef struct pgospStatementPoint
{
	pgospPoint point;         /* first */
	struct pgospKnown *known; /* what was known of its plan, or NULL */

	/* It is at the top, both its ids are UUIDs, its records go to the ring as they
	 * are made, and it has nothing to tell but rows, command, blocks and WAL: its
	 * stop may be one of those of stop_templates.c. */
	bool plain;
	uint64 armed; /* see statement_fast.c; 0: not opened by what is known */
	pgospUsage usage;
} pgospStatementPoint;

/* Before it is opened, other than by what is known. */
static inline void
pgosp_statement_init(pgospStatementPoint *statement, const pgospPointKind *kind,
					 osp_str name)
{
	statement->point.kind = kind;
	statement->point.name = name;
	statement->point.stop_size = PGOSP_STATEMENT_STOP_SIZE;
	statement->known = NULL;
	statement->plain = false;
	statement->armed = 0;
}

/* put_stop of all statements. */
extern void pgosp_put_statement_stop(osp_writer *w, const pgospPoint *point);

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

/* A statement of this transaction may hold a secret: so may what runs at the
 * transaction's end. */
extern void pgosp_transaction_mask(void);
extern bool pgosp_transaction_is_masked(void);

/* How a top-level statement was planned; it hangs under the statement. */
typedef struct pgospPlan
{
	bool kept;
	const char *kind;    /* custom or generic; NULL: there are no parameters */
	TimestampTz message; /* in which it was planned */
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
	uint64 tree; /* of pgosp_plan_tree(); 0: not asked for */
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

/* A statement that began in the past, at a time not before its parent began. */
extern void pgosp_statement_open_past(pgospStatementPoint *statement,
									  const pgospPointKind *kind,
									  const pgospParent *parent,
									  const pgospStatementFacts *facts,
									  int64 start_ns);

/* This statement has been traced; the start of its next execution may be known
 * then (plan_cache.c). */
extern void pgosp_statement_learn(const pgospStatementFacts *facts,
								  const PlannedStmt *plan);

/* A point that tells of the statement's text only. */
extern void pgosp_statement_open_part(pgospPoint *point,
									  const pgospParent *parent,
									  const pgospStatementFacts *facts);

/* The same, of what began in the past. */
extern void pgosp_statement_open_part_at(pgospPoint *point,
										 const pgospParent *parent,
										 const pgospStatementFacts *facts,
										 int64 start_ns);

/* ---- what comes before planning (parsing.c) ---- */

/* Shorter than this it is not told. */
#define PGOSP_PARSE_MIN_NS INT64CONST(1000000)

/* The wall clock less ours; follows that when it is looked at closely. */
extern int64 pgosp_wall_offset_ns;

/* Has so much time passed since the message arrived, as far as can be said without
 * looking at the wall clock? */
static inline bool
pgosp_may_have_waited(TimestampTz message, int64 now_ns)
{
	/* A message from the future tells that the wall clock was set. */
	return (uint64) (now_ns + pgosp_wall_offset_ns - message * 1000) >=
		   (uint64) PGOSP_PARSE_MIN_NS;
}

/* When it arrived, by our clock; false: so much time has not passed. */
extern bool pgosp_arrival(TimestampTz message, int64 now_ns, int64 *arrival_ns);

/* A statement was analysed, and that may have taken long. */
extern void pgosp_parse_was_slow(const char *string, const Query *query);

/* A statement of the client starts; if it is one of a prepared statement, so much
 * time of its Bind was not planning. */
extern void pgosp_bind_was_slow(const pgospParent *parent,
								const pgospStatementFacts *facts,
								int64 stop_ns);

/* ---- planning (planning.c) ---- */

/* An operation pg.plan. */
typedef struct pgospPlanPoint
{
	pgospPoint point; /* first */
	const pgospPlan *plan;
	bool planned; /* else it failed */
} pgospPlanPoint;

/* Prepares a point that is not open yet, of a planning that has not succeeded. */
extern void pgosp_plan_point_init(pgospPlanPoint *told, const pgospPlan *plan);

/* Measures a planning. planned: NULL if it failed. */
extern void pgosp_plan_begin(pgospPlan *plan, Query *parse,
							 const ParamListInfoData *params);
extern void pgosp_plan_end(pgospPlan *plan, const PlannedStmt *planned);

/* A number for the shape of a plan, of 53 bits: plans of a statement that read and
 * join in the same way have the same one. */
extern uint64 pgosp_plan_tree(const PlannedStmt *planned);

/* Keeps the planning until its statement starts. */
extern void pgosp_plan_keep(const pgospPlan *plan);

/* Keeps the planning until its error is reported. NULL: forgets the last one. */
extern void pgosp_plan_keep_failed(const pgospPlan *plan);

/* The planning of this plan, if it is not told yet; else NULL. Ask once. */
extern const pgospPlan *pgosp_plan_of(const PlannedStmt *planned);

/* Was it planned right before, for a portal that a function or EXECUTE made? */
extern void pgosp_plan_keep_nested(const pgospPlan *plan);
extern bool pgosp_plan_was_nested(const PlannedStmt *planned);

/* Is it a plan that a prepared statement, or a function, keeps for all values? */
extern bool pgosp_plan_is_kept(const PlannedStmt *planned);

/* The member "plan" of a statement that was prepared: kind, and whether the plan
 * was reused. Nothing for others. */
extern void pgosp_put_plan(osp_writer *w, const pgospStatementFacts *facts);

/* The planning that has failed just now; NULL if none has. Ask once. */
extern const pgospPlan *pgosp_plan_failed(void);

/* Reports it, under the statement. */
extern void pgosp_plan_tell(const pgospPlan *plan, pgospPoint *statement,
							const pgospError *error);

#pragma GCC visibility pop

#endif /* PGOSP_STATEMENT_H */
