/* SPDX-License-Identifier: Apache-2.0
 *
 * value_json.h
 *	  The JSON of an attribute's value. Private to common/notify.
 */
#ifndef OSPROFILER_VALUE_JSON_H
#define OSPROFILER_VALUE_JSON_H

#include "osprofiler/buf.h"
#include "record/record.h"

/* Appends the value of an attribute that is neither JSON nor an object. */
void osp__put_scalar(osp_buf *buf, const osp_attr *attr);

#endif /* OSPROFILER_VALUE_JSON_H */
