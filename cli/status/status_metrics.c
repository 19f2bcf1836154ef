/* SPDX-License-Identifier: Apache-2.0
 *
 * status_metrics.c
 *	  The counters of a run directory, also as Prometheus scrapes them: by node_exporter's
 *	  textfile collector, for instance.
 *
 *	  osprofiler_written_total{run_directory="/dev/shm/osprofiler-1000"} 24
 */
#include "status/status_view.h"

size_t
status_counters(const status_view *view,
				status_counter out[STATUS_COUNTERS_MAX])
{
	const osp_run_totals *t = &view->totals;
	const osp_runstat *s = &t->stat;
	const status_counter all[] = {
		{"rings", "rings", false, true, t->rings},
		{"written", "points written", true, true, t->written},
		{"dropped", "points dropped", true, true, t->dropped},
		{"untraced", "sessions without ring", true, true, s->untraced},
		{"ring_bytes", "bytes of rings", false, false, s->ring_bytes},
		{"waiting_bytes", "bytes waiting", false, true, t->waiting_bytes},
		{"shipped", "points shipped", true, true, s->shipped},
		{"refused", "refused by collector", true, true, s->refused},
		{"spooled", "points spooled", true, true, s->spooled},
		{"spool_points", "points in the spool", false, true, s->spool_points},
		{"spool_bytes", "bytes in the spool", false, true, s->spool_bytes},
		{"spool_dropped", "lost by the spool", true, true, s->spool_dropped},
		{"corrupt_bytes",
		 "damaged bytes skipped",
		 true,
		 true,
		 s->corrupt_bytes},
		{"batches", "batches", true, false, s->batches},
		{"driver_errors", "batches that failed", true, true, s->driver_errors},
	};

	size_t count = 0;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].of_server || !view->of_server)
			out[count++] = all[i];
	return count;
}

/*
 * Appends a label's value. Within quotes a backslash, a quote and a newline are
 * escaped.
 */
static void
add_label(osp_buf *out, const char *value)
{
	for (; *value != '\0'; value++)
		switch (*value)
		{
			case '\n':
				osp_buf_add_str(out, OSP_STR("\\n"));
				break;
			case '\\':
			case '"':
				osp_buf_add_char(out, '\\');
				osp_buf_add_char(out, *value);
				break;
			default:
				osp_buf_add_char(out, *value);
		}
}

static void
print_head(cli_out *out, const char *name, const char *help, bool grows)
{
	cli_out_printf(out,
				   "# HELP osprofiler_%s%s %s\n# TYPE osprofiler_%s%s %s\n",
				   name,
				   grows ? "_total" : "",
				   help,
				   name,
				   grows ? "_total" : "",
				   grows ? "counter" : "gauge");
}

static void
print_contexts(cli_out *out, const char *where, const uint64_t *contexts)
{
	unsigned i;

	print_head(out, "contexts", "trace contexts by what was found", true);
	for (i = 0; i < OSP_VERDICT_COUNT; i++)
		cli_out_printf(
			out,
			"osprofiler_contexts_total{run_directory=\"%s\",verdict=\"%s\"} "
			"%llu\n",
			where,
			osp_verdict_name((osp_verdict) i),
			(unsigned long long) contexts[i]);
}

/* Prints how much waits in another run directory. */
static void
print_other(cli_out *out, const char *path, const osp_run_totals *totals,
			const char *name)
{
	bool points = strcmp(name, "spool_points") == 0;
	osp_buf where;

	osp_buf_init(&where, &osp_allocator_default, 4 * OSP_RUNDIR_PATH_MAX);
	add_label(&where, path);
	cli_out_printf(out,
				   "osprofiler_%s{run_directory=\"%s\"} %llu\n",
				   name,
				   where.ptr,
				   (unsigned long long) (points ? totals->stat.spool_points
												: totals->waiting_bytes));
	osp_buf_term(&where);
}

/* Prints the counter of this name for each former run and each server that has left
 * points. Only the counters of waiting points are printed for these. */
static void
print_others(cli_out *out, const status_view *view, const char *name)
{
	size_t i;

	if (strcmp(name, "spool_points") != 0 && strcmp(name, "waiting_bytes") != 0)
		return;
	for (i = 0; i < view->former.count; i++)
		print_other(
			out, view->former.runs[i].path, &view->former.runs[i].totals, name);
	for (i = 0; i < view->servers.count; i++)
		print_other(out,
					view->servers.servers[i].path,
					&view->servers.servers[i].totals,
					name);
}

void
status_print_metrics(cli_out *out, const status_view *view)
{
	status_counter counters[STATUS_COUNTERS_MAX];
	size_t count = status_counters(view, counters);
	osp_buf where;
	size_t i;

	osp_buf_init(&where, &osp_allocator_default, 4 * OSP_RUNDIR_PATH_MAX);
	add_label(&where, view->path);
	for (i = 0; i < count; i++)
	{
		print_head(out, counters[i].name, counters[i].label, counters[i].grows);
		cli_out_printf(out,
					   "osprofiler_%s%s{run_directory=\"%s\"} %llu\n",
					   counters[i].name,
					   counters[i].grows ? "_total" : "",
					   where.ptr,
					   (unsigned long long) counters[i].value);
		print_others(out, view, counters[i].name);
	}
	print_head(out, "shipper", "a shipper is at work", false);
	cli_out_printf(out,
				   "osprofiler_shipper{run_directory=\"%s\"} %d\n",
				   where.ptr,
				   view->shipper_pid > 0);
	print_head(out,
			   "last_loss_timestamp_seconds",
			   "when something was lost last, since 1970; 0: nothing was",
			   false);
	cli_out_printf(
		out,
		"osprofiler_last_loss_timestamp_seconds{run_directory=\"%s\"} %lld\n",
		where.ptr,
		(long long) (view->totals.last_loss_wall_ns / 1000000000));
	print_contexts(out, where.ptr, view->totals.stat.contexts);
	osp_buf_term(&where);
}
