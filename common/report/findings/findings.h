/* SPDX-License-Identifier: Apache-2.0
 *
 * findings.h
 *	  Finds out why a trace took as long as it did. Private to report/findings/.
 *
 * The time of a trace is divided among its operations: at each moment it belongs to the
 * operation that runs and has no running child (find_time.c); if several such
 * operations run side by side, they share it in equal parts. A rule *claims* time of
 * operations for a cause. Claimed time cannot be claimed again, so the shares of all
 * findings together never exceed the whole.
 *
 * Rules run in the order of the table in findings.c, special causes before
 * general ones. Claims of a rule are collected in groups, one for each cause (a
 * lock holder, a table, a shape of statements). A group that took too little
 * time to matter gives its claims back, so a more general rule can have them.
 */
#ifndef OSPROFILER_FINDINGS_H
#define OSPROFILER_FINDINGS_H

#include "report/report_describe.h"
#include "report/report_unfinished.h"
#include "report/statement_shape.h"

/* How many findings are shown at most, and their smallest share and time. */
#define OSP__FINDINGS_MAX  4
#define OSP__FINDING_SHARE 0.05
#define OSP__FINDING_NS    (INT64_C(10) * 1000000)

/* Ten years. In a longer trace a clock was wrong, and nothing is judged. */
#define OSP__JUDGED_MAX_NS    (INT64_C(3653) * 24 * 3600 * 1000000000)
#define OSP__FIGURES_MAX      8
#define OSP__EVIDENCE_OPS_MAX 5
#define OSP__LONGEST_MAX      3
#define OSP__FINDING_TEXT     ((size_t) 1024 * 1024)

typedef enum osp__op_kind
{
	OSP__OP_TRACE, /* the whole trace: the parent of all roots */
	OSP__OP_OTHER, /* of an application, or unknown */
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
	OSP__OP_SERVER, /* of a server: "pg." and a name that no rule asks for */
	OSP__OP_KIND_COUNT
} osp__op_kind;

/* Facts: numbers from the points of an operation; 0: not recorded. Times are in ns.
 * Facts of a statement include those of the statements inside it. */
typedef enum osp__fact
{
	OSP__IO_READ, /* from here on: sums over all parallel processes */
	OSP__IO_WRITE,
	OSP__TEMP_IO,
	OSP__JIT,
	OSP__FIRST_OF_ONE, /* from here on: only of the leader */
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
	OSP__WAIT_WORKERS, /* for parallel workers */
	OSP__WAIT_CLIENT_READ,
	OSP__WAIT_CLIENT_WRITE,
	OSP__WAIT_SLEEP,
	OSP__WAIT_APART, /* waits that no row or block can cause: sleeping, the client,
					  * extensions, other servers */
	OSP__WAIT_BUSY, /* SQLite: for locks of other connections */
	OSP__WAIT_SYNC, /* SQLite: for the disk */
	OSP__WAIT_ANY,  /* all waits, also those that no rule knows */
	OSP__CPU,
	OSP__CPU_OF, /* the time in which CPU was measured */
	OSP__CALLS_TOTAL,
	OSP__NODE_TOTAL,
	OSP__HOLDER_STATE, /* the holder's time in its state before the wait */
	OSP__ROOT_STATE,
	OSP__FIRST_COUNT, /* from here on: counts, not times */
	OSP__BLOCKS_HIT = OSP__FIRST_COUNT,
	OSP__BLOCKS_READ,
	OSP__BLOCKS_WRITTEN,
	OSP__TEMP_BLOCKS,
	OSP__WAL_BYTES,
	OSP__WAL_IMAGES, /* full pages */
	OSP__JIT_FUNCTIONS,
	OSP__PUT_OFF, /* how often another process got the CPU */
	OSP__CALLS,
	OSP__ROWS,
	OSP__LOOPS,
	OSP__PLAN_ROWS,
	OSP__PLAN_COST,
	OSP__RELATION_PAGES,
	OSP__RELATION_BLOCKS, /* size of a large table when the node read it */
	OSP__RELATION_ROWS,   /* by the statistics of the table that a node scans */
	OSP__REMOVED,
	OSP__JOIN_REMOVED,
	OSP__RECHECK_REMOVED,
	OSP__HEAP_FETCHES,
	OSP__NODE_BLOCKS, /* hit or read by a node and the nodes below it */
	OSP__DISK_KB,     /* of all processes, and of the one with the most */
	OSP__DISK_KB_MOST,
	OSP__NODE_ID, /* number of the node in its plan */
	OSP__BATCHES,
	OSP__WORKERS_PLANNED,
	OSP__WORKERS_LAUNCHED,
	OSP__FULLSCAN_STEPS,
	OSP__AUTOINDEX_ROWS,
	OSP__VM_STEPS,
	OSP__SORTS,
	OSP__CHANGES, /* rows that an INSERT, UPDATE or DELETE changed */
	OSP__SYNCS,
	OSP__PAGES, /* pages of a WAL */
	OSP__PAGES_MOVED,
	OSP__HOLDERS,    /* number of processes that hold the lock */
	OSP__HOLDER_PID, /* pid of the first of them; 0: a prepared transaction */
	OSP__TEXT_BYTES, /* length of a statement that is not recorded completely */
	OSP__TRUNCATED,  /* points left out because of osprofiler.max_points */
	OSP__CHAIN,      /* length of the chain of waits behind the holder */
	OSP__ROOT_PID,   /* pid at the end of the chain of waits */
	OSP__FACT_COUNT
} osp__fact;

