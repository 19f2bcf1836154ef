/* SPDX-License-Identifier: Apache-2.0
 *
 * last_run.h
 *	  What the last `osprofiler run` leaves for readers of its trace: why it made none,
 *	  for "last" must not mean an older one then, or how long it ran outside of it.
 */
#ifndef OSPROFILER_CLI_LAST_RUN_H
#define OSPROFILER_CLI_LAST_RUN_H

#include "profiler/config.h"

#define CLI_LAST_RUN_MAX 1024

/* Notes in the run directory why there is no trace of this run in the collector, whose
 * connection string is given without its password. */
void cli_last_run_note(const osp_config *config, const char *collector,
					   const char *why);

/*
 * Did a run make no trace in this collector after the time of its newest trace? Then
 * says why.
 */
bool cli_last_run_is_absent(const osp_config *config, const char *collector,
							int64_t newest_ns,
							char why[CLI_LAST_RUN_MAX]) OSP_MUST_CHECK;

/* Notes in the run directory how much of a command's time is not in the trace. */
void cli_last_run_note_outside(const osp_config *config, const char *base_id,
							   const char *text);

/* The text that was noted of this trace; false: none was. */
bool cli_last_run_outside(const osp_config *config, osp_str base_id,
						  char text[CLI_LAST_RUN_MAX]) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_LAST_RUN_H */
