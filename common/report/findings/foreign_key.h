/* SPDX-License-Identifier: Apache-2.0
 *
 * foreign_key.h
 *	  The statements that PostgreSQL itself runs for foreign keys. Private to
 *	  report/findings/.
 */
#ifndef OSPROFILER_FOREIGN_KEY_H
#define OSPROFILER_FOREIGN_KEY_H

#include "report/findings/findings.h"

typedef struct osp__foreign_key
{
	bool
		referring; /* it searches the rows that refer to one; else the one referred to */
	osp_buf table;   /* that it searches, without its schema */
	osp_buf columns; /* that it compares: "a, b" */
} osp__foreign_key;

/* Is it the text of such a statement? */
bool osp__is_key_statement(osp_str statement);

/* Reads what the statement of an operation searches; false: it is none of these. key is the
 * caller's to end in either case. */
bool osp__foreign_key_read(osp__findings *f, const osp__op *op,
						   osp__foreign_key *key);
void osp__foreign_key_term(osp__foreign_key *key);

#endif /* OSPROFILER_FOREIGN_KEY_H */
