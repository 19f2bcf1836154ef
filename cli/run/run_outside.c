/* SPDX-License-Identifier: Apache-2.0
 *
 * run_outside.c
 *	  What is not in the trace of a command: the time before its first operation
 *	  and after its last one, and what found no room for its points.
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

#define TEXT_MAX 512

/* Adds the time outside, if it is much. */
static void
add_time(osp_buf *text, const run_follow *follow, int64_t ended_ns)
{
	int64_t took_ns = ended_ns - follow->start_ns;
	int64_t before_ns = follow->first_ns - follow->start_ns;
	int64_t after_ns = ended_ns - follow->last_ns;
	char took[OSP__DURATION_MAX];
	char before[OSP__DURATION_MAX];
	char after[OSP__DURATION_MAX];

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
	osp_buf_addf(text,
				 "%sthe command took %s: %s before its first operation, %s "
				 "after its last one",
				 text->len > 0 ? "; " : "",
				 took,
				 before,
				 after);
}

void
run_note_outside(const run_state *run, uint64_t untraced, int64_t ended_ns)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	if (untraced > 0)
		osp_buf_addf(&text,
					 "what %llu thread%s or process%s did, which could make no "
					 "ring for points",
					 (unsigned long long) untraced,
					 untraced == 1 ? "" : "s",
					 untraced == 1 ? "" : "es");
	add_time(&text, &run->follow, ended_ns);
	if (text.len > 0 && osp_buf_status(&text) == OSP_OK)
		cli_outside_note(&run->config, run->base_id, text.ptr);
	osp_buf_term(&text);
}
