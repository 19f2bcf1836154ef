/* SPDX-License-Identifier: Apache-2.0
 *
 * findings.h
 *	  Why a trace took as long as it did. Private to report/findings/.
 *
 * The time of a trace is divided among its operations: at each moment it belongs
 * to the operation that runs and has no running child (find_time.c); where
 * several run side by side, to all of them in equal parts. A rule *claims* time
 * of operations for a cause. What was claimed cannot be claimed again, so the
 * shares of all findings together never exceed the whole.
 *
 * Rules run in the order of the table in findings.c, special causes before
 * general ones. Claims of a rule are collected in groups, one for each cause (a
 * lock holder, a table, a shape of statements). A group that took too little
 * time to matter gives its claims back, so a more general rule can have them.
 */
#ifndef OSPROFILER_FINDINGS_H
#define OSPROFILER_FINDINGS_H

#include "report/report_describe.h"
#include "report/statement_shape.h"

/* At most this many are shown, and none that took less than a share and a time. */
#define OSP__FINDINGS_MAX  4
#define OSP__FINDING_SHARE 0.05
#define OSP__FINDING_NS    (INT64_C(10) * 1000000)

/* Ten years. In a trace that is longer a clock was wrong, and nothing of it is judged. */
#define OSP__JUDGED_MAX_NS    (INT64_C(3653) * 24 * 3600 * 1000000000)
#define OSP__FIGURES_MAX      8
#define OSP__EVIDENCE_OPS_MAX 5
#define OSP__LONGEST_MAX      3
#define OSP__FINDING_TEXT     ((size_t) 1024 * 1024)

typedef enum osp__op_kind
{
	OSP__OP_TRACE, /* the trace itself: the parent of all roots */
	OSP__OP_OTHER, /* of an application */
	OSP__OP_DB,
	OSP__OP_CONNECT,
	OSP__OP_PG,
	OSP__OP_PARSE,
	OSP__OP_PLAN,
	OSP__OP_COMMIT,
	OSP__OP_WAIT,
	OSP__OP_NODE,
	OSP__OP_TRIGGER,
	OSP__OP_FUNCTION,
	OSP__OP_WORKER,
	OSP__OP_SQLITE,
	OSP__OP_CHECKPOINT,
	OSP__OP_KIND_COUNT
} osp__op_kind;

/* What points say of an operation in figures; 0: nothing. Times are in ns.
 * Figures of a statement include those of the statements that it runs. */
