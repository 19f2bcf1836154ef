/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_text.c
 *	  The text of a statement: its part of the query string, the context in its
 *	  comments, the text to record, its form in UTF-8.
 *
 * PostgreSQL converts between encodings with functions from the catalog, which take
 * locks and raise errors. So a text that is not UTF-8 is converted by iconv here;
 * characters without an equivalent become question marks.
 */
#include "pgosp.h"

#include <errno.h>
#include <iconv.h>

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "parser/parser.h"

/* A record may take a quarter of the ring; text gets half of that. */
#define RING_SHARE 8

/* The start of the transaction of which a statement may hold a secret; 0: there is
 * none. */
static TimestampTz masked_transaction = 0;

void
pgosp_transaction_mask(void)
{
	masked_transaction = GetCurrentTransactionStartTimestamp();
}

bool
pgosp_transaction_is_masked(void)
{
	return masked_transaction != 0 &&
		   masked_transaction == GetCurrentTransactionStartTimestamp();
}

size_t
pgosp_text_limit(void)
{
	size_t share = (size_t) pgosp_ring_size_kb * 1024 / RING_SHARE;

	return Min((size_t) pgosp_max_statement_length, share);
}

static osp_str
trim(const char *begin, const char *end)
{
	while (begin < end && osp_sql_is_space(*begin))
		begin++;
	while (end > begin && osp_sql_is_space(end[-1]))
		end--;
	return osp_str_n(begin, (size_t) (end - begin));
}

osp_str
pgosp_text_of_statement(const char *string, int location, int length)
{
	const char *begin = string + Max(location, 0);
	const char *end = length > 0 ? begin + length : begin + strlen(begin);
	osp_str text = trim(begin, end);

	/* The semicolon does not belong to the text, whether the parser has seen it or
	 * not. */
	while (text.len > 0 && text.ptr[text.len - 1] == ';')
		text = trim(text.ptr, text.ptr + text.len - 1);
	return text;
}

/* Skips to the end of the parenthesis that was just opened. */
static void
skip_parenthesis(osp_sql_lexer *lexer)
{
	osp_sql_token token;
	int depth = 1;

	while (depth > 0 && osp_sql_next_word(lexer, &token))
		if (token.kind == OSP_SQL_OTHER)
			depth += (token.text.ptr[0] == '(') - (token.text.ptr[0] == ')');
}

osp_str
pgosp_text_behind_prepare(osp_str text)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, OSP_SQL_POSTGRES_ANY);
	if (!osp_sql_next_word(&lexer, &token) || !osp_sql_is(&token, "prepare") ||
		!osp_sql_next_word(&lexer, &token) || /* the name */
		!osp_sql_next_word(&lexer, &token))
		return text;
	if (token.kind == OSP_SQL_OTHER && token.text.ptr[0] == '(')
	{
		skip_parenthesis(&lexer);
		if (!osp_sql_next_word(&lexer, &token))
			return text;
	}
	if (!osp_sql_is(&token, "as") || !osp_sql_next_word(&lexer, &token))
		return text;
	return osp_str_n(token.text.ptr,
					 text.len - (size_t) (token.text.ptr - text.ptr));
}

/* The dialect in which the text of the client is read. */
static osp_sql_dialect
dialect(void)
{
	return standard_conforming_strings ? OSP_SQL_POSTGRES
									   : OSP_SQL_POSTGRES_BACKSLASH;
}

/*
 * The contexts in the comments at the ends of a string with several statements. They
 * are read for the first statement and kept for the others: to read them for each would
 * take time that grows with the square of the number of statements.
 */
static struct
{
	const char *string;
	TimestampTz sent;
	int location;      /* of the last statement that was looked up */
	const char *begin; /* start of its text, with the comments before it */
	bool read;
	osp_verdict found;
	char space[OSP_COMMENT_SPACE];
	osp_str info;
	osp_str hmac;
	osp__loose_traceparent traceparent;
} whole;

/* Notes which string is read. It is the same as before if the message is the same and
 * its statements come in order. */
static void
whole_is(const char *string, int location)
{
	TimestampTz sent = GetCurrentStatementStartTimestamp();

	if (whole.string != string || whole.sent != sent ||
		whole.location > location)
	{
		whole.string = string;
		whole.sent = sent;
		whole.begin = string;
		whole.read = false;
	}
	whole.location = location;
}

static osp_verdict
context_of_whole(osp_str *info, osp_str *hmac,
				 osp__loose_traceparent *traceparent)
{
	if (!whole.read)
		whole.found = osp__comment_read(osp_str_of(whole.string),
										dialect(),
										whole.space,
										&whole.info,
										&whole.hmac,
										&whole.traceparent);
	whole.read = true;
	*info = whole.info;
	*hmac = whole.hmac;
	traceparent->value = whole.traceparent.value;
	return whole.found;
}

