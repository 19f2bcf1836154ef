/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_message.c
 *	  Messages of errors without values of parameters and without secrets.
 *
 * PostgreSQL quotes what a message names. Whether that is a name of the schema or
 * a value is known by the class of the SQLSTATE: errors in data (22), and those
 * that functions and other servers raise in their own words, quote values.
 */
#include "sql/sql_text.h"


#define HIDDEN OSP_STR("\"?\"")
#define MASKED OSP_STR("***")

/* Quotation marks of the languages that PostgreSQL speaks, besides ' and ". */
static const char *const marks[] = {
	"\xc2\xab",
	"\xc2\xbb", /* guillemets */
	"\xe2\x80\x98",
	"\xe2\x80\x99",
	"\xe2\x80\x9a", /* single */
	"\xe2\x80\x9c",
	"\xe2\x80\x9d",
	"\xe2\x80\x9e", /* double */
	"\xe2\x80\xb9",
	"\xe2\x80\xba", /* single guillemets */
	"\xe3\x80\x8c",
	"\xe3\x80\x8d",
	"\xe3\x80\x8e",
	"\xe3\x80\x8f", /* corners */
};

/* The length of the quotation mark at p, 0 if there is none. */
static size_t
mark_at(const char *p, const char *end)
{
	size_t i;

	if (*p == '"' || *p == '\'' || *p == '`')
		return 1;
	if ((unsigned char) *p < 0x80)
		return 0;
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
	{
		size_t len = strlen(marks[i]);

		if ((size_t) (end - p) >= len && memcmp(p, marks[i], len) == 0)
			return len;
	}
	return 0;
}

/* Is what stands behind the last quotation mark free of values? */
static bool
is_harmless(osp_str tail)
{
	size_t i;

	for (i = 0; i < tail.len; i++)
		if (tail.ptr[i] == ':' || (tail.ptr[i] >= '0' && tail.ptr[i] <= '9'))
			return false;
	return true;
}

static size_t
append(char *space, size_t len, size_t size, osp_str text)
{
	size_t room = size - len;

	if (text.len > room)
		text.len = osp_utf8_prefix(text, room);
	memmove(space + len, text.ptr, text.len);
	return len + text.len;
}

/* All from the first quotation mark to the last one becomes one "?". */
static osp_str
without_quoted(osp_str message, char *space, size_t size)
{
	const char *end = message.ptr + message.len;
	const char *first = NULL;
	const char *behind = NULL;
	const char *p;
	size_t len;
	osp_str tail;

	for (p = message.ptr; p < end; p++)
	{
		size_t mark = mark_at(p, end);

		if (mark == 0)
			continue;
		if (first == NULL)
			first = p;
		behind = p + mark;
	}
	if (first == NULL)
		return message;
	tail = osp_str_n(behind, (size_t) (end - behind));
	len = append(
		space, 0, size, osp_str_n(message.ptr, (size_t) (first - message.ptr)));
	len = append(space, len, size, HIDDEN);
	if (is_harmless(tail))
		len = append(space, len, size, tail);
	return osp_str_n(space, len);
}

/* Is the message in words that a function or another server chose? */
static bool
is_in_own_words(osp_str sqlstate)
{
	static const char classes[][3] = {"P0", "38", "39", "2F", "HV"};
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (sqlstate.len >= 2 && memcmp(sqlstate.ptr, classes[i], 2) == 0)
			return true;
	return false;
}

static bool
is_class(osp_str sqlstate, const char *class)
{
	return sqlstate.len >= 2 && memcmp(sqlstate.ptr, class, 2) == 0;
}

/* SQLite names what it found behind a colon, without quotes. */
static osp_str
before_colon(osp_str message)
{
	const char *colon = memchr(message.ptr, ':', message.len);

	if (colon != NULL)
		message.len = (size_t) (colon - message.ptr);
	return message;
}

osp_str
osp_sql_message(osp_str message, osp_str sqlstate,
				const osp_sql_message_rules *rules, char *space, size_t size)
{
	if (rules->masked)
	{
		if (rules->dialect == OSP_SQL_SQLITE)
			message = before_colon(message);
		else if (is_in_own_words(sqlstate))
			return MASKED;
		return without_quoted(message, space, size);
	}
	if ((rules->hide_values &&
		 (is_class(sqlstate, "22") || is_in_own_words(sqlstate))) ||
		(rules->hide_text && (is_class(sqlstate, "42") || sqlstate.len == 0)))
		return without_quoted(message, space, size);
	return message;
}
