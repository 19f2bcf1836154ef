/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver_former.c
 *	  `osprofiler agent --once`: delivers the points that former runs of this
 *	  user left, and reports the result.
 */
#include "run/deliver_former.h"

#include <stdio.h>
#include <stdlib.h>

#include "control_text.h"
#include "run/former_runs.h"

#define LINE_MAX_BYTES ((size_t) 64 * 1024)

static void
log_delivered(uint64_t points, osp_log_fn log)
{
	char line[128];

	if (points == 0)
		return;
	(void) snprintf(line,
					sizeof(line),
					"delivered %llu point%s that former runs of "
					"'osprofiler run' left",
					(unsigned long long) points,
					points == 1 ? "" : "s");
	log(NULL, OSP_LOG_INFO, line);
}

/* Appends who delivers what is left: this command has just failed to. */
static void
add_who_delivers(osp_buf *line, const former_run *run)
{
	if (run->collector == RUN_COLLECTOR_NONE || run->is_elsewhere)
		former_run_add_advice(line, run);
	else
		osp_buf_add_str(line,
						OSP_STR("the next 'osprofiler run' delivers that, or "
								"this command, once the collector takes it"));
}

static void
log_left(const former_run *run, osp_log_fn log)
{
	osp_buf line;

	osp_buf_init(&line, &osp_allocator_default, LINE_MAX_BYTES);
	former_run_add_words(&line, run);
	osp_buf_add_str(&line, OSP_STR("; "));
	add_who_delivers(&line, run);
	if (osp_buf_status(&line) == OSP_OK && line.ptr != NULL)
		log(NULL, OSP_LOG_WARNING, line.ptr);
	osp_buf_term(&line);
}

bool
deliver_former(const osp_config *config, unsigned timeout_ms, osp_log_fn log)
{
	osp_str configured = osp_str_of(config->connection_string);
	char parent[OSP_RUNDIR_PATH_MAX];
	former_runs left;
	uint64_t points;
	bool delivered;
	size_t i;

	if (osp_rundir_path(osp_str_of(config->run_directory), parent, NULL) !=
		OSP_OK)
		return true;
	points = run_orphans_deliver(parent, NULL, configured, timeout_ms);
	former_runs_find(&left, parent, configured);
	log_delivered(points, log);
	for (i = 0; i < left.count; i++)
		log_left(&left.runs[i], log);
	delivered = left.count == 0;
	former_runs_term(&left);
	return delivered;
}

void
deliver_former_report(const char *path, const osp_config *config,
					  osp_log_fn log)
{
	former_run *run = malloc(sizeof(*run));

	if (run != NULL &&
		snprintf(run->path, sizeof(run->path), "%s", path) <
			(int) sizeof(run->path) &&
		former_run_read(run, osp_str_of(config->connection_string)) &&
		run->is_elsewhere)
		log_left(run, log);
	free(run);
}
