/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_shape.h
 *	  What statements have in common that differ in their constants only. Private
 *	  to the files of the report.
 */
#ifndef OSPROFILER_STATEMENT_SHAPE_H
#define OSPROFILER_STATEMENT_SHAPE_H

#include "osprofiler/base.h"

/* What a statement does to the transaction. */
typedef enum osp__control
{
	OSP__CONTROL_NONE,
	OSP__CONTROL_BEGIN,
	OSP__CONTROL_END,
	OSP__CONTROL_OTHER /* savepoints, settings */
} osp__control;

/* What a statement of SQLite does to the locks of its database. */
typedef enum osp__locking
{
	OSP__LOCKING_NONE, /* a BEGIN that locks with the first statement, a PRAGMA */
	OSP__LOCKING_READ, /* until it ends, or the transaction does */
	OSP__LOCKING_WRITE /* the same; no other connection can write meanwhile */
} osp__locking;

/* A hash of a statement's text that is the same for other constants; never 0. */
uint64_t osp__statement_shape(osp_str text);

/* A hash of a name, and of one more behind it; never 0. */
uint64_t osp__name_shape(osp_str name, osp_str more);

osp__control osp__statement_control(osp_str text);

/* By its first words: a WITH reads, though it may be that of an INSERT. */
osp__locking osp__statement_locking(osp_str text);

/* Does the text begin with this word, which is given in lower case? */
bool osp__begins_with(osp_str text, const char *word);

#endif /* OSPROFILER_STATEMENT_SHAPE_H */
