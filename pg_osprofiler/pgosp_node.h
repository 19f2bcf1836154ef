/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_node.h
 *	  Plan nodes as operations: the functions that their files share.
 *
 *	  node.c             the tree: which nodes are operations, and when
 *	  node_attributes.c  the attributes of a node's start and stop
 *	  node_fast.c        starts and stops by templates
 *	  node_names.c       the name of a node, and the objects that it works on
 *	  node_indexes.c     the indexes of a table that a scan filters or uses
 *	  node_children.c    the nodes below a node
 *	  expr.c             conditions as text
 *	  parallel.c         parallel workers
 */
#ifndef PGOSP_NODE_H
#define PGOSP_NODE_H

#include "pgosp.h"

#pragma GCC visibility push(hidden)

/* ---- node_children.c ---- */

/* Called for a node. name: the name of a subplan, as in EXPLAIN; NULL for other
 * nodes. */
typedef void (*pgosp_child)(PlanState *child, const char *name, void *arg);

/*
 * Calls visit for the nodes under a node, in EXPLAIN's order. A subplan may be
 * visited under several nodes. Nodes are left out where the stack is too deep.
 */
extern void pgosp_node_children(PlanState *node, pgosp_child visit, void *arg);

/* The input whose columns a node's "outer" columns are, or NULL. */
extern const PlanState *pgosp_node_outer(const PlanState *node);

/* ---- node_names.c ---- */

/* The type of a node, such as "Hash Left Join"; in space. */
#define PGOSP_NODE_TYPE_MAX 64
extern osp_str pgosp_node_type(const Plan *plan,
							   char space[PGOSP_NODE_TYPE_MAX]);

/* The objects that a node works on; each name may be NULL. */
typedef struct pgospScanned
{
	const char *relation;
	double
		pages; /* of the relation, and its rows, as of the last ANALYZE or VACUUM; */
	double rows;       /* less than 0: there was no ANALYZE or VACUUM */
	bool toast;        /* the relation has a table for long values */
	bool short_rows;   /* four or more of its rows fill a page */
	const char *alias; /* if it is not the relation's name */
	const char *index;
	const char *cte;
} pgospScanned;

extern void pgosp_node_scanned(const PlanState *node, pgospScanned *out);

/* How many blocks a table has that the node reads from the first to the last,
 * as of the beginning of the scan; 0: not known, or few. */
extern BlockNumber pgosp_node_large_table(const PlanState *node);

/* The name of the index that the node uses; NULL: none. */
extern const char *pgosp_node_index(const PlanState *node);

/* The index that the node uses; NULL: none. */
extern struct RelationData *pgosp_node_index_relation(const PlanState *node);

/* The relation that a node scans or changes; NULL: there is none. */
extern struct RelationData *pgosp_node_relation(const PlanState *node);

/* A name as it is written in SQL: in quotes if it needs them, and then in space. */
#define PGOSP_SQL_NAME_MAX (2 * NAMEDATALEN + 3)
extern const char *pgosp_sql_name(const char *name,
								  char space[PGOSP_SQL_NAME_MAX]);

/* ---- node_attributes.c ---- */

/* The point of a plan node. */
typedef struct pgospNodePoint
{
	pgospPoint point; /* must be first */
	PlanState *node;
	const char *subplan;    /* name of the subplan, or NULL */
	Instrumentation counts; /* PostgreSQL's counts, when the node is over */
	bool counted;           /* false: it is not known what the node did */
	bool untimed;           /* true: nor is it known how long it worked */
	bool stopped;           /* the statement was stopped by an error */
	bool running;           /* the node was running when the error came */
} pgospNodePoint;

#define PGOSP_NODE_START_SIZE 8192
#define PGOSP_NODE_STOP_SIZE  1536

/* Encode the attributes of a node's start and stop; `what` is a
 * pgospNodePoint. */
extern void pgosp_put_node_start(osp_writer *w, const void *what);
extern void pgosp_put_node_stop(osp_writer *w, const pgospPoint *point);

/* ---- node_indexes.c ---- */

/* Encodes the indexes of the table, if the node is a scan with a filter or a sequential
 * scan; else the index that it uses. */
extern void pgosp_put_indexes(osp_writer *w, const pgospNodePoint *told);

/* ---- node_fast.c ---- */

struct pgospKnown;

/*
 * Opens the point of a node by a template, for a plan with an entry (plan_cache.c). The
 * template is made if there is none. False: the node cannot have one and has to be
 * opened like any other.
 */
extern bool pgosp_node_open_known(struct pgospKnown *known,
								  pgospNodePoint *told, pgospPoint *parent,
								  int64 start_ns);

/*
 * Closes the point of a node, if its stop has nothing unusual to report. False:
 * pgosp_point_close_at has to be called.
 */
extern bool pgosp_node_stop(pgospNodePoint *told, int64 stop_ns);

/* ---- expr.c ---- */

/* The expressions in list as text, in space or borrowed until the next call. */
extern osp_str pgosp_expr_text(const PlanState *node, const List *list,
							   const char *between, char *space, size_t size);

/* The columns by which a node sorts or groups, as text. */
extern osp_str pgosp_keys_text(const PlanState *node, int count,
							   const AttrNumber *columns, char *space,
							   size_t size);

/* ---- parallel.c ---- */

/* Is it a Gather or a Gather Merge? */
extern bool pgosp_is_gather(const PlanState *node);

/* How many workers a Gather has started. */
extern int pgosp_gather_workers(const PlanState *node);

/*
 * Runs a Gather for the first time; the points of the workers that it starts
 * are under parent.
 */
extern TupleTableSlot *pgosp_gather_first(PlanState *node, pgospPoint *parent);

/* Stops a Gather's workers as the end of the transaction would do, and waits for
 * them. */
extern void pgosp_gather_stop(const PlanState *node);

#pragma GCC visibility pop

#endif /* PGOSP_NODE_H */
