/* SPDX-License-Identifier: Apache-2.0
 *
 * sqltable.h
 *	  The table of upstream's SQLAlchemy driver, for the drivers of databases.
 *
 * A row is a notification. The column data holds what has no column of its own,
 * as JSON in a string in JSON.
 */
#ifndef OSP_SQLTABLE_H
#define OSP_SQLTABLE_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "traces.h"

/* The columns that a writer sets, in this order. */
#define SQLTABLE_COLUMNS                                                      \
	"timestamp, base_id, parent_id, trace_id, project, host, service, name, " \
	"data"

/* Their types, behind that of the key. */
#define SQLTABLE_TYPES                                                \
	"timestamp varchar(26), base_id varchar(255), "                   \
	"parent_id varchar(255), trace_id varchar(255), "                 \
	"project varchar(255), host varchar(255), service varchar(255), " \
	"name varchar(255), data json"

/* The columns that a reader asks for, in this order; behind them comes data,
 * without the quotes of the string. */
#define SQLTABLE_READ \
	"name, base_id, trace_id, parent_id, timestamp, project, service, "

enum
{
	SQLTABLE_NAME,
	SQLTABLE_BASE_ID,
	SQLTABLE_TRACE_ID,
	SQLTABLE_PARENT_ID,
	SQLTABLE_TIMESTAMP,
	SQLTABLE_PROJECT,
	SQLTABLE_SERVICE,
	SQLTABLE_DATA,
	SQLTABLE_READ_COUNT
};

/* What has no column, {"info": ...}, as a string in JSON, appended to buf. Uses
 * text. OSP_ENOMEM, OSP_EFULL. */
osp_status osp__table_add_data(osp_buf *buf, osp_buf *text,
							   const osp_notification *item) OSP_MUST_CHECK;

/* A column of a row, borrowed; ptr is NULL for NULL. */
static inline osp_str
osp__table_column(const char *ptr, size_t len)
{
	const osp_str column = {ptr, ptr != NULL ? len : 0};

	return column;
}

/*
 * Sets text to the notification of a row, in upstream's bytes. A column that is
 * NULL has no ptr. OSP_EPROTO: the column data is not of a profiler.
 */
osp_status
osp__table_json(osp_buf *text,
				const osp_str row[SQLTABLE_READ_COUNT]) OSP_MUST_CHECK;

/*
 * Appends conditions on a SELECT from the table, which let through all rows of the
 * traces that lie in the time of the filter, and of some others: the index of
 * timestamps finds them. service is the quoted text, or the parameter, of a service
 * that one of the rows must have; empty: any.
 */
void osp__table_add_conditions(osp_buf *statement,
							   const osp_trace_filter *filter, osp_str service);

/* Adds a notification that was read to a set of traces; what is none is passed
 * over. OSP_ENOMEM, OSP_EFULL. */
osp_status osp__table_note(osp_traces *traces, osp_buf *scratch,
						   osp_str json) OSP_MUST_CHECK;

/* Stores notifications, all or none. OSP_EREFUSED: the server will never take all
 * of them. */
typedef osp_status (*osp_table_store_fn)(osp_driver_conn *conn,
										 const osp_notification *items,
										 size_t count, osp_error *err);

/*
 * Stores what can be stored: what the server refuses is found by halving the
 * batch. *accepted is set where OSP_OK or OSP_EREFUSED (some were left out, for
 * the reason in err) is returned, else it is 0.
 */
osp_status osp__table_store(osp_table_store_fn store, osp_driver_conn *conn,
							const osp_notification *items, size_t count,
							size_t *accepted, osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_SQLTABLE_H */
