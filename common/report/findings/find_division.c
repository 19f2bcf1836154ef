/* SPDX-License-Identifier: Apache-2.0
 *
 * find_division.c
 *	  How the time of a trace divides between server, network and client: what the
 *	  head of the drawn tree says.
 */
#include "report/findings/findings.h"

/* Is an operation of a server part of a client's statement? */
static bool
has_server(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	while (child != NULL &&
		   !osp_str_eq(osp__node_tracer(child->node), OSP_STR("pg")))
		child = osp__op_sibling(f, child);
	return child != NULL;
}

/* Whose time that of an operation is. */
static int
owner_of(const osp__findings *f, const osp__op *op)
{
	switch (op->kind)
	{
		case OSP__OP_TRACE:
		case OSP__OP_OTHER:
			return OSP__TIME_CLIENT;
		case OSP__OP_DB:
			return has_server(f, op) ? OSP__TIME_NETWORK : OSP__TIME_DATABASE;
		case OSP__OP_CONNECT:
			return OSP__TIME_NETWORK;
		case OSP__OP_WAIT:
			return OSP__TIME_WAITING;
		case OSP__OP_SQLITE:
			return OSP__TIME_SQLITE;
		default:
			return osp_str_eq(osp__node_tracer(op->node), OSP_STR("sqlite"))
					   ? OSP__TIME_SQLITE
					   : OSP__TIME_SERVER;
	}
}

/* How long an operation of a server waited, by what was sampled. Waits for locks are
 * operations of their own. */
static int64_t
sampled_wait_ns(const osp__findings *f, const osp__op *op)
{
	int64_t ns = osp__op_own_fact(f, op, OSP__WAIT_ANY) -
				 osp__op_own_fact(f, op, OSP__WAIT_LOCK);

	if (ns < 0)
		ns = 0;
	return ns < op->own_ns ? ns : op->own_ns;
}

void
osp__findings_note_division(osp__findings *f)
{
	int64_t *times = f->report->times_ns;
	size_t i;

	memset(times, 0, sizeof(f->report->times_ns));
	for (i = 0; i < f->op_count; i++)
	{
		const osp__op *op = &f->ops[i];
		int owner = owner_of(f, op);
		int64_t waited_ns =
			owner == OSP__TIME_SERVER ? sampled_wait_ns(f, op) : 0;

		times[owner] += op->own_ns - waited_ns;
		times[OSP__TIME_WAITING] += waited_ns;
	}
	f->report->divided = true;
}
