/* SPDX-License-Identifier: Apache-2.0
 *
 * test_comment.c
 *	  Contexts in SQL comments: where they are found, where they are not, and how they
 *	  are written.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "context/comment.h"

/* Two contexts, so that a test can see which one was found. */
#define CTX   "/*trace_hmac='h1',trace_info='i1'*/"
#define OTHER "/*trace_hmac='h2',trace_info='i2'*/"

static bool
find(osp_str statement, osp_str *info, osp_str *hmac)
{
	static char out[OSP_COMMENT_SPACE];

	/* An allocation of the exact size, so that sanitizers detect reading beyond it. */
	char *copy = malloc(statement.len > 0 ? statement.len : 1);
	bool found;

	assert_non_null(copy);
	memcpy(copy, statement.ptr, statement.len);
	found =
		osp_comment_context(osp_str_n(copy, statement.len), out, info, hmac);
	free(copy);
	return found;
}

/* The verdict about a comment in each dialect. */
static void
test_verdicts(void **state)
{
	static const struct
	{
		const char *statement;
		osp_sql_dialect dialect;
		osp_verdict verdict;
	} cases[] = {
		{"SELECT 1", OSP_SQL_POSTGRES, OSP_CTX_NONE},
		{"SELECT 1 /* see trace_info */", OSP_SQL_POSTGRES, OSP_CTX_NONE},
		{"SELECT 1 " CTX, OSP_SQL_POSTGRES, OSP_CTX_ACCEPTED},
		{"SELECT `a--b` " CTX, OSP_SQL_SQLITE, OSP_CTX_ACCEPTED},
		{"SELECT [a'b] " CTX, OSP_SQL_SQLITE, OSP_CTX_ACCEPTED},
		{"SELECT [a'b] " CTX, OSP_SQL_POSTGRES, OSP_CTX_NONE},
		{"SELECT '\\', '--' " CTX, OSP_SQL_POSTGRES, OSP_CTX_ACCEPTED},
		{"SELECT '\\'--' " CTX, OSP_SQL_POSTGRES_BACKSLASH, OSP_CTX_ACCEPTED},
		{"SELECT 1 /*trace_hmac='52',trace_info='b'eyJ'*/",
		 OSP_SQL_POSTGRES,
		 OSP_CTX_MALFORMED},
		{"/*trace_hmac=52,trace_info=eyJ*/ SELECT 1",
		 OSP_SQL_POSTGRES,
		 OSP_CTX_MALFORMED},
		{"/*{\"trace_info\": \"eyJ\"}*/ SELECT 1",
		 OSP_SQL_SQLITE,
		 OSP_CTX_MALFORMED},
		{"SELECT 1 /*trace_info='b'eyJ''*/ " CTX,
		 OSP_SQL_POSTGRES,
		 OSP_CTX_ACCEPTED},
		{CTX " SELECT 1 /*trace_info='b'eyJ''*/",
		 OSP_SQL_POSTGRES,
		 OSP_CTX_ACCEPTED},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		static char out[OSP_COMMENT_SPACE];
		osp_str info;
		osp_str hmac;
		osp_verdict found = osp__comment_read(osp_str_of(cases[i].statement),
											  cases[i].dialect,
											  out,
											  &info,
											  &hmac,
											  NULL);

		if (found != cases[i].verdict)
			print_error("%s\n", cases[i].statement);
		assert_int_equal(found, cases[i].verdict);
		assert_int_equal(info.len > 0, found == OSP_CTX_ACCEPTED);
	}
}

/* Returns the number of the context that is found; 0: none. */
static int
which(const char *statement)
{
	osp_str info;
	osp_str hmac;

	if (!find(osp_str_of(statement), &info, &hmac))
	{
		assert_int_equal(info.len, 0);
		assert_int_equal(hmac.len, 0);
		return 0;
	}
	assert_int_equal(info.len, 2);
	assert_int_equal(hmac.len, 2);
	assert_int_equal(info.ptr[0], 'i');
	assert_int_equal(hmac.ptr[0], 'h');
	assert_int_equal(info.ptr[1], hmac.ptr[1]);
	return info.ptr[1] - '0';
}

typedef struct place_case
{
	const char *statement;
	int found;
} place_case;

static void
check_cases(const place_case *cases, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		int found = which(cases[i].statement);

		if (found != cases[i].found)
			print_error("%s\n", cases[i].statement);
		assert_int_equal(found, cases[i].found);
	}
}

#define CHECK(cases) check_cases((cases), sizeof(cases) / sizeof((cases)[0]))

