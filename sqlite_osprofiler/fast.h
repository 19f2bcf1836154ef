/* SPDX-License-Identifier: Apache-2.0
 *
 * fast.h
 *	  Records the points of nearly all statements by templates.
 *
 * Nearly all statements are known to their thread (statement_cache.h), and
 * their stop only says how many rows there were, or how many were changed, and
 * how many VM steps were needed. All other cases (a context in the text, ids
 * that are not UUIDs, a notifier, a ring that lost records, a failure) take the
 * slow path in sqlite_operation.c.
 */
#ifndef OSP_SQLITE_FAST_H
#define OSP_SQLITE_FAST_H

#include "sqlite_operation.h"
#include "statement_cache.h"

/*
 * A stop record without its values. The size of this struct lets the n-th one
 * be addressed quickly.
 */
typedef struct osp_sqlite_stop
{
	osp_template template;
	size_t vm_at; /* offset of the number of VM steps */
	uint64_t space[28];
} osp_sqlite_stop;

/*
 * Stop records, indexed by the sum of: reset (1), statistics (2), changes
 * instead of rows (4).
 */
extern osp_sqlite_stop osp_sqlite__stops[8];

/* The offset of the first value: after the name, and the type and key of the value. */
#define OSP_SQLITE_STOP_AT(key)                                              \
	(sizeof(osp_record_head) + 2 * sizeof(osp_uuid) + sizeof("sqlite") - 1 + \
	 2 + sizeof(key) - 1)

/* Starts a point for this statement, as osp_sqlite__start does. */
static inline osp_sqlite_stmt *
osp_sqlite__begin(osp_sqlite_conn *conn, sqlite3_stmt *stmt, const char *text)
{
	const osp_sqlite_known *known;
	osp_producer *producer;
	osp_point_ids ids;
	osp_sqlite_stmt *st;

	if (OSP_UNLIKELY(conn->has_context || !osp__hook_tracing() ||
					 osp_sqlite__innermost != NULL))
		return osp_sqlite__start(conn, stmt, text);
	known = osp_sqlite__known(conn, stmt, text);
	if (OSP_UNLIKELY(known == NULL))
		return osp_sqlite__start(conn, stmt, text);
	if (OSP_UNLIKELY(known->control))
		return NULL;
	st = osp_sqlite__stmt_new();
	if (OSP_UNLIKELY(st == NULL))
		return NULL;
	osp__hook_open_tracing(&st->point);
	producer = osp__hook_templates(&st->point, &ids);
	if (OSP_LIKELY(producer != NULL &&
				   osp_template_put(
					   &known->start, producer, &ids, st->point.start_ns, 0) !=
					   NULL))
		osp_template_commit(&known->start, producer);
	else if (!osp_sqlite__start_again(conn, st, text, producer != NULL))
		return NULL;
	st->point.masked = known->masked;
	st->columns = known->columns;
	st->writes = known->writes;
	st->fires = known->fires;
	st->values = known->values;
	osp_sqlite__stmt_set(st, conn, stmt);
	return st;
}

/*
 * Records the stop of a statement below which nothing is open. False: there is
 * no template for such a stop.
 */
__attribute__((always_inline)) static inline bool
osp_sqlite__stop_fast(const osp_sqlite_stmt *st,
					  const osp_sqlite_result *result, int64_t now)
{
	const osp_sqlite_stop *stop;
	osp_producer *producer;
	osp_point_ids ids;
	char *record;

	if (OSP_UNLIKELY(result->has_rows == result->has_changes ||
					 result->outcome == OSP_SQLITE_LEFT_OPEN ||
					 osp_sqlite__is_error(result->rc)))
		return false;
	if (result->has_status && OSP_UNLIKELY(osp_sqlite__is_worked(result)))
		return false;
	if (OSP_UNLIKELY((st->waits.busy.count | st->waits.syncs.count |
					  (uint64_t) st->waits.paused_ns) != 0))
		return false;
	producer = osp__hook_templates(&st->point, &ids);
	if (OSP_UNLIKELY(producer == NULL))
		return false;
	stop = &osp_sqlite__stops[(result->outcome == OSP_SQLITE_RESET ? 1 : 0) |
							  (result->has_status ? 2 : 0) |
							  (result->has_changes ? 4 : 0)];

	/* Keeps the compiler from computing the address of the template repeatedly. */
	__asm__("" : "+r"(stop));
	record = osp_template_put(
		&stop->template, producer, &ids, now, now - st->point.start_ns);
	if (OSP_UNLIKELY(record == NULL))
		return true; /* the record was dropped, and counted */
	if (result->has_changes)
		memcpy(record + OSP_SQLITE_STOP_AT("changes"),
			   &result->changes,
			   sizeof(result->changes));
	else
		memcpy(
			record + OSP_SQLITE_STOP_AT("rows"), &st->rows, sizeof(st->rows));
	if (result->has_status)
	{
		int64_t vm = result->status[OSP_SQLITE_VM];

		memcpy(record + stop->vm_at, &vm, sizeof(vm));
	}
	osp_template_commit(&stop->template, producer);
	return true;
}

/* Records the stop, as osp_sqlite__stop does. */
__attribute__((always_inline)) static inline void
osp_sqlite__finish(osp_sqlite_stmt *st, const osp_sqlite_result *result)
{
	if (OSP_LIKELY(!st->has_children && !st->trigger_open) &&
		OSP_LIKELY(osp_sqlite__stop_fast(st, result, osp__hook_now())))
		return;
	osp_sqlite__stop(st, result);
}

#endif /* OSP_SQLITE_FAST_H */
