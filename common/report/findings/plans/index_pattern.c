/* SPDX-License-Identifier: Apache-2.0
 *
 * index_pattern.c
 *	  Advises an index for a condition with a pattern: LIKE, ILIKE, a regular
 *	  expression.
 *
 * The pattern is a constant, and a server records its plans without constants. But the
 * text of the statement may have it. That pattern is used only if the statement has
 * exactly one LIKE.
 */
#include "report/findings/plans/plans.h"

#include "sql/sql_text.h"

/* Trigrams have three letters; a pattern with fewer in a row finds nothing. */
#define LETTERS_MIN 3

typedef enum pattern
{
	PATTERN_UNKNOWN,
	PATTERN_PREFIX, /* 'abc%' */
	PATTERN_INSIDE, /* '%abc%' */
	PATTERN_SHORT   /* '%ab%' */
} pattern;

/* The length of the longest run of letters and digits. */
static unsigned
longest_run(osp_str text)
{
	unsigned longest = 0;
	unsigned run = 0;
	size_t i;

	for (i = 0; i < text.len; i++)
	{
		run = osp_sql_is_letter(text.ptr[i]) || osp_sql_is_digit(text.ptr[i])
				  ? run + 1
				  : 0;
		if (run > longest)
			longest = run;
	}
	return longest;
}

/* Classifies the string behind LIKE; whole: nothing is appended to it. */
static pattern
classify(osp_str literal, bool whole)
{
	osp_str text;

	if (literal.len < 3 || literal.ptr[0] != '\'')
		return PATTERN_UNKNOWN;
	text = osp_str_n(literal.ptr + 1, literal.len - 2);
	if (memchr(text.ptr, '\\', text.len) != NULL)
		return PATTERN_UNKNOWN;
	if (text.ptr[0] != '%' && text.ptr[0] != '_')
		return whole ? PATTERN_PREFIX : PATTERN_UNKNOWN;
	return whole && longest_run(text) < LETTERS_MIN ? PATTERN_SHORT
													: PATTERN_INSIDE;
}

/* Classifies the pattern of the only LIKE in a statement. */
static pattern
pattern_of(osp_str statement)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	osp_str literal = OSP_STR("");
	bool whole = true;
	int likes = 0;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	while (osp_sql_next_word(&lexer, &token))
	{
		if (!osp_sql_is(&token, "like") && !osp_sql_is(&token, "ilike"))
			continue;
		likes++;
		if (!osp_sql_next_word(&lexer, &token))
			break;
		if (token.kind != OSP_SQL_STRING || token.open)
			continue;
		literal = token.text;
		whole = !osp_sql_next_word(&lexer, &token) ||
				token.kind != OSP_SQL_OTHER || token.text.ptr[0] != '|';
	}
	return likes == 1 ? classify(literal, whole) : PATTERN_UNKNOWN;
}

static void
say_command(const osp__scan *scan, const osp__term *term, const char *begin,
			const char *end, osp_buf *step)
{
	osp_str relation = osp__scan_str(scan, OSP__SCAN_RELATION);

	osp_buf_addf(step,
				 "CREATE INDEX CONCURRENTLY ON %.*s %s",
				 (int) relation.len,
				 relation.ptr,
				 begin);
	(void) osp__say_indexed(term, step);
	osp_buf_add_str(step, osp_str_of(end));
}

static void
say_trigrams(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	osp_buf_add_str(step, OSP_STR("CREATE EXTENSION IF NOT EXISTS pg_trgm; "));
	say_command(scan, term, "USING gin (", " gin_trgm_ops)", step);
}

/* Does an index on the term's column exist already? btree: a btree index for
 * patterns; otherwise an index of any other method. */
static bool
has_index(const osp__scan *scan, const osp__term *term, bool btree)
{
	unsigned i;

	for (i = 0; i < scan->index_count; i++)
	{
		const osp__index *index = &scan->indexes[i];
		bool is_btree = osp_str_eq(index->method, OSP_STR("btree"));

		if (is_btree == btree && (!btree || index->patterns[0]) &&
			term->subject == OSP__SUBJECT_COLUMN &&
			osp_str_eq(index->columns[0], term->column))
			return true;
	}
	return false;
}

static void
say_inside(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	osp_buf_add_str(
		step,
		term->test == OSP__TEST_LIKE
			? OSP_STR("No ordinary index serves a pattern that begins with a "
					  "wildcard. ")
			: OSP_STR("No ordinary index serves ILIKE or a regular "
					  "expression. "));
	if (has_index(scan, term, false))
	{
		osp_buf_add_str(
			step,
			OSP_STR("The column has another one, which was not used: if it is "
					"one of trigrams, the pattern needs three letters in a "
					"row."));
		return;
	}
	osp_buf_add_str(step,
					OSP_STR("One of trigrams does, if the pattern has three "
							"letters in a row: "));
	say_trigrams(scan, term, step);
	osp_buf_add_char(step, '.');
}

static void
say_prefix(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	if (has_index(scan, term, true))
	{
		osp_buf_add_str(
			step,
			OSP_STR("There is an index for patterns (text_pattern_ops) on the "
					"column, and PostgreSQL did not use it: ANALYZE the table, "
					"and compare with SET enable_seqscan = off."));
		return;
	}
	osp_buf_add_str(step,
					OSP_STR("An ordinary index serves a pattern that begins "
							"with letters only in the collation C. This one "
							"does in any: "));
	say_command(scan, term, "(", " text_pattern_ops)", step);
	osp_buf_add_char(step, '.');
}

/* Is the plan generic, made for any values? Other plans have the value in place of
 * "$1". */
static bool
is_for_any_value(const osp__scan *scan)
{
	osp_str filter = osp__scan_str(scan, OSP__SCAN_FILTER);
	size_t i;

	for (i = 0; i + 1 < filter.len; i++)
		if (filter.ptr[i] == '$' && osp_sql_is_digit(filter.ptr[i + 1]))
			return true;
	return false;
}

/* Writes the step for a generic plan. An index for patterns is used only if the pattern
 * is known during planning. */
static void
say_for_any_value(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	osp_buf_add_str(
		step,
		OSP_STR(
			"The statement was planned for any pattern, which only an index "
			"of trigrams serves: "));
	say_trigrams(scan, term, step);
	osp_buf_add_str(step,
					OSP_STR(". With plan_cache_mode = force_custom_plan each "
							"pattern has its own plan, and an index for "
							"patterns (text_pattern_ops) serves those that "
							"begin with letters."));
}

void
osp__say_pattern_step(const osp__scan *scan, const osp__term *term,
					  osp_buf *step)
{
	pattern p = pattern_of(osp__scan_str(scan, OSP__SCAN_STATEMENT));

	if (p == PATTERN_SHORT)
		osp_buf_add_str(
			step,
			OSP_STR("No index serves a pattern that begins with a wildcard and "
					"has fewer than three letters in a row. Let the program "
					"ask for more letters, or for the begin of the text."));
	else if (term->test != OSP__TEST_LIKE || p == PATTERN_INSIDE)
		say_inside(scan, term, step);
	else if (p == PATTERN_PREFIX)
		say_prefix(scan, term, step);
	else if (is_for_any_value(scan))
		say_for_any_value(scan, term, step);
	else
	{
		osp_buf_add_str(step,
						OSP_STR("If the pattern begins with letters ('abc%'), "
								"try "));
		say_command(scan, term, "(", " text_pattern_ops)", step);
		osp_buf_add_str(step,
						OSP_STR("; if it begins with a wildcard ('%abc%'), "));
		say_trigrams(scan, term, step);
		osp_buf_add_char(step, '.');
	}
}