osp_verdict
pgosp_text_context(const char *string, int location, int length, char *space,
				   osp_str *info, osp_str *hmac,
				   osp__loose_traceparent *traceparent)
{
	const char *begin = string + Max(location, 0);
	osp_str own = osp_str_n(
		begin, length > 0 ? strnlen(begin, (size_t) length) : strlen(begin));
	osp_verdict found;

	whole_is(string, location);
	if (PGOSP_LOCATION_SKIPS_COMMENTS && location > 0)
	{
		begin = osp_sql_last_statement(
			osp_str_n(whole.begin, (size_t) (own.ptr - whole.begin)),
			dialect());
		own = osp_str_n(begin, (size_t) (own.ptr - begin) + own.len);
		whole.begin = begin;
	}
	found = osp__comment_read(own, dialect(), space, info, hmac, traceparent);
	if (found != OSP_CTX_NONE || traceparent->value.len > 0 ||
		(location <= 0 && length <= 0))
		return found;
	return context_of_whole(info, hmac, traceparent);
}

bool
pgosp_text_is_secret(osp_str text)
{
	bool inside;

	text = osp_sql_comment_trim(text, OSP_SQL_POSTGRES_ANY, false, &inside);
	return osp_sql_secret(text, OSP_SQL_POSTGRES_ANY) >= OSP_SQL_SECRET;
}

/*
 * The text may be older than the present setting of standard_conforming_strings, so a
 * string literal that could end in two places is treated as not ending at all.
 */
void
pgosp_text_record(osp_str text, bool broken, bool masked, bool built,
				  osp_sql_recorded *recorded)
{
	static osp_sql_space space = {NULL, 0};
	osp_sql_recording how = {
		.dialect = OSP_SQL_POSTGRES_ANY,
		.detail = (osp_statement_text) pgosp_statement_text,
		.traceparents = pgosp_accept_traceparent,
		.masked = masked,
		.broken = broken,
		.parsed = !broken,
		.built = built,
	};

	osp_sql_record(text, &how, pgosp_text_limit(), &space, recorded);
	recorded->text = pgosp_text_utf8(recorded->text, pgosp_text_limit());
}

/* Converted to UTF-8, a character grows at most by this factor. */
#define UTF8_GROWTH 4

static osp_sql_message_rules
message_rules(bool masked)
{
	return (osp_sql_message_rules){
		.dialect = OSP_SQL_POSTGRES,
		.masked = masked,
		.values = pgosp_text_client_has_values(),
		.hide_values = pgosp_hide_params,
		.hide_text = pgosp_statement_text != OSP_STATEMENT_FULL,
	};
}

osp_str
pgosp_text_message(osp_str message, osp_sql_origin origin, bool masked,
				   char *space, size_t size)
{
	osp_sql_message_rules rules = message_rules(masked);

	return osp_sql_message(
		pgosp_text_utf8(message, size), origin, &rules, space, size);
}

osp_str
pgosp_text_detail(const char *detail, const char *sqlstate,
				  osp_sql_origin origin, bool masked, char *space, size_t size)
{
	osp_sql_message_rules rules = message_rules(masked);
	osp_str text = osp_str_of(detail);

	/* The conversion would cut the text, and the rules cannot judge what was cut
	 * off. */
	if (text.len > PGOSP_ERROR_MAX / UTF8_GROWTH)
		return OSP_STR("");
	return osp_sql_detail(pgosp_text_utf8(text, PGOSP_ERROR_MAX),
						  sqlstate,
						  origin,
						  &rules,
						  space,
						  size);
}

/* The session's converter; (iconv_t) -1 if iconv does not know the encoding. */
static iconv_t
converter(void)
{
	static iconv_t handle = (iconv_t) -1;
	static bool tried = false;

	if (!tried)
	{
		const char *name = pgosp_iconv_name(GetDatabaseEncoding());

		tried = true;
		if (name != NULL)
			handle = iconv_open("UTF-8", name);
	}
	return handle;
}

/* Converts as much as fits into size bytes at out; returns the length. */
static size_t
convert(iconv_t handle, osp_str text, char *out, size_t size)
{
	char *from = unconstify(char *, text.ptr);
	size_t left = text.len;
	char *to = out;
	size_t room = size;

	(void) iconv(handle, NULL, NULL, NULL, NULL);
	while (left > 0 && iconv(handle, &from, &left, &to, &room) == (size_t) -1)
	{
		if (errno == E2BIG || room == 0)
			break;
		/* EILSEQ, or EINVAL at the end of a text that was cut: skip one byte. */
		*to++ = '?';
		room--;
		from++;
		left--;
	}
	return (size_t) (to - out);
}

/* A buffer that grows to the largest size that was asked for; NULL: there is no
 * memory. */
static char *
conversion_space(size_t size)
{
	static char *space = NULL;
	static size_t have = 0;

	if (size > have)
	{
		char *grown = osp_realloc(&osp_allocator_default, space, size);

		if (grown == NULL)
			return NULL;
		space = grown;
		have = size;
	}
	return space;
}

osp_str
pgosp_text_utf8(osp_str text, size_t max)
{
	int encoding = GetDatabaseEncoding();
	char *space;
	size_t size;

	if (text.len == 0 || encoding == PG_UTF8 || encoding == PG_SQL_ASCII ||
		converter() == (iconv_t) -1)
		return osp_str_n(text.ptr, osp_utf8_prefix(text, max));

	/* In no encoding of PostgreSQL does one byte become more than four in UTF-8. */
	size = Min(max, text.len * 4);
	space = conversion_space(size + 1);
	if (space == NULL)
		return osp_str_n(text.ptr, 0);
	return osp_str_n(space, convert(converter(), text, space, size));
}
