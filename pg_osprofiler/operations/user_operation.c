/* SPDX-License-Identifier: Apache-2.0
 *
 * user_operation.c
 *	  Points that a user opens and closes, by osprofiler.start and .stop.
 *
 * Such a point spans statements. Its parent is that of the statement that calls
 * osprofiler.start, because it outlives this statement. The statement that
 * calls osprofiler.stop is its child, so the point ends when that statement
 * ends. A user's point also ends with its parent, when the context changes, and
 * with the session.
 */
#include "pgosp.h"

#include "utils/memutils.h"

/* The largest number of open points of users in one session: a limit for loops
 * that never call stop. */
#define USER_POINTS_MAX 1024

typedef struct pgospUserPoint
{
	pgospPoint point; /* must be first */
	struct pgospUserPoint *outer;
	bool ending; /* stop was called, in a statement under this point */
	char *stop_info;
} pgospUserPoint;

static pgospUserPoint *innermost = NULL;
static int count = 0;

pgospPoint *
pgosp_user_point(void)
{
	pgospUserPoint *user = innermost;

	while (user != NULL && user->ending)
		user = user->outer;
	return user != NULL ? &user->point : NULL;
}

/* The parent is the running statement, or a user's point opened in it. */
void
pgosp_nested_parent(pgospParent *parent)
{
	pgospPoint *user = pgosp_user_point();

	parent->context = NULL;
	parent->point = pgosp_current;
	if (user != NULL && user->serial > pgosp_current->serial)
		parent->point = user;
}

void
pgosp_parent_of_context(const osp_context *context, pgospParent *parent)
{
	pgospPoint *user = pgosp_user_point();

	parent->context = context;
	parent->point = NULL;
	if (user != NULL && osp_id_eq(&user->base_id, &context->base_id))
		parent->point = user;
}

static void
put_members(osp_writer *w, const void *what)
{
	const osp_str *info = (const osp_str *) what;

	if (info->len > 0)
		osp_put_members(w, *info);
}

static void
put_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospUserPoint *user = (const pgospUserPoint *) point;
	osp_str info = osp_str_of(user->stop_info);

	put_members(w, &info);
}

static void
free_user_point(pgospUserPoint *user)
{
	if (user->stop_info != NULL)
		pfree(user->stop_info);
	pfree(user);
}

static void
closed(pgospPoint *point)
{
	pgospUserPoint **link = &innermost;

	while (*link != (pgospUserPoint *) point)
		link = &(*link)->outer;
	*link = (*link)->outer;
	count--;
	free_user_point((pgospUserPoint *) point);
}

static void
child_closed(pgospPoint *point)
{
	if (((pgospUserPoint *) point)->ending)
		pgosp_point_close(point, NULL);
}

static const pgospPointKind user_kind = {
	.put_stop = put_stop,
	.closed = closed,
	.child_closed = child_closed,
	.spans_statements = true,
};

static void *
session_alloc(size_t size)
{
	return MemoryContextAllocExtended(
		TopMemoryContext, size, MCXT_ALLOC_NO_OOM);
}

/* The point's memory has the name at its end. */
bool
pgosp_user_start(const pgospParent *parent, osp_str name, osp_str info)
{
	pgospUserPoint *user;
	char *copy;

	if (count >= USER_POINTS_MAX)
		return false;
	user = session_alloc(sizeof(*user) + name.len);
	if (user == NULL)
		return false;
	copy = (char *) (user + 1);
	memcpy(copy, name.ptr, name.len);
	user->ending = false;
	user->stop_info = NULL;
	user->outer = innermost;
	user->point.kind = &user_kind;
	user->point.name = osp_str_n(copy, name.len);
	user->point.stop_size = 0;
	pgosp_point_open(&user->point, parent, put_members, &info, info.len + 16);
	innermost = user;
	count++;
	return true;
}

bool
pgosp_user_stop(osp_str info)
{
	pgospUserPoint *user = (pgospUserPoint *) pgosp_user_point();

	if (user == NULL)
		return false;
	if (info.len > 0)
	{
		user->stop_info = session_alloc(info.len + 1);
		if (user->stop_info != NULL)
		{
			memcpy(user->stop_info, info.ptr, info.len);
			user->stop_info[info.len] = '\0';
			user->point.stop_size = info.len + 16;
		}
	}
	user->ending = true;
	if (!pgosp_point_is_under(pgosp_current, &user->point))
		pgosp_point_close(&user->point, NULL);
	return true;
}

void
pgosp_user_close_all(void)
{
	pgospError interrupted = {false};

	while (innermost != NULL)
	{
		pgospPoint *point = &innermost->point;

		/* A point above a statement that still runs ends with that statement. */
		if (pgosp_point_is_under(pgosp_current, point))
			break;
		pgosp_point_close(point, &interrupted);
	}
}
