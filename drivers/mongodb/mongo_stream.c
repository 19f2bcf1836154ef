/* SPDX-License-Identifier: Apache-2.0
 *
 * mongo_stream.c
 *	  The bytes of libmongoc's connections: a socket that waits within the bounds of
 *	  an osp_wait.
 *
 * A socket of libmongoc's own waits for the whole of a timeout, whoever wants to end
 * meanwhile. It lets a program bring streams of its own. TLS stays libmongoc's: its
 * stream lies over this one.
 */
#include "mongodb.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "stream.h"

/* Any number that none of libmongoc's own streams has. */
#define STREAM_TYPE 120

/* Of one poll. There is one stream for each member of a replica set. */
#define POLL_SLICE_MS 50
#define POLL_MAX      64

typedef struct mongo_stream
{
	mongoc_stream_t methods; /* base class - must be first */
	osp_stream socket;
	osp_wait wait; /* of the connection's, with the timeout of one call */
	osp_driver_conn *conn;
	struct mongo_stream *next; /* of the connection's */
	int code;                  /* why the last call ended; 0: it did not fail */
} mongo_stream;

static int
stream_close(mongoc_stream_t *stream)
{
	osp__stream_close(&((mongo_stream *) stream)->socket);
	return 0;
}

static void
stream_destroy(mongoc_stream_t *stream)
{
	mongo_stream *s = (mongo_stream *) stream;
	mongo_stream **link = &s->conn->streams;

	while (*link != NULL && *link != s)
		link = &(*link)->next;
	if (*link == s)
		*link = s->next;
	(void) stream_close(stream);
	bson_free(stream);
}

static int
stream_flush(mongoc_stream_t *stream)
{
	(void) stream;
	return 0;
}

/* Waits until the socket is ready; false: the call has to end, for *code. With
 * timeout_ms 0 libmongoc polls by itself. */
static bool
wait_for(mongo_stream *s, short events, int32_t timeout_ms)
{
	osp_status status;

	if (timeout_ms == 0)
	{
		s->code = EAGAIN;
		return false;
	}
	s->wait = s->conn->wait;
	if (timeout_ms > 0 && (unsigned) timeout_ms < s->wait.timeout_ms)
		s->wait.timeout_ms = (unsigned) timeout_ms;
	status = osp__wait_fd(&s->wait, s->socket.fd, events);
	s->code = status == OSP_OK ? 0 : ETIMEDOUT;
	return status == OSP_OK;
}

/* What a call has moved, or -1 with errno. */
static ssize_t
result_of(const mongo_stream *s, size_t moved, bool enough)
{
	if (enough)
		return (ssize_t) moved;
	errno = s->code;
	return -1;
}

static ssize_t
stream_readv(mongoc_stream_t *stream, mongoc_iovec_t *iov, size_t count,
			 size_t least, int32_t timeout_ms)
{
	mongo_stream *s = (mongo_stream *) stream;
	size_t moved = 0;
	size_t i;

	s->code = 0;
	for (i = 0; i < count; i++)
	{
		size_t done = 0;

		while (done < iov[i].iov_len)
		{
			ssize_t got = osp__stream_read(&s->socket,
										   (char *) iov[i].iov_base + done,
										   iov[i].iov_len - done);

			if (got < 0)
				s->code = errno;
			else if (got == 0 && moved > 0 && moved >= least)
				return (ssize_t) moved;
			if (got < 0 || (got == 0 && !wait_for(s, POLLIN, timeout_ms)))
				return result_of(s, moved, moved >= least);
			done += (size_t) got;
			moved += (size_t) got;
		}
	}
	return (ssize_t) moved;
}

static ssize_t
stream_writev(mongoc_stream_t *stream, mongoc_iovec_t *iov, size_t count,
			  int32_t timeout_ms)
{
	mongo_stream *s = (mongo_stream *) stream;
	size_t moved = 0;
	size_t i;

	s->code = 0;
	for (i = 0; i < count; i++)
	{
		size_t done = 0;

		while (done < iov[i].iov_len)
		{
			ssize_t sent = osp__stream_write(&s->socket,
											 (char *) iov[i].iov_base + done,
											 iov[i].iov_len - done);

			if (sent < 0)
				s->code = errno;
			if (sent < 0 || (sent == 0 && !wait_for(s, POLLOUT, timeout_ms)))
				return result_of(s, moved, moved > 0);
			done += (size_t) sent;
			moved += (size_t) sent;
		}
	}
	return (ssize_t) moved;
}

/* Also where bytes that were not read come before the end, as those of TLS. */
static bool
has_ended(const mongo_stream *s)
{
	struct pollfd polled = {s->socket.fd, POLLRDHUP, 0};

	return s->socket.fd < 0 || poll(&polled, 1, 0) > 0;
}

static bool
stream_check_closed(mongoc_stream_t *stream)
{
	return has_ended((mongo_stream *) stream);
}

bool
osp__mongo_has_ended(const osp_driver_conn *conn)
{
	const mongo_stream *s = conn->streams;

	while (s != NULL && !has_ended(s))
		s = s->next;
	return s != NULL;
}

static bool
stream_timed_out(mongoc_stream_t *stream)
{
	return ((mongo_stream *) stream)->code == ETIMEDOUT;
}

static bool
stream_should_retry(mongoc_stream_t *stream)
{
	return ((mongo_stream *) stream)->code == EAGAIN;
}

