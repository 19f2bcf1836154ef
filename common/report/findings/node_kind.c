/* SPDX-License-Identifier: Apache-2.0
 *
 * node_kind.c
 *	  Finds the kind of a plan node from its type in EXPLAIN: "Finalize Aggregate".
 */
#include "report/findings/findings.h"

static const struct
{
	const char *type;
	osp__node_kind kind;
} kinds[] = {
	{"Aggregate", OSP__NODE_AGGREGATE},
	{"Append", OSP__NODE_APPEND},
	{"Bitmap Heap Scan", OSP__NODE_BITMAP_HEAP_SCAN},
	{"Bitmap Index Scan", OSP__NODE_BITMAP_INDEX_SCAN},
	{"BitmapAnd", OSP__NODE_BITMAP_AND},
	{"BitmapOr", OSP__NODE_BITMAP_OR},
	{"CTE Scan", OSP__NODE_CTE_SCAN},
	{"Delete", OSP__NODE_MODIFY},
	{"Function Scan", OSP__NODE_FUNCTION_SCAN},
	{"Group", OSP__NODE_GROUP},
	{"Hash", OSP__NODE_HASH},
	{"HashAggregate", OSP__NODE_HASH_AGGREGATE},
	{"Incremental Sort", OSP__NODE_INCREMENTAL_SORT},
	{"Index Only Scan", OSP__NODE_INDEX_ONLY_SCAN},
	{"Index Scan", OSP__NODE_INDEX_SCAN},
	{"Insert", OSP__NODE_MODIFY},
	{"Limit", OSP__NODE_LIMIT},
	{"LockRows", OSP__NODE_LOCK_ROWS},
	{"Materialize", OSP__NODE_MATERIALIZE},
	{"Merge", OSP__NODE_MODIFY},
	{"Merge Append", OSP__NODE_MERGE_APPEND},
	{"ModifyTable", OSP__NODE_MODIFY},
	{"Nested Loop", OSP__NODE_NESTED_LOOP},
	{"Nested Loop Left Join", OSP__NODE_NESTED_LOOP_LEFT},
	{"Seq Scan", OSP__NODE_SEQ_SCAN},
	{"Sort", OSP__NODE_SORT},
	{"Subquery Scan", OSP__NODE_SUBQUERY_SCAN},
	{"Update", OSP__NODE_MODIFY},
	{"WindowAgg", OSP__NODE_WINDOW},

	/* The next kinds of nodes read no table. */
	{"Named Tuplestore Scan", OSP__NODE_OTHER},
	{"Values Scan", OSP__NODE_OTHER},
	{"WorkTable Scan", OSP__NODE_OTHER},
};

static bool
cut_before(osp_str *type, osp_str word)
{
	if (type->len <= word.len || memcmp(type->ptr, word.ptr, word.len) != 0)
		return false;
	type->ptr += word.len;
	type->len -= word.len;
	return true;
}

static bool
ends_in(osp_str type, osp_str word)
{
	return type.len > word.len &&
		   memcmp(type.ptr + type.len - word.len, word.ptr, word.len) == 0;
}

/* The kind of a type that the table above lacks: joins with their many names, and new
 * types of later servers. */
static osp__node_kind
kind_by_words(osp_str type)
{
	if (ends_in(type, OSP_STR("Semi Join")) ||
		ends_in(type, OSP_STR("Anti Join")))
		return OSP__NODE_EXISTS_JOIN;
	if (ends_in(type, OSP_STR("Join")))
	{
		if (cut_before(&type, OSP_STR("Merge ")))
			return OSP__NODE_MERGE_JOIN;
		return cut_before(&type, OSP_STR("Hash ")) ? OSP__NODE_HASH_JOIN
												   : OSP__NODE_OTHER;
	}
	return memmem(type.ptr, type.len, "Scan", 4) != NULL
			   ? OSP__NODE_UNKNOWN_SCAN
			   : OSP__NODE_OTHER;
}

osp__node_kind
osp__node_kind_of(osp_str type, bool *parallel)
{
	size_t i;

	*parallel = cut_before(&type, OSP_STR("Parallel "));
	if (!cut_before(&type, OSP_STR("Partial ")))
		(void) cut_before(&type, OSP_STR("Finalize "));
	if (ends_in(type, OSP_STR(" Backward")))
		type.len -= strlen(" Backward");
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (osp_str_eq(type, osp_str_of(kinds[i].type)))
			return kinds[i].kind;
	return kind_by_words(type);
}
