/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_bell.h
 *	  Waits for the bell of the status file.
 */
#ifndef OSP_SHIPPER_BELL_H
#define OSP_SHIPPER_BELL_H

#include "record/runstat.h"

typedef struct osp_bell osp_bell;

/*
 * Starts a thread that writes to fd, an event counter, whenever a producer rings the
 * bell of this status file. Both are borrowed until osp__bell_free. NULL: there is no
 * memory, or no thread can be made.
 */
osp_bell *osp__bell_new(const osp_allocator *alc, osp_runstat *stat, int fd);

/* Ends the thread. NULL is fine. */
void osp__bell_free(osp_bell *bell);

#endif /* OSP_SHIPPER_BELL_H */
