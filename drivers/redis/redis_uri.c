/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_uri.c
 *	  Reads the connection string of a Redis server, of a cluster, or of
 *	  sentinels.
 *
 * osp_uri_parse() knows only one host, so it is called once for each host: for
 * the first one with the rest of the string, for the others with the host only.
 */
#include "redis_settings.h"

#include "base/parse.h"
#include "base/uri.h"

#define REDIS_PORT    6379
#define SENTINEL_PORT 26379
#define SERVICE       "mymaster" /* upstream's default */
#define STORAGE_EXTRA 16

#define EXPECTED                                                \
	"redis[s]://[[user]:password@]host[:port][,host...][/db], " \
	"redis+unix://[[user]:password@]/path/of/socket or "        \
	"redissentinel://[[user]:password@]host[:port][,host...][/service]"

static osp_status
bad_string(osp_error *err, const char *what)
{
	return osp_error_set(
		err, OSP_EINVAL, "redis: %s; expected " EXPECTED, what);
}

static osp_status
bad_option(osp_error *err, const char *what)
{
	return osp_error_set(err, OSP_EINVAL, "redis: %s", what);
}

/* ---- options ---- */

/* Reads the value of an option NAME=VALUE. Returns NULL, or what is wrong. */
typedef const char *(*option_fn)(osp_redis_settings *settings, osp_str value);

/* Reads a database number: decimal digits, as SELECT takes them. */
static const char *
read_db(osp_redis_settings *settings, osp_str text)
{
	unsigned value = 0;
	size_t i;

	if (text.len == 0 || text.len > 6)
		return "the database is not a number";
	for (i = 0; i < text.len; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return "the database is not a number";
		value = value * 10 + (unsigned) (text.ptr[i] - '0');
	}
	settings->db = value;
	return NULL;
}

static const char *
read_ttl(osp_redis_settings *settings, osp_str value)
{
	return osp_parse_duration(value, &settings->ttl)
			   ? NULL
			   : "ttl is a number with s, m, h or d";
}

static const char *
read_legacy(osp_redis_settings *settings, osp_str value)
{
	return osp_parse_bool(value, &settings->legacy) ? NULL : "legacy is 1 or 0";
}

static const char *
read_sentinel_user(osp_redis_settings *settings, osp_str value)
{
	settings->sentinel_login.is_set = true;
	settings->sentinel_login.user = value;
	return NULL;
}

static const char *
read_sentinel_password(osp_redis_settings *settings, osp_str value)
{
	settings->sentinel_login.is_set = true;
	settings->sentinel_login.password = value;
	return NULL;
}

static const char *
read_ssl(osp_redis_settings *settings, osp_str value)
{
	return osp_parse_bool(value, &settings->encrypted) ? NULL : "ssl is 1 or 0";
}

static const char *
read_file(const char **path, osp_str value)
{
	*path = value.ptr;
	return value.len > 0 && value.ptr[0] == '/'
			   ? NULL
			   : "ssl_ca_certs, ssl_certfile and ssl_keyfile are absolute paths "
				 "of files";
}

static const char *
read_ca_certs(osp_redis_settings *settings, osp_str value)
{
	return read_file(&settings->tls.ca_file, value);
}

static const char *
read_certfile(osp_redis_settings *settings, osp_str value)
{
	return read_file(&settings->tls.cert_file, value);
}

static const char *
read_keyfile(osp_redis_settings *settings, osp_str value)
{
	return read_file(&settings->tls.key_file, value);
}

/* A server always has a certificate, so "optional" means "required". */
static const char *
read_cert_reqs(osp_redis_settings *settings, osp_str value)
{
	settings->tls.unchecked = osp_str_eq(value, OSP_STR("none"));
	return settings->tls.unchecked || osp_str_eq(value, OSP_STR("required")) ||
				   osp_str_eq(value, OSP_STR("optional"))
			   ? NULL
			   : "ssl_cert_reqs is required, optional or none";
}

static const char *
read_check_hostname(osp_redis_settings *settings, osp_str value)
{
	bool checked = true;

	if (!osp_parse_bool(value, &checked))
		return "ssl_check_hostname is 1 or 0";
	settings->tls.any_host = !checked;
	return NULL;
}

/* Where an option is allowed. */
enum
{
	OF_ALL,
	OF_SENTINELS, /* only in redissentinel:// */
	OF_TLS        /* only if the connection is encrypted */
};