/* Kinds of plan nodes. Those after OSP__NODE_OTHER, up to the last scan, read tables
 * and indexes themselves. */
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
	OSP__NODE_FUNCTION_SCAN, /* reads whatever the function reads */
	OSP__NODE_UNKNOWN_SCAN,
	OSP__NODE_LAST_SCAN = OSP__NODE_UNKNOWN_SCAN,
	OSP__NODE_LOCK_ROWS,
	OSP__NODE_MODIFY,
	OSP__NODE_AGGREGATE, /* makes one row of all rows */
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

/* Something that ends statements before they have finished. */
typedef struct osp__ending
{
	const char *etype;   /* the error by which it is known */
	const char *message; /* the error's message begins so; NULL: any */
	const char *by;      /* its name, for texts */
	bool of_session;     /* it ends the session, too */
} osp__ending;

/* An operation and its time. Times count from the beginning of the trace. */
typedef struct osp__op
{
	const osp__node *node; /* NULL: the whole trace */
	struct osp__op *parent;
	struct osp__op
		*timed; /* the operation that has its time: itself, or, for nodes of
				 * plans and workers, an ancestor */
	struct osp__op
		*runner; /* the one around it that has the time which this one does not
				  * get; NULL for the trace */
	struct osp__op *statement; /* itself, or the nearest ancestor that is a
								* statement of a server, a client or SQLite;
								* NULL: none */
	osp__op_kind kind;
	osp__node_kind node_kind;
	bool parallel;          /* a node that several processes execute together */
	bool workers_ruled_out; /* a Gather that PostgreSQL allowed no workers */
	osp__control control;
	uint64_t
		session; /* of a statement: the process or connection; 0: unknown */
	osp__locking locking;
	osp__journal journal; /* of its database; known if it had to wait */
	uint64_t
		file; /* of an operation of SQLite: its database's hash; 0: unknown */
	bool in_memory;    /* its database is in memory, only for its connection */
	bool leaves_files; /* DROP or the like: the server removes files */
	bool checks_key;   /* PostgreSQL itself runs it for a foreign key */
	bool fetches;      /* FETCH or MOVE of a server's statement */
	bool inner_cursor; /* query of a cursor of the server itself */
	bool sliced; /* its time is that of its execution, not the whole time until
				  * its end: it is an inner cursor, or the program paused
				  * between its rows */
	bool in_transaction; /* find_repeat.c: begins in a transaction */
	bool lacks_syncs; /* of SQLite: its waits for the disk are not measured */
	bool
		lacks_pauses; /* nor its pauses between rows, nor its waits for locks */
	bool failed;
	const osp__ending
		*ending;  /* what ended the statement (find_ended.c); NULL: it was
								* not ended, or it is inside one that was */
	bool handled; /* a mark for the use of the running rule */
	bool claimed; /* a plan node whose work a rule has claimed, or a statement
				   * whose I/O a rule has claimed */
	const osp__rule
		*emptied; /* the rule that has claimed all time of it and of operations
				   * below it; that rule need not search them again, so each
				   * rule walks a deep tree once */
	int64_t begin_ns;
	int64_t end_ns;
	int64_t own_ns; /* time without operations inside it */
	int64_t
		busy_ns; /* the same, not divided among the operations that ran at the
					   * same time */
	int64_t busy_left_ns; /* the part of busy_ns that no rule has claimed */
	int64_t left_ns;      /* part of own_ns that no rule has claimed */
	int64_t nodes_ns;     /* time claimed for nodes of its plan */
	int64_t workers;      /* number of workers beside it */
	int64_t
		apart_ns; /* the part of own_ns in which it waited for something that no
						 * node of its plan can have caused by its rows */
	int64_t apart_left_ns; /* the part of apart_ns that no rule has claimed */
	int64_t starved_ns;    /* time claimed by the rule cpu */
	int64_t waited_ns;     /* time claimed by rules about waits, except locks */
	bool no_toast;         /* a scan whose table has no TOAST table */
	bool short_rows;       /* four or more rows of its table fill a page */
	bool subplan;          /* a node that is the top of a subquery */
	bool timed_nodes;      /* at least one node of its plan was timed */
	bool leader_nodes;     /* at least one node of its plan is not a worker's */
	bool in_worker;        /* a worker, or a node of a worker's plan */
	double node_rows;      /* rows that all nodes of its plan worked on */
	double node_loops;     /* how often these nodes were executed */
	uint64_t shape; /* hash of the statement without constants; of a node,
						 * trigger or function, of its name; 0: none */
	uint64_t text;  /* hash of the statement with its constants */
	uint64_t plan;  /* number of a planning's plan; 0: unknown */
	bool generic;   /* the plan is for any values */
	bool foreign;   /* a client's statement recorded by the program itself, like
				   * OSProfiler in Python, not by a hook: writing its start to
				   * the collector may be part of its time */
	struct osp__op *planning; /* planning of its plan; NULL: unknown */
	int64_t
		pid; /* of the server's process, or of the one that uses SQLite, as the
			  * start names it; 0: unknown */
	int64_t *facts; /* OSP__FACT_COUNT, mostly of the stop; NULL: none */

	/* used by find_time.c */
	int64_t shift_ns; /* correction of its host's clock */
	double idle_before;
	int64_t busy_since_ns;
	uint32_t running_children;
	bool running;
} osp__op;

