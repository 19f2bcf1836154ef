/* SPDX-License-Identifier: Apache-2.0
 *
 * propagate.c
 *	  Telling the server of the trace, where it cannot change what happens.
 *
 * A statement gets a comment behind it, on a line of its own: positions and
 * lines of the server's error messages stay as they are. Only the parser can see
 * the comment, when it reaches the end of the text (see ospq_is_parse_error).
 * No comment is added to
 *	- what has one already, or is nothing but white space;
 *	- PREPARE, whose text is kept and would name a stale parent for ever;
 *	- text that ends in broken UTF-8: the server's message quotes its bytes;
 *	- anything on a replication connection, where it is a syntax error.
 */
#include "propagate.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>

#define COMMENT_MAX  (OSP_TRACE_INFO_MAX + OSP_HMAC_HEX_LEN + 64)
#define BUFFER_KEPT  65536 /* a larger one is not kept for the next statement */
#define UTF8_LONGEST 4
#define OPTION_INFO  "-c osprofiler.trace_info="
#define OPTION_HMAC  " -c osprofiler.trace_hmac="
#define PARSER       "scanner_yyerror"
#define SYNTAX_ERROR "42601"

static pthread_once_t once = PTHREAD_ONCE_INIT;
int ospq_by_comment = -1;
static bool by_startup;
static bool by_call;

static const osp_allocator *const alc = &osp_allocator_default;

static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list != '\0')
	{
		size_t n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
		list += n;
	}
	return false;
}

static void
read_setting(void)
{
	const osp_config *config = osp__hook_config();
	const char *list = config != NULL ? config->propagate : "none";

	if (list[0] == '\0')
		list = "comment,startup";
	by_startup = has_word(list, "startup");
	by_call = has_word(list, "prepared");
	__atomic_store_n(
		&ospq_by_comment, has_word(list, "comment") ? 1 : 0, __ATOMIC_RELAXED);
}

bool
ospq_tells_prepared(void)
{
	(void) pthread_once(&once, read_setting);
	return by_call;
}

/* Past white space and comments, where a statement begins. */
static const char *
skip_to_word(const char *p)
{
	for (;;)
	{
		const char *end;

		while (isspace((unsigned char) *p) || *p == ';')
			p++;
		if (p[0] == '-' && p[1] == '-')
			end = strpbrk(p, "\r\n");
		else if (p[0] == '/' && p[1] == '*')
			end = strstr(p + 2, "*/");
		else
			return p;
		if (end == NULL)
			return p + strlen(p);
		p = *end == '*' ? end + 2 : end;
	}
}

/* Do the last bytes end a character, as far as one can tell? */
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

	/* From the first byte of a character on, whole characters to the end. */
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

static bool
takes_comment(const ospq_conn *c, const char *sql, size_t len)
{
	const char *word;

	if (c->replication || !c->described)
		return false;
	word = skip_to_word(sql);
	if (*word == '\0' || strncasecmp(word, "prepare", 7) == 0)
		return false;
	if (sql[len - 1] == '/' || sql[0] == '/')
	{
		char space[OSP_COMMENT_SPACE];
		osp_str info;
		osp_str hmac;

		if (osp_comment_context(osp_str_n(sql, len), space, &info, &hmac))
			return false;
	}
	return ends_whole(sql, len);
}

/* The connection's buffer, of at least size bytes; NULL: no memory. */
static char *
get_buffer(ospq_conn *c, size_t size)
{
	if (c->sent_size >= size && c->sent_size <= BUFFER_KEPT)
		return c->sent;
	osp_free(alc, c->sent);
	if (size < 1024)
		size = 1024;
	c->sent = osp_alloc(alc, size);
	c->sent_size = c->sent != NULL ? size : 0;
	return c->sent;
}

const char *
ospq_comment(ospq_conn *c, const osp__point *point, const char *sql)
{
	osp_headers headers;
	char *buffer;
	size_t len;

	(void) pthread_once(&once, read_setting);
	c->sent_text_len = 0;
	if (ospq_by_comment == 0)
		return sql;
	len = strlen(sql);
	if (len == 0 || !takes_comment(c, sql, len) ||
		!osp__hook_sign(point, &headers))
		return sql;
	buffer = get_buffer(c, len + 1 + COMMENT_MAX);
	if (buffer == NULL)
		return sql;
	memcpy(buffer, sql, len);
	buffer[len] = '\n';
	if (osp_comment_write(&headers, buffer + len + 1, COMMENT_MAX) == 0)
		return sql;
	c->sent_text_len = len;
	return buffer;
}

bool
ospq_is_parse_error(const PGresult *result)
{
	const char *state;
	const char *function;

	if (REAL(PQresultStatus)(result) != PGRES_FATAL_ERROR)
		return false;
	state = REAL(PQresultErrorField)(result, PG_DIAG_SQLSTATE);
	function = REAL(PQresultErrorField)(result, PG_DIAG_SOURCE_FUNCTION);
	return state != NULL && strcmp(state, SYNTAX_ERROR) == 0 &&
		   function != NULL && strcmp(function, PARSER) == 0 &&
		   REAL(PQresultErrorField)(result, PG_DIAG_STATEMENT_POSITION) !=
			   NULL &&
		   REAL(PQresultErrorField)(result, PG_DIAG_CONTEXT) == NULL;
}

char *
ospq_startup_option(const char *before)
{
	const osp_config *config = osp__hook_config();
	size_t size;
	char *option;

	(void) pthread_once(&once, read_setting);
	if (!by_startup || config == NULL || !osp__hook_adopted())
		return NULL;
	size = strlen(before) + strlen(config->trace_info) +
		   strlen(config->trace_hmac) + sizeof(" " OPTION_INFO OPTION_HMAC);
	option = osp_alloc(alc, size);
	if (option == NULL)
		return NULL;
	(void) snprintf(option,
					size,
					"%s%s" OPTION_INFO "%s" OPTION_HMAC "%s",
					before,
					before[0] != '\0' ? " " : "",
					config->trace_info,
					config->trace_hmac);
	return option;
}

bool
ospq_option_refused(const PGconn *conn)
{
	const char *message;

	if (conn == NULL || REAL(PQstatus)(conn) == CONNECTION_OK)
		return false;
	message = REAL(PQerrorMessage)(conn);
	return strstr(message, "startup parameter") != NULL ||
		   strstr(message, "osprofiler.") != NULL;
}

void
ospq_hide_option(PGconn *conn)
{
	char *options = conn != NULL ? REAL(PQoptions)(conn) : NULL;
	char *ours = options != NULL ? strstr(options, OPTION_INFO) : NULL;

	if (ours == NULL)
		return;
	if (ours > options && ours[-1] == ' ')
		ours--;
	*ours = '\0';
}
