/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sql_lexer.c
 *	  Tokens of SQL in each dialect, and which texts end in plain SQL.
 */
#include "tap.h"

#include <stdlib.h>

#include "sql/sql_text.h"

#define PG   OSP_SQL_POSTGRES
#define OFF  OSP_SQL_POSTGRES_BACKSLASH
#define ANY  OSP_SQL_POSTGRES_ANY
#define LITE OSP_SQL_SQLITE

/* One letter for each kind of token, in the order of osp_sql_kind. White space is left
 * out. A token that is not closed has a '!' after its letter. */
static const char letters[] = " cwnslp;o";

static void
describe(osp_str text, osp_sql_dialect dialect, char *out)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	const char *expected = text.ptr;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
	{
		/* The tokens cover the text without gaps, and none is empty. */
		assert_ptr_equal(token.text.ptr, expected);
		assert_true(token.text.len > 0);
		expected += token.text.len;
		if (token.kind != OSP_SQL_SPACE)
			*out++ = letters[token.kind];
		if (token.open)
			*out++ = '!';
	}
	assert_ptr_equal(expected, text.ptr + text.len);
	*out = '\0';
}

/* Returns a copy in an allocation of exactly its size, so that sanitizers detect
 * reading beyond it. */
static char *
exact_copy(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return copy;
}

typedef struct token_case
{
	osp_sql_dialect dialect;
	const char *text;
	const char *tokens;
} token_case;

static void
check_tokens(const token_case *cases, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		char *copy = exact_copy(cases[i].text);
		char found[256];

		describe(
			osp_str_n(copy, strlen(cases[i].text)), cases[i].dialect, found);
		if (strcmp(found, cases[i].tokens) != 0)
			print_message("# %s\n", cases[i].text);
		assert_string_equal(found, cases[i].tokens);
		free(copy);
	}
}

#define CHECK(cases) check_tokens(cases, sizeof(cases) / sizeof((cases)[0]))

static void
test_common(void **state)
{
	static const token_case cases[] = {
		{PG, "", ""},
		{PG, " \t\r\n", ""},
		{PG, "SELECT a.b1$x, é FROM t;", "wwowowww;"},
		{PG, "1 1.5 .5 1e5 1e-5 1.5E+3 1_000 0xFF 1.", "lllllllll"},
		{PG, "1..10", "lol"},
		{PG, "a-1-2--3", "wololc"},
		{PG, "'it''s' 'x'", "ss"},
		{LITE, "'it''s' 'x'", "ss"},
		{PG, "\"a\"\"b\" \"", "nn!"},
		{PG, "'open", "s!"},
		{PG, "'", "s!"},
		{PG, "-- x\n1 /* y */ 2 /* z", "clclc!"},
		{PG, "/**/1/***/2/*/*/3", "clclc!"},
		{LITE, "/**/1/***/2/*/*/3", "clclcl"},
		{PG, "/* /* x */ */ 1", "cl"},
		{LITE, "/* /* x */ 1 */", "cloo"},
		{PG, "-", "o"},
		{PG, "/", "o"},
		{PG, "*/*x*/", "oc"},
	};

	(void) state;
	CHECK(cases);
}

static void
test_postgres(void **state)
{
	static const token_case cases[] = {
		{PG, "'a\\' 1", "sl"},
		{OFF, "'a\\' 1", "s!"},
		{ANY, "'a\\' 1", "s!"},
		{ANY, "'a\\\\' 1", "sl"},
		{OFF, "'a\\\\' 1", "sl"},
		{OFF, "'a\\'b' 1", "sl"},
		{ANY, "'a\\b' 1", "sl"},
		{PG, "E'a\\'b' e'\\\\' 1", "ssl"},
		{PG, "fooE'a\\' 1", "wsl"},
		{PG, "é_E'a\\' 1", "wsl"},
		{PG, "1E'a\\' 1'", "ls"},
		{PG, "b'1' X'f' n'x' U&'\\0041' u&\"x\"", "ssssn"},
		{OFF, "B'\\' N'\\'' 1", "ssl"},
		/* a string continues after a newline, and keeps its kind */
		{PG, "E'a'\n'b\\'c' 1", "sl"},
		{PG, "E'a' -- note\n  'b\\'c' 1", "sl"},
		{PG, "E'a' 'b\\' 1", "ssl"},
		{PG, "E'a' /* */\n'b\\' 1", "scsl"},
		{PG, "'a'\r'b' 1", "sl"},
		{PG, "$1 $12 $$ a'b $$ $t$ $$ $t$ $t", "ppssow"},
		{PG, "$x$ open $X$", "s!"},
		{PG, "a$$b$$ $1$$x$$", "wps"},
		{PG, "$1x$ 1 $1x$", "pwlpw"},
		{PG, "-- a\r1", "cl"},
		{LITE, "-- a\r1", "c"},
		{PG, "[a] ?1 :b @c `d`", "owoolowowowo"},
	};

	(void) state;
	CHECK(cases);
}

