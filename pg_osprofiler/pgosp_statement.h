/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_statement.h
 *	  Statements, their commits and their planning, and what they used.
 */
#ifndef PGOSP_STATEMENT_H
#define PGOSP_STATEMENT_H

#include "pgosp_context.h"
#include "pgosp_point.h"

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
	const Node *utility; /* NULL: optimizable */
	bool failed;         /* never came to run: trust nothing in the text */
} pgospStatementFacts;

/* Shall there be a point for this statement? Where it would hang. */
extern bool pgosp_statement_wanted(const pgospStatementFacts *facts,
								   pgospParent *parent);

/* ---- waits (wait_sampling.c, lockwait.c) ---- */

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

/* The wait that the timer saw at its last look, and looked at no more, lasted until
 * then. Nothing happens while the timer is set. */
extern void pgosp_waits_add(uint32 event, int64 until_ns);

/* Has the timer look again. */
extern void pgosp_waits_look_again(void);

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
	bool counts_rows; /* else it is not a statement that has any */
	const char *command;
	BufferUsage buffers; /* at the start */
	uint64 other_blocks; /* the same, in one number */
	WalUsage wal;
	uint64 jit_functions; /* 0: the times are not set */
	double jit_generation_ms;
	double jit_inlining_ms;
	double jit_optimization_ms;
	double jit_emission_ms;
	uint64 nodes_left_out;
	pgospWaits waits;
} pgospUsage;

/*
 * Blocks with which anything was done but that they were hit. Each of these counters
 * only grows, so the sum is another whenever one of them is. They are the first
 * members, whole numbers, hits first.
 */
static inline uint64
pgosp_other_blocks(const BufferUsage *usage)
{
	const char *bytes = (const char *) usage;
	const size_t end = offsetof(BufferUsage, temp_blks_written);
	uint64 sum = 0;
	size_t at;

	for (at = sizeof(uint64); at <= end; at += sizeof(uint64))
	{
		uint64 count;

		memcpy(&count, bytes + at, sizeof(count));
		sum += count;
	}
	return sum;
}

/* As pgosp_usage_begin, where it has begun before: of the counters it sets those
 * that are others now. */
static inline void
pgosp_usage_begin_again(pgospUsage *usage)
{
	uint64 other_blocks = pgosp_other_blocks(&pgBufferUsage);

	usage->rows = 0;
	usage->counts_rows = true;
	usage->command = NULL;
	if (unlikely(other_blocks != usage->other_blocks))
	{
		usage->buffers = pgBufferUsage;
		usage->other_blocks = other_blocks;
	}
	usage->buffers.shared_blks_hit = pgBufferUsage.shared_blks_hit;
	usage->wal = pgWalUsage;
	usage->jit_functions = 0;
	usage->nodes_left_out = 0;
	pgosp_waits_begin(&usage->waits);
}

static inline void
pgosp_usage_begin(pgospUsage *usage)
{
	usage->buffers = pgBufferUsage;
	usage->other_blocks = pgosp_other_blocks(&pgBufferUsage);
	pgosp_usage_begin_again(usage);
}

/* Adds what the plan took to compile; before the executor ends. */
extern void pgosp_usage_add_jit(pgospUsage *usage, const EState *estate);

/* Were blocks hit at most since then, and nothing else done with any? */
static inline bool
pgosp_only_hits(const BufferUsage *now, const BufferUsage *then)
{
	return pgosp_other_blocks(now) == pgosp_other_blocks(then);
}

/* What was used between then and now; nothing if that is nothing. */
extern void pgosp_put_buffers(osp_writer *w, const BufferUsage *now,
							  const BufferUsage *then);

/* That pgosp_put_statement_stop puts at most. */
#define PGOSP_STATEMENT_STOP_SIZE (1280 + PGOSP_WAITS_SIZE)

/* A statement as a point: utility statements have one on the C stack. */
typedef struct pgospStatementPoint
{
	pgospPoint point;         /* first */
	struct pgospKnown *known; /* what was known of its plan, or NULL */

	/* It is at the top, both its ids are UUIDs, its records go to the ring as they
	 * are made, and it has nothing to tell but rows, command, blocks and WAL: its
	 * stop may be one of those of stop.c. */
	bool plain;
	uint64 armed; /* see statementknown.c; 0: not opened by what is known */
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

/* Reports it, under the statement. */
extern void pgosp_plan_tell(const pgospPlan *plan, pgospPoint *statement,
							const pgospError *error);

#pragma GCC visibility pop

#endif /* PGOSP_STATEMENT_H */
