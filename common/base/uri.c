/* SPDX-License-Identifier: Apache-2.0
 *
 * uri.c
 *	  Connection strings: their parts. uri_redact.c shows them to people.
 *
 * Messages hold no part of a connection string except its scheme: the text that
 * was read as a port may be the end of a password.
 */
#include "base/uri.h"

#include <strings.h>

#include "base/hex.h"
#include "osprofiler/driver.h"

#define SEPARATOR     "://"
#define SEPARATOR_LEN 3
#define PORT_MAX      65535
#define STORAGE_EXTRA 16 /* NULs of the parts, and some spare */

static bool
is_letter(char c)
{
	c = (char) (c | 0x20);
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower_case(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

/* The index of the first of chars in text, or the length of text. */
static size_t
find_any(osp_str text, const char *chars)
{
	size_t i = 0;

	while (i < text.len &&
		   (text.ptr[i] == '\0' || strchr(chars, text.ptr[i]) == NULL))
		i++;
	return i;
}

static osp_str
cut_front(osp_str text, size_t len)
{
	return osp_str_n(text.ptr + len, text.len - len);
}

osp_str
osp__uri_scheme(osp_str text)
{
	size_t len = 0;

	while (len < text.len && (is_letter(text.ptr[len]) ||
							  is_digit(text.ptr[len]) || text.ptr[len] == '+' ||
							  text.ptr[len] == '-' || text.ptr[len] == '.'))
		len++;
	if (len == 0 || !is_letter(text.ptr[0]) || text.len - len < SEPARATOR_LEN ||
		memcmp(text.ptr + len, SEPARATOR, SEPARATOR_LEN) != 0)
		return OSP_STR("");
	return osp_str_n(text.ptr, len);
}

/* Can each host of this scheme have its own login? */
static bool
has_many_logins(osp_str scheme)
{
	return (scheme.len >= 9 && strncasecmp(scheme.ptr, "messaging", 9) == 0) ||
		   (scheme.len >= 6 && strncasecmp(scheme.ptr, "rabbit", 6) == 0);
}

/* A "?" before the "@" belongs to the login, as for libpq. */
bool
osp__uri_has_one_login(osp_str text)
{
	osp_str scheme = osp__uri_scheme(text);
	bool many = has_many_logins(scheme);
	bool found = false;
	size_t i;

	if (scheme.len == 0)
		return true;
	for (i = scheme.len + SEPARATOR_LEN; i < text.len; i++)
	{
		char c = text.ptr[i];

		if (c == '/' || (c == '?' && found))
			return true;
		if (c == '@' && found)
			return false;
		found = c == '@' || (found && !(many && c == ','));
	}
	return true;
}

bool
osp__uri_option(osp_str *query, osp_str *name, osp_str *value)
{
	size_t len = find_any(*query, "&");
	osp_str option = osp_str_n(query->ptr, len);
	size_t equals = find_any(option, "=");

	if (query->len == 0)
		return false;
	*name = osp_str_n(option.ptr, equals);
	*value = cut_front(option, equals < len ? equals + 1 : len);
	*query = cut_front(*query, len < query->len ? len + 1 : len);
	return true;
}

/*
 * Copies a part to *space, terminated, and moves *space behind it. Invalid
 * percent-encoding stays as it is, as in Python's unquote().
 */
static osp_str
copy_part(char **space, osp_str text, bool decode)
{
	char *start = *space;
	char *o = start;
	const char *p = text.ptr;
	const char *end = p + text.len;

	while (p < end)
	{
		int byte = decode ? osp__percent_byte(p, end) : -1;

		*o++ = byte >= 0 ? (char) byte : *p;
		p += byte >= 0 ? 3 : 1;
	}
	*o = '\0';
	*space = o + 1;
	return osp_str_n(start, (size_t) (o - start));
}

osp_str
osp__uri_decode(osp_str text)
{
	char *space = (char *) text.ptr; /* in osp_uri_parse()'s storage */

	return copy_part(&space, text, true);
}

static bool
has_control(osp_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
	{
		unsigned char c = (unsigned char) text.ptr[i];

		if (c < ' ' || c == 0x7f)
			return true;
	}
	return false;
}

static bool
read_port(osp_str text, unsigned *port)
{
	size_t i;

	*port = 0;
	if (text.len > 5)
		return false;
	for (i = 0; i < text.len; i++)
	{
		if (!is_digit(text.ptr[i]))
			return false;
		*port = *port * 10 + (unsigned) (text.ptr[i] - '0');
	}
	return text.len == 0 || (*port > 0 && *port <= PORT_MAX);
}

#define PORT_RANGE "the port must be a number from 1 to 65535"

static const char bad_port[] =
	PORT_RANGE " (in a password write @ : / ? # as %40 %3A %2F %3F %23)";

/* Reads host[:port] or [host][:port]. Returns NULL, or the error's text. */
static const char *
read_address(osp_str text, char **space, osp_uri *out)
{
	osp_str host;
	osp_str port;
	size_t end;

	if (text.len > 0 && text.ptr[0] == '[')
	{
		end = find_any(text, "]");
		if (end == text.len || end == 1)
			return "an IPv6 address must be in brackets, [::1]";
		host = osp_str_n(text.ptr + 1, end - 1);
		port = cut_front(text, end + 1);
		if (port.len > 0 && port.ptr[0] != ':')
			return "after an IPv6 address only a port may follow";
	}
	else
	{
		end = find_any(text, ":");
		host = osp_str_n(text.ptr, end);
		port = cut_front(text, end);
	}
	if (port.len > 0)
		port = cut_front(port, 1);
	if (!read_port(port, &out->port))
		return bad_port;
	out->host = copy_part(space, host, true);
	return has_control(out->host) ? "the host holds a control character" : NULL;
}

/* Reads [user[:password]@]. Returns NULL, or the error's text. */
static const char *
read_login(osp_str text, char **space, osp_uri *out)
{
	size_t colon = find_any(text, ":");

	out->user = copy_part(space, osp_str_n(text.ptr, colon), true);
	if (colon < text.len)
	{
		out->has_password = true;
		out->password = copy_part(space, cut_front(text, colon + 1), true);
	}
	if (memchr(out->user.ptr, '\0', out->user.len) != NULL ||
		memchr(out->password.ptr, '\0', out->password.len) != NULL)
		return "user and password must not hold NUL bytes";
	return NULL;
}

static const char *
read_authority(osp_str text, char **space, osp_uri *out)
{
	const char *at = memrchr(text.ptr, '@', text.len);

	if (at != NULL)
	{
		size_t len = (size_t) (at - text.ptr);
		const char *wrong = read_login(osp_str_n(text.ptr, len), space, out);

		if (wrong != NULL)
			return wrong;
		text = cut_front(text, len + 1);
	}
	return read_address(text, space, out);
}

/* The error of an address whose port, the text before the character at end, is
 * not a number. If an @ follows, the user has probably not encoded a character
 * of the password (such as / or ?), and the text was part of the password. */
static const char *
cut_password(osp_str rest, size_t end)
{
	if (end == rest.len || memchr(rest.ptr + end, '@', rest.len - end) == NULL)
		return bad_port;
	return rest.ptr[end] == '/'
			   ? "a / in a password must be written as %2F (what stands before "
				 "it was read as the port: " PORT_RANGE ")"
			   : "a ? in a password must be written as %3F (what stands before "
				 "it was read as the port: " PORT_RANGE ")";
}

/* Reads text into *out, whose texts are empty. Returns NULL, or the error's text. */
static const char *
read_uri(osp_str text, char **space, osp_uri *out)
{
	char *start = *space;
	osp_str scheme = osp__uri_scheme(text);
	osp_str rest;
	size_t end;
	const char *wrong;
	size_t i;

	if (scheme.len == 0)
		return "it has no scheme";
	if (has_control(text))
		return "it must not hold control characters";
	out->scheme = copy_part(space, scheme, false);
	for (i = 0; i < scheme.len; i++)
		start[i] = lower_case(start[i]);

	rest = cut_front(text, scheme.len + SEPARATOR_LEN);
	end = find_any(rest, "/?#");
	if (end < rest.len && rest.ptr[end] == '#')
		return "a # before the path must be written as %23";
	wrong = read_authority(osp_str_n(rest.ptr, end), space, out);
	if (wrong != NULL)
		return wrong == bad_port ? cut_password(rest, end) : wrong;
	rest = cut_front(rest, end);
	end = find_any(rest, "?");
	out->path = copy_part(space, osp_str_n(rest.ptr, end), false);
	if (end < rest.len)
		out->query = copy_part(space, cut_front(rest, end + 1), false);
	return NULL;
}

osp_status
osp_uri_parse(osp_str text, char *storage, size_t size, osp_uri *out,
			  osp_error *err)
{
	const osp_str none = OSP_STR("");
	osp_str scheme = osp__uri_scheme(text);
	const char *wrong = "there is not enough memory for its parts";

	memset(out, 0, sizeof(*out));
	out->scheme = out->user = out->password = none;
	out->host = out->path = out->query = none;
	if (size >= text.len + STORAGE_EXTRA)
		wrong = read_uri(text, &storage, out);
	if (wrong == NULL)
		return OSP_OK;
	if (scheme.len == 0)
		return osp_error_set(
			err, OSP_EINVAL, "a connection string must begin with SCHEME://");
	return osp_error_set(err,
						 OSP_EINVAL,
						 "bad connection string %.*s://...: %s",
						 (int) (scheme.len < 32 ? scheme.len : 32),
						 scheme.ptr,
						 wrong);
}
