/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_sql.c
 *	  Recording of statements: the first byte of the input selects the options, the rest
 *	  is the statement.
 *
 * Properties: the tokens together are the text, byte for byte. A text that was masked,
 * normalized or cut does not change if it is recorded again, unless the rest looks like
 * another statement with more to hide. No comment with a signature is left. A string
 * constant after "password" is masked if the text before it ends in plain SQL. Valid
 * UTF-8 stays valid. No limit of size is exceeded.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "sql/sql_text.h"

#define SECRET "LEAKLEAK"

static bool
is_utf8(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;
	unsigned len;

	for (; p < end; p += len)
		if (osp__utf8_decode(p, end, &len) == OSP__UTF8_INVALID)
			return false;
	return true;
}

static void
check_tokens(osp_str text, osp_sql_dialect dialect)
{
	const char *expected = text.ptr;
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
	{
		REQUIRE(token.text.ptr == expected && token.text.len > 0);
		expected += token.text.len;
		REQUIRE(!token.open || expected == text.ptr + text.len);
	}
	REQUIRE(expected == text.ptr + text.len);
}

static bool
has_signature(osp_str text, osp_sql_dialect dialect)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
		if (token.kind == OSP_SQL_COMMENT &&
			osp_sql_holds(token.text, "trace_hmac"))
			return true;
	return false;
}

static void
check_record(osp_str text, const osp_sql_recording *how, size_t max)
{
	osp_sql_space space = {NULL, 0};
	osp_sql_space other = {NULL, 0};
	osp_sql_recorded first;
	osp_sql_recorded again;

	osp_sql_record(text, how, max, &space, &first);
	REQUIRE(first.full_len <= text.len);
	REQUIRE(!is_utf8(text) || is_utf8(first.text));
	REQUIRE(!has_signature(first.text, how->dialect));
	if (!how->broken && max >= text.len)
	{
		osp_sql_record(first.text, how, first.text.len, &other, &again);
		REQUIRE(osp_str_eq(first.text, again.text) ||
				again.secrecy > first.secrecy);
	}
	osp_sql_space_free(&space);
	osp_sql_space_free(&other);
}

static void
check_sizes(osp_str text, osp_sql_dialect dialect, size_t size)
{
	char *out = malloc(size > 0 ? size : 1);

	REQUIRE(out != NULL);
	REQUIRE(osp_sql_mask(text, dialect, OSP_SQL_SENSITIVE, out, size) <= size);
	REQUIRE(osp_sql_normalize(text, dialect, OSP_SQL_SECRET, out, size) <=
			size);
	free(out);
}

/* If a secret is appended to the text where a string may be, the output does not
 * contain it. */
static void
check_secret(osp_str text, const osp_sql_recording *how)
{
	static const char behind[] = "\nALTER ROLE r PASSWORD '" SECRET "'";
	size_t len = text.len + sizeof(behind) - 1;
	osp_sql_space space = {NULL, 0};
	osp_sql_recorded out;
	char *whole;

	if (!osp_sql_ends_plain(text, how->dialect) ||
		memmem(text.ptr, text.len, SECRET, sizeof(SECRET) - 1) != NULL)
		return;
	whole = malloc(len);
	REQUIRE(whole != NULL);
	memcpy(mempcpy(whole, text.ptr, text.len), behind, sizeof(behind) - 1);
	osp_sql_record(osp_str_n(whole, len), how, len, &space, &out);
	REQUIRE(memmem(out.text.ptr, out.text.len, SECRET, sizeof(SECRET) - 1) ==
			NULL);
	osp_sql_space_free(&space);
	free(whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t flags = size > 0 ? data[0] : 0;
	char *copy = fuzz_copy(data + (size > 0), size - (size > 0));
	osp_str text = osp_str_n(copy, size - (size > 0));
	osp_sql_recording how = {
		.dialect = (osp_sql_dialect) (flags & 3),
		.detail = (osp_statement_text) (flags >> 2 & 3) % 3,
		.traceparents = (flags & 16) != 0,
		.masked = (flags & 32) != 0,
		.broken = (flags & 64) != 0,
		.built = (flags & 128) != 0,
	};

	check_tokens(text, how.dialect);
	check_record(text, &how, text.len);
	check_record(text, &how, text.len / 2);
	check_sizes(text, how.dialect, text.len / 3);
	check_secret(text, &how);
	free(copy);
	return 0;
}
