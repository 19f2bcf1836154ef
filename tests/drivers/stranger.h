/* SPDX-License-Identifier: Apache-2.0
 *
 * stranger.h
 *	  A stranger: a process that answers in place of a collector. It sends a given text,
 *	  whatever it receives.
 */
#ifndef TEST_STRANGER_H
#define TEST_STRANGER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How a stranger behaves. If a length is 0, the text is a string that ends with NUL. */
typedef struct stranger
{
	const char *text;  /* what it says */
	const char *again; /* sent repeatedly after text; NULL: it closes */
	unsigned pause_ms; /* before again is sent each time */
	bool unasked;      /* it sends before it has received anything */
	size_t text_len;
	size_t again_len;
} stranger;

/* Makes a listener on a free port of loopback that accepts no connections. */
int listen_mute(int backlog, int *port);

/* Starts a process that serves one connection after another. It ends after half a
 * minute at the latest, in case the test fails and does not end it. */
pid_t start_stranger(const stranger *who, int *port);
void end_stranger(pid_t pid);

#endif /* TEST_STRANGER_H */
