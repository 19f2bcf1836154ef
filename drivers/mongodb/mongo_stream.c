/* SPDX-License-Identifier: Apache-2.0
 *
 * mongo_stream.c
 *	  The byte streams of libmongoc's connections: sockets that wait within the
 *	  limits of an osp_wait.
 *
 * libmongoc's own socket would wait for the whole timeout, even if the program
 * wants to end meanwhile. So it is given streams of ours. It still handles TLS,
 * by a stream on top of ours.
 */
#include "mongodb.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "stream.h"

/* The type of our streams: a number that libmongoc does not use itself. */
#define STREAM_TYPE 120

/*
 * Limits for polling: the time of one poll, and the number of streams. There is
 * one for each member of a replica set.
 */
#define POLL_SLICE_MS 50
#define POLL_MAX      64

typedef struct mongo_stream
{
	mongoc_stream_t methods; /* base class - must be first */
	osp_stream socket;
	osp_wait wait; /* the connection's, with this call's timeout */
	osp_driver_conn *conn;
	struct mongo_stream *next; /* in the connection's list */
	int code;                  /* the errno of the last call; 0: success */
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

/*
 * Waits until the socket is ready; false: the call has to end, and s->code has
 * the reason. With timeout_ms 0 it does not wait, since libmongoc polls itself.
 */
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

/*
 * Reads or writes some bytes, with the result of osp__stream_read or
 * osp__stream_write.
 */
static ssize_t
move_some(mongo_stream *s, short events, const mongoc_iovec_t *iov, size_t done)
{
	char *at = (char *) iov->iov_base + done;
	size_t left = iov->iov_len - done;

	return events == POLLIN ? osp__stream_read(&s->socket, at, left)
							: osp__stream_write(&s->socket, at, left);
}

/*
 * Returns how many bytes were moved if these are enough, else -1. In both cases
 * errno has the reason why there are no more: TLS checks it even after 0 bytes.
 */
static ssize_t
end_transfer(const mongo_stream *s, size_t moved, size_t enough)
{
	errno = s->code;
	return moved >= enough ? (ssize_t) moved : -1;
}

/*
 * Reads (events is POLLIN) or writes (POLLOUT) all parts. It waits for no more bytes
 * once it has moved some, and at least as many as "pause"; it succeeds if it has
 * moved at least "enough".
 */
static ssize_t
transfer(mongo_stream *s, short events, const mongoc_iovec_t *iov, size_t count,
		 size_t pause, size_t enough, int32_t timeout_ms)
{
	size_t moved = 0;
	size_t i;

	s->code = 0;
	for (i = 0; i < count; i++)
	{
		size_t done = 0;

		while (done < iov[i].iov_len)
		{
			ssize_t some = move_some(s, events, &iov[i], done);

			if (some < 0)
				s->code = errno;
			if (some < 0 || (some == 0 && ((moved > 0 && moved >= pause) ||
										   !wait_for(s, events, timeout_ms))))
				return end_transfer(s, moved, enough);
			done += (size_t) some;
			moved += (size_t) some;
		}
	}
	return (ssize_t) moved;
}

static ssize_t
stream_readv(mongoc_stream_t *stream, mongoc_iovec_t *iov, size_t count,
			 size_t least, int32_t timeout_ms)
{
	mongo_stream *s = (mongo_stream *) stream;

	return transfer(s, POLLIN, iov, count, least, least, timeout_ms);
}

static ssize_t
stream_writev(mongoc_stream_t *stream, mongoc_iovec_t *iov, size_t count,
			  int32_t timeout_ms)
{
	mongo_stream *s = (mongo_stream *) stream;

	return transfer(s, POLLOUT, iov, count, SIZE_MAX, 1, timeout_ms);
}

/*
 * Has the server ended the connection? It may have done so although bytes
 * before the end, such as those of TLS, are not read yet.
 */
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

/* Reports an error for all streams, since the driver's call has to end. */
static ssize_t
fail_all(mongoc_stream_poll_t *streams, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		streams[i].revents = POLLERR;
	return (ssize_t) count;
}

/* Polls streams of ours that belong to one connection of the driver. */
static ssize_t
stream_poll(mongoc_stream_poll_t *streams, size_t count, int32_t timeout_ms)
{
	const mongo_stream *first = (const mongo_stream *) streams[0].stream;
	struct pollfd polled[POLL_MAX];
	int ready = 0;
	size_t i;

	if (count > POLL_MAX)
		return fail_all(streams, count);

	/* A negative timeout means no limit, so that of the connection is used. */
	if (timeout_ms < 0)
		timeout_ms = (int32_t) (first->conn->wait.timeout_ms & INT32_MAX);
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

/* ---- new streams ---- */

/*
 * Returns the time for connecting to one host: a member of a replica set that
 * does not answer must leave time for the others. uri is libmongoc's, which
 * includes the hosts of an SRV record.
 */
static unsigned
connect_ms(const osp_driver_conn *conn, const mongoc_uri_t *uri)
{
	const mongoc_host_list_t *host = mongoc_uri_get_hosts(uri);
	unsigned count = 1;
	unsigned ms;

	for (; host != NULL && host->next != NULL; host = host->next)
		count++;
	ms = conn->wait.timeout_ms / count;
	return ms > 0 ? ms : 1;
}

static bool
connect_to(mongo_stream *s, const mongoc_uri_t *uri,
		   const mongoc_host_list_t *host, bson_error_t *why)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;

	s->wait = s->conn->wait;
	s->wait.timeout_ms = connect_ms(s->conn, uri);
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

/* Puts a TLS stream on top of the stream, with the options of the URI. */
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

/* Makes a stream for a host; a mongoc_stream_initiator_t. */
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
	if (!connect_to(s, uri, host, why))
	{
		stream_destroy(&s->methods);
		return NULL;
	}
	s->next = s->conn->streams;
	s->conn->streams = s;
	return mongoc_uri_get_tls(uri) ? add_tls(&s->methods, uri, host, why)
								   : &s->methods;
}