typedef struct osp__claim
{
	struct osp__claim *next;
	osp__op *op;   /* the operation whose time is claimed */
	osp__op *node; /* the plan node for whose work it is; NULL: none */
	int64_t ns;
	int64_t spent_ns; /* how long the operation itself was at that */
	int64_t apart_ns; /* the part of ns that is of the operation's apart_ns */
} osp__claim;

/* The time claimed for one cause. A rule may add up figures while it claims. */
typedef struct osp__group
{
	struct osp__group *next;
	const osp__rule *rule;
	uint64_t key; /* distinguishes the causes of a rule */
	int64_t ns;   /* their part of the time of the trace */
	int64_t
		spent_ns;   /* how long they themselves took: more than ns if others ran
					   * at the same time. Sentences name this one. */
	uint64_t count; /* number of operations */
	uint64_t alike; /* executions whose plans are not recorded (find_alike.c) */
	int64_t alike_ns; /* their part of spent_ns */
	osp__op *first;
	osp__op *largest;
	osp__op *examples[OSP__EVIDENCE_OPS_MAX];
	int64_t sums[4]; /* for the rule's own use */
	osp__claim *claims;
} osp__group;

typedef struct osp__figure
{
	const char *name;
	double value;
} osp__figure;

/* A group that is shown, with its texts. They are UTF-8, and include texts from
 * outside. */
typedef struct osp__finding
{
	const osp__group *group;
	osp_buf cause;    /* one sentence */
	osp_buf evidence; /* sentences with figures, or an operation */
	osp_buf step;     /* what to do next */
	osp__figure figures[OSP__FIGURES_MAX];
	unsigned figure_count;
	const osp__op *other; /* another operation of the evidence; NULL: none */
	bool says_share;      /* the cause names its part of the trace itself */
} osp__finding;

/* The parts of the time that is not explained. */
typedef enum osp__rest
{
	OSP__REST_CLIENT, /* the client's work, and pauses between statements */
	OSP__REST_WAY, /* client's calls in which the server did nothing for them */
	OSP__REST_CONNECT,
	OSP__REST_PLANNING, /* also analysis */
	OSP__REST_WAITING,  /* for locks, and waits by samples */
	OSP__REST_CPU,      /* by measured CPU time */
	OSP__REST_COMMIT,
	OSP__REST_STATEMENTS, /* of statements of which only the time is known */
	OSP__REST_CAUSES,     /* causes not shown, because others took more */
	OSP__REST_UNKNOWN,
	OSP__REST_COUNT
} osp__rest;

