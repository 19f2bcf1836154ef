/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c
 *	  Functions for the SQL functions that return sets.
 */
#include "pgosp.h"

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgosp_rows.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

void
pgosp_rows_begin(FunctionCallInfo fcinfo, pgospRows *rows)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		(info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("a set cannot be returned here"));
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	rows->desc = CreateTupleDescCopy(info->expectedDesc);
	rows->store = tuplestore_begin_heap(
		(info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = rows->store;
	info->setDesc = rows->desc;
	MemoryContextSwitchTo(old);
	rows->row = AllocSetContextCreate(
		CurrentMemoryContext, "osprofiler row", ALLOCSET_DEFAULT_SIZES);
}

void
pgosp_rows_put_lines(const pgospRows *rows, osp_str text)
{
	const char *line = text.ptr;
	const char *end = text.ptr + text.len;

	while (line < end)
	{
		const char *stop = memchr(line, '\n', (size_t) (end - line));
		size_t len = (size_t) ((stop != NULL ? stop : end) - line);
		MemoryContext old = MemoryContextSwitchTo(rows->row);
		Datum value =
			PointerGetDatum(cstring_to_text_with_len(line, (int) len));
		bool isnull = false;

		tuplestore_putvalues(rows->store, rows->desc, &value, &isnull);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows->row);
		line += len + 1;
		CHECK_FOR_INTERRUPTS();
	}
}

osp_str
pgosp_trace_argument(FunctionCallInfo fcinfo)
{
	osp_str id = osp_str_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	osp_str utf8 = pgosp_text_utf8(id, OSP_ID_MAX + 1);

	if (utf8.len == 0 || utf8.len > OSP_ID_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("an id of a trace has 1 to %d bytes", OSP_ID_MAX));
	return osp_str_n(pnstrdup(utf8.ptr, utf8.len), utf8.len);
}