typedef enum osp__fact
{
	OSP__IO_READ, /* these are sums over all processes of a parallel statement */
	OSP__IO_WRITE,
	OSP__TEMP_IO,
	OSP__JIT,
	OSP__FIRST_OF_ONE, /* and these are the leader's */
	OSP__ACTIVE = OSP__FIRST_OF_ONE,
	OSP__WAL_SYNC,
	OSP__WAL_WRITE,
	OSP__WAIT_LOCK,
	OSP__WAIT_READ,
	OSP__WAIT_WRITE,
	OSP__WAIT_TEMP,
	OSP__WAIT_WAL,
	OSP__WAIT_WAL_OTHER,
	OSP__WAIT_STANDBY,
	OSP__WAIT_WORKERS, /* parallel ones */
	OSP__WAIT_CLIENT_READ,
	OSP__WAIT_CLIENT_WRITE,
	OSP__WAIT_SLEEP,
	OSP__WAIT_BUSY, /* SQLite: for locks of other connections */
	OSP__WAIT_SYNC, /* SQLite: for the disk */
	OSP__WAIT_ANY,  /* also those that no rule knows */
	OSP__CPU,
	OSP__CPU_OF, /* the time in which it was measured */
	OSP__CALLS_TOTAL,
	OSP__NODE_TOTAL,
	OSP__HOLDER_STATE, /* how long it was in its state when the wait began */
	OSP__ROOT_STATE,
	OSP__FIRST_COUNT, /* from here on counts, not times */
	OSP__BLOCKS_HIT = OSP__FIRST_COUNT,
	OSP__BLOCKS_READ,
	OSP__BLOCKS_WRITTEN,
	OSP__TEMP_BLOCKS,
	OSP__WAL_BYTES,
	OSP__WAL_IMAGES, /* of full pages */
	OSP__JIT_FUNCTIONS,
	OSP__PUT_OFF, /* how often another process got the CPU instead */
	OSP__CALLS,
	OSP__ROWS,
	OSP__LOOPS,
	OSP__PLAN_ROWS,
	OSP__PLAN_COST,
	OSP__RELATION_PAGES,
	OSP__RELATION_BLOCKS, /* as it was, of a large table that a node reads */
	OSP__RELATION_ROWS, /* of the table that a node scans, by its statistics */
	OSP__REMOVED,
	OSP__JOIN_REMOVED,
	OSP__RECHECK_REMOVED,
	OSP__HEAP_FETCHES,
	OSP__NODE_BLOCKS, /* hit or read by a node and those below it */
	OSP__DISK_KB,     /* of all processes, and of the one with the most */
	OSP__DISK_KB_MOST,
	OSP__NODE_ID, /* in its plan */
	OSP__BATCHES,
	OSP__WORKERS_PLANNED,
	OSP__WORKERS_LAUNCHED,
	OSP__FULLSCAN_STEPS,
	OSP__AUTOINDEX_ROWS,
	OSP__VM_STEPS,
	OSP__SORTS,
	OSP__CHANGES, /* rows that an INSERT, UPDATE or DELETE changed */
	OSP__SYNCS,
	OSP__PAGES, /* of a WAL */
	OSP__PAGES_MOVED,
	OSP__HOLDERS,    /* that have the lock */
	OSP__HOLDER_PID, /* of the first of them; 0: a prepared transaction */
	OSP__TEXT_BYTES, /* of a statement that is not recorded as a whole */
	OSP__TRUNCATED,  /* points beyond osprofiler.max_points */
	OSP__CHAIN,      /* that many wait for each other behind the holder */
	OSP__ROOT_PID,   /* of the process that the holder waits for in the end */
	OSP__FACT_COUNT
} osp__fact;

/* What nodes of plans do. Only those after OSP__NODE_OTHER, up to the last scan, read
 * tables and indexes themselves. */
typedef enum osp__node_kind
{
	OSP__NODE_OTHER,
	OSP__NODE_SEQ_SCAN,
	OSP__NODE_INDEX_SCAN,
	OSP__NODE_INDEX_ONLY_SCAN,
	OSP__NODE_BITMAP_HEAP_SCAN,
	OSP__NODE_BITMAP_INDEX_SCAN,
	OSP__NODE_BITMAP_AND,
	OSP__NODE_BITMAP_OR,
	OSP__NODE_FUNCTION_SCAN, /* of what the function reads */
	OSP__NODE_UNKNOWN_SCAN,
	OSP__NODE_LAST_SCAN = OSP__NODE_UNKNOWN_SCAN,
	OSP__NODE_LOCK_ROWS,
	OSP__NODE_MODIFY,
	OSP__NODE_AGGREGATE, /* one row of all */
	OSP__NODE_APPEND,
	OSP__NODE_CTE_SCAN,
	OSP__NODE_EXISTS_JOIN, /* semi or anti: ends at the first row that matches */
	OSP__NODE_GROUP,
	OSP__NODE_HASH,
	OSP__NODE_HASH_AGGREGATE,
	OSP__NODE_HASH_JOIN,
	OSP__NODE_INCREMENTAL_SORT,
	OSP__NODE_LIMIT,
	OSP__NODE_MATERIALIZE,
	OSP__NODE_MERGE_APPEND,
	OSP__NODE_MERGE_JOIN,
	OSP__NODE_NESTED_LOOP, /* an inner join */
	OSP__NODE_NESTED_LOOP_LEFT,
	OSP__NODE_SORT,
	OSP__NODE_SUBQUERY_SCAN,
	OSP__NODE_WINDOW
} osp__node_kind;

