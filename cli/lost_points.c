/* SPDX-License-Identifier: Apache-2.0
 *
 * lost_points.c
 *	  How many points of a run directory are lost, and where they were lost.
 */
#include "lost_points.h"

#include "osprofiler/notification.h"

bool
cli_lost_points_add(osp_buf *out, const osp_run_totals *totals)
{
	const struct
	{
		uint64_t count;
		const char *where;
	} losses[] = {
		{totals->dropped, " found no room in a ring"},
		{totals->stat.spool_dropped, " found no room in the spool"},
		{totals->stat.refused, " the collector refused"},
	};
	const char *before = "";
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		sum += losses[i].count;
	if (sum == 0)
		return false;
	osp_buf_addf(out,
				 "%llu point%s lost: ",
				 (unsigned long long) sum,
				 sum == 1 ? " was" : "s were");
	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
	{
		if (losses[i].count == 0)
			continue;
		osp_buf_addf(out,
					 "%s%llu%s",
					 before,
					 (unsigned long long) losses[i].count,
					 losses[i].where);
		before = ", ";
	}
	return true;
}

void
cli_lost_points_add_time(osp_buf *out, int64_t last_loss_wall_ns)
{
	char time[OSP_TIMESTAMP_LEN + 1];

	if (last_loss_wall_ns == 0)
		return;
	osp_timestamp_text(last_loss_wall_ns, time);
	osp_buf_addf(out, ", the last at %s", time);
}
