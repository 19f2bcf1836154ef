/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_settings.c
 *	  What a connection string of the otlp driver says.
 */
#include "otlp_settings.h"

#include <ctype.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/parse.h"
#include "base/read_file.h"
#include "base/uri.h"
#include "otlp_proto.h"
#include "otlp_request.h"

#define OTLP_PORT        4318
#define OTLP_PATH        "/v1/traces"
#define TEXT_MAX         ((size_t) 64 * 1024)
#define UNFINISHED_S     (15 * 60)
#define UNFINISHED_S_MAX (365 * UINT64_C(86400))
#define NS_PER_S         INT64_C(1000000000)

static osp_status
bad_string(osp_error *err, const char *what)
{
	return osp_error_set(
		err,
		OSP_EINVAL,
		"otlp: %s; expected otlp://[user:password@]host[:port][/path] or "
		"otlp+https://..., perhaps with ?header=Name:value&headers_file=FILE"
		"&ca=FILE&compression=gzip&statement_text=normalized&...",
		what);
}

/* A value of the query without its percent-encoding, terminated, in *out. */
static osp_status
decode(osp_str value, osp_buf *out, osp_error *err)
{
	const char *p = value.ptr;
	const char *end = p + value.len;

	osp_buf_reset(out);
	while (p < end)
	{
		int byte = osp__percent_byte(p, end);
		char c = byte >= 0 ? (char) byte : *p;

		if ((unsigned char) c < ' ' || c == 0x7f)
			return bad_string(err, "an option holds a control character");
		osp_buf_add_char(out, c);
		p += byte >= 0 ? 3 : 1;
	}
	return osp_buf_status(out) == OSP_OK
			   ? OSP_OK
			   : osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
}

static osp_str
trim(osp_str text)
{
	while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t'))
		text = osp_str_n(text.ptr + 1, text.len - 1);
	while (text.len > 0 &&
		   (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t' ||
			text.ptr[text.len - 1] == '\r'))
		text.len--;
	return text;
}

/* Divides Name:value. The name is a token of HTTP. */
static bool
divide(osp_str text, osp_str *name, osp_str *value)
{
	const char *colon = memchr(text.ptr, ':', text.len);
	size_t i;

	if (colon == NULL || colon == text.ptr)
		return false;
	*name = osp_str_n(text.ptr, (size_t) (colon - text.ptr));
	*value = trim(osp_str_n(colon + 1, text.len - name->len - 1));
	for (i = 0; i < name->len; i++)
		if (!isalnum((unsigned char) name->ptr[i]) &&
			strchr("!#$%&'*+-.^_`|~", name->ptr[i]) == NULL)
			return false;
	return value->len > 0;
}

static bool
add_header(otlp_settings *settings, osp_str text)
{
	osp_str name;
	osp_str value;

	if (!divide(text, &name, &value))
		return false;
	osp_buf_add_str(&settings->headers, name);
	osp_buf_add(&settings->headers, ": ", 2);
	osp_buf_add_str(&settings->headers, value);
	osp_buf_add_char(&settings->headers, '\0');
	return true;
}

/* A file of headers, one a line, that others can neither read nor write. */
static osp_status
read_headers(otlp_settings *settings, const char *path, osp_error *err)
{
	osp__file file;
	osp_status status =
		osp__file_read(&file, settings->alc, path, TEXT_MAX, true, err);
	osp_str rest;

	if (status != OSP_OK)
		return status;
	rest = osp_str_n(file.ptr, file.len);
	while (rest.len > 0 && status == OSP_OK)
	{
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end != NULL ? (size_t) (end - rest.ptr) : rest.len;
		osp_str line = trim(osp_str_n(rest.ptr, len));

		if (line.len > 0 && line.ptr[0] != '#' && !add_header(settings, line))
			status = osp_error_set(err,
								   OSP_EINVAL,
								   "otlp: a line of the file \"%.150s\" is not "
								   "\"Name: value\"",
								   path);
		len += end != NULL;
		rest = osp_str_n(rest.ptr + len, rest.len - len);
	}
	osp__file_term(&file);
	return status;
}

static osp_status
read_words(otlp_settings *settings, osp_str name, osp_str value, osp_error *err)
{
	if (osp_str_eq(name, OSP_STR("compression")))
	{
		settings->gzip = osp_str_eq(value, OSP_STR("gzip"));
		return settings->gzip || osp_str_eq(value, OSP_STR("none"))
				   ? OSP_OK
				   : bad_string(err, "compression is gzip or none");
	}
	if (osp_str_eq(name, OSP_STR("proxy")))
	{
		settings->environment_proxy = true;
		return osp_str_eq(value, OSP_STR("environment"))
				   ? OSP_OK
				   : bad_string(err, "proxy can only be environment");
	}
	if (!osp_str_eq(name, OSP_STR("statement_text")))
		return bad_string(err, "unknown option");
	if (osp_str_eq(value, OSP_STR("full")))
		settings->statement_text = OSP_STATEMENT_FULL;
	else if (osp_str_eq(value, OSP_STR("none")))
		settings->statement_text = OSP_STATEMENT_NONE;
	else if (!osp_str_eq(value, OSP_STR("normalized")))
		return bad_string(err, "statement_text is full, normalized or none");
	return OSP_OK;
}