typedef enum osp__journal
{
	OSP__JOURNAL_UNKNOWN,
	OSP__JOURNAL_ROLLBACK,
	OSP__JOURNAL_WAL
} osp__journal;

typedef struct osp__rule osp__rule;

/* An operation, and the time that it has. Times begin with the trace. */
typedef struct osp__op
{
	const osp__node *node; /* NULL: the trace */
	struct osp__op *parent;
	struct osp__op
		*timed; /* itself, or the ancestor that has its time: nodes of
							* plans and workers have none of their own */
	struct osp__op
		*runner; /* the one around it that has the time which it does not
							 * have; NULL: it is the trace */
	struct osp__op *statement; /* itself, or the nearest ancestor that is one of
								* a server, a client or SQLite; NULL: none */
	osp__op_kind kind;
	osp__node_kind node_kind;
	bool parallel; /* a node that several processes read together */
	osp__control control;
	uint64_t
		session; /* of a statement: the process or connection; 0: unknown */
	osp__locking locking;
	osp__journal journal; /* of its database, if it had to wait */
	uint64_t
		file; /* of an operation of SQLite: its database, a hash; 0: unknown */
	bool in_memory; /* its database is, so other connections do not need it */
	bool leaves_files; /* a DROP or its like: the server removes files */
	bool checks_key;   /* what PostgreSQL itself runs for a foreign key */
	bool inner_cursor; /* a query that the server itself fetches from */
	bool sliced; /* it has the time in which it was executed, not from begin to
				  * end: an inner cursor, or between rows the program had its turn */
	bool in_transaction; /* find_repeat.c: one is open when it begins */
	bool lacks_syncs; /* of SQLite, and waiting for the disk is not measured */
	bool
		lacks_pauses; /* and pauses between rows are not, nor waits for locks */
	bool failed;
	bool handled; /* a mark of the rule that runs */
	bool claimed; /* a node of a plan of which a rule has claimed the work, or a
				   * statement of which one has claimed the I/O */
	const osp__rule
		*emptied; /* the rule that has claimed all that it and what is below it
				   * had: it need not look there again, so a deep tree is walked
				   * once by each rule */
	int64_t begin_ns;
	int64_t end_ns;
	int64_t own_ns;     /* without that of operations in it */
	int64_t left_ns;    /* of that, what no rule has claimed */
	int64_t nodes_ns;   /* what was claimed for nodes of its plan */
	int64_t workers;    /* that worked beside it */
	int64_t starved_ns; /* what the rule cpu claimed of it */
	int64_t waited_ns;  /* what rules about waits did, but for locks */
	bool no_toast;      /* a scan whose table is known to have no TOAST table */
	bool short_rows;    /* four or more rows of its table fill a page */
	bool subplan;       /* a node that is the top of a subquery */
	bool timed_nodes;   /* a node of its plan says how long it worked */
	bool leader_nodes;  /* a node of its plan is not of a worker */
	bool in_worker;     /* a worker, or a node of one's plan */
	double node_rows;   /* that all nodes of its plan worked on */
	double node_loops;  /* how often they were executed */
	uint64_t shape;     /* of the statement without its constants; of a node,
					  * trigger or function its name; 0: none */
	uint64_t text;      /* of the statement with its constants, a hash */
	uint64_t plan;      /* that a planning made; 0: unknown */
	bool generic;       /* that is one for any values, or a statement has one */
	bool foreign; /* a client's statement that no hook of ours recorded, but the
						* program, such as OSProfiler in Python: writing its start
						* to the collector may be part of its time */
	struct osp__op *planning; /* of the plan of a statement; NULL: unknown */
	int64_t
		pid; /* of the server's process, or of the one that uses SQLite, as the
			  * start names it; 0: unknown */
	int64_t *facts; /* OSP__FACT_COUNT; of the stop, nearly all; NULL: none */

	/* find_time.c */
	int64_t shift_ns; /* that its host's clock is off */
	double idle_before;
	uint32_t running_children;
	bool running;
} osp__op;

typedef struct osp__claim
{
	struct osp__claim *next;
	osp__op *op;   /* whose time it was */
	osp__op *node; /* of a plan, for whose work that stands; NULL: none */
	int64_t ns;
} osp__claim;

