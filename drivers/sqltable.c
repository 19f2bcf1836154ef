/* SPDX-License-Identifier: Apache-2.0
 *
 * sqltable.c
 *	  The table of upstream's SQLAlchemy driver.
 */
#include "sqltable.h"

#include <stdio.h>

#include "osprofiler/json.h"

/* ---- writing ---- */

osp_status
osp__table_add_data(osp_buf *buf, osp_buf *text, const osp_notification *item)
{
	osp_buf_reset(text);
	osp_buf_add_str(text, OSP_STR("{\"info\": "));
	osp_buf_add_str(text, item->info);
	osp_buf_add_char(text, '}');
	osp_json_string(buf, osp_buf_str(text));
	return osp_buf_status(text) == OSP_OK ? osp_buf_status(buf)
										  : osp_buf_status(text);
}

static osp_status
store_some(osp_table_store_fn store, osp_driver_conn *conn,
		   const osp_notification *items, size_t count, size_t *stored,
		   osp_error *err)
{
	osp_status status = store(conn, items, count, err);
	size_t half = count / 2;

	if (status == OSP_OK)
		*stored += count;
	if (status != OSP_EREFUSED)
		return status;
	if (count == 1)
		return OSP_OK;
	status = store_some(store, conn, items, half, stored, err);
	return status == OSP_OK
			   ? store_some(
					 store, conn, items + half, count - half, stored, err)
			   : status;
}

osp_status
osp__table_store(osp_table_store_fn store, osp_driver_conn *conn,
				 const osp_notification *items, size_t count, size_t *accepted,
				 osp_error *err)
{
	size_t stored = 0;
	osp_status status = store_some(store, conn, items, count, &stored, err);

	if (status != OSP_OK)
		return status;
	*accepted = stored;

	/* err has the server's message about the last notification that it refused. */
	if (stored < count && err != NULL)
		err->code = OSP_EREFUSED;
	return stored == count ? OSP_OK : OSP_EREFUSED;
}

/* ---- reading ---- */

static void
add_member(osp_buf *buf, const char *before, osp_str value)
{
	osp_buf_add_str(buf, osp_str_of(before));
	if (value.ptr == NULL)
		osp_buf_add_str(buf, OSP_STR("null"));
	else
		osp_json_string(buf, value);
}

osp_status
osp__table_json(osp_buf *text, const osp_str row[SQLTABLE_READ_COUNT])
{
	const osp_str data = row[SQLTABLE_DATA];
	osp_status status;
	size_t count;

	osp_buf_reset(text);
	add_member(text, "{\"name\": ", row[SQLTABLE_NAME]);
	add_member(text, ", \"base_id\": ", row[SQLTABLE_BASE_ID]);
	add_member(text, ", \"trace_id\": ", row[SQLTABLE_TRACE_ID]);
	add_member(text, ", \"parent_id\": ", row[SQLTABLE_PARENT_ID]);
	add_member(text, ", \"timestamp\": ", row[SQLTABLE_TIMESTAMP]);
	osp_buf_add_str(text, OSP_STR(", "));
	status =
		osp_json_members(text, data.ptr != NULL ? data : OSP_STR(""), &count);
	if (status != OSP_OK)
		return status;
	if (count > 0)
		osp_buf_add_str(text, OSP_STR(", "));
	add_member(text, "\"project\": ", row[SQLTABLE_PROJECT]);
	add_member(text, ", \"service\": ", row[SQLTABLE_SERVICE]);
	osp_buf_add_char(text, '}');
	return osp_buf_status(text);
}

/*
 * The length of "2026-11-22T15:56:58". Compared as text, a timestamp within
 * this second or later is not less, whatever follows the second.
 */
#define SECOND_LEN 19

#define NS_PER_S INT64_C(1000000000)

/*
 * Adds a condition that one of the rows of a trace must meet; *before is the
 * word to put before it.
 */
static void
add_condition(osp_buf *statement, const char **before, const char *comparison,
			  osp_str value)
{
	osp_buf_addf(statement,
				 " %s base_id IN (SELECT base_id FROM data WHERE %s ",
				 *before,
				 comparison);
	osp_buf_add_str(statement, value);
	osp_buf_add_char(statement, ')');
	*before = "AND";
}

static void
add_time(osp_buf *statement, const char **before, const char *comparison,
		 int64_t ns)
{
	char text[OSP_TIMESTAMP_LEN + 1];
	char quoted[SECOND_LEN + 3];

	osp_timestamp_text(ns, text);
	(void) snprintf(quoted, sizeof(quoted), "'%.*s'", SECOND_LEN, text);
	add_condition(statement, before, comparison, osp_str_of(quoted));
}

void
osp__table_add_conditions(osp_buf *statement, const osp_trace_filter *filter,
						  osp_str service)
{
	const char *before = "WHERE";

	if (filter->since_ns != 0)
		add_time(statement, &before, "timestamp >=", filter->since_ns);
	if (filter->until_ns != 0 && filter->until_ns < INT64_MAX - NS_PER_S)
		add_time(
			statement, &before, "timestamp <=", filter->until_ns + NS_PER_S);

	/*
	 * Rows without a service are let through, since the name of the application
	 * may replace it.
	 */
	if (service.len > 0)
		add_condition(statement,
					  &before,
					  "service IS NULL OR service = '' OR service =",
					  service);
}

osp_status
osp__table_note(osp_traces *traces, osp_buf *scratch, osp_str json)
{
	osp_notification point;
	osp_status status = osp_notification_read(json, scratch, &point, NULL);

	if (status == OSP_OK)
		status = osp__traces_note(traces, &point);
	return status == OSP_EPROTO ? OSP_OK : status;
}
