/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_scan.h
 *	  Finds scans that read far more pages than their rows can fill. Private to
 *	  report/findings/plans/.
 */
#ifndef OSPROFILER_DEAD_SCAN_H
#define OSPROFILER_DEAD_SCAN_H

#include "report/findings/plans/plans.h"

/* A statement, and the blocks that it and its nodes read. */
typedef struct osp__reading
{
	osp__op *statement;
	int64_t blocks;
	int64_t cold;    /* blocks not found in PostgreSQL's buffers */
	int64_t nodes;   /* blocks its nodes read, or can have needed */
	int64_t unknown; /* nodes for which neither is known */
} osp__reading;

/* A scan that read too much. */
typedef struct osp__dead_scan
{
	osp__op *op;
	int64_t pages;
	bool certain; /* the pages include no long values */
} osp__dead_scan;

/* Sums up the blocks that a statement read. False: there are too few to look
 * further. */
bool osp__read_blocks(const osp__findings *f, osp__op *statement,
					  osp__reading *r);

/* Did dead->op read too much? Sets the pages that it read at least, and whether they
 * certainly include no long values. */
bool osp__is_dead(osp__findings *f, const osp__reading *r,
				  osp__dead_scan *dead);

/* The rows that a scan and its bitmap worked on. */
double osp__dead_scan_rows(const osp__findings *f, const osp__op *scan);

/* Did an index-only scan look in the table for rows, most of which it could not see? It
 * must look for each row of a page that VACUUM has not marked, dead or not. */
bool osp__passes_dead_entries(const osp__op *op);

/* Does a node make a bitmap? */
static inline bool
osp__is_bitmap(const osp__op *op)
{
	return op->node_kind == OSP__NODE_BITMAP_INDEX_SCAN ||
		   op->node_kind == OSP__NODE_BITMAP_AND ||
		   op->node_kind == OSP__NODE_BITMAP_OR;
}

#endif /* OSPROFILER_DEAD_SCAN_H */
