/* SPDX-License-Identifier: Apache-2.0
 *
 * operation_stack.c
 *	  Open points: their order, their start and their stop.
 *
 * All open points are in one list, by age. Before a point closes, it closes the
 * points that are still open under it: a cursor that a function left open, a
 * statement that an error jumped over, a point that a user never stopped. So
 * every start gets one stop, and no child outlives its parent, in whatever
 * order PostgreSQL ends things.
 *
 * If the ring has no room for a start, the point becomes silent: no stop is
 * written, and its children get its parent as their parent.
 *
 * Every top-level statement has at most osprofiler.max_points points. Points
 * beyond that are silent, too, and counted by the point that would be their
 * parent, so that loops and recursions take neither memory nor other traces'
 * room.
 */
#include "pgosp_known.h"

#include "access/parallel.h"

/* Bytes of an error: etype, message, detail and the like, with their keys. The message
 * is cut to fit. */
#define ERROR_SIZE  (4096 + 3 * PGOSP_DETAIL_MAX)
#define MARK_SIZE   32 /* of "truncated" */
#define MESSAGE_MAX 3072

static void
set_parent(pgospPoint *point, const pgospParent *parent)
{
	point->parent = parent->point;
	if (parent->point != NULL)
	{
		osp_id_copy(&point->base_id, &parent->point->base_id);
		osp_id_copy(&point->parent_id, &parent->point->self);
	}
	else
	{
		osp_id_copy(&point->base_id, &parent->context->base_id);
		osp_id_copy(&point->parent_id, &parent->context->parent_id);
	}
	point->key =
		parent->context != NULL ? parent->context->key : parent->point->key;
}

/*
 * The top-level statement of a new point: that of the running statement, else
 * that of the parent, else the point itself. For a point that spans statements,
 * it is only the top-level statement with which the point ends.
 */
static pgospPoint *
top_of(pgospPoint *point, const pgospPoint *parent)
{
	if (pgosp_current != NULL && !point->kind->spans_statements)
		parent = pgosp_current;
	if (parent != NULL && parent->top != NULL)
		return parent->top;
	return point->kind->spans_statements ? NULL : point;
}

/* Counts the point. False: its top-level statement already has as many points
 * as it may have. */
static bool
count_point(pgospPoint *point)
{
	pgospPoint *top = point->top;

	if (top == NULL)
		return true;
	if (top == point)
		top->points = 0;
	else if (top->points >= (uint64) pgosp_max_points)
	{
		if (point->parent != NULL)
			point->parent->left_out++;
		return false;
	}
	top->points++;
	return true;
}

/* Keeps the points open that are not under their top-level statement when it ends. */
static void
leave_top(pgospPoint *top)
{
	dlist_node *node = &top->node;

	while (dlist_has_next(&pgosp_open_points, node))
	{
		pgospPoint *point;

		node = dlist_next_node(&pgosp_open_points, node);
		point = dlist_container(pgospPoint, node, node);
		if (point->top == top)
			point->top = NULL;
	}
}

/*
 * Makes all open points of top silent, because its records will not be written.
 * Parents are older than their children.
 */
static void
silence(pgospPoint *top)
{
	dlist_node *node = &top->node;

	for (;;)
	{
		pgospPoint *point = dlist_container(pgospPoint, node, node);

		if (point->top == top)
		{
			if (point->parent != NULL && point->parent->top == top)
				osp_id_copy(&point->parent_id, &point->parent->self);
			osp_id_copy(&point->self, &point->parent_id);
			point->silent = true;
		}
		if (!dlist_has_next(&pgosp_open_points, node))
			break;
		node = dlist_next_node(&pgosp_open_points, node);
	}
}

/* Moves the waiting records of top from the buffer to the ring. */
static bool
keep(pgospPoint *top)
{
	if (pgosp_stage_keep(top))
		return true;
	if (top->open)
		silence(top);
	return false;
}

void
pgosp_point_hand_on(pgospPoint *point)
{
	if (pgosp_point_is_staged(point))
		(void) keep(point->top);
}

/*
 * Reserves room in the buffer for a record of a staged point. NULL: there is
 * none, or the point is no longer staged.
 */
