/* SPDX-License-Identifier: Apache-2.0
 *
 * stream.h
 *	  A byte stream to a collector: TCP, a local socket, or TLS over TCP.
 *
 * Connecting waits within the limits of an osp_wait. Reading and writing never
 * wait: the caller does, with osp__wait_fd(). A host name is looked up by the
 * system, and takes as long as the system allows.
 */
#ifndef OSP_STREAM_H
#define OSP_STREAM_H

#include <sys/types.h>

#include "wait.h"

typedef struct osp_stream
{
	const osp_wait *wait; /* borrowed */
	int fd;               /* -1: closed */
	struct ssl_st *tls;   /* NULL: the stream is not encrypted */
	const char *why;      /* why TLS failed after the handshake, or NULL */
} osp_stream;

void osp__stream_init(osp_stream *stream, const osp_wait *wait);

/* Closes the stream, which may be closed already. */
void osp__stream_close(osp_stream *stream);

/*
 * Connects to host and port, trying each address, or to a local socket. server
 * is the name of the collector in messages ("redis at 127.0.0.1:6379").
 * OSP_EUNAVAIL, OSP_EINTR.
 */
osp_status osp__stream_connect(osp_stream *stream, const char *host,
							   unsigned port, const char *server,
							   osp_error *err) OSP_MUST_CHECK;
osp_status osp__stream_connect_local(osp_stream *stream, const char *path,
									 const char *server,
									 osp_error *err) OSP_MUST_CHECK;

/*
 * Read bytes that have arrived, or write as many as are accepted now; return
 * their number. 0: none now; -1: the connection has ended or failed, with
 * errno, which is 0 after an orderly end.
 */
ssize_t osp__stream_read(osp_stream *stream, void *bytes, size_t size);
ssize_t osp__stream_write(osp_stream *stream, const void *bytes, size_t len);

/* Is the stream open, and has nothing arrived that was not read? */
bool osp__stream_is_quiet(osp_stream *stream);

#endif /* OSP_STREAM_H */
