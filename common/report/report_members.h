/* SPDX-License-Identifier: Apache-2.0
 *
 * report_members.h
 *	  Members of JSON objects that programs read. Private to the files of the report.
 */
#ifndef OSPROFILER_REPORT_MEMBERS_H
#define OSPROFILER_REPORT_MEMBERS_H

#include "osprofiler/buf.h"

/* Begins a member: appends its key, after a comma unless it is the first member of its
 * object. The caller appends the value. */
void osp__member_key(osp_buf *out, const char *key);

/* Appends a member whose value is a number. */
void osp__member_number(osp_buf *out, const char *key, double value);

/* Appends a member whose value is a time in milliseconds. */
void osp__member_ms(osp_buf *out, const char *key, int64_t ns);

#endif /* OSPROFILER_REPORT_MEMBERS_H */