static void
test_sqlite(void **state)
{
	static const token_case cases[] = {
		{LITE, "[a b] `c``d` \"e\" 'f' x'0f' E'\\' 1", "nnnsswsl"},
		{LITE, "?1 ? :a @b $c #d $ :", "ppppppoo"},
		{LITE, "[open", "n!"},
		{LITE, "`open``", "n!"},
		{LITE, "$$a$$", "p"},
		{LITE, "'a'\n'b'", "ss"},
	};

	(void) state;
	CHECK(cases);
}

static void
test_ends_plain(void **state)
{
	static const struct
	{
		const char *text;
		bool on; /* with standard_conforming_strings, and without */
		bool off;
		bool sqlite;
	} cases[] = {
		{"", true, true, true},
		{"SELECT 1", true, true, true},
		{"SELECT 'x'", true, true, true},
		{"SELECT 'x' -- it's", true, true, true},
		{"SELECT 'x", false, false, false},
		{"SELECT 'x''", false, false, false},
		{"SELECT \"x", false, false, false},
		{"SELECT 1 /* x", false, false, false},
		{"SELECT 1 /* /* x */", false, false, true},
		{"SELECT $$ x", false, false, true},
		{"SELECT $a$ x $$ $b$", false, false, true},
		{"SELECT 'C:\\'", true, false, true},
		{"SELECT 'C:\\\\'", true, true, true},
		{"SELECT 'it\\'s'", false, true, false},
		{"SELECT E'it\\'s'", true, true, false},
		{"SELECT E'a'\n'it\\'s'", true, true, false},
		{"SELECT [it's]", false, false, true},
		{"SELECT [x", true, true, false},
		{"SELECT `x", true, true, false},
		{"create function f() returns int language sql as 'selec 1'",
		 true,
		 true,
		 true},
		{"SELECT 1 -- $$ \" ' /*", true, true, true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char *copy = exact_copy(cases[i].text);
		osp_str text = osp_str_n(copy, strlen(cases[i].text));

		assert_int_equal(osp_sql_ends_plain(text, PG), cases[i].on);
		assert_int_equal(osp_sql_ends_plain(text, OFF), cases[i].off);
		assert_int_equal(osp_sql_ends_plain(text, ANY),
						 cases[i].on && cases[i].off);
		assert_int_equal(osp_sql_ends_plain(text, LITE), cases[i].sqlite);
		free(copy);
	}
}

static void
test_first_word(void **state)
{
	static const struct
	{
		const char *text;
		const char *word;
	} cases[] = {
		{"SELECT 1", "SELECT"},
		{" ;; /* x */ -- y\n ((select 1))", "select"},
		{"'x' select", ""},
		{"", ""},
		{"/* x", ""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_str word = osp_sql_first_word(osp_str_of(cases[i].text), PG);

		assert_int_equal(word.len, strlen(cases[i].word));
		assert_memory_equal(word.ptr, cases[i].word, word.len);
	}
}

/* Lines may end with a carriage return alone. The rest of the text must not be searched
 * for a newline from each of them: that would take minutes. */
static void
test_many_lines(void **state)
{
	static const char line[] = "-- \r";
	const size_t len = 16000000;
	char *text = malloc(len);
	osp_sql_lexer lexer;
	osp_sql_token token;
	size_t count = 0;
	size_t i;

	(void) state;
	assert_non_null(text);
	for (i = 0; i < len; i++)
		text[i] = line[i % 4];
	osp_sql_lexer_init(&lexer, osp_str_n(text, len), OSP_SQL_POSTGRES);
	while (osp_sql_next(&lexer, &token))
		count += token.kind == OSP_SQL_COMMENT;
	assert_int_equal(count, len / 4);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_postgres),
		cmocka_unit_test(test_sqlite),
		cmocka_unit_test(test_ends_plain),
		cmocka_unit_test(test_first_word),
		cmocka_unit_test(test_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
