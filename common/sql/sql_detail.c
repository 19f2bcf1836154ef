/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_detail.c
 *	  DETAIL, HINT and CONTEXT of PostgreSQL's errors, without values of rows and
 *	  parameters.
 *
 * A DETAIL holds rows more often than a message does: "Key (email)=(x) already exists."
 * It does not matter whether the statement has parameters, because the row may come
 * from a table. The useful part is the rest of the sentence.
 */
#include "sql/sql_text.h"

#define HIDDEN  OSP_STR("***")
#define NOTHING OSP_STR("")

static const char deadlock[] = "40P01";
static const char check_option[] = "44000"; /* of a view */

/* Removes everything that may be a value from a text of unknown form: quoted parts and
 * numbers. */
static osp_str
without_values(osp_str text, const osp_sql_message_rules *rules, char *space,
			   size_t size)
{
	osp_sql_message_rules strict = *rules;

	strict.values = true;
	strict.hide_values = true;
	return osp_sql_message(text, OSP_SQL_FROM_ELSEWHERE, &strict, space, size);
}

static size_t
append(char *space, size_t len, size_t size, osp_str text)
{
	if (text.len > size - len)
		text.len = osp_utf8_prefix(text, size - len);
	memmove(space + len, text.ptr, text.len);
	return len + text.len;
}

/* Does the DETAIL of this error begin with the columns of a key? */
static bool
is_of_key(const char *sqlstate)
{
	return strcmp(sqlstate, "23505") == 0 || strcmp(sqlstate, "23503") == 0 ||
		   strcmp(sqlstate, "23P01") == 0;
}

/*
 * Hides the row in the DETAIL of an error about a constraint: "Key (email)=(***)
 * already exists.", "Failing row contains (***)." In all languages the values end at
 * the last parenthesis. They begin at the one behind a key's columns, or else at the
 * first.
 */
static osp_str
without_row(osp_str detail, const char *sqlstate,
			const osp_sql_message_rules *rules, char *space, size_t size)
{
	const char *end = detail.ptr + detail.len;
	const char *open = NULL;
	const char *close = memrchr(detail.ptr, ')', detail.len);
	bool key;
	osp_str head;
	size_t len;

	if (is_of_key(sqlstate))
		open = memmem(detail.ptr, detail.len, ")=(", 3);
	key = open != NULL;
	open = key ? open + 2 : memchr(detail.ptr, '(', detail.len);
	if (open == NULL || close == NULL || close < open)
		return without_values(detail, rules, space, size);
	head = osp_str_n(detail.ptr, (size_t) (open + 1 - detail.ptr));
	if (!key)
		head = without_values(head, rules, space, size);
	len = append(space, 0, size, head);
	len = append(space, len, size, HIDDEN);
	len = append(space, len, size, osp_str_n(close, (size_t) (end - close)));
	return osp_str_n(space, len);
}

/* Replaces the keys of advisory locks in the DETAIL of a deadlock: "advisory lock
 * [16384,0,4711,1]". In every language only they have square brackets. */
static osp_str
without_keys(osp_str detail, char *space, size_t size)
{
	const char *at = detail.ptr;
	const char *end = at + detail.len;
	size_t len = 0;

	while (at < end)
	{
		const char *open = memchr(at, '[', (size_t) (end - at));
		const char *stop = open != NULL ? open + 1 : end;

		len = append(space, len, size, osp_str_n(at, (size_t) (stop - at)));
		at = stop;
		if (open == NULL)
			break;
		len = append(space, len, size, OSP_STR("?"));
		at = memchr(stop, ']', (size_t) (end - stop));
		if (at == NULL)
			break;
	}
	return osp_str_n(space, len);
}

osp_str
osp_sql_detail(osp_str detail, const char *sqlstate, osp_sql_origin origin,
			   const osp_sql_message_rules *rules, char *space, size_t size)
{
	bool hides = rules->hide_values || rules->hide_text;

	/* The DETAIL of a deadlock names processes and locks, but not statements or rows. */
	if (origin == OSP_SQL_FROM_ELSEWHERE && sqlstate != NULL &&
		strcmp(sqlstate, deadlock) == 0)
		return rules->hide_text ? without_keys(detail, space, size) : detail;
	if (rules->masked || osp_sql_has_secret_uri(detail))
		return NOTHING;
	if (!hides)
		return osp_sql_message(detail, origin, rules, space, size);
	if (origin == OSP_SQL_FROM_ELSEWHERE && sqlstate != NULL &&
		strcmp(sqlstate, check_option) == 0)
		return without_row(detail, sqlstate, rules, space, size);
	switch (origin)
	{
		case OSP_SQL_FROM_DATA:
		case OSP_SQL_FROM_PROGRAM:
		case OSP_SQL_FROM_LOOKUP:
			break;
		case OSP_SQL_FROM_SCHEMA:
			return without_row(detail, sqlstate, rules, space, size);
		case OSP_SQL_FROM_TEXT:
			return osp_sql_message(detail, origin, rules, space, size);
		case OSP_SQL_FROM_ELSEWHERE:
			return without_values(detail, rules, space, size);
	}
	return NOTHING;
}

static bool
begins_with(osp_str line, const char *words)
{
	size_t len = strlen(words);

	return line.len > len && memcmp(line.ptr, words, len) == 0;
}

/* Does the line hold nothing but names, types and numbers? */
static bool
is_of_names(osp_str line)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if (!osp_sql_is_word_char(line.ptr[i]) &&
			strchr(" ,.()[]\"", line.ptr[i]) == NULL)
			return false;
	return true;
}

/* Returns the part of a line of the CONTEXT that holds no value; empty: there is
 * none. */
static osp_str
place_of(osp_str line)
{
	const char *colon;

	if (begins_with(line, "COPY ") && memmem(line.ptr, line.len, ", line ", 7))
	{
		colon = memchr(line.ptr, ':', line.len);
		if (colon != NULL)
			line.len = (size_t) (colon - line.ptr);
		return is_of_names(line) ? line : NOTHING;
	}
	if (begins_with(line, "PL/pgSQL function ") &&
		memmem(line.ptr, line.len, " line ", 6) != NULL)
		return is_of_names(osp_str_n(line.ptr + 9, line.len - 9)) ? line
																  : NOTHING;
	if (begins_with(line, "SQL function \"") &&
		memmem(line.ptr, line.len, "\" statement ", 12) != NULL)
		return is_of_names(line) ? line : NOTHING;
	if (begins_with(line, "while ") &&
		memmem(line.ptr, line.len, " tuple (", 8) != NULL)
		return is_of_names(line) ? line : NOTHING;
	return NOTHING;
}

osp_str
osp_sql_places(osp_str context, char *space, size_t size)
{
	const char *at = context.ptr;
	const char *end = at + context.len;
	size_t len = 0;

	while (at < end)
	{
		const char *newline = memchr(at, '\n', (size_t) (end - at));
		const char *line_end = newline != NULL ? newline : end;
		osp_str place = place_of(osp_str_n(at, (size_t) (line_end - at)));

		if (place.len > 0)
		{
			if (len > 0)
				len = append(space, len, size, OSP_STR("\n"));
			len = append(space, len, size, place);
		}
		at = line_end + 1;
	}
	return osp_str_n(space, len);
}
