/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_json.c
 *	  Writes the comparison of two traces as JSON. docs/cli.md describes the members.
 */
#include "report/diff/diff.h"

#include "osprofiler/json.h"
#include "osprofiler/notification.h"
#include "report/report_members.h"

static void
put_count(osp_buf *out, const char *key, uint64_t count)
{
	osp__member_key(out, key);
	osp_buf_add_i64(out, (int64_t) count);
}

/* Writes a string, or null if it is empty. */
static void
put_string(osp_buf *out, const char *key, osp_str value)
{
	osp__member_key(out, key);
	if (value.len > 0)
		osp_json_string(out, value);
	else
		osp_buf_add_str(out, OSP_STR("null"));
}

static void
put_trace(osp_buf *out, const char *key, const osp__diff_trace *trace)
{
	const osp_report *report = trace->report;
	char started[OSP_TIMESTAMP_LEN + 1] = "";

	if (report->any_point)
		osp_timestamp_text(report->started_ns, started);
	osp__member_key(out, key);
	osp_buf_add_char(out, '{');
	osp__member_key(out, "base_id");
	osp_buf_add_str(
		out, report->base_id.len > 0 ? report->base_id : OSP_STR("null"));
	put_string(out, "started", osp_str_of(started));
	osp__member_ms(out, "duration_ms", trace->findings.total_ns);
	put_count(out, "operations", trace->operations);
	put_count(out, "failed", trace->failed);
	put_count(out, "unfinished", trace->unfinished);
	put_count(out, "lost_points", report->lost_points);
	put_count(out, "malformed_points", report->malformed);
	osp_buf_add_char(out, '}');
}

static void
put_plans(osp_buf *out, const osp__diff_side *side)
{
	const osp__diff_plan *plan = side->plans;

	osp__member_key(out, "plans");
	osp_buf_add_char(out, '[');
	for (; plan != NULL; plan = plan->next)
	{
		osp_buf_add_char(out, '{');
		put_string(out, "kind", plan->kind);
		put_string(out, "nodes", plan->nodes);
		put_count(out, "count", plan->count);
		osp_buf_add_str(out,
						plan->next != NULL ? OSP_STR("}, ") : OSP_STR("}"));
	}
	osp_buf_add_char(out, ']');
}

static void
put_side(osp_buf *out, const char *key, const osp__diff_side *side)
{
	osp__member_key(out, key);
	osp_buf_add_char(out, '{');
	put_count(out, "count", side->count);
	put_count(out, "failed", side->failed);
	osp__member_ms(out, "self_ms", side->self_ns);
	if (side->timed)
	{
		osp__member_ms(out, "total_ms", side->total_ns);
		osp__member_ms(out, "max_ms", side->max_ns);
	}
	osp__member_key(out, "longest");
	osp_buf_add_str(
		out, side->longest != NULL ? side->longest->trace_id : OSP_STR("null"));
	if (side->plan_cost > 0)
		osp__member_number(out, "plan_cost", side->plan_cost);
	put_plans(out, side);
	osp_buf_add_char(out, '}');
}

static void
put_row(osp_buf *out, const osp__diff_row *row)
{
	osp__diff_verdict verdict = osp__diff_plans(row);

	osp_buf_add_char(out, '{');
	put_string(out, "name", row->name);
	put_string(out, "text", row->text);
	osp__member_key(out, "part_of_statement");
	osp_buf_add_str(
		out, row->kind == OSP__OP_NODE ? OSP_STR("true") : OSP_STR("false"));
	osp__member_ms(out, "change_ms", row->change_ns);
	osp__member_key(out, "plans_differ");
	osp_buf_add_str(out,
					verdict == OSP__DIFF_UNKNOWN ? OSP_STR("null")
					: verdict == OSP__DIFF_OTHER ? OSP_STR("true")
												 : OSP_STR("false"));
	put_side(out, "a", &row->sides[0]);
	put_side(out, "b", &row->sides[1]);
	osp_buf_add_char(out, '}');
}

static void
put_rows(osp_buf *out, const osp__diff *d)
{
	size_t i;

	osp__member_key(out, "rows");
	osp_buf_add_char(out, '[');
	for (i = 0; i < d->row_count; i++)
	{
		if (i > 0)
			osp_buf_add_str(out, OSP_STR(", "));
		put_row(out, d->rows[i]);
	}
	osp_buf_add_char(out, ']');
}

static void
put_errors(osp_buf *out, const osp__diff *d)
{
	const osp__diff_error *error = d->first_error;

	osp__member_key(out, "errors");
	osp_buf_add_char(out, '[');
	for (; error != NULL; error = error->next)
	{
		osp_buf_add_char(out, '{');
		put_string(out, "name", error->row->name);
		put_string(out, "text", error->row->text);
		put_string(out, "error", error->text);
		put_count(out, "a", error->counts[0]);
		put_count(out, "b", error->counts[1]);
		osp_buf_add_str(out,
						error->next != NULL ? OSP_STR("}, ") : OSP_STR("}"));
	}
	osp_buf_add_char(out, ']');
}

osp_status
osp_report_diff_json(osp_report *before, osp_report *after, osp_buf *out)
{
	osp__diff d;
	osp_status status = osp__diff_make(&d, before, after);

	if (status == OSP_OK)
	{
		osp_buf_add_char(out, '{');
		put_trace(out, "a", &d.traces[0]);
		put_trace(out, "b", &d.traces[1]);
		osp__member_ms(out, "change_ms", osp__diff_total_ns(&d));
		osp__member_key(out, "doubtful");
		osp_buf_add_str(out,
						osp__diff_is_doubtful(&d.traces[0]) ||
								osp__diff_is_doubtful(&d.traces[1])
							? OSP_STR("true")
							: OSP_STR("false"));
		put_rows(out, &d);
		put_errors(out, &d);
		osp_buf_add_char(out, '}');
		status = osp_buf_status(out);
	}
	osp__diff_term(&d);
	return status;
}
