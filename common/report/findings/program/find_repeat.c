/* SPDX-License-Identifier: Apache-2.0
 *
 * find_repeat.c
 *	  Rule: the same statement many times (N+1), with other constants.
 *
 * Only short statements count; for long ones the cause of their length matters
 * more. The time between two of them is part of the cost of the repetition: the
 * way from the client to the server and back, and the beginning and end of
 * transactions.
 *
 * If a statement runs very many others, the last ones are not recorded
 * (osprofiler.max_points). They are assumed to be like the recorded ones, in the same
 * proportions.
 */
#include "report/findings/rules.h"

#include "sql/sql_text.h"

#define REPEATS_MIN 10
#define MEAN_MAX_NS (INT64_C(20) * 1000000)
#define GAP_MAX_NS  (INT64_C(5) * 1000000)

/* The time between the statements is small if it is below this part (1/5) of the
 * repetition's time. */
#define PAUSES_SHARE 5

/* The time of the ends of transactions is small if it is below this part (1/10) of the
 * time between the statements. */
#define ENDS_SHARE 10

/* A statement that takes this long in the server does more than look up a row. */
#define LONG_NS (INT64_C(1) * 1000000)

/* A FETCH of so many rows takes much longer than the way to the server and back. */
#define FETCHED_MANY 1000

/* The longest time that SQLite takes to change a row without waiting for the
 * disk. */
#define ROW_NS (INT64_C(5) * 1000)

/* The longest time between two statements that a program executes with one call
 * (executemany). */
#define TIGHT_NS (INT64_C(3) * 1000)

/* Sums of the rule, about the time between the statements. */
enum
{
	SUM_CONTROLS, /* begins and ends of transactions */
	SUM_ENDS_NS,  /* time of the ends */
	SUM_SERVED,   /* executions whose part in the server is known, if they are a
				   * client's: not all have one, such as prepared ones */
	SUM_LEFT_OUT  /* executions that are most likely not recorded */
};

typedef struct repeat
{
	uint64_t key;
	int64_t count; /* 0: the repetition does not matter */
	int64_t total_ns;
	osp__group *group;
	const osp__op *last; /* last execution */
	osp__op
		*typical; /* has the most frequent text, if more than half have that */
	int64_t votes;
	double left_out; /* executions missing in the present parent */
	double left_out_ns;
} repeat;

/* Is op a statement, but not the server's part of a client's statement, nor what a FETCH
 * did of a cursor's query? */
static bool
is_statement(const osp__op *op)
{
	const osp__op *outer;

	if (op->shape == 0 || op->control != OSP__CONTROL_NONE ||
		op->statement != op || osp__op_is_fetched(op))
		return false;
	outer = osp__op_statement(op->parent);
	return outer == NULL || outer->shape != op->shape;
}

static void
count_statements(osp__findings *f, osp__table *table)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = f->walk[i];
		repeat *it;

		if (!is_statement(op))
			continue;
		it = osp__keyed_or_new(
			f, table, osp__op_statement_key(op), sizeof(repeat));
		if (it == NULL)
			return;
		it->count++;
		it->last = op;
		it->total_ns += osp__worked_ns(op);
	}
}

/* The repetition that op is part of; NULL: none, or none that matters. */
static repeat *
repeat_of(const osp__table *table, const osp__op *op)
{
	repeat *it =
		is_statement(op) ? osp__keyed(table, osp__op_statement_key(op)) : NULL;

	if (it == NULL || it->count < REPEATS_MIN ||
		it->total_ns / it->count > MEAN_MAX_NS)
		return NULL;
	return it;
}

/* Keeps the execution with the most frequent text as the typical one (Boyer and
 * Moore). */
static void
vote(repeat *it, osp__op *op)
{
	if (it->votes == 0)
		it->typical = op;
	it->votes += it->typical->text == op->text ? 1 : -1;
	if (it->group != NULL)
		it->group->first = it->typical;
}