/* A statement with much time that no rule has claimed: all executions that differ only
 * in constants. */
typedef struct osp__longest
{
	osp__op *op; /* the execution with the most of that time */
	int64_t ns;  /* of all executions, like the sums below */
	int64_t own_ns;
	int64_t count;
	int64_t steps; /* steps of SQLite's virtual machine */
	int64_t scanned;
	int64_t sorts;
	int64_t rows; /* rows returned */
	osp_buf text; /* text of the statement */
	osp_buf why;  /* the end of a sentence */
} osp__longest;

typedef struct osp__findings
{
	osp_report *report;
	osp__arena arena;
	osp__op *ops;   /* the trace, then all operations ordered by time */
	osp__op **walk; /* the same operations in drawing order, parents first */
	size_t op_count;
	int64_t total_ns;
	uint64_t
		lost_callers;     /* operations whose caller is missing or incomplete */
	const osp__op *ended; /* the longest statement that did not finish because
						   * something else ended it; NULL: none that matters */
	int64_t ended_count;  /* how many such statements there are */
	osp__unfinished unfinished; /* what keeps the trace open */
	osp__group *groups;         /* groups of all rules */
	osp__table by_key;          /* groups of the running rule */
	const osp__rule *rule;      /* the running rule */
	osp__finding found[OSP__FINDINGS_MAX];
	unsigned found_count;
	osp__longest longest[OSP__LONGEST_MAX];
	unsigned longest_count;
	osp_buf scratch;
	osp__description what;
	osp_status status;
} osp__findings;

/* A rule: look claims time; tell writes the texts of one of its groups. The bounds come
 * on top of those for all findings. */
struct osp__rule
{
	const char *name;
	void (*look)(osp__findings *f);
	void (*tell)(osp__findings *f, osp__finding *finding);
	uint64_t min_count; /* smallest number of operations */
	int64_t min_ms;
	double min_share;
};

/* Makes the operations of a report, and divides its time among them, but does not look
 * for causes. */
osp_status osp__findings_begin(osp__findings *f,
							   osp_report *report) OSP_MUST_CHECK;

/* Does the work of osp__findings_begin, and finds the causes; f->found are those to
 * show, with their texts. */
osp_status osp__findings_make(osp__findings *f,
							  osp_report *report) OSP_MUST_CHECK;

/* Must be called after either of them, even after a failure. */
void osp__findings_term(osp__findings *f);

/* The part of the time that the shown findings do not explain, from 0 to 1. */
double osp__findings_unexplained(const osp__findings *f);
double osp__finding_share(const osp__findings *f, const osp__finding *finding);

/* ---- find_alike.c ---- */

/* Explains short executions by what was found in the plans of longer executions of the
 * same statement. */
void osp__claim_alike(osp__findings *f);

/* ---- find_ended.c ---- */

/* Notes which statements did not finish because something else ended them. */
void osp__find_ended(osp__findings *f);

/* What ended the statement that op is, or is inside of, such as "statement_timeout";
 * NULL: nothing. */
const char *osp__ended_by(const osp__findings *f, const osp__op *op);

/* ---- find_longest.c ---- */

/* Fills f->longest, if the findings leave much of the time open. */
void osp__find_longest(osp__findings *f);

/* ---- find_division.c ---- */

/* The part of the time that no rule has claimed in which a server's operation computed,
 * by the CPU time of its statement. */
int64_t osp__left_cpu_ns(const osp__op *op);

/* ---- findings_json.c ---- */

/* Appends the JSON of osp_report_explain_json(). */
void osp__findings_json(osp__findings *f, osp_buf *out);

/* ---- find_facts.c ---- */

/* Reads the facts of op from its points. */
osp_status osp__op_read(osp__findings *f, osp__op *op) OSP_MUST_CHECK;

/* Appends a member of the start's info.db, such as "mode" of the object "lock"; nothing
 * if there is none. */
void osp__op_member(osp__findings *f, const osp__op *op, const char *object,
					const char *key, osp_buf *out);

