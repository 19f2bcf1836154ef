/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_driver.h
 *	  Common parts of the mysql driver.
 */
#ifndef OSP_MYSQL_DRIVER_H
#define OSP_MYSQL_DRIVER_H

#include "mysql_session.h"
#include "sqltable.h"

struct osp_driver_conn
{
	const osp_allocator *alc;
	osp_mysql mysql;
	uint64_t prepared; /* the session for which packet_max is known */
	size_t packet_max; /* the longest statement the server accepts */
	osp_buf statement;
	osp_buf text;
	osp_buf scratch;
	osp_traces traces;
};

/* Appends a value to a statement, quoted. */
void osp__mysql_quote(osp_driver_conn *conn, osp_buf *statement, osp_str text);

/* Did the server refuse the statement because of one of its values? */
bool osp__mysql_is_about_values(const osp_mysql *mysql);

/* Implement functions of osp_driver. */
osp_status osp__mysql_notify(osp_driver_conn *conn,
							 const osp_notification *items, size_t count,
							 size_t *accepted, osp_error *err) OSP_MUST_CHECK;
osp_status osp__mysql_get_points(osp_driver_conn *conn, osp_str base_id,
								 osp_point_fn fn, void *ctx,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__mysql_list_traces(osp_driver_conn *conn,
								  const osp_trace_filter *filter,
								  osp_trace_fn fn, void *ctx, osp_str *next,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__mysql_remove_traces(osp_driver_conn *conn,
									const osp_removal *what, uint64_t *removed,
									osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_MYSQL_DRIVER_H */
