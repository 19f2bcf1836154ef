/* SPDX-License-Identifier: Apache-2.0
 *
 * function_manager.c
 *	  The hook of the function manager: calls of functions and triggers.
 *
 * The hook is called when a function begins and ends, but does not get its
 * arguments, and so not its trigger. So when a function begins, we put a
 * function of our own in its place for this one call. Ours gets the arguments,
 * opens the point and calls the original function.
 *
 * The function manager asks whether the hook is wanted when a function is
 * looked up, which may be long before it is called. While nothing is traced, or
 * while as many calls are open as can be recorded, the answer is no, and then a
 * call costs nothing. A function that was looked up during that time and is
 * kept (in an expression of PL/pgSQL that was already computed in this
 * transaction) is not seen later. For functions in SQL the answer is always no,
 * because yes would keep the planner from inlining them into the query.
 */
#include "pgosp.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/syscache.h"

/*
 * The functions that ours has replaced: only one, unless another extension's
 * hook calls functions in between.
 */
#define PENDING_MAX 8
static struct
{
	const FmgrInfo *flinfo;
	PGFunction function;
} pending[PENDING_MAX];
static int pendings = 0;

static needs_fmgr_hook_type prev_needs_fmgr_hook;
static fmgr_hook_type prev_fmgr_hook;

/* The kind of operation that a call of this function is; 0: none. */
static int
kind_of(Oid oid)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	int kind = PGOSP_POINTS_FUNCTION;
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		return 0;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->prorettype == TRIGGEROID || proc->prorettype == EVENT_TRIGGEROID)
		kind = PGOSP_POINTS_TRIGGER;
	else if (proc->prolang == INTERNALlanguageId ||
			 proc->prolang == ClanguageId || proc->prolang == SQLlanguageId)
		kind = 0;
	ReleaseSysCache(tuple);
	return kind;
}

static bool
is_wanted(Oid oid)
{
	return (pgosp_points & (PGOSP_POINTS_TRIGGER | PGOSP_POINTS_FUNCTION)) !=
			   0 &&
		   (pgosp_points & kind_of(oid)) != 0;
}

static bool
pgosp_needs_fmgr_hook(Oid oid)
{
	if (unlikely(pgosp_busy > 0) && pgosp_call_may_begin() && is_wanted(oid))
		return true;
	return prev_needs_fmgr_hook != NULL && prev_needs_fmgr_hook(oid);
}

static Datum begin_and_call(PG_FUNCTION_ARGS);

static void
replace(FmgrInfo *flinfo)
{
	if (pendings == PENDING_MAX || flinfo->fn_addr == begin_and_call)
		return;
	pending[pendings].flinfo = flinfo;
	pending[pendings].function = flinfo->fn_addr;
	pendings++;
	flinfo->fn_addr = begin_and_call;
}

/* Puts the original function back, and forgets functions that were replaced later but
 * not called. */
static void
put_back(FmgrInfo *flinfo)
{
	int i;

	for (i = pendings - 1; i >= 0; i--)
		if (pending[i].flinfo == flinfo)
		{
			flinfo->fn_addr = pending[i].function;
			pendings = i;
			return;
		}
}

/* Called once instead of the replaced function. */
static Datum
begin_and_call(PG_FUNCTION_ARGS)
{
	put_back(fcinfo->flinfo);
	if (CALLED_AS_TRIGGER(fcinfo) || CALLED_AS_EVENT_TRIGGER(fcinfo))
		(void) pgosp_trigger_begin(fcinfo);
	else
		(void) pgosp_function_begin(fcinfo);
	return fcinfo->flinfo->fn_addr(fcinfo);
}

static void
function_begins(FmgrInfo *flinfo)
{
	if (pgosp_busy == 0)
		return;
	pgosp_commit_look();
	if (pgosp_call_of(flinfo) != NULL)
		pgosp_call_again();
	else if (pgosp_current != NULL && is_wanted(flinfo->fn_oid))
		replace(flinfo);
}

static void
function_ends(FmgrInfo *flinfo, bool failed)
{
	const pgospPoint *point;
	pgospError error;

	/* The function was replaced but not called, for example because an error occurred
	 * before the call. */
	if (unlikely(flinfo->fn_addr == begin_and_call))
		put_back(flinfo);
	point = pgosp_call_of(flinfo);
	if (point == NULL)
		return;
	if (failed)
	{
		pgosp_error_capture(&error);
		pgosp_commit_ends(point, &error);
	}
	pgosp_call_end(flinfo, failed ? &error : NULL);
}

static void
pgosp_fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *private)
{
	if (event != FHET_START)
		function_ends(flinfo, event == FHET_ABORT);
	if (prev_fmgr_hook != NULL)
		prev_fmgr_hook(event, flinfo, private);
	if (event == FHET_START)
		function_begins(flinfo);
}

void
pgosp_function_manager_init(void)
{
	prev_needs_fmgr_hook = needs_fmgr_hook;
	prev_fmgr_hook = fmgr_hook;
	needs_fmgr_hook = pgosp_needs_fmgr_hook;
	fmgr_hook = pgosp_fmgr;
}
