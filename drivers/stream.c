/* SPDX-License-Identifier: Apache-2.0
 *
 * stream.c
 *	  A byte stream to a collector: TCP, a local socket.
 */
#include "stream.h"
#include "stream_tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * With these settings a vanished peer is noticed after two minutes, even if
 * nothing is sent.
 */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 20
#define KEEPALIVE_PROBES     3

#define INTERRUPTED (-1)

void
osp__stream_init(osp_stream *stream, const osp_wait *wait)
{
	stream->wait = wait;
	stream->fd = -1;
	stream->tls = NULL;
	stream->why = NULL;
}

void
osp__stream_close(osp_stream *stream)
{
	osp__stream_end_tls(stream);
	if (stream->fd >= 0)
		(void) close(stream->fd);
	stream->fd = -1;
}

static void
set_number(int fd, int option, int value)
{
	(void) setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
}

static void
set_tcp_options(int fd)
{
	const int on = 1;

	(void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	set_number(fd, TCP_NODELAY, 1);
	set_number(fd, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_number(fd, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_number(fd, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

/* Connects a new socket to one address. Returns 0, an errno, or INTERRUPTED. */
static int
connect_to(osp_stream *stream, const struct sockaddr *address, socklen_t len)
{
	const int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	socklen_t size = sizeof(int);
	osp_status status;
	int code = 0;

	stream->why = NULL;
	stream->fd = socket(address->sa_family, flags, 0);
	if (stream->fd < 0)
		return errno;
	if (connect(stream->fd, address, len) != 0)
	{
		/*
		 * A local socket with a full queue gives another error, since no
		 * connection is in progress.
		 */
		if (errno != EINPROGRESS)
			return errno;
		status = osp__wait_fd(stream->wait, stream->fd, POLLOUT);
		if (status != OSP_OK)
			return status == OSP_EINTR ? INTERRUPTED : ETIMEDOUT;
		if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
			return errno;
	}
	return code;
}

static osp_status
cannot_connect(osp_stream *stream, int code, const char *why,
			   const char *server, osp_error *err)
{
	osp__stream_close(stream);
	return osp_error_set(err,
						 code == INTERRUPTED ? OSP_EINTR : OSP_EUNAVAIL,
						 "cannot connect to %s: %s",
						 server,
						 code == INTERRUPTED ? "interrupted" : why);
}

osp_status
osp__stream_connect(osp_stream *stream, const char *host, unsigned port,
					const char *server, osp_error *err)
{
	struct addrinfo hints;
	struct addrinfo *found = NULL;
	const struct addrinfo *address;
	char digits[16];
	int code;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	(void) snprintf(digits, sizeof(digits), "%u", port);
	code = getaddrinfo(host, digits, &hints, &found);
	if (code != 0)
		return cannot_connect(stream, 0, gai_strerror(code), server, err);
	code = ENOENT;
	for (address = found; address != NULL; address = address->ai_next)
	{
		code = connect_to(stream, address->ai_addr, address->ai_addrlen);
		if (code <= 0)
			break;
		osp__stream_close(stream);
	}
	freeaddrinfo(found);
	if (code != 0)
		return cannot_connect(stream, code, strerror(code), server, err);
	set_tcp_options(stream->fd);
	return OSP_OK;
}

osp_status
osp__stream_connect_local(osp_stream *stream, const char *path,
						  const char *server, osp_error *err)
{
	struct sockaddr_un address;
	size_t len = strlen(path);
	int code = ENAMETOOLONG;

	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	if (len < sizeof(address.sun_path))
	{
		memcpy(address.sun_path, path, len);
		code = connect_to(stream,
						  (const struct sockaddr *) (const void *) &address,
						  sizeof(address));
	}
	return code == 0
			   ? OSP_OK
			   : cannot_connect(stream, code, strerror(code), server, err);
}

/* Turns the result of a system call on the socket into that of our functions. */
static ssize_t
result_of(ssize_t result)
{
	if (result < 0 &&
		(errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	return result;
}

ssize_t
osp__stream_read(osp_stream *stream, void *bytes, size_t size)
{
	ssize_t got;

	if (stream->tls != NULL)
		return osp__stream_read_tls(stream, bytes, size);
	got = recv(stream->fd, bytes, size, MSG_DONTWAIT);
	if (got == 0)
	{
		errno = 0;
		return -1;
	}
	return result_of(got);
}

ssize_t
osp__stream_write(osp_stream *stream, const void *bytes, size_t len)
{
	if (stream->tls != NULL)
		return osp__stream_write_tls(stream, bytes, len);
	return result_of(send(stream->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT));
}

bool
osp__stream_is_quiet(osp_stream *stream)
{
	struct pollfd polled = {stream->fd, POLLIN, 0};

	if (stream->fd < 0)
		return false;
	return stream->tls != NULL ? osp__stream_is_quiet_tls(stream)
							   : poll(&polled, 1, 0) == 0;
}
