/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_uri.c
 *	  The connection string of a Redis server.
 */
#include "redis_conn.h"

#include <stdio.h>

#include "base/parse.h"
#include "base/uri.h"

#define REDIS_PORT 6379

static osp_status
bad_string(osp_error *err, const char *what)
{
	return osp_error_set(
		err,
		OSP_EINVAL,
		"redis: %s; expected redis://[[user]:password@]host[:port][/db] or "
		"redis+unix://[[user]:password@]/path/of/socket, "
		"with ?db=N&ttl=7d&legacy=1",
		what);
}

/* A database number: decimal digits, as SELECT takes them. */
static bool
read_db(osp_str text, unsigned *db)
{
	unsigned value = 0;
	size_t i;

	if (text.len == 0 || text.len > 6)
		return false;
	for (i = 0; i < text.len; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (unsigned) (text.ptr[i] - '0');
	}
	*db = value;
	return true;
}

/* One NAME=VALUE of the query. */
static osp_status
read_option(osp_redis *redis, osp_str name, osp_str value, osp_error *err)
{
	if (osp_str_eq(name, OSP_STR("db")))
		return read_db(value, &redis->db)
				   ? OSP_OK
				   : bad_string(err, "db is not a number");
	if (osp_str_eq(name, OSP_STR("ttl")))
		return osp_parse_duration(value, &redis->ttl)
				   ? OSP_OK
				   : bad_string(err, "ttl is a number with s, m, h or d");
	if (osp_str_eq(name, OSP_STR("legacy")))
		return osp_parse_bool(value, &redis->legacy)
				   ? OSP_OK
				   : bad_string(err, "legacy is 1 or 0");
	return bad_string(err, "unknown option");
}

static osp_status
read_options(osp_redis *redis, osp_str query, osp_error *err)
{
	osp_status status = OSP_OK;
	osp_str name;
	osp_str value;

	while (status == OSP_OK && osp__uri_option(&query, &name, &value))
		status = read_option(redis, name, value, err);
	return status;
}

static osp_status
read_database(osp_redis *redis, const osp_uri *uri, osp_error *err)
{
	osp_str path = uri->path;

	if (!redis->is_unix)
	{
		/* redis-py leaves out slashes round the number, too. */
		while (path.len > 0 && path.ptr[0] == '/')
			path = osp_str_n(path.ptr + 1, path.len - 1);
		while (path.len > 0 && path.ptr[path.len - 1] == '/')
			path.len--;
		if (path.len > 0 && !read_db(path, &redis->db))
			return bad_string(err, "the database is not a number");
	}
	return read_options(redis, uri->query, err);
}

static osp_status
read_uri(osp_redis *redis, osp_str text, osp_error *err)
{
	size_t size = text.len + 16;
	osp_str address;
	osp_status status;
	osp_uri uri;

	redis->storage = osp_alloc(redis->alc, size);
	if (redis->storage == NULL)
		return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
	status = osp_uri_parse(text, redis->storage, size, &uri, err);
	if (status != OSP_OK)
		return status;

	redis->is_unix = osp_str_eq(uri.scheme, OSP_STR("redis+unix"));
	if (redis->is_unix && (uri.host.len > 0 || uri.path.len < 2))
		return bad_string(err, "a socket is named by its absolute path");
	if (!redis->is_unix && !osp_str_eq(uri.scheme, OSP_STR("redis")))
		return bad_string(err, "unknown scheme");
	status = read_database(redis, &uri, err);
	if (status != OSP_OK)
		return status;

	redis->has_login = uri.has_password || uri.user.len > 0;
	redis->user = uri.user;
	redis->password = uri.password;
	redis->port = uri.port != 0 ? uri.port : REDIS_PORT;
	address = uri.host.len > 0 ? uri.host : OSP_STR("localhost");
	redis->address =
		osp_strdup(redis->alc, redis->is_unix ? uri.path : address);
	if (redis->address == NULL)
		return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
	if (redis->is_unix)
		(void) snprintf(
			redis->where, sizeof(redis->where), "%s", redis->address);
	else
		(void) snprintf(redis->where,
						sizeof(redis->where),
						"%.100s:%u",
						redis->address,
						redis->port);
	return OSP_OK;
}

osp_status
osp__redis_init(osp_redis *redis, const osp_driver_options *options,
				osp_error *err)
{
	osp_status status;

	memset(redis, 0, sizeof(*redis));
	redis->alc = options->alc;
	redis->memory_max =
		options->memory_max != 0 ? options->memory_max : OSP_DRIVER_MEMORY_MAX;
	osp__wait_init(&redis->wait, options);
	osp__stream_init(&redis->stream, &redis->wait);
	osp_buf_init(&redis->out, options->alc, REDIS_OUT_MAX);
	osp_buf_init(&redis->texts, options->alc, redis->memory_max);
	osp_buf_init(&redis->elements, options->alc, redis->memory_max);
	status = read_uri(redis, options->connection_string, err);
	if (status != OSP_OK)
		osp__redis_term(redis);
	return status;
}
