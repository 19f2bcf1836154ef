/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_function.h
 *	  Finds functions in a statement of SQLite that SQLite does not have: they belong to
 *	  the program or to an extension. Private to report/findings/.
 */
#ifndef OSPROFILER_SQLITE_FUNCTION_H
#define OSPROFILER_SQLITE_FUNCTION_H

#include "osprofiler/base.h"

/* The name of the first function in the statement that SQLite does not have,
 * borrowed from the statement; empty if the text shows none. Views, triggers
 * and collations may hide some. */
osp_str osp__program_function(osp_str statement);

#endif /* OSPROFILER_SQLITE_FUNCTION_H */
