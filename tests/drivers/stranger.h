/* SPDX-License-Identifier: Apache-2.0
 *
 * stranger.h
 *	  Who answers where a collector should: a process that says what it is told,
 *	  whatever it is asked.
 */
#ifndef TEST_STRANGER_H
#define TEST_STRANGER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How a stranger behaves. A length of 0 is that of the string. */
typedef struct stranger
{
	const char *text;  /* what it says */
	const char *again; /* and then, again and again; NULL: it closes */
	unsigned pause_ms; /* before each time */
	bool unasked;      /* it does not wait for a question */
	size_t text_len;
	size_t again_len;
} stranger;

/* A listener on a free port of loopback that never accepts. */
int listen_mute(int backlog, int *port);

/* Serves one connection after another in a process of its own, for at most half
 * a minute, should the test fail and leave it alone. */
pid_t start_stranger(const stranger *who, int *port);
void end_stranger(pid_t pid);

#endif /* TEST_STRANGER_H */
