/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_fast.c
 *	  Opens the points of statements of cached plans that have an entry
 *	  (plan_cache.c).
 *
 * Nearly everything that decides whether such a statement is traced, and how, is the
 * same from one statement to the next. So it is checked once, which *arms* the session,
 * and everything that changes a part of it disarms the session (pgosp_disarm):
 * settings, contexts, keys, and the planner while it works; a reload disarms by its
 * time. An armed session still checks what can change without pgosp_disarm: the name of
 * the application, the ring, and whether another point is open. If transactions are
 * sampled, the session is not armed, because each transaction has a context of its own:
 * everything is checked for each statement.
 *
 * The members that all points of an armed session have in common are set once
 * in each struct for a point, when it is first used.
 */
#include "pgosp_known.h"

#include "tcop/pquery.h"

/* How many times the session has been armed, and the context for which. */
static pgosp_hot_data uint64 armings = 0;
static pgosp_hot_data const pgospContext *context = NULL;

/* Arms the session. False: the statement has to be checked in detail. */
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

	/* A sampled context belongs to one transaction, so it does not arm the session. The
	 * session is not armed either while its ring still has to be checked after a change
	 * of the settings. */
	if (context->source == PGOSP_SOURCE_SETTING &&
		pgosp_ring_at == PgReloadTime)
		pgosp_armed_at = PgReloadTime;
	return true;
}

/* May a top-level statement under the context of the session be opened now, without
 * further checks? */
static inline bool
is_armed(void)
{
	return likely(pgosp_armed_at == PgReloadTime) || arm();
}

/* Is no point open, and is this a statement in a portal? */
static inline bool
is_alone(void)
{
	return likely(pgosp_open_points.head.next == &pgosp_open_points.head &&
				  !pgosp_has_lockwaits() && ActivePortal != NULL);
}

/* Sets what is the same for all points here while the session stays armed. */
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

	/* The attributes may have changed, and with them the templates. */
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
