/* SPDX-License-Identifier: Apache-2.0
 *
 * findings.c
 *	  Runs the rules, and picks the most important of the causes that they find.
 */
#include "report/findings/rules.h"

/*
 * The rules. An earlier rule claims time first: waits whose time is known to
 * the ns come first, then rules about a statement as a whole, then those about
 * its execution, then those about time outside of statements.
 */
static const osp__rule rules[] = {
	{"deadlock", osp__look_deadlocks, osp__tell_deadlocks, 0, 0, 0},
	{"lock_wait", osp__look_locks, osp__tell_locks, 0, 0, 0},
	{"analysis", osp__look_analysis, osp__tell_analysis, 0, 0, 0},
	{"commit", osp__look_commits, osp__tell_commits, 0, 0, 0},
	{"connect", osp__look_connects, osp__tell_connects, 0, 50, 0},
	{"pooler", osp__look_poolers, osp__tell_poolers, 0, 0, 0},
	{"cpu", osp__look_starvation, osp__tell_starvation, 0, 50, 0.2},
	{"plan_change", osp__look_plan_changes, osp__tell_plan_changes, 0, 0, 0},
	{"estimate", osp__look_estimates, osp__tell_estimates, 0, 0, 0},
	{"spill", osp__look_spills, osp__tell_spills, 0, 0, 0},
	{"expression", osp__look_expressions, osp__tell_expressions, 0, 0, 0},
	{"dead_rows", osp__look_dead_rows, osp__tell_dead_rows, 0, 0, 0},
	{"lookup", osp__look_lookups, osp__tell_lookups, 0, 0, 0},
	{"filter", osp__look_filters, osp__tell_filters, 0, 0, 0},
	{"offset", osp__look_offsets, osp__tell_offsets, 0, 0, 0},
	{"skip_locked", osp__look_skipped, osp__tell_skipped, 0, 0, 0},
	{"heap_fetches", osp__look_heap_fetches, osp__tell_heap_fetches, 0, 0, 0},
	{"toast", osp__look_toast, osp__tell_toast, 0, 0, 0},
	{"read", osp__look_reads, osp__tell_reads, 0, 0, 0},
	{"write", osp__look_writes, osp__tell_writes, 0, 0, 0.25},
	{"wal", osp__look_wal, osp__tell_wal, 0, 0, 0.25},
	{"sleep", osp__look_sleeps, osp__tell_sleeps, 0, 0, 0},
	{"client_wait", osp__look_client_waits, osp__tell_client_waits, 0, 0, 0},
	{"jit", osp__look_jit, osp__tell_jit, 0, 0, 0},
	{"subplan", osp__look_subplans, osp__tell_subplans, 0, 0, 0},
	{"sqlite_busy", osp__look_sqlite_busy, osp__tell_sqlite_busy, 0, 0, 0},
	{"sqlite_checkpoint",
	 osp__look_sqlite_checkpoints,
	 osp__tell_sqlite_checkpoints,
	 0,
	 0,
	 0},
	{"sqlite_sync", osp__look_sqlite_syncs, osp__tell_sqlite_syncs, 0, 0, 0},
	{"sqlite_scan", osp__look_sqlite_scans, osp__tell_sqlite_scans, 0, 0, 0},
	/* Rules above use plans. Before this one osp__claim_alike() adds the executions
	 * whose plans are not recorded; the rules from here on count executions. */
	{"failure", osp__look_failures, osp__tell_failures, 2, 0, 0},
	{"trigger", osp__look_triggers, osp__tell_triggers, 0, 0, 0},
	{"repeat", osp__look_repeats, osp__tell_repeats, 0, 0, 0},
	{"planning", osp__look_planning, osp__tell_planning, 0, 0, 0},
	{"workers", osp__look_workers, osp__tell_workers, 0, 0, 0},
	{"function", osp__look_functions, osp__tell_functions, 0, 0, 0},
	{"network", osp__look_network, osp__tell_network, 0, 0, 0},
	{"client_pause", osp__look_pauses, osp__tell_pauses, 0, 20, 0},
	{"failed", osp__look_failed, osp__tell_failed, 0, 0, 0},
	{"application", osp__look_application, osp__tell_application, 0, 100, 0.2},
};

