/* SPDX-License-Identifier: Apache-2.0
 *
 * stored_points.h
 *	  Notifications for the tests of drivers: making them, and collecting those that a
 *	  driver returns.
 */
#ifndef TEST_POINTS_H
#define TEST_POINTS_H

#include "osprofiler/driver.h"

/* Notifications and all their texts. Running out of memory fails an assertion. */
typedef struct points
{
	osp_notification *items;
	size_t count;
	size_t cap;
	char **texts; /* to be freed */
	size_t text_count;
	size_t text_cap;
} points;

void points_init(points *p);
void points_term(points *p);

/*
 * Adds a notification of a trace, in upstream's bytes. Its trace_id, name and
 * timestamp are made from number: an even number is a start, the next odd one is the
 * stop. statement may have any bytes.
 */
void points_add(points *p, osp_str base_id, unsigned number, osp_str statement);

/* The same, with a service. */
void points_add_of(points *p, osp_str base_id, unsigned number,
				   osp_str statement, osp_str service);

/* The same, with this name and with this info in upstream's bytes; both are borrowed. */
void points_add_info(points *p, osp_str base_id, unsigned number,
					 const char *name, const char *info, osp_str service);

/* The same, with the service "shop": the stop of an operation that failed. */
void points_add_error(points *p, osp_str base_id, unsigned number);

/* Adds count notifications of one trace, with the numbers from first on. */
void points_fill(points *p, osp_str base_id, unsigned first, size_t count);

/* Writes the timestamp that belongs to a number, terminated. */
void points_timestamp(unsigned number, char out[OSP_TIMESTAMP_LEN + 1]);

/* Collects the results of a driver: JSON texts, or base_ids and timestamps. */
typedef struct collected
{
	char **texts; /* terminated */
	char **timestamps;
	size_t count;
	size_t cap;
	size_t stop_after; /* the call that returns OSP_EPROTO; 0: none */
} collected;

void collected_init(collected *c);
void collected_term(collected *c);

/* An osp_point_fn, and an osp_trace_fn. */
osp_status collect_point(void *ctx, osp_str json);
osp_status collect_trace(void *ctx, const osp_trace_entry *entry);

/* The index of a text; -1: it is missing. Fails the test if it is there twice. */
long collected_find(const collected *c, const char *text);

#endif /* TEST_POINTS_H */
