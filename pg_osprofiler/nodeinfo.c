/* SPDX-License-Identifier: Apache-2.0
 *
 * nodeinfo.c
 *	  What is told of a plan node: its name as EXPLAIN has it, what it works on,
 *	  its conditions, what was estimated and what happened.
 *
 * Nothing here looks into catalogs: names come from relations that the executor
 * holds open, and from the range table.
 */
#include "pgosp_node.h"

#include "access/relscan.h"
#include "nodes/execnodes.h"
#include "portability/instr_time.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"

#define TYPE_MAX      64
#define COND_MAX      1024
#define NAME_MAX_UTF8 (NAMEDATALEN * 4)

static const struct
{
	NodeTag tag;
	const char *name;
} types[] = {{T_Result, "Result"},
			 {T_ProjectSet, "ProjectSet"},
			 {T_Append, "Append"},
			 {T_MergeAppend, "Merge Append"},
			 {T_RecursiveUnion, "Recursive Union"},
			 {T_BitmapAnd, "BitmapAnd"},
			 {T_BitmapOr, "BitmapOr"},
			 {T_NestLoop, "Nested Loop"},
			 {T_MergeJoin, "Merge"},
			 {T_HashJoin, "Hash"},
			 {T_SeqScan, "Seq Scan"},
			 {T_SampleScan, "Sample Scan"},
			 {T_Gather, "Gather"},
			 {T_GatherMerge, "Gather Merge"},
			 {T_IndexScan, "Index Scan"},
			 {T_IndexOnlyScan, "Index Only Scan"},
			 {T_BitmapIndexScan, "Bitmap Index Scan"},
			 {T_BitmapHeapScan, "Bitmap Heap Scan"},
			 {T_TidScan, "Tid Scan"},
			 {T_SubqueryScan, "Subquery Scan"},
			 {T_FunctionScan, "Function Scan"},
			 {T_TableFuncScan, "Table Function Scan"},
			 {T_ValuesScan, "Values Scan"},
			 {T_CteScan, "CTE Scan"},
			 {T_NamedTuplestoreScan, "Named Tuplestore Scan"},
			 {T_WorkTableScan, "WorkTable Scan"},
			 {T_ForeignScan, "Foreign Scan"},
			 {T_CustomScan, "Custom Scan"},
			 {T_Material, "Materialize"},
			 {T_Sort, "Sort"},
			 {T_IncrementalSort, "Incremental Sort"},
			 {T_Group, "Group"},
			 {T_WindowAgg, "WindowAgg"},
			 {T_Unique, "Unique"},
			 {T_LockRows, "LockRows"},
			 {T_Limit, "Limit"},
			 {T_Hash, "Hash"},
			 PGOSP_NEWER_NODES};

static const char *
modify_name(CmdType operation)
{
	switch (operation)
	{
		case CMD_INSERT:
			return "Insert";
		case CMD_UPDATE:
			return "Update";
		case CMD_DELETE:
			return "Delete";
		default:
			return PGOSP_OTHER_COMMAND(operation) != NULL ? "Merge"
														  : "ModifyTable";
	}
}

static const char *
agg_name(const Agg *agg)
{
	switch (agg->aggstrategy)
	{
		case AGG_SORTED:
			return "GroupAggregate";
		case AGG_HASHED:
			return "HashAggregate";
		case AGG_MIXED:
			return "MixedAggregate";
		default:
			return "Aggregate";
	}
}

static const char *
base_name(const Plan *plan)
{
	size_t i;

	switch (nodeTag(plan))
	{
		case T_ModifyTable:
			return modify_name(((const ModifyTable *) plan)->operation);
		case T_Agg:
			return agg_name((const Agg *) plan);
		case T_SetOp:
			return ((const SetOp *) plan)->strategy == SETOP_HASHED
					   ? "HashSetOp"
					   : "SetOp";
		default:
			break;
	}
	for (i = 0; i < lengthof(types); i++)
		if (types[i].tag == nodeTag(plan))
			return types[i].name;
	return "Unknown";
}

static const char *
before_name(const Plan *plan)
{
	if (IsA(plan, Agg))
	{
		AggSplit split = ((const Agg *) plan)->aggsplit;

		if (DO_AGGSPLIT_SKIPFINAL(split))
			return "Partial ";
		if (DO_AGGSPLIT_COMBINE(split))
			return "Finalize ";
	}
	return plan->parallel_aware ? "Parallel " : "";
}

static const char *
join_name(JoinType type)
{
	switch (type)
	{
		case JOIN_INNER:
			return "";
		case JOIN_LEFT:
			return " Left";
		case JOIN_FULL:
			return " Full";
		case JOIN_RIGHT:
			return " Right";
		case JOIN_SEMI:
			return " Semi";
		case JOIN_ANTI:
			return " Anti";
		default:
			return PGOSP_OTHER_JOIN(type);
	}
}

/* Puts text at pos, where there is room for it; returns its end. */
static char *
append(char *pos, const char *text)
{
	size_t len = strlen(text);

	memcpy(pos, text, len);
	return pos + len;
}

/* "Hash Left Join", "Index Scan Backward", "Finalize Aggregate" */
static osp_str
type_of(const Plan *plan, char space[TYPE_MAX])
{
	const char *join = "";
	const char *after = "";
	char *pos = space;

	if (IsA(plan, NestLoop) || IsA(plan, HashJoin) || IsA(plan, MergeJoin))
	{
		join = join_name(((const Join *) plan)->jointype);
		if (join[0] != '\0' || !IsA(plan, NestLoop))
			after = " Join";
	}
	if ((IsA(plan, IndexScan) &&
		 ScanDirectionIsBackward(((const IndexScan *) plan)->indexorderdir)) ||
		(IsA(plan, IndexOnlyScan) &&
		 ScanDirectionIsBackward(
			 ((const IndexOnlyScan *) plan)->indexorderdir)))
		after = " Backward";
	pos = append(pos, before_name(plan));
	pos = append(pos, base_name(plan));
	pos = append(pos, join);
	pos = append(pos, after);
	return osp_str_n(space, (size_t) (pos - space));
}

