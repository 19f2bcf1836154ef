/* SPDX-License-Identifier: Apache-2.0
 *
 * http_target.c
 *	  Reads the connection string of a collector that is reached by HTTP.
 */
#include "http/http_target.h"

#include <ctype.h>

#include "base/hex.h"
#include "base/read_file.h"
#include "base/uri.h"

#define TEXT_MAX ((size_t) 64 * 1024)

osp_status
osp__http_bad_string(const osp_http_target *target, const char *what,
					 osp_error *err)
{
	return osp_error_set(err,
						 OSP_EINVAL,
						 "%s: %s; expected %s",
						 target->kind->name,
						 what,
						 target->kind->usage);
}

osp_status
osp__http_no_memory(const osp_http_target *target, osp_error *err)
{
	return osp_error_set(
		err, OSP_ENOMEM, "%s: out of memory", target->kind->name);
}

/* Decodes the percent-encoding of a value of the query; *out is terminated. */
static osp_status
decode_value(const osp_http_target *target, osp_str value, osp_buf *out,
			 osp_error *err)
{
	const char *p = value.ptr;
	const char *end = p + value.len;

	osp_buf_reset(out);
	while (p < end)
	{
		int byte = osp__percent_byte(p, end);
		char c = byte >= 0 ? (char) byte : *p;

		if ((unsigned char) c < ' ' || c == 0x7f)
			return osp__http_bad_string(
				target, "an option holds a control character", err);
		osp_buf_add_char(out, c);
		p += byte >= 0 ? 3 : 1;
	}
	return osp_buf_status(out) == OSP_OK ? OSP_OK
										 : osp__http_no_memory(target, err);
}

/* ---- headers ---- */

osp_str
osp__http_trim(osp_str text)
{
	while (text.len > 0 && isspace((unsigned char) *text.ptr))
		text = osp_str_n(text.ptr + 1, text.len - 1);
	while (text.len > 0 && isspace((unsigned char) text.ptr[text.len - 1]))
		text.len--;
	return text;
}

bool
osp__http_divide(osp_str text, osp_str *name, osp_str *value)
{
	const char *colon = memchr(text.ptr, ':', text.len);
	size_t i;

	if (colon == NULL || colon == text.ptr)
		return false;
	*name = osp_str_n(text.ptr, (size_t) (colon - text.ptr));
	*value = osp__http_trim(osp_str_n(colon + 1, text.len - name->len - 1));
	for (i = 0; i < name->len; i++)
		if (!isalnum((unsigned char) name->ptr[i]) &&
			strchr("!#$%&'*+-.^_`|~", name->ptr[i]) == NULL)
			return false;
	return value->len > 0;
}

bool
osp__http_add_header(osp_http_target *target, osp_str text)
{
	osp_str name;
	osp_str value;

	if (!osp__http_divide(text, &name, &value))
		return false;
	osp_buf_add_str(&target->headers, name);
	osp_buf_add(&target->headers, ": ", 2);
	osp_buf_add_str(&target->headers, value);
	osp_buf_add_char(&target->headers, '\0');
	return true;
}

/* Reads a file of headers, one a line, that others can neither read nor write. */
static osp_status
read_headers(osp_http_target *target, const char *path, osp_error *err)
{
	osp__file file;
	osp_status status =
		osp__file_read(&file, target->alc, path, TEXT_MAX, true, err);
	osp_str rest;

	if (status != OSP_OK)
		return status;
	rest = osp_str_n(file.ptr, file.len);
	while (rest.len > 0 && status == OSP_OK)
	{
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end != NULL ? (size_t) (end - rest.ptr) : rest.len;
		osp_str line = osp__http_trim(osp_str_n(rest.ptr, len));

		if (line.len > 0 && line.ptr[0] != '#' &&
			!osp__http_add_header(target, line))
			status = osp_error_set(err,
								   OSP_EINVAL,
								   "%s: a line of the file \"%.150s\" is not "
								   "\"Name: value\"",
								   target->kind->name,
								   path);
		len += end != NULL;
		rest = osp_str_n(rest.ptr + len, rest.len - len);
	}
	osp__file_term(&file);
	return status;
}

/* ---- options ---- */

/* Reads an option whose value is one of a few words. */
static osp_status
read_word(osp_http_target *target, osp_str name, osp_str value, void *ctx,
		  osp_error *err)
{
	if (osp_str_eq(name, OSP_STR("compression")))
	{
		target->gzip = osp_str_eq(value, OSP_STR("gzip"));
		return target->gzip || osp_str_eq(value, OSP_STR("none"))
				   ? OSP_OK
				   : osp__http_bad_string(
						 target, "compression is gzip or none", err);
	}
	if (osp_str_eq(name, OSP_STR("proxy")))
	{
		target->environment_proxy = true;
		return osp_str_eq(value, OSP_STR("environment"))
				   ? OSP_OK
				   : osp__http_bad_string(
						 target, "proxy can only be environment", err);
	}
	return target->kind->option(ctx, target, name, value, err);
}

