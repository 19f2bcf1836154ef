/* SPDX-License-Identifier: Apache-2.0
 *
 * web_guard.c
 *	  Who may send requests to `osprofiler web`.
 */
#include "web/web_guard.h"

#include "web/web_address.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#define ARGUMENT_MAX 1024

/* Writes random hex digits and a NUL. */
static bool
make_secret(char text[WEB_SECRET_CHARS + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[WEB_SECRET_CHARS / 2];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
		return false;
	for (i = 0; i < sizeof(bytes); i++)
	{
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[WEB_SECRET_CHARS] = '\0';
	return true;
}

bool
web_guard_init(web_site *site, unsigned port)
{
	char path[WEB_SECRET_CHARS + 1];

	if (!make_secret(site->token) || !make_secret(path))
		return false;
	(void) snprintf(site->path, sizeof(site->path), "/%s/", path);
	(void) snprintf(site->cookie, sizeof(site->cookie), "osprofiler-%u", port);
	return true;
}

static osp_str
value_of(const web_request *request, enum MHD_ValueKind kind, const char *name)
{
	const char *value = NULL;
	size_t len = 0;

	if (web_mhd.lookup_connection_value_n(
			request->connection, kind, name, strlen(name), &value, &len) !=
			MHD_YES ||
		value == NULL)
		return OSP_STR("");
	return osp_str_n(value, len);
}

/* A name of a header, and how often the request has it. */
typedef struct header_count
{
	const char *name;
	unsigned count;
} header_count;

static enum MHD_Result
count_header(void *ctx, enum MHD_ValueKind kind, const char *name,
			 const char *value)
{
	header_count *header = (header_count *) ctx;

	(void) kind;
	(void) value;
	header->count += strcasecmp(name, header->name) == 0;
	return MHD_YES;
}

/*
 * Has the request this header more than once? A proxy might then use another
 * one of them than we do.
 */
static bool
is_repeated(const web_request *request, const char *name)
{
	header_count header = {name, 0};

	(void) web_mhd.get_connection_values(
		request->connection, MHD_HEADER_KIND, count_header, &header);
	return header.count > 1;
}

const char *
web_argument(const web_request *request, const char *name, osp_str *value)
{
	*value = value_of(request, MHD_GET_ARGUMENT_KIND, name);
	if (value->len > ARGUMENT_MAX)
		return "is too long";
	if (memchr(value->ptr, '\0', value->len) != NULL)
		return "contains the character NUL (%00), which no trace can be found by";
	return NULL;
}

static bool
is_same(osp_str a, const char *b)
{
	return a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

/* Is this the end of a Host header: nothing, or a colon and a port number? */
static bool
is_port(const char *p, const char *end)
{
	if (p < end && *p++ != ':')
		return false;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p == end;
}

/* Does the request name this host? The port may be another one, that of a tunnel. */
static bool
is_own_host(const web_site *site, osp_str host)
{
	const char *end = host.len > 0 && host.ptr[0] == '['
						  ? memchr(host.ptr, ']', host.len)
						  : memchr(host.ptr, ':', host.len);
	char name[256];
	bool loopback;
	size_t len = host.len;

	if (end != NULL)
		len = (size_t) (end - host.ptr) + (*end == ']');
	if (len == 0 || len >= sizeof(name) ||
		!is_port(host.ptr + len, host.ptr + host.len))
		return false;
	memcpy(name, host.ptr, len);
	name[len] = '\0';
	if (strcasecmp(name, "localhost") == 0)
		return true;
	if (web_is_numeric(name, &loopback))
		return loopback || !site->loopback;
	return !site->loopback && strcasecmp(name, site->host) == 0;
}

/* Does the request come from one of our pages, or from no page at all? */
static bool
is_own_origin(const web_request *request, osp_str host)
{
	osp_str origin = value_of(request, MHD_HEADER_KIND, "Origin");
	osp_str site = value_of(request, MHD_HEADER_KIND, "Sec-Fetch-Site");
	osp_str mode = value_of(request, MHD_HEADER_KIND, "Sec-Fetch-Mode");
	static const char scheme[] = "http://";
	size_t len = sizeof(scheme) - 1;

	if (origin.len > 0 &&
		(origin.len != len + host.len ||
		 strncasecmp(origin.ptr, scheme, len) != 0 ||
		 strncasecmp(origin.ptr + len, host.ptr, host.len) != 0))
		return false;

	/* A link on another page may lead here, since such a request has no cookie. */
	return site.len == 0 || is_same(site, "same-origin") ||
		   is_same(site, "none") || is_same(mode, "navigate");
}

const char *
web_guard_refusal(const web_request *request, const char *method,
				  unsigned *status)
{
	osp_str host = value_of(request, MHD_HEADER_KIND, "Host");

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
	{
		*status = MHD_HTTP_METHOD_NOT_ALLOWED;
		return "Nothing can be changed here: only GET and HEAD are allowed.";
	}
	*status = MHD_HTTP_BAD_REQUEST;
	if (is_repeated(request, "Host") || is_repeated(request, "Origin") ||
		is_repeated(request, "Sec-Fetch-Site") ||
		is_repeated(request, "Sec-Fetch-Mode"))
		return "A request has one Host and one Origin.";
	*status = MHD_HTTP_FORBIDDEN;
	if (!is_own_host(request->site, host))
		return "This server answers only to its own address.";
	if (!is_own_origin(request, host))
		return "This server answers no page of another origin.";
	return NULL;
}

static bool
is_secret(const web_site *site, osp_str given)
{
	return given.len == WEB_SECRET_CHARS &&
		   CRYPTO_memcmp(given.ptr, site->token, WEB_SECRET_CHARS) == 0;
}

bool
web_guard_has_token(const web_request *request)
{
	return is_secret(request->site,
					 value_of(request, MHD_GET_ARGUMENT_KIND, "token"));
}

bool
web_guard_has_cookie(const web_request *request)
{
	return is_secret(request->site,
					 value_of(request, MHD_COOKIE_KIND, request->site->cookie));
}
