/* SPDX-License-Identifier: Apache-2.0
 *
 * node_indexes.c
 *	  Records the indexes of a table that a scan filters or reads whole, so that nobody
 *	  is advised to make an index that exists. For other scans, records the index that
 *	  they use: its columns show how much of it a scan with this condition reads.
 *
 * The planner has just read all these indexes, so they are in the cache of relations,
 * and the lock of the table keeps them from being dropped. If the cache has lost the
 * list, nothing is recorded.
 */
#include "pgosp_node.h"

#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_opfamily.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#define INDEXES_MAX 16
#define TEXT_MAX    2048

typedef struct pgospIndexText
{
	char *pos;
	char *limit;
} pgospIndexText;

static void
put(pgospIndexText *text, const char *string)
{
	size_t len = strlen(string);
	size_t room = (size_t) (text->limit - text->pos);

	memcpy(text->pos, string, Min(len, room));
	text->pos += Min(len, room);
}

static const char *
method_name(Oid method)
{
	static const struct
	{
		Oid method;
		const char *name;
	} methods[] = {
		{BTREE_AM_OID, "btree"},
		{HASH_AM_OID, "hash"},
		{GIST_AM_OID, "gist"},
		{GIN_AM_OID, "gin"},
		{SPGIST_AM_OID, "spgist"},
		{BRIN_AM_OID, "brin"},
	};
	size_t i;

	for (i = 0; i < lengthof(methods); i++)
		if (methods[i].method == method)
			return methods[i].name;
	return "other";
}

/* Puts a column of the table; "?" stands for an expression. */
static void
put_column(pgospIndexText *text, const Relation table, const Relation index,
		   int number)
{
	AttrNumber column = index->rd_index->indkey.values[number];
	Oid family = index->rd_opfamily[number];
	char space[PGOSP_SQL_NAME_MAX];

	if (column >= 1 && column <= RelationGetNumberOfAttributes(table))
		put(text,
			pgosp_sql_name(
				NameStr(TupleDescAttr(RelationGetDescr(table), column - 1)
							->attname),
				space));
	else
		put(text, "?");
	if (family == TEXT_PATTERN_BTREE_FAM_OID ||
		family == BPCHAR_PATTERN_BTREE_FAM_OID)
		put(text, " text_pattern_ops");
}

/* Puts "account_owner btree (owner, at)", with " WHERE" if the index has not all
 * rows. */
static void
put_index(pgospIndexText *text, const Relation table, const Relation index)
{
	char space[PGOSP_SQL_NAME_MAX];
	int i;

	if (!index->rd_index->indisvalid)
		return;
	put(text, pgosp_sql_name(RelationGetRelationName(index), space));
	put(text, " ");
	put(text, method_name(index->rd_rel->relam));
	put(text, " (");
	for (i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		if (i > 0)
			put(text, ", ");
		put_column(text, table, index, i);
	}
	put(text, ")");
	if (!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		put(text, " WHERE");
	put(text, "; ");
}

/* Copies the list, because the cache may change while the indexes are opened. */
static int
copy_list(const Relation table, Oid indexes[INDEXES_MAX])
{
	const ListCell *cell;
	int count = 0;

	foreach (cell, table->rd_indexlist)
		if (count < INDEXES_MAX)
			indexes[count++] = lfirst_oid(cell);
	return count;
}

static void
put_all(pgospIndexText *text, const Relation table)
{
	Oid indexes[INDEXES_MAX];
	int count = copy_list(table, indexes);
	int i;

	for (i = 0; i < count; i++)
	{
		Relation index = RelationIdGetRelation(indexes[i]);

		if (!RelationIsValid(index))
			continue;
		put_index(text, table, index);
		RelationClose(index);
	}
}

void
pgosp_put_indexes(osp_writer *w, const pgospNodePoint *told)
{
	Relation table = pgosp_node_relation(told->node);
	Relation used = pgosp_node_index_relation(told->node);
	bool all = told->node->plan->qual != NIL || IsA(told->node->plan, SeqScan);
	char space[TEXT_MAX];
	pgospIndexText text = {space, space + sizeof(space)};

	/* After an error the cache must be left alone. */
	if (told->stopped || table == NULL || !IsTransactionState())
		return;
	if (all && table->rd_indexvalid)
		put_all(&text, table);
	else if (!all && used != NULL)
		put_index(&text, table, used);
	else
		return;
	osp_put_str(w,
				OSP_STR("indexes"),
				pgosp_text_utf8(osp_str_n(space, (size_t) (text.pos - space)),
								sizeof(space)));
}
