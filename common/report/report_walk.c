/* SPDX-License-Identifier: Apache-2.0
 *
 * report_walk.c
 *	  Walks through the nodes of a report, in the order in which they are drawn.
 */
#include "report/report_tree.h"

static void
describe(const osp__node *node, int depth, osp_report_node *out)
{
	const osp__point *point;

	memset(out, 0, sizeof(*out));
	out->depth = depth;
	out->start_ns = node->started_ns;
	out->stop_ns = node->finished_ns;
	out->elapsed_ns = node->elapsed_ns;
	for (point = node->first; point != NULL; point = point->next)
	{
		osp_str *json = point->stop ? &out->stop : &out->start;

		if (json->len == 0)
			*json = point->json;
	}
	if (out->start.len == 0 || out->stop.len == 0)
		out->elapsed_ns = -1;
	else if (out->elapsed_ns < 0)
		out->elapsed_ns = osp__ns_between(node->started_ns, node->finished_ns);
}

osp_status
osp_report_walk(osp_report *report, osp_node_fn fn, void *ctx)
{
	osp_status status = osp__report_build(report);
	osp__node *node = report->first_root;
	osp_report_node described;
	int depth = 0;

	while (status == OSP_OK && node != NULL)
	{
		describe(node, depth, &described);
		status = fn(ctx, &described);
		node = osp__node_next(node, &depth);
	}
	return status;
}