/* The state of a session: is a transaction open? */
typedef struct session
{
	uint64_t key; /* hash of session and kind; must be first */
	bool in_transaction;
} session;

/* Notes in each statement whether a transaction of its session is open when it
 * begins. */
static void
mark_transactions(osp__findings *f)
{
	osp__table table;
	size_t i;

	osp__table_init(&table, f->report->alc);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		uint64_t key = op->session * 31 + (uint64_t) op->kind;
		session *at = op->statement == op
						  ? osp__keyed_or_new(f, &table, key, sizeof(session))
						  : NULL;

		if (at == NULL)
			continue;
		op->in_transaction = at->in_transaction;
		if (op->control == OSP__CONTROL_BEGIN)
			at->in_transaction = !op->failed;
		else if (op->control == OSP__CONTROL_END)
			at->in_transaction = false;
	}
	osp__table_term(&table);
}

/* Is it a fast change of SQLite, of which programs run many in one transaction, such as
 * a bulk load? */
static bool
is_bulk_load(const repeat *it, const osp__op *op)
{
	return op->kind == OSP__OP_SQLITE && osp__op_fact(op, OSP__CHANGES) > 0 &&
		   it->total_ns / it->count < ROW_NS && op->in_transaction;
}

/* Claims the statements of each repetition with everything below them. Statements below
 * triggers belong to the triggers. */
static void
claim_statements(osp__findings *f, const osp__table *table)
{
	size_t i;

	f->ops[0].handled = false;
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = f->walk[i];
		repeat *it = NULL;

		op->handled = op->parent->handled || op->kind == OSP__OP_TRIGGER;
		if (!op->handled)
			it = repeat_of(table, op);
		if (it == NULL)
			continue;
		if (it->group == NULL &&
			(is_bulk_load(it, op) || is_bulk_load(it, it->last)))
			it->count = 0;
		if (it->count == 0)
			continue;
		if (it->group == NULL)
			it->group = osp__group_of(f, osp__op_statement_key(op));
		osp__claim_below(f, it->group, op);
		if (it->group != NULL)
			it->group->sums[SUM_SERVED] +=
				op->kind != OSP__OP_DB || osp__op_has_server(f, op);
		vote(it, op);
		op->handled = true;
	}
}

/* Claims an operation that begins or ends a transaction. */
static void
claim_control(osp__findings *f, osp__group *group, osp__op *op)
{
	int64_t claimed_ns = group->spent_ns;

	osp__claim_more_below(f, group, op);
	group->sums[SUM_CONTROLS]++;
	if (op->control == OSP__CONTROL_END)
		group->sums[SUM_ENDS_NS] += group->spent_ns - claimed_ns;
}

/* Claims the time between statements of repetitions below one parent. */
static void
claim_between(osp__findings *f, const osp__table *table, const osp__op *parent)
{
	const osp__op *before = NULL;
	osp__group *group = NULL;
	osp__op *op = osp__op_child(f, parent);

	for (; op != NULL; before = op, op = osp__op_sibling(f, op))
	{
		const repeat *it = repeat_of(table, op);
		bool between = op->control != OSP__CONTROL_NONE ||
					   op->kind == OSP__OP_COMMIT || op->kind == OSP__OP_PARSE;

		if (group != NULL && (it != NULL || between) && before != NULL &&
			op->begin_ns - before->end_ns <= GAP_MAX_NS)
			(void) osp__claim_gap(f, group, before, op);
		if (it != NULL && it->group != NULL)
			group = it->group;
		else if (group != NULL && between)
			claim_control(f, group, op);
		else
			group = NULL;
	}
}

/* The recorded statements that a statement ran itself: their number, beginning
 * and end. */
typedef struct run
{
	int64_t count;
	int64_t begin_ns;
	int64_t end_ns;
} run;

