/* SPDX-License-Identifier: Apache-2.0
 *
 * web_site.h
 *	  What all requests to `osprofiler web` share. Nothing of it changes while it serves.
 */
#ifndef OSPROFILER_CLI_WEB_SITE_H
#define OSPROFILER_CLI_WEB_SITE_H

#include "trace/trace_argument.h"
#include "web/web_library.h"

#define WEB_SECRET_CHARS 32 /* hex digits */

typedef struct web_site
{
	cli_source
		source; /* the options; each request opens collectors of its own */
	bool loopback;
	char host[256]; /* how a browser names this host */

	/* The address that is printed has the token. Whoever brings it gets it as a
	 * cookie. Browsers send the cookies of a host to all its ports, but only for their
	 * paths; so all that needs the cookie has a path that others cannot guess. */
	char token[WEB_SECRET_CHARS + 1];
	char path[WEB_SECRET_CHARS + 3]; /* with its slashes */
	char cookie[32];                 /* its name, which has the port */
} web_site;

typedef struct web_request
{
	const web_site *site;
	struct MHD_Connection *connection;
} web_request;

/* An argument of the address, borrowed; empty if it is not given. Returns NULL, or what is
 * wrong with it, as words that follow its name. */
const char *web_argument(const web_request *request, const char *name,
						 osp_str *value) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_WEB_SITE_H */
