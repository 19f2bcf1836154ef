/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_uri.c
 *	  The connection string of a RabbitMQ cluster.
 *
 * osp_uri_parse() can parse only one host, so it is called for each of them,
 * followed by the rest of the string.
 */
#include "messaging.h"

#include <stdio.h>

#include "base/parse.h"
#include "base/uri.h"

#define SEPARATOR  OSP_STR("://")
#define PRIORITY   ".info"
#define IDLE_MAX_S 3600

static osp_status
bad_string(osp_error *err, const char *what)
{
	return osp_error_set(
		err,
		OSP_EINVAL,
		"messaging: %s; expected messaging[+amqps]://[user[:password]@]host"
		"[:port][,host...][/vhost] with ?topic=profiler&exchange=openstack&"
		"durable=1&declare=0&idle_timeout=1s&ssl=1&ca=FILE",
		what);
}

/* Can this be the name of an exchange, a topic or a virtual host? */
static bool
is_name(osp_str text)
{
	return text.len > 0 && text.len <= BROKER_NAME_MAX - strlen(PRIORITY) &&
		   memchr(text.ptr, '\0', text.len) == NULL;
}

static void
set_topic(osp_driver_conn *conn, osp_str topic)
{
	int len = snprintf(conn->queue_text,
					   sizeof(conn->queue_text),
					   "%.*s" PRIORITY,
					   (int) topic.len,
					   topic.ptr);

	conn->queue = osp_str_n(conn->queue_text, (size_t) len);
}

static osp_status
read_option(osp_driver_conn *conn, osp_str name, osp_str value, osp_error *err)
{
	uint64_t seconds;

	if (osp_str_eq(name, OSP_STR("topic")))
	{
		if (!is_name(value))
			return bad_string(err, "topic is no name");
		set_topic(conn, value);
		return OSP_OK;
	}
	if (osp_str_eq(name, OSP_STR("exchange")))
	{
		conn->exchange = value;
		return is_name(value) ? OSP_OK : bad_string(err, "exchange is no name");
	}
	if (osp_str_eq(name, OSP_STR("durable")))
		return osp_parse_bool(value, &conn->durable)
				   ? OSP_OK
				   : bad_string(err, "durable is 1 or 0");
	if (osp_str_eq(name, OSP_STR("declare")))
		return osp_parse_bool(value, &conn->declare)
				   ? OSP_OK
				   : bad_string(err, "declare is 1 or 0");
	if (osp_str_eq(name, OSP_STR("temporary")))
		return osp_parse_bool(value, &conn->temporary)
				   ? OSP_OK
				   : bad_string(err, "temporary is 1 or 0");
	if (osp_str_eq(name, OSP_STR("ssl")))
		return osp_parse_bool(value, &conn->broker.tls)
				   ? OSP_OK
				   : bad_string(err, "ssl is 1 or 0");
	if (osp_str_eq(name, OSP_STR("ca")) ||
		osp_str_eq(name, OSP_STR("ssl_ca_file")))
	{
		conn->broker.ca_file = value.ptr;
		return value.len > 0 && value.ptr[0] == '/'
				   ? OSP_OK
				   : bad_string(err, "ca is the absolute path of a file");
	}
	if (osp_str_eq(name, OSP_STR("idle_timeout")))
	{
		if (!osp_parse_duration(value, &seconds) || seconds > IDLE_MAX_S)
			return bad_string(err, "idle_timeout is a time like 2s");
		conn->idle_ms = (unsigned) seconds * 1000;
		return OSP_OK;
	}
	return bad_string(err, "unknown option");
}

/* Reads the options NAME=VALUE&..., whose texts are in the storage. */
static osp_status
read_options(osp_driver_conn *conn, osp_str query, osp_error *err)
{
	osp_status status = OSP_OK;
	osp_str name;
	osp_str value;

	while (status == OSP_OK && osp__uri_option(&query, &name, &value))
		status = read_option(conn, name, osp__uri_decode(value), err);
	return status;
}

/* Reads the parts of the string that apply to all hosts. */
static osp_status
read_rest(osp_driver_conn *conn, const osp_uri *uri, osp_error *err)
{
	osp_str path = uri->path;
	osp_status status = read_options(conn, uri->query, err);

	if (status != OSP_OK)
		return status;
	if (path.len > 0)
		path = osp__uri_decode(osp_str_n(path.ptr + 1, path.len - 1));
	conn->broker.vhost = path.len > 0 ? path : OSP_STR("/");
	if (path.len > BROKER_NAME_MAX)
		return bad_string(err, "the virtual host is too long");
	conn->broker.tls |= osp_str_eq(uri->scheme, OSP_STR("messaging+amqps"));
	if (conn->broker.ca_file != NULL && !conn->broker.tls)
		return bad_string(err, "ca needs messaging+amqps:// or ssl=1");
	return OSP_OK;
}

