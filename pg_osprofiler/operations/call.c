/* SPDX-License-Identifier: Apache-2.0
 *
 * call.c
 *	  Calls of functions and triggers: their operations, and their names.
 *
 * Calls nest and end in the reverse order, also by an error. A million calls are not
 * rare, so only the first CALLS_MAX under one parent have a point each. The further
 * calls of a function or trigger share one point, which has their name, number and
 * time, also beyond osprofiler.max_points; beyond KINDS_MAX functions, all further calls
 * share a point without a name.
 * Only FOLLOWED_MAX calls are open at a time, because PostgreSQL puts a frame of its
 * own around each call that is followed, which takes a seventh of the stack of a
 * recursive function.
 */
#include "pgosp.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define CALLS_MAX    1000 /* under one parent, with points of their own */
#define KINDS_MAX    100  /* functions with a shared point under a parent */
#define FOLLOWED_MAX 100  /* calls open inside each other */
#define SPARE_MAX    16

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
	pgospPoint point;        /* must be first; not open if it is one of many */
	struct pgospCall *outer; /* the call around it */
	const FmgrInfo *flinfo;
	int again; /* calls of the same flinfo inside, which we don't follow */
	pgospPoint *current; /* the point that ran before */
	pgospPoint *many;
	uint64 many_serial;
	int64 start_ns;
} pgospCall;

static pgospCall *innermost = NULL;
static pgospCalls *many = NULL;
static int depth = 0;

static pgospCall *spare = NULL;
static int spares = 0;

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
 * Finds the point of all further calls of this function under this parent, or of all
 * functions beyond KINDS_MAX. NULL: there is none yet; then *oid is the function for
 * which to make it.
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

/* Finds or makes the point of all further calls of this function under this parent.
 * NULL: there is no memory. */
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
pgosp_call_may_begin(void)
{
	return depth < FOLLOWED_MAX;
}

/*
 * May a call be followed? If the running statement has reached
 * osprofiler.max_points, a call is followed only if a shared point counts it. Such a
 * call needs no point of its own, and the number and the time of all calls stay
 * right.
 */
static bool
may_follow(const pgospParent *parent, osp_str name, Oid oid)
{
	if (likely(!pgosp_point_is_full()))
		return true;
	if (parent->point->calls >= CALLS_MAX &&
		find_many(parent, name, &oid) != NULL)
		return true;
	parent->point->left_out++;
	return false;
}

bool
pgosp_call_begin(const FmgrInfo *flinfo, Oid oid, osp_str name,
				 pgosp_put_start put, const void *what, size_t size)
{
	pgospCall *call;
	pgospParent parent;

	pgosp_nested_parent(&parent);
	if (!pgosp_call_may_begin() || !may_follow(&parent, name, oid))
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

/* Adds the time of a call to the shared point that counts it, if that is still open. */
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

pgospPoint *
pgosp_call_of(const FmgrInfo *flinfo)
{
	return innermost != NULL && innermost->flinfo == flinfo ? &innermost->point
															: NULL;
}

void
pgosp_call_again(void)
{
	innermost->again++;
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
