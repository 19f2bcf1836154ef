/* SPDX-License-Identifier: Apache-2.0
 *
 * pager.h
 *	  The program that shows standard output page by page.
 */
#ifndef OSPROFILER_CLI_PAGER_H
#define OSPROFILER_CLI_PAGER_H

#include <sys/types.h>

#include "osprofiler/base.h"

/*
 * Starts the pager as git does: the command in PAGER, or less if PAGER is not
 * set and less exists, but none if PAGER is empty or "cat". From then on
 * standard output goes to the pager. Returns its process, or 0 for none.
 */
pid_t cli_pager_start(void);

/*
 * Closes standard output, unless that is done, and waits until the user has
 * ended *pager, which becomes 0. Does nothing if *pager is 0. CLI_FAILED after
 * a message: the pager could not be run, and nothing was shown.
 */
int cli_pager_finish(pid_t *pager);

#endif /* OSPROFILER_CLI_PAGER_H */
