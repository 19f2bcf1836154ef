/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_pairs.c
 *	  Starts and stops that wait for each other.
 */
#include "otlp_pairs.h"

#include "otlp/otlp_span.h"

#define BUCKETS 16384 /* a power of two */

/*
 * How many points may wait at the same time, and how many bytes of them. The
 * oldest are given up first.
 */
#define WAITING_MAX ((size_t) 20000)
#define BYTES_MAX   ((size_t) 32 * 1024 * 1024)

/*
 * How long a stop waits for its start. A completed point from a file waits as
 * long for the batch that is sent again.
 */
#define STOP_WAITS_NS (INT64_C(30) * 1000000000)

osp_status
otlp_pairs_init(otlp_pairs *pairs, const osp_allocator *alc)
{
	memset(pairs, 0, sizeof(*pairs));
	pairs->alc = alc;
	pairs->buckets = osp_calloc(alc, BUCKETS, sizeof(otlp_point *));
	return pairs->buckets != NULL ? OSP_OK : OSP_ENOMEM;
}

static uint64_t
hash_of(osp_str trace_id)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < trace_id.len; i++)
		hash =
			(hash ^ (unsigned char) trace_id.ptr[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static otlp_point **
bucket_of(const otlp_pairs *pairs, uint64_t hash)
{
	return &pairs->buckets[hash & (BUCKETS - 1)];
}

/* Finds the point of this operation, or NULL. */
static otlp_point *
find(const otlp_pairs *pairs, uint64_t hash, osp_str base_id, osp_str trace_id)
{
	otlp_point *p = *bucket_of(pairs, hash);

	while (p != NULL && (p->hash != hash ||
						 !osp_str_eq(p->notification.trace_id, trace_id) ||
						 !osp_str_eq(p->notification.base_id, base_id)))
		p = p->next_in_bucket;
	return p;
}

/* Adds a new point after all others; NULL: no memory. */
static otlp_point *
add(otlp_pairs *pairs, const osp_notification *notification, int64_t arrived_ns)
{
	otlp_point *p = pairs->spare;
	otlp_point **bucket;

	if (p != NULL)
		pairs->spare = p->newer;
	else
		p = osp_alloc(pairs->alc, sizeof(*p));
	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->hash = hash_of(notification->trace_id);
	p->notification = *notification;
	p->arrived_ns = arrived_ns;
	p->is_stop = otlp_is_stop(notification->name);
	bucket = bucket_of(pairs, p->hash);
	p->next_in_bucket = *bucket;
	*bucket = p;
	p->older = pairs->newest;
	if (p->older != NULL)
		p->older->newer = p;
	else
		pairs->oldest = p;
	pairs->newest = p;
	pairs->waiting++;
	pairs->bytes += notification->json.len;
	return p;
}

static void
free_texts(otlp_pairs *pairs, otlp_point *p)
{
	if (p->json != NULL)
		osp_buf_term(&p->texts);
	osp_free(pairs->alc, p->json);
	p->json = NULL;
}

/* Marks the point as completed in this batch, or as waiting again. */
static void
set_done_now(otlp_pairs *pairs, otlp_point *p, bool done)
{
	if (p->done_now == done)
		return;
	p->done_now = done;
	if (p->done)
		return;
	pairs->waiting += done ? (size_t) -1 : 1;
	pairs->bytes +=
		done ? (size_t) 0 - p->notification.json.len : p->notification.json.len;
}

static void
drop(otlp_pairs *pairs, otlp_point *p)
{
	otlp_point **place = bucket_of(pairs, p->hash);

	set_done_now(pairs, p, true);
	while (*place != p)
		place = &(*place)->next_in_bucket;
	*place = p->next_in_bucket;
	if (p->older != NULL)
		p->older->newer = p->newer;
	else
		pairs->oldest = p->newer;
	if (p->newer != NULL)
		p->newer->older = p->older;
	else
		pairs->newest = p->older;
	free_texts(pairs, p);
	p->newer = pairs->spare;
	pairs->spare = p;
}

void
otlp_pairs_term(otlp_pairs *pairs)
{
	if (pairs->alc == NULL)
		return;
	while (pairs->oldest != NULL)
		drop(pairs, pairs->oldest);
	while (pairs->spare != NULL)
	{
		otlp_point *next = pairs->spare->newer;

		osp_free(pairs->alc, pairs->spare);
		pairs->spare = next;
	}
	osp_free(pairs->alc, pairs->buckets);
	pairs->buckets = NULL;
}

osp_status
otlp_pairs_take(otlp_pairs *pairs, const osp_notification *notification,
				int64_t now_ns, const osp_notification **other)
{
	otlp_point *p = find(pairs,
						 hash_of(notification->trace_id),
						 notification->base_id,
						 notification->trace_id);

	*other = NULL;
	if (p == NULL)
		return add(pairs, notification, now_ns) != NULL ? OSP_OK : OSP_ENOMEM;
	if (p->is_stop == otlp_is_stop(notification->name) || p->done_now)
		return OSP_OK;
	set_done_now(pairs, p, true);
	*other = &p->notification;
	return OSP_OK;
}

const osp_notification *
otlp_pairs_find_start(const otlp_pairs *pairs, osp_str base_id,
					  osp_str trace_id)
{
	const otlp_point *p = find(pairs, hash_of(trace_id), base_id, trace_id);

	return p != NULL && !p->is_stop ? &p->notification : NULL;
}

static bool
is_overdue(const otlp_pairs *pairs, const otlp_point *p, int64_t now_ns,
		   int64_t unfinished_ns)
{
	int64_t bound_ns = p->is_stop && unfinished_ns > STOP_WAITS_NS
						   ? STOP_WAITS_NS
						   : unfinished_ns;

	return now_ns - p->arrived_ns >= bound_ns || pairs->waiting > WAITING_MAX ||
		   pairs->bytes > BYTES_MAX;
}

const osp_notification *
otlp_pairs_overdue(otlp_pairs *pairs, otlp_point **from, int64_t now_ns,
				   int64_t unfinished_ns)
{
	otlp_point *p = *from != NULL ? (*from)->newer : pairs->oldest;

	for (; p != NULL; p = p->newer)
	{
		if (p->done || p->done_now ||
			!is_overdue(pairs, p, now_ns, unfinished_ns))
			continue;
		set_done_now(pairs, p, true);
		*from = p;
		return &p->notification;
	}
	return NULL;
}

/* Copies the point's texts, which were borrowed from the batch. */
static osp_status
copy(otlp_pairs *pairs, otlp_point *p)
{
	osp_str json = p->notification.json;
	osp_notification own;
	osp_status status;
	char *mine = osp_strdup(pairs->alc, json);

	if (mine == NULL)
		return OSP_ENOMEM;
	osp_buf_init(&p->texts, pairs->alc, OSP_NOTIFICATION_MAX);
	status =
		osp_notification_read(osp_str_n(mine, json.len), &p->texts, &own, NULL);
	if (status != OSP_OK)
	{
		osp_buf_term(&p->texts);
		osp_free(pairs->alc, mine);
		return status;
	}
	p->json = mine;
	p->notification = own;
	return OSP_OK;
}

osp_status
otlp_pairs_keep(otlp_pairs *pairs)
{
	otlp_point *p;

	for (p = pairs->newest; p != NULL; p = p->older)
		if (p->json == NULL && !p->done_now)
		{
			osp_status status = copy(pairs, p);

			if (status != OSP_OK)
				return status;

			/* Until the batch is committed, a rollback removes this point. */
			p->fresh = true;
		}
	return OSP_OK;
}

void
otlp_pairs_commit(otlp_pairs *pairs, int64_t now_ns)
{
	otlp_point *p = pairs->oldest;

	while (p != NULL)
	{
		otlp_point *next = p->newer;
		bool again = p->restored && now_ns - p->arrived_ns < STOP_WAITS_NS;

		if (p->fresh || p->done_now || p->done)
			pairs->changed = pairs->changed || p->json != NULL;
		if (p->json == NULL || (p->done && !p->done_now && !again))
			drop(pairs, p);
		else if (p->done_now)
		{
			p->done = true;
			p->done_now = false;
		}
		p->fresh = false;
		p = next;
	}
}

void
otlp_pairs_rollback(otlp_pairs *pairs)
{
	otlp_point *p = pairs->oldest;

	while (p != NULL)
	{
		otlp_point *next = p->newer;

		if (p->json == NULL || p->fresh)
			drop(pairs, p);
		else
			set_done_now(pairs, p, false);
		p = next;
	}
}

osp_status
otlp_pairs_restore(otlp_pairs *pairs, osp_str json, int64_t arrived_ns,
				   bool done)
{
	osp_notification notification;
	osp_status status;
	osp_buf texts;
	otlp_point *p;

	osp_buf_init(&texts, pairs->alc, OSP_NOTIFICATION_MAX);
	status = osp_notification_read(json, &texts, &notification, NULL);
	if (status == OSP_OK && find(pairs,
								 hash_of(notification.trace_id),
								 notification.base_id,
								 notification.trace_id) == NULL)
	{
		p = add(pairs, &notification, arrived_ns);
		status = p != NULL ? copy(pairs, p) : OSP_ENOMEM;
		if (p != NULL && status != OSP_OK)
			drop(pairs, p);
		else if (p != NULL)
		{
			p->restored = done;
			set_done_now(pairs, p, done);
			p->done = done;
			p->done_now = false;
		}
	}
	osp_buf_term(&texts);
	return status;
}
