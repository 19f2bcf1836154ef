/* SPDX-License-Identifier: Apache-2.0
 *
 * transport_url.c
 *	  The brokers of OpenStack's message bus.
 */
#include "base/transport_url.h"

#include "base/uri.h"

#define SEPARATOR_LEN 3 /* length of "://" */

/* Does text have this scheme, perhaps with "+" and more behind it? */
static bool
has_scheme(osp_str text, const char *name)
{
	osp_str scheme = osp__uri_scheme(text);
	size_t len = strlen(name);

	return scheme.len >= len && memcmp(scheme.ptr, name, len) == 0 &&
		   (scheme.len == len || scheme.ptr[len] == '+');
}

/* The part of text behind the scheme and "://". */
static osp_str
rest_of(osp_str text)
{
	size_t len = osp__uri_scheme(text).len + SEPARATOR_LEN;

	return osp_str_n(text.ptr + len, text.len - len);
}

osp_status
osp__transport_join(osp_buf *out, osp_str connection_string,
					osp_str transport_url, osp_error *err)
{
	osp_str options;
	osp_str bus;

	if (transport_url.len == 0 || !has_scheme(connection_string, "messaging"))
	{
		osp_buf_add_str(out, connection_string);
		return osp_buf_status(out);
	}
	options = rest_of(connection_string);
	if (options.len > 0 && options.ptr[0] == '/')
		options = osp_str_n(options.ptr + 1, options.len - 1);
	if (options.len > 0 && options.ptr[0] != '?')
	{
		osp_buf_add_str(out, connection_string);
		return osp_buf_status(out);
	}
	if (!has_scheme(transport_url, "rabbit"))
		return osp_error_set(err,
							 OSP_EINVAL,
							 "a transport URL must be of RabbitMQ: "
							 "rabbit://user:password@host:port/vhost");
	bus = rest_of(transport_url);
	osp_buf_add(out,
				connection_string.ptr,
				osp__uri_scheme(connection_string).len + SEPARATOR_LEN);
	osp_buf_add_str(out, bus);
	if (options.len > 0 && memchr(bus.ptr, '?', bus.len) != NULL)
	{
		osp_buf_add_char(out, '&');
		options = osp_str_n(options.ptr + 1, options.len - 1);
	}
	osp_buf_add_str(out, options);
	return osp_buf_status(out);
}
