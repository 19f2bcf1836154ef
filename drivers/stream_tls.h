/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_tls.h
 *	  TLS over a stream, by OpenSSL.
 */
#ifndef OSP_STREAM_TLS_H
#define OSP_STREAM_TLS_H

#include "stream.h"

/*
 * Encrypts a stream that has just connected. The server's certificate must be
 * valid for host (a name or an address), and be signed by an authority of
 * ca_file, or, if that is NULL, one that the system trusts. OSP_EUNAVAIL,
 * OSP_EINTR, OSP_ENOMEM.
 */
osp_status osp__stream_start_tls(osp_stream *stream, const char *host,
								 const char *ca_file, const char *server,
								 osp_error *err) OSP_MUST_CHECK;

/* For stream.c only. */
void osp__stream_end_tls(osp_stream *stream);
ssize_t osp__stream_read_tls(osp_stream *stream, void *bytes, size_t size);
ssize_t osp__stream_write_tls(osp_stream *stream, const void *bytes,
							  size_t len);

#endif /* OSP_STREAM_TLS_H */
