/* SPDX-License-Identifier: Apache-2.0
 *
 * web_address.c
 *	  The address at which `osprofiler web` listens.
 */
#include "web/web_address.h"

#include "cli.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

typedef union any_address
{
	struct sockaddr any;
	struct sockaddr_in ip4;
	struct sockaddr_in6 ip6;
} any_address;

/* Reads a numeric address, or localhost. */
static bool
read_host(const char *host, any_address *address)
{
	memset(address, 0, sizeof(*address));
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &address->ip4.sin_addr) == 1)
		address->any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &address->ip6.sin6_addr) == 1)
		address->any.sa_family = AF_INET6;
	else
		return false;
	return true;
}

static bool
is_loopback(const any_address *address)
{
	const unsigned char *ip6 = address->ip6.sin6_addr.s6_addr;

	if (address->any.sa_family == AF_INET)
		return ntohl(address->ip4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&address->ip6.sin6_addr) ||
		   (IN6_IS_ADDR_V4MAPPED(&address->ip6.sin6_addr) && ip6[12] == 127);
}

static bool
is_any(const any_address *address)
{
	return address->any.sa_family == AF_INET
			   ? address->ip4.sin_addr.s_addr == htonl(INADDR_ANY)
			   : IN6_IS_ADDR_UNSPECIFIED(&address->ip6.sin6_addr);
}

bool
web_is_numeric(const char *host, bool *loopback)
{
	char bare[INET6_ADDRSTRLEN];
	any_address address;
	size_t len = strlen(host);
	bool brackets = host[0] == '[' && len > 2 && host[len - 1] == ']';

	*loopback = false;
	if (brackets)
		len -= 2;
	if (len >= sizeof(bare))
		return false;
	memcpy(bare, host + (brackets ? 1 : 0), len);
	bare[len] = '\0';
	if (strcmp(bare, "localhost") == 0 || !read_host(bare, &address) ||
		(address.any.sa_family == AF_INET6) != brackets)
		return false;
	*loopback = is_loopback(&address);
	return true;
}

/* Splits "[ADDRESS]:PORT"; port is 0 if it is left out. */
static bool
split(const char *text, char *host, size_t size, unsigned *port)
{
	const char *end = strchr(text, ']');
	const char *colon = strrchr(text, ':');
	const char *digits = colon != NULL ? colon + 1 : text;
	size_t len;

	*port = 0;
	if (text[0] == '[' && end != NULL && (end[1] == '\0' || end[1] == ':'))
	{
		text++;
		len = (size_t) (end - text);
		digits = end[1] == ':' ? end + 2 : "0";
	}
	else if (colon != NULL && strchr(text, ':') == colon)
		len = (size_t) (colon - text);
	else if (strspn(text, "0123456789") == strlen(text))
		len = 0;
	else
	{
		len = strlen(text);
		digits = "0";
	}
	if (len >= size || digits[0] == '\0' || strlen(digits) > 5 ||
		strspn(digits, "0123456789") != strlen(digits))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (len == 0)
		(void) snprintf(host, size, "127.0.0.1");
	for (; *digits != '\0'; digits++)
		*port = *port * 10 + (unsigned) (*digits - '0');
	return *port <= 65535;
}

static int
open_socket(const any_address *bound, int *fd)
{
	int on = 1;

	*fd = socket(bound->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return errno;
	(void) setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(*fd,
			 &bound->any,
			 bound->any.sa_family == AF_INET ? sizeof(bound->ip4)
											 : sizeof(bound->ip6)) == 0 &&
		listen(*fd, BACKLOG) == 0)
		return 0;
	return errno;
}

/* Finds the name by which a browser can reach the address. */
static void
name_host(web_address *address, const any_address *bound)
{
	char text[INET6_ADDRSTRLEN] = "";

	address->port =
		ntohs(bound->any.sa_family == AF_INET ? bound->ip4.sin_port
											  : bound->ip6.sin6_port);
	if (is_any(bound) &&
		gethostname(address->host, sizeof(address->host) - 1) == 0)
		return;
	if (bound->any.sa_family == AF_INET)
		(void) inet_ntop(AF_INET, &bound->ip4.sin_addr, text, sizeof(text));
	else
		(void) inet_ntop(AF_INET6, &bound->ip6.sin6_addr, text, sizeof(text));
	(void) snprintf(address->host,
					sizeof(address->host),
					bound->any.sa_family == AF_INET ? "%s" : "[%s]",
					text);
}

int
web_address_listen(const char *text, web_address *address)
{
	char host[INET6_ADDRSTRLEN];
	socklen_t size = sizeof(any_address);
	any_address bound;
	unsigned port;
	int error;

	memset(address, 0, sizeof(*address));
	address->fd = -1;
	if (!split(text, host, sizeof(host), &port) || !read_host(host, &bound))
		return cli_usage("--listen must be ADDRESS:PORT, [ADDRESS]:PORT or a "
						 "port, with a numeric address or localhost, not '%s'",
						 text);
	if (bound.any.sa_family == AF_INET)
		bound.ip4.sin_port = htons((uint16_t) port);
	else
		bound.ip6.sin6_port = htons((uint16_t) port);
	address->loopback = is_loopback(&bound);
	error = open_socket(&bound, &address->fd);
	if (error == 0 && getsockname(address->fd, &bound.any, &size) != 0)
		error = errno;
	if (error != 0)
	{
		if (address->fd >= 0)
			(void) close(address->fd);
		return cli_error("cannot listen at %s port %u: %s%s",
						 host,
						 port,
						 strerror(error),
						 error == EADDRINUSE
							 ? " (without a port --listen takes a free one)"
							 : "");
	}
	name_host(address, &bound);
	return CLI_OK;
}