static void *
stage(pgospPoint *point, osp_record_kind kind, int64 now_ns, bool failed,
	  size_t size)
{
	pgospPoint *top = point->top;
	bool start = kind == OSP_RECORD_START;
	void *space = NULL;

	if (!pgosp_stage_is_late(top, now_ns) && !failed)
		space = pgosp_stage_reserve(top, start, size);
	if (space != NULL)
		return space;
	if (start && point != top && !pgosp_stage_is_late(top, now_ns))
	{
		top->points--;
		if (point->parent != NULL)
			point->parent->left_out++;
		return NULL;
	}
	if (!keep(top))
		point->silent = true;
	return NULL;
}

/* Begins a record; failed: it ends the top-level statement, which has failed. */
static bool
begin_record(osp_producer *producer, osp_writer *w, pgospPoint *point,
			 osp_record_kind kind, int64 now_ns, bool failed, size_t size)
{
	int64 elapsed_ns = kind == OSP_RECORD_STOP ? now_ns - point->start_ns : 0;
	osp_point_ids ids;

	pgosp_point_ids(point, &ids);
	if (pgosp_point_is_staged(point))
	{
		size_t room = OSP_RECORD_OVERHEAD + 32 + size;
		void *space = stage(point, kind, now_ns, failed, room);

		if (space != NULL)
		{
			osp_record_begin(w,
							 space,
							 room,
							 kind,
							 &ids,
							 point->name,
							 pgosp_project,
							 pgosp_service,
							 now_ns,
							 elapsed_ns);
			return true;
		}
		if (point->top->staged || point->silent)
			return false;
	}
	if (osp_point_begin(producer,
						w,
						kind,
						&ids,
						point->name,
						pgosp_project,
						pgosp_service,
						now_ns,
						elapsed_ns,
						size))
		return true;
	if (kind == OSP_RECORD_START)
		osp_producer_drop_stop(producer, &point->base_id);
	return false;
}

static void
commit_record(osp_producer *producer, osp_writer *w, const pgospPoint *point)
{
	if (pgosp_point_is_staged(point))
		pgosp_stage_commit(point->top, osp_record_end(w));
	else
		osp_point_commit(producer, w);
}

static bool
write_start(pgospPoint *point, pgosp_put_start put, const void *what,
			size_t size)
{
	osp_producer *producer = pgosp_producer();
	osp_writer w;

	if (producer == NULL)
		return false;
	osp_uuid_new(&point->trace_id);
	if (unlikely(IsParallelWorker() ? point->due_ns != 0
									: pgosp_min_duration > 0) &&
		point->top == point)
		(void) pgosp_stage_begin(point);
	if (!begin_record(producer,
					  &w,
					  point,
					  OSP_RECORD_START,
					  point->start_ns,
					  false,
					  size))
		return false;
	put(&w, what);
	commit_record(producer, &w, point);
	return !w.full;
}

void
pgosp_point_open(pgospPoint *point, const pgospParent *parent,
				 pgosp_put_start put, const void *what, size_t size)
{
	pgosp_point_open_at(point, parent, put, what, size, pgosp_now());
}

static void
open_point(pgospPoint *point, const pgospParent *parent, pgosp_put_start put,
		   const void *what, size_t size, int64 start_ns,
		   const pgospWorkerStage *stage)
{
	if (unlikely(pgosp_has_lockwaits()))
		pgosp_lockwaits_write(false);
	point->serial = pgosp_next_serial++;
	point->start_ns = start_ns;
	point->idle_ns = 0;
	point->paused_ns = 0;
	point->failed = false;
	point->calls = 0;
	point->left_out = 0;
	point->staged = false;
	point->due_ns = 0;
	point->may_be_caught = false;
	if (stage != NULL && stage->due_ns != 0)
	{
		point->due_ns = Max(stage->due_ns - start_ns, 1);
		point->may_be_caught = stage->may_be_caught;
	}
	point->silent = false;
	point->open = false;
	set_parent(point, parent);
	point->masked = parent->point != NULL && parent->point->masked;
	point->top = top_of(point, parent->point);

	point->silent = !count_point(point) || !write_start(point, put, what, size);
	if (point->silent)
	{
		/* The parent may have become silent just now. */
		if (point->parent != NULL)
			osp_id_copy(&point->parent_id, &point->parent->self);
		osp_id_copy(&point->self, &point->parent_id);
	}
	else
		osp_id_set_uuid(&point->self, &point->trace_id);
	point->open = true;
	dlist_push_tail(&pgosp_open_points, &point->node);
	pgosp_busy++;
}