/* Is the trigger op the check of a foreign key? */
bool osp__is_foreign_key(osp__findings *f, const osp__op *op);

/* A key that is the same for all operations with the same name that do the
 * same, apart from the constants of a statement, or the numbers and literals in
 * another text: "GET /orders/7" and "GET /orders/8" have one key. `what` must
 * describe op. Never 0. */
uint64_t osp__op_key(const osp__op *op, const osp__description *what);

static inline int64_t
osp__op_fact(const osp__op *op, osp__fact fact)
{
	return op->facts != NULL ? op->facts[fact] : 0;
}

/* ---- find_time.c ---- */

/* Makes f->ops, and divides the time among them. */
osp_status osp__findings_divide(osp__findings *f) OSP_MUST_CHECK;

/* ---- find_division.c ---- */

/* Sets the report's times_ns, from the times of the operations. */
void osp__findings_note_division(osp__findings *f);

/* Notes in the operations how much of their time the rules about waits have claimed. */
void osp__note_claimed_waits(const osp__findings *f);

/* The name and the description of a part of the rest. */
typedef struct osp__rest_part
{
	const char *name;
	const char *text;
} osp__rest_part;

extern const osp__rest_part osp__rest_parts[OSP__REST_COUNT];

/* Divides the time that is not explained into its parts, whose sum is all of it. */
void osp__findings_divide_rest(const osp__findings *f,
							   int64_t rest_ns[OSP__REST_COUNT]);

/* ---- find_claims.c: what rules are made of ---- */

/* Does a client's statement have an operation of a server inside it? */
bool osp__op_has_server(const osp__findings *f, const osp__op *op);

static inline osp__op *
osp__op_of(const osp__findings *f, const osp__node *node)
{
	return &f->ops[1 + node->order];
}

/* Counts the rows that the nodes of each plan worked on, for osp__node_own_ns(). */
void osp__count_node_rows(osp__findings *f);

/* The item of a table that begins with this key, a uint64_t; NULL: there is none. */
void *osp__keyed(const osp__table *table, uint64_t key);

/* The item with this key, or a new one of this size: zeroes except for the key. It
 * lives as long as the findings. NULL: there is no memory. */
void *osp__keyed_or_new(osp__findings *f, osp__table *table, uint64_t key,
						size_t size);

/* Finds or makes the group of the running rule with this key; NULL if there is no
 * memory. */
osp__group *osp__group_of(osp__findings *f, uint64_t key);

/* Counts op, and claims up to ns of the time that it has left. */
void osp__claim_time(osp__findings *f, osp__group *group, osp__op *op,
					 int64_t ns);

/* Counts op, and claims all time that op and all operations below it have left. */
void osp__claim_below(osp__findings *f, osp__group *group, osp__op *op);

/* Claim time like osp__claim_time and osp__claim_below, without counting op. */
void osp__claim_more(osp__findings *f, osp__group *group, osp__op *op,
					 int64_t ns);
void osp__claim_more_below(osp__findings *f, osp__group *group, osp__op *op);

/* Counts op as one of the group's operations, without claiming its time. */
void osp__count_op(osp__group *group, osp__op *op);

/*
 * Claims the time between two operations, of which the first ended before the
 * second began, from the operations around both of them. Returns how long that
 * time was.
 */
int64_t osp__claim_gap(osp__findings *f, osp__group *group,
					   const osp__op *before, const osp__op *after);

/* The next attempt to do what failed, beside it; NULL: there is none nearby. */
osp__op *osp__next_attempt(const osp__findings *f, const osp__op *failed);

/* Claims the pauses, and the beginning and end of transactions, from the
 * failure up to the attempt. */
void osp__claim_until(osp__findings *f, osp__group *group,
					  const osp__op *failed, const osp__op *attempt);

/* Claims, of each operation that has this fact, what the fact exceeds those of the
 * operations below it. */
void osp__claim_fact(osp__findings *f, uint64_t key, osp__fact fact);

/* A fact of op without those of the operations below, which it includes. If several
 * processes spent the time, it is their mean. */
int64_t osp__op_own_fact(const osp__findings *f, const osp__op *op,
						 osp__fact fact);

/* Does the operation belong to a database, or to a client of one? */
static inline bool
osp__op_is_database(const osp__op *op)
{
	return op->kind != OSP__OP_TRACE && op->kind != OSP__OP_OTHER;
}

