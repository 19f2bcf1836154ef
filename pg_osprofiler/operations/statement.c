/* SPDX-License-Identifier: Apache-2.0
 *
 * statement.c
 *	  Which statement becomes a point, and what is recorded of it.
 *
 * A statement is *nested* if it begins while another statement runs that is a
 * point. It is then recorded under that one, and not searched for a context of
 * its own. Any other statement needs a context, see statement_context.c. If a
 * user's point was opened later than the running statement, it comes between
 * the two.
 */
#include "pgosp_known.h"

#include "access/xact.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"

/* Bytes of keys and values besides the text and the parameters. */
#define START_SIZE 2048

typedef struct pgospStart
{
	const pgospStatementFacts *facts;
	osp_str text;
	size_t full_len;
	bool masked; /* values are hidden */
} pgospStart;

pgospPlace pgosp_utility_place = {NULL, 0, 0};
pgospPlace pgosp_analysed_place = {NULL, 0, 0};

void
pgosp_statement_place(pgospStatementFacts *facts)
{
	const pgospPlace *around = &pgosp_utility_place;

	if (likely(around->string == NULL) || facts->location > 0 ||
		facts->length > 0 ||
		(facts->string != around->string &&
		 strcmp(facts->string, around->string) != 0))
		return;
	facts->location = around->location;
	facts->length = around->length;
}

/*
 * The text of the statement. The action of a rule has no place in the client's string,
 * but its portal has the statement that the rule is for, unless the action runs instead
 * of that. Then it is the client's statement that was analysed last: PostgreSQL analyses
 * each statement of a string when the one before has run.
 */
static osp_str
text_of(const pgospStatementFacts *facts)
{
	const PortalData *portal = ActivePortal;
	const pgospPlace *place = &pgosp_analysed_place;
	ListCell *cell;

	if (likely(facts->location >= 0) || portal == NULL ||
		portal->sourceText == NULL ||
		strcmp(facts->string, portal->sourceText) != 0)
		return pgosp_text_of_statement(
			facts->string, facts->location, facts->length);
	foreach (cell, portal->stmts)
	{
		const PlannedStmt *stmt = lfirst_node(PlannedStmt, cell);

		if (stmt->stmt_location >= 0)
			return pgosp_text_of_statement(
				facts->string, stmt->stmt_location, stmt->stmt_len);
	}
	if (place->string == facts->string && facts->string == debug_query_string &&
		place->location >= 0 &&
		strlen(facts->string) >=
			(size_t) place->location + (size_t) Max(place->length, 0))
		return pgosp_text_of_statement(
			facts->string, place->location, place->length);
	return pgosp_text_of_statement(facts->string, 0, 0);
}

/*
 * Makes the text to record: that of this statement, without secrets, in UTF-8.
 * masked: the statement runs within one that may hold a secret. If the
 * transaction has run a statement with a secret, a deferred trigger may use
 * that secret later, so its statements are masked, too: they run outside of all
 * portals, or within a statement such as COMMIT. The client's own statements
 * that failed are also outside of portals; they are not masked for this reason.
 */
static void
record_text(pgospStart *start, const pgospStatementFacts *facts, bool masked)
{
	osp_str text = text_of(facts);
	bool built = pgosp_current != NULL && pgosp_text_may_be_built(facts);
	osp_sql_recorded recorded;

	/* A statement that EXECUTE runs has the text of PREPARE. */
	if (facts->utility == NULL && pgosp_current != NULL)
		text = pgosp_text_behind_prepare(text);
	if (unlikely(text.len == 0))
	{
		text = pgosp_text_of_sql_function();
		built = false;
	}
	if (unlikely(pgosp_transaction_is_masked()))
		masked |=
			(ActivePortal == NULL && facts->string != debug_query_string) ||
			osp_sql_runs_deferred(text, OSP_SQL_POSTGRES_ANY);
	pgosp_text_record(text, facts->failed, masked, built, &recorded);
	if (unlikely(recorded.masked))
		pgosp_transaction_mask();
	start->facts = facts;
	start->text = recorded.text;
	start->full_len = recorded.full_len;
	start->masked = recorded.masked;
	if (unlikely(pgosp_statement_text == OSP_STATEMENT_NONE))
	{
		start->full_len = 0;
		if (facts->utility != NULL)
			start->text = osp_str_of(GetCommandTagName(
				CreateCommandTag(unconstify(Node *, facts->utility))));
	}
}

static bool
is_masked(const pgospParent *parent)
{
	return parent->point != NULL && parent->point->masked;
}

static void
put_text(osp_writer *w, const pgospStart *start)
{
	osp_put_str(w, OSP_STR("statement"), start->text);
	if (start->full_len > pgosp_text_limit())
		osp_put_u64(w, OSP_STR("statement_length"), start->full_len);
}

static void
put_start_of_part(osp_writer *w, const void *what)
{
	osp_put_object(w, OSP_STR("db"));
	put_text(w, (const pgospStart *) what);
	osp_put_end(w);
}

