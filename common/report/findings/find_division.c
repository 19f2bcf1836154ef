/* SPDX-License-Identifier: Apache-2.0
 *
 * find_division.c
 *	  Divides the time of a trace between server, way and client, for the head
 *	  of the drawn tree, and divides the time that no finding explains.
 */
#include "report/findings/findings.h"

bool
osp__op_has_server(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	while (child != NULL &&
		   !osp_str_eq(osp__node_tracer(child->node), OSP_STR("pg")))
		child = osp__op_sibling(f, child);
	return child != NULL;
}

/* The part of the division (OSP__TIME_...) to which the time of an operation
 * belongs. */
static int
owner_of(const osp__findings *f, const osp__op *op)
{
	switch (op->kind)
	{
		case OSP__OP_TRACE:
		case OSP__OP_OTHER:
			return OSP__TIME_CLIENT;
		case OSP__OP_DB:
			return osp__op_has_server(f, op) ? OSP__TIME_WAY
											 : OSP__TIME_DATABASE;
		case OSP__OP_CONNECT:
			return OSP__TIME_WAY;
		case OSP__OP_WAIT:
			return OSP__TIME_WAITING;
		case OSP__OP_SQLITE:
			return OSP__TIME_SQLITE;
		default:
			return osp_str_eq(osp__node_tracer(op->node), OSP_STR("sqlite"))
					   ? OSP__TIME_SQLITE
					   : OSP__TIME_SERVER;
	}
}

/* How long an operation of a server waited, according to samples. Waits for locks do
 * not count, because they are operations of their own. */
static int64_t
sampled_wait_ns(const osp__findings *f, const osp__op *op)
{
	int64_t ns = osp__op_own_fact(f, op, OSP__WAIT_ANY) -
				 osp__op_own_fact(f, op, OSP__WAIT_LOCK);

	if (ns < 0)
		ns = 0;
	return ns < op->own_ns ? ns : op->own_ns;
}

/* The reasons for which a server waits, and their names. The first one is that of
 * operations of kind OSP__OP_WAIT. */
static const struct
{
	const char *name;
	osp__fact facts[2]; /* both may be the same */
} reasons[] = {
	{"locks", {OSP__WAIT_LOCK, OSP__WAIT_LOCK}},
	{"reading from disk", {OSP__WAIT_READ, OSP__WAIT_READ}},
	{"writing to disk", {OSP__WAIT_WRITE, OSP__WAIT_WRITE}},
	{"temporary files", {OSP__WAIT_TEMP, OSP__WAIT_TEMP}},
	{"the WAL", {OSP__WAIT_WAL, OSP__WAIT_WAL_OTHER}},
	{"a standby", {OSP__WAIT_STANDBY, OSP__WAIT_STANDBY}},
	{"parallel workers", {OSP__WAIT_WORKERS, OSP__WAIT_WORKERS}},
	{"the client", {OSP__WAIT_CLIENT_READ, OSP__WAIT_CLIENT_WRITE}},
	{"pg_sleep", {OSP__WAIT_SLEEP, OSP__WAIT_SLEEP}},
};

#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

/* Adds the times of an operation's waits to the sums of their reasons. */
static void
add_reasons(const osp__findings *f, const osp__op *op, double sums[REASONS])
{
	size_t i;

	if (op->kind == OSP__OP_WAIT)
	{
		sums[0] += (double) op->own_ns;
		return;
	}
	for (i = 1; i < REASONS; i++)
	{
		const osp__fact *facts = reasons[i].facts;

		sums[i] += (double) osp__op_own_fact(f, op, facts[0]);
		if (facts[1] != facts[0])
			sums[i] += (double) osp__op_own_fact(f, op, facts[1]);
	}
}

/* The reason for more than half of the waiting time; NULL: there is none. */
static const char *
main_reason(const double sums[REASONS], int64_t waiting_ns)
{
	size_t i;

	for (i = 0; i < REASONS; i++)
		if (sums[i] > (double) waiting_ns / 2)
			return reasons[i].name;
	return NULL;
}

void
osp__findings_note_division(osp__findings *f)
{
	double sums[REASONS] = {0};
	int64_t *times = f->report->times_ns;
	size_t i;

	memset(times, 0, sizeof(f->report->times_ns));
	f->report->way_has_tracing = false;
	for (i = 0; i < f->op_count; i++)
	{
		const osp__op *op = &f->ops[i];
		int owner = owner_of(f, op);
		int64_t waited_ns =
			owner == OSP__TIME_SERVER ? sampled_wait_ns(f, op) : 0;

		times[owner] += op->own_ns - waited_ns;
		times[OSP__TIME_WAITING] += waited_ns;
		if (owner == OSP__TIME_WAITING || waited_ns > 0)
			add_reasons(f, op, sums);
		if (owner == OSP__TIME_WAY && op->foreign)
			f->report->way_has_tracing = true;
	}
	f->report->waited_for = main_reason(sums, times[OSP__TIME_WAITING]);
	f->report->divided = true;
}

/* ---- what is not explained ---- */

const osp__rest_part osp__rest_parts[OSP__REST_COUNT] = {
	{"client", "the client's work, and its pauses between statements"},
	{"way", "on the way between client and server"},
	{"connect", "connecting"},
	{"planning", "analysis and planning"},
	{"waiting", "waits of the server, by samples"},
	{"cpu", "computing in the server, by its CPU time"},
	{"commit", "commits"},
	{"statements", "in statements of which no more is known than their time"},
	{"other_causes", "causes that took less than those above"},
	{"unknown", "unknown: nothing in the trace says what it was"},
};

