/* SPDX-License-Identifier: Apache-2.0
 *
 * run_outside.c
 *	  The time of a command before its first operation and after its last one,
 *	  which is not in the trace.
 */
#include "run/run.h"

#include <stdio.h>

#include "noted/outside_note.h"
#include "report/report_describe.h"

/*
 * The time outside of the trace is noted if it is at least OUTSIDE_MIN_NS, and
 * at least a fifth (1 / OUTSIDE_PART) of the command's time.
 */
#define OUTSIDE_MIN_NS (100 * INT64_C(1000000))
#define OUTSIDE_PART   5

void
run_note_outside(const run_state *run, int64_t ended_ns)
{
	const run_follow *follow = &run->follow;
	int64_t took_ns = ended_ns - follow->start_ns;
	int64_t before_ns = follow->first_ns - follow->start_ns;
	int64_t after_ns = ended_ns - follow->last_ns;
	char took[OSP__DURATION_MAX];
	char before[OSP__DURATION_MAX];
	char after[OSP__DURATION_MAX];
	char text[256];

	if (before_ns < 0)
		before_ns = 0;
	if (after_ns < 0)
		after_ns = 0;
	if (!follow->saw_any || before_ns + after_ns < OUTSIDE_MIN_NS ||
		before_ns + after_ns < took_ns / OUTSIDE_PART)
		return;
	osp__duration_text(took_ns, took);
	osp__duration_text(before_ns, before);
	osp__duration_text(after_ns, after);
	(void) snprintf(text,
					sizeof(text),
					"the command took %s: %s before its first operation, %s "
					"after its last one",
					took,
					before,
					after);
	cli_outside_note(&run->config, run->base_id, text);
}