static const struct
{
	const char *name;
	option_fn read;
	int of;
} options[] = {{"db", read_db, OF_ALL},
			   {"ttl", read_ttl, OF_ALL},
			   {"legacy", read_legacy, OF_ALL},
			   {"ssl", read_ssl, OF_SENTINELS},
			   {"sentinel_user", read_sentinel_user, OF_SENTINELS},
			   {"sentinel_password", read_sentinel_password, OF_SENTINELS},
			   {"ssl_ca_certs", read_ca_certs, OF_TLS},
			   {"ssl_certfile", read_certfile, OF_TLS},
			   {"ssl_keyfile", read_keyfile, OF_TLS},
			   {"ssl_cert_reqs", read_cert_reqs, OF_TLS},
			   {"ssl_check_hostname", read_check_hostname, OF_TLS}};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static osp_status
unknown_option(osp_error *err)
{
	char known[160] = "";
	size_t used = 0;
	size_t i;

	for (i = 0; i < OPTIONS; i++)
	{
		size_t len = strlen(options[i].name);

		if (used + len + 3 > sizeof(known))
			break;
		if (i > 0)
			memcpy(known + used, ", ", 2);
		used += i > 0 ? 2 : 0;
		memcpy(known + used, options[i].name, len + 1);
		used += len;
	}
	return osp_error_set(
		err, OSP_EINVAL, "redis: unknown option (there are: %s)", known);
}

static osp_status
read_option(osp_redis_settings *settings, osp_str name, osp_str value,
			bool *needs_tls, osp_error *err)
{
	const char *wrong;
	size_t i = 0;

	while (i < OPTIONS && !osp_str_eq(name, osp_str_of(options[i].name)))
		i++;
	if (i == OPTIONS)
		return unknown_option(err);
	if (options[i].of == OF_SENTINELS && settings->service.len == 0)
		return bad_option(err,
						  "ssl and sentinel_... are options of "
						  "redissentinel:// (TLS is rediss://)");
	*needs_tls |= options[i].of == OF_TLS;
	wrong = options[i].read(settings, osp__uri_decode(value));
	return wrong != NULL ? bad_option(err, wrong) : OSP_OK;
}

static osp_status
read_options(osp_redis_settings *settings, osp_str query, osp_error *err)
{
	osp_status status = OSP_OK;
	bool needs_tls = false;
	osp_str name;
	osp_str value;

	while (status == OSP_OK && osp__uri_option(&query, &name, &value))
		status = read_option(settings, name, value, &needs_tls, err);
	if (status == OSP_OK && needs_tls && !settings->encrypted)
		return bad_option(
			err, "ssl_... needs rediss://, or redissentinel:// with ssl=1");
	if (status == OSP_OK && settings->tls.key_file != NULL &&
		settings->tls.cert_file == NULL)
		return bad_option(err, "ssl_keyfile needs ssl_certfile");
	return status;
}

/* ---- the rest of the string ---- */