/* Does the rule claim, of statements themselves, time in which they waited? */
static bool
is_of_waits(const osp__rule *rule)
{
	static const char *const names[] = {
		"client_wait", "read", "sleep", "spill", "toast", "wal", "write"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(rule->name, names[i]) == 0)
			return true;
	return false;
}

void
osp__note_claimed_waits(const osp__findings *f)
{
	const osp__group *group;

	for (group = f->groups; group != NULL; group = group->next)
	{
		bool starved = strcmp(group->rule->name, "cpu") == 0;
		const osp__claim *claim =
			starved || is_of_waits(group->rule) ? group->claims : NULL;

		for (; claim != NULL; claim = claim->next)
		{
			if (claim->node != NULL && claim->node->kind == OSP__OP_NODE)
				continue;
			if (starved)
				claim->op->starved_ns += claim->ns;
			else
				claim->op->waited_ns += claim->ns;
		}
	}
}

/* Computes ns * share_ns / whole_ns, limited to most_ns. */
static int64_t
part_of(int64_t ns, int64_t share_ns, int64_t whole_ns, int64_t most_ns)
{
	double part;

	if (share_ns <= 0 || whole_ns <= 0)
		return 0;
	part = (double) ns * ((double) share_ns / (double) whole_ns);
	return part < (double) most_ns ? (int64_t) part : most_ns;
}

/* Divides the time that an operation of a server has left, by the figures of its
 * statement: the part of its time in which it waited, and the part in which it had a
 * CPU. Waits that a finding has claimed are not in that time, and waits for locks are
 * operations of their own. If nothing was measured, nothing is known. */
static void
divide_work(const osp__op *op, int64_t rest_ns[OSP__REST_COUNT])
{
	const osp__op *statement = osp__op_statement(op);
	int64_t left_ns = op->left_ns;
	int64_t locked_ns;
	int64_t whole_ns;
	int64_t own_ns;
	int64_t open_ns;
	int64_t waited_ns;
	int64_t cpu_ns;

	if (statement == NULL)
	{
		rest_ns[OSP__REST_UNKNOWN] += left_ns;
		return;
	}
	if (osp__op_fact(statement, OSP__CPU_OF) == 0 &&
		osp__op_fact(statement, OSP__WAIT_ANY) == 0)
	{
		rest_ns[OSP__REST_STATEMENTS] += left_ns;
		return;
	}
	locked_ns = osp__op_fact(statement, OSP__WAIT_LOCK);
	whole_ns = osp__op_ns(statement) - locked_ns;
	own_ns = op->own_ns < whole_ns ? op->own_ns : whole_ns;
	waited_ns = part_of(own_ns,
						osp__op_fact(statement, OSP__WAIT_ANY) - locked_ns,
						whole_ns,
						own_ns);
	cpu_ns = part_of(own_ns,
					 osp__op_fact(statement, OSP__CPU),
					 osp__op_fact(statement, OSP__CPU_OF) - locked_ns,
					 own_ns);
	open_ns = own_ns - op->starved_ns - op->waited_ns;
	waited_ns = part_of(left_ns, waited_ns - op->waited_ns, open_ns, left_ns);
	cpu_ns = part_of(left_ns, cpu_ns, open_ns, left_ns - waited_ns);
	rest_ns[OSP__REST_WAITING] += waited_ns;
	rest_ns[OSP__REST_CPU] += cpu_ns;
	rest_ns[OSP__REST_UNKNOWN] += left_ns - waited_ns - cpu_ns;
}

int64_t
osp__left_cpu_ns(const osp__op *op)
{
	int64_t rest_ns[OSP__REST_COUNT] = {0};

	divide_work(op, rest_ns);
	return rest_ns[OSP__REST_CPU];
}

static void
divide_left(const osp__findings *f, const osp__op *op,
			int64_t rest_ns[OSP__REST_COUNT])
{
	switch (op->kind)
	{
		case OSP__OP_TRACE:
		case OSP__OP_OTHER:
			rest_ns[OSP__REST_CLIENT] += op->left_ns;
			break;
		case OSP__OP_DB:
			rest_ns[osp__op_has_server(f, op) ? OSP__REST_WAY
											  : OSP__REST_UNKNOWN] +=
				op->left_ns;
			break;
		case OSP__OP_CONNECT:
			rest_ns[OSP__REST_CONNECT] += op->left_ns;
			break;
		case OSP__OP_PARSE:
		case OSP__OP_PLAN:
			rest_ns[OSP__REST_PLANNING] += op->left_ns;
			break;
		case OSP__OP_COMMIT:
			rest_ns[OSP__REST_COMMIT] += op->left_ns;
			break;
		case OSP__OP_WAIT:
			rest_ns[OSP__REST_WAITING] += op->left_ns;
			break;
		default:
			divide_work(op, rest_ns);
			break;
	}
}

static bool
is_told(const osp__findings *f, const osp__group *group)
{
	unsigned i;

	for (i = 0; i < f->found_count; i++)
		if (f->found[i].group == group)
			return true;
	return false;
}

void
osp__findings_divide_rest(const osp__findings *f,
						  int64_t rest_ns[OSP__REST_COUNT])
{
	const osp__group *group;
	size_t i;

	memset(rest_ns, 0, OSP__REST_COUNT * sizeof(*rest_ns));
	for (group = f->groups; group != NULL; group = group->next)
		if (!is_told(f, group))
			rest_ns[OSP__REST_CAUSES] += group->ns;
	for (i = 0; f->ops != NULL && i < f->op_count; i++)
		if (f->ops[i].left_ns > 0)
			divide_left(f, &f->ops[i], rest_ns);
}
