/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_function.h
 *	  Functions that a statement of SQLite calls and SQLite does not have: they are the
 *	  program's, or of an extension. Private to report/findings/.
 */
#ifndef OSPROFILER_SQLITE_FUNCTION_H
#define OSPROFILER_SQLITE_FUNCTION_H

#include "osprofiler/base.h"

/* The name of the first of them, borrowed from the statement; empty: it calls none, as
 * far as the text tells. Views, triggers and collations may hide some. */
osp_str osp__program_function(osp_str statement);

#endif /* OSPROFILER_SQLITE_FUNCTION_H */
