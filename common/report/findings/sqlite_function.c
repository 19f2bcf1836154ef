/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_function.c
 *	  Finds functions in a statement of SQLite that SQLite does not have.
 */
#include "report/findings/sqlite_function.h"

#include <stdlib.h>
#include <strings.h>

#include "sql/sql_text.h"

/* SQLite's functions, including extensions that distributions build in; sorted. */
static const char *const functions[] = {
	"abs",
	"acos",
	"acosh",
	"asin",
	"asinh",
	"atan",
	"atan2",
	"atanh",
	"avg",
	"bm25",
	"ceil",
	"ceiling",
	"changes",
	"char",
	"coalesce",
	"concat",
	"concat_ws",
	"cos",
	"cosh",
	"count",
	"cume_dist",
	"date",
	"datetime",
	"degrees",
	"dense_rank",
	"exp",
	"first_value",
	"floor",
	"format",
	"fts3_tokenizer",
	"generate_series",
	"geopoly_area",
	"geopoly_contains_point",
	"geopoly_overlap",
	"geopoly_within",
	"glob",
	"group_concat",
	"hex",
	"highlight",
	"if",
	"ifnull",
	"iif",
	"instr",
	"json",
	"json_array",
	"json_array_length",
	"json_each",
	"json_error_position",
	"json_extract",
	"json_group_array",
	"json_group_object",
	"json_insert",
	"json_object",
	"json_patch",
	"json_pretty",
	"json_quote",
	"json_remove",
	"json_replace",
	"json_set",
	"json_tree",
	"json_type",
	"json_valid",
	"jsonb",
	"jsonb_array",
	"jsonb_each",
	"jsonb_extract",
	"jsonb_group_array",
	"jsonb_group_object",
	"jsonb_insert",
	"jsonb_object",
	"jsonb_patch",
	"jsonb_remove",
	"jsonb_replace",
	"jsonb_set",
	"jsonb_tree",
	"julianday",
	"lag",
	"last_insert_rowid",
	"last_value",
	"lead",
	"length",
	"like",
	"likelihood",
	"likely",
	"ln",
	"load_extension",
	"log",
	"log10",
	"log2",
	"lower",
	"ltrim",
	"matchinfo",
	"max",
	"median",
	"min",
	"mod",
	"nth_value",
	"ntile",
	"nullif",
	"octet_length",
	"offsets",
	"optimize",
	"percent_rank",
	"percentile",
	"percentile_cont",
	"percentile_disc",
	"pi",
	"pow",
	"power",
	"printf",
	"quote",
	"radians",
	"random",
	"randomblob",
	"rank",
	"replace",
	"round",
	"row_number",
	"rtreecheck",
	"rtreedepth",
	"rtreenode",
	"rtrim",
	"sign",
	"sin",
	"sinh",
	"snippet",
	"soundex",
	"sqlite_compileoption_get",
	"sqlite_compileoption_used",
	"sqlite_offset",
	"sqlite_source_id",
	"sqlite_version",
	"sqrt",
	"strftime",
	"string_agg",
	"substr",
	"substring",
	"subtype",
	"sum",
	"tan",
	"tanh",
	"time",
	"timediff",
	"total",
	"total_changes",
	"trim",
	"trunc",
	"typeof",
	"unhex",
	"unicode",
	"unistr",
	"unistr_quote",
	"unixepoch",
	"unlikely",
	"upper",
	"zeroblob",
};

/* Words before a parenthesis that are not function calls; sorted. */
static const char *const keywords[] = {
	"all",       "and",          "as",      "between", "by",       "case",
	"cast",      "check",        "collate", "column",  "conflict", "default",
	"distinct",  "do",           "else",    "escape",  "except",   "exists",
	"filter",    "from",         "group",   "groups",  "having",   "in",
	"intersect", "is",           "isnull",  "join",    "key",      "limit",
	"match",     "materialized", "not",     "notnull", "of",       "offset",
	"on",        "or",           "over",    "raise",   "range",    "returning",
	"rows",      "select",       "set",     "table",   "then",     "union",
	"unique",    "using",        "values",  "when",    "where",    "window",
	"with",
};

/* Words that are followed by a name which is not a function; sorted. */
static const char *const before_names[] = {"as",
										   "from",
										   "index",
										   "into",
										   "join",
										   "on",
										   "recursive",
										   "references",
										   "table",
										   "update",
										   "view",
										   "with"};

static int
compare_words(const void *key, const void *entry)
{
	const osp_str *word = key;
	const char *name = *(const char *const *) entry;
	int order = strncasecmp(word->ptr, name, word->len);

	return order != 0 || name[word->len] == '\0' ? order : -1;
}

static bool
is_among(osp_str word, const char *const *list, size_t count)
{
	return bsearch(&word, list, count, sizeof(*list), compare_words) != NULL;
}

#define IS_AMONG(word, list) \
	is_among(word, list, sizeof(list) / sizeof(*(list)))

/* Is it one of SQLite's table-valued functions, such as "pragma_table_info"? */
static bool
is_pragma(osp_str word)
{
	const osp_str prefix = OSP_STR("pragma_");

	return word.len > prefix.len &&
		   strncasecmp(word.ptr, prefix.ptr, prefix.len) == 0;
}

static bool
is_char(const osp_sql_token *token, char c)
{
	return token->kind == OSP_SQL_OTHER && token->text.len == 1 &&
		   token->text.ptr[0] == c;
}

/* Do the parentheses that were just opened hold the columns of a CTE? Then "AS ("
 * follows them. */
static bool
is_cte(osp_sql_lexer lexer)
{
	osp_sql_token token;
	int depth = 1;

	while (depth > 0 && osp_sql_next_word(&lexer, &token))
		depth += is_char(&token, '(') - is_char(&token, ')');
	return osp_sql_next_word(&lexer, &token) && osp_sql_is(&token, "as") &&
		   osp_sql_next_word(&lexer, &token) &&
		   (is_char(&token, '(') || osp_sql_is(&token, "not") ||
			osp_sql_is(&token, "materialized"));
}

osp_str
osp__program_function(osp_str statement)
{
	osp_str before = OSP_STR(""); /* the word before last */
	osp_str last = OSP_STR("");
	osp_sql_lexer lexer;
	osp_sql_token token;
	bool dotted = false;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_SQLITE);
	while (osp_sql_next_word(&lexer, &token))
	{
		bool was_dotted = dotted;

		/* SQLite only has the operator; its function is the program's. */
		if (osp_sql_is(&token, "regexp"))
			return OSP_STR("regexp");
		if (is_char(&token, '(') && last.len > 0 && !IS_AMONG(last, keywords) &&
			!IS_AMONG(last, functions) && !IS_AMONG(before, before_names) &&
			!is_pragma(last) && !is_cte(lexer))
			return last;

		/* "main.t" counts as one name. */
		dotted = is_char(&token, '.');
		if (dotted)
			continue;
		before = was_dotted ? before : last;
		last = token.kind == OSP_SQL_WORD ? token.text : OSP_STR("");
	}
	return OSP_STR("");
}