static run
run_of(const osp__findings *f, const osp__op *parent)
{
	run found = {0, 0, 0};
	const osp__op *op = osp__op_child(f, parent);

	for (; op != NULL; op = osp__op_sibling(f, op))
	{
		if (op->statement != op || op->inner_cursor)
			continue;
		if (found.count++ == 0)
			found.begin_ns = op->begin_ns;
		if (op->end_ns > found.end_ns)
			found.end_ns = op->end_ns;
	}
	return found;
}

/* Claims the time of statements that are not recorded: each recorded one stands for
 * some of them. */
static void
claim_left_out(osp__findings *f, const osp__table *table, osp__op *parent)
{
	int64_t left_out = osp__op_fact(parent, OSP__TRUNCATED);
	run whole = run_of(f, parent);
	double of_each;
	double ns;
	osp__op *op;

	if (left_out <= 0 || whole.count < REPEATS_MIN)
		return;
	of_each = (double) left_out / (double) whole.count;
	ns = of_each * (double) (whole.end_ns - whole.begin_ns);
	if (ns > (double) parent->left_ns)
		ns = (double) parent->left_ns;
	for (op = osp__op_child(f, parent); op != NULL; op = osp__op_sibling(f, op))
	{
		repeat *it = repeat_of(table, op);

		if (it == NULL || it->group == NULL)
			continue;
		it->left_out += of_each;
		it->left_out_ns += ns / (double) whole.count;
	}
	for (op = osp__op_child(f, parent); op != NULL; op = osp__op_sibling(f, op))
	{
		repeat *it = repeat_of(table, op);

		if (it == NULL || it->left_out_ns == 0)
			continue;
		osp__claim_more(f, it->group, parent, osp__ns_of(it->left_out_ns));
		it->group->sums[SUM_LEFT_OUT] += osp__bounded_count(it->left_out);
		it->left_out = 0;
		it->left_out_ns = 0;
	}
}

void
osp__look_repeats(osp__findings *f)
{
	osp__table table;
	size_t i;

	mark_transactions(f);
	osp__table_init(&table, f->report->alc);
	count_statements(f, &table);
	claim_statements(f, &table);
	for (i = 0; i < f->op_count && f->status == OSP_OK; i++)
		if (f->groups != NULL && f->groups->rule == f->rule &&
			!f->ops[i].handled)
		{
			claim_between(f, &table, &f->ops[i]);
			claim_left_out(f, &table, &f->ops[i]);
		}
	osp__table_term(&table);
}

static const struct
{
	const char *word;
	const char *step;
	const char *sqlite;
	const char
		*joined; /* in SQLite, if they are one transaction already, with hardly
				  * any time between them; NULL: use sqlite */
} steps[] = {
	{"select",
	 "Get all of it with one statement: with a join, or, where it has a key, "
	 "with the list of keys in WHERE key = ANY ($1).",
	 "Get all of it with one statement: with a join, or, where it has a key, "
	 "with WHERE key IN (…).",
	 NULL},
	{"insert",
	 "Insert many rows with one statement: several rows of VALUES, or COPY.",
	 "Insert many rows with one statement, several rows of VALUES, or with one "
	 "call (executemany), in one transaction.",
	 "They are in one transaction already, and hardly anything is between "
	 "them: the rest is SQLite's work for each row, which grows with the "
	 "indexes and triggers of the table. Of many rows, make the indexes "
	 "afterwards."},
	{"update",
	 "Change all rows with one statement: UPDATE … FROM a list of values.",
	 "Change all rows with one statement, UPDATE … FROM a list of values, or "
	 "with one call (executemany), in one transaction.",
	 "They are in one transaction already, and hardly anything is between "
	 "them: change all rows with one statement, UPDATE … FROM a list of "
	 "values."},
	{"delete",
	 "Delete all rows with one statement: WHERE key = ANY ($1).",
	 "Delete all rows with one statement: WHERE key IN (…).",
	 NULL},
	{"fetch",
	 "Fetch more rows at a time (FETCH 1000, or the fetch size of "
	 "the driver).",
	 NULL,
	 NULL},
	{NULL,
	 "Do it with one statement for all of them, or send them in a pipeline.",
	 "Do it with one statement for all of them, or in one transaction.",
	 "They are in one transaction already, and hardly anything is between "
	 "them: do it with one statement for all of them."},
};

