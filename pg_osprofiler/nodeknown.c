/* SPDX-License-Identifier: Apache-2.0
 *
 * nodeknown.c
 *	  The points of plan nodes, by templates.
 *
 * What the start of a node tells is as the plan is, and so it is made once for a
 * plan that is known (known.c). Its names may change only with the plan, but for
 * that of an index, which is compared. What most nodes tell at their end are
 * rows, loops, times, and blocks that were hit.
 */
#include "pgosp_known.h"
#include "pgosp_node.h"

typedef struct pgospNodeStop
{
	osp_template template;
	size_t rows_at;
	size_t loops_at;
	size_t first_row_at;
	size_t total_at;
	size_t hits_at;
	uint64
		space[OSP_TEMPLATE_SIZE(2 * OSP_LABEL_MAX + 192) / sizeof(uint64) + 1];
} pgospNodeStop;

/* Without blocks, and with. */
static pgospNodeStop stops[2];
static uint64 stops_epoch = 0;

/* ---- starts ---- */

/* Is its start the same every time? */
static bool
may_be_known(const PlanState *node)
{
	/* Which of its relations is the first one may be decided when it starts. */
	return pgosp_hide_params && node->plan->plan_node_id < PGOSP_KNOWN_NODES &&
		   !IsA(node->plan, ModifyTable) && !IsA(node->plan, CustomScan);
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

	/* It was known when the statement began; who knows what came since. */
	if (unlikely(known->plan != told->node->state->es_plannedstmt))
		return false;
	start = pgosp_known_node(known, told->node->plan->plan_node_id, index);
	if (start == NULL)
		start = learn(known, told, index);
	return start != NULL &&
		   pgosp_point_open_known_at(&told->point, parent, start, start_ns);
}

/* ---- stops ---- */

/* Where the value that was put last will be, once info_at is known. */
static size_t
value_at(const osp_writer *w)
{
	return (size_t) (w->pos - w->start) - sizeof(uint64);
}

static bool
make_stop(pgospNodeStop *stop, bool hits)
{
	char space[192];
	osp_str attributes;
	osp_writer w;
	size_t info_at;

	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_object(&w, OSP_STR("db"));
	osp_put_object(&w, OSP_STR("node"));
	osp_put_u64(&w, OSP_STR("rows"), 0);
	stop->rows_at = value_at(&w);
	osp_put_u64(&w, OSP_STR("loops"), 0);
	stop->loops_at = value_at(&w);
	osp_put_f64(&w, OSP_STR("first_row_ms"), 0);
	stop->first_row_at = value_at(&w);
	osp_put_f64(&w, OSP_STR("total_ms"), 0);
	stop->total_at = value_at(&w);
	if (hits)
	{
		osp_put_object(&w, OSP_STR("buffers"));
		osp_put_i64(&w, OSP_STR("shared_blks_hit"), 0);
		stop->hits_at = value_at(&w);
		osp_put_end(&w);
	}
	osp_put_end(&w);
	osp_put_end(&w);
	attributes = osp_attrs_end(&w);
	if (!pgosp_template_make(&stop->template,
							 stop->space,
							 sizeof(stop->space),
							 OSP_RECORD_STOP,
							 OSP_STR("pg.node"),
							 attributes))
		return false;
	info_at = stop->template.len - attributes.len;
	stop->rows_at += info_at;
	stop->loops_at += info_at;
	stop->first_row_at += info_at;
	stop->total_at += info_at;
	stop->hits_at += info_at;
	return true;
}

static bool
have_stops(void)
{
	if (likely(stops_epoch == pgosp_text_epoch))
		return true;
	if (!make_stop(&stops[0], false) || !make_stop(&stops[1], true))
		return false;
	stops_epoch = pgosp_text_epoch;
	return true;
}

/* Do rows, loops, times and blocks say it all? */
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
	return told->counted && !told->running && counts->nloops > 0 &&
		   counts->nfiltered1 <= 0 && counts->nfiltered2 <= 0 &&
		   pgosp_only_hits(&counts->bufusage, &none);
}

static void
put_values(char *record, const pgospNodeStop *stop,
		   const Instrumentation *counts)
{
	uint64 rows = (uint64) counts->ntuples;
	uint64 loops = (uint64) counts->nloops;
	double first_row = counts->startup * 1000;
	double total = counts->total * 1000;
	int64 hits = counts->bufusage.shared_blks_hit;

	memcpy(record + stop->rows_at, &rows, sizeof(rows));
	memcpy(record + stop->loops_at, &loops, sizeof(loops));
	memcpy(record + stop->first_row_at, &first_row, sizeof(first_row));
	memcpy(record + stop->total_at, &total, sizeof(total));
	if (hits != 0)
		memcpy(record + stop->hits_at, &hits, sizeof(hits));
}

pgosp_hot bool
pgosp_node_stop(pgospNodePoint *told, int64 stop_ns)
{
	pgospPoint *point = &told->point;
	const pgospNodeStop *stop;
	osp_producer *producer;
	osp_point_ids ids;
	char *record;

	producer = pgosp_point_stops_by_template(point, &ids);
	if (producer == NULL || !is_plain(told) || !have_stops())
		return false;
	stop = &stops[told->counts.bufusage.shared_blks_hit != 0];
	record = osp_template_put(
		&stop->template, producer, &ids, stop_ns, stop_ns - point->start_ns);
	if (likely(record != NULL))
	{
		put_values(record, stop, &told->counts);
		pgosp_template_commit(&stop->template, producer);
	}
	pgosp_point_leave(point);
	return true;
}
