/* SPDX-License-Identifier: Apache-2.0
 *
 * call.c
 *	  Calls of functions and triggers, by the function manager's hook.
 *
 * The hook is told that a function begins and ends, but not what it is called
 * with, and so not for which trigger. Therefore, when one begins, we put a
 * function of our own in its place for this one time. It is called with what
 * the function is called with, opens the point and goes on to the function.
 *
 * The function manager asks whether the hook is wanted when somebody looks a
 * function up, which may be long before it is called. While nothing is traced
 * the answer is no: then a call costs nothing. A function that is kept looked up
 * from before (in an expression of PL/pgSQL that was already computed in this
 * transaction) is not seen. For functions in SQL the answer is always no, for
 * yes would keep the planner from putting them into the query.
 *
 * Calls nest, and end in the reverse order, by an error too. A million of them
 * is no rarity, so under one parent the first CALLS_MAX have a point each. Of the
 * others, all calls of one function, or trigger, are one point, which has their
 * name, number and time; beyond KINDS_MAX functions they share one without a name.
 * Only DEPTH_MAX calls are open at a time.
 */
#include "pgosp.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define CALLS_MAX 1000 /* of one parent that have points of their own */
#define KINDS_MAX 100 /* functions with a point for many calls under a parent */
#define DEPTH_MAX 1000
#define SPARE_MAX 16

#define STOP_SIZE 64
#define MANY_SIZE 128

/* The calls of one function under one parent that have no points of their own. */
typedef struct pgospCalls
{
	pgospPoint point;         /* first */
	struct pgospCalls *outer; /* the others that are open */
	Oid oid;                  /* of the function or trigger; 0: of any */
	uint64 calls;
	int64 total_ns;
} pgospCalls;

/* A call that has not ended. */
typedef struct pgospCall
{
	pgospPoint point;        /* first; not open if it is one of many */
	struct pgospCall *outer; /* the call round it */
	const FmgrInfo *flinfo;
	int again; /* calls of the same flinfo inside, that we don't follow */
	pgospPoint *current; /* what ran before */
	pgospPoint *many;
	uint64 many_serial;
	int64 start_ns;
} pgospCall;

static pgospCall *innermost = NULL;
static pgospCalls *many = NULL;
static int depth = 0;

static pgospCall *spare = NULL;
static int spares = 0;

/*
 * The functions in whose place ours will be called: one, unless another
 * extension's hook calls functions in between.
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

static void
put_call_stop(osp_writer *w, const pgospPoint *point)
{
}

static const pgospPointKind call_kind = {
	.put_stop = put_call_stop,
};

static void
put_nothing(osp_writer *w, const void *what)
{
}

static void
put_many_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospCalls *calls = (const pgospCalls *) point;

	osp_put_object(w, OSP_STR("db"));
	osp_put_u64(w, OSP_STR("calls"), calls->calls);
	osp_put_f64(w, OSP_STR("total_ms"), (double) calls->total_ns / 1e6);
	osp_put_end(w);
}

static void
many_closed(pgospPoint *point)
{
	pgospCalls **link = &many;

	while (*link != (pgospCalls *) point)
		link = &(*link)->outer;
	*link = (*link)->outer;
	pfree(point);
}

static const pgospPointKind many_kind = {
	.put_stop = put_many_stop,
	.closed = many_closed,
};

static void *
session_alloc(size_t size)
{
	return MemoryContextAllocExtended(
		TopMemoryContext, size, MCXT_ALLOC_NO_OOM);
}

static pgospCall *
new_call(void)
{
	pgospCall *call = spare;

	if (call == NULL)
		return session_alloc(sizeof(*call));
	spare = call->outer;
	spares--;
	return call;
}

static void
free_call(pgospCall *call)
{
	if (spares >= SPARE_MAX)
	{
		pfree(call);
		return;
	}
	call->outer = spare;
	spare = call;
	spares++;
}

/*
 * The point of all further calls of this function under this parent, or of all
 * functions beyond KINDS_MAX. NULL: there is none yet; *oid is for which to make it.
 */
static pgospCalls *
find_many(const pgospParent *parent, osp_str name, Oid *oid)
{
	pgospCalls *others = NULL;
	pgospCalls *calls;
	int kinds = 0;

	for (calls = many; calls != NULL; calls = calls->outer)
	{
		if (calls->point.parent != parent->point)
			continue;
		kinds++;
		if (calls->oid == InvalidOid && calls->point.name.ptr == name.ptr)
			others = calls;
		else if (calls->oid == *oid)
			return calls;
	}
	if (kinds >= KINDS_MAX)
		*oid = InvalidOid;
	return kinds >= KINDS_MAX ? others : NULL;
}

