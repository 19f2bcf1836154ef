/* SPDX-License-Identifier: Apache-2.0
 *
 * stored_points.h
 *	  Notifications for the tests of drivers: making them, and collecting what
 *	  a driver gives back.
 */
#ifndef TEST_POINTS_H
#define TEST_POINTS_H

#include "osprofiler/driver.h"

/* Notifications and all their texts. Asserts where memory runs out. */
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
 * Adds a notification of a trace, in upstream's bytes. number makes its
 * trace_id, name (even: a start, odd: its stop) and timestamp; statement may
 * hold any bytes.
 */
void points_add(points *p, osp_str base_id, unsigned number, osp_str statement);

/* The same, of a service. */
void points_add_of(points *p, osp_str base_id, unsigned number,
				   osp_str statement, osp_str service);

/* The same with this name, and this info in upstream's bytes; both are borrowed. */
void points_add_info(points *p, osp_str base_id, unsigned number,
					 const char *name, const char *info, osp_str service);

/* The same of the service "shop", the stop of an operation that failed. */
void points_add_error(points *p, osp_str base_id, unsigned number);

/* Adds count notifications of one trace, numbered from first. */
void points_fill(points *p, osp_str base_id, unsigned first, size_t count);

/* The timestamp that a number makes, terminated. */
void points_timestamp(unsigned number, char out[OSP_TIMESTAMP_LEN + 1]);

/* What came out of a driver: JSON texts, or base_ids and timestamps. */
typedef struct collected
{
	char **texts; /* terminated */
	char **timestamps;
	size_t count;
	size_t cap;
	size_t stop_after; /* 0: never; else this call answers OSP_EPROTO */
} collected;

void collected_init(collected *c);
void collected_term(collected *c);

/* An osp_point_fn, and an osp_trace_fn. */
osp_status collect_point(void *ctx, osp_str json);
osp_status collect_trace(void *ctx, const osp_trace_entry *entry);

/* The place of a text, -1 if it is not there. Fails if it is there twice. */
long collected_find(const collected *c, const char *text);

#endif /* TEST_POINTS_H */