static void
test_places(void **state)
{
	static const place_case cases[] = {
		{"", 0},
		{"   ", 0},
		{";", 0},
		{"SELECT 1", 0},
		{"SELECT 1;", 0},
		{"/", 0},
		{"*/", 0},
		{"/*/", 0},
		{"/**/", 0},
		{"-", 0},
		{"--", 0},
		{CTX, 1},
		{CTX "SELECT 1", 1},
		{CTX " SELECT 1;", 1},
		{" \n\t" CTX "\nSELECT 1", 1},
		{"SELECT 1" CTX, 1},
		{"SELECT 1 " CTX " \n", 1},
		{"SELECT 1 " CTX ";", 1},
		{"SELECT 1; " CTX, 1},
		{"SELECT 1;" CTX " ; ", 1},
		{";" CTX "SELECT 1", 1},
		{CTX "; SELECT 1", 1},
		{"; -- note\n" CTX " ; -- it's\n SELECT 1; SELECT 2", 1},
		{"SELECT " CTX " 1", 0},
		{"SELECT 1 " CTX " + 1", 0},
		{"SELECT 1 / 2 /", 0},
		{"-- note\n" CTX "SELECT 1", 1},
		{"-- note\r" CTX "SELECT 1", 1},
		{"-- " CTX "\nSELECT 1", 0},
		{"/* note */" CTX "SELECT 1", 1},
		{CTX "/* note */ SELECT 1", 1},
		{"/*+ SeqScan(t) */" CTX "SELECT 1", 1},
		{CTX "/*+ SeqScan(t) */ SELECT 1", 1},
		{"SELECT 1 " CTX " /* it's a note */", 1},
		{"SELECT 1 /* note */ " CTX "/*a*//**/ ; /* b */ ;", 1},
		{"SELECT 1 /* note */", 0},
		{"/* note */ SELECT 1 /* note */", 0},
	};

	(void) state;
	CHECK(cases);
}

static void
test_several(void **state)
{
	static const place_case cases[] = {
		{CTX OTHER "SELECT 1", 2},
		{OTHER CTX "SELECT 1", 1},
		{"SELECT 1" CTX OTHER, 2},
		{"SELECT 1" OTHER " ; " CTX, 1},
		{CTX "SELECT 1" OTHER, 2},
		{CTX "SELECT 1 /* note */" OTHER " /* note */", 2},
		{CTX "SELECT 1 /* note */", 1},
		{CTX OTHER, 2},
	};

	(void) state;
	CHECK(cases);
}

/* A comment inside a literal or inside another comment is not a comment. */
static void
test_not_a_comment(void **state)
{
	static const place_case cases[] = {
		{"SELECT '" CTX "'", 0},
		{"SELECT 'a" CTX "' ", 0},
		{"SELECT \"" CTX "\"", 0},
		{"SELECT $$" CTX "$$", 0},
		{"SELECT $tag$" CTX "$tag$;", 0},
		{"SELECT [" CTX "]", 0},
		{"SELECT `" CTX "`", 0},
		{"SELECT 1 -- " CTX, 0},
		{"SELECT 1 --" CTX " /* note */", 0},
		{"SELECT 1 /* note */ -- " CTX, 0},
		{"SELECT 1 " CTX " -- note", 1},
		{"SELECT 1 " CTX ";\n-- a\n-- it's b\n", 1},
		{"SELECT 1; " CTX " -- " OTHER, 1},
		{"SELECT '" CTX " -- '", 0},
		{CTX "SELECT 1 -- " OTHER, 1},
		{"SELECT 1 -- /*\n" CTX, 1},
		{"SELECT 1 -- note\n" CTX, 1},
		{"SELECT 1 -- it's\n" CTX, 1},
		{"SELECT $$/*trace_hmac='h1',trace_info='i1',z='$$ -- '*/", 0},
		{"-- /*trace_hmac='h1',\ntrace_info='i1'*/", 0},

		/* two dashes before it that begin no comment */
		{"SELECT 'a--b' " CTX, 1},
		{"SELECT 'a--b', '/*', 'c''--' " CTX, 1},
		{"SELECT \"a--b\" " CTX, 1},
		{"SELECT $$--$$ " CTX, 1},
		{"SELECT $a$ -- $b$ ' $a$ " CTX, 1},
		{"SELECT $1, '--' " CTX, 1},
		{"SELECT a$b, '--', c$b " CTX, 1},
		{"SELECT E'it\\'s -- ' " CTX, 1},
		{"SELECT e'\\\\' || ' -- ' " CTX, 1},
		{"SELECT type'\\', '--' " CTX, 1},
		{"SELECT /* -- */ 1 " CTX, 1},
		{"SELECT /* /* -- */ ' */ 1 " CTX, 1},

		/* two dashes that begin a comment */
		{"SELECT 'it''s' -- " CTX, 0},
		{"SELECT E'\\'' -- " CTX, 0},
		{"SELECT '\\' -- " CTX, 0},
		{"SELECT $$ ' $$ -- " CTX, 0},
		{"SELECT $a -- " CTX, 0},
		{"SELECT /* ' */ 1 -- " CTX, 0},
		{"SELECT \"'\" -- " CTX, 0},
	};

	(void) state;
	CHECK(cases);
}