void
pgosp_point_open_at(pgospPoint *point, const pgospParent *parent,
					pgosp_put_start put, const void *what, size_t size,
					int64 start_ns)
{
	open_point(point, parent, put, what, size, start_ns, NULL);
}

void
pgosp_point_open_due(pgospPoint *point, const pgospParent *parent,
					 pgosp_put_start put, const void *what, size_t size,
					 const pgospWorkerStage *stage)
{
	open_point(point, parent, put, what, size, pgosp_now(), stage);
}

pgosp_hot bool
pgosp_point_open_known_at(pgospPoint *point, pgospPoint *parent,
						  const osp_template *start, int64 start_ns)
{
	osp_producer *producer = pgosp_producer_if_open();
	pgospPoint *top = parent->top;

	if (unlikely(producer == NULL || top == NULL || top->staged ||
				 pgosp_has_lockwaits() ||
				 top->points >= (uint64) pgosp_max_points ||
				 !parent->base_id.is_uuid || !parent->self.is_uuid))
		return false;
	point->start_ns = start_ns;
	osp_id_copy(&point->base_id, &parent->base_id);
	osp_id_copy(&point->parent_id, &parent->self);
	point->key = parent->key;
	point->parent = parent;
	point->masked = parent->masked;
	point->top = top;
	top->points++;
	pgosp_point_open_unwritten(point);
	pgosp_point_write_start(point, producer, start);
	return true;
}

static void
put_error(osp_writer *w, const pgospError *error)
{
	if (!error->known)
	{
		osp_put_bool(w, OSP_STR("interrupted"), true);
		return;
	}
	osp_put_sqlstate(w, OSP_STR("etype"), error->sqlstate);
	osp_put_str(w,
				OSP_STR("message"),
				osp_str_n(error->message.ptr,
						  osp_utf8_prefix(error->message, MESSAGE_MAX)));
	if (error->detail.len > 0)
		osp_put_str(w, OSP_STR("detail"), error->detail);
	if (error->hint.len > 0)
		osp_put_str(w, OSP_STR("hint"), error->hint);
	if (error->places.len > 0)
		osp_put_str(w, OSP_STR("context"), error->places);
}

/* Is a top-level statement recorded for its error, however quick it was? */
static bool
is_kept_for(const pgospPoint *point, const pgospError *error)
{
	return error != NULL && !point->may_be_caught;
}

static void
write_stop(pgospPoint *point, const pgospError *error, int64 stop_ns)
{
	osp_producer *producer = pgosp_producer_if_open();
	osp_writer w;

	if (producer == NULL)
		return;
	point->failed = error != NULL;
	point->stop_ns = stop_ns;
	if (!begin_record(producer,
					  &w,
					  point,
					  OSP_RECORD_STOP,
					  stop_ns,
					  point->top == point && is_kept_for(point, error),
					  point->stop_size + MARK_SIZE +
						  (error != NULL ? ERROR_SIZE : 0)))
		return;
	if (error != NULL)
		put_error(&w, error);
	if (unlikely(point->left_out > 0))
		osp_put_u64(&w, OSP_STR("truncated"), point->left_out);
	point->kind->put_stop(&w, point);
	commit_record(producer, &w, point);
}

bool
pgosp_point_is_under(const pgospPoint *lower, const pgospPoint *ancestor)
{
	while (lower != NULL && lower != ancestor)
		lower = lower->parent;
	return lower != NULL;
}

/* Adds a pause to the point and to the points open under it, which were paused with
 * it. */
static pg_noinline void
add_pause(pgospPoint *point, int64 ns)
{
	dlist_node *node = &point->node;

	point->paused_ns += ns;
	while (dlist_has_next(&pgosp_open_points, node))
	{
		pgospPoint *other;

		node = dlist_next_node(&pgosp_open_points, node);
		other = dlist_container(pgospPoint, node, node);
		if (other->idle_ns == 0 && pgosp_point_is_under(other, point))
			other->paused_ns += ns;
	}
}

