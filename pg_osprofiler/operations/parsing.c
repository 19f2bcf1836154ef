/* SPDX-License-Identifier: Apache-2.0
 *
 * parsing.c
 *	  The time before a statement is planned: the operations pg.parse.
 *
 * Parse analysis and rewriting lock the tables of a statement, and Bind locks those of
 * a plan that is used again. There is no hook before that, and no operation to which
 * that time could belong. But PostgreSQL notes when a message arrived: if a millisecond
 * or more has passed since then, that time is recorded as an operation beside the
 * statement, because Parse may come long before the statement. A shorter time costs
 * only a subtraction.
 *
 * If a message has several statements, only the first one's time is known.
 */
#include "pgosp_known.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/timestamp.h"

int64 pgosp_wall_offset_ns = 0;

/* The message whose time was recorded last. */
static TimestampTz told_message = 0;

/* Is the next statement recorded however quick it is, because its pg.parse took
 * osprofiler.min_duration? And the hash of its text. */
static bool kept = false;
static uint32 kept_text;

static uint32
hash_of(const char *text)
{
	return hash_bytes((const unsigned char *) text, (int) strlen(text));
}

bool
pgosp_parse_was_kept(const char *string)
{
	if (likely(!kept))
		return false;
	kept = false;
	return hash_of(string) == kept_text;
}

bool
pgosp_arrival(TimestampTz message, int64 now_ns, int64 *arrival_ns)
{
	pgosp_wall_offset_ns = GetCurrentTimestamp() * 1000 - pgosp_now();
	*arrival_ns = message * 1000 - pgosp_wall_offset_ns;
	return pgosp_may_have_waited(message, now_ns) && *arrival_ns < now_ns;
}

static void
put_stop(osp_writer *w, const pgospPoint *point)
{
}

static const pgospPointKind parse_kind = {
	.put_stop = put_stop,
};

static void
tell(const pgospParent *parent, const pgospStatementFacts *facts,
	 int64 start_ns, int64 stop_ns)
{
	pgospPoint point;

	point.kind = &parse_kind;
	point.name = OSP_STR("pg.parse");
	point.stop_size = 0;
	pgosp_statement_open_part_at(&point, parent, facts, start_ns);
	pgosp_lockwaits_write_early(&point, false, stop_ns);
	pgosp_point_close_at(&point, NULL, stop_ns);
	kept = pgosp_min_duration > 0 &&
		   stop_ns - start_ns >= (int64) pgosp_min_duration * 1000000;
	if (kept)
		kept_text = hash_of(facts->string);
}

static bool
is_first_statement(const pgospStatementFacts *facts)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	if (facts->location <= 0)
		return true;
	osp_sql_lexer_init(&lexer, osp_str_of(facts->string), OSP_SQL_POSTGRES_ANY);
	return osp_sql_next_word(&lexer, &token) &&
		   token.text.ptr >= facts->string + facts->location;
}

void
pgosp_parse_was_slow(const char *string, const Query *query)
{
	TimestampTz message = GetCurrentStatementStartTimestamp();
	const pgospContext *context;
	pgospStatementFacts facts;
	pgospParent parent;
	int64 now_ns = pgosp_now();
	int64 arrival_ns;

	if (string != debug_query_string || pgosp_current != NULL ||
		pgosp_planning || MyBackendType != B_BACKEND ||
		!pgosp_arrival(message, now_ns, &arrival_ns))
		return;
	memset(&facts, 0, sizeof(facts));
	facts.string = string;
	facts.location = query->stmt_location;
	facts.length = query->stmt_len;
	facts.utility = query->utilityStmt;
	if (!pgosp_anything_to_do(string, facts.location, facts.length) ||
		!is_first_statement(&facts))
		return;

	/* A context that osprofiler.set_context has set for the next statement is
	 * not used up here: this is only the parsing, and that statement has not
	 * started yet. */
	context = pgosp_context_of_statement(string, facts.location, facts.length);
	if (context == NULL || pgosp_producer() == NULL)
		return;
	pgosp_parent_of_context(&context->ids, &parent);
	told_message = message;
	tell(&parent, &facts, arrival_ns, now_ns);
}

void
pgosp_bind_was_slow(const pgospParent *parent, const pgospStatementFacts *facts,
					int64 stop_ns)
{
	TimestampTz message;
	int64 arrival_ns;

	if ((pgosp_points & PGOSP_POINTS_PARSE) == 0 || ActivePortal == NULL ||
		ActivePortal->cplan == NULL)
		return;
	message = ActivePortal->creation_time;
	if (likely(!pgosp_may_have_waited(message, stop_ns)) ||
		message == told_message ||
		!pgosp_arrival(message, stop_ns, &arrival_ns))
		return;

	/* INSERT, UPDATE and DELETE start at Execute. The client may have let time pass
	 * since Bind, but not before the last lock that was waited for. */
	if (message != GetCurrentStatementStartTimestamp())
		stop_ns = pgosp_lockwaits_early_end(
			arrival_ns,
			GetCurrentStatementStartTimestamp() * 1000 - pgosp_wall_offset_ns);
	if (stop_ns <= arrival_ns)
		return;
	told_message = message;
	tell(parent, facts, arrival_ns, stop_ns);
}
