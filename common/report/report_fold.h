/* SPDX-License-Identifier: Apache-2.0
 *
 * report_fold.h
 *	  Many operations of one shape side by side, as one. Private to the files of
 *	  the report.
 */
#ifndef OSPROFILER_REPORT_FOLD_H
#define OSPROFILER_REPORT_FOLD_H

#include "report/report_tree.h"

/* From so many on. */
#define OSP__FOLD_MIN 20

/* Children of one parent that have the same name, statement (but for its
 * constants), outcome, service and host. */
typedef struct osp__fold
{
	const osp__node *first; /* it is drawn for all, the others are not */
	uint64_t count;
	int64_t begin_ns; /* of the first one, and the end of the last one */
	int64_t end_ns;
	int64_t total_ns;
	int64_t min_ns;
	int64_t median_ns;
	int64_t max_ns;
	uint32_t number; /* of the page that is being written; 0: none yet */
} osp__fold;

/* Finds them in the tree, which has been made. Cheap when that was done already. */
osp_status osp__report_fold(osp_report *report) OSP_MUST_CHECK;

/* Is node drawn as part of another one? */
static inline bool
osp__node_is_folded(const osp__node *node)
{
	return node->fold != NULL && node->fold->first != node;
}

#endif /* OSPROFILER_REPORT_FOLD_H */
