/* SPDX-License-Identifier: Apache-2.0
 *
 * chrome_lanes.h
 *	  Puts operations into lanes, for viewers of the Trace Event Format. Private to
 *	  report/export/.
 *
 * A service on a host is a process, and its lanes are threads. Two operations in one
 * lane do not overlap, or one is an ancestor of the other and lasts at least as long:
 * viewers draw it around the other. An operation is put into the lane of its parent if
 * this rule allows it, and else into another lane.
 */
#ifndef OSPROFILER_CHROME_LANES_H
#define OSPROFILER_CHROME_LANES_H

#include "report/findings/findings.h"

typedef struct osp__lane osp__lane;

typedef struct osp__bar
{
	const osp__op *op;
	struct osp__bar *outer; /* the bar in the same lane around it */
	osp__lane *in;          /* its lane; NULL: it has none yet */
	size_t order;           /* rank in drawing order, parents first */
	size_t last_below;      /* rank of its last descendant, or its own */
	uint32_t process;       /* number, from 1 on */
} osp__bar;

/* A lane that is being filled. */
struct osp__lane
{
	osp__lane *next;
	osp__bar *innermost; /* innermost bar that has not ended; NULL: none */
	uint32_t number;     /* from 1 on, in each process */
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
	osp__bar *all;   /* the bars of all operations, in their order */
	osp__bar **bars; /* those to draw; sorted, ancestors first */
	size_t count;
	osp__chrome_process *processes;
	osp__chrome_process *last_process;
	osp__table by_name; /* processes by service and host */
} osp__lanes;

/* Puts all operations of f into lanes. osp__lanes_term() must be called in any case.
 * OSP_ENOMEM. */
osp_status osp__lanes_fill(osp__lanes *lanes,
						   const osp__findings *f) OSP_MUST_CHECK;
void osp__lanes_term(osp__lanes *lanes);

#endif /* OSPROFILER_CHROME_LANES_H */