static bool
has_word(osp_str statement, const char *word)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	while (osp_sql_next_word(&lexer, &token))
		if (osp_sql_is(&token, word))
			return true;
	return false;
}

/* Is it the statement of a pool that only checks whether the server answers? */
static bool
is_ping(const osp__group *group)
{
	return group->key == osp__statement_shape(OSP_STR("SELECT 1"));
}

/* Did each FETCH return many rows? */
static bool
fetches_many(const osp__findings *f, const osp__group *group)
{
	const osp__op *op = group->first;

	if (op->kind == OSP__OP_DB)
		op = osp__op_child(f, op);
	return op != NULL && op->fetches &&
		   osp__op_fact(op, OSP__ROWS) >= FETCHED_MANY;
}

static void
say_step(const osp__findings *f, const osp__group *group, osp_str statement,
		 bool joined, osp_buf *step)
{
	bool sqlite = group->first->kind == OSP__OP_SQLITE;
	size_t i = 0;

	if (fetches_many(f, group))
	{
		osp_buf_add_str(
			step,
			OSP_STR("Each returns many rows already, so a larger fetch size "
					"hardly helps: have the query return fewer rows or "
					"columns, or compute what the program makes of them."));
		return;
	}

	if (!sqlite && is_ping(group))
	{
		osp_buf_add_str(
			step,
			OSP_STR("A connection pool asks so whether a connection still "
					"lives, each time that the program takes it (pool_pre_ping "
					"of SQLAlchemy, always on in oslo.db). Take a connection "
					"once for the whole request, or have the pool ask only "
					"after a pause."));
		return;
	}
	if (osp__begins_with(statement, "select") && !has_word(statement, "where"))
	{
		osp_buf_add_str(step,
						OSP_STR("Run it once, and keep what it returns."));
		return;
	}
	while (steps[i].word != NULL &&
		   (!osp__begins_with(statement, steps[i].word) ||
			(sqlite && steps[i].sqlite == NULL)))
		i++;
	if (joined && steps[i].joined != NULL)
		osp_buf_add_str(step, osp_str_of(steps[i].joined));
	else
		osp_buf_add_str(step,
						osp_str_of(sqlite ? steps[i].sqlite : steps[i].step));
}

/* Do statements of SQLite follow each other closely in one transaction? */
static bool
is_joined(const osp__group *group, int64_t between_ns)
{
	return group->first->kind == OSP__OP_SQLITE &&
		   (between_ns < group->spent_ns / PAUSES_SHARE ||
			between_ns / (int64_t) group->count < TIGHT_NS) &&
		   group->sums[SUM_CONTROLS] <= (int64_t) group->count / REPEATS_MIN &&
		   (group->first->in_transaction || group->largest->in_transaction);
}

/* Is op a statement of the repetition, or below one? */
static bool
is_of_repeated(const osp__group *group, const osp__op *op)
{
	while (op != NULL && osp__op_statement_key(op) != group->key)
		op = op->parent;
	return op != NULL;
}

/* The part of the group's time that was between the statements. */
static int64_t
time_between(const osp__group *group)
{
	const osp__claim *claim;
	int64_t between_ns = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
		if (!is_of_repeated(group, claim->op))
			between_ns += claim->spent_ns;
	return between_ns;
}

static int64_t
time_in_server(const osp__group *group)
{
	const osp__claim *claim;
	int64_t server_ns = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
	{
		const osp__op *statement = osp__op_statement(claim->op);

		if (is_of_repeated(group, claim->op) &&
			(claim->op->kind == OSP__OP_PARSE ||
			 (statement != NULL && statement->kind == OSP__OP_PG)))
			server_ns += claim->spent_ns;
	}
	return server_ns;
}