static void
put_name(osp_writer *w, osp_str key, const char *name)
{
	if (name != NULL)
		osp_put_str(w, key, pgosp_text_utf8(osp_str_of(name), NAME_MAX_UTF8));
}

static const char *
name_of(Relation relation)
{
	return relation != NULL ? RelationGetRelationName(relation) : NULL;
}

/* The relation that a scan reads or a statement changes, if it is one. */
static const char *
relation_of(const PlanState *node)
{
	switch (nodeTag(node->plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_ForeignScan:
		case T_CustomScan:
			PGOSP_NEWER_SCANS
			return name_of(((const ScanState *) node)->ss_currentRelation);
		case T_ModifyTable:
		{
			const ModifyTableState *modify = (const ModifyTableState *) node;

			return modify->resultRelInfo != NULL
					   ? name_of(modify->resultRelInfo->ri_RelationDesc)
					   : NULL;
		}
		default:
			return NULL;
	}
}

static const char *
index_of(const PlanState *node)
{
	switch (nodeTag(node))
	{
		case T_IndexScanState:
			return name_of(((const IndexScanState *) node)->iss_RelationDesc);
		case T_IndexOnlyScanState:
			return name_of(
				((const IndexOnlyScanState *) node)->ioss_RelationDesc);
		case T_BitmapIndexScanState:
			return name_of(
				((const BitmapIndexScanState *) node)->biss_RelationDesc);
		default:
			return NULL;
	}
}

/* Which entry of the range table a scan is of; 0: it is of none. */
static Index
scanned(const PlanState *node)
{
	switch (nodeTag(node->plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_SubqueryScan:
		case T_FunctionScan:
		case T_TableFuncScan:
		case T_ValuesScan:
		case T_CteScan:
		case T_NamedTuplestoreScan:
		case T_WorkTableScan:
		case T_ForeignScan:
		case T_CustomScan:
			PGOSP_NEWER_SCANS
			return ((const Scan *) node->plan)->scanrelid;
		default:
			return 0;
	}
}

/* What a node works on; each may be NULL. */
typedef struct pgospScanned
{
	const char *relation;
	const char *alias; /* if it is another name */
	const char *index;
	const char *cte;
} pgospScanned;

static void
find_scanned(const PlanState *node, pgospScanned *out)
{
	const List *table = node->state->es_range_table;
	Index entry = scanned(node);
	const RangeTblEntry *rte;

	out->relation = relation_of(node);
	out->index = index_of(node);
	out->alias = NULL;
	out->cte = NULL;
	if (entry == 0 || (int) entry > list_length(table))
		return;
	rte = list_nth(table, (int) entry - 1);
	if (rte->rtekind == RTE_CTE)
		out->cte = rte->ctename;
	if (rte->eref != NULL && (out->relation == NULL ||
							  strcmp(out->relation, rte->eref->aliasname) != 0))
		out->alias = rte->eref->aliasname;
}

static char *
append_name(char *pos, const char *before, const char *name)
{
	pos = append(pos, before);
	memcpy(pos, name, strnlen(name, NAMEDATALEN * 2));
	return pos + strnlen(name, NAMEDATALEN * 2);
}

/* "Index Scan using parts_pkey on parts p" */
static void
put_title(osp_writer *w, osp_str type, const pgospScanned *scan)
{
	char title[TYPE_MAX + 8 * NAMEDATALEN];
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

/* "InitPlan 1 (returns $0)" up to 16, "InitPlan 1" after. */
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

void
pgosp_put_node_start(osp_writer *w, const void *what)
{
	const pgospNodePoint *told = (const pgospNodePoint *) what;
	const Plan *plan = told->node->plan;
	char space[TYPE_MAX];
	osp_str type = type_of(plan, space);
	pgospScanned scan;

	find_scanned(told->node, &scan);
	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("node"));
	put_title(w, type, &scan);
	osp_put_str(w, OSP_STR("type"), type);
	osp_put_i64(w, OSP_STR("id"), plan->plan_node_id);
	if (told->subplan != NULL)
		put_subplan_name(w, told->subplan);
	put_name(w, OSP_STR("relation"), scan.relation);
	put_name(w, OSP_STR("alias"), scan.alias);
	put_name(w, OSP_STR("index"), scan.index);
	put_name(w, OSP_STR("cte"), scan.cte);
	put_conditions(w, told->node);
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

/* What the two counters of rows that were left out count differs. */
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

/* What EXPLAIN finds in the node when it has run to its end. */
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
		case T_GatherState:
			osp_put_i64(w,
						OSP_STR("workers_launched"),
						((const GatherState *) node)->nworkers_launched);
			break;
		case T_GatherMergeState:
			osp_put_i64(w,
						OSP_STR("workers_launched"),
						((const GatherMergeState *) node)->nworkers_launched);
			break;
		default:
			break;
	}
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
	osp_put_f64(w, OSP_STR("first_row_ms"), counts->startup * 1000);
	osp_put_f64(w, OSP_STR("total_ms"), counts->total * 1000);
	put_removed(w, told->node, counts);
	if (!told->stopped)
		put_details(w, told->node);
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
