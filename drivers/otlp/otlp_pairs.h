/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_pairs.h
 *	  Starts and stops that wait for each other.
 *
 * A span is made of a start and a stop, which may arrive in different batches,
 * of different threads, in either order. This is the table of points whose
 * other half has not arrived yet. A batch is kept or rolled back as a whole:
 * its points borrow texts from it until otlp_pairs_commit(), which copies those
 * that still wait; otlp_pairs_rollback() removes them.
 *
 * After a crash the shipper sends points again that the collector had not
 * confirmed, which may be those of the last committed batch. So an operation
 * that a batch completed stays in the table, marked as done, until the next
 * batch is committed: then its stop finds its start again, and makes the same
 * span.
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
		notification;   /* its texts are the batch's, or in json and texts */
	int64_t arrived_ns; /* since 1970 */
	char *json;         /* NULL: borrowed from the present batch */
	osp_buf texts;
	bool is_stop;
	bool fresh;    /* of the present, uncommitted batch */
	bool done;     /* the last committed batch completed it */
	bool done_now; /* this batch completed it, or sent it alone */
	bool restored; /* done, and read from a file */
} otlp_point;

typedef struct otlp_pairs
{
	const osp_allocator *alc;
	otlp_point **buckets;
	otlp_point *oldest;
	otlp_point *newest;
	otlp_point *spare; /* for reuse, linked by newer */
	size_t waiting;    /* points that are not done */
	size_t bytes;      /* the length of their JSON */
	bool changed;      /* the file is not up to date */
} otlp_pairs;

osp_status otlp_pairs_init(otlp_pairs *pairs,
						   const osp_allocator *alc) OSP_MUST_CHECK;
void otlp_pairs_term(otlp_pairs *pairs); /* may be all zero */

/*
 * Takes a notification, borrowed. If the table has its other half, *other
 * becomes that, and both are completed. A second copy of a waiting point is
 * ignored.
 */
osp_status otlp_pairs_take(otlp_pairs *pairs,
						   const osp_notification *notification, int64_t now_ns,
						   const osp_notification **other) OSP_MUST_CHECK;

/*
 * Finds the start of an operation that is open, or was completed by this batch;
 * NULL: there is none.
 */
const osp_notification *otlp_pairs_find_start(const otlp_pairs *pairs,
											  osp_str base_id,
											  osp_str trace_id);

/*
 * Returns the next point that has waited too long, the oldest first, and marks
 * it as completed; NULL: there is none. *from is NULL at first, and then keeps
 * the place. A start waits for unfinished_ns (0: not at all), a stop for half a
 * minute, and both only while the table is not too large.
 */
const osp_notification *otlp_pairs_overdue(otlp_pairs *pairs, otlp_point **from,
										   int64_t now_ns,
										   int64_t unfinished_ns);

/*
 * Keeps the batch in two steps. otlp_pairs_keep() copies the points that still
 * wait; OSP_ENOMEM: nothing has changed. After that otlp_pairs_commit() cannot
 * fail.
 */
osp_status otlp_pairs_keep(otlp_pairs *pairs) OSP_MUST_CHECK;
void otlp_pairs_commit(otlp_pairs *pairs, int64_t now_ns);

/* Restores the table as it was before the batch. */
void otlp_pairs_rollback(otlp_pairs *pairs);

/* Adds a point that was read from the file. OSP_EPROTO: it is not a
 * notification. */
osp_status otlp_pairs_restore(otlp_pairs *pairs, osp_str json,
							  int64_t arrived_ns, bool done) OSP_MUST_CHECK;

#endif /* OSP_OTLP_PAIRS_H */
