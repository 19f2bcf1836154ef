/* SPDX-License-Identifier: Apache-2.0
 *
 * waiting_points.h
 *	  The points of one trace that wait in the rings and the spool of a run directory.
 */
#ifndef OSPROFILER_CLI_WAITING_POINTS_H
#define OSPROFILER_CLI_WAITING_POINTS_H

#include "osprofiler/ids.h"

/* Counts these points. They are only read. */
uint64_t cli_waiting_points(const char *run_directory, const osp_id *base_id);

#endif /* OSPROFILER_CLI_WAITING_POINTS_H */
