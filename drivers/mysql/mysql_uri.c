/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_uri.c
 *	  The connection string of a MariaDB or MySQL server, in SQLAlchemy's form.
 *
 * Options of pymysql and mysqlclient are accepted if they ask for something
 * that is always done here.
 */
#include "mysql_session.h"

#include <strings.h>

#include "base/parse.h"
#include "base/uri.h"

#define MYSQL_DEFAULT_PORT 3306

static osp_status
bad_string(osp_error *err, const char *what)
{
	return osp_error_set(
		err,
		OSP_EINVAL,
		"mysql: %s; expected mysql://[user[:password]@][host][:port]/database "
		"with ?ssl=1&ssl_ca=FILE&ssl_cert=FILE&ssl_key=FILE&unix_socket=PATH",
		what);
}

/* Reads an option that names a file for TLS. */
static osp_status
read_tls_file(osp_mysql_settings *settings, const char **file, osp_str value,
			  osp_error *err)
{
	settings->tls = true;
	*file = value.ptr;
	return value.len > 0 && value.ptr[0] == '/'
			   ? OSP_OK
			   : bad_string(err, "ssl_... are absolute paths of files");
}

/* Reads an option for something that is always done, and so can only be switched on. */
static osp_status
read_always(osp_str value, osp_error *err)
{
	bool on;

	return osp_parse_bool(value, &on) && on
			   ? OSP_OK
			   : bad_string(err, "the server's certificate is always checked");
}

/*
 * Reads the character set. The session uses utf8mb4, which includes the other
 * accepted ones.
 */
static osp_status
read_charset(osp_str value, osp_error *err)
{
	static const char *const known[] = {"utf8mb4", "utf8mb3", "utf8"};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(value.ptr, known[i]) == 0)
			return OSP_OK;
	return bad_string(err, "charset is utf8mb4, or utf8, which is the same");
}

static osp_status
read_option(osp_mysql_settings *settings, osp_str name, osp_str value,
			osp_error *err)
{
	if (osp_str_eq(name, OSP_STR("ssl")))
		return osp_parse_bool(value, &settings->tls)
				   ? OSP_OK
				   : bad_string(err, "ssl is 1 or 0");
	if (osp_str_eq(name, OSP_STR("ssl_ca")) || osp_str_eq(name, OSP_STR("ca")))
		return read_tls_file(settings, &settings->ca_file, value, err);
	if (osp_str_eq(name, OSP_STR("ssl_cert")))
		return read_tls_file(settings, &settings->cert_file, value, err);
	if (osp_str_eq(name, OSP_STR("ssl_key")))
		return read_tls_file(settings, &settings->key_file, value, err);
	if (osp_str_eq(name, OSP_STR("ssl_verify_cert")) ||
		osp_str_eq(name, OSP_STR("ssl_verify_identity")))
		return read_always(value, err);
	if (osp_str_eq(name, OSP_STR("unix_socket")))
	{
		settings->unix_socket = value.ptr;
		return value.len > 0 && value.ptr[0] == '/'
				   ? OSP_OK
				   : bad_string(err, "unix_socket is an absolute path");
	}
	if (osp_str_eq(name, OSP_STR("charset")))
		return read_charset(value, err);

	/* Plugins of SQLAlchemy, such as DevStack's plugin=dbcounter, do not apply here. */
	if (osp_str_eq(name, OSP_STR("plugin")))
		return OSP_OK;
	return bad_string(err, "unknown option");
}

static osp_status
read_parts(osp_mysql_settings *settings, const osp_uri *uri, osp_error *err)
{
	osp_str path = uri->path;
	osp_str query = uri->query;
	osp_str name;
	osp_str value;

	if (path.len > 0)
		path = osp__uri_decode(osp_str_n(path.ptr + 1, path.len - 1));
	if (path.len == 0)
		return bad_string(err, "no database");
	settings->host = uri->host.len > 0 ? uri->host.ptr : "localhost";
	settings->port = uri->port != 0 ? uri->port : MYSQL_DEFAULT_PORT;
	settings->user = uri->user.len > 0 ? uri->user.ptr : NULL;
	settings->password = uri->has_password ? uri->password.ptr : NULL;
	settings->database = path.ptr;
	while (osp__uri_option(&query, &name, &value))
	{
		osp_status status =
			read_option(settings, name, osp__uri_decode(value), err);

		if (status != OSP_OK)
			return status;
	}
	return OSP_OK;
}

osp_status
osp__mysql_read_uri(osp_mysql_settings *settings,
					const osp_driver_options *options, osp_error *err)
{
	const osp_str text = options->connection_string;
	osp_status status;
	osp_uri uri;

	settings->storage = osp_calloc(options->alc, 1, text.len + 16);
	if (settings->storage == NULL)
		return osp_error_set(err, OSP_ENOMEM, "mysql: out of memory");
	status = osp_uri_parse(text, settings->storage, text.len + 16, &uri, err);
	return status == OSP_OK ? read_parts(settings, &uri, err) : status;
}
