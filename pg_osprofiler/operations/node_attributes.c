/* SPDX-License-Identifier: Apache-2.0
 *
 * node_attributes.c
 *	  What is recorded of a plan node: its name as in EXPLAIN, the objects that
 *	  it works on, its conditions, the planner's estimates and what happened.
 *
 * No catalogs are read here: names come from relations that the executor holds
 * open, from the range table and, for indexes, from the cache of relations.
 */
#include "pgosp_node.h"

#include "utils/tuplesort.h"

#define COND_MAX      1024
#define NAME_MAX_UTF8 (NAMEDATALEN * 4)

static void
put_name(osp_writer *w, osp_str key, const char *name)
{
	if (name != NULL)
		osp_put_str(w, key, pgosp_text_utf8(osp_str_of(name), NAME_MAX_UTF8));
}

static char *
append_name(char *pos, const char *before, const char *name)
{
	size_t before_len = strlen(before);
	size_t len = strnlen(name, NAMEDATALEN);

	memcpy(pos, before, before_len);
	memcpy(pos + before_len, name, len);
	return pos + before_len + len;
}

/* Puts "Index Scan using parts_pkey on parts p". */
static void
put_title(osp_writer *w, osp_str type, const pgospScanned *scan)
{
	char title[PGOSP_NODE_TYPE_MAX + 8 * NAMEDATALEN];
	char *pos = title + type.len;
	const char *on = " on ";

	memcpy(title, type.ptr, type.len);
	if (scan->index != NULL)
		pos = append_name(pos, " using ", scan->index);
	if (scan->relation != NULL)
	{
		pos = append_name(pos, on, scan->relation);
		on = " ";
	}
	if (scan->alias != NULL)
		pos = append_name(pos, on, scan->alias);
	osp_put_str(w,
				OSP_STR("name"),
				pgosp_text_utf8(osp_str_n(title, (size_t) (pos - title)),
								sizeof(title)));
}

static void
put_condition(osp_writer *w, osp_str key, const PlanState *node,
			  const List *list)
{
	char space[COND_MAX];

	if (list != NIL)
		osp_put_str(
			w, key, pgosp_expr_text(node, list, " AND ", space, sizeof(space)));
}

static void
put_keys(osp_writer *w, osp_str key, const PlanState *node, int count,
		 const AttrNumber *columns)
{
	char space[COND_MAX];

	if (count > 0)
		osp_put_str(
			w,
			key,
			pgosp_keys_text(node, count, columns, space, sizeof(space)));
}

static void
put_join_conditions(osp_writer *w, const PlanState *node)
{
	const Plan *plan = node->plan;

	if (IsA(plan, HashJoin))
		put_condition(w,
					  OSP_STR("hash_cond"),
					  node,
					  ((const HashJoin *) plan)->hashclauses);
	if (IsA(plan, MergeJoin))
		put_condition(w,
					  OSP_STR("merge_cond"),
					  node,
					  ((const MergeJoin *) plan)->mergeclauses);
	put_condition(
		w, OSP_STR("join_filter"), node, ((const Join *) plan)->joinqual);
}

static void
put_conditions(osp_writer *w, const PlanState *node)
{
	const Plan *plan = node->plan;

	switch (nodeTag(plan))
	{
		case T_IndexScan:
			put_condition(w,
						  OSP_STR("index_cond"),
						  node,
						  ((const IndexScan *) plan)->indexqualorig);
			break;
		case T_IndexOnlyScan:
			put_condition(w,
						  OSP_STR("index_cond"),
						  node,
						  ((const IndexOnlyScan *) plan)->indexqual);
			break;
		case T_BitmapIndexScan:
			put_condition(w,
						  OSP_STR("index_cond"),
						  node,
						  ((const BitmapIndexScan *) plan)->indexqualorig);
			break;
		case T_BitmapHeapScan:
			put_condition(w,
						  OSP_STR("recheck_cond"),
						  node,
						  ((const BitmapHeapScan *) plan)->bitmapqualorig);
			break;
		case T_TidScan:
			put_condition(w,
						  OSP_STR("tid_cond"),
						  node,
						  ((const TidScan *) plan)->tidquals);
			break;
		case T_NestLoop:
		case T_HashJoin:
		case T_MergeJoin:
			put_join_conditions(w, node);
			break;
		case T_Sort:
		case T_IncrementalSort:
			put_keys(w,
					 OSP_STR("sort_key"),
					 node,
					 ((const Sort *) plan)->numCols,
					 ((const Sort *) plan)->sortColIdx);
			break;
		case T_Agg:
			put_keys(w,
					 OSP_STR("group_key"),
					 node,
					 ((const Agg *) plan)->numCols,
					 ((const Agg *) plan)->grpColIdx);
			break;
		case T_Group:
			put_keys(w,
					 OSP_STR("group_key"),
					 node,
					 ((const Group *) plan)->numCols,
					 ((const Group *) plan)->grpColIdx);
			break;
		case T_Result:
			put_condition(
				w,
				OSP_STR("one_time_filter"),
				node,
				(const List *) ((const Result *) plan)->resconstantqual);
			break;
		default:
			break;
	}
	put_condition(w, OSP_STR("filter"), node, plan->qual);
}

