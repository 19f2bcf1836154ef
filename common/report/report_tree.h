/* SPDX-License-Identifier: Apache-2.0
 *
 * report_tree.h
 *	  The data of a report. Private to the files of the report.
 *
 * A *point* is one notification, a *node* is one operation: all points of one
 * trace_id, usually a start and a stop. All text is canonical JSON (osp__json_is_canonical), so it is
 * compared byte by byte and goes out as it is; ids, labels and types of errors
 * are whole JSON values with their quotes, names are the inside of a string.
 *
 * Nodes and texts lie in arenas and are given back at once. Trees are walked
 * by their links only, so depth costs no stack.
 */
#ifndef OSPROFILER_REPORT_TREE_H
#define OSPROFILER_REPORT_TREE_H

#include "osprofiler/report.h"
#include "report/arena.h"
#include "report/report_table.h"
#include "json/json_read.h"

/* Notifications of up to some kilobytes are read without allocating. */
#define OSP__REPORT_SPACE 65536

typedef struct osp__point
{
	struct osp__point *next; /* of its node, in the order of arrival */
	struct osp__node *node;
	osp_str json; /* the whole notification */
	osp_str name; /* with -start or -stop */
	bool differs; /* came again, with different contents */
	bool stop;    /* its name ends with "stop"; everything else starts */
} osp__point;

/* Points that a tracer on a host has lost: the record that says so came last at
 * last_ns. Both texts are empty where there were too many tracers to remember. */
typedef struct osp__loss
{
	osp_str tracer;
	osp_str host;
	int64_t last_ns;
} osp__loss;

#define OSP__LOSSES_MAX 8

/* The shipper reports what found no room in a ring by an operation of this name,
 * when the loss is over. It stands for all tracers of its host. */
#define OSP__LOSS_NAME   "osprofiler.lost"
#define OSP__LOSS_TRACER "osprofiler"


/* What the time of a trace is divided into: at each moment it is of the operation that
 * runs and has no running child. */
enum
{
	OSP__TIME_SERVER,
	OSP__TIME_WAITING, /* of a server: for locks, disk, others */
	OSP__TIME_SQLITE,
	OSP__TIME_DATABASE, /* of a client's statement whose server told nothing */
	OSP__TIME_WAY,      /* of one whose server did: before and after that */
	OSP__TIME_CLIENT,   /* in which none ran */
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

/* An operation. The members that building the tree needs come first, together in
 * memory. */
typedef struct osp__node
{
	/* of the start and the stop that arrived last */
	int64_t started_ns;
	int64_t finished_ns;
	int64_t elapsed_ns; /* -1: the stop does not say */
	unsigned starts;    /* how many points of each kind */
	unsigned stops;
	struct osp__node *next_arrived;
	struct osp__node *known_parent; /* was there when this node arrived */
	osp__stat *stat;

	/* the tree, made by osp__report_build() */
	struct osp__node *parent; /* NULL: the root */
	struct osp__node *first_child;
	struct osp__node *last_child;
	struct osp__node *next_sibling;
	int64_t gap_ns; /* since the siblings before it had ended; 0: they ran */
	int64_t children_end_ns; /* of those so far, while the tree is made */
	int64_t covered_ns;      /* of its time, in which one of them ran */
	uint32_t order;          /* place among all nodes in time */
	uint32_t mark; /* the walk that visited it last, while rings are searched */
	bool loss;     /* it only reports that points were lost */
	struct osp__node
		*outer;    /* without a stop: the nearest round it that has one */
	bool end_lost; /* no stop, though an operation round it has ended */
	bool asked;    /* process says how its process stands */
	osp_process_state process;
	bool cycle;      /* its parents form a ring, which was cut here */
	bool told;       /* it had a line of osp_report_draw_ended() */
	bool last_drawn; /* no sibling after it is drawn, for they are folded */
	struct osp__fold *fold; /* report_fold.h; NULL: it is drawn by itself */

	/* A hash of the notes of its error, or else of those above it; 0: none. Set while
	 * the tree is drawn. */
	uint64_t notes_drawn;

	osp__point *first;
	osp__point *last;

	/* of the point that arrived first, as upstream has it */
	osp_str name; /* up to the first "-" */
	osp_str trace_id;
	osp_str parent_id;
	osp_str project;
	osp_str service;
	osp_str host;
	osp_str etype; /* of the stop; "None" in quotes if it has none */
} osp__node;

struct osp_report
{
	const osp_allocator *alc;
	osp__arena texts;
	osp__arena structs; /* apart from the texts, so that they lie close */
	osp__json_reader reader;
	osp_buf unique;    /* a notification without duplicate keys */
	osp_buf canonical; /* a notification in json.dumps' bytes */
	osp_uuid hash_key;
	osp__table nodes;    /* by trace_id */
	osp__table points;   /* by node and name: those of nodes with many */
	osp__table contents; /* by node and text: points that came with several */
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
	osp_error malformed_why; /* of the first of them */
	size_t repeated; /* points with the ids of others, which are not shown */

	/* points that did not get here, as others that did get here say */
	uint64_t lost_points;
	osp__loss losses[OSP__LOSSES_MAX];
	size_t loss_count;
	size_t loss_reports; /* nodes that only say so */

