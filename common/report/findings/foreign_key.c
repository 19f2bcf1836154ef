/* SPDX-License-Identifier: Apache-2.0
 *
 * foreign_key.c
 *	  Reads the statements that PostgreSQL itself runs for foreign keys.
 *
 * They always have the same form: names are quoted, the table stands behind ONLY, and
 * operators have their schemas. If a row is deleted or its key is changed, the
 * parameter stands before the column:
 *
 *	  DELETE FROM ONLY "public"."leaf" WHERE $1 OPERATOR(pg_catalog.=) "child"
 *
 * If a row is inserted, the parameter stands behind the column:
 *
 *	  SELECT 1 FROM ONLY "public"."child" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR ...
 */
#include "report/findings/foreign_key.h"

static const char *const begins[] = {
	"DELETE FROM ONLY \"", "UPDATE ONLY \"", "SELECT 1 FROM ONLY \""};

/* The text behind the first occurrence of word; empty: it is not in the text. */
static osp_str
behind(osp_str text, const char *word)
{
	size_t len = strlen(word);
	const char *at =
		text.len > 0 ? memmem(text.ptr, text.len, word, len) : NULL;

	if (at == NULL)
		return osp_str_n(text.ptr, 0);
	at += len;
	return osp_str_n(at, text.len - (size_t) (at - text.ptr));
}

/* Appends the quoted name with which text begins, without the quotes if it needs none.
 * Returns the text behind it. */
static osp_str
read_name(osp_str text, osp_buf *out)
{
	size_t end = 1;
	bool plain = true;

	if (text.len == 0 || text.ptr[0] != '"')
		return osp_str_n(text.ptr, 0);
	while (end < text.len && (text.ptr[end] != '"' ||
							  (end + 1 < text.len && text.ptr[end + 1] == '"')))
	{
		char c = text.ptr[end];

		plain = plain && ((c >= 'a' && c <= 'z') || c == '_' ||
						  (end > 1 && c >= '0' && c <= '9'));
		end += c == '"' ? 2 : 1;
	}
	if (end >= text.len)
		return osp_str_n(text.ptr, 0);
	osp_buf_add_str(out,
					plain ? osp_str_n(text.ptr + 1, end - 1)
						  : osp_str_n(text.ptr, end + 1));
	return osp_str_n(text.ptr + end + 1, text.len - end - 1);
}

/* Reads "schema"."table", and appends only the table. */
static osp_str
read_table(osp_str text, osp_buf *out)
{
	osp_str rest = read_name(text, out);

	if (rest.len == 0 || rest.ptr[0] != '.')
		return rest;
	osp_buf_reset(out);
	return read_name(osp_str_n(rest.ptr + 1, rest.len - 1), out);
}

/* Reads the columns that stand directly behind operators. */
static void
read_columns(osp_str text, osp__foreign_key *key)
{
	for (text = behind(text, "OPERATOR("); text.len > 0;
		 text = behind(text, "OPERATOR("))
	{
		osp_str right = behind(text, ") ");

		if (right.len == 0 || right.ptr[0] != '"')
			continue;
		if (key->columns.len > 0)
			osp_buf_add_str(&key->columns, OSP_STR(", "));
		(void) read_name(right, &key->columns);
	}
	key->referring = key->columns.len > 0;
}

bool
osp__is_key_statement(osp_str statement)
{
	size_t i;

	for (i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (statement.len > strlen(begins[i]) &&
			memcmp(statement.ptr, begins[i], strlen(begins[i])) == 0)
			return behind(statement, " OPERATOR(").len > 0;
	return false;
}

void
osp__foreign_key_init(const osp__findings *f, osp__foreign_key *key)
{
	key->referring = false;
	osp_buf_init(&key->table, f->report->alc, OSP__FINDING_TEXT);
	osp_buf_init(&key->columns, f->report->alc, OSP__FINDING_TEXT);
}

bool
osp__foreign_key_read(osp__findings *f, const osp__op *op,
					  osp__foreign_key *key)
{
	osp_str text;

	key->referring = false;
	osp_buf_reset(&key->table);
	osp_buf_reset(&key->columns);
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "statement", &f->scratch);
	text = osp_buf_str(&f->scratch);
	if (!osp__is_key_statement(text))
		return false;
	read_columns(read_table(behind(text, "ONLY "), &key->table), key);
	return key->table.len > 0;
}

void
osp__foreign_key_term(osp__foreign_key *key)
{
	osp_buf_term(&key->table);
	osp_buf_term(&key->columns);
}
