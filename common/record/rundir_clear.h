/* SPDX-License-Identifier: Apache-2.0
 *
 * rundir_clear.h
 *	  What is removed from the run directory of a server that has ended.
 */
#ifndef OSP_RUNDIR_CLEAR_H
#define OSP_RUNDIR_CLEAR_H

#include "record/rundir.h"

/*
 * The server ends, and neither sessions nor shipper use the directory any more: removes
 * it, and its counters with it. If something waits to be delivered, in it or in the spool, or
 * a file is not known, all stays but what its sessions waited for.
 */
void osp_rundir_clear(const char *path);

/* Removes what sessions waited for, unless somebody still has the file mapped: of a
 * server that could not end as it should. */
void osp_rundir_clear_waits(int dir_fd);

#endif /* OSP_RUNDIR_CLEAR_H */
