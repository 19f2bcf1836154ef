/* SPDX-License-Identifier: Apache-2.0
 *
 * status_words.c
 *	  What is wrong with a run directory, in words that come before the
 *	  counters.
 */
#include "status/status_words.h"
#include "control_text.h"
#include "lost_points.h"
#include "shipper_advice.h"

/* Appends "1 point" or "2 points". */
static void
add_points(osp_buf *out, uint64_t count, const char *rest)
{
	osp_buf_addf(out,
				 "%llu point%s%s",
				 (unsigned long long) count,
				 count == 1 ? "" : "s",
				 rest);
}

/*
 * Reports points in the spool, which fills while the collector does not accept
 * them. Returns how many lines were added.
 */
static size_t
add_spool(osp_buf *out, const char *path, const osp_run_totals *totals,
		  const char *error_time)
{
	const osp_runstat *stat = &totals->stat;

	if (stat->spool_points == 0)
		return 0;
	add_points(out,
			   stat->spool_points,
			   stat->spool_points == 1 ? " waits in the spool"
									   : " wait in the spool");
	if (totals->waiting_bytes > 0)
		osp_buf_addf(out,
					 ", and %llu bytes of others in rings",
					 (unsigned long long) totals->waiting_bytes);
	if (!totals->shipper_alive)
	{
		osp_buf_add_str(out, OSP_STR("; no shipper is at work ("));
		cli_add_shipper_advice(out, path);
		osp_buf_add_char(out, ')');
	}
	if (error_time[0] != '\0')
	{
		osp_buf_addf(out, "; last error of the collector, at %s: ", error_time);
		cli_add_visible(out, osp_str_of(stat->last_error));
	}
	osp_buf_add_char(out, '\n');
	return 1;
}

/*
 * Reports points in rings without a shipper. If one could not start, the error says
 * what has to be corrected. Returns how many lines were added.
 */
static size_t
add_rings(osp_buf *out, const char *path, const osp_run_totals *totals,
		  const char *error_time)
{
	if (totals->waiting_bytes == 0 || totals->shipper_alive)
		return 0;
	osp_buf_addf(out,
				 "%llu bytes wait in rings, and no shipper is at work",
				 (unsigned long long) totals->waiting_bytes);
	if (error_time[0] == '\0')
	{
		osp_buf_add_str(out, OSP_STR(" ("));
		cli_add_shipper_advice(out, path);
		osp_buf_add_str(out, OSP_STR(")\n"));
		return 1;
	}
	osp_buf_addf(out,
				 "; they are delivered once the error of %s is corrected: ",
				 error_time);
	cli_add_visible(out, osp_str_of(totals->stat.last_error));
	osp_buf_add_char(out, '\n');
	return 1;
}

static size_t
add_losses(osp_buf *out, const osp_run_totals *totals)
{
	if (!cli_lost_points_add(out, totals))
		return 0;
	cli_lost_points_add_time(out, totals->last_loss_wall_ns);
	osp_buf_add_char(out, '\n');
	return 1;
}

static size_t
add_untraced(osp_buf *out, const osp_runstat *stat)
{
	if (stat->untraced == 0)
		return 0;
	osp_buf_addf(
		out,
		"%llu session%s not traced: no ring could be made (no room in the file "
		"system, no descriptor, or a limit of file sizes; the log says which)\n",
		(unsigned long long) stat->untraced,
		stat->untraced == 1 ? " was" : "s were");
	return 1;
}

static size_t
add_damage(osp_buf *out, const osp_runstat *stat)
{
	if (stat->corrupt_bytes == 0)
		return 0;
	osp_buf_addf(out,
				 "%llu bytes of rings and spool were damaged, and skipped\n",
				 (unsigned long long) stat->corrupt_bytes);
	return 1;
}

static size_t
add_run_directory(osp_buf *out, const osp_run_totals *totals)
{
	const char *error = totals->stat.last_error;

	if (strncmp(error,
				OSP_RUNSTAT_NO_DIRECTORY,
				strlen(OSP_RUNSTAT_NO_DIRECTORY)) != 0)
		return 0;
	osp_buf_add_str(out, OSP_STR("nothing is traced: "));
	cli_add_visible(out, osp_str_of(error + strlen(OSP_RUNSTAT_NO_DIRECTORY)));
	osp_buf_add_char(out, '\n');
	return 1;
}

size_t
cli_status_troubles(osp_buf *out, const char *path,
					const osp_run_totals *totals, const char *error_time,
					int64_t since_ns)
{
	size_t count = add_spool(out, path, totals, error_time);

	count += add_rings(out, path, totals, error_time);
	count += add_run_directory(out, totals);
	if (since_ns != 0 && totals->last_loss_wall_ns != 0 &&
		totals->last_loss_wall_ns < since_ns)
		return count;
	count += add_losses(out, totals);
	count += add_untraced(out, &totals->stat);
	return count + add_damage(out, &totals->stat);
}
