/* SPDX-License-Identifier: Apache-2.0
 *
 * propagate.c
 *	  Sends the trace's context to the server, if that cannot change what the
 *	  program sees.
 *
 * The context is a comment after the statement, on a line of its own: positions
 * and lines in the server's error messages stay the same. Only the parser can
 * meet the comment, when the text ends too early; see end_error.c. No comment is
 * added to
 *	- text that does not end in plain SQL: in an open string, name, block comment
 *	  or dollar quote the comment would be a part of it;
 *	- text that has such a comment already, or has no statement in it;
 *	- text with PREPARE: the server keeps it, so it would name an old parent for
 *	  ever;
 *	- text that ends in broken UTF-8, or in an incomplete character of another
 *	  encoding: the server's message quotes its bytes, and those that follow;
 *	- text in an encoding where a backslash may be a part of a character, or of
 *	  which only the server knows what characters it has (SQL_ASCII);
 *	- anything on a replication connection, where it is a syntax error;
 *	- connections whose program has a PGEventProc, which sees errors before they
 *	  are corrected.
 */
#include "propagate.h"

#include <pthread.h>
#include <stdio.h>

#include "base/parse.h"
#include "sql/sql_text.h"

#define COMMENT_MAX  (OSP_TRACE_INFO_MAX + OSP_HMAC_HEX_LEN + 64)
#define TEXT_MAX     ((size_t) 64 * 1024 * 1024) /* longer ones are not copied */
#define BUFFER_FIRST 1024
#define BUFFER_KEPT  65536 /* a larger buffer is not kept */
#define UTF8_LONGEST 4
#define CHAR_LONGEST 4    /* bytes, in any encoding of a server */
#define SQL_ASCII    0    /* value of PQclientEncoding */
#define OPTIONS_MAX  8000 /* a server accepts 10,000 bytes with names */
#define OPTION_INFO  "-c osprofiler.trace_info="
#define OPTION_HMAC  " -c osprofiler.trace_hmac="

static pthread_once_t once = PTHREAD_ONCE_INIT;
int ospq_by_comment = -1;
static bool by_startup;
static bool by_call;

static const osp_allocator *const alc = &osp_allocator_default;

static void
read_setting(void)
{
	const osp_config *config = osp__hook_config();
	osp_str list = osp_str_of(config != NULL ? config->propagate : "none");

	if (list.len == 0)
		list = OSP_STR("comment,startup");
	by_startup = osp_parse_has_word(list, "startup");
	by_call = osp_parse_has_word(list, "prepared");
	__atomic_store_n(&ospq_by_comment,
					 osp_parse_has_word(list, "comment") ? 1 : 0,
					 __ATOMIC_RELAXED);
}

bool
ospq_tells_prepared(void)
{
	(void) pthread_once(&once, read_setting);
	return by_call;
}

bool
ospq_sends_comments(void)
{
	(void) pthread_once(&once, read_setting);
	return __atomic_load_n(&ospq_by_comment, __ATOMIC_RELAXED) == 1;
}

void
ospq_end_comments(void)
{
	__atomic_store_n(&ospq_by_comment, 0, __ATOMIC_RELAXED);
}

/*
 * Does the text end in plain SQL, and does it have a statement, but no PREPARE?
 * The answer does not depend on standard_conforming_strings.
 */
static bool
has_plain_end(osp_str sql)
{
	bool at_begin = true;
	bool has_statement = false;
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, sql, OSP_SQL_POSTGRES_ANY);
	while (osp_sql_next(&lexer, &token))
	{
		if (token.open)
			return false;
		if (token.kind == OSP_SQL_SPACE || token.kind == OSP_SQL_COMMENT)
			continue;
		if (at_begin && osp_sql_is(&token, "prepare"))
			return false;
		at_begin = token.kind == OSP_SQL_SEMICOLON;
		has_statement |= !at_begin;
	}
	return has_statement;
}

