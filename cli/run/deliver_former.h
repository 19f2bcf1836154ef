/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver_former.h
 *	  `osprofiler agent --once`: delivers what former runs of this user left, and says
 *	  what came of it.
 */
#ifndef OSPROFILER_CLI_DELIVER_FORMER_H
#define OSPROFILER_CLI_DELIVER_FORMER_H

#include "profiler/config.h"
#include "ship/shipper.h"

/*
 * Delivers to the collectors that the runs had, for each run within about timeout_ms. A
 * line to log says how many points were delivered, and another one names each run of which
 * something still waits, why, and what to type. True: nothing waits any more.
 */
bool deliver_former(const osp_config *config, unsigned timeout_ms,
					osp_log_fn log) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_DELIVER_FORMER_H */
