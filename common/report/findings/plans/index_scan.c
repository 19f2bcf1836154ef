/* SPDX-License-Identifier: Apache-2.0
 *
 * index_scan.c
 *	  What the points of a scan say that matters for an index: its table, the indexes
 *	  of that, and its conditions.
 */
#include "report/findings/plans/plans.h"

#include "sql/sql_text.h"

static bool
is_name(const osp_sql_token *token)
{
	return token->kind == OSP_SQL_WORD || token->kind == OSP_SQL_NAME;
}

static bool
is_char(const osp_sql_token *token, char c)
{
	return token->kind == OSP_SQL_OTHER && token->text.ptr[0] == c;
}

/* One column, up to the comma or the parenthesis behind it. */
static bool
read_column(osp_sql_lexer *lexer, osp_sql_token *token, osp__index *index)
{
	bool more = true;

	if (index->count == OSP__INDEX_COLUMNS_MAX)
		return false;
	index->columns[index->count] = is_name(token) ? token->text : OSP_STR("");
	while ((more = osp_sql_next_word(lexer, token)) && !is_char(token, ',') &&
		   !is_char(token, ')'))
		if (osp_sql_is(token, "text_pattern_ops"))
			index->patterns[index->count] = true;
	index->count++;
	return more;
}

/* "account_owner btree (owner, at)", with "WHERE" behind it if it has not all rows, up to
 * its semicolon. */
static bool
read_index(osp_sql_lexer *lexer, osp_sql_token *token, osp__index *index)
{
	memset(index, 0, sizeof(*index));
	if (!osp_sql_next_word(lexer, token) || !is_name(token))
		return false;
	index->name = token->text;
	if (!osp_sql_next_word(lexer, token) || !is_name(token))
		return false;
	index->method = token->text;
	if (!osp_sql_next_word(lexer, token) || !is_char(token, '('))
		return false;
	do
		if (!osp_sql_next_word(lexer, token) ||
			!read_column(lexer, token, index))
			return false;
	while (!is_char(token, ')'));
	while (osp_sql_next_word(lexer, token) && token->kind != OSP_SQL_SEMICOLON)
		index->partial = true;
	return true;
}

static void
read_indexes(osp__scan *scan)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(
		&lexer, osp__scan_str(scan, OSP__SCAN_INDEXES), OSP_SQL_POSTGRES);
	while (scan->index_count < OSP__INDEXES_MAX &&
		   read_index(&lexer, &token, &scan->indexes[scan->index_count]))
		scan->index_count++;
}

/* Words that PostgreSQL takes for no name of a table without quotes. */
static bool
is_reserved(osp_str name)
{
	static const char words[] =
		" all analyse analyze and any array as asc asymmetric authorization "
		"binary both case cast check collate collation column concurrently "
		"constraint create cross current_catalog current_date current_role "
		"current_schema current_time current_timestamp current_user default "
		"deferrable desc distinct do else end except false fetch for foreign "
		"freeze from full grant group having ilike in initially inner "
		"intersect into is isnull join lateral leading left like limit "
		"localtime localtimestamp natural not notnull null offset on only or "
		"order outer overlaps placing primary references returning right "
		"select session_user similar some symmetric system_user table "
		"tablesample then to trailing true union unique user using variadic "
		"verbose when where window with ";
	const char *at = words;

	while ((at = memmem(at, strlen(at), name.ptr, name.len)) != NULL)
	{
		if (at[-1] == ' ' && at[name.len] == ' ')
			return true;
		at++;
	}
	return false;
}

/* Appends a name as it is written in SQL. */
static void
put_sql_name(osp_str name, osp_buf *out)
{
	bool quotes = is_reserved(name) || osp_sql_is_digit(name.ptr[0]);
	size_t i;

	for (i = 0; i < name.len; i++)
		quotes |= !osp_sql_is_word_char(name.ptr[i]) ||
				  (unsigned char) name.ptr[i] >= 0x80 ||
				  (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z');
	if (!quotes)
	{
		osp_buf_add_str(out, name);
		return;
	}
	osp_buf_add_char(out, '"');
	for (i = 0; i < name.len; i++)
	{
		if (name.ptr[i] == '"')
			osp_buf_add_char(out, '"');
		osp_buf_add_char(out, name.ptr[i]);
	}
	osp_buf_add_char(out, '"');
}

void
osp__scan_init(osp__findings *f, osp__scan *scan, const osp__op *op)
{
	static const char *const keys[OSP__SCAN_TEXTS] = {
		[OSP__SCAN_TYPE] = "type",
		[OSP__SCAN_FILTER] = "filter",
		[OSP__SCAN_HELD] = "index_cond",
		[OSP__SCAN_INDEX] = "index",
		[OSP__SCAN_INDEXES] = "indexes",
	};
	int i;

	memset(scan, 0, sizeof(*scan));
	scan->op = op;
	for (i = 0; i < OSP__SCAN_TEXTS; i++)
	{
		osp_buf_init(&scan->texts[i], f->report->alc, OSP__FINDING_TEXT);
		if (keys[i] != NULL)
			osp__op_member(f, op, "node", keys[i], &scan->texts[i]);
	}
	if (scan->texts[OSP__SCAN_HELD].len == 0)
		osp__op_member(
			f, op, "node", "recheck_cond", &scan->texts[OSP__SCAN_HELD]);
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "node", "relation", &f->scratch);
	if (f->scratch.len > 0)
		put_sql_name(osp_buf_str(&f->scratch),
					 &scan->texts[OSP__SCAN_RELATION]);
	if (osp__op_statement(op) != NULL)
		osp__op_member(f,
					   osp__op_statement(op),
					   NULL,
					   "statement",
					   &scan->texts[OSP__SCAN_STATEMENT]);
	read_indexes(scan);
	scan->understood =
		osp__condition_add(&scan->filter,
						   osp__scan_str(scan, OSP__SCAN_FILTER)) &&
		osp__condition_add(&scan->held, osp__scan_str(scan, OSP__SCAN_HELD));
}

void
osp__scan_term(osp__scan *scan)
{
	int i;

	for (i = 0; i < OSP__SCAN_TEXTS; i++)
		osp_buf_term(&scan->texts[i]);
}

static bool
is_among(osp_str name, const osp_str *names, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (osp_str_eq(name, names[i]))
			return true;
	return false;
}

const osp__index *
osp__scan_index_on(const osp__scan *scan, const osp_str *columns,
				   unsigned count)
{
	unsigned i;
	unsigned k;

	for (i = 0; i < scan->index_count; i++)
	{
		const osp__index *index = &scan->indexes[i];

		if (index->partial || index->count < count ||
			!osp_str_eq(index->method, OSP_STR("btree")))
			continue;
		for (k = 0; k < count; k++)
			if (index->patterns[k] ||
				!is_among(index->columns[k], columns, count))
				break;
		if (k == count)
			return index;
	}
	return NULL;
}
