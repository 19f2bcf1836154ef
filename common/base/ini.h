/* SPDX-License-Identifier: Apache-2.0
 *
 * ini.h
 *	  Reading ini files as oslo.config does. Private to common/.
 */
#ifndef OSPROFILER_INI_H
#define OSPROFILER_INI_H

#include "osprofiler/base.h"

/* One setting. Borrowed during the call. */
typedef struct osp__ini_setting
{
	osp_str section; /* empty before the first section */
	osp_str key;
	osp_str value;
	unsigned line; /* the line of the key */
} osp__ini_setting;

/* A result other than OSP_OK ends the reading and is returned. */
typedef osp_status (*osp__ini_fn)(void *ctx, const osp__ini_setting *setting,
								  osp_error *err);

/*
 * Calls fn for each setting of text, in order; name is the file's name, for
 * errors. Writes into text, where continuation lines are put together.
 * OSP_EINVAL: a line is not a section, setting, continuation or comment.
 */
osp_status osp__ini_read(char *text, size_t len, const char *name,
						 osp__ini_fn fn, void *ctx,
						 osp_error *err) OSP_MUST_CHECK;

#endif /* OSPROFILER_INI_H */
