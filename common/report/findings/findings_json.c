/* SPDX-License-Identifier: Apache-2.0
 *
 * findings_json.c
 *	  Writes the findings as JSON.
 */
#include "report/findings/findings.h"

#include "osprofiler/json.h"
#include "osprofiler/notification.h"
#include "report/report_members.h"

/* Smaller parts of the time that is not explained are not listed. */
#define REST_SHARE 0.005

static void
put_string(osp_buf *out, const char *key, osp_str value)
{
	osp__member_key(out, key);
	osp_json_string(out, value);
}

/* Appends the trace ids of the operations that are named as examples. */
static void
put_operations(osp_buf *out, const osp__finding *finding)
{
	const osp__group *group = finding->group;
	bool first = true;
	unsigned i;

	osp__member_key(out, "operations");
	osp_buf_add_char(out, '[');
	for (i = 0; i < OSP__EVIDENCE_OPS_MAX && i < group->count; i++)
	{
		const osp__op *op = group->examples[i];

		if (op->node == NULL)
			continue;
		if (!first)
			osp_buf_add_str(out, OSP_STR(", "));
		first = false;
		osp_buf_add_str(out, op->node->trace_id);
	}
	if (finding->other != NULL)
	{
		osp_buf_add_str(out, first ? OSP_STR("") : OSP_STR(", "));
		osp_buf_add_str(out, finding->other->node->trace_id);
	}
	osp_buf_add_char(out, ']');
}

static void
put_figures(osp_buf *out, const osp__finding *finding)
{
	unsigned i;

	osp__member_key(out, "figures");
	osp_buf_add_char(out, '{');
	for (i = 0; i < finding->figure_count; i++)
		osp__member_number(
			out, finding->figures[i].name, finding->figures[i].value);
	osp_buf_add_char(out, '}');
}

static void
put_finding(osp_buf *out, const osp__findings *f, const osp__finding *finding)
{
	osp_buf_add_char(out, '{');
	put_string(out, "rule", osp_str_of(finding->group->rule->name));
	osp__member_number(out, "share", osp__finding_share(f, finding));
	osp__member_ms(out, "time_ms", finding->group->ns);
	put_string(out, "cause", osp_buf_str(&finding->cause));
	put_string(out, "evidence", osp_buf_str(&finding->evidence));
	put_string(out, "next_step", osp_buf_str(&finding->step));
	osp__member_number(out, "count", (double) finding->group->count);
	put_operations(out, finding);
	put_figures(out, finding);
	osp_buf_add_char(out, '}');
}

static void
put_longest(osp_buf *out, const osp__findings *f)
{
	unsigned i;

	osp__member_key(out, "longest");
	osp_buf_add_char(out, '[');
	for (i = 0; i < f->longest_count; i++)
	{
		const osp__longest *longest = &f->longest[i];
		double ns = (double) longest->ns;

		osp_buf_add_str(out, i > 0 ? OSP_STR(", {") : OSP_STR("{"));
		osp__member_number(out, "share", ns / (double) f->total_ns);
		osp__member_ms(out, "time_ms", longest->ns);
		osp__member_number(out, "count", (double) longest->count);
		put_string(out, "statement", osp_buf_str(&longest->text));
		put_string(out, "why", osp_buf_str(&longest->why));
		osp__member_key(out, "operation");
		osp_buf_add_str(out, longest->op->node->trace_id);
		osp_buf_add_char(out, '}');
	}
	osp_buf_add_char(out, ']');
}

/* Appends the parts of the time that is not explained. Small parts are left out, as are
 * small findings. */
