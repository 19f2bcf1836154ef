/* SPDX-License-Identifier: Apache-2.0
 *
 * calls.c
 *	  Finds the functions that a statement calls.
 */
#include "report/findings/calls.h"

#include <strings.h>

#include "report/statement_shape.h"
#include "report/terminal_text.h"
#include "sql/sql_text.h"

#define NAME_COLUMNS 63

/* Functions of PostgreSQL and of the extensions that come with it. They are in C or SQL,
 * and so no operations of the kind "function". */
static const char built_in[] =
	" "
	"abs acos age array_agg array_append array_cat array_dims "
	"array_fill array_length array_lower array_ndims array_position "
	"array_positions array_prepend array_remove array_replace "
	"array_sample array_shuffle array_to_json array_to_string "
	"array_to_tsvector array_upper ascii asin atan atan2 bit_and "
	"bit_count bit_length bit_or bit_xor bool_and bool_or btrim "
	"cardinality cbrt ceil ceiling char_length character_length chr "
	"clock_timestamp concat concat_ws convert convert_from convert_to "
	"corr cos cosh cot crc32 crc32c crosstab crypt cume_dist "
	"current_database current_schema current_setting currval date_add "
	"date_bin date_part date_subtract date_trunc decode decrypt degrees "
	"dense_rank difference digest div encode encrypt erf every exp "
	"factorial first_value floor format gcd gen_random_bytes "
	"gen_random_uuid gen_salt generate_subscripts get_bit get_byte hmac "
	"host hstore initcap isfinite json_agg json_array "
	"json_array_elements json_array_elements_text json_array_length "
	"json_build_array json_build_object json_each json_each_text "
	"json_exists json_extract_path json_extract_path_text json_object "
	"json_object_agg json_object_keys json_populate_record "
	"json_populate_recordset json_query json_strip_nulls json_to_record "
	"json_to_recordset json_to_tsvector json_typeof json_value "
	"jsonb_agg jsonb_array_elements jsonb_array_elements_text "
	"jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each "
	"jsonb_each_text jsonb_extract_path jsonb_extract_path_text "
	"jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys "
	"jsonb_path_exists jsonb_path_match jsonb_path_query "
	"jsonb_path_query_array jsonb_path_query_first "
	"jsonb_populate_record jsonb_populate_recordset jsonb_pretty "
	"jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset "
	"jsonb_to_tsvector jsonb_typeof justify_days justify_hours "
	"justify_interval lag last_value lastval lcm lead left length "
	"levenshtein levenshtein_less_equal ln lo_export lo_from_bytea "
	"lo_get lo_import lo_put lo_unlink log log10 lower lpad ltrim "
	"make_date make_interval make_time make_timestamp make_timestamptz "
	"md5 metaphone mod mode nextval normal_rand normalize nth_value "
	"ntile num_nonnulls num_nulls octet_length overlay parse_ident "
	"percent_rank percentile_cont percentile_disc pgp_pub_decrypt "
	"pgp_pub_encrypt pgp_sym_decrypt pgp_sym_encrypt phraseto_tsquery "
	"pi plainto_tsquery position power quote_ident quote_literal "
	"quote_nullable radians random random_normal rank regexp_count "
	"regexp_instr regexp_like regexp_match regexp_matches "
	"regexp_replace regexp_split_to_array regexp_split_to_table "
	"regexp_substr repeat replace reverse right round row_number "
	"row_to_json rpad rtrim set_bit set_byte set_config setseed setval "
	"setweight sha224 sha256 sha384 sha512 show_trgm sign similarity "
	"sin sinh soundex split_part sqrt starts_with statement_timestamp "
	"stddev stddev_pop stddev_samp strict_word_similarity string_agg "
	"string_to_array string_to_table strip strpos substr substring tan "
	"tanh timeofday to_ascii to_char to_date to_hex to_json to_jsonb "
	"to_number to_regclass to_timestamp to_tsquery to_tsvector "
	"transaction_timestamp translate trim trim_array trunc ts_headline "
	"ts_rank ts_rank_cd ts_rewrite txid_current unaccent unistr upper "
	"uuid_generate_v1 uuid_generate_v4 uuidv4 uuidv7 var_pop var_samp "
	"variance version websearch_to_tsquery width_bucket word_similarity "
	"xmlagg xmlelement xmlforest xpath ";

/* Names of such functions also begin with these words. */
static const char *const built_in_begins[] = {"dblink", "pg_"};

/* Is the word in the list, whose words have a space on each side? */
static bool
is_listed(const char *list, size_t size, osp_str word)
{
	char name[NAME_COLUMNS + 3] = " ";
	size_t i;

	if (word.len > NAME_COLUMNS)
		return false;
	for (i = 0; i < word.len; i++)
	{
		char c = word.ptr[i];

		name[1 + i] = c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
	}
	name[1 + i] = ' ';
	return memmem(list, size, name, i + 2) != NULL;
}

/* Is the function in C or SQL? qualified: its schema stands before it; such a function
 * is the user's own. */
static bool
is_built_in(const osp_sql_token *word, bool qualified)
{
	osp_str name = word->text;
	size_t i;

	if (qualified)
		return false;
	if (is_listed(built_in, sizeof(built_in) - 1, name))
		return true;
	for (i = 0; i < sizeof(built_in_begins) / sizeof(built_in_begins[0]); i++)
	{
		size_t len = strlen(built_in_begins[i]);

		if (name.len >= len &&
			strncasecmp(name.ptr, built_in_begins[i], len) == 0)
			return true;
	}
	return false;
}

