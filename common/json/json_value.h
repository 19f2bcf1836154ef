/* SPDX-License-Identifier: Apache-2.0
 *
 * json_value.h
 *	  The JSON text of a member of an object. For this project's parts only.
 */
#ifndef OSPROFILER_JSON_VALUE_H
#define OSPROFILER_JSON_VALUE_H

#include "osprofiler/base.h"

/*
 * Finds the text of the member of this name, as it is written in json, and
 * borrowed from there. OSP_ENOENT: there is none; OSP_EPROTO: json is not a
 * JSON object; OSP_ENOMEM.
 */
osp_status osp__json_value(const osp_allocator *alc, osp_str json, osp_str name,
						   osp_str *value) OSP_MUST_CHECK;

#endif /* OSPROFILER_JSON_VALUE_H */
