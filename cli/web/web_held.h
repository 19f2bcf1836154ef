/* SPDX-License-Identifier: Apache-2.0
 *
 * web_held.h
 *	  The memory of the answers that are being sent.
 *
 * A page of a large trace has tens of megabytes, which stay in memory until its
 * last byte is sent. Many slow readers must not fill the memory of the host:
 * beyond WEB_HELD_BYTES no further page is made, and the browser is told to try
 * again.
 */
#ifndef OSPROFILER_CLI_WEB_HELD_H
#define OSPROFILER_CLI_WEB_HELD_H

#include "osprofiler/base.h"

#define WEB_HELD_BYTES ((size_t) 128 * 1024 * 1024)

/* The largest body that is not counted: the number of connections limits their sum. */
#define WEB_HELD_SMALL ((size_t) 1024 * 1024)

/* Is there certainly no memory for another page, before it is made? */
bool web_held_is_full(void);

/*
 * Counts the body of an answer. False: there is no memory for it. A single body
 * may be larger than the limit.
 */
bool web_held_take(const char *body, size_t len) OSP_MUST_CHECK;

/* Ends the counting of a body that is sent, or abandoned. */
void web_held_release(const char *body);

#endif /* OSPROFILER_CLI_WEB_HELD_H */