/* Reads the path: a database number, or the name of a service. */
static osp_status
read_path(osp_redis_settings *settings, osp_str path, osp_error *err)
{
	const char *wrong;

	/* redis-py ignores slashes around the number, too. */
	while (path.len > 0 && path.ptr[0] == '/')
		path = osp_str_n(path.ptr + 1, path.len - 1);
	while (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	if (path.len == 0)
		return OSP_OK;
	if (settings->service.len > 0)
	{
		settings->service = osp__uri_decode(path);
		return OSP_OK;
	}
	wrong = read_db(settings, path);
	return wrong != NULL ? bad_string(err, wrong) : OSP_OK;
}

static osp_status
read_scheme(osp_redis_settings *settings, const osp_uri *uri, osp_error *err)
{
	bool is_unix = osp_str_eq(uri->scheme, OSP_STR("redis+unix"));

	settings->hosts[0].port = is_unix ? 0 : REDIS_PORT;
	settings->encrypted = osp_str_eq(uri->scheme, OSP_STR("rediss"));
	if (osp_str_eq(uri->scheme, OSP_STR("redissentinel")))
	{
		settings->service = OSP_STR(SERVICE);
		settings->hosts[0].port = SENTINEL_PORT;
	}
	else if (!is_unix && !settings->encrypted &&
			 !osp_str_eq(uri->scheme, OSP_STR("redis")))
		return bad_string(err, "unknown scheme");
	if (is_unix && (uri->host.len > 0 || uri->path.len < 2))
		return bad_string(err, "a socket is named by its absolute path");
	return OSP_OK;
}

/* Reads everything but the hosts after the first one. */
static osp_status
read_first(osp_redis_settings *settings, const osp_uri *uri, osp_error *err)
{
	osp_redis_host *host = &settings->hosts[0];
	osp_status status = read_scheme(settings, uri, err);

	if (status != OSP_OK)
		return status;
	settings->host_count = 1;
	settings->login.is_set = uri->has_password || uri->user.len > 0;
	settings->login.user = uri->user;
	settings->login.password = uri->password;
	host->name = uri->host.len > 0 ? uri->host.ptr : "localhost";
	if (host->port == 0)
		host->name = uri->path.ptr;
	else
		status = read_path(settings, uri->path, err);
	if (uri->port != 0)
		host->port = uri->port;
	return status == OSP_OK ? read_options(settings, uri->query, err) : status;
}

/* Returns the first host of a comma-separated list, and removes it from the list. */
static osp_str
next_host(osp_str *hosts)
{
	const char *comma = memchr(hosts->ptr, ',', hosts->len);
	size_t len = comma != NULL ? (size_t) (comma - hosts->ptr) : hosts->len;
	osp_str host = osp_str_n(hosts->ptr, len);

	len += comma != NULL;
	*hosts = osp_str_n(hosts->ptr + len, hosts->len - len);
	return host;
}

/*
 * Memory for texts to parse, each followed by memory for the parts that
 * osp_uri_parse() finds in it.
 */
typedef struct space
{
	char *next;
	size_t size; /* of the memory for one text, and for its parts */
} space;

static osp_status
parse(space *at, osp_uri *uri, const osp_str *parts, size_t count,
	  osp_error *err)
{
	char *text = at->next;
	char *end = text;
	size_t i;

	for (i = 0; i < count; i++)
	{
		memcpy(end, parts[i].ptr, parts[i].len);
		end += parts[i].len;
	}
	at->next += 2 * at->size;
	return osp_uri_parse(osp_str_n(text, (size_t) (end - text)),
						 text + at->size,
						 at->size,
						 uri,
						 err);
}

/* Reads the hosts after the first one. Each is host[:port]. */
static osp_status
read_hosts(osp_redis_settings *settings, osp_str hosts, unsigned port,
		   space *at, osp_error *err)
{
	osp_status status = OSP_OK;

	while (hosts.len > 0 && status == OSP_OK)
	{
		osp_redis_host *host = &settings->hosts[settings->host_count];
		osp_str parts[2] = {OSP_STR("redis://"), OSP_STR("")};
		osp_uri uri;

		parts[1] = next_host(&hosts);
		status = parse(at, &uri, parts, 2, err);
		if (status == OSP_OK && uri.host.len == 0)
			return bad_string(err, "a host has no name");
		host->name = uri.host.ptr;
		host->port = uri.port != 0 ? uri.port : port;
		settings->host_count++;
	}
	return status;
}

static size_t
count_hosts(osp_str hosts)
{
	size_t count = 1;
	size_t i;

	for (i = 0; i < hosts.len; i++)
		count += hosts.ptr[i] == ',';
	return count;
}

/* Cuts the string into its hosts, and the parts before and after them. */
static void
cut_string(osp_str text, osp_str parts[2], osp_str *hosts)
{
	size_t begin = osp__uri_scheme(text).len + strlen("://");
	size_t end = begin;
	const char *at;

	while (end < text.len && strchr("/?#", text.ptr[end]) == NULL)
		end++;
	if (begin > end) /* there is no scheme, which osp_uri_parse() reports */
		begin = end;
	at = memrchr(text.ptr + begin, '@', end - begin);
	if (at != NULL)
		begin = (size_t) (at - text.ptr) + 1;
	parts[0] = osp_str_n(text.ptr, begin);
	*hosts = osp_str_n(text.ptr + begin, end - begin);
	parts[1] = osp_str_n(text.ptr + end, text.len - end);
}

osp_status
osp__redis_read_uri(osp_redis_settings *settings, const osp_allocator *alc,
					osp_str text, osp_error *err)
{
	osp_str hosts;
	osp_str outer[2];
	osp_str parts[3];
	osp_status status;
	size_t count;
	osp_uri uri;
	space at;

	cut_string(text, outer, &hosts);
	count = count_hosts(hosts);
	if (count > REDIS_HOSTS_MAX)
		return bad_string(err, "too many hosts");
	at.size = text.len + STORAGE_EXTRA;
	settings->storage = osp_calloc(alc, 2 * count, at.size);
	if (settings->storage == NULL)
		return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
	at.next = settings->storage;
	settings->service = OSP_STR("");
	settings->login.user = settings->login.password = OSP_STR("");
	settings->sentinel_login = settings->login;
	parts[0] = outer[0];
	parts[1] = next_host(&hosts);
	parts[2] = outer[1];
	status = parse(&at, &uri, parts, 3, err);
	if (status == OSP_OK)
		status = read_first(settings, &uri, err);
	if (status != OSP_OK)
		return status;
	status = read_hosts(settings,
						hosts,
						settings->service.len > 0 ? SENTINEL_PORT : REDIS_PORT,
						&at,
						err);
	if (status == OSP_OK && settings->host_count < count)
		return bad_string(err, "a host has no name");
	return status;
}
