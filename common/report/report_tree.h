/* SPDX-License-Identifier: Apache-2.0
 *
 * report_tree.h
 *	  The data of a report. Private to the files of the report.
 *
 * A *point* is one notification, a *node* is one operation: all points of one trace_id,
 * usually a start and a stop. All text is canonical JSON (osp__json_is_canonical), so
 * it is compared byte by byte and written unchanged; ids, labels and error types are
 * whole JSON values with their quotes, names are the inside of a string.
 *
 * Nodes and texts lie in arenas and are freed all at once. Trees are walked by
 * their links, without recursion, so depth costs no stack.
 */
#ifndef OSPROFILER_REPORT_TREE_H
#define OSPROFILER_REPORT_TREE_H

#include "osprofiler/report.h"
#include "report/arena.h"
#include "report/report_table.h"
#include "json/json_read.h"

/* Memory for reading notifications of up to some kilobytes without allocating. */
#define OSP__REPORT_SPACE 65536

typedef struct osp__point
{
	struct osp__point *next; /* of its node, in order of arrival */
	struct osp__node *node;
	osp_str json; /* the whole notification */
	osp_str name; /* with -start or -stop */
	bool differs; /* it came again with different contents */
	bool stop;    /* its name ends with "stop"; all others are starts */
} osp__point;

/* Says that a tracer on a host has lost points. last_ns is the time of the last record
 * that reports the loss. Both texts are empty if there were too many tracers to
 * remember. */
typedef struct osp__loss
{
	osp_str tracer;
	osp_str host;
	int64_t last_ns;
} osp__loss;

#define OSP__LOSSES_MAX 8

/* The name of the operation by which the shipper reports records that found no room in
 * a ring, when the loss is over. It applies to all tracers of its host. */
#define OSP__LOSS_NAME   "osprofiler.lost"
#define OSP__LOSS_TRACER "osprofiler"


/* The parts into which the time of a trace is divided. Each moment belongs to the
 * operation that is running and has no running child. */
enum
{
	OSP__TIME_SERVER,
	OSP__TIME_WAITING, /* server waits for locks, disk, others */
	OSP__TIME_SQLITE,
	OSP__TIME_DATABASE, /* client's statement without operations of a server */
	OSP__TIME_WAY,      /* client's statement before and after these */
	OSP__TIME_CLIENT,   /* no database operation was running */
	OSP__TIME_COUNT
};

/* Sums over the nodes of one name, in the order in which the names arrived. */
typedef struct osp__stat
{
	struct osp__stat *next;
	osp_str name;
	uint64_t count;
	int64_t duration_ms;
} osp__stat;

/* An operation. The members that are used to build the tree come first, close together
 * in memory. */
typedef struct osp__node
{
	/* from the start and the stop that arrived last */
	int64_t started_ns;
	int64_t finished_ns;
	int64_t elapsed_ns; /* -1: the stop does not tell */
	unsigned starts;    /* how many points of each kind */
	unsigned stops;
	struct osp__node *next_arrived;
	struct osp__node *known_parent; /* its parent, if that came before */
	osp__stat *stat;

	/* the tree, built by osp__report_build() */
	struct osp__node *parent; /* NULL: a root */
	struct osp__node *first_child;
	struct osp__node *last_child;
	struct osp__node *next_sibling;
	int64_t gap_ns;          /* since earlier siblings had ended; 0: one ran */
	int64_t children_end_ns; /* latest end of the children so far */
	int64_t covered_ns;      /* part of its time in which a child was running */
	uint32_t order;          /* rank among all nodes by time */
	uint32_t mark; /* the walk that visited it last, in the search for rings */
	bool loss;     /* it only reports that points were lost */
	struct osp__node
		*outer;    /* if it has no stop: the nearest ancestor that has one */
	bool end_lost; /* no stop, though an operation around it has ended */
	bool open;     /* report_unfinished.c: it keeps the trace open */
	bool asked;    /* process is known */
	osp_process_state process;
	bool cycle;      /* its parents form a ring, which was cut above it */
	bool told;       /* osp_report_draw_ended() has drawn it */
	bool last_drawn; /* no later sibling is drawn, because all are folded */
	struct osp__fold *fold; /* report_fold.h; NULL: it is drawn alone */

	/* Hash of the error's notes that were drawn last for this node or an
	 * ancestor, so that a child does not repeat them; 0: none. Set while the
	 * tree is drawn. */
	uint64_t notes_drawn;

	osp__point *first;
	osp__point *last;

	/* from the point that arrived first, as in upstream */
	osp_str name; /* up to the first "-" */
	osp_str trace_id;
	osp_str parent_id;
	osp_str project;
	osp_str service;
	osp_str host;
	osp_str etype; /* from the stop; "None" in quotes if there is none */
} osp__node;

