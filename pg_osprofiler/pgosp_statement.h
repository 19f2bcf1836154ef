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

/* What is reported of a statement when it starts. */
typedef struct pgospStatementFacts
{
	const char *string; /* the query string */
	int location;       /* of the statement in the string */
	int length;
	uint64 query_id;
	const ParamListInfoData *params;
	const Node *utility;     /* NULL: it is optimizable */
	const PlannedStmt *plan; /* NULL: there is none yet */
	bool failed;             /* it never ran: its text may be anything */
	bool reused;             /* its plan was made for an earlier execution */
} pgospStatementFacts;

/* Where a statement is in a string of several. */
typedef struct pgospPlace
{
	const char *string; /* NULL: there is no such statement */
	int location;
	int length;
} pgospPlace;

/* The place of the utility statement that runs. */
extern pgospPlace pgosp_utility_place;

/* The place of the client's statement that was analysed last. The string may be freed. */
extern pgospPlace pgosp_analysed_place;

/* PostgreSQL does not say where the query of an EXPLAIN, CREATE TABLE AS or DECLARE is
 * in a string of several statements: it gets the place of that statement. */
extern void pgosp_statement_place(pgospStatementFacts *facts);

/* Does the client's statement have parameters, or run a statement that has some? */
extern bool pgosp_text_client_has_values(void);

/* May the text of this nested statement be built from values of parameters or from
 * constants, which are hidden? */
extern bool pgosp_text_may_be_built(const pgospStatementFacts *facts);

/* Shall this statement be traced? If so, sets the parent of its point. */
extern bool pgosp_statement_wanted(const pgospStatementFacts *facts,
								   pgospParent *parent);

/* The largest number of bytes that pgosp_put_statement_stop encodes. */
#define PGOSP_STATEMENT_STOP_SIZE (1536 + PGOSP_WAITS_SIZE)

/* The point of a statement. */
typedef struct pgospStatementPoint
{
	pgospPoint point;         /* must be first */
	struct pgospKnown *known; /* the entry of its plan, or NULL */

	/* It is a top-level statement, both its ids are UUIDs, its records go to the ring
	 * as they are made, and it has nothing to report but rows, command, blocks and WAL:
	 * its stop may be written by a template of stop_templates.c. */
	bool plain;
	uint64 armed; /* see statement_fast.c; 0: opened without a template */
	pgospUsage usage;
} pgospStatementPoint;

/* Initializes the point of a statement before it is opened. */
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

/* Encodes the attributes of a statement's stop, for all kinds of statements. */
extern void pgosp_put_statement_stop(osp_writer *w, const pgospPoint *point);

extern void pgosp_statement_open(pgospStatementPoint *statement,
								 const pgospPointKind *kind,
								 const pgospParent *parent,
								 const pgospStatementFacts *facts);

/* ---- commits (commit.c) ---- */

extern void pgosp_commit_init(void);

/* Notes that a top-level statement under this context begins: if commits are points,
 * its commit will be under the same context. */
extern void pgosp_commit_remember(const osp_context *context);

/* Called when a statement or trigger begins while none runs. If a commit runs it, and
 * none has been noticed yet, opens the point of the commit. */
extern void pgosp_commit_look(void);

/* Gives the point of a COMMIT or PREPARE TRANSACTION, which is left open if the
 * transaction is going to end. False: it is a statement like others. */
extern bool pgosp_commit_statement(pgospStatementPoint **out);

/* Opens the point of a commit that begins now, if the transaction has written
 * something. */
extern void pgosp_commit_begins(const char *command);

/* Opens the point of the commit that a COMMIT PREPARED begins. */
extern void pgosp_commit_prepared(void);

/* Closes the point of a commit, if one is open in this statement. */
extern void pgosp_commit_ends(const pgospPoint *within,
							  const pgospError *error);

extern bool pgosp_commit_is_open(void);

/* How a statement was planned. For a top-level statement this is reported under it. */
typedef struct pgospPlan
{
	bool kept;
	const char *kind;    /* custom or generic; NULL: there are no parameters */
	TimestampTz message; /* the message in which it was planned */
	int64 start_ns;
	int64 stop_ns;
	BufferUsage before;
	BufferUsage after;
	/* what identifies the plan */
	int location;
	int length;
	uint64 query_id;
	Oid relation;
	double rows;
	double cost;
	uint64 tree; /* result of pgosp_plan_tree(); 0: not computed */
} pgospPlan;

/*
 * Opens the point of a statement that begins with its planning, and so in the
 * past. *plan may be NULL; it is set to NULL if the planning cannot be reported
 * here.
 */