/* The time of a cause and its part of the trace are both named if they differ by more
 * than a tenth. */
#define SHARED_PART 10

static bool
matters(const osp__findings *f, const osp__group *group)
{
	const osp__rule *rule = group->rule;
	double share = (double) group->ns / (double) f->total_ns;

	/* Nothing can be said about a group without operations. */
	return group->count > 0 && group->ns >= OSP__FINDING_NS &&
		   share >= OSP__FINDING_SHARE && group->count >= rule->min_count &&
		   group->ns >= rule->min_ms * 1000000 && share >= rule->min_share;
}

static void
give_back(const osp__group *group)
{
	const osp__claim *claim;

	for (claim = group->claims; claim != NULL; claim = claim->next)
	{
		claim->op->left_ns += claim->ns;
		claim->op->busy_left_ns += claim->spent_ns;
		claim->op->apart_left_ns += claim->apart_ns;
		if (claim->node == NULL)
			continue;
		claim->op->nodes_ns -= claim->ns;
		claim->node->claimed = false;
	}
}

/* Runs a rule, and drops those of its groups that are not important. */
static void
run_rule(osp__findings *f, const osp__rule *rule)
{
	osp__group **link = &f->groups;

	f->rule = rule;
	osp__table_term(&f->by_key);
	rule->look(f);
	while (*link != NULL && (*link)->rule == rule)
	{
		osp__group *group = *link;

		if (matters(f, group))
		{
			link = &group->next;
			continue;
		}
		give_back(group);
		*link = group->next;
	}
}

/* Picks the groups with the largest shares, in this order. */
static void
pick(osp__findings *f)
{
	const osp__group *group;

	for (group = f->groups; group != NULL; group = group->next)
	{
		unsigned at = f->found_count;
		unsigned i;

		while (at > 0 && f->found[at - 1].group->ns < group->ns)
			at--;
		if (at == OSP__FINDINGS_MAX)
			continue;
		if (f->found_count < OSP__FINDINGS_MAX)
			f->found_count++;
		for (i = f->found_count - 1; i > at; i--)
			f->found[i].group = f->found[i - 1].group;
		f->found[at].group = group;
	}
}

static void
say_alike(osp__finding *finding)
{
	uint64_t alike = finding->group->alike;

	if (alike == 0)
		return;
	osp_buf_add_str(&finding->evidence, OSP_STR("; "));
	osp__say_time(&finding->evidence, finding->group->alike_ns);
	osp_buf_add_str(&finding->evidence, OSP_STR(" in "));
	osp__say_number(&finding->evidence, (int64_t) alike, "more execution");
	osp_buf_add_str(&finding->evidence,
					OSP_STR(", of which no plan is recorded, taken to be like "
							"these"));
	osp__add_figure(finding, "alike", (double) alike);
}

/* Divides the next clause of the evidence from what stands there, which may end in a
 * period. */
static void
add_clause(osp_buf *evidence)
{
	if (evidence->len > 0 && evidence->ptr[evidence->len - 1] == '.')
		evidence->len--;
	if (evidence->len > 0)
		osp_buf_add_str(evidence, OSP_STR("; "));
}

/* If other operations ran at the same time, says which part of the trace the time of a
 * cause is. Some sentences do that themselves, or name that part only. */
static void
say_share(osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t beside_ns = group->spent_ns - group->ns;

	if (beside_ns <= group->spent_ns / SHARED_PART || finding->says_share)
		return;
	add_clause(&finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR("it counts as "));
	osp__say_time(&finding->evidence, group->ns);
	osp_buf_add_str(
		&finding->evidence,
		OSP_STR(" of the trace, for others were at work meanwhile"));
}

/* If the statement of a cause did not finish, says what ended it. */
static void
say_ended(osp__findings *f, osp__finding *finding)
{
	const char *by = osp__ended_by(f, finding->group->largest);

	if (by == NULL)
		return;
	if (finding->evidence.len > 0)
		osp_buf_add_str(&finding->evidence, OSP_STR("; "));
	osp_buf_addf(&finding->evidence, "it did not finish: ended by %s", by);
}