/* All of them have failed: the call of the driver has to end. */
static ssize_t
fail_all(mongoc_stream_poll_t *streams, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		streams[i].revents = POLLERR;
	return (ssize_t) count;
}

/* Polls streams of this kind, of one connection of the driver. */
static ssize_t
stream_poll(mongoc_stream_poll_t *streams, size_t count, int32_t timeout_ms)
{
	const mongo_stream *first = (const mongo_stream *) streams[0].stream;
	struct pollfd polled[POLL_MAX];
	int ready = 0;
	size_t i;

	if (count > POLL_MAX)
		return fail_all(streams, count);
	for (i = 0; i < count; i++)
	{
		polled[i].fd = ((const mongo_stream *) streams[i].stream)->socket.fd;
		polled[i].events = (short) streams[i].events;
		polled[i].revents = 0;
	}
	do
	{
		int slice = timeout_ms < POLL_SLICE_MS ? timeout_ms : POLL_SLICE_MS;

		if (osp__wait_check(&first->conn->wait) != OSP_OK)
			return fail_all(streams, count);
		ready = poll(polled, count, slice);
		timeout_ms -= slice;
	}
	while (timeout_ms > 0 && (ready == 0 || (ready < 0 && errno == EINTR)));
	for (i = 0; i < count; i++)
		streams[i].revents = polled[i].revents;
	return ready;
}

/* ---- new ones ---- */

/* A member of a replica set that does not answer must leave time for the others. */
static unsigned
connect_ms(const osp_driver_conn *conn)
{
	const mongoc_host_list_t *host = mongoc_uri_get_hosts(conn->uri);
	unsigned count = 1;

	for (; host != NULL && host->next != NULL; host = host->next)
		count++;
	return conn->wait.timeout_ms / count;
}

static bool
connect_to(mongo_stream *s, const mongoc_host_list_t *host, bson_error_t *why)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;

	s->wait = s->conn->wait;
	s->wait.timeout_ms = connect_ms(s->conn);
	status = host->family == AF_UNIX
				 ? osp__stream_connect_local(
					   &s->socket, host->host, host->host, &err)
				 : osp__stream_connect(&s->socket,
									   host->host,
									   host->port,
									   host->host_and_port,
									   &err);
	if (status != OSP_OK)
		bson_set_error(why,
					   MONGOC_ERROR_STREAM,
					   MONGOC_ERROR_STREAM_CONNECT,
					   "%s",
					   err.msg);
	return status == OSP_OK;
}

static bool
is_option_set(const mongoc_uri_t *uri, const char *name)
{
	return mongoc_uri_get_option_as_bool(uri, name, false);
}

/* TLS over it, with the options of the URI. */
static mongoc_stream_t *
add_tls(mongoc_stream_t *stream, const mongoc_uri_t *uri,
		const mongoc_host_list_t *host, bson_error_t *why)
{
	mongoc_ssl_opt_t options = *mongoc_ssl_opt_get_default();
	bool insecure = is_option_set(uri, MONGOC_URI_TLSINSECURE);
	mongoc_stream_t *tls;

	options.pem_file = mongoc_uri_get_option_as_utf8(
		uri, MONGOC_URI_TLSCERTIFICATEKEYFILE, NULL);
	options.pem_pwd = mongoc_uri_get_option_as_utf8(
		uri, MONGOC_URI_TLSCERTIFICATEKEYFILEPASSWORD, NULL);
	options.ca_file =
		mongoc_uri_get_option_as_utf8(uri, MONGOC_URI_TLSCAFILE, NULL);
	options.weak_cert_validation =
		insecure || is_option_set(uri, MONGOC_URI_TLSALLOWINVALIDCERTIFICATES);
	options.allow_invalid_hostname =
		insecure || is_option_set(uri, MONGOC_URI_TLSALLOWINVALIDHOSTNAMES);
	tls = mongoc_stream_tls_new_with_hostname(stream, host->host, &options, 1);
	if (tls != NULL)
		return tls;
	mongoc_stream_destroy(stream);
	bson_set_error(why,
				   MONGOC_ERROR_STREAM,
				   MONGOC_ERROR_STREAM_SOCKET,
				   "TLS cannot begin with the files that the options name");
	return NULL;
}

/* A mongoc_stream_initiator_t. */
mongoc_stream_t *
osp__mongo_stream(const mongoc_uri_t *uri, const mongoc_host_list_t *host,
				  void *ctx, bson_error_t *why)
{
	static const mongoc_stream_t methods = {.type = STREAM_TYPE,
											.destroy = stream_destroy,
											.close = stream_close,
											.flush = stream_flush,
											.writev = stream_writev,
											.readv = stream_readv,
											.check_closed = stream_check_closed,
											.poll = stream_poll,
											.failed = stream_destroy,
											.timed_out = stream_timed_out,
											.should_retry =
												stream_should_retry};
	mongo_stream *s = bson_malloc0(sizeof(*s));

	s->methods = methods;
	s->conn = ctx;
	osp__stream_init(&s->socket, &s->wait);
	if (!connect_to(s, host, why))
	{
		stream_destroy(&s->methods);
		return NULL;
	}
	s->next = s->conn->streams;
	s->conn->streams = s;
	return mongoc_uri_get_tls(uri) ? add_tls(&s->methods, uri, host, why)
								   : &s->methods;
}
