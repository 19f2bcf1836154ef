/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_json.c
 *	  Traces of a list as JSON.
 */
#include "list/trace_json.h"

#include <errno.h>

#include "osprofiler/json.h"
#include "osprofiler/notification.h"

static void
put_key(osp_buf *json, const char *key)
{
	osp_buf_addf(json, ", \"%s\": ", key);
}

static void
put_text(osp_buf *json, const char *key, osp_str text)
{
	put_key(json, key);
	if (text.len > 0)
		osp_json_string(json, text);
	else
		osp_buf_add_str(json, OSP_STR("null"));
}

static void
put_time(osp_buf *json, const char *key, int64_t ns)
{
	char time[OSP_TIMESTAMP_LEN + 1] = "";

	if (ns != 0)
		osp_timestamp_text(ns, time);
	put_text(json, key, osp_str_of(time));
}

static void
put_number(osp_buf *json, const char *key, uint64_t number)
{
	put_key(json, key);
	if (number == OSP_UNKNOWN)
		osp_buf_add_str(json, OSP_STR("null"));
	else
		osp_buf_addf(json, "%llu", (unsigned long long) number);
}

void
cli_trace_json_row(osp_buf *json, const osp_trace_entry *entry)
{
	osp_buf_add_str(json, OSP_STR("{\"base_id\": "));
	osp_json_string(json, entry->base_id);
	put_time(json, "first", entry->first_ns);
	put_time(json, "last", entry->last_ns);
	put_number(json, "operations", entry->operations);
	put_number(json, "errors", entry->errors);
	put_text(json, "service", entry->service);
	put_text(json, "name", entry->name);
	put_text(json, "text", entry->text);
	osp_buf_add_char(json, '}');
}

void
cli_trace_json_list(const cli_trace_rows *rows, cli_out *out, osp_str page)
{
	osp_buf json;
	size_t i;

	osp_buf_init(&json, &osp_allocator_default, SIZE_MAX / 4);
	osp_buf_add_str(&json, OSP_STR("{\"traces\": ["));
	for (i = 0; i < rows->count && out->error == 0; i++)
	{
		osp_buf_add_str(&json, i > 0 ? OSP_STR(",\n  ") : OSP_STR("\n  "));
		cli_trace_json_row(&json, &rows->rows[i].entry);
		if (osp_buf_status(&json) != OSP_OK)
			out->error = ENOMEM;
		(void) cli_out_write(out, osp_buf_str(&json));
		osp_buf_reset(&json);
	}
	osp_buf_add_str(&json, OSP_STR("\n]"));
	put_text(&json, "next", page);
	osp_buf_add_str(&json, OSP_STR("}\n"));
	if (osp_buf_status(&json) != OSP_OK)
		out->error = ENOMEM;
	(void) cli_out_write(out, osp_buf_str(&json));
	osp_buf_term(&json);
}
