/* SPDX-License-Identifier: Apache-2.0
 *
 * report_state.c
 *	  Finds the state of operations that lack a start or a stop.
 *
 * An operation without a stop may still run, its process may have ended in the middle
 * of it, or its stop may have been lost on the way. The stop was lost if an operation
 * around it has ended, because the tracers of databases end inner operations first. The
 * operation is running if its process is known to be tracing, and to have lost nothing,
 * or if it is a client's statement and that is so of the server's process.
 * If nothing is known about its process, and points of its tracer were lost afterwards,
 * the stop was among them. Otherwise the state is unknown.
 */
#include "report/report_describe.h"

/* How many ancestors are searched for the process of an operation. */
#define ANCESTORS_MAX 16

/* How many processes are asked about: each answer reads all rings. */
#define QUESTIONS_MAX 256

/* Was a loss of points of its tracer reported after the node began? */
static bool
is_loss_reported(const osp_report *report, const osp__node *node)
{
	osp_str tracer = osp__node_tracer(node);
	size_t i;

	for (i = 0; i < report->loss_count; i++)
	{
		const osp__loss *loss = &report->losses[i];
		bool any = loss->tracer.len == 0 ||
				   osp_str_eq(loss->tracer, OSP_STR(OSP__LOSS_TRACER));

		if (loss->last_ns >= node->started_ns &&
			(loss->host.len == 0 || osp_str_eq(loss->host, node->host)) &&
			(any || osp_str_eq(loss->tracer, tracer)))
			return true;
	}
	return false;
}

/* Does the tracer of a node never end an operation before those in it? */
static bool
nests(const osp__node *node)
{
	osp_str tracer = osp__node_tracer(node);

	return osp_str_eq(tracer, OSP_STR("pg")) ||
		   osp_str_eq(tracer, OSP_STR("sqlite"));
}

/* Finds operations whose stop was lost. Parents come first, so one ended ancestor is
 * enough for all operations inside it. */
void
osp__report_note_lost(osp_report *report)
{
	osp__node *node = report->first_root;
	int depth = 0;

	for (; node != NULL; node = osp__node_next(node, &depth))
	{
		osp__node *parent = node->parent;

		node->end_lost = false;
		node->outer = NULL;
		if (node->stops > 0 || parent == NULL)
			continue;
		node->outer = parent->stops > 0 ? parent : parent->outer;
		node->end_lost = (parent->stops > 0 || parent->end_lost) &&
						 nests(node) && osp__node_same_tracer(node, parent);
	}
}

/* The pid that the start of node names; -1: there is none. */
static int64_t
pid_of(osp_report *report, const osp__node *node)
{
	const osp__point *point = node->first;
	yyjson_val *info;
	int64_t pid;

	while (point != NULL && point->stop)
		point = point->next;
	if (point == NULL || osp__json_read(&report->reader, point->json) != OSP_OK)
		return -1;
	info = yyjson_obj_get(osp__json_root(&report->reader), "info");
	if (!osp__json_i64(yyjson_obj_get(yyjson_obj_get(info, "db"), "pid"), &pid))
		return -1;
	return pid;
}

/* Asks for the state of the operation's process. An operation inside another one of the
 * same tracer has the same process. */
static osp_process_state
ask_process(osp_report *report, const osp__node *node)
{
	const osp__node *at = node;
	int64_t pid = -1;
	int i;

	/* A client's statement names the pid of its server's process. */
	if (report->process_fn == NULL ||
		report->process_questions >= QUESTIONS_MAX ||
		osp_str_eq(osp__node_tracer(node), OSP_STR("db")))
		return OSP_PROCESS_UNKNOWN;
	for (i = 0; i < ANCESTORS_MAX && pid < 0; i++)
	{
		pid = pid_of(report, at);
		at = at->parent;
		if (at == NULL || !osp__node_same_tracer(node, at))
			break;
	}
	if (pid <= 0)
		return OSP_PROCESS_UNKNOWN;
	report->process_questions++;
	return report->process_fn(report->process_ctx,
							  osp__report_inside(node->host),
							  pid,
							  node->started_ns);
}

/* Asks once for each tree, so that findings and drawings use the same answer. */
static osp_process_state
process_of(osp_report *report, const osp__node *asked)
{
	osp__node *node = report->sorted[asked->order];

	if (!node->asked)
		node->process = ask_process(report, node);
	node->asked = true;
	return node->process;
}

/* Is the server at work on the statement of a client? Then the client waits for it: its
 * own process is not known. */
static bool
is_server_at_work(osp_report *report, const osp__node *node)
{
	const osp__node *child = node->first_child;

	if (!osp_str_eq(osp__node_tracer(node), OSP_STR("db")))
		return false;
	for (; child != NULL; child = child->next_sibling)
		if (child->starts > 0 && child->stops == 0 && !child->end_lost &&
			process_of(report, child) == OSP_PROCESS_WORKS)
			return true;
	return false;
}

osp__state
osp__report_state(osp_report *report, const osp__node *node)
{
	osp_process_state process;

	if (node->stops > 0)
		return node->starts > 0 ? OSP__ENDED : OSP__START_LOST;
	if (node->end_lost)
		return OSP__END_LOST;
	process = process_of(report, node);
	if (process == OSP_PROCESS_WORKS || is_server_at_work(report, node))
		return OSP__RUNNING;
	if (process == OSP_PROCESS_UNKNOWN && is_loss_reported(report, node))
		return OSP__END_LOST;
	return OSP__UNFINISHED;
}
