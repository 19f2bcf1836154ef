/* SPDX-License-Identifier: Apache-2.0
 *
 * lost_points.h
 *	  How many points of a run directory are lost, and where they were lost.
 */
#ifndef OSPROFILER_CLI_LOST_POINTS_H
#define OSPROFILER_CLI_LOST_POINTS_H

#include "osprofiler/buf.h"
#include "record/runstat.h"

/* Appends "3 points were lost: 2 found no room in a ring, 1 the collector refused". False:
 * none was lost. */
bool cli_lost_points_add(osp_buf *out, const osp_run_totals *totals);

/* Appends ", the last at TIME"; nothing if that is not known (0). */
void cli_lost_points_add_time(osp_buf *out, int64_t last_loss_wall_ns);

#endif /* OSPROFILER_CLI_LOST_POINTS_H */
