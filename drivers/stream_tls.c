/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_tls.c
 *	  TLS over a stream, by OpenSSL.
 *
 * OpenSSL reads and writes the socket through a BIO of ours: its own would
 * raise SIGPIPE in the program.
 */
#include "stream_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

/* ---- the BIO ---- */

static int
bio_result(BIO *bio, ssize_t result, int retry)
{
	BIO_clear_retry_flags(bio);
	if (result < 0 &&
		(errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	return (int) result;
}

static int
bio_write(BIO *bio, const char *bytes, int len)
{
	const osp_stream *stream = BIO_get_data(bio);

	return bio_result(
		bio,
		send(stream->fd, bytes, (size_t) len, MSG_NOSIGNAL | MSG_DONTWAIT),
		BIO_FLAGS_WRITE);
}

static int
bio_read(BIO *bio, char *bytes, int size)
{
	const osp_stream *stream = BIO_get_data(bio);

	return bio_result(bio,
					  recv(stream->fd, bytes, (size_t) size, MSG_DONTWAIT),
					  BIO_FLAGS_READ);
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void) bio;
	(void) number;
	(void) pointer;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/* Attaches our BIO to a TLS connection; false: no memory. */
static bool
attach_bio(SSL *tls, osp_stream *stream)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "osp_stream");
	BIO *bio = NULL;

	if (method != NULL && BIO_meth_set_write(method, bio_write) == 1 &&
		BIO_meth_set_read(method, bio_read) == 1 &&
		BIO_meth_set_ctrl(method, bio_control) == 1)
		bio = BIO_new(method);
	if (bio == NULL)
	{
		BIO_meth_free(method);
		return false;
	}
	BIO_set_data(bio, stream);
	BIO_set_init(bio, 1);

	/*
	 * The BIO uses the method until the BIO is freed. BIO_free does not free
	 * the method, so the connection remembers it.
	 */
	(void) SSL_set_app_data(tls, method);
	SSL_set_bio(tls, bio, bio);
	return true;
}

void
osp__stream_end_tls(osp_stream *stream)
{
	BIO_METHOD *method;

	if (stream->tls == NULL)
		return;
	method = SSL_get_app_data(stream->tls);
	(void) SSL_shutdown(stream->tls);
	SSL_free(stream->tls);
	BIO_meth_free(method);
	stream->tls = NULL;
	ERR_clear_error();
}

/* ---- the handshake ---- */

/* The reason why TLS could not be started, in words. */
typedef struct failure
{
	char text[200];
} failure;

/* Sets the host that the server's certificate must name. */
static bool
set_peer(SSL *tls, const char *host, const osp_tls *settings)
{
	unsigned char address[sizeof(struct in6_addr)];
	X509_VERIFY_PARAM *checked = SSL_get0_param(tls);

	if (inet_pton(AF_INET, host, address) == 1 ||
		inet_pton(AF_INET6, host, address) == 1)
		return settings->any_host ||
			   X509_VERIFY_PARAM_set1_ip_asc(checked, host) == 1;
	return SSL_set_tlsext_host_name(tls, host) == 1 &&
		   (settings->any_host || SSL_set1_host(tls, host) == 1);
}

/* Refuses an encrypted key, since nobody can be asked for its passphrase. */
static int
refuse_passphrase(char *text, int size, int writing, void *ctx)
{
	(void) text;
	(void) size;
	(void) writing;
	(void) ctx;
	return -1;
}

/* Notes that a file cannot be used, and why. */
static bool
bad_file(failure *why, const char *what, const char *file)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	(void) snprintf(why->text,
					sizeof(why->text),
					"%s %.120s: %s",
					what,
					file,
					reason != NULL ? reason : "it cannot be read");
	return false;
}

static bool
load_files(SSL_CTX *ctx, const osp_tls *tls, failure *why)
{
	const char *key = tls->key_file != NULL ? tls->key_file : tls->cert_file;

	if (tls->ca_file == NULL)
		(void) SSL_CTX_set_default_verify_paths(ctx);
	else if (SSL_CTX_load_verify_locations(ctx, tls->ca_file, NULL) != 1)
		return bad_file(why, "certificate authorities in", tls->ca_file);
	if (tls->cert_file == NULL)
		return true;
	SSL_CTX_set_default_passwd_cb(ctx, refuse_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, tls->cert_file) != 1)
		return bad_file(why, "certificate in", tls->cert_file);
	return SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 ||
		   bad_file(why, "key in", key);
}

