/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver_former.h
 *	  `osprofiler agent --once`: delivers the points that former runs of this
 *	  user left, and reports the result.
 */
#ifndef OSPROFILER_CLI_DELIVER_FORMER_H
#define OSPROFILER_CLI_DELIVER_FORMER_H

#include "profiler/config.h"
#include "ship/shipper.h"

/*
 * Delivers to the collectors that the runs had, for each run within about
 * timeout_ms. A line to log says how many points were delivered. Another line
 * for each run that still has points says why, and what to type. True: no point
 * waits any more.
 */
bool deliver_former(const osp_config *config, unsigned timeout_ms,
					osp_log_fn log) OSP_MUST_CHECK;

/*
 * If points wait in this directory of a former run that names another collector than
 * the settings, a line to log says so, and what to type.
 */
void deliver_former_report(const char *path, const osp_config *config,
						   osp_log_fn log);

#endif /* OSPROFILER_CLI_DELIVER_FORMER_H */
