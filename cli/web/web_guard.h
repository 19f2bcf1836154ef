/* SPDX-License-Identifier: Apache-2.0
 *
 * web_guard.h
 *	  Who may send requests to `osprofiler web`.
 */
#ifndef OSPROFILER_CLI_WEB_GUARD_H
#define OSPROFILER_CLI_WEB_GUARD_H

#include "web/web_site.h"

/* Makes the secrets of a site. False: there is no randomness. */
bool web_guard_init(web_site *site, unsigned port) OSP_MUST_CHECK;

/*
 * Returns why a request is refused, in one sentence, and its status; NULL: it
 * is not refused. All methods but GET and HEAD are refused; requests that name
 * another host, as those of a page whose name was made to point to this address
 * (DNS rebinding); and requests of pages of other origins.
 */
const char *web_guard_refusal(const web_request *request, const char *method,
							  unsigned *status);

/*
 * Does the request have the token as an argument, or the cookie? The time of
 * the comparison does not reveal how much of it is right.
 */
bool web_guard_has_token(const web_request *request);
bool web_guard_has_cookie(const web_request *request);

#endif /* OSPROFILER_CLI_WEB_GUARD_H */
