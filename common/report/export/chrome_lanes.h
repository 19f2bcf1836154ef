/* SPDX-License-Identifier: Apache-2.0
 *
 * chrome_lanes.h
 *	  Operations in lanes, as viewers of the Trace Event Format draw them. Private to
 *	  report/export/.
 *
 * A service on a host is a process, and its lanes are threads. Of two operations in one
 * lane, one lies within the other, or they do not overlap. An operation is put into the
 * lane of its parent where that holds; what runs beside it gets another lane.
 */
#ifndef OSPROFILER_CHROME_LANES_H
#define OSPROFILER_CHROME_LANES_H

#include "report/findings/findings.h"

typedef struct osp__bar
{
	const osp__op *op;
	struct osp__bar *outer; /* the one in its lane that it lies within */
	uint32_t process;       /* from 1 on */
	uint32_t lane;          /* from 1 on, within the process */
} osp__bar;

/* A lane that is being filled. */
typedef struct osp__lane
{
	struct osp__lane *next;
	osp__bar *innermost; /* that has not ended; NULL: none */
	uint32_t number;
} osp__lane;

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
	osp__bar **bars; /* by begin, what holds another one first */
	size_t count;
	osp__chrome_process *processes;
	osp__chrome_process *last_process;
} osp__lanes;

/* Puts all operations of f into lanes. To be ended in any case. OSP_ENOMEM. */
osp_status osp__lanes_fill(osp__lanes *lanes,
						   const osp__findings *f) OSP_MUST_CHECK;
void osp__lanes_term(osp__lanes *lanes);

#endif /* OSPROFILER_CHROME_LANES_H */