/* Are plan nodes recorded for most of the statements? */
static bool
knows_plans(const osp__group *group)
{
	const osp__claim *claim;
	uint64_t known = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
		known += claim->op->leader_nodes;
	return known > group->count / 2;
}

/* Has another rule claimed nodes in the plan of a longer execution of this
 * statement? */
static bool
is_explained_once(const osp__findings *f, const osp__group *group)
{
	size_t i;

	for (i = 1; i < f->op_count; i++)
		if (f->ops[i].kind == OSP__OP_PG && f->ops[i].nodes_ns > 0 &&
			osp__op_statement_key(&f->ops[i]) == group->key)
			return true;
	return false;
}

/* Appends how to see the plans of short statements, whose nodes are not recorded by
 * default. */
static void
say_how_to_see_plan(const osp__findings *f, const osp__group *group,
					int64_t server_ns, uint64_t served, osp_buf *step)
{
	int64_t each_ns = served > 0 ? server_ns / (int64_t) served : 0;

	if (each_ns < LONG_NS || knows_plans(group) || fetches_many(f, group))
		return;
	osp_buf_add_str(step, OSP_STR(" Each takes "));
	osp__say_time(step, each_ns);
	if (is_explained_once(f, group))
	{
		osp_buf_add_str(
			step,
			OSP_STR(" in the server. Most likely that has the reason which is "
					"found in the plans of those that took longer."));
		return;
	}
	osp_buf_add_str(
		step,
		OSP_STR(" in the server, so an index may be missing, too: to see the "
				"plan of what is so short, SET osprofiler.node_min_duration = "
				"'1ms' and trace it again."));
}

static void
say_server(const osp__group *group, int64_t server_ns, uint64_t served,
		   osp_buf *evidence)
{
	osp_buf_add_str(evidence, OSP_STR(": "));
	osp__say_time(evidence, server_ns);
	osp_buf_add_str(evidence, OSP_STR(" in the server"));
	if (served == group->count)
		return;
	osp_buf_add_str(evidence, OSP_STR(" for "));
	osp__say_count(evidence, (int64_t) served);
	osp_buf_add_str(evidence, OSP_STR(" of them, of which it was told"));
}

/* Appends how the time of the statements divides: in the server or SQLite, elsewhere,
 * and between them. */
static void
say_parts(const osp__group *group, int64_t server_ns, uint64_t served,
		  int64_t between_ns, osp__finding *finding)
{
	if (group->largest->kind == OSP__OP_SQLITE && between_ns > 0)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(": "));
		osp__say_time(&finding->evidence, group->spent_ns - between_ns);
		osp_buf_add_str(&finding->evidence, OSP_STR(" in SQLite, "));
		osp__say_time(&finding->evidence, between_ns);
		osp_buf_add_str(&finding->evidence, OSP_STR(" between them"));
		if (group->sums[SUM_ENDS_NS] > between_ns / ENDS_SHARE)
		{
			osp_buf_add_str(&finding->evidence, OSP_STR(", "));
			osp__say_time(&finding->evidence, group->sums[SUM_ENDS_NS]);
			osp_buf_add_str(&finding->evidence, OSP_STR(" of it COMMIT"));
		}
	}
	if (group->largest->kind != OSP__OP_DB || server_ns == 0)
		return;
	say_server(group, server_ns, served, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(", "));
	osp__say_time(&finding->evidence, group->spent_ns - server_ns - between_ns);
	if (served < group->count)
		osp_buf_add_str(&finding->evidence,
						OSP_STR(" in the server, the client or on the way, "));
	else
		osp_buf_add_str(
			&finding->evidence,
			group->largest->foreign
				? OSP_STR(" in the client, its tracing and on the way, ")
				: OSP_STR(" in the client and on the way, "));
	osp__say_time(&finding->evidence, between_ns);
	osp_buf_add_str(&finding->evidence, OSP_STR(" between them"));
	osp__add_figure(finding, "server_ms", (double) server_ns / 1e6);
}

