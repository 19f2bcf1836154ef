/* SPDX-License-Identifier: Apache-2.0
 *
 * run_losses.c
 *	  What the trace of a run lacks, and why.
 */
#include "run/run.h"

#include "cli.h"
#include "collector_options.h"
#include "lost_points.h"

#define LINE_MAX 2048

/* Reports how many threads or processes could not record anything for lack of room. */
static void
report_untraced(uint64_t count)
{
	if (count > 0)
		(void) cli_error(
			"the trace is not complete: %llu thread%s or process%s of the "
			"command could make no ring for points (no room, no descriptor, or "
			"a limit of file sizes, ulimit -f)",
			(unsigned long long) count,
			count == 1 ? "" : "s",
			count == 1 ? "" : "es");
}

void
run_report_losses(const run_state *run, const osp_run_totals *totals)
{
	osp_buf line;

	report_untraced(totals->stat.untraced);
	osp_buf_init(&line, &osp_allocator_default, LINE_MAX);
	if (cli_lost_points_add(&line, totals))
	{
		if (totals->stat.refused > 0 && totals->stat.last_error[0] != '\0')
			osp_buf_addf(
				&line,
				" (%s)",
				cli_collector_reason(run->address, totals->stat.last_error));
		if (totals->dropped > 0)
			osp_buf_addf(&line,
						 "; OSPROFILER_RING_SIZE and OSPROFILER_RING_TOTAL "
						 "give rings more room");
		if (totals->stat.spool_dropped > 0)
			osp_buf_addf(&line,
						 "; OSPROFILER_SPOOL_LIMIT gives the spool more room");
		if (osp_buf_status(&line) == OSP_OK)
			(void) cli_error("the trace is not complete: %s", line.ptr);
	}
	osp_buf_term(&line);
}