static void
test_nested_and_broken(void **state)
{
	static const place_case cases[] = {
		{"SELECT 1 /* outer " CTX " */", 0},
		{"/* outer " CTX " */ SELECT 1", 0},
		{"SELECT 1 " CTX " /* a /* b */ c */", 1},
		{"/* a /* b */ c */ " CTX " SELECT 1", 1},
		{"SELECT 1 /*trace_hmac='h1',trace_info='i1'", 0},
		{"SELECT 1 /*trace_hmac='h1',trace_info='i1'*", 0},
		{"/*trace_hmac='h1',trace_info='i1' SELECT 1", 0},
		{"/* open " CTX " SELECT 1", 0},
		{"SELECT 1 trace_hmac='h1',trace_info='i1'*/", 0},
		{"/*trace_hmac='h1' trace_info='i1'*/", 0},
		{"/*trace_hmac='h1',trace_info='i1',*/", 0},
		{"/*trace_hmac='h1',trace_info='i1*/", 0},
		{"/*trace_hmac='h1',trace_info=i1*/", 0},
		{"/*trace_hmac=\"h1\",trace_info=\"i1\"*/", 0},
		{"/*trace_hmac='h1',trace_info*/", 0},
		{"/*trace_hmac='h1',trace_info=*/", 0},
		{"/*,trace_hmac='h1',trace_info='i1'*/", 0},
		{"/*='x',trace_hmac='h1',trace_info='i1'*/", 0},
		{"/*TRACE_HMAC='h1',TRACE_INFO='i1'*/", 0},
		{"/*a='1'*/ SELECT 1", 0},
	};

	(void) state;
	CHECK(cases);
}

static void
test_forms(void **state)
{
	static const place_case cases[] = {
		{"/* trace_info = 'i1' ,\n\ttrace_hmac\n=\n'h1' */SELECT 1", 1},
		{"/*trace_info='i1',trace_hmac='h1'*/", 1},
		{"/*trace_hmac='%681',trace_info='%69%31'*/", 1},
		{"/*trace_hmac='h%31',trace_info='i\\1'*/", 1},
		{"/*action='%2Fpath%2A',db_driver='x',trace_hmac='h1',"
		 "trace_info='i1',traceparent='00-5bd6-00'*/",
		 1},
		{"/*app='it\\'s %27 -- ''*/", 0},
		{"SELECT 1 /*app='it\\'s -- /',trace_hmac='h1',trace_info='i1'*/", 1},
		{"/*trace_hmac='h2',trace_info='i2',trace_hmac='h1',"
		 "trace_info='i1'*/",
		 1},
	};

	(void) state;
	CHECK(cases);
}

static void
assert_str(osp_str text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	assert_memory_equal(text.ptr, expected, text.len);
}

static void
test_values(void **state)
{
	osp_str info;
	osp_str hmac;

	(void) state;
	assert_true(
		find(OSP_STR("/*trace_info='eyJ%2B%2F%3d=',trace_hmac='%00%zz%4'*/"),
			 &info,
			 &hmac));
	assert_str(info, "eyJ+/==");
	assert_int_equal(hmac.len, 6);
	assert_memory_equal(hmac.ptr, "\0%zz%4", 6);

	/* Only one of the two keys: it is found, so that it can be reported as unsigned. */
	assert_true(find(OSP_STR("SELECT 1/*trace_info='x'*/"), &info, &hmac));
	assert_str(info, "x");
	assert_str(hmac, "");
	assert_true(find(OSP_STR("SELECT 1/*trace_hmac='x'*/"), &info, &hmac));
	assert_str(info, "");
	assert_str(hmac, "x");
	assert_false(
		find(OSP_STR("SELECT 1/*trace_hmac='',trace_info=''*/"), &info, &hmac));
}

/* A context that is too long is found as too long, and is not cut to a valid one. */
static void
test_too_long(void **state)
{
	const size_t size = 64 * 1024;
	char *text = malloc(size + 64);
	osp_keyring *ring = NULL;
	osp_context context;
	osp_str info;
	osp_str hmac;
	size_t len;

	(void) state;
	assert_non_null(text);
	len = (size_t) snprintf(text, size, "SELECT 1 /*trace_info='");
	memset(text + len, 'A', size);
	memcpy(text + len + size, "',trace_hmac='h'*/", 18);
	assert_true(find(osp_str_n(text, len + size + 18), &info, &hmac));
	assert_int_equal(info.len, OSP_TRACE_INFO_MAX + 1);
	assert_str(hmac, "h");

	assert_int_equal(
		osp_keyring_new(&osp_allocator_default, OSP_STR("k"), &ring, NULL),
		OSP_OK);
	assert_int_equal(osp_context_verify(ring, info, hmac, &context),
					 OSP_CTX_TOO_LONG);
	osp_keyring_free(ring);

	memcpy(text + len - 6, "hmac='", 6);
	memcpy(text + len + size, "',trace_info='i'*/", 18);
	assert_true(find(osp_str_n(text, len + size + 18), &info, &hmac));
	assert_int_equal(hmac.len, OSP_TRACE_HMAC_MAX + 1);
	assert_str(info, "i");
	free(text);
}