/* Rounds a count to two digits. */
static int64_t
roughly(int64_t count)
{
	int64_t unit = 1;

	while (count / unit >= 100)
		unit *= 10;
	return (count + unit / 2) / unit * unit;
}

static void
say_left_out(int64_t left_out, osp_buf *evidence)
{
	if (left_out == 0)
		return;
	osp_buf_add_str(evidence, OSP_STR("; "));
	osp__say_count(evidence, left_out);
	osp_buf_add_str(
		evidence,
		OSP_STR(" of them are not recorded (osprofiler.max_points), "
				"and taken to be like the others"));
}

/* Appends a note if waits for the disk are not measured, because changes that commit
 * one by one mostly wait for it. */
static void
say_unmeasured(const osp__group *group, osp_buf *evidence)
{
	const osp__op *op = group->first;

	if (op->kind != OSP__OP_SQLITE || !op->lacks_syncs || op->in_memory ||
		(group->sums[SUM_ENDS_NS] == 0 &&
		 (osp__op_fact(op, OSP__CHANGES) == 0 || op->in_transaction)))
		return;
	osp_buf_add_str(evidence, OSP_STR("; " OSP__SYNCS_UNMEASURED));
}

void
osp__tell_repeats(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *parent = group->largest->parent;
	int64_t count = (int64_t) group->count;
	int64_t left_out = group->sums[SUM_LEFT_OUT];
	int64_t between_ns = time_between(group);
	int64_t server_ns = time_in_server(group);
	uint64_t served = (uint64_t) group->sums[SUM_SERVED];

	osp_buf_add_str(&finding->cause,
					left_out > 0 ? OSP_STR("The same statement ran some ")
								 : OSP_STR("The same statement ran "));
	osp__say_number(&finding->cause,
					left_out > 0 ? roughly(count + left_out) : count,
					"time");
	osp__say_file(f, group->first, " in", &finding->cause);
	if (parent->kind == OSP__OP_PG || parent->kind == OSP__OP_FUNCTION)
	{
		osp_buf_add_str(&finding->cause, OSP_STR(" within "));
		osp__say_op(f, parent, &finding->cause);
	}
	osp_buf_add_str(&finding->cause, OSP_STR(", which took "));
	osp__say_time(&finding->cause, group->spent_ns);
	if (group->largest->kind == OSP__OP_SQLITE &&
		group->sums[SUM_ENDS_NS] > between_ns / 2)
		osp_buf_add_str(&finding->cause,
						OSP_STR(" with the commits between them"));
	else if (between_ns > 0)
		osp_buf_add_str(&finding->cause,
						OSP_STR(" with the pauses between them"));
	osp_buf_add_str(&finding->cause, OSP_STR(": "));
	osp__say_time(&finding->cause, group->spent_ns / (count + left_out));
	osp_buf_add_str(&finding->cause, OSP_STR(" each."));
	osp__say_op(f, group->first, &finding->evidence);
	say_step(f,
			 group,
			 osp_buf_str(&finding->evidence),
			 is_joined(group, between_ns),
			 &finding->step);
	say_how_to_see_plan(f, group, server_ns, served, &finding->step);
	if (served > 0 && served < group->count)
		osp_buf_add_str(
			&finding->step,
			OSP_STR(" The server is not told of statements that are prepared "
					"(by psycopg 3 from the sixth execution on: "
					"prepare_threshold=None)."));
	say_parts(group, server_ns, served, between_ns, finding);
	say_left_out(left_out, &finding->evidence);
	say_unmeasured(group, &finding->evidence);
	osp__add_figure(finding, "executions", (double) (count + left_out));
	osp__add_figure(finding,
					"mean_ms",
					(double) group->spent_ns / 1e6 /
						(double) (count + left_out));
}
