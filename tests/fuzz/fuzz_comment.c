/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_comment.c
 *	  Contexts in SQL comments: the input is a statement.
 *
 * Properties: a context that is found is within its bounds. A comment of
 * osp_comment_write() is found before any statement, and after each statement that
 * leaves no literal or comment open. In a literal no context is found.
 */
#include "fuzz.h"

#include "osprofiler/context.h"
#include "sql/sql_text.h"

#define COMMENT_MAX (OSP_TRACE_INFO_MAX + 128)

static osp_headers headers;
static char comment[COMMENT_MAX];
static size_t comment_len;

int LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	osp_keyring *ring;
	osp_id id;

	(void) argc;
	(void) argv;
	REQUIRE(osp_keyring_new(
				&osp_allocator_default, OSP_STR("key"), &ring, NULL) == OSP_OK);
	REQUIRE(osp_id_set(&id, OSP_STR("5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20")));
	REQUIRE(osp_context_sign(ring, 0, &id, &id, &headers) == OSP_OK);
	osp_keyring_free(ring);
	comment_len = osp_comment_write(&headers, comment, sizeof(comment));
	REQUIRE(comment_len > 0);
	return 0;
}

static bool
find(osp_str statement, osp_str *info, osp_str *hmac)
{
	static char out[OSP_COMMENT_SPACE];
	bool found = osp_comment_context(statement, out, info, hmac);

	REQUIRE(info->len <= OSP_TRACE_INFO_MAX + 1);
	REQUIRE(hmac->len <= OSP_TRACE_HMAC_MAX + 1);
	REQUIRE(found == (info->len > 0 || hmac->len > 0));
	return found;
}

static bool
is_ours(osp_str info, osp_str hmac)
{
	return osp_str_eq(info, osp_str_of(headers.trace_info)) &&
		   osp_str_eq(hmac, osp_str_of(headers.trace_hmac));
}

/* Joins three texts in an allocation of exactly their size. */
static osp_str
join(osp_str a, osp_str b, osp_str c)
{
	char *text = malloc(a.len + b.len + c.len + 1);
	char *p = text;

	REQUIRE(text != NULL);
	p = mempcpy(p, a.ptr, a.len);
	p = mempcpy(p, b.ptr, b.len);
	p = mempcpy(p, c.ptr, c.len);
	return osp_str_n(text, (size_t) (p - text));
}

static void
check_before(osp_str ours, osp_str statement, bool found, osp_str old_info,
			 osp_str old_hmac)
{
	osp_str text = join(ours, OSP_STR(" "), statement);
	osp_str info;
	osp_str hmac;

	REQUIRE(find(text, &info, &hmac));

	/* The last context counts. If it is not ours, the statement itself has it. */
	REQUIRE(is_ours(info, hmac) || (found && osp_str_eq(info, old_info) &&
									osp_str_eq(hmac, old_hmac)));
	free((char *) text.ptr);
}

static void
check_after(osp_str ours, osp_str statement)
{
	osp_str text = join(statement, OSP_STR("\n"), ours);
	osp_str info;
	osp_str hmac;

	if (osp_sql_ends_plain(statement, OSP_SQL_POSTGRES))
	{
		REQUIRE(find(text, &info, &hmac));
		REQUIRE(is_ours(info, hmac));
	}
	free((char *) text.ptr);
}

/* Inside a literal or a line comment no context is found. */
static void
check_hidden(osp_str ours)
{
	osp_str literal = join(OSP_STR("SELECT '"), ours, OSP_STR("'"));
	osp_str line = join(OSP_STR("SELECT 1 -- "), ours, OSP_STR(" "));
	osp_str info;
	osp_str hmac;

	REQUIRE(!find(literal, &info, &hmac));
	REQUIRE(!find(line, &info, &hmac));
	free((char *) literal.ptr);
	free((char *) line.ptr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	osp_str statement = osp_str_n(copy, size);
	osp_str ours = osp_str_n(comment, comment_len);
	char old_info_text[OSP_TRACE_INFO_MAX + 1];
	char old_hmac_text[OSP_TRACE_HMAC_MAX + 1];
	osp_str info;
	osp_str hmac;
	bool found = find(statement, &info, &hmac);

	memcpy(old_info_text, info.ptr, info.len);
	memcpy(old_hmac_text, hmac.ptr, hmac.len);
	check_before(ours,
				 statement,
				 found,
				 osp_str_n(old_info_text, info.len),
				 osp_str_n(old_hmac_text, hmac.len));
	check_after(ours, statement);
	check_hidden(ours);
	free(copy);
	return 0;
}