/* The time of one cause. A rule may add figures of its own while it claims. */
typedef struct osp__group
{
	struct osp__group *next;
	const osp__rule *rule;
	uint64_t key; /* tells the causes of a rule apart */
	int64_t ns;
	uint64_t count; /* of operations */
	uint64_t alike; /* executions whose plans are not recorded (find_alike.c) */
	int64_t alike_ns; /* their part of ns */
	osp__op *first;
	osp__op *largest;
	osp__op *examples[OSP__EVIDENCE_OPS_MAX];
	int64_t sums[4]; /* of the rule */
	osp__claim *claims;
} osp__group;

typedef struct osp__figure
{
	const char *name;
	double value;
} osp__figure;

/* What is told of a group. The texts are UTF-8, and hold texts from outside. */
typedef struct osp__finding
{
	const osp__group *group;
	osp_buf cause;    /* a sentence */
	osp_buf evidence; /* sentences with figures, or an operation */
	osp_buf step;     /* what to do next */
	osp__figure figures[OSP__FIGURES_MAX];
	unsigned figure_count;
	const osp__op *other; /* one more operation of the evidence; NULL: none */
} osp__finding;

/* What the time that is not explained consists of. */
typedef enum osp__rest
{
	OSP__REST_CLIENT, /* its work, and its pauses between statements */
	OSP__REST_WAY, /* a client's call in which its server did nothing for it */
	OSP__REST_CONNECT,
	OSP__REST_PLANNING, /* and analysis */
	OSP__REST_WAITING,  /* locks, and what was sampled */
	OSP__REST_CPU,      /* as it was measured */
	OSP__REST_COMMIT,
	OSP__REST_STATEMENTS, /* of which nobody measured what they did */
	OSP__REST_CAUSES,     /* causes that are not told, for others took more */
	OSP__REST_UNKNOWN,
	OSP__REST_COUNT
} osp__rest;

/* A statement with much time that no rule has claimed: all that differ in constants
 * only. */
typedef struct osp__longest
{
	osp__op *op; /* the execution that has most of it */
	int64_t ns;  /* of all together, as are these */
	int64_t own_ns;
	int64_t count;
	int64_t steps; /* of SQLite's virtual machine */
	int64_t scanned;
	int64_t sorts;
	int64_t rows; /* returned */
	osp_buf text; /* of the statement */
	osp_buf why;  /* the end of a sentence */
} osp__longest;

typedef struct osp__findings
{
	osp_report *report;
	osp__arena arena;
	osp__op *ops;   /* the trace, then all operations in order of time */
	osp__op **walk; /* the same as they are drawn, parents first */
	size_t op_count;
	int64_t total_ns;
	uint64_t
		lost_callers;   /* operations whose caller is not here, or not whole */
	osp__group *groups; /* of all rules */
	osp__table by_key;  /* those of the running rule */
	const osp__rule *rule; /* that runs */
	osp__finding found[OSP__FINDINGS_MAX];
	unsigned found_count;
	osp__longest longest[OSP__LONGEST_MAX];
	unsigned longest_count;
	osp_buf scratch;
	osp__description what;
	osp_status status;
} osp__findings;

/* look claims time, tell makes the texts of one of the groups. The bounds are
 * beyond those of all findings. */
struct osp__rule
{
	const char *name;
	void (*look)(osp__findings *f);
	void (*tell)(osp__findings *f, osp__finding *finding);
	uint64_t min_count; /* of operations */
	int64_t min_ms;
	double min_share;
};

/* Makes the operations of a report, and divides its time among them, without
 * looking for causes. */
osp_status osp__findings_begin(osp__findings *f,
							   osp_report *report) OSP_MUST_CHECK;

/* The same, and finds the causes; f->found are those worth telling, with their
 * texts. */
osp_status osp__findings_make(osp__findings *f,
							  osp_report *report) OSP_MUST_CHECK;

/* Either way, also after a failure. */
void osp__findings_term(osp__findings *f);

