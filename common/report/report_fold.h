/* SPDX-License-Identifier: Apache-2.0
 *
 * report_fold.h
 *	  Folds many siblings of one shape into one line. Private to the files of
 *	  the report.
 */
#ifndef OSPROFILER_REPORT_FOLD_H
#define OSPROFILER_REPORT_FOLD_H

#include "report/report_tree.h"

/* The smallest number of operations in a fold. */
#define OSP__FOLD_MIN 20

/* A fold: siblings with the same name, statement (apart from its constants), outcome,
 * service and host. */
typedef struct osp__fold
{
	const osp__node *first; /* drawn for all of them */
	uint64_t count;
	int64_t begin_ns; /* start of the first one */
	int64_t end_ns;
	int64_t total_ns;
	int64_t min_ns;
	int64_t median_ns;
	int64_t max_ns;
	uint32_t number; /* in the page that is being written; 0: none yet */
} osp__fold;

/* Finds the folds of the tree, which must have been built. Cheap if they were found
 * before. */
osp_status osp__report_fold(osp_report *report) OSP_MUST_CHECK;

/* Is node drawn as part of another one? */
static inline bool
osp__node_is_folded(const osp__node *node)
{
	return node->fold != NULL && node->fold->first != node;
}

#endif /* OSPROFILER_REPORT_FOLD_H */
