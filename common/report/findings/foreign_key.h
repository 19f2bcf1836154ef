/* SPDX-License-Identifier: Apache-2.0
 *
 * foreign_key.h
 *	  Reads the statements that PostgreSQL itself runs for foreign keys. Private
 *	  to report/findings/.
 */
#ifndef OSPROFILER_FOREIGN_KEY_H
#define OSPROFILER_FOREIGN_KEY_H

#include "report/findings/findings.h"

typedef struct osp__foreign_key
{
	bool
		referring; /* it searches the rows that refer to one; else the one referred to */
	osp_buf table;   /* the table that it searches, without schema */
	osp_buf columns; /* the columns that it compares: "a, b" */
} osp__foreign_key;

/* Is it the text of a statement that PostgreSQL runs for a foreign key? */
bool osp__is_key_statement(osp_str statement);

/* The caller must call osp__foreign_key_term(). */
void osp__foreign_key_init(const osp__findings *f, osp__foreign_key *key);

/* Reads what a statement that PostgreSQL runs for a foreign key searches.
 * False: op has another statement. */
bool osp__foreign_key_read(osp__findings *f, const osp__op *op,
						   osp__foreign_key *key);
void osp__foreign_key_term(osp__foreign_key *key);

#endif /* OSPROFILER_FOREIGN_KEY_H */
