/* SPDX-License-Identifier: Apache-2.0
 *
 * test_json.c
 *	  Strings, doubles and whole texts in the bytes of json.dumps. Python 3.11 has
 *	  printed the expected texts.
 */
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "failing_alloc.h"
#include "osprofiler/json.h"

#define BUF_MAX ((size_t) 1 << 24)

static void
assert_text(const osp_buf *buf, const char *expected)
{
	assert_int_equal(osp_buf_status(buf), OSP_OK);
	assert_string_equal(buf->ptr, expected);
	assert_int_equal(buf->len, strlen(expected));
}

static void
assert_string(osp_str text, const char *expected)
{
	osp_buf buf;

	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	osp_json_string(&buf, text);
	assert_text(&buf, expected);
	osp_buf_term(&buf);
}

static void
test_strings(void **state)
{
	(void) state;
	assert_string(OSP_STR(""), "\"\"");
	assert_string(OSP_STR("SELECT 1"), "\"SELECT 1\"");
	assert_string(OSP_STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
	assert_string(OSP_STR("\b\f\n\r\t\x01\x1f\x7f"),
				  "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"");
	assert_string(OSP_STR("a\0b"), "\"a\\u0000b\"");
	assert_string(OSP_STR("é ж € \xf0\x9f\x98\x80"),
				  "\"\\u00e9 \\u0436 \\u20ac \\ud83d\\ude00\"");
	assert_string(OSP_STR("\xed\xa0\x80"), "\"\\ud800\"");
	assert_string(OSP_STR("a\xff\xe2\x82z"), "\"a\\ufffd\\ufffdz\"");
}

/* There is enough room from the beginning, or the buffer grows once or many times. */
static void
test_long_strings(void **state)
{
	size_t len;

	(void) state;
	for (len = 1; len < 3000; len += 37)
	{
		char *text = malloc(len);
		osp_buf buf;
		size_t i;

		assert_non_null(text);
		memset(text, '\x01', len);
		osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
		osp_json_string(&buf, osp_str_n(text, len));
		assert_int_equal(buf.len, 6 * len + 2);
		for (i = 1; i + 1 < buf.len; i += 6)
			assert_memory_equal(buf.ptr + i, "\\u0001", 6);
		osp_buf_term(&buf);
		free(text);
	}
}

static void
test_string_does_not_fit(void **state)
{
	osp_buf buf;

	(void) state;
	osp_buf_init(&buf, &osp_allocator_default, 10);
	osp_json_string(&buf, OSP_STR("12345678"));
	assert_text(&buf, "\"12345678\"");
	osp_buf_reset(&buf);
	osp_json_string(&buf, OSP_STR("123456789"));
	assert_int_equal(osp_buf_status(&buf), OSP_EFULL);
	osp_buf_term(&buf);
}

static void
assert_double(double value, const char *expected)
{
	osp_buf buf;

	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	osp_json_double(&buf, value);
	assert_text(&buf, expected);
	osp_buf_term(&buf);
}

static void
test_doubles(void **state)
{
	(void) state;
	assert_double(0.0, "0.0");
	assert_double(-0.0, "-0.0");
	assert_double(1.0, "1.0");
	assert_double(-1.5, "-1.5");
	assert_double(0.1, "0.1");
	assert_double(1.0 / 3, "0.3333333333333333");
	assert_double(100.0, "100.0");
	assert_double(123456.789, "123456.789");
	assert_double(1e-4, "0.0001");
	assert_double(1e-5, "1e-05");
	assert_double(2.5e-7, "2.5e-07");
	assert_double(1e15, "1000000000000000.0");
	assert_double(9007199254740993.0, "9007199254740992.0");
	assert_double(1e16, "1e+16");
	assert_double(1.5e16, "1.5e+16");
	assert_double(1e22, "1e+22");
	assert_double(1e23, "1e+23");
	assert_double(5e-324, "5e-324");
	assert_double(2.2250738585072014e-308, "2.2250738585072014e-308");
	assert_double(1.7976931348623157e308, "1.7976931348623157e+308");
	assert_double(5.684341886080802e-14, "5.684341886080802e-14");
	assert_double(NAN, "null");
	assert_double(INFINITY, "null");
	assert_double(-INFINITY, "null");
}

/* A double that was written is read as the same bits. */
static void
test_doubles_round_trip(void **state)
{
	unsigned i;

	(void) state;
	srand(1);
	for (i = 0; i < 100000; i++)
	{
		uint64_t bits = (uint64_t) rand() << 42 ^ (uint64_t) rand() << 21 ^
						(uint64_t) rand();
		double value;
		double back;
		osp_buf buf;

		memcpy(&value, &bits, sizeof(value));
		if (!isfinite(value))
			continue;
		osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
		osp_json_double(&buf, value);
		back = strtod(buf.ptr, NULL);
		assert_memory_equal(&value, &back, sizeof(value));
		assert_true(buf.len <= 24);
		osp_buf_term(&buf);
	}
}

static void
assert_rewrite_str(osp_str json, int indent, int level, const char *expected)
{
	osp_buf buf;

	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	osp_buf_add_char(&buf, '>');
	assert_int_equal(osp_json_rewrite(&buf, json, indent, level), OSP_OK);
	assert_string_equal(buf.ptr + 1, expected);
	assert_int_equal(buf.len, strlen(expected) + 1);
	osp_buf_term(&buf);
}

static void
assert_rewrite(const char *json, const char *expected)
{
	assert_rewrite_str(osp_str_of(json), -1, 0, expected);
}

static void
test_rewrite(void **state)
{
	(void) state;
	assert_rewrite("1", "1");
	assert_rewrite(" null ", "null");
	assert_rewrite("[]", "[]");
	assert_rewrite("{ }", "{}");
	assert_rewrite("[1,2 , 3]", "[1, 2, 3]");
	assert_rewrite("{\"a\":1,\"b\":[true,false,null,{}]}",
				   "{\"a\": 1, \"b\": [true, false, null, {}]}");
	assert_rewrite("\n{\t\"a\"\r:\"b\"}\n", "{\"a\": \"b\"}");
}

static void
test_rewrite_keeps_digits(void **state)
{
	(void) state;
	assert_rewrite("[1.50, 1e5, -0, 12345678901234567890123, 1E+05]",
				   "[1.50, 1e5, -0, 12345678901234567890123, 1E+05]");
	assert_rewrite("[NaN,Infinity,-Infinity]", "[NaN, Infinity, -Infinity]");
}

static void
test_rewrite_strings(void **state)
{
	(void) state;
	assert_rewrite("\"\\/\\u0041\\u00E9\\uD83D\\uDE00\"",
				   "\"/A\\u00e9\\ud83d\\ude00\"");
	assert_rewrite("\"\\u0008\\u000a\\u001F\\u007f\\u0022\\u005c\"",
				   "\"\\b\\n\\u001f\\u007f\\\"\\\\\"");
	assert_rewrite("\"é\xf0\x9f\x98\x80\x7f\"",
				   "\"\\u00e9\\ud83d\\ude00\\u007f\"");
	assert_rewrite("{\"\\u0061\":1}", "{\"a\": 1}");

	/* Python accepts lone surrogates. Bytes that are not UTF-8 are invalid everywhere. */
	assert_rewrite("\"\\ud800x\\udc00\"", "\"\\ud800x\\udc00\"");
	assert_rewrite("\"\\uD83D\\uD83D\\uDE00\"", "\"\\ud83d\\ud83d\\ude00\"");
	assert_rewrite("\"\\\\ud800\"", "\"\\\\ud800\"");
	assert_rewrite("\"\xff\xed\xa0\x80\"", "\"\\ufffd\\ud800\"");
}

/* As in Python, a repeated member has the place of the first one and the value of the
 * last one. */
static void
test_rewrite_duplicates(void **state)
{
	char many[4096] = "{";
	char expected[4096] = "{";
	int i;

	(void) state;
	assert_rewrite("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\": 3, \"b\": 2}");
	assert_rewrite("[{\"a\":{\"x\":1,\"x\":[{}]},\"\\u0061\":{\"y\":0,\"y\":"
				   "\"\xc3\xa9\"}}]",
				   "[{\"a\": {\"y\": \"\\u00e9\"}}]");
	assert_rewrite("{\"\\ud800\":[],\"\\uD800\":1}", "{\"\\ud800\": 1}");

	/* In objects with many members, names are searched by another algorithm. */
	for (i = 0; i < 200; i++)
	{
		size_t len = strlen(many);

		(void) snprintf(many + len,
						sizeof(many) - len,
						"%s\"k%d\": %d",
						i > 0 ? ", " : "",
						i % 150,
						i);
	}
	for (i = 0; i < 150; i++)
	{
		size_t len = strlen(expected);

		(void) snprintf(expected + len,
						sizeof(expected) - len,
						"%s\"k%d\": %d",
						i > 0 ? ", " : "",
						i,
						i < 50 ? i + 150 : i);
	}
	strncat(many, "}", sizeof(many) - strlen(many) - 1);
	strncat(expected, "}", sizeof(expected) - strlen(expected) - 1);
	assert_rewrite(many, expected);
}

static void
test_rewrite_indent(void **state)
{
	osp_str json = OSP_STR("{\"a\":[1,{}],\"b\":{\"c\":[]}}");

	(void) state;
	assert_rewrite_str(json,
					   2,
					   0,
					   "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n"
					   "    \"c\": []\n  }\n}");
	assert_rewrite_str(
		json, 0, 0, "{\n\"a\": [\n1,\n{}\n],\n\"b\": {\n\"c\": []\n}\n}");
	assert_rewrite_str(OSP_STR("[1]"), 3, 2, "[\n         1\n      ]");
	assert_rewrite_str(OSP_STR("[1,{}]"), 2, 100000, "[1,{}]");
}

static void
assert_refused_str(osp_str json)
{
	osp_buf buf;
	size_t count;

	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	osp_buf_add_char(&buf, '>');
	assert_int_equal(osp_json_rewrite(&buf, json, -1, 0), OSP_EPROTO);
	assert_text(&buf, ">");
	assert_int_equal(osp_json_members(&buf, json, &count), OSP_EPROTO);
	assert_text(&buf, ">");
	osp_buf_term(&buf);
}

/* Python's json.loads refuses all of these, too. */
static void
test_refused(void **state)
{
	static const char *const texts[] = {"",
										" ",
										"{",
										"[1,]",
										"{\"a\":1,}",
										"{\"a\"}",
										"{a:1}",
										"'a'",
										"01",
										"1.",
										".5",
										"+1",
										"1e",
										"tru",
										"True",
										"nan",
										"-NaN",
										"inf",
										"Inf",
										"infinity",
										"[-inf]",
										"[nan]",
										"\"a",
										"\"\\x\"",
										"\"\\u12\"",
										"\"\\ud8\"",
										"\"a\x01\"",
										"\"a\nb\"",
										"1 2",
										"{} {}",
										"\"\\",
										"\"\\ud800",
										"\xef\xbb\xbf{}",
										"// 1\n1",
										"[\"\\ud800\\u\"]",
										"\"\\ud800\n\"",
										"\xff",
										"\"\xff",
										"[\"\xff\x01\"]"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused_str(osp_str_of(texts[i]));
	assert_refused_str(OSP_STR("[1]\0"));
	assert_refused_str(OSP_STR("\"a\0b\""));
}

static void
test_depth(void **state)
{
	char deep[2 * (OSP_JSON_DEPTH_MAX + 1)];

	(void) state;
	memset(deep, '[', OSP_JSON_DEPTH_MAX);
	memset(deep + OSP_JSON_DEPTH_MAX, ']', OSP_JSON_DEPTH_MAX);
	deep[sizeof(deep) - 2] = '\0';
	assert_rewrite(deep, deep);
	memset(deep, '[', OSP_JSON_DEPTH_MAX + 1);
	memset(deep + OSP_JSON_DEPTH_MAX + 1, ']', OSP_JSON_DEPTH_MAX + 1);
	assert_refused_str(osp_str_n(deep, sizeof(deep)));
}

static void
assert_members(const char *json, size_t count, const char *expected)
{
	osp_buf buf;
	size_t found = 99;

	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	osp_buf_add_char(&buf, '>');
	assert_int_equal(osp_json_members(&buf, osp_str_of(json), &found), OSP_OK);
	assert_int_equal(found, count);
	assert_string_equal(buf.ptr + 1, expected);
	osp_buf_term(&buf);
}

static void
test_members(void **state)
{
	osp_buf buf;
	size_t count;

	(void) state;
	assert_members("{}", 0, "");
	assert_members(" { \"a\" : 1 } ", 1, "\"a\": 1");
	assert_members("{\"a\":{\"b\":[1,2]}, \"c\" :\"\\u00E9\"}",
				   2,
				   "\"a\": {\"b\": [1, 2]}, \"c\": \"\\u00e9\"");
	assert_members(
		"{\"\":null,\"\\\"\":[{}]\n}", 2, "\"\": null, \"\\\"\": [{}]");
	assert_members("{\"a\":1,\"a\":2}", 1, "\"a\": 2");
	assert_members("{\"a\":\"\\\\\",\"b\":\"\\\"}\"}",
				   2,
				   "\"a\": \"\\\\\", \"b\": \"\\\"}\"");

	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	assert_int_equal(osp_json_members(&buf, OSP_STR("[1]"), &count),
					 OSP_EPROTO);
	assert_int_equal(count, 0);
	osp_buf_term(&buf);
}

/* The text is larger than the reader's memory on the stack, so that the reader
 * allocates, too. */
static osp_status
work(const osp_allocator *alc)
{
	osp_buf large;
	osp_buf buf;
	osp_status status;
	size_t count;
	int i;

	osp_buf_init(&large, alc, BUF_MAX);
	osp_buf_init(&buf, alc, BUF_MAX);
	osp_buf_add_str(&large, OSP_STR("[\"\\ud800\", {\"x\": 1, \"x\": 2}"));
	for (i = 0; i < 2000; i++)
		osp_buf_add_str(&large, OSP_STR(", 1"));
	osp_buf_add_str(&large, OSP_STR("]"));
	status = osp_buf_status(&large);
	if (status == OSP_OK)
		status = osp_json_rewrite(&buf, osp_buf_str(&large), 2, 0);
	if (status == OSP_OK)
		status = osp_json_members(&buf, OSP_STR("{\"a\":1,\"a\":2}"), &count);
	osp_buf_term(&large);
	osp_buf_term(&buf);
	return status;
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_status status = work(&fa.alc);

		failing_alloc_check(&fa, status);
	}
}

static void
test_full(void **state)
{
	osp_buf buf;

	(void) state;
	osp_buf_init(&buf, &osp_allocator_default, 100);
	assert_int_equal(
		osp_json_rewrite(
			&buf,
			OSP_STR("[\"0123456789012345678901234567890123456789\","
					"\"0123456789012345678901234567890123456789\","
					"\"0123456789012345678901234567890123456789\"]"),
			-1,
			0),
		OSP_EFULL);
	assert_int_equal(buf.len, 0);
	osp_buf_term(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_string_does_not_fit),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_doubles_round_trip),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_rewrite_keeps_digits),
		cmocka_unit_test(test_rewrite_strings),
		cmocka_unit_test(test_rewrite_duplicates),
		cmocka_unit_test(test_rewrite_indent),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
