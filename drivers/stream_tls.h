/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_tls.h
 *	  TLS over a stream, by OpenSSL.
 */
#ifndef OSP_STREAM_TLS_H
#define OSP_STREAM_TLS_H

#include "stream.h"

/*
 * The settings of TLS: how to check the server's certificate, and which one to
 * present. With all zero the server's is checked, and none is presented. Paths
 * are borrowed; NULL: none.
 */
typedef struct osp_tls
{
	const char *ca_file;   /* authorities; NULL: the system's */
	const char *cert_file; /* our certificate, and intermediate ones */
	const char *key_file;  /* NULL: the key is in cert_file */
	bool any_host;         /* accept the certificate of another host */
	bool unchecked;        /* do not check the certificate at all */
} osp_tls;

/*
 * Encrypts a stream that has just connected. Unless tls sets it otherwise, the
 * server's certificate must be valid for host (a name or an address), and be
 * signed by a trusted authority. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM.
 */
osp_status osp__stream_start_tls(osp_stream *stream, const char *host,
								 const osp_tls *tls, const char *server,
								 osp_error *err) OSP_MUST_CHECK;

/* Used by stream.c only. */
void osp__stream_end_tls(osp_stream *stream);
bool osp__stream_is_quiet_tls(osp_stream *stream);
ssize_t osp__stream_read_tls(osp_stream *stream, void *bytes, size_t size);
ssize_t osp__stream_write_tls(osp_stream *stream, const void *bytes,
							  size_t len);

#endif /* OSP_STREAM_TLS_H */
