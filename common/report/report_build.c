/* SPDX-License-Identifier: Apache-2.0
 *
 * report_build.c
 *	  Makes a report's tree of its nodes.
 *
 * All nodes are sorted by time once. They are then added to their parents in that
 * order, so every list of siblings is sorted. A node whose parent is not in the trace
 * is a root. So is the earliest node of a ring of parents: upstream loses such nodes,
 * this report shows them.
 */
#include <stdlib.h>

#include "report/report_tree.h"

/* Compares nodes by time. Nodes that began in the same microsecond are ordered by their
 * ends, then by their durations in nanoseconds, then by their ids. */
static int
compare_times(const void *a, const void *b)
{
	const osp__node *x = *(const osp__node *const *) a;
	const osp__node *y = *(const osp__node *const *) b;
	int64_t x_time = osp__node_start_ns(x);
	int64_t y_time = osp__node_start_ns(y);
	size_t shorter;
	int order;

	if (x_time == y_time)
	{
		x_time = osp__node_end_ns(x);
		y_time = osp__node_end_ns(y);
	}
	if (x_time == y_time)
	{
		x_time = x->elapsed_ns;
		y_time = y->elapsed_ns;
	}
	if (x_time != y_time)
		return x_time < y_time ? -1 : 1;
	shorter =
		x->trace_id.len < y->trace_id.len ? x->trace_id.len : y->trace_id.len;
	order = memcmp(x->trace_id.ptr, y->trace_id.ptr, shorter);
	return order != 0 ? order
					  : (x->trace_id.len > y->trace_id.len) -
							(x->trace_id.len < y->trace_id.len);
}

/* Removes the node from an earlier tree, and finds its parent if the parent arrived
 * later. */
static void
reset_node(const osp_report *report, osp__node *node)
{
	if (node->known_parent == NULL)
		node->known_parent = osp__report_find_parent(report, node);
	node->parent = node->known_parent;
	node->first_child = node->last_child = node->next_sibling = NULL;
	node->mark = 0;
	node->covered_ns = 0;
	node->cycle = false;
	node->asked = false;
	node->last_drawn = false;
	node->fold = NULL;
}

static osp_status
sort_nodes(osp_report *report)
{
	osp__node **sorted =
		osp_calloc(report->alc, report->node_count, sizeof(void *));
	osp__node *node = report->first_arrived;
	size_t i;

	if (sorted == NULL)
		return OSP_ENOMEM;
	for (i = 0; node != NULL; node = node->next_arrived)
	{
		reset_node(report, node);
		sorted[i++] = node;
	}
	qsort(sorted, report->node_count, sizeof(void *), compare_times);
	for (i = 0; i < report->node_count; i++)
		sorted[i]->order = (uint32_t) i;
	osp_free(report->alc, report->sorted);
	report->sorted = sorted;
	return OSP_OK;
}

/* Cuts the ring of parents that node is part of, above its earliest member. */
static void
cut_ring(osp__node *node)
{
	osp__node *earliest = node;
	osp__node *at;

	for (at = node->parent; at != node; at = at->parent)
	{
		if (at->order < earliest->order)
			earliest = at;
	}
	earliest->cycle = true;
	earliest->parent = NULL;
}

/*
 * Follows the parents of each node up to a node that was visited before. If that was in
 * the same walk, there is a ring.
 */
static void
cut_rings(osp_report *report)
{
	size_t i;

	for (i = 0; i < report->node_count; i++)
	{
		uint32_t walk = (uint32_t) i + 1;
		osp__node *node = report->sorted[i];

		while (node != NULL && node->mark == 0)
		{
			node->mark = walk;
			node = node->parent;
		}
		if (node != NULL && node->mark == walk)
			cut_ring(node);
	}
}

/* Notes the time between the end of all earlier siblings, at *end_ns, and the start of
 * node. *end_ns is the maximum if one of them has no end. */
static void
note_gap(osp__node *node, bool first, int64_t *end_ns)
{
	int64_t node_end_ns =
		node->stops > 0 || node->loss ? osp__node_end_ns(node) : INT64_MAX;

	node->gap_ns = 0;
	if (!first && osp__node_start_ns(node) > *end_ns)
		node->gap_ns = osp__ns_between(*end_ns, osp__node_start_ns(node));
	if (first || node_end_ns > *end_ns)
		*end_ns = node_end_ns;
}

/* Adds to parent's covered time the time of a child in which none of its earlier
 * siblings ran; they ended at end_ns. */
static void
note_cover(osp__node *parent, const osp__node *child, bool first,
		   int64_t end_ns)
{
	int64_t from_ns = osp__node_start_ns(child);
	int64_t to_ns = child->stops > 0 ? osp__node_end_ns(child) : INT64_MAX;

	if (child->loss)
		return;
	if (from_ns < osp__node_start_ns(parent))
		from_ns = osp__node_start_ns(parent);
	if (!first && from_ns < end_ns)
		from_ns = end_ns;
	if (to_ns > osp__node_end_ns(parent))
		to_ns = osp__node_end_ns(parent);
	if (to_ns > from_ns)
		parent->covered_ns += osp__ns_between(from_ns, to_ns);
}

static void
link_child(osp_report *report, osp__node *node)
{
	osp__node *parent = node->parent;
	osp__node **first =
		parent != NULL ? &parent->first_child : &report->first_root;
	osp__node **last =
		parent != NULL ? &parent->last_child : &report->last_root;

	int64_t *end_ns =
		parent != NULL ? &parent->children_end_ns : &report->roots_end_ns;

	if (parent != NULL)
		note_cover(parent, node, *last == NULL, *end_ns);
	note_gap(node, *last == NULL, end_ns);
	if (*last != NULL)
		(*last)->next_sibling = node;
	else
		*first = node;
	*last = node;
}

static void
count_node(const osp_report *report, const osp__node *node)
{
	node->stat->count++;
	node->stat->duration_ms += osp__report_ms(report, osp__node_end_ns(node)) -
							   osp__report_ms(report, osp__node_start_ns(node));
}

osp_status
osp__report_build(osp_report *report)
{
	osp__stat *stat;
	osp_status status;
	size_t i;

	if (report->built || report->node_count == 0)
		return OSP_OK;
	status = sort_nodes(report);
	if (status != OSP_OK)
		return status;
	cut_rings(report);
	report->first_root = report->last_root = NULL;
	for (stat = report->first_stat; stat != NULL; stat = stat->next)
	{
		stat->count = 0;
		stat->duration_ms = 0;
	}
	for (i = 0; i < report->node_count; i++)
	{
		link_child(report, report->sorted[i]);
		count_node(report, report->sorted[i]);
	}
	osp__report_note_lost(report);
	report->built = true;
	report->folded = false;
	return OSP_OK;
}

int64_t
osp__report_total_ns(const osp_report *report)
{
	const osp__node *root = report->first_root;

	if (root != NULL && root->next_sibling == NULL && root->elapsed_ns >= 0 &&
		root->starts > 0 && root->started_ns == report->started_ns &&
		root->finished_ns == report->ended_ns)
		return root->elapsed_ns;
	return osp__ns_between(report->started_ns, report->ended_ns);
}
