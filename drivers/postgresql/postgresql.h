/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql.h
 *	  Common parts of the postgresql driver.
 */
#ifndef OSP_POSTGRESQL_H
#define OSP_POSTGRESQL_H

#include "osprofiler/buf.h"
#include "pg_session.h"
#include "sqltable.h"

/* The SQLSTATE if there is no such table. */
#define PG_UNDEFINED_TABLE "42P01"

struct osp_driver_conn
{
	const osp_allocator *alc;
	osp_pg pg;
	size_t memory_max;
	uint64_t prepared; /* the session that has made the table */
	osp_buf rows;      /* the batch in the format of COPY */
	osp_buf text;
	osp_buf scratch;
	osp_traces traces;
};

/* Implement functions of osp_driver. */
osp_status osp__postgresql_notify(osp_driver_conn *conn,
								  const osp_notification *items, size_t count,
								  size_t *accepted,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__postgresql_get_points(osp_driver_conn *conn, osp_str base_id,
									  osp_point_fn fn, void *ctx,
									  osp_error *err) OSP_MUST_CHECK;
osp_status osp__postgresql_list_traces(osp_driver_conn *conn,
									   const osp_trace_filter *filter,
									   osp_trace_fn fn, void *ctx,
									   osp_str *next,
									   osp_error *err) OSP_MUST_CHECK;
osp_status osp__postgresql_remove_traces(osp_driver_conn *conn,
										 const osp_removal *what,
										 uint64_t *removed,
										 osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_POSTGRESQL_H */
