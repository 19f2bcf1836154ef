/* SPDX-License-Identifier: Apache-2.0
 *
 * sqltable.h
 *	  The table of upstream's SQLAlchemy driver, for the drivers of databases.
 *
 * A row is a notification. The column data has the facts without a column of
 * their own, as JSON inside a JSON string.
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

/* The types of these columns, which follow the key. */
#define SQLTABLE_TYPES                                                \
	"timestamp varchar(26), base_id varchar(255), "                   \
	"parent_id varchar(255), trace_id varchar(255), "                 \
	"project varchar(255), host varchar(255), service varchar(255), " \
	"name varchar(255), data json"

/*
 * The columns that a reader asks for, in this order. The last one is data,
 * without the quotes of the string.
 */
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

/*
 * Appends the facts without a column, {"info": ...}, as a JSON string to buf.
 * Uses text. OSP_ENOMEM, OSP_EFULL.
 */
osp_status osp__table_add_data(osp_buf *buf, osp_buf *text,
							   const osp_notification *item) OSP_MUST_CHECK;

/* Makes a text of a row's column, borrowed; its ptr is NULL for SQL's NULL. */
static inline osp_str
osp__table_column(const char *ptr, size_t len)
{
	const osp_str column = {ptr, ptr != NULL ? len : 0};

	return column;
}

/*
 * Sets text to the notification of a row, in the same bytes as upstream. A
 * column that is NULL has a NULL ptr. OSP_EPROTO: the column data was not
 * written by a profiler.
 */
osp_status
osp__table_json(osp_buf *text,
				const osp_str row[SQLTABLE_READ_COUNT]) OSP_MUST_CHECK;

/*
 * Appends conditions to a SELECT from the table that the index of timestamps
 * can check. They let through all rows of traces within the time of the filter,
 * and some other rows. service is the quoted text, or the parameter, of the
 * service that one of the rows must have; empty: any.
 */
void osp__table_add_conditions(osp_buf *statement,
							   const osp_trace_filter *filter, osp_str service);

/*
 * Adds a notification that was read to a set of traces; other JSON is ignored.
 * OSP_ENOMEM, OSP_EFULL.
 */
osp_status osp__table_note(osp_traces *traces, osp_buf *scratch,
						   osp_str json) OSP_MUST_CHECK;

/*
 * Stores notifications, all or none. OSP_EREFUSED: the server will never accept
 * all of them.
 */
typedef osp_status (*osp_table_store_fn)(osp_driver_conn *conn,
										 const osp_notification *items,
										 size_t count, osp_error *err);

/*
 * Stores as many notifications as possible: those that the server refuses are
 * found by halving the batch. *accepted is set with OSP_OK, or with
 * OSP_EREFUSED: some were left out, and err has the reason. Otherwise it is 0.
 */
osp_status osp__table_store(osp_table_store_fn store, osp_driver_conn *conn,
							const osp_notification *items, size_t count,
							size_t *accepted, osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_SQLTABLE_H */
