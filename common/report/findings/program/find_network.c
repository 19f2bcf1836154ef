/* SPDX-License-Identifier: Apache-2.0
 *
 * find_network.c
 *	  Rules about time between a client and its server: a pooler without a free
 *	  connection, and the network.
 *
 * A pooler between the two is recognized by the id of the server's process: the
 * one that the client knows is not the one that executed its statement. The
 * time before the server began, beyond the time after it had finished, was
 * spent in the pooler, because the way there takes as long as the way back.
 */
#include "report/findings/rules.h"

enum
{
	SUM_BEFORE,
	SUM_AFTER,
	MOST /* the longest time claimed of one statement */
};

/* Finds when the server worked on a client's statement. False: that is not known. */
static bool
find_server_side(const osp__findings *f, const osp__op *op, int64_t *begin_ns,
				 int64_t *end_ns)
{
	const osp__op *child;
	bool found = false;

	for (child = osp__op_child(f, op); child != NULL;
		 child = osp__op_sibling(f, child))
	{
		if (!osp_str_eq(osp__node_tracer(child->node), OSP_STR("pg")))
			continue;
		if (!found || child->begin_ns < *begin_ns)
			*begin_ns = child->begin_ns;
		if (!found || child->end_ns > *end_ns)
			*end_ns = child->end_ns;
		found = true;
	}
	return found;
}

/* ---- a pooler without a free connection ---- */

/* Shorter times may be due to the clock of another host. */
#define POOLER_NS (INT64_C(5) * 1000000)

/* PgBouncer's error when a statement has waited too long. */
#define POOLER_TIMEOUT "query_wait_timeout"

/* Finds the server's operation for this statement if another server process
 * executed it than the one that the client believes to be connected to: a
 * pooler was in between. NULL: it was the same process, or one of them is not
 * known. */
static const osp__op *
work_of_another(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	while (child != NULL && (child->kind != OSP__OP_PG || child->pid == 0))
		child = osp__op_sibling(f, child);
	return child != NULL && op->pid != 0 && child->pid != op->pid ? child
																  : NULL;
}

/* Has a pooler given the statement up? */
static bool
pooler_gave_up(osp__findings *f, const osp__op *op)
{
	if (!op->failed || f->status != OSP_OK)
		return false;
	f->status = osp__report_describe(f->report, op->node, &f->what);
	return f->status == OSP_OK && f->what.error.len > 0 &&
		   memmem(f->what.error.ptr,
				  f->what.error.len,
				  POOLER_TIMEOUT,
				  sizeof(POOLER_TIMEOUT) - 1) != NULL;
}

/* How long a pooler kept a statement before it could pass it on. */
static int64_t
pooler_ns(osp__findings *f, const osp__op *op)
{
	int64_t begin_ns = 0;
	int64_t end_ns = 0;
	int64_t ns;

	if (!find_server_side(f, op, &begin_ns, &end_ns))
		return pooler_gave_up(f, op) ? op->left_ns : 0;
	ns = begin_ns - op->begin_ns - (op->end_ns - end_ns);
	return ns >= POOLER_NS && work_of_another(f, op) != NULL ? ns : 0;
}

void
osp__look_poolers(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		int64_t ns = op->kind == OSP__OP_DB ? pooler_ns(f, op) : 0;

		if (ns > 0)
			osp__claim_time(f, osp__group_of(f, 0), op, ns);
	}
}

void
osp__tell_poolers(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *largest = group->largest;
	const osp__op *server = work_of_another(f, largest);

	osp__say_number(&finding->cause, (int64_t) group->count, "statement");
	osp_buf_add_str(&finding->cause, OSP_STR(" waited "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(" in a connection pooler that had no connection to "
							"the server free."));
	osp__say_op(f, largest, &finding->evidence);
	if (server != NULL)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(": "));
		osp__say_time(&finding->evidence, server->begin_ns - largest->begin_ns);
		osp_buf_addf(&finding->evidence,
					 " before process %lld of the server began; the client "
					 "had been told of another process, so a pooler is "
					 "between them",
					 (long long) server->pid);
	}
	osp_buf_add_str(
		&finding->step,
		OSP_STR("While it lasts, SHOW POOLS in PgBouncer's console counts who "
				"waits (cl_waiting). Let transactions end sooner, so that "
				"their connections are free for others; a larger "
				"default_pool_size helps only while the server has processors "
				"for more."));
	osp__add_figure(finding, "statements", (double) group->count);
}

/* ---- the network ---- */

/* Less time is taken for the network's, even if files were removed. */
#define REMOVING_NS (INT64_C(5) * 1000000)

/* How many operations before a COMMIT are searched for one after which files are
 * removed. */
#define STATEMENTS_MAX 1000

/* Adds the time claimed of a statement to the sums for the time before the server's
 * work and after it. If other causes have claimed part of the statement, or other
 * operations ran at the same time, both are scaled down. */
static void
add_sides(osp__group *group, int64_t before_ns, int64_t after_ns,
		  int64_t claimed_ns)
{
	double scale = 1;

	if (before_ns < 0)
		before_ns = 0;
	if (after_ns < 0)
		after_ns = 0;
	if (before_ns + after_ns > claimed_ns)
		scale = (double) claimed_ns / (double) (before_ns + after_ns);
	group->sums[SUM_BEFORE] += osp__ns_of((double) before_ns * scale);
	group->sums[SUM_AFTER] += osp__ns_of((double) after_ns * scale);
}

/* Groups of the rule. */
enum
{
	ON_THE_WAY,
	REMOVING /* the server removed files */
};

