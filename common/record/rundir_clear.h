/* SPDX-License-Identifier: Apache-2.0
 *
 * rundir_clear.h
 *	  Clears the run directory of a server that has ended.
 */
#ifndef OSP_RUNDIR_CLEAR_H
#define OSP_RUNDIR_CLEAR_H

#include "record/rundir.h"

/*
 * Removes the run directory of a server that ends, with its counters. Neither sessions
 * nor a shipper may use it any more. If records wait in it or in its spool, or a file
 * is unknown, only the sessions' files of waits are removed.
 */
void osp_rundir_clear(const char *path);

/* Removes the sessions' files of waits that no process has mapped: a server that was
 * killed leaves them. */
void osp_rundir_clear_waits(int dir_fd);

#endif /* OSP_RUNDIR_CLEAR_H */
