/* SPDX-License-Identifier: Apache-2.0
 *
 * index_scan.c
 *	  Reads the facts about a scan that matter for an index: its table, the table's
 *	  indexes, and its conditions.
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

/* Reads one column, up to the comma or parenthesis behind it. */
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

/* Reads "account_owner btree (owner, at)", with "WHERE" behind it if the index is
 * partial, up to its semicolon. */
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

/* Is the name a word that PostgreSQL does not accept as a table's name without
 * quotes? */
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

/* Appends a name, with quotes if SQL needs them. */
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

/* Appends a member of the node that is a name, if the node has it. */
static void
put_member_name(osp__findings *f, const osp__op *op, const char *key,
				osp_buf *out)
{
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "node", key, &f->scratch);
	if (f->scratch.len > 0)
		put_sql_name(osp_buf_str(&f->scratch), out);
	if (f->status == OSP_OK)
		f->status = osp_buf_status(out);
}

static void
init_texts(osp__findings *f, osp__scan *scan, const osp__op *op)
{
	int i;

	memset(scan, 0, sizeof(*scan));
	scan->op = op;
	for (i = 0; i < OSP__SCAN_TEXTS; i++)
		osp_buf_init(&scan->texts[i], f->report->alc, OSP__FINDING_TEXT);
}

void
osp__scan_init(osp__findings *f, osp__scan *scan, const osp__op *op)
{
	static const char *const keys[OSP__SCAN_TEXTS] = {
		[OSP__SCAN_TYPE] = "type",
		[OSP__SCAN_FILTER] = "filter",
		[OSP__SCAN_HELD] = "index_cond",
		[OSP__SCAN_INDEXES] = "indexes",
	};
	int i;

	init_texts(f, scan, op);
	for (i = 0; i < OSP__SCAN_TEXTS; i++)
		if (keys[i] != NULL)
			osp__op_member(f, op, "node", keys[i], &scan->texts[i]);
	if (scan->texts[OSP__SCAN_HELD].len == 0)
		osp__op_member(
			f, op, "node", "recheck_cond", &scan->texts[OSP__SCAN_HELD]);
	put_member_name(f, op, "relation", &scan->texts[OSP__SCAN_RELATION]);
	put_member_name(f, op, "index", &scan->texts[OSP__SCAN_INDEX]);
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

/* Counts the leading columns of an index that are compared by equality, and the next
 * one if it is compared at all. */
static unsigned
count_prefix(const osp__index *index, const osp__condition *held)
{
	unsigned i;
	unsigned k;

	for (k = 0; k < index->count; k++)
	{
		bool equal = false;
		bool range = false;

		for (i = 0; i < held->count; i++)
		{
			const osp__term *term = &held->terms[i];

			if (!osp_str_eq(term->column, index->columns[k]))
				continue;
			equal = equal || term->test == OSP__TEST_EQUAL ||
					term->test == OSP__TEST_NULL;
			range = range || term->test == OSP__TEST_RANGE ||
					term->test == OSP__TEST_NOT_NULL;
		}
		if (!equal)
			return k + range;
	}
	return k;
}

static bool
is_one_range(const osp__scan *scan)
{
	osp_str name = osp__scan_str(scan, OSP__SCAN_INDEX);
	osp_str text = osp__scan_str(scan, OSP__SCAN_HELD);
	const osp__index *index = scan->indexes;
	const osp__index *end = index + scan->index_count;
	osp__condition held;
	unsigned prefix;
	unsigned i;

	while (index < end && !osp_str_eq(index->name, name))
		index++;
	if (index == end || !osp_str_eq(index->method, OSP_STR("btree")) ||
		memmem(text.ptr, text.len, "ANY (", 5) != NULL)
		return false;
	if (text.len == 0 || index->count == 1)
		return true;
	memset(&held, 0, sizeof(held));
	if (!osp__condition_add(&held, text) || held.any)
		return false;
	prefix = count_prefix(index, &held);
	for (i = 0; i < held.count; i++)
		if ((held.terms[i].subject != OSP__SUBJECT_COLUMN &&
			 held.terms[i].subject != OSP__SUBJECT_CAST) ||
			!is_among(held.terms[i].column, index->columns, prefix))
			return false;
	return true;
}

bool
osp__reads_one_range(osp__findings *f, const osp__op *op)
{
	osp__scan scan;
	bool one;

	init_texts(f, &scan, op);
	osp__op_member(f, op, "node", "indexes", &scan.texts[OSP__SCAN_INDEXES]);
	osp__op_member(f, op, "node", "index_cond", &scan.texts[OSP__SCAN_HELD]);
	put_member_name(f, op, "index", &scan.texts[OSP__SCAN_INDEX]);
	read_indexes(&scan);
	one = is_one_range(&scan);
	osp__scan_term(&scan);
	return one;
}