static bool
has_commit(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	while (child != NULL && child->kind != OSP__OP_COMMIT)
		child = osp__op_sibling(f, child);
	return child != NULL;
}

/* Did a statement of the transaction that op, a COMMIT, ends leave files to remove? */
static bool
ends_leaving(const osp__findings *f, const osp__op *op)
{
	const osp__op *at = op;
	int seen;

	for (seen = 0; seen < STATEMENTS_MAX && --at > f->ops; seen++)
	{
		if (at->kind != OSP__OP_DB || at->session != op->session)
			continue;
		if (at->control == OSP__CONTROL_BEGIN ||
			at->control == OSP__CONTROL_END)
			break;
		if (at->leaves_files)
			return true;
	}
	return false;
}

/* Did the server remove files after a client's statement was executed? It does so after
 * the commit, whose operation has ended by then. */
static bool
removes_files(const osp__findings *f, const osp__op *op, int64_t after_ns)
{
	if (after_ns < REMOVING_NS)
		return false;
	return op->control == OSP__CONTROL_END
			   ? ends_leaving(f, op)
			   : has_commit(f, op) && op->leaves_files;
}

/* Claims the time of a client's statement in which no server worked on it. */
static void
claim_way(osp__findings *f, osp__group *group, osp__op *op, int64_t begin_ns,
		  int64_t end_ns)
{
	int64_t claimed_ns = group->spent_ns;

	osp__claim_time(f, group, op, op->left_ns);
	claimed_ns = group->spent_ns - claimed_ns;
	if (claimed_ns > group->sums[MOST])
	{
		group->sums[MOST] = claimed_ns;
		group->largest = op;
	}
	if (osp_str_eq(op->node->host, osp__op_child(f, op)->node->host))
		add_sides(
			group, begin_ns - op->begin_ns, op->end_ns - end_ns, claimed_ns);
}

void
osp__look_network(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		int64_t begin_ns = 0;
		int64_t end_ns = 0;
		osp__group *group;

		if (op->kind != OSP__OP_DB ||
			!find_server_side(f, op, &begin_ns, &end_ns))
			continue;
		if (removes_files(f, op, op->end_ns - end_ns))
			osp__claim_time(
				f, osp__group_of(f, REMOVING), op, op->end_ns - end_ns);
		group = osp__group_of(f, ON_THE_WAY);
		if (group != NULL)
			claim_way(f, group, op, begin_ns, end_ns);
	}
}

static const char network_step[] =
	"Time before the server begins is the network, a pooler that "
	"has no connection free, or the statement's analysis; time "
	"after it is the network, or a client that reads slowly. "
	"Compare with SELECT 1 over the same connection.";

static const char tracing_step[] =
	"The program recorded these statements itself, as OSProfiler in Python does, which "
	"writes a point to the collector before the statement is sent: most of the time "
	"before the server begins may be that, and requests that are not traced do not "
	"have it. Compare with the same request without a trace, or with a collector that "
	"takes a point faster.";

static void
tell_removing(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause,
					OSP_STR("After the commit, the server most likely removed "
							"files of tables and indexes: "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" passed until it had answered."));
	osp__say_op(f, group->largest, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("What is dropped, truncated or written anew leaves files, and "
				"pages in shared_buffers, which both take the longer the more "
				"there are. Where a program does that often, let it keep its "
				"tables: DELETE of a few rows, and temporary tables with ON "
				"COMMIT DELETE ROWS that hold little."));
	osp__add_figure(finding, "statements", (double) group->count);
}

/* Converts a part of the time that statements spent to milliseconds of the trace, of
 * which time_ms is the sum. */
static double
figure_of(const osp__group *group, int64_t ns)
{
	return (double) ns / 1e6 * (double) group->ns / (double) group->spent_ns;
}

void
osp__tell_network(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	if (group->key == REMOVING)
	{
		tell_removing(f, finding);
		return;
	}

	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(" went by between client and server"));
	if (group->largest->foreign)
		osp_buf_add_str(&finding->cause,
						OSP_STR(", or in writing points to the collector"));
	osp_buf_add_str(
		&finding->cause,
		OSP_STR(", while the server did not work on the statement"));
	osp_buf_add_str(&finding->cause,
					group->count > 1 ? OSP_STR("s.") : OSP_STR("."));
	if (group->count > 1)
	{
		osp__say_number(
			&finding->evidence, (int64_t) group->count, "statement");
		osp_buf_add_str(&finding->evidence, OSP_STR(", the longest ("));
		osp__say_time(&finding->evidence, group->sums[MOST]);
		osp_buf_add_str(&finding->evidence, OSP_STR("): "));
	}
	osp__say_op(f, group->largest, &finding->evidence);
	if (group->sums[SUM_BEFORE] + group->sums[SUM_AFTER] > 0)
	{
		osp_buf_add_str(&finding->evidence,
						group->count > 1 ? OSP_STR("; in all ")
										 : OSP_STR(": "));
		osp__say_time(&finding->evidence, group->sums[SUM_BEFORE]);
		osp_buf_add_str(&finding->evidence,
						OSP_STR(" before the server began, "));
		osp__say_time(&finding->evidence, group->sums[SUM_AFTER]);
		osp_buf_add_str(&finding->evidence, OSP_STR(" after it had finished"));
		osp__add_figure(
			finding, "before_ms", figure_of(group, group->sums[SUM_BEFORE]));
		osp__add_figure(
			finding, "after_ms", figure_of(group, group->sums[SUM_AFTER]));
	}
	osp_buf_add_str(
		&finding->step,
		osp_str_of(group->largest->foreign ? tracing_step : network_step));
	osp__add_figure(finding, "statements", (double) group->count);
}