/* Puts "InitPlan 1". Up to PostgreSQL 16 the name is "InitPlan 1 (returns $0)". */
static void
put_subplan_name(osp_writer *w, const char *name)
{
	osp_str text = osp_str_of(name);
	const char *paren = memmem(text.ptr, text.len, " (", 2);

	if (paren != NULL)
		text.len = (size_t) (paren - text.ptr);
	osp_put_str(w, OSP_STR("subplan"), pgosp_text_utf8(text, NAME_MAX_UTF8));
}

static void
put_workers_planned(osp_writer *w, const Plan *plan)
{
	if (IsA(plan, Gather))
		osp_put_i64(w,
					OSP_STR("workers_planned"),
					((const Gather *) plan)->num_workers);
	if (IsA(plan, GatherMerge))
		osp_put_i64(w,
					OSP_STR("workers_planned"),
					((const GatherMerge *) plan)->num_workers);
}

/* Puts the size of a scanned relation at the time of its statistics, whether it has a
 * TOAST table, and whether its rows are short. If there is no TOAST table, a scan reads
 * only the relation's own pages. */
static void
put_statistics(osp_writer *w, const PlanState *node, const pgospScanned *scan)
{
	if (scan->relation == NULL || IsA(node->plan, ModifyTable))
		return;
	osp_put_i64(w, OSP_STR("relation_pages"), (int64) scan->pages);
	if (scan->rows >= 0)
		osp_put_i64(w, OSP_STR("relation_rows"), (int64) scan->rows);
	osp_put_bool(w, OSP_STR("relation_toast"), scan->toast);
	osp_put_bool(w, OSP_STR("relation_short_rows"), scan->short_rows);
}

void
pgosp_put_node_start(osp_writer *w, const void *what)
{
	const pgospNodePoint *told = (const pgospNodePoint *) what;
	const Plan *plan = told->node->plan;
	char space[PGOSP_NODE_TYPE_MAX];
	osp_str type = pgosp_node_type(plan, space);
	pgospScanned scan;

	pgosp_node_scanned(told->node, &scan);
	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("node"));
	put_title(w, type, &scan);
	osp_put_str(w, OSP_STR("type"), type);
	osp_put_i64(w, OSP_STR("id"), plan->plan_node_id);
	if (told->subplan != NULL)
		put_subplan_name(w, told->subplan);
	put_name(w, OSP_STR("relation"), scan.relation);
	put_statistics(w, told->node, &scan);
	put_name(w, OSP_STR("alias"), scan.alias);
	put_name(w, OSP_STR("index"), scan.index);
	put_name(w, OSP_STR("cte"), scan.cte);
	put_conditions(w, told->node);
	pgosp_put_indexes(w, told);
	put_workers_planned(w, plan);
	osp_put_f64(w, OSP_STR("startup_cost"), plan->startup_cost);
	osp_put_f64(w, OSP_STR("total_cost"), plan->total_cost);
	osp_put_f64(w, OSP_STR("plan_rows"), plan->plan_rows);
	osp_put_i64(w, OSP_STR("plan_width"), plan->plan_width);
	osp_put_end(w);
	osp_put_end(w);
}

static void
put_count(osp_writer *w, osp_str key, double count)
{
	if (count > 0)
		osp_put_u64(w, key, (uint64) count);
}

/* Puts the two counters of rows that were left out, whose meaning depends on the kind
 * of node. */
