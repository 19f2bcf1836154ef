/* SPDX-License-Identifier: Apache-2.0
 *
 * follow_wait.h
 *	  The pauses of a command that follows new data until the user ends it.
 *
 * A collector is asked once a second, and less often if it takes long to
 * answer, so that no more than a tenth of the time is spent asking it.
 */
#ifndef OSPROFILER_CLI_FOLLOW_WAIT_H
#define OSPROFILER_CLI_FOLLOW_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define CLI_FOLLOW_PAUSE_MS 1000

typedef struct cli_follow_wait
{
	sigset_t mask;    /* the signals that were blocked before */
	int64_t begun_ns; /* when the collector was asked last, osp_mono_now */
} cli_follow_wait;

/* From now on Ctrl-C, SIGTERM and SIGHUP do not end the process: they only make
 * cli_follow_is_ended() return true. */
void cli_follow_begin(cli_follow_wait *wait);

/* Restores the handling of signals. After that, a signal ends the process. */
void cli_follow_end(const cli_follow_wait *wait);

/*
 * Has the user ended the command? The type is that of the member interrupted of
 * osp_driver_options; ctx is not used.
 */
bool cli_follow_is_ended(void *ctx);

/* Notes that the collector is asked now. */
void cli_follow_ask(cli_follow_wait *wait);

/*
 * Waits until it is time to ask again. False: the user has ended the command,
 * or standard output has no reader any more.
 */
bool cli_follow_pause(const cli_follow_wait *wait);

#endif /* OSPROFILER_CLI_FOLLOW_WAIT_H */