/* How much of the time all findings that are told leave open, from 0 to 1. */
double osp__findings_unexplained(const osp__findings *f);
double osp__finding_share(const osp__findings *f, const osp__finding *finding);

/* ---- find_alike.c ---- */

/* Adds to what was found in plans the short executions of the same statements. */
void osp__claim_alike(osp__findings *f);

/* ---- find_longest.c ---- */

/* Fills f->longest, if the findings leave much open. */
void osp__find_longest(osp__findings *f);

/* ---- findings_json.c ---- */

/* Appends what osp_report_explain_json() appends. */
void osp__findings_json(const osp__findings *f, osp_buf *out);

/* ---- find_facts.c ---- */

/* Reads what the points of op say. */
osp_status osp__op_read(osp__findings *f, osp__op *op) OSP_MUST_CHECK;

/* Appends a member of the start's info.db: "lock", "mode"; nothing if it has none. */
void osp__op_member(osp__findings *f, const osp__op *op, const char *object,
					const char *key, osp_buf *out);

/* Is op, a trigger, the check of a foreign key? */
bool osp__is_foreign_key(osp__findings *f, const osp__op *op);

/* What operations have in common that have the same name and do the same, but for
 * the constants of a statement, or the numbers and literals in another text: "GET
 * /orders/7" and "GET /orders/8" have one shape. what describes op. Never 0. */
uint64_t osp__op_key(const osp__op *op, const osp__description *what);

static inline int64_t
osp__op_fact(const osp__op *op, osp__fact fact)
{
	return op->facts != NULL ? op->facts[fact] : 0;
}

/* ---- find_time.c ---- */

/* Makes f->ops, and divides the time. */
osp_status osp__findings_divide(osp__findings *f) OSP_MUST_CHECK;

/* ---- find_division.c ---- */

/* Sets the report's times_ns, from the time that operations have. */
void osp__findings_note_division(osp__findings *f);

/* Notes in the operations what the rules about waits have claimed of them. */
void osp__note_claimed_waits(const osp__findings *f);

/* What each part of it is called, and in words. */
typedef struct osp__rest_part
{
	const char *name;
	const char *text;
} osp__rest_part;

extern const osp__rest_part osp__rest_parts[OSP__REST_COUNT];

/* Sets the times of which what is not explained consists; their sum is all of it. */
void osp__findings_divide_rest(const osp__findings *f,
							   int64_t rest_ns[OSP__REST_COUNT]);

/* ---- find_claims.c: what rules are made of ---- */

/* Is an operation of a server part of a client's statement? */
bool osp__op_has_server(const osp__findings *f, const osp__op *op);

static inline osp__op *
osp__op_of(const osp__findings *f, const osp__node *node)
{
	return &f->ops[1 + node->order];
}

/* Counts what the nodes of each plan worked on, for osp__node_own_ns(). */
void osp__count_node_rows(osp__findings *f);

/* What a table has under a key, by which it begins, a uint64_t; NULL: nothing. */
void *osp__keyed(const osp__table *table, uint64_t key);

/* The same, or a new one of this size, zeroes but for the key, that lives as long as the
 * findings; NULL: there is no memory. */
void *osp__keyed_or_new(osp__findings *f, osp__table *table, uint64_t key,
						size_t size);

/* The group of the running rule with this key; NULL if there is no memory. */
osp__group *osp__group_of(osp__findings *f, uint64_t key);

/* Claims up to ns of what op has left, and counts op. */
void osp__claim_time(osp__findings *f, osp__group *group, osp__op *op,
					 int64_t ns);

/* Claims all that op, and all operations below it, have left; counts op. */
void osp__claim_below(osp__findings *f, osp__group *group, osp__op *op);

/* The same, without counting op. */
void osp__claim_more(osp__findings *f, osp__group *group, osp__op *op,
					 int64_t ns);
void osp__claim_more_below(osp__findings *f, osp__group *group, osp__op *op);

/* Counts op as one of the group, without claiming its time. */
void osp__count_op(osp__group *group, osp__op *op);

