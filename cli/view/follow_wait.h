/* SPDX-License-Identifier: Apache-2.0
 *
 * follow_wait.h
 *	  The pauses of a command that follows what comes, until the user ends it.
 *
 * A collector is asked once a second, and more rarely where it takes long to answer,
 * so that no more than a tenth of the time is spent with it.
 */
#ifndef OSPROFILER_CLI_FOLLOW_WAIT_H
#define OSPROFILER_CLI_FOLLOW_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define CLI_FOLLOW_PAUSE_MS 1000

typedef struct cli_follow_wait
{
	sigset_t mask;    /* of signals, as it was before */
	int64_t begun_ns; /* when the collector was asked last, osp_mono_now */
} cli_follow_wait;

/* From here on Ctrl-C, SIGTERM and SIGHUP do not end the process, but the waiting. */
void cli_follow_begin(cli_follow_wait *wait);

/* As before; a signal that comes now ends the process. */
void cli_follow_end(const cli_follow_wait *wait);

/* Has the user ended it? Has the form that osp_driver_options wants. */
bool cli_follow_is_ended(void *ctx);

/* Now the collector is asked. */
void cli_follow_ask(cli_follow_wait *wait);

/* Waits until it is time to ask again. False: the user has ended it, or nobody reads
 * standard output any more. */
bool cli_follow_pause(const cli_follow_wait *wait);

#endif /* OSPROFILER_CLI_FOLLOW_WAIT_H */