/* Reads one option, whose value is decoded and terminated. */
static osp_status
read_option(osp_http_target *target, osp_str name, osp_str value, void *ctx,
			osp_error *err)
{
	if (value.len == 0)
		return osp__http_bad_string(target, "an option has no value", err);
	if (osp_str_eq(name, OSP_STR("header")))
		return osp__http_add_header(target, value)
				   ? OSP_OK
				   : osp__http_bad_string(
						 target, "a header is Name:value", err);
	if (osp_str_eq(name, OSP_STR("headers_file")))
		return read_headers(target, value.ptr, err);
	if (osp_str_eq(name, OSP_STR("ca")))
	{
		osp_free(target->alc, target->ca);
		target->ca = osp_strdup(target->alc, value);
		return target->ca != NULL ? OSP_OK : osp__http_no_memory(target, err);
	}
	return read_word(target, name, value, ctx, err);
}

static osp_status
read_options(osp_http_target *target, osp_str query, void *ctx, osp_error *err)
{
	osp_status status = OSP_OK;
	osp_buf decoded;
	osp_str name;
	osp_str value;

	osp_buf_init(&decoded, target->alc, TEXT_MAX);
	while (status == OSP_OK && osp__uri_option(&query, &name, &value))
	{
		status = decode_value(target, value, &decoded, err);
		if (status == OSP_OK)
			status = read_option(target, name, osp_buf_str(&decoded), ctx, err);
	}
	osp_buf_term(&decoded);
	return status;
}

/* ---- the address ---- */

/* Makes the texts of host, port, path and login. */
static osp_status
make_texts(osp_http_target *target, const osp_uri *uri, osp_error *err)
{
	bool tls = memchr(uri->scheme.ptr, '+', uri->scheme.len) != NULL;
	bool is_v6 = memchr(uri->host.ptr, ':', uri->host.len) != NULL;
	osp_str host = uri->host.len > 0 ? uri->host : OSP_STR("localhost");
	osp_buf text;

	osp_buf_init(&text, target->alc, TEXT_MAX);
	osp_buf_addf(&text,
				 is_v6 ? "[%s]:%u" : "%s:%u",
				 host.ptr,
				 uri->port != 0 ? uri->port : target->kind->port);
	target->where = osp_buf_take(&text);
	if (target->where == NULL)
		return osp__http_no_memory(target, err);
	target->has_path = uri->path.len > 1;
	osp_buf_addf(&text,
				 "%s://%s%s",
				 tls ? "https" : "http",
				 target->where,
				 target->has_path ? uri->path.ptr : "");
	target->url = osp_buf_take(&text);
	if (target->url != NULL && (uri->has_password || uri->user.len > 0))
	{
		osp_buf_addf(&text, "%s:%s", uri->user.ptr, uri->password.ptr);
		target->login = osp_buf_take(&text);
		if (target->login == NULL)
			return osp__http_no_memory(target, err);
	}
	return target->url != NULL ? OSP_OK : osp__http_no_memory(target, err);
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

static bool
is_scheme(const osp_http_kind *kind, osp_str scheme)
{
	const char *const *known;

	for (known = kind->schemes; *known != NULL; known++)
		if (osp_str_eq(scheme, osp_str_of(*known)))
			return true;
	return false;
}

static osp_status
read_uri(osp_http_target *target, const osp_uri *uri, void *ctx, osp_error *err)
{
	osp_status status;

	if (!is_scheme(target->kind, uri->scheme))
		return osp__http_bad_string(target, "unknown scheme", err);
	if (!is_host(uri->host))
		return osp__http_bad_string(
			target, "the host is neither a name nor an address", err);
	if (memchr(uri->user.ptr, ':', uri->user.len) != NULL)
		return osp__http_bad_string(target, "the user holds a colon", err);
	status = make_texts(target, uri, err);
	if (status == OSP_OK)
		status = read_options(target, uri->query, ctx, err);
	if (status == OSP_OK && osp_buf_status(&target->headers) != OSP_OK)
		status = osp__http_no_memory(target, err);
	return status;
}

osp_status
osp__http_target_read(osp_http_target *target, const osp_http_kind *kind,
					  const osp_allocator *alc, osp_str connection_string,
					  void *ctx, osp_error *err)
{
	size_t size = connection_string.len + 16;
	osp_status status;
	char *storage;
	osp_uri uri;

	target->alc = alc;
	target->kind = kind;
	osp_buf_init(&target->headers, alc, 2 * TEXT_MAX);
	storage = osp_alloc(alc, size);
	if (storage == NULL)
		return osp__http_no_memory(target, err);
	status = osp_uri_parse(connection_string, storage, size, &uri, err);
	if (status == OSP_OK)
		status = read_uri(target, &uri, ctx, err);
	osp_free(alc, storage);
	return status;
}

void
osp__http_target_term(osp_http_target *target)
{
	if (target->alc == NULL)
		return;
	osp_free(target->alc, target->url);
	osp_free(target->alc, target->where);
	osp_free(target->alc, target->login);
	osp_free(target->alc, target->ca);
	osp_buf_term(&target->headers);
}
