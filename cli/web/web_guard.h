/* SPDX-License-Identifier: Apache-2.0
 *
 * web_guard.h
 *	  Who may ask `osprofiler web` for anything.
 */
#ifndef OSPROFILER_CLI_WEB_GUARD_H
#define OSPROFILER_CLI_WEB_GUARD_H

#include "web/web_site.h"

/* Makes the secrets of a site. False: there is no randomness. */
bool web_guard_init(web_site *site, unsigned port) OSP_MUST_CHECK;

/*
 * Why a request is refused, in one sentence, with its status; NULL: it is not. Refused
 * are all methods but GET and HEAD; requests that name another host, as a page does
 * whose name was made to mean this address (DNS rebinding); and those of pages of other
 * origins.
 */
const char *web_guard_refusal(const web_request *request, const char *method,
							  unsigned *status);

/* Does the request bring the token as an argument, or the cookie? Both compare in a time
 * that does not tell how much was right. */
bool web_guard_has_token(const web_request *request);
bool web_guard_has_cookie(const web_request *request);

#endif /* OSPROFILER_CLI_WEB_GUARD_H */
