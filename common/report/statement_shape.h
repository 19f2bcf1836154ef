/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_shape.h
 *	  Hashes and kinds of statements, for which constants do not matter. Private to the
 *	  files of the report.
 */
#ifndef OSPROFILER_STATEMENT_SHAPE_H
#define OSPROFILER_STATEMENT_SHAPE_H

#include "osprofiler/base.h"

/* The effect of a statement on the transaction. */
typedef enum osp__control
{
	OSP__CONTROL_NONE,
	OSP__CONTROL_BEGIN,
	OSP__CONTROL_END,
	OSP__CONTROL_OTHER /* savepoints, settings */
} osp__control;

/* The locks that a statement of SQLite takes on its database. */
typedef enum osp__locking
{
	OSP__LOCKING_NONE, /* e.g. PRAGMA, or a BEGIN that locks only later */
	OSP__LOCKING_READ, /* until the statement ends, or the transaction */
	OSP__LOCKING_WRITE /* until then; no other connection can write meanwhile */
} osp__locking;

/* A hash of a statement's text that is the same for all constants; never 0. */
uint64_t osp__statement_shape(osp_str text);

/* A hash of two texts, one behind the other; never 0. */
uint64_t osp__name_shape(osp_str name, osp_str more);

osp__control osp__statement_control(osp_str text);

/* Judges by the first words: WITH counts as reading, although an INSERT may follow. */
osp__locking osp__statement_locking(osp_str text);

/* Does the text begin with this word? word is in lower case. */
bool osp__begins_with(osp_str text, const char *word);

#endif /* OSPROFILER_STATEMENT_SHAPE_H */