struct osp_report
{
	const osp_allocator *alc;
	osp__arena texts;
	osp__arena structs; /* separate from the texts, so that nodes lie close */
	osp__json_reader reader;
	osp_buf unique;    /* a notification without duplicate keys */
	osp_buf canonical; /* a notification in json.dumps' bytes */
	osp_uuid hash_key;
	osp__table nodes;    /* by trace_id */
	osp__table points;   /* by node and name: points of nodes with many */
	osp__table contents; /* by node and text: points of several versions */
	osp__table stats;    /* by name */

	osp__node *first_arrived;
	osp__node *last_arrived;
	osp__stat *first_stat;
	osp__stat *last_stat;
	osp__stat *recent_stat; /* of the node that arrived last */
	size_t node_count;
	size_t point_count;
	size_t duplicates;
	size_t malformed;
	osp_error malformed_why; /* error of the first malformed point */
	size_t repeated;         /* points that repeat others with the same id */

	/* points that are missing, as reported by points that are here */
	uint64_t lost_points;
	osp__loss losses[OSP__LOSSES_MAX];
	size_t loss_count;
	size_t loss_reports; /* nodes that only report losses */

	/* called about operations without a stop; may be NULL */
	osp_process_fn process_fn;
	unsigned process_questions;
	void *process_ctx;

	/* the command that draws another trace: text before and behind its id */
	const char *show_before;
	const char *show_behind;

	/* from the starts of SQLite's operations */
	int64_t sqlite_pid;    /* the first one; 0: none */
	uint64_t sqlite_file;  /* hash of the first one; 0: none */
	bool sqlite_processes; /* there are several; likewise files */
	bool sqlite_files;

	/* over all points; upstream counts milliseconds from started_ns */
	osp_str base_id;
	bool any_point;
	bool any_start;
	int64_t started_ns;
	int64_t finished_ns;
	int64_t last_started_ns;
	int64_t ended_ns; /* finished_ns apart from reports of losses */

	/* set by report/findings; void when another point was added */
	bool divided;
	int64_t times_ns[OSP__TIME_COUNT];
	bool way_has_tracing;   /* OSP__TIME_WAY includes writing of points */
	const char *waited_for; /* main cause of the waiting; NULL: unknown */

	/* the tree */
	bool built;
	bool folded;
	size_t unexported;  /* nodes that osp_report_otlp_write() left out */
	osp__node **sorted; /* all nodes, ordered by time */
	osp__node *first_root;
	osp__node *last_root;
	int64_t roots_end_ns;
	char space[OSP__REPORT_SPACE];
};

/* The name of OSP__TIME_WAY in texts. It is not "network", because a Unix
 * socket is not a network. */
static inline const char *
osp__report_way_name(const osp_report *report)
{
	return report->way_has_tracing ? "on the way and tracing" : "on the way";
}

/* Finds the node of a trace_id; NULL: there is none. */
osp__node *osp__report_find(const osp_report *report, osp_str trace_id);

/* Finds the node that a node names as its parent; NULL: there is none. */
osp__node *osp__report_find_parent(const osp_report *report,
								   const osp__node *node);

/* Does the node name a parent that is not in the trace? The tree must have been built.
 * A root names the trace, or nothing. */
bool osp__node_misses_parent(const osp_report *report, const osp__node *node);

