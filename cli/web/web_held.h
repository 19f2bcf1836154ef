/* SPDX-License-Identifier: Apache-2.0
 *
 * web_held.h
 *	  How much memory the answers take that are being sent.
 *
 * A page of a large trace has tens of megabytes, which stay until the last byte of it
 * is sent. Readers that are slow, and many, must not fill the memory of the host: beyond
 * WEB_HELD_BYTES a further page is not made, and whoever asked for it is to try again.
 */
#ifndef OSPROFILER_CLI_WEB_HELD_H
#define OSPROFILER_CLI_WEB_HELD_H

#include "osprofiler/base.h"

#define WEB_HELD_BYTES ((size_t) 128 * 1024 * 1024)

/* What is not larger is not counted: the number of connections bounds it. */
#define WEB_HELD_SMALL ((size_t) 1024 * 1024)

/* Is there no room for another page, as far as can be said before it is made? */
bool web_held_is_full(void);

/* Counts the body of an answer. False: there is no room for it. There is for one that
 * alone is larger than all that may be held. */
bool web_held_take(const char *body, size_t len) OSP_MUST_CHECK;

/* The body is sent, or given up. */
void web_held_release(const char *body);

#endif /* OSPROFILER_CLI_WEB_HELD_H */