/* The duration of op from its beginning to its end. */
static inline int64_t
osp__op_ns(const osp__op *op)
{
	return op->end_ns - op->begin_ns;
}

/* How long a statement of SQLite paused between its rows, while the program did
 * something else. */
static inline int64_t
osp__paused_ns(const osp__op *op)
{
	int64_t active_ns = osp__op_fact(op, OSP__ACTIVE);

	return active_ns > 0 ? osp__op_ns(op) - active_ns : 0;
}

/* May the statement have paused between its rows, although that was not measured? */
static inline bool
osp__may_have_paused(const osp__op *op)
{
	return op->lacks_pauses && osp__op_fact(op, OSP__ROWS) > 1;
}

/* How long a statement took without its pauses. */
static inline int64_t
osp__worked_ns(const osp__op *op)
{
	return op->sliced && op->kind == OSP__OP_SQLITE
			   ? osp__op_fact(op, OSP__ACTIVE)
			   : osp__op_ns(op);
}

/* A key that is the same for all statements of one shape, and for SQLite of one file;
 * 0: op has no shape. */
static inline uint64_t
osp__op_statement_key(const osp__op *op)
{
	return op->shape != 0 ? op->shape ^ op->file * UINT64_C(0x9e3779b97f4a7c15)
						  : 0;
}

/* Is op what one FETCH did of its cursor's query? The query runs once, and each FETCH has
 * an operation with its text. */
static inline bool
osp__op_is_fetched(const osp__op *op)
{
	const osp__op *outer = op->parent->statement;

	return op->kind == OSP__OP_PG && outer != NULL && outer->fetches;
}

/* The statement that op is part of: op itself, or the nearest one above. NULL: there is
 * none, or op is NULL. */
static inline osp__op *
osp__op_statement(const osp__op *op)
{
	return op != NULL ? op->statement : NULL;
}

/* The operation after op in the tree below top, parents first; NULL: op was the last
 * one. If top is the trace, this visits all operations. */
osp__op *osp__op_below(const osp__findings *f, const osp__op *op,
					   const osp__op *top);

/* Like osp__op_below, but skips the operations below op. */
osp__op *osp__op_beside(const osp__findings *f, const osp__op *op,
						const osp__op *top);

/* The next plan node of a statement after at, parents first; if at is the statement,
 * the first one. NULL: there is none. Skips statements inside the plan, so the work
 * does not grow with their contents. */
osp__op *osp__op_next_node(const osp__findings *f, const osp__op *at,
						   const osp__op *statement);

/* The first child of op in drawing order, and its next sibling; NULL: none. */
osp__op *osp__op_child(const osp__findings *f, const osp__op *op);
osp__op *osp__op_sibling(const osp__findings *f, const osp__op *op);

/* The rows that a node worked on: those that it returned, left out, fetched from the
 * table in addition to its index, or got from the nodes below. */
double osp__node_rows(const osp__findings *f, const osp__op *op);

/*
 * How long a plan node worked itself, without the nodes below it; under a
 * Gather, the mean of all processes. If no node of the plan was timed, the time
 * of the statement is divided by the rows that each node worked on.
 */
int64_t osp__node_own_ns(const osp__findings *f, const osp__op *op);

/* The time that the nodes of a statement's plan may have taken together. */
static inline int64_t
osp__nodes_ns(const osp__op *statement)
{
	return statement->own_ns - statement->apart_ns;
}

/* Like osp__node_own_ns, but each execution of a node counts as this many rows. */
int64_t osp__node_own_ns_with_loops(const osp__findings *f, const osp__op *op,
									double rows_of_loop);

/* The part of osp__nodes_ns() that is left for the nodes of a plan. Time that rules
 * have claimed by another measure, such as waiting for a processor, is not the nodes'
 * time, unless nodes were timed. */
double osp__part_of_nodes(const osp__op *statement);

/* Claims the time in which a plan node itself worked, unless another rule has
 * claimed the node. If count is set, the node is also counted in the group, but
 * only if this time is more than 0 or the group is empty. */
void osp__claim_node(osp__findings *f, osp__group *group, osp__op *op,
					 bool count);

/* Claims ns that a statement spent on I/O; no other rule can claim more of its I/O. */
void osp__claim_io(osp__findings *f, osp__group *group, osp__op *op,
				   int64_t ns);

/* Like osp__claim_node, with a time that the rule knows better. Neither claims more
 * than osp__node_most_ns(), nor more than the nodes of the plan may have taken. */
