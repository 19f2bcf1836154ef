/* SPDX-License-Identifier: Apache-2.0
 *
 * report_unfinished.c
 *	  Finds the operation at which a trace is not finished, and names it.
 *
 * An operation without a stop whose caller has ended does not keep the trace open,
 * unless its process is known to be at work on it. The operation to name is the
 * innermost statement, because that shows what the operations around it wait for.
 */
#include "report/report_unfinished.h"

#include <time.h>
#include <unistd.h>

#include "report/terminal_text.h"

#define NS_PER_S INT64_C(1000000000)

/* Where several operations are open, the one is named that is first in this order. */
static const osp__state ranks[] = {
	OSP__RUNNING, OSP__UNFINISHED, OSP__END_LOST, OSP__INTERRUPTED};

#define RANKS (sizeof(ranks) / sizeof(ranks[0]))

#define STATEMENT_COLUMNS 120

/* A process at work does not prove that it is still at work on an operation which began
 * longer ago than this: the stop may have been delivered elsewhere, or pruned. */
#define AGE_MAX_NS (24 * 3600 * NS_PER_S)

static size_t
rank_of(osp__state state)
{
	size_t rank = 0;

	while (rank < RANKS && ranks[rank] != state)
		rank++;
	return rank;
}

typedef struct search
{
	osp_report *report;
	osp__description *what;
	osp_status status;
} search;

/* Does the trace break off with this operation, because it was interrupted? */
static bool
is_broken_off(search *s, const osp__node *node)
{
	static const char word[] = "\"interrupted\"";
	const osp__point *point = node->first;

	if (node->parent != NULL ? !node->parent->open
							 : node->finished_ns < s->report->ended_ns)
		return false;
	while (point != NULL &&
		   memmem(point->json.ptr, point->json.len, word, sizeof(word) - 1) ==
			   NULL)
		point = point->next;
	if (point == NULL || s->status != OSP_OK)
		return false;
	s->status = osp__report_describe(s->report, node, s->what);
	return s->status == OSP_OK && s->what->state == OSP__INTERRUPTED;
}

/* The state of an operation that keeps the trace open, or else OSP__ENDED. */
static osp__state
open_state(search *s, const osp__node *node)
{
	osp__state state;

	if (node->loss || node->starts == 0)
		return OSP__ENDED;
	if (node->stops > 0)
		return is_broken_off(s, node) ? OSP__INTERRUPTED : OSP__ENDED;
	state = osp__report_state(s->report, node);
	return node->outer == NULL || state == OSP__RUNNING ? state : OSP__ENDED;
}

static bool
has_open_child(const osp__node *node)
{
	const osp__node *child = node->first_child;

	while (child != NULL && !child->open)
		child = child->next_sibling;
	return child != NULL;
}

static bool
is_statement(const osp__node *node)
{
	return osp_str_eq(node->name, OSP_STR("pg")) ||
		   osp_str_eq(node->name, OSP_STR("db")) ||
		   osp_str_eq(node->name, OSP_STR("sqlite")) ||
		   osp_str_eq(node->name, OSP_STR("pg.parse"));
}

/* The innermost open statement around an operation; without one, the operation. */
static const osp__node *
statement_around(const osp__node *node)
{
	const osp__node *at = node;

	while (at != NULL && at->open && !is_statement(at))
		at = at->parent;
	return at != NULL && at->open ? at : node;
}

/* How long ago the operation began, by the clock of this host; -1: unknown. */
static int64_t
age_of(const osp__node *node)
{
	char host[256] = "";
	struct timespec now;
	int64_t age_ns;

	if (gethostname(host, sizeof(host) - 1) != 0 ||
		!osp_str_eq(osp__report_inside(node->host), osp_str_of(host)) ||
		clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	age_ns = osp__ns_between(node->started_ns,
							 (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec);
	return age_ns <= AGE_MAX_NS ? age_ns : -1;
}

/* Chooses the innermost open operation with the best known state, the first to begin of
 * several. */
static void
choose(search *s, osp__unfinished *found)
{
	size_t best = RANKS;
	osp__node *node = s->report->first_root;
	int depth = 0;

	for (; node != NULL; node = osp__node_next(node, &depth))
	{
		size_t rank;

		if (!node->open || has_open_child(node))
			continue;
		found->count++;
		rank = rank_of(open_state(s, node));
		if (rank > best || (rank == best && found->inner != NULL &&
							node->started_ns >= found->inner->started_ns))
			continue;
		best = rank;
		found->inner = node;
	}
	if (found->inner == NULL)
		return;
	found->state = ranks[best];
	found->node = statement_around(found->inner);
}

osp_status
osp__report_find_unfinished(osp_report *report, osp__description *what,
							osp__unfinished *found)
{
	search s = {report, what, osp__report_build(report)};
	osp__node *node;
	int depth = 0;

	memset(found, 0, sizeof(*found));
	found->age_ns = -1;
	if (s.status != OSP_OK)
		return s.status;
	for (node = report->first_root; node != NULL;
		 node = osp__node_next(node, &depth))
		node->open = rank_of(open_state(&s, node)) < RANKS;
	choose(&s, found);
	if (found->state == OSP__RUNNING)
		found->age_ns = age_of(found->node);
	return s.status;
}

osp_status
osp__report_say_open(osp_report *report, const osp__node *node,
					 osp__description *what, osp_buf *out)
{
	osp_status status = osp__report_describe(report, node, what);
	osp_str text = node->name;

	if (status != OSP_OK)
		return status;
	if (what->detail.len > 0)
		text = osp_buf_str(&what->detail);
	while (text.len > 0 && text.ptr[text.len - 1] == ';')
		text.len--;
	(void) osp__terminal_text(out, text, true, STATEMENT_COLUMNS);
	return osp_buf_status(out);
}

/* Appends the state, as a label. */
static void
say_state(const osp__unfinished *found, osp_buf *out)
{
	char age[OSP__DURATION_MAX];

	switch (found->state)
	{
		case OSP__RUNNING:
			osp_buf_add_str(out, OSP_STR("Still running"));
			break;
		case OSP__UNFINISHED:
			osp_buf_add_str(out, OSP_STR("Not finished, running or lost"));
			break;
		case OSP__END_LOST:
			osp_buf_add_str(out, OSP_STR("Not finished, end lost"));
			break;
		default:
			osp_buf_add_str(out, OSP_STR("Interrupted"));
			break;
	}
	if (found->age_ns >= 0)
	{
		osp__duration_text(found->age_ns, age);
		osp_buf_addf(out, ", begun %s ago", age);
	}
	osp_buf_add_str(out, OSP_STR(": "));
}

osp_status
osp__report_say_unfinished(osp_report *report, const osp__unfinished *found,
						   osp__description *what, osp_buf *out)
{
	osp_status status;

	say_state(found, out);
	status = osp__report_say_open(report, found->node, what, out);
	if (status == OSP_OK && osp__waits(found))
	{
		osp_buf_add_str(out, OSP_STR("; it waits for "));
		status = osp__report_say_open(report, found->inner, what, out);
	}
	if (found->count > 1)
		osp_buf_addf(out,
					 "; and %zu other operation%s",
					 found->count - 1,
					 found->count == 2 ? "" : "s");
	return status == OSP_OK ? osp_buf_status(out) : status;
}