static void
tell(osp__findings *f, osp__finding *finding)
{
	osp_buf_init(&finding->cause, f->report->alc, OSP__FINDING_TEXT);
	osp_buf_init(&finding->evidence, f->report->alc, OSP__FINDING_TEXT);
	osp_buf_init(&finding->step, f->report->alc, OSP__FINDING_TEXT);
	finding->other = NULL;
	finding->says_share = false;
	finding->group->rule->tell(f, finding);
	say_alike(finding);
	say_share(finding);
	say_ended(f, finding);
	if (f->status == OSP_OK)
		f->status = osp_buf_status(&finding->cause);
	if (f->status == OSP_OK)
		f->status = osp_buf_status(&finding->evidence);
	if (f->status == OSP_OK)
		f->status = osp_buf_status(&finding->step);
}

static void
count_lost_callers(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count; i++)
	{
		const osp__node *node = f->ops[i].node;

		if (node->loss)
			continue;
		f->lost_callers += osp__node_lost_parent(f->report, node) ||
						   (node->parent != NULL && node->parent->starts == 0);
	}
}

osp_status
osp__findings_begin(osp__findings *f, osp_report *report)
{
	memset(f, 0, sizeof(*f));
	f->report = report;
	osp__arena_init(&f->arena, report->alc);
	osp__table_init(&f->by_key, report->alc);
	osp_buf_init(&f->scratch, report->alc, OSP__FINDING_TEXT);
	osp__description_init(&f->what, report->alc);
	f->status = osp__report_build(report);
	if (f->status != OSP_OK || !report->any_point)
		return f->status;
	f->total_ns = osp__report_total_ns(report);
	if (f->total_ns > OSP__JUDGED_MAX_NS)
		f->total_ns = 0;
	f->status = osp__findings_divide(f);
	if (f->status == OSP_OK)
		count_lost_callers(f);
	return f->status;
}

osp_status
osp__findings_make(osp__findings *f, osp_report *report)
{
	osp_status status = osp__findings_begin(f, report);
	size_t i;

	if (status == OSP_OK)
		status = osp__report_find_unfinished(report, &f->what, &f->unfinished);
	if (status == OSP_OK && f->total_ns > 0)
		osp__findings_note_division(f);

	/* Nothing in a trace as short as this is worth a finding. */
	if (status != OSP_OK || f->total_ns < OSP__FINDING_NS)
		return status;
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]) && f->status == OSP_OK;
		 i++)
	{
		if (rules[i].look == osp__look_failures)
		{
			osp__note_claimed_waits(f);
			osp__claim_alike(f);
		}
		run_rule(f, &rules[i]);
	}
	if (f->status == OSP_OK)
		pick(f);
	osp__find_ended(f);
	for (i = 0; i < f->found_count; i++)
	{
		osp_buf_reset(&f->scratch);
		tell(f, &f->found[i]);
	}
	if (f->status == OSP_OK)
		osp__find_longest(f);
	return f->status;
}

void
osp__findings_term(osp__findings *f)
{
	unsigned i;

	for (i = 0; i < f->found_count; i++)
	{
		osp_buf_term(&f->found[i].cause);
		osp_buf_term(&f->found[i].evidence);
		osp_buf_term(&f->found[i].step);
	}
	for (i = 0; i < f->longest_count; i++)
	{
		osp_buf_term(&f->longest[i].text);
		osp_buf_term(&f->longest[i].why);
	}
	osp__description_term(&f->what);
	osp_buf_term(&f->scratch);
	osp_free(f->report->alc, f->ops);
	osp_free(f->report->alc, f->walk);
	osp__table_term(&f->by_key);
	osp__arena_term(&f->arena);
}

double
osp__finding_share(const osp__findings *f, const osp__finding *finding)
{
	return f->total_ns > 0 ? (double) finding->group->ns / (double) f->total_ns
						   : 0;
}

double
osp__findings_unexplained(const osp__findings *f)
{
	double rest = 1;
	unsigned i;

	for (i = 0; i < f->found_count; i++)
		rest -= osp__finding_share(f, &f->found[i]);
	return rest > 0 ? rest : 0;
}
