/* SPDX-License-Identifier: Apache-2.0
 *
 * node_names.c
 *	  The name of a plan node, and the objects that it works on, as in EXPLAIN.
 */
#include "pgosp_node.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/tableam.h"
#include "common/keywords.h"
#include "utils/rel.h"

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

/* Puts text at pos; the caller has made sure that there is room. Returns its end. */
static char *
append(char *pos, const char *text)
{
	size_t len = strlen(text);

	memcpy(pos, text, len);
	return pos + len;
}

/* Makes "Hash Left Join", "Index Scan Backward", "Finalize Aggregate". */
osp_str
pgosp_node_type(const Plan *plan, char space[PGOSP_NODE_TYPE_MAX])
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

static bool
needs_quotes(const char *name)
{
	const char *at = name;
	int keyword;

	if (*at != '_' && !(*at >= 'a' && *at <= 'z'))
		return true;
	while (*at == '_' || (*at >= 'a' && *at <= 'z') ||
		   (*at >= '0' && *at <= '9'))
		at++;
	if (*at != '\0')
		return true;
	keyword = ScanKeywordLookup(name, &ScanKeywords);
	return keyword >= 0 && ScanKeywordCategories[keyword] != UNRESERVED_KEYWORD;
}

const char *
pgosp_sql_name(const char *name, char space[PGOSP_SQL_NAME_MAX])
{
	char *pos = space;
	size_t i;

	if (!needs_quotes(name))
		return name;
	*pos++ = '"';
	for (i = 0; name[i] != '\0' && i < NAMEDATALEN; i++)
	{
		if (name[i] == '"')
			*pos++ = '"';
		*pos++ = name[i];
	}
	*pos++ = '"';
	*pos = '\0';
	return space;
}

static const char *
name_of(Relation relation)
{
	return relation != NULL ? RelationGetRelationName(relation) : NULL;
}

Relation
pgosp_node_relation(const PlanState *node)
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
			return ((const ScanState *) node)->ss_currentRelation;
		case T_ModifyTable:
		{
			const ModifyTableState *modify = (const ModifyTableState *) node;

			return modify->resultRelInfo != NULL
					   ? modify->resultRelInfo->ri_RelationDesc
					   : NULL;
		}
		default:
			return NULL;
	}
}

Relation
pgosp_node_index_relation(const PlanState *node)
{
	switch (nodeTag(node))
	{
		case T_IndexScanState:
			return ((const IndexScanState *) node)->iss_RelationDesc;
		case T_IndexOnlyScanState:
			return ((const IndexOnlyScanState *) node)->ioss_RelationDesc;
		case T_BitmapIndexScanState:
			return ((const BitmapIndexScanState *) node)->biss_RelationDesc;
		default:
			return NULL;
	}
}

/* The size of a table below one megabyte does not matter. */
#define LARGE_BLOCKS 128

/* The scan counted the blocks when it began, so this makes no system call. */
BlockNumber
pgosp_node_large_table(const PlanState *node)
{
	const ScanState *scan = (const ScanState *) node;
	const HeapScanDescData *heap;

	if (!IsA(node, SeqScanState) || scan->ss_currentScanDesc == NULL ||
		scan->ss_currentRelation == NULL ||
		scan->ss_currentRelation->rd_tableam != GetHeapamTableAmRoutine())
		return 0;
	heap = (const HeapScanDescData *) scan->ss_currentScanDesc;
	return heap->rs_nblocks >= LARGE_BLOCKS ? heap->rs_nblocks : 0;
}

const char *
pgosp_node_index(const PlanState *node)
{
	return name_of(pgosp_node_index_relation(node));
}

/* The entry of the range table that a node scans; 0: it scans none. */
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

/* Does each row of a table take at most a quarter of a page? The values of longer rows
 * are moved to the TOAST table, unless the storage of a column forbids that. */
static bool
has_short_rows(const RelationData *relation)
{
	Size fixed = 0;
	int i;

	for (i = 0; i < relation->rd_att->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(relation->rd_att, i);

		if (column->attlen > 0)
			fixed += MAXALIGN(column->attlen);
		else if (column->attstorage == TYPSTORAGE_PLAIN)
			return false;
	}
	return fixed <= TOAST_TUPLE_THRESHOLD / 2;
}

void
pgosp_node_scanned(const PlanState *node, pgospScanned *out)
{
	const List *table = node->state->es_range_table;
	Index entry = scanned(node);
	const RangeTblEntry *rte;
	Relation relation = pgosp_node_relation(node);

	out->relation = name_of(relation);
	out->pages = relation != NULL ? relation->rd_rel->relpages : 0;
	out->rows = relation != NULL ? relation->rd_rel->reltuples : 0;
	out->toast =
		relation != NULL && OidIsValid(relation->rd_rel->reltoastrelid);
	out->short_rows = relation != NULL && has_short_rows(relation);
	out->index = pgosp_node_index(node);
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
