/* SPDX-License-Identifier: Apache-2.0
 *
 * find_commit.c
 *	  Rule: commits and their waits.
 */
#include "report/findings/rules.h"

enum
{
	SUM_DISK,
	SUM_STANDBY,
	SUM_OTHERS
};

/* From this number of commits on, the advice is one transaction for all. */
#define MANY 10

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void
osp__look_commits(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;

		if (op->kind != OSP__OP_COMMIT || op->left_ns == 0)
			continue;
		group = osp__group_of(f, 0);
		osp__claim_time(f, group, op, op->left_ns);
		if (group == NULL)
			continue;
		group->sums[SUM_DISK] += larger(osp__op_fact(op, OSP__WAL_SYNC) +
											osp__op_fact(op, OSP__WAL_WRITE),
										osp__op_fact(op, OSP__WAIT_WAL));
		group->sums[SUM_STANDBY] += osp__op_fact(op, OSP__WAIT_STANDBY);
		group->sums[SUM_OTHERS] += osp__op_fact(op, OSP__WAIT_WAL_OTHER);
	}
}

static const struct
{
	const char *cause;
	const char *step;
} causes[] = {
	{"writing the WAL to disk",
	 "Compare with pg_test_fsync on that disk, and see what else writes to it "
	 "at that time (checkpoints, backups)."},
	{"waiting for a synchronous standby to confirm",
	 "SHOW synchronous_standby_names says which standbys must confirm. SELECT "
	 "application_name, sync_state, flush_lag, replay_lag FROM "
	 "pg_stat_replication shows which of them is behind, and by how much. One "
	 "that is missing there is not connected: commits wait until it is back, "
	 "or until the setting no longer asks for it."},
	{"waiting for other sessions that were writing the WAL",
	 "Many sessions commit at the same time. Fewer, larger transactions write "
	 "the WAL less often."},
};

/* The cause of most of the time; -1: it is not known. */
static int
main_cause(const osp__group *group)
{
	int cause = SUM_DISK;

	if (group->sums[SUM_STANDBY] > group->sums[cause])
		cause = SUM_STANDBY;
	if (group->sums[SUM_OTHERS] > group->sums[cause])
		cause = SUM_OTHERS;
	return group->sums[cause] >= group->spent_ns / 2 ? cause : -1;
}

void
osp__tell_commits(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t count = (int64_t) group->count;
	osp_buf *text = &finding->cause;
	int cause = main_cause(group);

	if (count == 1)
		osp_buf_add_str(text, OSP_STR("The commit took "));
	else
	{
		osp__say_number(text, count, "commit");
		osp_buf_add_str(text, OSP_STR(" took "));
	}
	osp__say_time(text, group->spent_ns);
	if (cause >= 0)
	{
		osp_buf_add_str(text, OSP_STR(", most of it "));
		osp_buf_add_str(text, osp_str_of(causes[cause].cause));
	}
	osp_buf_add_char(text, '.');

	text = &finding->evidence;
	if (count == 1 && cause < 0)
		osp_buf_add_str(text,
						OSP_STR("A commit waits until it is safe on disk, and "
								"on standbys that must confirm it."));
	if (count > 1)
	{
		osp__say_time(text, group->spent_ns / count);
		osp_buf_add_str(text, OSP_STR(" each on average, the longest "));
		osp__say_time(text, osp__op_ns(group->largest));
	}
	else if (cause >= 0)
		osp__say_time(text, group->sums[cause]);
	if (cause >= 0)
	{
		osp_buf_addf(text, count > 1 ? "; " : " ");
		if (count > 1)
			osp__say_time(text, group->sums[cause]);
		osp_buf_addf(text, "%s%s", count > 1 ? " " : "", causes[cause].cause);
	}

	text = &finding->step;
	if (count >= MANY)
		osp_buf_add_str(text,
						OSP_STR("Put the statements into one transaction: it "
								"is committed once."));
	else if (cause >= 0)
		osp_buf_add_str(text, osp_str_of(causes[cause].step));
	else
		osp_buf_add_str(
			text,
			OSP_STR("Add wait to osprofiler.points, or set "
					"track_wal_io_timing = on, to see what it waited for."));
	(void) f;
	osp__add_figure(finding, "commits", (double) count);
	if (group->sums[SUM_DISK] > 0)
		osp__add_figure(
			finding, "disk_ms", (double) group->sums[SUM_DISK] / 1e6);
	if (group->sums[SUM_STANDBY] > 0)
		osp__add_figure(
			finding, "standby_ms", (double) group->sums[SUM_STANDBY] / 1e6);
	if (group->sums[SUM_OTHERS] > 0)
		osp__add_figure(finding,
						"other_sessions_ms",
						(double) group->sums[SUM_OTHERS] / 1e6);
}
