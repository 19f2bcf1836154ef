/* SPDX-License-Identifier: Apache-2.0
 *
 * chrome_lanes.h
 *	  Operations in lanes, as viewers of the Trace Event Format draw them. Private to
 *	  report/export/.
 *
 * A service on a host is a process, and its lanes are threads. Two operations in one lane
 * do not overlap, or one is an ancestor of the other and lasts at least as long: viewers
 * draw it around the other. An operation is put into the lane of its parent where that
 * holds. What runs beside it gets another lane.
 */
#ifndef OSPROFILER_CHROME_LANES_H
#define OSPROFILER_CHROME_LANES_H

#include "report/findings/findings.h"

typedef struct osp__lane osp__lane;

typedef struct osp__bar
{
	const osp__op *op;
	struct osp__bar *outer; /* the one in its lane that it lies within */
	osp__lane *in;          /* its lane; NULL: it has none yet */
	size_t order;      /* of all operations as they are drawn, parents first */
	size_t last_below; /* the order of the last one below it, or its own */
	uint32_t process;  /* from 1 on */
} osp__bar;

/* A lane that is being filled. */
struct osp__lane
{
	osp__lane *next;
	osp__bar *innermost; /* that has not ended; NULL: none */
	uint32_t number;     /* from 1 on, within the process */
};

typedef struct osp__chrome_process
{
	struct osp__chrome_process *next;
	osp_str service; /* JSON values */
	osp_str host;
	osp__lane *lanes;
	osp__lane *last_lane;
	uint32_t number;
} osp__chrome_process;

typedef struct osp__lanes
{
	osp__arena arena;
	osp__bar *all;   /* of each operation of the findings, in their order */
	osp__bar **bars; /* those that are drawn by begin, ancestors first */
	size_t count;
	osp__chrome_process *processes;
	osp__chrome_process *last_process;
	osp__table by_name; /* the processes */
} osp__lanes;

/* Puts all operations of f into lanes. To be ended in any case. OSP_ENOMEM. */
osp_status osp__lanes_fill(osp__lanes *lanes,
						   const osp__findings *f) OSP_MUST_CHECK;
void osp__lanes_term(osp__lanes *lanes);

#endif /* OSPROFILER_CHROME_LANES_H */