extern void pgosp_statement_open_planned(pgospStatementPoint *statement,
										 const pgospPointKind *kind,
										 const pgospParent *parent,
										 const pgospStatementFacts *facts,
										 const pgospPlan **plan);

/* Opens the point of a statement that began in the past, but not before its parent. */
extern void pgosp_statement_open_past(pgospStatementPoint *statement,
									  const pgospPointKind *kind,
									  const pgospParent *parent,
									  const pgospStatementFacts *facts,
									  int64 start_ns);

/* Makes the template for the start of the next execution of a statement that has been
 * traced, if that is possible (plan_cache.c). */
extern void pgosp_statement_learn(const pgospStatementFacts *facts,
								  const PlannedStmt *plan);

/* Opens a point that only reports the statement's text. */
extern void pgosp_statement_open_part(pgospPoint *point,
									  const pgospParent *parent,
									  const pgospStatementFacts *facts);

/* Like pgosp_statement_open_part, for something that began in the past. */
extern void pgosp_statement_open_part_at(pgospPoint *point,
										 const pgospParent *parent,
										 const pgospStatementFacts *facts,
										 int64 start_ns);

/* ---- what comes before planning (parsing.c) ---- */

/* A shorter time before planning is not reported. */
#define PGOSP_PARSE_MIN_NS INT64CONST(1000000)

/* The wall clock minus our clock; updated when pgosp_arrival reads the wall clock. */
extern int64 pgosp_wall_offset_ns;

/* Has PGOSP_PARSE_MIN_NS or more passed since the message arrived, as far as is known
 * without reading the wall clock? */
static inline bool
pgosp_may_have_waited(TimestampTz message, int64 now_ns)
{
	/* A message from the future means that the wall clock was set. */
	return (uint64) (now_ns + pgosp_wall_offset_ns - message * 1000) >=
		   (uint64) PGOSP_PARSE_MIN_NS;
}

/* When the message arrived, by our clock; false: less than PGOSP_PARSE_MIN_NS has
 * passed since then. */
extern bool pgosp_arrival(TimestampTz message, int64 now_ns, int64 *arrival_ns);

/* Reports the time until the analysis of a statement was done, if that was long. */
extern void pgosp_parse_was_slow(const char *string, const Query *query);

/*
 * Did the pg.parse that was recorded last belong to a statement with this text, and take
 * osprofiler.min_duration? Then the statement is recorded, too. True once for each.
 */
extern bool pgosp_parse_was_kept(const char *string);

/* Called when a statement of the client starts. If it is prepared, reports the time
 * from the arrival of its Bind to stop_ns, which was not planning, if that was long. */
extern void pgosp_bind_was_slow(const pgospParent *parent,
								const pgospStatementFacts *facts,
								int64 stop_ns);

/* ---- planning (planning.c) ---- */

/* The point of a planning, pg.plan. */
typedef struct pgospPlanPoint
{
	pgospPoint point; /* must be first */
	const pgospPlan *plan;
	bool planned; /* false: it failed */
} pgospPlanPoint;

/* Prepares the point, not yet open, of a planning that has not succeeded yet. */
extern void pgosp_plan_point_init(pgospPlanPoint *told, const pgospPlan *plan);

/* Measure a planning. planned: NULL if it failed. */
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

/* The planning of this plan, if it is not reported yet; else NULL. It is returned only
 * once. */
extern const pgospPlan *pgosp_plan_of(const PlannedStmt *planned);

/* Keep the last planning of a nested statement, and check whether it made this plan,
 * for a portal of a function or of EXECUTE. */
extern void pgosp_plan_keep_nested(const pgospPlan *plan);
extern bool pgosp_plan_was_nested(const PlannedStmt *planned);

/* Is it a generic plan that a prepared statement or a function keeps? */
extern bool pgosp_plan_is_kept(const PlannedStmt *planned);

/* Encodes the member "plan" of a prepared statement: the kind of its plan, and whether
 * it was reused. Encodes nothing for other statements. */
extern void pgosp_put_plan(osp_writer *w, const pgospStatementFacts *facts);

/* The planning that has just failed; NULL if none has. It is returned only once. */
extern const pgospPlan *pgosp_plan_failed(void);

/* Reports a planning, under its statement. */
extern void pgosp_plan_tell(const pgospPlan *plan, pgospPoint *statement,
							const pgospError *error);

#pragma GCC visibility pop

#endif /* PGOSP_STATEMENT_H */