/* The same; it is made if there is none. NULL: there is no memory. */
static pgospCalls *
calls_of(const pgospParent *parent, osp_str name, Oid oid, pgosp_put_start put,
		 const void *what, size_t size)
{
	pgospCalls *calls = find_many(parent, name, &oid);

	if (calls != NULL)
		return calls;
	calls = session_alloc(sizeof(*calls));
	if (calls == NULL)
		return NULL;
	calls->point.kind = &many_kind;
	calls->point.name = name;
	calls->point.stop_size = MANY_SIZE;
	calls->oid = oid;
	calls->calls = 0;
	calls->total_ns = 0;
	pgosp_point_open(&calls->point,
					 parent,
					 oid != InvalidOid ? put : put_nothing,
					 what,
					 size);
	calls->outer = many;
	many = calls;
	return calls;
}

bool
pgosp_call_begin(const FmgrInfo *flinfo, Oid oid, osp_str name,
				 pgosp_put_start put, const void *what, size_t size)
{
	pgospCall *call;
	pgospParent parent;

	pgosp_nested_parent(&parent);
	if (depth >= DEPTH_MAX || !pgosp_point_may_open(&parent))
		return false;
	call = new_call();
	if (call == NULL)
		return false;
	call->flinfo = flinfo;
	call->again = 0;
	call->current = pgosp_current;
	call->many = NULL;
	call->point.open = false;
	if (parent.point->calls < CALLS_MAX)
	{
		parent.point->calls++;
		call->point.kind = &call_kind;
		call->point.name = name;
		call->point.stop_size = STOP_SIZE;
		pgosp_point_open(&call->point, &parent, put, what, size);
		pgosp_current = &call->point;
	}
	else
	{
		pgospCalls *calls = calls_of(&parent, name, oid, put, what, size);

		if (calls == NULL)
		{
			free_call(call);
			return false;
		}
		calls->calls++;
		call->many = &calls->point;
		call->many_serial = calls->point.serial;
		call->start_ns = pgosp_now();
		pgosp_current = &calls->point;
	}
	call->outer = innermost;
	innermost = call;
	depth++;
	return true;
}

/* Adds the time of a call to what it was one of, if that is still open. */
static void
end_one_of_many(const pgospCall *call)
{
	pgospCalls *calls;

	for (calls = many; calls != NULL; calls = calls->outer)
		if (&calls->point == call->many &&
			calls->point.serial == call->many_serial)
			calls->total_ns += pgosp_now() - call->start_ns;
}

void
pgosp_call_end(const FmgrInfo *flinfo, const pgospError *error)
{
	pgospCall *call = innermost;

	if (call == NULL || call->flinfo != flinfo)
		return;
	if (call->again > 0)
	{
		call->again--;
		return;
	}
	if (call->many != NULL)
		end_one_of_many(call);
	else
		pgosp_point_close(&call->point, error);
	pgosp_current = call->current;
	innermost = call->outer;
	depth--;
	free_call(call);
}

void
pgosp_put_name(osp_writer *w, osp_str key, const char *name)
{
	osp_put_str(w, key, pgosp_text_utf8(osp_str_of(name), NAMEDATALEN * 4));
}

void
pgosp_call_names(Oid oid, pgospNames *names)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Oid schema = InvalidOid;

	names->name[0] = '\0';
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

		strlcpy(names->name, NameStr(proc->proname), NAMEDATALEN);
		schema = proc->pronamespace;
		ReleaseSysCache(tuple);
	}
	pgosp_schema_name(schema, names->schema);
}

void
pgosp_schema_name(Oid schema, char name[NAMEDATALEN])
{
	HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));

	name[0] = '\0';
	if (!HeapTupleIsValid(tuple))
		return;
	strlcpy(name,
			NameStr(((Form_pg_namespace) GETSTRUCT(tuple))->nspname),
			NAMEDATALEN);
	ReleaseSysCache(tuple);
}

/* Which kind of point is a call of this function? 0: none. */
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
	if (unlikely(pgosp_busy > 0) && is_wanted(oid))
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

/* Puts the function back; what came later and was not called is forgotten. */
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

/* Called in the place of the function, once. */
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
	if (innermost != NULL && innermost->flinfo == flinfo)
		innermost->again++;
	else if (pgosp_current != NULL && is_wanted(flinfo->fn_oid))
		replace(flinfo);
}

static void
function_ends(FmgrInfo *flinfo, bool failed)
{
	pgospError error;

	/* Something came between, and it was not called. */
	if (unlikely(flinfo->fn_addr == begin_and_call))
		put_back(flinfo);
	if (innermost == NULL || innermost->flinfo != flinfo)
		return;
	if (failed)
	{
		pgosp_error_capture(&error);
		pgosp_commit_ends(&innermost->point, &error);
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
pgosp_call_init(void)
{
	prev_needs_fmgr_hook = needs_fmgr_hook;
	prev_fmgr_hook = fmgr_hook;
	needs_fmgr_hook = pgosp_needs_fmgr_hook;
	fmgr_hook = pgosp_fmgr;
}
