/* SPDX-License-Identifier: Apache-2.0
 *
 * value_json.c
 *	  The JSON of an attribute's value.
 */
#include "notify/value_json.h"

#include "base/buf_fast.h"
#include "notify/batch.h"
#include "json/json_layout.h"

static void
put_u64(osp_buf *buf, uint64_t value)
{
	if (value > INT64_MAX)
	{
		/* The last digit is written separately: the rest fits into an int64_t. */
		osp_buf_add_i64(buf, (int64_t) (value / 10));
		value %= 10;
	}
	osp_buf_add_i64(buf, (int64_t) value);
}

static void
put_sqlstate(osp_buf *buf, osp_str state)
{
	const char *name = osp_sqlstate_name(state.ptr);

	osp_json_string(buf, name != NULL ? osp_str_of(name) : state);
}

void
osp__put_scalar(osp_buf *buf, const osp_attr *attr)
{
	int64_t i64;
	uint64_t u64;
	double f64;

	switch (attr->type)
	{
		case OSP_ATTR_STR:
			osp_json_string(buf, attr->value);
			break;
		case OSP_ATTR_I64:
			memcpy(&i64, attr->value.ptr, sizeof(i64));
			osp_buf_add_i64(buf, i64);
			break;
		case OSP_ATTR_U64:
			memcpy(&u64, attr->value.ptr, sizeof(u64));
			put_u64(buf, u64);
			break;
		case OSP_ATTR_F64:
			memcpy(&f64, attr->value.ptr, sizeof(f64));
			osp_json_double(buf, f64);
			break;
		case OSP_ATTR_BOOL:
			osp_buf_add_str(buf,
							attr->value.ptr[0] != 0 ? OSP_STR("true")
													: OSP_STR("false"));
			break;
		case OSP_ATTR_SQLSTATE:
			put_sqlstate(buf, attr->value);
			break;
		default:
			osp__buf_lit(buf, "null");
			break;
	}
}