/* One option, whose value is decoded and terminated. */
static osp_status
read_option(otlp_settings *settings, osp_str name, osp_str value,
			osp_error *err)
{
	osp_str key;
	uint64_t seconds;

	if (value.len == 0)
		return bad_string(err, "an option has no value");
	if (osp_str_eq(name, OSP_STR("header")))
		return add_header(settings, value)
				   ? OSP_OK
				   : bad_string(err, "a header is Name:value");
	if (osp_str_eq(name, OSP_STR("headers_file")))
		return read_headers(settings, value.ptr, err);
	if (osp_str_eq(name, OSP_STR("resource")))
	{
		if (!divide(value, &key, &value))
			return bad_string(err, "a resource attribute is name:value");
		otlp_put_string(
			&settings->resource, OTLP_RESOURCE_ATTRIBUTES, key, value);
		return OSP_OK;
	}
	if (osp_str_eq(name, OSP_STR("ca")))
	{
		osp_free(settings->alc, settings->ca);
		settings->ca = osp_strdup(settings->alc, value);
		return settings->ca != NULL
				   ? OSP_OK
				   : osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
	}
	if (osp_str_eq(name, OSP_STR("unfinished")))
	{
		if (!osp_parse_duration(value, &seconds) || seconds == 0 ||
			seconds > UNFINISHED_S_MAX)
			return bad_string(err, "unfinished is a number with s, m, h or d");
		settings->unfinished_ns = (int64_t) seconds * NS_PER_S;
		return OSP_OK;
	}
	return read_words(settings, name, value, err);
}

static osp_status
read_options(otlp_settings *settings, osp_str query, osp_error *err)
{
	osp_status status = OSP_OK;
	osp_buf decoded;
	osp_str name;
	osp_str value;

	osp_buf_init(&decoded, settings->alc, TEXT_MAX);
	while (status == OSP_OK && osp__uri_option(&query, &name, &value))
	{
		status = decode(value, &decoded, err);
		if (status == OSP_OK)
			status = read_option(settings, name, osp_buf_str(&decoded), err);
	}
	osp_buf_term(&decoded);
	return status;
}

/* The texts of host, port, path and login. */
static osp_status
make_texts(otlp_settings *settings, const osp_uri *uri, osp_error *err)
{
	bool tls = osp_str_eq(uri->scheme, OSP_STR("otlp+https"));
	bool is_v6 = memchr(uri->host.ptr, ':', uri->host.len) != NULL;
	osp_str host = uri->host.len > 0 ? uri->host : OSP_STR("localhost");
	osp_str path = uri->path.len > 1 ? uri->path : OSP_STR(OTLP_PATH);
	osp_buf text;

	osp_buf_init(&text, settings->alc, TEXT_MAX);
	osp_buf_addf(&text,
				 is_v6 ? "[%s]:%u" : "%s:%u",
				 host.ptr,
				 uri->port != 0 ? uri->port : OTLP_PORT);
	settings->where = osp_buf_take(&text);
	if (settings->where == NULL)
		return osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
	osp_buf_addf(
		&text, "%s://%s%s", tls ? "https" : "http", settings->where, path.ptr);
	settings->url = osp_buf_take(&text);
	if (uri->has_password || uri->user.len > 0)
	{
		osp_buf_addf(&text, "%s:%s", uri->user.ptr, uri->password.ptr);
		settings->login = osp_buf_take(&text);
		if (settings->login == NULL)
			return osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
	}
	return settings->url != NULL
			   ? OSP_OK
			   : osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
}

/* Is the host a name or an address, so that nothing else can get into the URL? */
static bool
is_host(osp_str host)
{
	size_t i;

	for (i = 0; i < host.len; i++)
		if (!isalnum((unsigned char) host.ptr[i]) &&
			strchr("-._:%", host.ptr[i]) == NULL)
			return false;
	return true;
}

static osp_status
read_uri(otlp_settings *settings, const osp_uri *uri, osp_error *err)
{
	osp_status status;

	if (!osp_str_eq(uri->scheme, OSP_STR("otlp")) &&
		!osp_str_eq(uri->scheme, OSP_STR("otlp+https")))
		return bad_string(err, "unknown scheme");
	if (!is_host(uri->host))
		return bad_string(err, "the host is neither a name nor an address");
	if (memchr(uri->user.ptr, ':', uri->user.len) != NULL)
		return bad_string(err, "the user holds a colon");
	status = make_texts(settings, uri, err);
	if (status == OSP_OK)
		status = read_options(settings, uri->query, err);
	if (status == OSP_OK && (osp_buf_status(&settings->headers) != OSP_OK ||
							 osp_buf_status(&settings->resource) != OSP_OK))
		status = osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
	return status;
}

osp_status
otlp_settings_read(otlp_settings *settings, const osp_allocator *alc,
				   osp_str connection_string, osp_error *err)
{
	size_t size = connection_string.len + 16;
	osp_status status;
	char *storage;
	osp_uri uri;

	memset(settings, 0, sizeof(*settings));
	settings->alc = alc;
	settings->gzip = true;
	settings->statement_text = OSP_STATEMENT_NORMALIZED;
	settings->unfinished_ns = UNFINISHED_S * NS_PER_S;
	osp_buf_init(&settings->headers, alc, 2 * TEXT_MAX);
	osp_buf_init(&settings->resource, alc, 2 * TEXT_MAX);
	storage = osp_alloc(alc, size);
	if (storage == NULL)
		return osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
	status = osp_uri_parse(connection_string, storage, size, &uri, err);
	if (status == OSP_OK)
		status = read_uri(settings, &uri, err);
	osp_free(alc, storage);
	return status;
}

void
otlp_settings_term(otlp_settings *settings)
{
	osp_free(settings->alc, settings->url);
	osp_free(settings->alc, settings->where);
	osp_free(settings->alc, settings->login);
	osp_free(settings->alc, settings->ca);
	osp_buf_term(&settings->headers);
	osp_buf_term(&settings->resource);
}