/* Does the node name a parent that is not in the trace, although it should be? A parent
 * in another system, which sent a traceparent, is recorded elsewhere. */
bool osp__node_lost_parent(const osp_report *report, const osp__node *node);

/* The part of a node's name that identifies its tracer: "pg" of "pg.plan". */
osp_str osp__node_tracer(const osp__node *node);

/* Do both nodes come from the same tracer, service and host? */
bool osp__node_same_tracer(const osp__node *a, const osp__node *b);

/* Builds the tree of the points so far. Cheap if nothing has changed. */
osp_status osp__report_build(osp_report *report) OSP_MUST_CHECK;

/* Notes which nodes have lost their stop, and their nearest ended ancestors; for
 * osp__report_build(). */
void osp__report_note_lost(osp_report *report);

/* The duration of the trace, whose tree must have been built; exact to the nanosecond
 * if one node spans all of it. */
int64_t osp__report_total_ns(const osp_report *report);

/* Start and end of a node. If it has only one point, both are the time of that
 * point. */
static inline int64_t
osp__node_start_ns(const osp__node *node)
{
	return node->starts > 0 ? node->started_ns : node->finished_ns;
}

static inline int64_t
osp__node_end_ns(const osp__node *node)
{
	return node->stops > 0 ? node->finished_ns : node->started_ns;
}

/* The time from one moment to another, limited to what 64 bits hold (292 years). */
static inline int64_t
osp__ns_between(int64_t from_ns, int64_t to_ns)
{
	int64_t ns;

	if (__builtin_sub_overflow(to_ns, from_ns, &ns))
		ns = to_ns > from_ns ? INT64_MAX : INT64_MIN;
	return ns;
}

/* The longest time that fits both a double and 64 bits: 285 years. */
#define OSP__NS_MAX 9e18

/* Adds to a sum of times, limited to what 64 bits hold. */
static inline void
osp__ns_add(int64_t *sum_ns, int64_t ns)
{
	if (__builtin_add_overflow(*sum_ns, ns, sum_ns))
		*sum_ns = ns < 0 ? INT64_MIN : INT64_MAX;
}

/* Converts a figure to a time, limited to what 64 bits hold, which is less than a
 * double holds. NAN becomes 0. */
static inline int64_t
osp__ns_of(double ns)
{
	if (!(ns > -OSP__NS_MAX))
		return ns < 0 ? (int64_t) -OSP__NS_MAX : 0;
	return (int64_t) (ns < OSP__NS_MAX ? ns : OSP__NS_MAX);
}

/* Upstream's milliseconds: whole ones since the first point. No point is before that,
 * so the distance fits into an unsigned 64-bit number. */
static inline int64_t
osp__report_ms(const osp_report *report, int64_t ns)
{
	return (int64_t) (((uint64_t) ns - (uint64_t) report->started_ns) /
					  1000000);
}

/* How long a node took, to the nanosecond if its tracer measured that. */
static inline int64_t
osp__node_duration_ns(const osp__node *node)
{
	if (node->elapsed_ns >= 0)
		return node->elapsed_ns;
	return osp__ns_between(osp__node_start_ns(node), osp__node_end_ns(node));
}

/* How long a node took without the time in which operations below it ran. */
static inline int64_t
osp__node_self_ns(const osp__node *node)
{
	int64_t self_ns = osp__node_duration_ns(node) - node->covered_ns;

	return self_ns > 0 ? self_ns : 0;
}

/* The node that is drawn after node and everything below it. */
static inline osp__node *
osp__node_beside(osp__node *node, int *depth)
{
	while (node != NULL && node->next_sibling == NULL)
	{
		node = node->parent;
		--*depth;
	}
	return node != NULL ? node->next_sibling : NULL;
}

/* The node that is drawn after node. */
static inline osp__node *
osp__node_next(osp__node *node, int *depth)
{
	if (node->first_child == NULL)
		return osp__node_beside(node, depth);
	++*depth;
	return node->first_child;
}

#endif /* OSPROFILER_REPORT_TREE_H */
