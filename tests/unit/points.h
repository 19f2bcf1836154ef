/* SPDX-License-Identifier: Apache-2.0
 *
 * points.h
 *	  Records and notifications for tests.
 */
#ifndef TEST_POINTS_H
#define TEST_POINTS_H

#include "notify/batch.h"

#define POINT_BASE  "11111111-2222-4333-8444-555555555555"
#define POINT_TRACE "a7be1491-0000-4000-8000-000000000001"

/* A record, and the memory that it is in. */
typedef struct point_record
{
	uint64_t space[1024];
	osp_writer writer;
	osp_record record;
} point_record;

/* Begins a record of an operation with this name. Its base, trace and parent ids are
 * POINT_BASE, POINT_TRACE and POINT_BASE. */
void point_begin(point_record *point, osp_record_kind kind, const char *name);

/* The same with these base and parent ids. */
void point_begin_with_ids(point_record *point, osp_record_kind kind,
						  const char *name, const char *base,
						  const char *parent);

/* Ends the record, and reads it into point->record as a shipper does. */
void point_end(point_record *point);

/* The origin of all records: host vm, project pro, no service, and wall clock =
 * monotonic clock. */
extern const osp_origin point_origin;

#endif /* TEST_POINTS_H */
