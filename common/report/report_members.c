/* SPDX-License-Identifier: Apache-2.0
 *
 * report_members.c
 *	  Members of JSON objects that programs read.
 */
#include "report/report_members.h"

#include "osprofiler/json.h"

#define NS_PER_MS 1e6

void
osp__member_key(osp_buf *out, const char *key)
{
	if (out->len > 0 && strchr("{[ ", out->ptr[out->len - 1]) == NULL)
		osp_buf_add_str(out, OSP_STR(", "));
	osp_json_string(out, osp_str_of(key));
	osp_buf_add_str(out, OSP_STR(": "));
}

void
osp__member_number(osp_buf *out, const char *key, double value)
{
	osp__member_key(out, key);
	osp_json_double(out, value);
}

void
osp__member_ms(osp_buf *out, const char *key, int64_t ns)
{
	osp__member_number(out, key, (double) ns / NS_PER_MS);
}
