/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_uri.c
 *	  Finds URIs in a text that have a password, a token or a key.
 */
#include "sql/sql_text.h"

#include <strings.h>

#include "base/hex.h"

/* Does this character behind a word end a URI? */
static bool
ends_uri(char c)
{
	return osp_sql_is_space(c) || c == '\'' || c == '"';
}

/* Is it a doubled quotation mark, which stands for one within a string? */
static bool
is_doubled(const char *p, const char *end)
{
	return *p == '\'' && end - p >= 2 && p[1] == '\'';
}

/*
 * A part of the text that was read, and its end. A search that begins inside the part
 * would stop at the same end, so no part is read twice, however often "://" stands in
 * the text.
 */
typedef struct part
{
	const char *begin;
	const char *end;
} part;

typedef struct parts
{
	part address; /* an IP address in brackets */
	part host;
	part authority; /* user and host */
	part port;
	part password;
	part parameters;
} parts;

/* Returns how many characters of the part are at p, which is not the end; 0: the part
 * ends. */
typedef size_t (*step_fn)(const char *p, const char *end);

static const char *
end_of(part *known, const char *p, const char *end, step_fn step)
{
	size_t by;

	if (known->begin != NULL && p >= known->begin && p <= known->end)
		return known->end;
	known->begin = p;
	while (p < end && (by = step(p, end)) > 0)
		p += by;
	known->end = p;
	return p;
}

static size_t
step_address(const char *p, const char *end)
{
	(void) end;
	return *p != ']';
}

static size_t
step_host(const char *p, const char *end)
{
	(void) end;
	return *p != ':' && *p != '/' && *p != '?' && *p != '#' && !ends_uri(*p);
}

static size_t
step_port(const char *p, const char *end)
{
	(void) end;
	return osp_sql_is_digit(*p);
}

static size_t
step_password(const char *p, const char *end)
{
	if (*p == '@')
		return 0;
	if (ends_uri(*p))
		return is_doubled(p, end) ? 2 : 0;
	return 1;
}

/*
 * Does a password follow at p, which is behind "://"? The text behind a colon is a
 * password unless it is the number of a port; a number is a password if an @ follows.
 */
static bool
has_password(parts *known, const char *p, const char *end)
{
	if (p < end && *p == '[')
		p = end_of(&known->address, p, end, step_address);
	p = end_of(&known->host, p, end, step_host);
	if (p == end || *p++ != ':')
		return false;
	p = end_of(&known->port, p, end, step_port);
	if (p < end && osp_sql_is_word_char(*p))
		return true;
	p = end_of(&known->password, p, end, step_password);
	return p < end && *p == '@';
}

/* Is the scheme that ends at end one of HTTP? It may have a prefix, as in git+https. */
static bool
is_http(osp_str text, const char *end)
{
	size_t len = (size_t) (end - text.ptr);

	return (len >= 4 && strncasecmp(end - 4, "http", 4) == 0) ||
		   (len >= 5 && strncasecmp(end - 5, "https", 5) == 0);
}

/* Longer names of users in URIs of HTTP are taken for tokens. */
#define USER_MAX 20

/* Does a user that is probably a token follow at p, which is behind "://"? */
static bool
has_token(parts *known, const char *p, const char *end)
{
	static const char *const prefixes[] = {"ghp_",
										   "gho_",
										   "ghu_",
										   "ghs_",
										   "ghr_",
										   "github_pat_",
										   "glpat-",
										   "gldt-",
										   "xox",
										   "sk-",
										   "sk_",
										   "npm_",
										   "pypi-",
										   "hf_",
										   "dop_v1_",
										   "akia"};
	const char *behind = end_of(&known->authority, p, end, step_host);
	const char *user_end = memchr(p, '@', (size_t) (behind - p));
	size_t i;

	if (user_end == NULL)
		return false;
	if (user_end - p > USER_MAX)
		return true;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if ((size_t) (user_end - p) > strlen(prefixes[i]) &&
			strncasecmp(p, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Reads one character, which may be percent-encoded. */
static char
read_char(const char **p, const char *end)
{
	const char *c = *p;
	int byte = osp__percent_byte(c, end);

	*p += byte >= 0 ? 3 : 1;
	return byte >= 0 ? (char) byte : *c;
}

/* Does the name of a key's parameter stand at p? SQLite's encryptions have key, hexkey,
 * textkey, and cipher_salt. */
static bool
is_key_name(const char *p, const char *end)
{
	char name[32];
	size_t len = 0;

	while (p < end && *p != '=' && *p != '&' && !ends_uri(*p) &&
		   len < sizeof(name))
		name[len++] = read_char(&p, end);
	return osp_sql_holds(osp_str_n(name, len), "key") ||
		   osp_sql_holds(osp_str_n(name, len), "salt");
}

static size_t
step_parameters(const char *p, const char *end)
{
	if (ends_uri(*p))
		return 0;
	return (*p != '?' && *p != '&') || !is_key_name(p + 1, end);
}

/* Does a parameter behind p, within a file: URI, have the name of a key? */
static bool
has_key_parameter(parts *known, const char *p, const char *end)
{
	p = end_of(&known->parameters, p, end, step_parameters);
	return p < end && !ends_uri(*p);
}

/* Passes over the two slashes behind a scheme's colon, also as JSON may have them: \/\/,
 * and that in a string with escapes. NULL: they are not there. */
static inline const char *
pass_slashes(const char *p, const char *end)
{
	int i;

	if (OSP_LIKELY(p == end || (*p != '/' && *p != '\\')))
		return NULL;
	for (i = 0; i < 2; i++)
	{
		while (p < end && *p == '\\')
			p++;
		if (p == end || *p++ != '/')
			return NULL;
	}
	return p;
}

bool
osp_sql_has_secret_uri(osp_str text)
{
	const char *end = text.ptr + text.len;
	const char *p = text.ptr;
	parts known;

	memset(&known, 0, sizeof(known));
	while ((p = memchr(p, ':', (size_t) (end - p))) != NULL)
	{
		const char *scheme = p++;
		const char *authority = pass_slashes(p, end);

		if (authority != NULL && has_password(&known, authority, end))
			return true;
		if (authority != NULL && is_http(text, scheme) &&
			has_token(&known, authority, end))
			return true;
		if (scheme - text.ptr >= 4 && strncasecmp(scheme - 4, "file", 4) == 0 &&
			has_key_parameter(&known, p, end))
			return true;
	}
	return false;
}