static void
put_rest(osp_buf *out, const osp__findings *f)
{
	int64_t rest_ns[OSP__REST_COUNT];
	bool first = true;
	int i;

	osp__findings_divide_rest(f, rest_ns);
	osp__member_key(out, "not_explained_parts");
	osp_buf_add_char(out, '[');
	for (i = 0; i < OSP__REST_COUNT && f->total_ns > 0; i++)
	{
		double share = (double) rest_ns[i] / (double) f->total_ns;

		if (share < REST_SHARE)
			continue;
		osp_buf_add_str(out, first ? OSP_STR("{") : OSP_STR(", {"));
		first = false;
		put_string(out, "part", osp_str_of(osp__rest_parts[i].name));
		osp__member_number(out, "share", share);
		osp__member_ms(out, "time_ms", rest_ns[i]);
		put_string(out, "what", osp_str_of(osp__rest_parts[i].text));
		osp_buf_add_char(out, '}');
	}
	osp_buf_add_char(out, ']');
}

/* Appends what ended statements that did not finish; nothing if all did. */
static void
put_ended(osp_buf *out, const osp__findings *f)
{
	if (f->ended == NULL)
		return;
	osp__member_key(out, "ended");
	osp_buf_add_char(out, '{');
	put_string(out, "by", osp_str_of(f->ended->ending->by));
	osp__member_key(out, "session");
	osp_buf_add_str(
		out, f->ended->ending->of_session ? OSP_STR("true") : OSP_STR("false"));
	osp__member_ms(out, "time_ms", osp__op_ns(f->ended));
	osp__member_number(out, "count", (double) f->ended_count);
	osp__member_key(out, "operation");
	osp_buf_add_str(out, f->ended->node->trace_id);
	osp_buf_add_char(out, '}');
}

/* Appends which operation keeps the trace open; nothing if the trace is finished. */
static void
put_unfinished(osp_buf *out, osp__findings *f)
{
	const osp__unfinished *found = &f->unfinished;
	char begun[OSP_TIMESTAMP_LEN + 1];

	if (found->node == NULL || f->status != OSP_OK)
		return;
	osp_timestamp_text(osp__node_start_ns(found->node), begun);
	osp__member_key(out, "unfinished");
	osp_buf_add_char(out, '{');
	put_string(out, "state", osp_str_of(osp__state_name(found->state)));
	put_string(out, "begun", osp_str_of(begun));
	osp__member_key(out, "operation");
	osp_buf_add_str(out, found->node->trace_id);
	osp_buf_reset(&f->scratch);
	f->status =
		osp__report_say_open(f->report, found->node, &f->what, &f->scratch);
	put_string(out, "what", osp_buf_str(&f->scratch));
	if (osp__waits(found) && f->status == OSP_OK)
	{
		osp_buf_reset(&f->scratch);
		f->status = osp__report_say_open(
			f->report, found->inner, &f->what, &f->scratch);
		put_string(out, "waits_for", osp_buf_str(&f->scratch));
	}
	osp__member_number(out, "count", (double) found->count);
	osp_buf_add_char(out, '}');
}

void
osp__findings_json(osp__findings *f, osp_buf *out)
{
	unsigned i;

	osp_buf_add_char(out, '{');
	osp__member_key(out, "base_id");
	osp_buf_add_str(out, f->report->base_id);
	osp__member_ms(out, "duration_ms", f->total_ns);
	put_unfinished(out, f);
	put_ended(out, f);
	osp__member_key(out, "findings");
	osp_buf_add_char(out, '[');
	for (i = 0; i < f->found_count; i++)
	{
		if (i > 0)
			osp_buf_add_str(out, OSP_STR(", "));
		put_finding(out, f, &f->found[i]);
	}
	osp_buf_add_char(out, ']');
	osp__member_number(out, "not_explained", osp__findings_unexplained(f));
	put_rest(out, f);
	put_longest(out, f);
	if (osp__findings_are_judged(f))
		put_string(out, "measure_nodes", OSP_STR(OSP__MEASURE_NODES));
	osp__member_number(out, "lost_points", (double) f->report->lost_points);
	osp_buf_add_char(out, '}');
}

osp_status
osp_report_explain_json(osp_report *report, osp_buf *out)
{
	osp__findings f;
	osp_status status = osp__findings_make(&f, report);

	if (status == OSP_OK)
	{
		osp__findings_json(&f, out);
		status = f.status == OSP_OK ? osp_buf_status(out) : f.status;
	}
	osp__findings_term(&f);
	return status;
}
