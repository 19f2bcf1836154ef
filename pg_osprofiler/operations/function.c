/* SPDX-License-Identifier: Apache-2.0
 *
 * function.c
 *	  Functions in procedural languages; call.c records their calls.
 *
 * Functions in C and internal ones are too many and too short to be points, and
 * those in SQL are often no calls at all when the query runs. Only the name and
 * the number of arguments are recorded, because the values may be secrets.
 */
#include "pgosp.h"

#include "fmgr.h"

#define START_SIZE 1024

typedef struct pgospFunctionFacts
{
	pgospNames names;
	int args;
} pgospFunctionFacts;

static void
put_start(osp_writer *w, const void *what)
{
	const pgospFunctionFacts *facts = (const pgospFunctionFacts *) what;

	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("function"));
	pgosp_put_name(w, OSP_STR("name"), facts->names.name);
	pgosp_put_name(w, OSP_STR("schema"), facts->names.schema);
	osp_put_i64(w, OSP_STR("arguments"), facts->args);
	osp_put_end(w);
	osp_put_end(w);
}

bool
pgosp_function_begin(FunctionCallInfo fcinfo)
{
	pgospFunctionFacts facts;

	pgosp_call_names(fcinfo->flinfo->fn_oid, &facts.names);
	facts.args = fcinfo->nargs;
	return pgosp_call_begin(fcinfo->flinfo,
							fcinfo->flinfo->fn_oid,
							OSP_STR("pg.function"),
							put_start,
							&facts,
							START_SIZE);
}