/* Does the text end with a complete character, as far as its last bytes show? */
static bool
ends_whole(const char *sql, size_t len)
{
	size_t tail = len < UTF8_LONGEST ? len : UTF8_LONGEST;
	const char *p = sql + len - tail;
	size_t i;

	for (i = 0; i < tail; i++)
		if ((unsigned char) p[i] >= 0x80)
			break;
	if (i == tail)
		return true;

	/*
	 * From the first byte that begins a character on, all characters must be
	 * complete.
	 */
	while (i < tail && ((unsigned char) p[i] & 0xc0) == 0x80)
		i++;
	while (i < tail)
	{
		unsigned char c = (unsigned char) p[i];
		size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		for (i++; n > 1; n--, i++)
			if (i == tail || ((unsigned char) p[i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/*
 * May a character that begins in the last bytes go beyond them? Each of these
 * bytes is treated as if a character began there, so the answer is also yes for
 * some texts that are complete.
 */
static bool
may_go_on(const ospq_conn *c, osp_str sql)
{
	size_t rest = sql.len < CHAR_LONGEST ? sql.len : CHAR_LONGEST;

	for (; rest > 0; rest--)
	{
		const char *p = sql.ptr + sql.len - rest;

		if ((unsigned char) *p >= 0x80 &&
			(size_t) REAL(PQmblen)(p, REAL(PQclientEncoding)(c->conn)) > rest)
			return true;
	}
	return false;
}

static bool
has_context(osp_str sql)
{
	osp_sql_context context;

	return osp_sql_may_have_context(sql) &&
		   osp_sql_comment_find(sql, OSP_SQL_POSTGRES_ANY, &context) &&
		   (context.info.len > 0 || context.hmac.len > 0);
}

/*
 * Do server, client and this code read the same characters in the text? If not,
 * the position of an error could fall into the comment.
 */
static bool
has_known_encoding(const ospq_conn *c, osp_str sql)
{
	int encoding = REAL(PQclientEncoding)(c->conn);
	size_t i;

	if (encoding != SQL_ASCII && !c->counts_bytes)
		return REAL(pg_valid_server_encoding_id)(encoding) != 0;
	if (REAL(pg_valid_server_encoding_id)(encoding) == 0)
		return false;
	for (i = 0; i < sql.len; i++)
		if ((unsigned char) sql.ptr[i] >= 0x80)
			return false;
	return true;
}

static bool
takes_comment(const ospq_conn *c, osp_str sql)
{
	return sql.len > 0 && sql.len <= TEXT_MAX && c->described &&
		   !c->replication && !c->has_events && ends_whole(sql.ptr, sql.len) &&
		   !may_go_on(c, sql) && !has_context(sql) && has_plain_end(sql) &&
		   has_known_encoding(c, sql);
}

/* Makes room for at least size bytes; false: no memory. */
static bool
reserve(ospq_sent *sent, size_t size)
{
	if (sent->size >= size && sent->size <= BUFFER_KEPT)
		return true;
	osp_free(alc, sent->ptr);
	if (size < BUFFER_FIRST)
		size = BUFFER_FIRST;
	sent->ptr = osp_alloc(alc, size);
	sent->size = sent->ptr != NULL ? size : 0;
	return sent->ptr != NULL;
}

const char *
ospq_comment(ospq_conn *c, ospq_sent *sent, const osp__point *point,
			 const char *sql)
{
	osp_str text = osp_str_of(sql);
	osp_headers headers;
	size_t len;

	(void) pthread_once(&once, read_setting);
	if (ospq_by_comment == 0 || !takes_comment(c, text) ||
		!osp__hook_sign(point, &headers) ||
		!reserve(sent, text.len + 1 + COMMENT_MAX))
		return sql;
	memcpy(sent->ptr, text.ptr, text.len);
	sent->ptr[text.len] = '\n';
	len = osp_comment_write(&headers, sent->ptr + text.len + 1, COMMENT_MAX);
	if (len == 0)
		return sql;
	sent->text_len = text.len;
	sent->len = text.len + 1 + len;
	return sent->ptr;
}

char *
ospq_startup_option(const char *program)
{
	const osp_config *config = osp__hook_config();
	size_t size;
	char *option;

	(void) pthread_once(&once, read_setting);
	if (!by_startup || config == NULL || !osp__hook_adopted())
		return NULL;
	size = strlen(program) + strlen(config->trace_info) +
		   strlen(config->trace_hmac) + sizeof(" " OPTION_INFO OPTION_HMAC);
	option = size <= OPTIONS_MAX ? osp_alloc(alc, size) : NULL;
	if (option == NULL)
		return NULL;
	(void) snprintf(option,
					size,
					OPTION_INFO "%s" OPTION_HMAC "%s%s%s",
					config->trace_info,
					config->trace_hmac,
					program[0] != '\0' ? " " : "",
					program);
	return option;
}

bool
ospq_option_refused(const PGconn *conn)
{
	const char *message;

	if (conn == NULL || REAL(PQstatus)(conn) == CONNECTION_OK)
		return false;

	/*
	 * The whole name of a setting is searched for, since messages also quote
	 * names of databases and roles.
	 */
	message = REAL(PQerrorMessage)(conn);
	return strstr(message, "osprofiler.trace_info") != NULL ||
		   strstr(message, "osprofiler.trace_hmac") != NULL ||
		   strstr(message, "unsupported startup parameter: options") != NULL;
}

bool
ospq_hide_option(PGconn *conn)
{
	char *options = conn != NULL ? REAL(PQoptions)(conn) : NULL;
	char *ours = options != NULL ? strstr(options, OPTION_HMAC) : NULL;

	if (ours == NULL || strncmp(options, OPTION_INFO, strlen(OPTION_INFO)) != 0)
		return false;
	ours += strlen(OPTION_HMAC);
	ours += strcspn(ours, " ");
	ours += *ours == ' ' ? 1 : 0;
	memmove(options, ours, strlen(ours) + 1);
	return true;
}