/* Words that are no functions, with "(" behind them, or functions that take no time. */
static const char no_functions[] =
	" "
	"all analyze and any array as avg begin between bit by call "
	"case cast char character check coalesce conflict count cube "
	"current_timestamp decimal distinct do else except exclude "
	"exists explain extract filter float from generate_series "
	"greatest group grouping having if in include index int integer "
	"intersect interval is join key lateral least like limit "
	"materialized max min nchar not now nullif numeric nvarchar "
	"offset on options or order over partition returning rollup row "
	"rows select set sets some storage sum text then time timestamp "
	"timestamptz union unique unnest using vacuum values varbit "
	"varchar varying view when where with within ";

static bool
is_no_function(const osp_sql_token *word)
{
	return word->kind != OSP_SQL_WORD ||
		   is_listed(no_functions, sizeof(no_functions) - 1, word->text);
}

static bool
is_char(const osp_sql_token *token, char c)
{
	return token->kind == OSP_SQL_OTHER && token->text.ptr[0] == c;
}

/* May the name behind this token be the alias of a result with a list of
 * columns, which looks like a function call? Examples: WITH t(a), AS t(a int),
 * f(1) t(a int). */
static bool
is_before_alias(const osp_sql_token *token)
{
	return osp_sql_is(token, "as") || osp_sql_is(token, "recursive") ||
		   osp_sql_is(token, "with") || is_char(token, ')');
}

/* Is the name behind this token that of a table with a list of columns? Examples:
 * CREATE TABLE t(a), IF NOT EXISTS t(a), INSERT INTO t(a), REFERENCES t(a), COPY t(a). */
static bool
is_before_table(const osp_sql_token *token)
{
	static const char *const words[] = {
		"copy", "exists", "into", "only", "references", "table", "view"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (osp_sql_is(token, words[i]))
			return true;
	return false;
}

static void
add_name(osp__calls *calls, osp_str name)
{
	unsigned i;

	for (i = 0; i < calls->count; i++)
		if (osp_str_eq(calls->found[i], name))
			return;
	if (calls->count < OSP__CALLS_MAX)
		calls->found[calls->count++] = name;
}

/* The tokens before a parenthesis, the nearest first. */
typedef struct tokens_before
{
	osp_sql_token at[4];
} tokens_before;

/* Is the nearest token, a name, that of a function? is_definition: the statement makes
 * something, so what stands behind ON is a table. */
static bool
is_function(const tokens_before *before, bool is_definition)
{
	bool qualified = is_char(&before->at[1], '.');
	const osp_sql_token *last = &before->at[qualified ? 3 : 1];

	return !is_no_function(&before->at[0]) && !is_before_alias(last) &&
		   !is_before_table(last) && !(is_definition && osp_sql_is(last, "on"));
}

static bool
is_own(const tokens_before *before)
{
	bool qualified = is_char(&before->at[1], '.') &&
					 !osp_sql_is(&before->at[2], "pg_catalog");

	return !is_built_in(&before->at[0], qualified);
}

/* The functions that a statement calls; own: only those that are not built in. */
static osp__calls
find_calls(osp_str statement, bool own)
{
	bool is_definition = osp__begins_with(statement, "create");
	tokens_before before = {.at[0] = {.kind = OSP_SQL_SPACE}};
	osp_sql_token token;
	osp_sql_lexer lexer;
	osp__calls calls = {.count = 0};
	size_t i;

	for (i = 1; i < sizeof(before.at) / sizeof(before.at[0]); i++)
		before.at[i] = before.at[0];
	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	while (osp_sql_next_word(&lexer, &token))
	{
		if (is_char(&token, '(') && is_function(&before, is_definition) &&
			(!own || is_own(&before)))
			add_name(&calls, before.at[0].text);
		memmove(&before.at[1], &before.at[0], 3 * sizeof(before.at[0]));
		before.at[0] = token;
	}
	return calls;
}

osp__calls
osp__calls_in(osp_str statement)
{
	return find_calls(statement, false);
}

osp__calls
osp__own_calls_in(osp_str statement)
{
	return find_calls(statement, true);
}

void
osp__say_calls(const osp__calls *calls, osp_buf *out)
{
	unsigned i;

	for (i = 0; i < calls->count; i++)
	{
		if (i > 0)
			osp_buf_add_str(
				out, i + 1 < calls->count ? OSP_STR(", ") : OSP_STR(" and "));
		(void) osp__terminal_text(out, calls->found[i], true, NAME_COLUMNS);
		osp_buf_add_str(out, OSP_STR("()"));
	}
}

bool
osp__is_code(osp_str statement)
{
	osp_sql_token token = {.kind = OSP_SQL_SPACE};
	osp_sql_lexer lexer;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	return osp_sql_next_word(&lexer, &token) &&
		   (osp_sql_is(&token, "do") || osp_sql_is(&token, "call"));
}

static bool
is_query(osp_str statement)
{
	return osp__begins_with(statement, "select") ||
		   osp__begins_with(statement, "with");
}

bool
osp__is_query_with_calls(osp_str statement)
{
	return is_query(statement) && osp__calls_in(statement).count > 0;
}
