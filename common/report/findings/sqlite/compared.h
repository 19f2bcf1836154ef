/* SPDX-License-Identifier: Apache-2.0
 *
 * compared.h
 *	  Finds the columns that a statement of SQLite compares, as far as its text
 *	  shows. These are the columns to index. Private to report/findings/sqlite/.
 */
#ifndef OSPROFILER_COMPARED_H
#define OSPROFILER_COMPARED_H

#include "osprofiler/base.h"

#define OSP__COMPARED_MAX 4

typedef struct osp__compared
{
	osp_str
		columns[OSP__COMPARED_MAX]; /* "o.customer", borrowed from the text */
	unsigned count;
	bool expression; /* it compares an expression; no index on a column helps */
	bool conditions; /* it has a WHERE, ON or USING */
	bool order;      /* it has an ORDER BY */
	bool extreme;    /* it has a min() or max() */
	bool whole;      /* the text is known at least as far as its tables */
} osp__compared;

void osp__compared_of(osp_str statement, osp__compared *out);

#endif /* OSPROFILER_COMPARED_H */
