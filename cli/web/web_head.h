/* SPDX-License-Identifier: Apache-2.0
 *
 * web_head.h
 *	  Limits for the head of a request.
 *
 * libmicrohttpd gives each connection WEB_HEAD_MEMORY bytes, for the head of a
 * request and for that of the answer. A head that uses up nearly all of them
 * leaves no room for an answer, and libmicrohttpd 0.9.75 then closes the
 * connection without one. So there are lower limits for heads, and a request
 * that exceeds them is answered here, on its socket. libmicrohttpd itself
 * refuses a head that does not fit into the memory. It does so without an
 * answer only if a cookie just does not fit.
 */
#ifndef OSPROFILER_CLI_WEB_HEAD_H
#define OSPROFILER_CLI_WEB_HEAD_H

#include "osprofiler/base.h"
#include "web/web_library.h"

#define WEB_HEAD_MEMORY ((size_t) 64 * 1024)

/* The results of web_head_address() that are not NULL. */
extern char web_head_answered[1];
extern char web_head_cut[1];

/*
 * Checks the address of a request; a callback for MHD_OPTION_URI_LOG_CALLBACK.
 * Answers an address that is too long, or has too many arguments, with 414, and
 * returns web_head_answered. Returns web_head_cut if the path contains the
 * character NUL (%00): libmicrohttpd passes on only the part before it.
 */
void *web_head_address(void *ctx, const char *address,
					   struct MHD_Connection *connection);

/*
 * Answers a request whose headers are too many or too long with 431. False: the
 * headers are good, and it was not answered.
 */
bool web_head_refused(struct MHD_Connection *connection) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_WEB_HEAD_H */
