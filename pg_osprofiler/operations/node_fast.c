/* SPDX-License-Identifier: Apache-2.0
 *
 * node_fast.c
 *	  Writes the points of plan nodes by templates.
 *
 * The start of a node depends on the plan only, so it is made once for a cached plan
 * (plan_cache.c). Names in it can only change together with the plan, except that of an
 * index, which is compared. The stops of most nodes have rows, loops, times, and blocks
 * that were hit.
 */
#include "pgosp_known.h"
#include "pgosp_node.h"

/* The values that vary in the stops. */
enum
{
	ROWS,
	LOOPS,
	FIRST_ROW,
	TOTAL,
	HITS
};

/* The stop without blocks, and the one with blocks. */
static pgospStop stops[2];

/* ---- starts ---- */

/* Is the node's start the same every time? */
static bool
may_be_known(const PlanState *node)
{
	const Plan *plan = node->plan;

	/* If there are several result relations, it may be decided at the start which one
	 * is the first. */
	if (IsA(plan, ModifyTable) &&
		list_length(((const ModifyTable *) plan)->resultRelations) > 1)
		return false;
	return pgosp_hide_params && plan->plan_node_id < PGOSP_KNOWN_NODES &&
		   !IsA(plan, CustomScan);
}

static pg_noinline const osp_template *
learn(pgospKnown *known, pgospNodePoint *told, const char *index)
{
	char space[4096];
	int id = told->node->plan->plan_node_id;
	osp_writer w;

	if (!may_be_known(told->node))
		return NULL;
	osp_attrs_begin(&w, space, sizeof(space));
	pgosp_put_node_start(&w, told);
	if (w.full)
		return NULL;
	pgosp_known_learn_node(known, id, index, osp_attrs_end(&w));
	return pgosp_known_node(known, id, index);
}

pgosp_hot bool
pgosp_node_open_known(pgospKnown *known, pgospNodePoint *told,
					  pgospPoint *parent, int64 start_ns)
{
	const char *index = pgosp_node_index(told->node);
	const osp_template *start;

	/* The entry existed when the statement began, but may be another plan's by now. */
	if (unlikely(known->plan != told->node->state->es_plannedstmt))
		return false;
	start = pgosp_known_node(known, told->node->plan->plan_node_id, index);
	if (start == NULL)
		start = learn(known, told, index);
	return start != NULL &&
		   pgosp_point_open_known_at(&told->point, parent, start, start_ns);
}

/* ---- stops ---- */

static pg_noinline bool
make_stop(pgospStop *stop, bool hits)
{
	char space[PGOSP_STOP_SIZE];
	osp_writer w;

	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_object(&w, OSP_STR("db"));
	osp_put_object(&w, OSP_STR("node"));
	osp_put_u64(&w, OSP_STR("rows"), 0);
	pgosp_stop_mark(stop, ROWS, &w);
	osp_put_u64(&w, OSP_STR("loops"), 0);
	pgosp_stop_mark(stop, LOOPS, &w);
	osp_put_f64(&w, OSP_STR("first_row_ms"), 0);
	pgosp_stop_mark(stop, FIRST_ROW, &w);
	osp_put_f64(&w, OSP_STR("total_ms"), 0);
	pgosp_stop_mark(stop, TOTAL, &w);
	if (hits)
	{
		osp_put_object(&w, OSP_STR("buffers"));
		osp_put_i64(&w, OSP_STR("shared_blks_hit"), 0);
		pgosp_stop_mark(stop, HITS, &w);
		osp_put_end(&w);
	}
	osp_put_end(&w);
	osp_put_end(&w);
	return pgosp_stop_make(stop, OSP_STR("pg.node"), &w);
}

/* Do rows, loops, times and hit blocks say everything about the node? */
static bool
is_plain(const pgospNodePoint *told)
{
	static const BufferUsage none;
	const Instrumentation *counts = &told->counts;

	switch (nodeTag(told->node))
	{
		case T_SortState:
		case T_HashState:
		case T_AggState:
		case T_GatherState:
		case T_GatherMergeState:
			return false;
		case T_IndexOnlyScanState:
			if (counts->ntuples2 > 0)
				return false;
			break;
		default:
			break;
	}
	return told->counted && !told->untimed && !told->running &&
		   counts->nloops > 0 && !told->stopped &&
		   pgosp_node_large_table(told->node) == 0 && counts->nfiltered1 <= 0 &&
		   counts->nfiltered2 <= 0 && pgosp_only_hits(&counts->bufusage, &none);
}

static void
put_values(char *record, const pgospStop *stop, const Instrumentation *counts)
{
	uint64 rows = (uint64) counts->ntuples;
	uint64 loops = (uint64) counts->nloops;
	double first_row = counts->startup * 1000;
	double total = counts->total * 1000;
	int64 hits = counts->bufusage.shared_blks_hit;

	pgosp_stop_set(record, stop, ROWS, &rows);
	pgosp_stop_set(record, stop, LOOPS, &loops);
	pgosp_stop_set(record, stop, FIRST_ROW, &first_row);
	pgosp_stop_set(record, stop, TOTAL, &total);
	if (hits != 0)
		pgosp_stop_set(record, stop, HITS, &hits);
}

pgosp_hot bool
pgosp_node_stop(pgospNodePoint *told, int64 stop_ns)
{
	pgospPoint *point = &told->point;
	bool hits = told->counts.bufusage.shared_blks_hit != 0;
	pgospStop *stop = &stops[hits];
	osp_producer *producer;
	osp_point_ids ids;
	char *record;

	producer = pgosp_point_stops_by_template(point, &ids);
	if (producer == NULL || !is_plain(told) ||
		(!pgosp_template_is_made(&stop->template) && !make_stop(stop, hits)))
		return false;
	record = osp_template_put(
		&stop->template.of, producer, &ids, stop_ns, stop_ns - point->start_ns);
	if (likely(record != NULL))
	{
		put_values(record, stop, &told->counts);
		pgosp_template_commit(&stop->template.of, producer);
	}
	pgosp_point_leave(point);
	return true;
}
