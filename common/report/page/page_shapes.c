/* SPDX-License-Identifier: Apache-2.0
 *
 * page_shapes.c
 *	  Adds up the operations of each shape (osp__op_key()).
 */
#include "report/page/page_data.h"

#include "sql/sql_text.h"

static osp__page_shape *
find_shape(const osp__page *page, uint64_t key)
{
	size_t pos = 0;
	osp__page_shape *shape;

	while ((shape = osp__table_next(&page->shape_table, key, &pos)) != NULL)
		if (shape->key == key)
			break;
	return shape;
}

static osp__page_shape *
make_shape(osp__page *page, uint64_t key)
{
	osp__page_shape *shape = osp__arena_alloc(&page->arena, sizeof(*shape));

	if (shape == NULL || !osp__table_reserve(&page->shape_table, 1))
	{
		page->status = OSP_ENOMEM;
		return NULL;
	}
	memset(shape, 0, sizeof(*shape));
	shape->key = key;
	shape->number = page->shape_count++;
	osp__table_add(&page->shape_table, key, shape);
	if (page->last_shape != NULL)
		page->last_shape->next = shape;
	else
		page->first_shape = shape;
	page->last_shape = shape;
	return shape;
}

/* Is the text of operations of this kind a statement, which may have constants? */
static bool
is_statement(int kind)
{
	return kind == OSP__OP_DB || kind == OSP__OP_PG || kind == OSP__OP_SQLITE;
}

/* Replaces the constants in the text of a shape by question marks, because its
 * operations differ in them. */
static void
name_shape(osp__page *page, osp__page_shape *shape)
{
	osp_str text = osp_buf_str(&page->what.detail);
	size_t size = text.len * 3 + 1;
	char *out;

	if (text.len == 0 || !is_statement(shape->kind))
		return;
	out = osp_calloc(page->report->alc, size, 1);
	if (out == NULL)
	{
		page->status = OSP_ENOMEM;
		return;
	}
	size =
		osp_sql_normalize(text, OSP_SQL_POSTGRES, OSP_SQL_HARMLESS, out, size);
	shape->text = osp__page_string(page, &page->strings, osp_str_n(out, size));
	osp_free(page->report->alc, out);
}

uint32_t
osp__page_count_shape(osp__page *page, const osp__op *op, uint32_t name,
					  uint32_t text, int64_t self_ns)
{
	uint64_t key = osp__op_key(op, &page->what);
	int64_t ns = page->what.untimed ? 0 : osp__op_ns(op);
	osp__page_shape *shape = find_shape(page, key);

	if (shape == NULL)
	{
		shape = make_shape(page, key);
		if (shape == NULL)
			return 0;
		shape->name = name;
		shape->text = text;
		shape->kind = op->kind;
	}
	if (++shape->count == 2)
		name_shape(page, shape);
	shape->failed += op->failed;
	shape->timed = shape->timed || !page->what.untimed;
	osp__ns_add(&shape->total_ns, ns);
	osp__ns_add(&shape->self_ns, self_ns);
	if (ns > shape->max_ns || shape->count == 1)
	{
		shape->max_ns = ns;
		shape->max_row = page->row_count;
	}
	return shape->number;
}
