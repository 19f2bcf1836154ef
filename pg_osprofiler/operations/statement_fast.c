/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_fast.c
 *	  The points of statements by plans that are known.
 *
 * Nearly all that decides whether such a statement is traced, and how, stays as it
 * is from one to the next. So it is looked at once, which *arms* the session, and
 * whoever changes a part of it disarms it (pgosp_disarm): settings, contexts, keys,
 * the planner while it is at work; a reload does it by its time. What an armed
 * session looks at are things that nobody is told of: the name of the application,
 * the ring, whether another point is open. Where transactions are sampled it is not
 * armed, for each has a context of its own: what decides is looked at for each statement.
 *
 * What the points of an armed session have in common is set in each place where
 * points are kept once, when it is used for the first time.
 */
#include "pgosp_known.h"

#include "tcop/pquery.h"

/* How many times it has been armed; and for this context. */
static pgosp_hot_data uint64 armings = 0;
static pgosp_hot_data const pgospContext *context = NULL;

/* False: the statement has to be looked at more closely. */
static pg_noinline bool
arm(void)
{
	if (!pgosp_setting_gate || pgosp_planning ||
		(pgosp_points & PGOSP_POINTS_STATEMENT) == 0)
		return false;
	context = pgosp_context_of_known();
	if (context == NULL || !context->ids.base_id.is_uuid ||
		!context->ids.parent_id.is_uuid || pgosp_producer() == NULL)
		return false;
	armings++;

	/* A context that was drawn is that of a transaction. And while something is open,
	 * another ring has to wait. */
	if (context->source == PGOSP_SOURCE_SETTING &&
		pgosp_ring_at == PgReloadTime)
		pgosp_armed_at = PgReloadTime;
	return true;
}

/* Can there be a statement at the top now, under the context of the session? */
static inline bool
is_armed(void)
{
	return likely(pgosp_armed_at == PgReloadTime) || arm();
}

/* Whatever has been open is closed. */
static inline bool
is_alone(void)
{
	return likely(pgosp_open_points.head.next == &pgosp_open_points.head &&
				  !pgosp_has_lockwaits() && ActivePortal != NULL);
}

/* What is the same for all points here, while the session stays armed. */
static pg_noinline void
prepare(pgospStatementPoint *statement, const pgospPointKind *kind)
{
	pgospPoint *point = &statement->point;

	pgosp_statement_init(statement, kind, OSP_STR("pg"));
	statement->armed = armings;
	osp_id_copy(&point->base_id, &context->ids.base_id);
	osp_id_copy(&point->parent_id, &context->ids.parent_id);
	point->key = context->ids.key;
	point->parent = NULL;
	point->top = point;
	pgosp_usage_begin(&statement->usage, pgosp_now());
}

pgosp_hot bool
pgosp_statement_open_known(pgospStatementPoint *statement,
						   const pgospPointKind *kind, const PlannedStmt *plan)
{
	pgospKnown *known = pgosp_known_plan(plan);
	pgospPoint *point = &statement->point;

	/* The attributes may have changed, and with them what is known. */
	if (unlikely(!pgosp_session_is_told()))
		(void) pgosp_session_attributes();
	if (unlikely(known == NULL || !pgosp_template_is_made(&known->start) ||
				 !is_armed() || !is_alone()))
		return false;
	if (unlikely(statement->armed != armings))
		prepare(statement, kind);
	point->start_ns = pgosp_now();
	if ((pgosp_points & PGOSP_POINTS_PARSE) != 0 &&
		unlikely(pgosp_may_have_waited(ActivePortal->creation_time,
									   point->start_ns)))
		return false;
	pgosp_context_remember(context, ActivePortal, ActivePortal->creation_time);
	statement->known = known;
	point->points = 1;
	point->masked = known->masked;
	if (unlikely(known->masked))
		pgosp_transaction_mask();
	pgosp_point_open_unwritten(point);
	if (likely(pgosp_min_duration <= 0) ||
		!pgosp_stage_begin_unwritten(point, &known->start.of))
	{
		pgosp_point_write_start(point, pgosp_ring, &known->start.of);
		pgosp_statement_stop_soon(known);
	}
	pgosp_statement_begins(pgosp_ring, &context->ids);
	pgosp_usage_begin_again(&statement->usage, point->start_ns);
	statement->plain = !point->silent;
	return true;
}
