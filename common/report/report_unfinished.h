/* SPDX-License-Identifier: Apache-2.0
 *
 * report_unfinished.h
 *	  The operation at which a trace is not finished. Private to the files of the
 *	  report.
 */
#ifndef OSPROFILER_REPORT_UNFINISHED_H
#define OSPROFILER_REPORT_UNFINISHED_H

#include "report/report_describe.h"

/* The open operation that is named for a trace. */
typedef struct osp__unfinished
{
	const osp__node *node; /* the statement; NULL: the trace is finished */
	const osp__node
		*inner;       /* the innermost open operation: node, or inside it */
	osp__state state; /* of inner */
	int64_t age_ns;   /* how long ago node began, if it is running on this
							 * host; -1: unknown */
	size_t count;     /* how many innermost operations are open */
} osp__unfinished;

/* Finds the operation to name, and notes in all nodes whether they are open. Uses
 * what. */
osp_status osp__report_find_unfinished(osp_report *report,
									   osp__description *what,
									   osp__unfinished *found) OSP_MUST_CHECK;

/* Does the trace go on after its last point, as far as is known? Then its duration is
 * only that of the part that is here. */
static inline bool
osp__goes_on(const osp__unfinished *found)
{
	return found->node != NULL && found->state != OSP__INTERRUPTED;
}

/* Is the innermost operation a wait of a server, which its text names? */
static inline bool
osp__waits(const osp__unfinished *found)
{
	return found->inner != found->node &&
		   osp_str_eq(found->inner->name, OSP_STR("pg.wait"));
}

/* Appends what an operation did, in at most 120 columns. */
osp_status osp__report_say_open(osp_report *report, const osp__node *node,
								osp__description *what,
								osp_buf *out) OSP_MUST_CHECK;

/* Appends "Still running, begun 1.83 s ago: UPDATE stock SET n = 2; it waits for …",
 * without a full stop. found->node is not NULL. */
osp_status osp__report_say_unfinished(osp_report *report,
									  const osp__unfinished *found,
									  osp__description *what,
									  osp_buf *out) OSP_MUST_CHECK;

#endif /* OSPROFILER_REPORT_UNFINISHED_H */
