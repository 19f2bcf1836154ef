/* SPDX-License-Identifier: Apache-2.0
 *
 * check_agent.c
 *	  Does somebody deliver what programs leave in the run directory?
 *
 * `osprofiler run` delivers by itself. All other programs need an agent, which may
 * come later; so there is only trouble if something waits for it.
 */
#include "doctor/doctor.h"

#include <unistd.h>

#include "record/ring.h"
#include "record/runstat.h"

static void
report_waiting(const doctor *d, doctor_result *r, const osp_run_totals *totals)
{
	doctor_wrong(r,
				 "%llu bytes wait in %s, and no agent is at work",
				 (unsigned long long) totals->waiting_bytes,
				 d->run_directory);
	doctor_mend(r, "osprofiler agent --run-directory ");
	doctor_mend_word(r, d->run_directory);
	doctor_mend(r, " --once");
	doctor_advise(r, "without --once it stays and delivers what comes");
}

void
check_agent(doctor *d, doctor_result *r)
{
	osp_run_totals totals;
	osp_error err;
	osp_status status;
	int fd;

	status = osp_rundir_open(d->run_directory, false, &fd, &err);
	if (status == OSP_OK)
	{
		status = osp_run_totals_read(fd, &totals, &err);
		(void) close(fd);
	}
	if (status != OSP_OK)
		doctor_wrong(r, "%s", err.msg);
	else if (!totals.shipper_alive && totals.waiting_bytes > 0)
		report_waiting(d, r, &totals);
	else if (totals.stat.spool_points > 0)
	{
		doctor_wrong(r,
					 "%llu points wait in the spool: %s",
					 (unsigned long long) totals.stat.spool_points,
					 totals.stat.last_error);
		doctor_advise(r, "see the step of the collector");
	}
	else if (totals.shipper_alive)
		doctor_good(r,
					"at work, process %ld",
					(long) osp_owner_pid(totals.stat.shipper));
	else
		doctor_good(r,
					"none is at work, and nothing waits ('osprofiler run' "
					"needs none, other programs do: osprofiler agent)");
}
