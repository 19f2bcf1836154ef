/* SPDX-License-Identifier: Apache-2.0
 *
 * web_address.h
 *	  Where `osprofiler web` listens.
 */
#ifndef OSPROFILER_CLI_WEB_ADDRESS_H
#define OSPROFILER_CLI_WEB_ADDRESS_H

#include "osprofiler/base.h"

/* A socket that listens, and how a browser on this host names it. */
typedef struct web_address
{
	int fd;
	bool loopback; /* only this host can connect */
	unsigned port;
	char host[256]; /* with the brackets of an IPv6 address */
} web_address;

/*
 * Listens at text: ADDRESS:PORT, [ADDRESS]:PORT, ADDRESS or PORT; what is left out is
 * 127.0.0.1, and a free port. ADDRESS is numeric, or localhost: no name can turn out to
 * be an address that others reach. CLI_USAGE or CLI_FAILED, and nothing is open, after a
 * message.
 */
int web_address_listen(const char *text, web_address *address) OSP_MUST_CHECK;

/* Is this host, as a request names it, a numeric address, and one of this host? */
bool web_is_numeric(const char *host, bool *loopback);

#endif /* OSPROFILER_CLI_WEB_ADDRESS_H */