/* Adds a host. A host without a login gets that of the host before it. */
static void
add_peer(osp_driver_conn *conn, const osp_uri *uri)
{
	osp_broker_peer *peer = &conn->peers[conn->broker.peer_count++];

	peer->user = OSP_STR("guest");
	peer->password = OSP_STR("guest");
	if (uri->user.len > 0 || uri->has_password)
	{
		peer->user = uri->user;
		peer->password = uri->password;
	}
	else if (conn->broker.peer_count > 1)
		*peer = peer[-1];
	peer->host = uri->host.len > 0 ? uri->host.ptr : "localhost";
	peer->port = uri->port;
}

/* A connection string, split at its list of hosts. */
typedef struct host_list
{
	osp_str scheme; /* including :// */
	osp_str hosts;  /* the hosts that are not read yet */
	osp_str rest;
} host_list;

static bool
split_string(osp_str text, host_list *out)
{
	const char *separator =
		memmem(text.ptr, text.len, SEPARATOR.ptr, SEPARATOR.len);
	size_t end;

	if (separator == NULL)
		return false;
	end = (size_t) (separator - text.ptr) + SEPARATOR.len;
	out->scheme = osp_str_n(text.ptr, end);
	while (end < text.len && strchr("/?#", text.ptr[end]) == NULL)
		end++;
	out->hosts = osp_str_n(text.ptr + out->scheme.len, end - out->scheme.len);
	out->rest = osp_str_n(text.ptr + end, text.len - end);
	return true;
}

/* Reads the next host. Its texts are stored at *storage, which moves behind them. */
static osp_status
read_host(host_list *list, osp_buf *buf, char **storage, osp_uri *uri,
		  osp_error *err)
{
	const char *comma = memchr(list->hosts.ptr, ',', list->hosts.len);
	size_t len =
		comma != NULL ? (size_t) (comma - list->hosts.ptr) : list->hosts.len;
	osp_status status;
	size_t size;

	osp_buf_reset(buf);
	osp_buf_add_str(buf, list->scheme);
	osp_buf_add_str(buf, osp_str_n(list->hosts.ptr, len));
	osp_buf_add_str(buf, list->rest);
	if (osp_buf_status(buf) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "messaging: out of memory");
	len += comma != NULL;
	list->hosts = osp_str_n(list->hosts.ptr + len, list->hosts.len - len);
	size = buf->len + 16;
	status = osp_uri_parse(osp_buf_str(buf), *storage, size, uri, err);
	*storage += size;
	return status;
}

osp_status
osp__messaging_read_uri(osp_driver_conn *conn, osp_str text, osp_error *err)
{
	osp_broker *broker = &conn->broker;
	osp_status status;
	host_list list;
	char *storage;
	osp_uri uri = {.port = 0};
	size_t i;

	memset(&uri, 0, sizeof(uri));
	conn->exchange = OSP_STR("openstack");
	set_topic(conn, OSP_STR("profiler"));
	conn->declare = true;
	broker->peers = conn->peers;
	if (!split_string(text, &list))
		return bad_string(err, "no scheme");
	storage = conn->storage =
		osp_calloc(conn->alc, MESSAGING_PEERS_MAX, text.len + 16);
	if (storage == NULL)
		return osp_error_set(err, OSP_ENOMEM, "messaging: out of memory");
	do
	{
		if (broker->peer_count == MESSAGING_PEERS_MAX)
			return bad_string(err, "too many hosts");
		status = read_host(&list, &conn->text, &storage, &uri, err);
		if (status == OSP_OK && broker->peer_count == 0)
			status = read_rest(conn, &uri, err);
		if (status != OSP_OK)
			return status;
		add_peer(conn, &uri);
	}
	while (list.hosts.len > 0);
	for (i = 0; i < broker->peer_count; i++)
		if (conn->peers[i].port == 0)
			conn->peers[i].port = broker->tls ? BROKER_PORT_TLS : BROKER_PORT;
	return osp_str_eq(uri.scheme, OSP_STR("messaging")) ||
				   osp_str_eq(uri.scheme, OSP_STR("messaging+amqps"))
			   ? OSP_OK
			   : bad_string(err, "unknown scheme");
}