pgosp_hot void
pgosp_point_resume(pgospPoint *point)
{
	int64 ns = pgosp_now() - point->idle_ns;

	point->idle_ns = 0;
	if (likely(pgosp_open_points.head.prev == &point->node))
		point->paused_ns += ns;
	else
		add_pause(point, ns);
}

/* When the server stopped working on the point, or on a point around it; 0: it still
 * works on both. */
static int64
idle_since(const pgospPoint *point)
{
	int64 since_ns = 0;

	for (; point != NULL; point = point->parent)
		if (point->idle_ns != 0 && (since_ns == 0 || point->idle_ns < since_ns))
			since_ns = point->idle_ns;
	return since_ns;
}

/* Does a top-level statement end so soon that it is not recorded? */
static bool
will_be_dropped(const pgospPoint *point, const pgospError *error, int64 stop_ns)
{
	return unlikely(point->staged) && !is_kept_for(point, error) &&
		   !pgosp_stage_is_late(point, stop_ns);
}

static void
close_one(pgospPoint *point, const pgospError *error, int64 stop_ns)
{
	int64 idle_ns = idle_since(point);

	/* A point that the server did not work on has not failed. */
	if (unlikely(idle_ns != 0))
	{
		error = NULL;
		stop_ns = Min(stop_ns, idle_ns);
	}
	if (!point->silent && !will_be_dropped(point, error, stop_ns))
		write_stop(point, error, stop_ns);
	else if (point->parent != NULL)
		point->parent->left_out += point->left_out;
	if (point->top == point)
	{
		if (unlikely(point->staged))
		{
			pgosp_stage_drop(point);
			silence(point);
		}
		leave_top(point);
	}
	pgosp_point_leave(point);
	if (point->kind->closed != NULL)
		point->kind->closed(point);
}

static void
tell_closing(pgospPoint *point)
{
	if (point->kind->closing != NULL)
		point->kind->closing(point);
}

/*
 * Closes the points open under this one. Children are younger than their
 * parents, so beginning with the youngest leaves none behind.
 */
static void
close_children(pgospPoint *point, const pgospError *error)
{
	while (dlist_has_next(&pgosp_open_points, &point->node))
	{
		dlist_node *node = dlist_tail_node(&pgosp_open_points);

		while (node != &point->node)
		{
			pgospPoint *other = dlist_container(pgospPoint, node, node);

			if (pgosp_point_is_under(other, point))
			{
				tell_closing(other);
				close_one(other, error, pgosp_now());
				break;
			}
			node = dlist_prev_node(&pgosp_open_points, node);
		}
		if (node == &point->node)
			break;
	}
}

static void
close_with_children(pgospPoint *point, const pgospError *error, int64 stop_ns)
{
	pgospPoint *parent = point->parent;
	pgospError interrupted = {false};

	if (unlikely(pgosp_has_lockwaits()))
		pgosp_lockwaits_write(error != NULL);
	tell_closing(point);
	close_children(point, error != NULL ? &interrupted : NULL);
	close_one(point, error, stop_ns != 0 ? stop_ns : pgosp_now());
	if (parent != NULL && parent->kind->child_closed != NULL)
		parent->kind->child_closed(parent);
}

void
pgosp_point_close(pgospPoint *point, const pgospError *error)
{
	if (point->open)
		close_with_children(point, error, 0);
}

void
pgosp_point_close_at(pgospPoint *point, const pgospError *error, int64 stop_ns)
{
	if (point->open)
		close_with_children(point, error, stop_ns);
}

void
pgosp_point_close_all(const pgospError *error)
{
	if (pgosp_has_lockwaits())
		pgosp_lockwaits_write(error != NULL);
	while (!dlist_is_empty(&pgosp_open_points))
		close_one(dlist_container(
					  pgospPoint, node, dlist_tail_node(&pgosp_open_points)),
				  error,
				  pgosp_now());
	pgosp_current = NULL;
}