static SSL *
new_tls(const char *host, const osp_tls *settings, failure *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *tls = NULL;

	(void) snprintf(why->text, sizeof(why->text), "out of memory");
	if (ctx == NULL)
		return NULL;
	(void) SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void) SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	(void) SSL_CTX_set_mode(ctx,
							SSL_MODE_ENABLE_PARTIAL_WRITE |
								SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(
		ctx, settings->unchecked ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	ERR_clear_error();
	if (load_files(ctx, settings, why))
		tls = SSL_new(ctx);
	SSL_CTX_free(ctx);
	if (tls != NULL && !set_peer(tls, host, settings))
	{
		SSL_free(tls);
		tls = NULL;
	}
	ERR_clear_error();
	return tls;
}

/* The reason why the handshake failed. */
static const char *
handshake_failure(const SSL *tls)
{
	long verified = SSL_get_verify_result(tls);
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);

	if (verified != X509_V_OK && SSL_get_verify_mode(tls) != SSL_VERIFY_NONE)
		return X509_verify_cert_error_string(verified);
	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
		ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
		return "what answers there does not speak TLS";
	return reason != NULL ? reason : "the connection was closed";
}

static osp_status
shake_hands(osp_stream *stream, failure *failed)
{
	for (;;)
	{
		const char *why;
		osp_status status;
		int result;
		int code;

		ERR_clear_error();
		result = SSL_connect(stream->tls);
		if (result == 1)
			return OSP_OK;
		code = SSL_get_error(stream->tls, result);
		why = handshake_failure(stream->tls);
		(void) snprintf(failed->text, sizeof(failed->text), "%s", why);
		if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE)
			return OSP_EUNAVAIL;
		status = osp__wait_check(stream->wait);
		if (status == OSP_OK)
			status =
				osp__wait_fd(stream->wait,
							 stream->fd,
							 code == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
		why = status == OSP_EINTR ? "interrupted" : "no answer in time";
		(void) snprintf(failed->text, sizeof(failed->text), "%s", why);
		if (status != OSP_OK)
			return status;
	}
}

osp_status
osp__stream_start_tls(osp_stream *stream, const char *host, const osp_tls *tls,
					  const char *server, osp_error *err)
{
	osp_status status = OSP_EUNAVAIL;
	failure why = {""};

	stream->tls = new_tls(host, tls, &why);
	if (stream->tls != NULL && !attach_bio(stream->tls, stream))
	{
		SSL_free(stream->tls);
		stream->tls = NULL;
		status = OSP_ENOMEM;
	}
	if (stream->tls != NULL)
		status = shake_hands(stream, &why);
	if (status != OSP_OK)
	{
		(void) osp_error_set(err, status, "TLS with %s: %s", server, why.text);
		osp__stream_close(stream);
	}
	return status;
}

/* ---- bytes ---- */

/* Turns the result of SSL_read or SSL_write into that of a stream's functions. */
static ssize_t
tls_result(osp_stream *stream, int result)
{
	int code;

	if (result > 0)
		return result;
	code = SSL_get_error(stream->tls, result);
	if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
		return 0;
	if (code != SSL_ERROR_SYSCALL)
		errno = code == SSL_ERROR_ZERO_RETURN ? 0 : EPROTO;
	stream->why = ERR_reason_error_string(ERR_peek_error());
	return -1;
}

/*
 * Peeking also handles messages of TLS itself, such as session tickets, which
 * do not count.
 */
bool
osp__stream_is_quiet_tls(osp_stream *stream)
{
	char byte;

	ERR_clear_error();
	return tls_result(stream, SSL_peek(stream->tls, &byte, 1)) == 0;
}

ssize_t
osp__stream_read_tls(osp_stream *stream, void *bytes, size_t size)
{
	ERR_clear_error();
	return tls_result(
		stream,
		SSL_read(stream->tls, bytes, size < INT_MAX ? (int) size : INT_MAX));
}

/*
 * Reads the server's alert after a failed write, since it has the reason. TLS
 * 1.3 refuses a client's certificate only after the handshake, so data may have
 * been sent before the alert was read, and then the connection is reset.
 */
static void
read_alert(osp_stream *stream)
{
	int error = errno;
	char byte;

	ERR_clear_error();
	if (SSL_get_error(stream->tls, SSL_peek(stream->tls, &byte, 1)) !=
		SSL_ERROR_SSL)
	{
		errno = error;
		return;
	}
	errno = EPROTO;
	stream->why = ERR_reason_error_string(ERR_peek_error());
}

ssize_t
osp__stream_write_tls(osp_stream *stream, const void *bytes, size_t len)
{
	ssize_t sent;

	ERR_clear_error();
	sent = tls_result(
		stream,
		SSL_write(stream->tls, bytes, len < INT_MAX ? (int) len : INT_MAX));
	if (sent < 0 && errno != EPROTO && errno != 0)
		read_alert(stream);
	return sent;
}
