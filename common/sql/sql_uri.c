/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_uri.c
 *	  URIs in a text that have a password or a key.
 */
#include "sql/sql_text.h"

#include <strings.h>

/* Does what stands between two words end a URI? */
static bool
ends_uri(char c)
{
	return osp_sql_is_space(c) || c == '\'' || c == '"';
}

/* Is it a quotation mark that stands for itself within a string? */
static bool
is_doubled(const char *p, const char *end)
{
	return *p == '\'' && end - p >= 2 && p[1] == '\'';
}

/*
 * Does a password follow at p, which is behind "://"? What stands behind a colon is
 * one unless it is the number of a port; a number is a password if an @ follows.
 */
static bool
has_password(const char *p, const char *end)
{
	if (p < end && *p == '[')
		while (p < end && *p != ']')
			p++;
	while (p < end && *p != ':' && *p != '/' && *p != '?' && *p != '#' &&
		   !ends_uri(*p))
		p++;
	if (p == end || *p++ != ':')
		return false;
	while (p < end && osp_sql_is_digit(*p))
		p++;
	if (p < end && osp_sql_is_word_char(*p))
		return true;
	while (p < end && *p != '@' && (!ends_uri(*p) || is_doubled(p, end)))
		p += ends_uri(*p) ? 2 : 1;
	return p < end && *p == '@';
}

static int
hex_digit(char c)
{
	if (osp_sql_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads one character, which may be percent-encoded. */
static char
read_char(const char **p, const char *end)
{
	const char *c = *p;

	if (*c == '%' && end - c >= 3 && hex_digit(c[1]) >= 0 &&
		hex_digit(c[2]) >= 0)
	{
		*p += 3;
		return (char) (hex_digit(c[1]) << 4 | hex_digit(c[2]));
	}
	*p += 1;
	return *c;
}

/*
 * Has a parameter behind p, of a file: URI, the name of a key? SQLite's encryptions
 * know key, hexkey, textkey, and cipher_salt.
 */
static bool
has_key_parameter(const char *p, const char *end)
{
	char name[32];
	size_t len;

	while (p < end && !ends_uri(*p))
	{
		if (*p++ != '?' && p[-1] != '&')
			continue;
		for (len = 0; p < end && *p != '=' && *p != '&' && !ends_uri(*p) &&
					  len < sizeof(name);
			 len++)
			name[len] = read_char(&p, end);
		if (osp_sql_holds(osp_str_n(name, len), "key") ||
			osp_sql_holds(osp_str_n(name, len), "salt"))
			return true;
	}
	return false;
}

bool
osp_sql_has_secret_uri(osp_str text)
{
	const char *end = text.ptr + text.len;
	const char *p = text.ptr;

	while ((p = memchr(p, ':', (size_t) (end - p))) != NULL)
	{
		const char *scheme = p++;

		if (end - p >= 2 && p[0] == '/' && p[1] == '/' &&
			has_password(p + 2, end))
			return true;
		if (scheme - text.ptr >= 4 && strncasecmp(scheme - 4, "file", 4) == 0 &&
			has_key_parameter(p, end))
			return true;
	}
	return false;
}
