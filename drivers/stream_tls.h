/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_tls.h
 *	  TLS over a stream, by OpenSSL.
 */
#ifndef OSP_STREAM_TLS_H
#define OSP_STREAM_TLS_H

#include "stream.h"

/* What is asked of the server, and what is shown to it. All zero: its certificate
 * is checked, ours is none. Paths are borrowed; NULL: none. */
typedef struct osp_tls
{
	const char *ca_file; /* authorities; NULL: those that the system trusts */
	const char
		*cert_file; /* our certificate, and those between it and the root */
	const char *key_file; /* NULL: the key is in cert_file */
	bool any_host;        /* the certificate may be one of another host */
	bool unchecked;       /* it is not checked at all */
} osp_tls;

/*
 * Encrypts a stream that has just connected. The server's certificate must be
 * valid for host (a name or an address), and be signed by an authority that is
 * trusted, unless tls says otherwise. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM.
 */
osp_status osp__stream_start_tls(osp_stream *stream, const char *host,
								 const osp_tls *tls, const char *server,
								 osp_error *err) OSP_MUST_CHECK;

/* For stream.c only. */
void osp__stream_end_tls(osp_stream *stream);
bool osp__stream_is_quiet_tls(osp_stream *stream);
ssize_t osp__stream_read_tls(osp_stream *stream, void *bytes, size_t size);
ssize_t osp__stream_write_tls(osp_stream *stream, const void *bytes,
							  size_t len);

#endif /* OSP_STREAM_TLS_H */