/*
 * Claims the time between two operations of which the first ended before the
 * second began: from what runs round both of them. Returns how long that was.
 */
int64_t osp__claim_gap(osp__findings *f, osp__group *group,
					   const osp__op *before, const osp__op *after);

/* The next attempt of what failed, beside it; NULL: there is none near. */
osp__op *osp__next_attempt(const osp__findings *f, const osp__op *failed);

/* Claims the pauses, and the begin and end of transactions, up to the attempt. */
void osp__claim_until(osp__findings *f, osp__group *group,
					  const osp__op *failed, const osp__op *attempt);

/* Claims, of each operation of a kind, what its fact has beyond those below it. */
void osp__claim_fact(osp__findings *f, uint64_t key, osp__fact fact);

/* A fact of op without those of the operations below it, which it includes; of
 * a time that several processes spent the mean. */
int64_t osp__op_own_fact(const osp__findings *f, const osp__op *op,
						 osp__fact fact);

/* Is it a database's, or a client's of one? */
static inline bool
osp__op_is_database(const osp__op *op)
{
	return op->kind != OSP__OP_TRACE && op->kind != OSP__OP_OTHER;
}

/* How long it took from begin to end. */
static inline int64_t
osp__op_ns(const osp__op *op)
{
	return op->end_ns - op->begin_ns;
}

/* How long a statement of SQLite waited for the program between its rows. */
static inline int64_t
osp__paused_ns(const osp__op *op)
{
	int64_t active_ns = osp__op_fact(op, OSP__ACTIVE);

	return active_ns > 0 ? osp__op_ns(op) - active_ns : 0;
}

/* May some of its time have gone by between its rows, unmeasured? */
static inline bool
osp__may_have_paused(const osp__op *op)
{
	return op->lacks_pauses && osp__op_fact(op, OSP__ROWS) > 1;
}

/* How long a statement took without such pauses. */
static inline int64_t
osp__worked_ns(const osp__op *op)
{
	return op->sliced && op->kind == OSP__OP_SQLITE
			   ? osp__op_fact(op, OSP__ACTIVE)
			   : osp__op_ns(op);
}

/* What statements have in common that are of one shape, and in SQLite of one file; 0: op
 * has no shape. */
static inline uint64_t
osp__op_statement_key(const osp__op *op)
{
	return op->shape != 0 ? op->shape ^ op->file * UINT64_C(0x9e3779b97f4a7c15)
						  : 0;
}

/* The statement that op is part of: op itself, or the nearest one above. NULL:
 * there is none, or no op. */
static inline osp__op *
osp__op_statement(const osp__op *op)
{
	return op != NULL ? op->statement : NULL;
}

/* The operation after op in the tree below top, parents first; NULL: that was the
 * last one. With the trace as top it visits all operations. */
osp__op *osp__op_below(const osp__findings *f, const osp__op *op,
					   const osp__op *top);

/* The same without what is below op. */
osp__op *osp__op_beside(const osp__findings *f, const osp__op *op,
						const osp__op *top);

/* The node after at in the plan of a statement, parents first; with the statement as
 * at the first one. NULL: that was the last one. The work does not grow with what
 * runs in statements that the plan called. */
osp__op *osp__op_next_node(const osp__findings *f, const osp__op *at,
						   const osp__op *statement);

/* The child of op that is drawn first, and the one after it; NULL: none. */
osp__op *osp__op_child(const osp__findings *f, const osp__op *op);
osp__op *osp__op_sibling(const osp__findings *f, const osp__op *op);

/* The rows that a node returned, left out, fetched from the table beside its index, and
 * got from those below it. */
double osp__node_rows(const osp__findings *f, const osp__op *op);

/*
 * How long a node of a plan worked, without those below it; under a Gather the
 * mean of all processes. Where no node of the plan says how long it worked, the
 * time of the statement is divided by the rows that each had to do with.
 */
int64_t osp__node_own_ns(const osp__findings *f, const osp__op *op);

/* The same, if each time that a node is executed counts as so many rows. */
int64_t osp__node_own_ns_with_loops(const osp__findings *f, const osp__op *op,
									double rows_of_loop);

