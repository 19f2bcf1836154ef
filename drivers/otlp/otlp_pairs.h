/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_pairs.h
 *	  Starts and stops that wait for each other.
 *
 * A span is made of a start and a stop, which may come in different batches, of
 * different threads, in either order. This is the table of those of which the
 * other one has not come yet. A batch is taken or given back as a whole: what
 * it brought borrows from it until otlp_pairs_commit(), which copies what is
 * still waiting, and is forgotten by otlp_pairs_rollback().
 *
 * After a crash the shipper sends again what the collector had not confirmed,
 * which may be the last batch that was committed. So an operation that a batch
 * completed stays in the table, marked as done, until the next batch is
 * committed: its stop finds its start once more, and makes the same span.
 */
#ifndef OSP_OTLP_PAIRS_H
#define OSP_OTLP_PAIRS_H

#include "osprofiler/notification.h"

typedef struct otlp_point
{
	struct otlp_point *next_in_bucket;
	struct otlp_point *older; /* in the order of arrival */
	struct otlp_point *newer;
	uint64_t hash;
	osp_notification
		notification;   /* borrows from the batch, or json and texts */
	int64_t arrived_ns; /* since 1970 */
	char *json;         /* NULL: it is of the batch under way */
	osp_buf texts;
	bool is_stop;
	bool fresh; /* it was copied, and is not committed yet */
	bool done;  /* its other half came in the last batch that was committed */
	bool done_now; /* it came in the batch under way, or it was sent without */
	bool restored; /* done, and read from a file */
} otlp_point;

typedef struct otlp_pairs
{
	const osp_allocator *alc;
	otlp_point **buckets;
	otlp_point *oldest;
	otlp_point *newest;
	otlp_point *spare; /* to be used again, linked by newer */
	size_t waiting;    /* points that are not done */
	size_t bytes;      /* of their JSON */
	bool changed;      /* what was committed differs from what a file has */
} otlp_pairs;

osp_status otlp_pairs_init(otlp_pairs *pairs,
						   const osp_allocator *alc) OSP_MUST_CHECK;
void otlp_pairs_term(otlp_pairs *pairs); /* all zero is fine */

/*
 * Takes a notification, borrowed. *other gets its other half, if that is there;
 * then both are done with. A second copy of what waits is passed over.
 */
osp_status otlp_pairs_take(otlp_pairs *pairs,
						   const osp_notification *notification, int64_t now_ns,
						   const osp_notification **other) OSP_MUST_CHECK;

/* The start of an operation that is open, or done in this batch; or NULL. */
const osp_notification *otlp_pairs_find_start(const otlp_pairs *pairs,
											  osp_str base_id,
											  osp_str trace_id);

/*
 * The next point that has waited too long, the oldest first, which is then done
 * with; NULL: there is none. *from is NULL at first, and then keeps the place. A
 * start waits for unfinished_ns (0: not at all), a stop for half a minute, and
 * both only while the table is not too large.
 */
const osp_notification *otlp_pairs_overdue(otlp_pairs *pairs, otlp_point **from,
										   int64_t now_ns,
										   int64_t unfinished_ns);

/*
 * The points that still wait are copied, as the batch is settled. OSP_ENOMEM:
 * nothing has changed. Then otlp_pairs_commit() cannot fail.
 */
osp_status otlp_pairs_keep(otlp_pairs *pairs) OSP_MUST_CHECK;
void otlp_pairs_commit(otlp_pairs *pairs, int64_t now_ns);

/* As if the batch had never come. */
void otlp_pairs_rollback(otlp_pairs *pairs);

/* Adds a point that was kept in a file. OSP_EPROTO: it is no notification. */
osp_status otlp_pairs_restore(otlp_pairs *pairs, osp_str json,
							  int64_t arrived_ns, bool done) OSP_MUST_CHECK;

#endif /* OSP_OTLP_PAIRS_H */