static void
put_removed(osp_writer *w, const PlanState *node, const Instrumentation *counts)
{
	switch (nodeTag(node->plan))
	{
		case T_NestLoop:
		case T_HashJoin:
		case T_MergeJoin:
			put_count(
				w, OSP_STR("rows_removed_by_join_filter"), counts->nfiltered1);
			put_count(w, OSP_STR("rows_removed_by_filter"), counts->nfiltered2);
			break;
		case T_IndexOnlyScan:
			put_count(w, OSP_STR("heap_fetches"), counts->ntuples2);
			/* FALLTHROUGH */
		default:
			put_count(w, OSP_STR("rows_removed_by_filter"), counts->nfiltered1);
			put_count(
				w, OSP_STR("rows_removed_by_recheck"), counts->nfiltered2);
			break;
	}
}

static void
put_sort(osp_writer *w, const SortState *sort)
{
	TuplesortInstrumentation stats;

	if (!sort->sort_Done || sort->tuplesortstate == NULL)
		return;
	tuplesort_get_stats((Tuplesortstate *) sort->tuplesortstate, &stats);
	osp_put_str(w,
				OSP_STR("sort_method"),
				osp_str_of(tuplesort_method_name(stats.sortMethod)));
	osp_put_str(w,
				OSP_STR("sort_space_type"),
				osp_str_of(tuplesort_space_type_name(stats.spaceType)));
	osp_put_i64(w, OSP_STR("sort_space_kb"), stats.spaceUsed);
}

static void
put_hash(osp_writer *w, const HashState *hash)
{
	const HashInstrumentation *stats = hash->hinstrument;

	if (stats == NULL || stats->nbatch == 0)
		return;
	osp_put_i64(w, OSP_STR("hash_buckets"), stats->nbuckets);
	osp_put_i64(w, OSP_STR("hash_batches"), stats->nbatch);
	osp_put_u64(
		w, OSP_STR("peak_memory_kb"), (stats->space_peak + 1023) / 1024);
}

static void
put_hash_groups(osp_writer *w, const AggState *agg)
{
	if (agg->hash_mem_peak == 0)
		return;
	osp_put_u64(
		w, OSP_STR("peak_memory_kb"), (agg->hash_mem_peak + 1023) / 1024);
	if (agg->hash_disk_used > 0)
	{
		osp_put_i64(w, OSP_STR("hash_batches"), agg->hash_batches_used);
		osp_put_u64(w, OSP_STR("disk_kb"), agg->hash_disk_used);
	}
}

/* Puts what EXPLAIN reads from the node after it has run. */
static void
put_details(osp_writer *w, const PlanState *node)
{
	switch (nodeTag(node))
	{
		case T_SortState:
			put_sort(w, (const SortState *) node);
			break;
		case T_HashState:
			put_hash(w, (const HashState *) node);
			break;
		case T_AggState:
			put_hash_groups(w, (const AggState *) node);
			break;
		default:
			break;
	}
}

/* Puts how many workers were started, which is known as soon as they are. The executor
 * allows none where it does not run the plan to its end at once: it was asked for a
 * number of rows, or may be asked again for more. */
static void
put_workers(osp_writer *w, const PlanState *node)
{
	if (!pgosp_is_gather(node))
		return;
	osp_put_i64(w, OSP_STR("workers_launched"), pgosp_gather_workers(node));
	if (!node->state->es_use_parallel_mode)
		osp_put_bool(w, OSP_STR("workers_ruled_out"), true);
}

static void
put_counts(osp_writer *w, const pgospNodePoint *told)
{
	static const BufferUsage none;
	const Instrumentation *counts = &told->counts;

	if (counts->nloops <= 0)
	{
		osp_put_bool(w, OSP_STR("never_executed"), true);
		return;
	}
	osp_put_u64(w, OSP_STR("rows"), (uint64) counts->ntuples);
	osp_put_u64(w, OSP_STR("loops"), (uint64) counts->nloops);
	if (!told->untimed)
	{
		osp_put_f64(w, OSP_STR("first_row_ms"), counts->startup * 1000);
		osp_put_f64(w, OSP_STR("total_ms"), counts->total * 1000);
	}
	put_removed(w, told->node, counts);
	put_workers(w, told->node);
	if (!told->stopped)
	{
		put_count(w,
				  OSP_STR("relation_blocks"),
				  (double) pgosp_node_large_table(told->node));
		put_details(w, told->node);
	}
	pgosp_put_buffers(w, &counts->bufusage, &none);
	if (told->running)
		osp_put_bool(w, OSP_STR("interrupted"), true);
}

void
pgosp_put_node_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospNodePoint *told = (const pgospNodePoint *) point;

	if (!told->counted)
		return;
	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("node"));
	put_counts(w, told);
	osp_put_end(w);
	osp_put_end(w);
}