/* Which part of the time of a statement is left to the nodes of its plan: what rules have
 * claimed by another measure, such as waiting for a processor, is no time of these. Where
 * nodes were timed it may be. */
double osp__part_of_nodes(const osp__op *statement);

/* Claims that work, unless another rule has; count: and counts the node, if it worked or
 * is the first one. */
void osp__claim_node(osp__findings *f, osp__group *group, osp__op *op,
					 bool count);

/* Claims ns of a statement that it spent on I/O: its other I/O is left to no rule. */
void osp__claim_io(osp__findings *f, osp__group *group, osp__op *op,
				   int64_t ns);

/* The same, with a time of which a rule knows better. */
void osp__claim_node_ns(osp__findings *f, osp__group *group, osp__op *op,
						int64_t ns, bool count);

/* ---- node_kind.c ---- */

/* By the type of a node, as EXPLAIN has it. *parallel: "Parallel" stands before it. */
osp__node_kind osp__node_kind_of(osp_str type, bool *parallel);

/* Does a node read a table or an index itself? */
static inline bool
osp__node_scans(const osp__op *op)
{
	return op->node_kind > OSP__NODE_OTHER &&
		   op->node_kind <= OSP__NODE_LAST_SCAN;
}

/* ---- find_blocks.c: what nodes of plans read ---- */

/* How many blocks of its table and index a node can have needed, if no row is dead; of a
 * sequential scan its table, as large as it was or as its statistics say. -1: unknown. */
int64_t osp__node_blocks_needed(const osp__findings *f, const osp__op *op);

/* The rows that a scan met, also those that it left out. */
int64_t osp__node_rows_met(const osp__op *op);

/* A count of blocks or rows, at most 10^12: sums of these do not overflow, whatever a
 * trace says. */
int64_t osp__bounded_count(double count);

/* ---- find_words.c: what sentences are made of ---- */

/* Appends a time, "1.23 ms". */
void osp__say_time(osp_buf *out, int64_t ns);

/* Appends a count, "12,345". */
void osp__say_count(osp_buf *out, int64_t count);

/* Appends "1 call" or "12,345 calls". */
void osp__say_number(osp_buf *out, int64_t count, const char *thing);

/* Appends the file of an operation of SQLite behind words like " of", where the trace
 * has several. */
void osp__say_file(osp__findings *f, const osp__op *op, const char *before,
				   osp_buf *out);

/* Is a text one word of a shell as it is? */
bool osp__is_shell_word(osp_str text);

/* Appends a text as one word of a shell. */
void osp__say_quoted(osp_str text, osp_buf *out);

/* Does a statement make an index of a server, for which it has a memory and workers of
 * their own? */
bool osp__makes_index(osp_str statement);

/* Appends the text of what op did, cut to some columns. */
void osp__say_op(osp__findings *f, const osp__op *op, osp_buf *out);

/* The same of the statement that op belongs to, and of the trigger that ran it. */
void osp__say_statement(osp__findings *f, const osp__op *op, osp_buf *out);

/* Appends how long the nodes of a group worked, and whether that was measured, or
 * judged by something: "the rows". */
void osp__say_node_time(const osp__group *group, osp_buf *out);
void osp__say_time_judged_by(const osp__group *group, const char *what,
							 osp_buf *out);

/* Was the time of nodes of a finding judged? Then this statement has them measured. */
bool osp__findings_are_judged(const osp__findings *f) OSP_MUST_CHECK;
#define OSP__MEASURE_NODES                                                       \
	"SET osprofiler.points = 'statement, nested, parse, plan, commit, trigger, " \
	"worker, wait, node'"

/* What is missing in the operations of a program that was not started by osprofiler. */
#define OSP__SYNCS_UNMEASURED                                              \
	"waiting for the disk is not measured here: of most programs that is " \
	"done by 'osprofiler run'"

void osp__add_figure(osp__finding *finding, const char *name, double value);

#endif /* OSPROFILER_FINDINGS_H */
