/* SPDX-License-Identifier: Apache-2.0
 *
 * broker_socket.c
 *	  The socket of a connection to a broker.
 *
 * Without TLS the socket is ours, connected within the limits of a call, and
 * then given to the library. With TLS the library has to open it itself:
 * opening then ends at timeout_ms and at the deadline, but the program cannot
 * interrupt it. A program that ends meanwhile loses nothing, since the batch
 * was not confirmed.
 *
 * The library compares a certificate with host names only, and trusts no
 * authority by default, so both are set in OpenSSL directly.
 */
#include "broker.h"
#include "record/clock.h"
#include "stream.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* The size of the send buffer, for a window of messages. The kernel may allow less. */
#define SEND_BUFFER (1024 * 1024)

#define NS_PER_MS INT64_C(1000000)

/*
 * Sets the size of the send buffer, and how long the kernel waits for a peer
 * that does not accept data. A frame is sent only when there is room for it in
 * the buffer, so this wait occurs only if the kernel accepts less than it
 * announced (broker.c).
 */
static void
set_socket_options(osp_broker *broker)
{
	const unsigned timeout_ms = broker->wait.timeout_ms;
	const int size = SEND_BUFFER;
	int fd = amqp_get_sockfd(broker->link);

	(void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void) setsockopt(
		fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

static osp_status
open_tcp(osp_broker *broker, const osp_broker_peer *peer, osp_error *err)
{
	amqp_socket_t *sock = amqp_tcp_socket_new(broker->link);
	osp_status status;
	osp_stream stream;

	if (sock == NULL)
		return OSP_ENOMEM;
	osp__stream_init(&stream, &broker->wait);
	status = osp__stream_connect(
		&stream, peer->host, peer->port, broker->where, err);
	if (status == OSP_OK)
		amqp_tcp_socket_set_sockfd(sock, stream.fd);
	return status;
}

/* ---- TLS ---- */

/* Keeps the reason why a certificate is not accepted. */
static int
note_verdict(int accepted, X509_STORE_CTX *store)
{
	SSL *tls =
		X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	int *verdict = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

	if (!accepted && *verdict == X509_V_OK)
		*verdict = X509_STORE_CTX_get_error(store);
	return accepted;
}

/*
 * Sets the host that the certificate must name, and the authorities that may
 * have signed it.
 */
static bool
set_trust(SSL_CTX *ctx, const char *host, const char *ca_file, int *verdict)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	unsigned char address[sizeof(struct in6_addr)];
	bool is_address = inet_pton(AF_INET, host, address) == 1 ||
					  inet_pton(AF_INET6, host, address) == 1;

	(void) SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void) SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	(void) SSL_CTX_set_app_data(ctx, verdict);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, note_verdict);
	return (is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
					   : X509_VERIFY_PARAM_set1_host(param, host, 0)) == 1 &&
		   (ca_file != NULL ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL)
							: SSL_CTX_set_default_verify_paths(ctx)) == 1;
}

/* Returns the time that is left for opening, at least a millisecond. */
static struct timeval
time_to_open(const osp_wait *wait)
{
	int64_t left = (int64_t) wait->timeout_ms * NS_PER_MS;
	int64_t now = osp_mono_now();
	struct timeval time;

	if (wait->end_ns - now < left)
		left = wait->end_ns - now;
	if (left < NS_PER_MS)
		left = NS_PER_MS;
	time.tv_sec = left / (1000 * NS_PER_MS);
	time.tv_usec = left % (1000 * NS_PER_MS) / 1000;
	return time;
}

static osp_status
tls_failed(const osp_broker *broker, int code, int verdict, osp_error *err)
{
	const char *why = ERR_reason_error_string(ERR_peek_error());

	if (verdict != X509_V_OK)
		why = X509_verify_cert_error_string(verdict);
	if (code != AMQP_STATUS_SSL_CONNECTION_FAILED || why == NULL)
		why = amqp_error_string2(code);
	if (code == AMQP_STATUS_SOCKET_ERROR ||
		code == AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED)
		return osp_error_set(
			err, OSP_EUNAVAIL, "cannot connect to %s: %s", broker->where, why);
	return osp_error_set(
		err, OSP_EUNAVAIL, "TLS with %s: %s", broker->where, why);
}

static osp_status
open_tls(osp_broker *broker, const osp_broker_peer *peer, osp_error *err)
{
	amqp_socket_t *sock = amqp_ssl_socket_new(broker->link);
	struct timeval time = time_to_open(&broker->wait);
	int verdict = X509_V_OK;
	int code;

	if (sock == NULL)
		return OSP_ENOMEM;
	amqp_ssl_socket_set_verify_hostname(sock, 0);
	if (!set_trust(amqp_ssl_socket_get_context(sock),
				   peer->host,
				   broker->ca_file,
				   &verdict))
		return osp_error_set(
			err,
			OSP_EUNAVAIL,
			"TLS with %s: the file of certificate authorities cannot be read",
			broker->where);
	code = amqp_socket_open_noblock(sock, peer->host, (int) peer->port, &time);
	return code == AMQP_STATUS_OK ? OSP_OK
								  : tls_failed(broker, code, verdict, err);
}

osp_status
osp__broker_open_socket(osp_broker *broker, const osp_broker_peer *peer,
						osp_error *err)
{
	osp_status status;

	broker->link = amqp_new_connection();
	if (broker->link == NULL)
		status = OSP_ENOMEM;
	else
		status = broker->tls ? open_tls(broker, peer, err)
							 : open_tcp(broker, peer, err);
	if (status == OSP_OK)
		set_socket_options(broker);
	else if (status == OSP_ENOMEM)
		return osp__broker_broken(broker, status, err, "out of memory for");
	else
		osp__broker_drop(broker);
	return status;
}
