/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_node.h
 *	  Plan nodes as operations: the functions that their files share.
 *
 *	  node.c             the tree: which nodes are operations, and when
 *	  node_attributes.c  what start and stop of a node have
 *	  node_fast.c        the same, by templates
 *	  node_names.c       what a node is called, and what it works on
 *	  node_indexes.c     which indexes the table has that a scan filters, or uses
 *	  node_children.c    the nodes below a node
 *	  expr.c             conditions as text
 *	  parallel.c         parallel workers
 */
#ifndef PGOSP_NODE_H
#define PGOSP_NODE_H

#include "pgosp.h"

#pragma GCC visibility push(hidden)

/* ---- node_children.c ---- */

/* name: of a subplan as EXPLAIN has it; NULL for other nodes. */
typedef void (*pgosp_child)(PlanState *child, const char *name, void *arg);

/*
 * Calls visit for the nodes under a node, in EXPLAIN's order. A subplan may be
 * under several. Nodes are left out where the stack is too deep.
 */
extern void pgosp_node_children(PlanState *node, pgosp_child visit, void *arg);

/* The input that "outer" columns are those of, or NULL. */
extern const PlanState *pgosp_node_outer(const PlanState *node);

/* ---- node_names.c ---- */

/* "Hash Left Join"; in space. */
#define PGOSP_NODE_TYPE_MAX 64
extern osp_str pgosp_node_type(const Plan *plan,
							   char space[PGOSP_NODE_TYPE_MAX]);

/* What a node works on; each may be NULL. */
typedef struct pgospScanned
{
	const char *relation;
	double
		pages; /* of the relation, and its rows, as of the last ANALYZE or VACUUM; */
	double rows;       /* less than 0: there was none */
	bool toast;        /* it has a table for long values */
	bool short_rows;   /* four or more of them fill a page */
	const char *alias; /* if it is another name */
	const char *index;
	const char *cte;
} pgospScanned;

extern void pgosp_node_scanned(const PlanState *node, pgospScanned *out);

/* How many blocks a table has that a node reads from its first to its last, as of the
 * begin of its scan; 0: that is not known, or they are few. */
extern BlockNumber pgosp_node_large_table(const PlanState *node);

/* The name of the index alone. */
extern const char *pgosp_node_index(const PlanState *node);

/* The index itself; NULL: the node uses none. */
extern struct RelationData *pgosp_node_index_relation(const PlanState *node);

/* The relation that a scan reads or a statement changes; NULL: it is none. */
extern struct RelationData *pgosp_node_relation(const PlanState *node);

/* A name as it is written in SQL: in quotes where it needs them, and then in space. */
#define PGOSP_SQL_NAME_MAX (2 * NAMEDATALEN + 3)
extern const char *pgosp_sql_name(const char *name,
								  char space[PGOSP_SQL_NAME_MAX]);

/* ---- node_attributes.c ---- */

/* A node as a point. */
typedef struct pgospNodePoint
{
	pgospPoint point; /* first */
	PlanState *node;
	const char *subplan;    /* its name, or NULL */
	Instrumentation counts; /* when it is over */
	bool counted;           /* else it is not known what it did */
	bool untimed;           /* nor how long it worked */
	bool stopped;           /* by an error, somewhere in the statement */
	bool running;           /* when the error came */
} pgospNodePoint;

#define PGOSP_NODE_START_SIZE 8192
#define PGOSP_NODE_STOP_SIZE  1536

/* what is a pgospNodePoint. */
extern void pgosp_put_node_start(osp_writer *w, const void *what);
extern void pgosp_put_node_stop(osp_writer *w, const pgospPoint *point);

/* ---- node_indexes.c ---- */

/* The indexes of the table, if the node is a scan with a filter; else the one that it
 * uses. */
extern void pgosp_put_indexes(osp_writer *w, const pgospNodePoint *told);

/* ---- node_fast.c ---- */

struct pgospKnown;

/*
 * Opens the point of a node whose plan is known, by a template, which is made if
 * there is none. False: it is not a node for that, and has to be opened as any.
 */
extern bool pgosp_node_open_known(struct pgospKnown *known,
								  pgospNodePoint *told, pgospPoint *parent,
								  int64 start_ns);

/*
 * Closes the point of a node, whose stop tells nothing unusual. False:
 * pgosp_point_close_at has to.
 */
extern bool pgosp_node_stop(pgospNodePoint *told, int64 stop_ns);

/* ---- expr.c ---- */

/* The expressions, as text in space or borrowed until the next call. */
extern osp_str pgosp_expr_text(const PlanState *node, const List *list,
							   const char *between, char *space, size_t size);

/* The columns by which a node sorts or groups. */
extern osp_str pgosp_keys_text(const PlanState *node, int count,
							   const AttrNumber *columns, char *space,
							   size_t size);

/* ---- parallel.c ---- */

/* Is it a Gather or a Gather Merge? */
extern bool pgosp_is_gather(const PlanState *node);

/*
 * Runs a Gather for the first time: the workers that it starts hang under
 * parent.
 */
extern TupleTableSlot *pgosp_gather_first(PlanState *node, pgospPoint *parent);

/* Ends a Gather's workers as the end of the transaction will do, and waits. */
extern void pgosp_gather_stop(const PlanState *node);

#pragma GCC visibility pop

#endif /* PGOSP_NODE_H */