void osp__claim_node_ns(osp__findings *f, osp__group *group, osp__op *op,
						int64_t ns, bool count);

/* ---- node_kind.c ---- */

/* The kind of a node, from its type in EXPLAIN. *parallel: the type begins with
 * "Parallel". */
osp__node_kind osp__node_kind_of(osp_str type, bool *parallel);

/* Does a node read a table or an index itself? */
static inline bool
osp__node_scans(const osp__op *op)
{
	return op->node_kind > OSP__NODE_OTHER &&
		   op->node_kind <= OSP__NODE_LAST_SCAN;
}

/* ---- find_blocks.c: what nodes of plans read ---- */

/* How many blocks of its table and index a node can have needed if no row is dead. For
 * a sequential scan it is the whole table, by its recorded size or its statistics. -1:
 * unknown. */
int64_t osp__node_blocks_needed(const osp__findings *f, const osp__op *op);

/* How many rows a scan met, including those that it left out. */
int64_t osp__node_rows_met(const osp__op *op);

/* Limits a count of blocks or rows to 10^12, so that sums do not overflow, whatever a
 * trace contains. */
int64_t osp__bounded_count(double count);

/* ---- node_bound.c ---- */

/* How much of ns, the measured or estimated time of a node, its rows and blocks can
 * have taken. */
int64_t osp__node_most_ns(osp__findings *f, const osp__op *op, int64_t ns);

/* ---- find_words.c: what sentences are made of ---- */

/* Appends a time, "1.23 ms". */
void osp__say_time(osp_buf *out, int64_t ns);

/* Appends a count, "12,345". */
void osp__say_count(osp_buf *out, int64_t count);

/* Appends "1 call" or "12,345 calls". */
void osp__say_number(osp_buf *out, int64_t count, const char *thing);

/* Appends the text `before` (such as " of") and the file of an operation of
 * SQLite, if the trace has several files. */
void osp__say_file(osp__findings *f, const osp__op *op, const char *before,
				   osp_buf *out);

/* Is a text a word of a shell that needs no quotes? */
bool osp__is_shell_word(osp_str text);

/* Appends a text as one word of a shell. */
void osp__say_quoted(osp_str text, osp_buf *out);

/* Does a statement make an index in a server, for which the server has separate
 * settings of memory and workers? */
bool osp__makes_index(osp_str statement);

/* Does a statement work on whole tables in a server, for which that has a separate
 * setting of memory? */
bool osp__is_maintenance(osp_str statement);

/* Appends the text of what op did, cut to some columns. */
void osp__say_op(osp__findings *f, const osp__op *op, osp_buf *out);

/* Appends the text of the statement that op belongs to, and of the trigger that ran
 * it. */
void osp__say_statement(osp__findings *f, const osp__op *op, osp_buf *out);

/* Appends how long the nodes of a group worked, and whether that was measured or was
 * estimated from `what`: "the rows". */
void osp__say_node_time(const osp__group *group, osp_buf *out);
void osp__say_time_judged_by(const osp__group *group, const char *what,
							 osp_buf *out);

/* Was the time of a finding's nodes estimated? Then OSP__MEASURE_NODES is the statement
 * that has them measured. */
bool osp__findings_are_judged(const osp__findings *f) OSP_MUST_CHECK;
#define OSP__DEFAULT_POINTS \
	"statement, nested, parse, plan, commit, trigger, worker, wait"
#define OSP__MEASURE_NODES \
	"SET osprofiler.points = '" OSP__DEFAULT_POINTS ", node'"

/* Says how to see the functions that can be recorded. */
#define OSP__MEASURE_FUNCTIONS                                                 \
	"SET osprofiler.points = '" OSP__DEFAULT_POINTS                            \
	", function' (the default, "                                               \
	"and function) and trace it again, to see how long functions in PL/pgSQL " \
	"and other procedural languages take"

/* Is any call of a function recorded in the trace? */
bool osp__records_functions(const osp__findings *f);

/* Said about operations of a program that was not started by osprofiler. */
#define OSP__SYNCS_UNMEASURED                                              \
	"waiting for the disk is not measured here: of most programs that is " \
	"done by 'osprofiler run'"

void osp__add_figure(osp__finding *finding, const char *name, double value);

#endif /* OSPROFILER_FINDINGS_H */