	/* asked about operations without a stop; may be NULL */
	osp_process_fn process_fn;
	unsigned process_questions;
	void *process_ctx;

	/* what draws another trace: before and behind its id */
	const char *show_before;
	const char *show_behind;

	/* what the starts of SQLite's operations name */
	int64_t sqlite_pid;    /* of the first; 0: none */
	uint64_t sqlite_file;  /* of the first, a hash; 0: none */
	bool sqlite_processes; /* there are several */
	bool sqlite_files;

	/* over all points; upstream counts its milliseconds from started_ns */
	osp_str base_id;
	bool any_point;
	bool any_start;
	int64_t started_ns;
	int64_t finished_ns;
	int64_t last_started_ns;
	int64_t ended_ns; /* finished_ns without the reports of losses */

	/* set by report/findings, which know it; not after another point was added */
	bool divided;
	int64_t times_ns[OSP__TIME_COUNT];
	bool way_has_tracing;   /* in OSP__TIME_WAY programs wrote points, too */
	const char *waited_for; /* in most of OSP__TIME_WAITING; NULL: not known */

	/* the tree */
	bool built;
	bool folded;
	size_t unexported;  /* nodes that osp_report_otlp_write() left out */
	osp__node **sorted; /* all nodes in time */
	osp__node *first_root;
	osp__node *last_root;
	int64_t roots_end_ns;
	char space[OSP__REPORT_SPACE];
};

/* What OSP__TIME_WAY is called: a Unix socket is no network. */
static inline const char *
osp__report_way_name(const osp_report *report)
{
	return report->way_has_tracing ? "on the way and tracing" : "on the way";
}

/* The node of a trace_id, or NULL. */
osp__node *osp__report_find(const osp_report *report, osp_str trace_id);

/* The node that a node names as its parent, or NULL. */
osp__node *osp__report_find_parent(const osp_report *report,
								   const osp__node *node);

/* Does a node whose tree has been made name a parent that is not in the trace? A root
 * names the trace, or nothing. */
bool osp__node_misses_parent(const osp_report *report, const osp__node *node);

/* The same, and that was no operation of another system, which told its context by a
 * traceparent and is recorded elsewhere. */
bool osp__node_lost_parent(const osp_report *report, const osp__node *node);

/* The part of a node's name that says which tracer it is: "pg" of "pg.plan". */
osp_str osp__node_tracer(const osp__node *node);

/* Are both of one tracer of one service on one host? */
bool osp__node_same_tracer(const osp__node *a, const osp__node *b);

/* Makes the tree of the points so far. Cheap when it is made already. */
osp_status osp__report_build(osp_report *report) OSP_MUST_CHECK;

/* Notes whose ends were lost, and when they were at the latest; for osp__report_build(). */
void osp__report_note_lost(osp_report *report);

/* The duration of the trace, whose tree has been made; to the nanosecond if one
 * node spans all of it. */
int64_t osp__report_total_ns(const osp_report *report);

/* When a node began and ended; one that lacks a point has both in the other. */
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

/* From one time to another; as far as 64 bits go, which is 292 years. */
static inline int64_t
osp__ns_between(int64_t from_ns, int64_t to_ns)
{
	int64_t ns;

	if (__builtin_sub_overflow(to_ns, from_ns, &ns))
		ns = to_ns > from_ns ? INT64_MAX : INT64_MIN;
	return ns;
}

/* The longest time that both a double and 64 bits hold: 285 years. */
#define OSP__NS_MAX 9e18

/* Adds to a sum of times; as far as 64 bits go. */
static inline void
osp__ns_add(int64_t *sum_ns, int64_t ns)
{
	if (__builtin_add_overflow(*sum_ns, ns, sum_ns))
		*sum_ns = ns < 0 ? INT64_MIN : INT64_MAX;
}

/* A figure as a time; as far as 64 bits go, which a double of that size exceeds.
 * What is no number is no time. */
static inline int64_t
osp__ns_of(double ns)
{
	if (!(ns > -OSP__NS_MAX))
		return ns < 0 ? (int64_t) -OSP__NS_MAX : 0;
	return (int64_t) (ns < OSP__NS_MAX ? ns : OSP__NS_MAX);
}

/* Upstream's milliseconds: whole ones since the first point, before which there
 * is none; so the distance fits into 64 bits without a sign. */
static inline int64_t
osp__report_ms(const osp_report *report, int64_t ns)
{
	return (int64_t) (((uint64_t) ns - (uint64_t) report->started_ns) /
					  1000000);
}

/* How long a node took, to the nanosecond if its tracer said so. */
static inline int64_t
osp__node_duration_ns(const osp__node *node)
{
	if (node->elapsed_ns >= 0)
		return node->elapsed_ns;
	return osp__ns_between(osp__node_start_ns(node), osp__node_end_ns(node));
}

/* How long it took without the time in which operations below it ran. */
static inline int64_t
osp__node_self_ns(const osp__node *node)
{
	int64_t self_ns = osp__node_duration_ns(node) - node->covered_ns;

	return self_ns > 0 ? self_ns : 0;
}

/* The node that is drawn after node and all that is below it. */
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
