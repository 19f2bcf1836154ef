/* SPDX-License-Identifier: Apache-2.0
 *
 * check_agent.c
 *	  Does a shipper deliver the points that programs leave in the run
 *	  directory?
 *
 * `osprofiler run` delivers by itself. All other programs need an agent, which
 * may be started later; so its absence is only wrong if points wait for it. This
 * check is made after those of the collector, see doctor_table.c.
 */
#include "doctor/doctor.h"

#include <unistd.h>

#include "collector_advice.h"
#include "lost_points.h"
#include "record/ring.h"
#include "record/runstat.h"
#include "run/former_runs.h"
#include "server/shipper_state.h"
#include "shell_text.h"

/* Divides the next piece of advice from the one before. */
static void
separate_advice(doctor_result *r)
{
	if (r->advice.len > 0)
		doctor_advise(r, "; ");
}

/* The step of the collector that says why nothing can be stored. STEP_COUNT: none does. */
static doctor_step
find_obstacle(const doctor *d)
{
	static const doctor_step steps[] = {STEP_COLLECTOR, STEP_STORE};
	const doctor_result *read_back = &d->results[STEP_READ_BACK];
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (d->results[steps[i]].verdict == DOCTOR_WRONG)
			return steps[i];
	return read_back->verdict == DOCTOR_WRONG &&
				   cli_collector_is_full(read_back->found.ptr)
			   ? STEP_READ_BACK
			   : STEP_COUNT;
}

/*
 * Advises to mend the collector first, if it cannot store anything: a command that
 * delivers points would fail. The small trace of doctor may fit where the points, with
 * this last error, did not.
 */
static void
advise_collector(const doctor *d, doctor_result *r, const char *last_error)
{
	const doctor_step obstacle = find_obstacle(d);

	if (obstacle == STEP_COUNT && !cli_collector_is_full(last_error))
		return;
	separate_advice(r);
	if (obstacle == STEP_COUNT)
	{
		doctor_advise(r,
					  "the collector's file system was full: first free or "
					  "enlarge it, unless that was done");
		return;
	}
	r->is_left = true;
	doctor_advise(r,
				  "first do what the step '%s' says, or the command fails",
				  d->results[obstacle].title);
}

static void
report_waiting(const doctor *d, doctor_result *r, const osp_run_totals *totals)
{
	uint64_t points = totals->stat.spool_points;

	doctor_wrong(r,
				 "%llu bytes wait in %s",
				 (unsigned long long) totals->waiting_bytes,
				 d->run_directory);
	if (points > 0)
		doctor_wrong(r,
					 ", and %llu point%s in the spool",
					 (unsigned long long) points,
					 points == 1 ? "" : "s");
	doctor_wrong(r, ", and no agent is at work");
	doctor_mend(r, "osprofiler agent --run-directory ");
	doctor_mend_word(r, d->run_directory);
	doctor_mend(r, " --once");
	advise_collector(d, r, totals->stat.last_error);
	separate_advice(r);
	doctor_advise(r, "without --once it stays and delivers what comes");
}

/* The points may be meant for that collector, so --fix does not deliver them. */
static void
advise_elsewhere(doctor_result *r, const former_run *run)
{
	r->is_left = true;
	former_run_add_elsewhere(&r->advice, run);
	if (run->collector == RUN_COLLECTOR_LOCKED)
		doctor_advise(r,
					  " once OSPROFILER_CONNECTION_STRING has its password, "
					  "which is not stored");
	doctor_advise(r, "; to give it up: rm -r ");
	cli_add_quoted(&r->advice, osp_str_of(run->path));
	doctor_advise(r, "; to deliver it to the collector of the settings:");
}

static void
advise_former(doctor_result *r, const former_run *run)
{
	if (run->is_elsewhere)
		advise_elsewhere(r, run);
	else if (run->collector == RUN_COLLECTOR_KNOWN)
		doctor_advise(r, "the next 'osprofiler run' delivers that, too");
}

void
doctor_add_lost(doctor_result *r, const osp_run_totals *totals)
{
	osp_buf words;

	osp_buf_init(&words, &osp_allocator_default, 1024);
	if (cli_lost_points_add(&words, totals))
		cli_lost_points_add_time(&words, totals->last_loss_wall_ns);
	if (words.len > 0 && osp_buf_status(&words) == OSP_OK)
		osp_buf_addf(
			&r->found, "%s%s", r->found.len > 0 ? "; " : "", words.ptr);
	osp_buf_term(&words);
}

/*
 * Reports the points that former runs left behind, after what is wrong with the
 * programs' run directory. Does nothing if a run directory was named.
 */
static void
report_former(const doctor *d, doctor_result *r)
{
	former_runs former;
	size_t i;

	if (d->run_directory_given != NULL)
		return;
	former_runs_find(
		&former, d->run_directory, osp_str_of(d->config.connection_string));
	for (i = 0; i < former.count; i++)
	{
		doctor_wrong(r, "%s", r->found.len > 0 ? "; " : "");
		former_run_add_words(&r->found, &former.runs[i]);
	}
	if (former.count > 0)
	{
		doctor_mend(r, "%s", r->mend.len > 0 ? " && " : "");
		former_run_add_command(&r->mend, &former.runs[0]);
		if (!r->is_left)
			advise_collector(d, r, former.runs[0].totals.stat.last_error);
		if (former.runs[0].collector != RUN_COLLECTOR_NONE)
			separate_advice(r);
		advise_former(r, &former.runs[0]);
	}
	former_runs_term(&former);
}

/* Is the agent stopped by a signal? Then says how to continue it. */
static bool
report_stopped(const doctor *d, doctor_result *r, const osp_run_totals *totals)
{
	long pid = (long) osp_owner_pid(totals->stat.shipper);

	if (!totals->shipper_alive || cli_shipper_state(pid) != CLI_STATE_STOPPED)
		return false;
	doctor_wrong(
		r, "process %ld is stopped (state T), so it delivers nothing", pid);
	doctor_advise(r, "have it go on:");
	if (d->for_user == NULL)
		doctor_mend_as_root_or(d, r, geteuid());
	doctor_mend(r, "kill -CONT %ld", pid);
	return true;
}

void
check_agent(doctor *d, doctor_result *r)
{
	osp_run_totals totals;
	osp_error err;
	osp_status status;
	int fd;

	memset(&totals, 0, sizeof(totals));
	status = osp_rundir_open(d->run_directory, false, &fd, &err);
	if (status == OSP_OK)
	{
		status = osp_run_totals_read(fd, &totals, &err);
		(void) close(fd);
	}
	if (status != OSP_OK)
		doctor_wrong(r, "%s", err.msg);
	else if (report_stopped(d, r, &totals))
		;
	else if (!totals.shipper_alive && totals.waiting_bytes > 0)
		report_waiting(d, r, &totals);
	else if (totals.stat.spool_points > 0)
	{
		doctor_wrong(r,
					 "%llu point%s in the spool: %s",
					 (unsigned long long) totals.stat.spool_points,
					 totals.stat.spool_points == 1 ? " waits" : "s wait",
					 totals.stat.last_error);
		doctor_advise(r, "see the step of the collector");
	}
	report_former(d, r);
	if (r->verdict != DOCTOR_WRONG && totals.shipper_alive)
		doctor_good(r,
					"at work, process %ld",
					(long) osp_owner_pid(totals.stat.shipper));
	else if (r->verdict != DOCTOR_WRONG)
		doctor_good(r,
					"none is at work, and nothing waits ('osprofiler run' "
					"needs none, other programs do: osprofiler agent)");
	doctor_add_lost(r, &totals);
}