/* A statement ends at its length, whatever follows it in memory. */
static void
test_part_of_a_string(void **state)
{
	static const char text[] = "SELECT 1; " CTX "SELECT 2 " OTHER "; SELECT 3";
	static char out[OSP_COMMENT_SPACE];
	osp_str info;
	osp_str hmac;

	(void) state;
	assert_false(osp_comment_context(osp_str_n(text, 9), out, &info, &hmac));
	assert_true(
		osp_comment_context(osp_str_n(text + 9, 44), out, &info, &hmac));
	assert_str(info, "i1");
	assert_true(
		osp_comment_context(osp_str_n(text + 9, 80), out, &info, &hmac));
	assert_str(info, "i2");
}

static void
test_round_trip(void **state)
{
	static const char *const ids[] = {"5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20",
									  "a",
									  "ab",
									  "*/ SELECT '--",
									  "é'\"😀"};
	osp_keyring *ring = NULL;
	size_t i;

	(void) state;
	assert_int_equal(
		osp_keyring_new(&osp_allocator_default, OSP_STR("k"), &ring, NULL),
		OSP_OK);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
	{
		char statement[8192] = "SELECT 'x--y' ";
		char *comment = statement + strlen(statement);
		size_t room = sizeof(statement) - strlen(statement);
		osp_headers headers;
		osp_context context;
		osp_id base;
		osp_id parent;
		osp_str info;
		osp_str hmac;
		size_t len;

		assert_true(osp_id_set(&base, osp_str_of(ids[i])));
		assert_true(osp_id_set(&parent, OSP_STR("p")));
		assert_int_equal(osp_context_sign(ring, 0, &base, &parent, &headers),
						 OSP_OK);
		len = osp_comment_write(&headers, comment, room);
		assert_int_equal(len, strlen(comment));
		assert_memory_equal(comment, "/*trace_hmac='", 14);
		assert_memory_equal(comment + len - 3, "'*/", 3);
		assert_true(find(osp_str_of(statement), &info, &hmac));
		assert_str(info, headers.trace_info);
		assert_str(hmac, headers.trace_hmac);
		assert_int_equal(osp_context_verify(ring, info, hmac, &context),
						 OSP_CTX_ACCEPTED);
		assert_true(osp_id_eq(&context.base_id, &base));

		/* There is exactly enough space, and then one byte less. */
		assert_int_equal(osp_comment_write(&headers, comment, len + 1), len);
		assert_int_equal(osp_comment_write(&headers, comment, len), 0);
		assert_int_equal(osp_comment_write(&headers, comment, 0), 0);
	}
	osp_keyring_free(ring);
}

/* A text that consists only of a comment, with or without its comment marks. */
static void
test_pairs(void **state)
{
	static const struct
	{
		const char *text;
		const char *info;
		const char *hmac;
	} cases[] = {
		{"trace_info='i',trace_hmac='h'", "i", "h"},
		{" trace_hmac='h' , other='x', trace_info='%69' ; ", "i", "h"},
		{CTX, "i1", "h1"},
		{" " CTX ";", "i1", "h1"},
		{"trace_info='i'", "i", ""},
		{"other='x'", NULL, NULL},
		{"", NULL, NULL},
		{"/**/", NULL, NULL},
		{"/*/", NULL, NULL},
		{"/*", NULL, NULL},
		{CTX OTHER, NULL, NULL},
		{"SELECT 1 " CTX, NULL, NULL},
		{"trace_info='i',", NULL, NULL},
		{"trace_info='i", NULL, NULL},
		{"trace_info=", NULL, NULL},
	};
	char out[OSP_COMMENT_SPACE];
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_str text = osp_str_of(cases[i].text);
		char *copy = malloc(text.len > 0 ? text.len : 1);
		osp_str info;
		osp_str hmac;
		bool found;

		assert_non_null(copy);
		memcpy(copy, text.ptr, text.len);
		found = osp_comment_pairs(osp_str_n(copy, text.len), out, &info, &hmac);
		free(copy);
		assert_int_equal(found, cases[i].info != NULL);
		assert_str(info, found ? cases[i].info : "");
		assert_str(hmac, found ? cases[i].hmac : "");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_not_a_comment),
		cmocka_unit_test(test_nested_and_broken),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_part_of_a_string),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
