/* SPDX-License-Identifier: Apache-2.0
 *
 * web_site.h
 *	  The data that all requests to `osprofiler web` share. They do not change
 *	  while it serves.
 */
#ifndef OSPROFILER_CLI_WEB_SITE_H
#define OSPROFILER_CLI_WEB_SITE_H

#include "trace/trace_argument.h"
#include "web/web_library.h"

#define WEB_SECRET_CHARS 32 /* hex digits */

typedef struct web_site
{
	cli_source source; /* its options; each request opens its own */
	bool loopback;
	char host[256]; /* the name that a browser uses for this host */

	/*
	 * The printed address has the token. A browser that opens it gets the token
	 * as a cookie. Browsers send the cookies of a host to all its ports, but
	 * only for the cookie's path. So all pages that need the cookie are below a
	 * path that others cannot guess.
	 */
	char token[WEB_SECRET_CHARS + 1];
	char path[WEB_SECRET_CHARS + 3]; /* begins and ends with a slash */
	char cookie[32];                 /* the cookie's name, with the port */
} web_site;

typedef struct web_request
{
	const web_site *site;
	struct MHD_Connection *connection;
} web_request;

/*
 * Finds an argument of the address, borrowed; empty if it is not given. Returns
 * NULL, or what is wrong with it, in words that follow its name.
 */
const char *web_argument(const web_request *request, const char *name,
						 osp_str *value) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_WEB_SITE_H */