void
pgosp_statement_open_part_at(pgospPoint *point, const pgospParent *parent,
							 const pgospStatementFacts *facts, int64 start_ns)
{
	pgospStart start;

	record_text(&start, facts, is_masked(parent));
	pgosp_point_open_at(point,
						parent,
						put_start_of_part,
						&start,
						START_SIZE + start.text.len,
						start_ns);
	point->masked = start.masked;
}

void
pgosp_statement_open_part(pgospPoint *point, const pgospParent *parent,
						  const pgospStatementFacts *facts)
{
	pgosp_statement_open_part_at(point, parent, facts, pgosp_now());
}

static void
put_start(osp_writer *w, const void *what)
{
	const pgospStart *start = (const pgospStart *) what;
	const pgospStatementFacts *facts = start->facts;

	osp_put_object(w, OSP_STR("db"));
	put_text(w, start);
	if (facts->params != NULL && !pgosp_hide_params && !start->masked)
		pgosp_put_params(w, facts->params);
	osp_put_encoded(w, pgosp_session_attributes());
	if (facts->query_id != 0)
	{
		char digits[24];
		int len = snprintf(
			digits, sizeof(digits), INT64_FORMAT, (int64) facts->query_id);

		osp_put_str(w, OSP_STR("query_id"), osp_str_n(digits, (size_t) len));
	}
	pgosp_put_plan(w, facts);
	osp_put_end(w);
}

void
pgosp_statement_learn(const pgospStatementFacts *facts, const PlannedStmt *plan)
{
	char space[4096];
	pgospStatementFacts again = *facts;
	pgospStart start;
	osp_writer w;

	if (!pgosp_known_may_learn(plan) ||
		(facts->params != NULL && !pgosp_hide_params) ||
		pgosp_may_have_comment(facts->string, facts->location, facts->length))
		return;
	again.reused = true;
	record_text(&start, &again, false);
	osp_attrs_begin(&w, space, sizeof(space));
	put_start(&w, &start);
	if (!w.full)
		pgosp_known_learn(plan, osp_attrs_end(&w), start.masked);
}

static void
open_at(pgospStatementPoint *statement, const pgospPointKind *kind,
		const pgospParent *parent, const pgospStatementFacts *facts,
		int64 start_ns)
{
	pgospStart start;
	size_t size;

	record_text(&start, facts, is_masked(parent));
	size = START_SIZE + start.text.len;
	if (facts->params != NULL && !pgosp_hide_params)
		size += PGOSP_PARAMS_SIZE;
	pgosp_statement_init(statement, kind, OSP_STR("pg"));
	pgosp_point_open_at(
		&statement->point, parent, put_start, &start, size, start_ns);
	statement->point.masked = start.masked;
	pgosp_usage_begin(&statement->usage, pgosp_now());
	statement->plain = parent->point == NULL && !statement->point.silent &&
					   !pgosp_point_is_staged(&statement->point) &&
					   statement->point.base_id.is_uuid &&
					   statement->point.parent_id.is_uuid;
}

void
pgosp_statement_open(pgospStatementPoint *statement, const pgospPointKind *kind,
					 const pgospParent *parent,
					 const pgospStatementFacts *facts)
{
	open_at(statement, kind, parent, facts, pgosp_now());
}

void
pgosp_statement_open_planned(pgospStatementPoint *statement,
							 const pgospPointKind *kind,
							 const pgospParent *parent,
							 const pgospStatementFacts *facts,
							 const pgospPlan **plan)
{
	/* No point begins before its parent. */
	if (*plan != NULL && parent->point != NULL &&
		(*plan)->start_ns < parent->point->start_ns)
		*plan = NULL;
	open_at(statement,
			kind,
			parent,
			facts,
			*plan != NULL ? (*plan)->start_ns : pgosp_now());

	/* Bind plans the statement, and Execute, which may come later, starts it. Within
	 * one message, the time between both is the server's work. */
	if (*plan != NULL &&
		(*plan)->message != GetCurrentStatementStartTimestamp())
		statement->point.paused_ns = pgosp_now() - (*plan)->stop_ns;
}

void
pgosp_statement_open_past(pgospStatementPoint *statement,
						  const pgospPointKind *kind, const pgospParent *parent,
						  const pgospStatementFacts *facts, int64 start_ns)
{
	open_at(statement, kind, parent, facts, start_ns);
}

bool
pgosp_statement_wanted(const pgospStatementFacts *facts, pgospParent *parent)
{
	const pgospContext *context;
	osp_producer *producer;

	pgosp_commit_look();
	if (pgosp_current != NULL)
	{
		if ((pgosp_points & PGOSP_POINTS_NESTED) == 0)
			return false;
		pgosp_nested_parent(parent);
		return pgosp_point_may_open(parent);
	}
	if (pgosp_planning)
		return false;
	context = pgosp_context_of_statement(
		facts->string, facts->location, facts->length);
	pgosp_context_use_up(facts->string);
	if (context == NULL || (pgosp_points & PGOSP_POINTS_STATEMENT) == 0)
		return false;
	producer = pgosp_producer();
	if (producer == NULL)
		return false;
	pgosp_statement_begins(producer, &context->ids);
	pgosp_parent_of_context(&context->ids, parent);
	return true;
}
