/* SPDX-License-Identifier: Apache-2.0
 *
 * web_address.h
 *	  The address at which `osprofiler web` listens.
 */
#ifndef OSPROFILER_CLI_WEB_ADDRESS_H
#define OSPROFILER_CLI_WEB_ADDRESS_H

#include "osprofiler/base.h"

/* A socket that listens, and the name by which a browser can reach it. */
typedef struct web_address
{
	int fd;
	bool loopback; /* only this host can connect */
	unsigned port;
	char host[256]; /* with brackets if it is an IPv6 address */
} web_address;

/*
 * Listens at text: ADDRESS:PORT, [ADDRESS]:PORT, ADDRESS or PORT. The default
 * is 127.0.0.1 and a free port. ADDRESS is numeric, or localhost: any other
 * name might lead to an address that others can reach. CLI_USAGE or CLI_FAILED,
 * with nothing open, after a message.
 */
int web_address_listen(const char *text, web_address *address) OSP_MUST_CHECK;

/*
 * Is the host that a request names a numeric address? *loopback: is it one of
 * this host only?
 */
bool web_is_numeric(const char *host, bool *loopback);

#endif /* OSPROFILER_CLI_WEB_ADDRESS_H */
