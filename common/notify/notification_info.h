/* SPDX-License-Identifier: Apache-2.0
 *
 * notification_info.h
 *	  The members of a notification's info that come from a record's attributes.
 *	  Private to common/notify.
 */
#ifndef OSPROFILER_NOTIFICATION_INFO_H
#define OSPROFILER_NOTIFICATION_INFO_H

#include "notify/info_cache.h"
#include "notify/info_form.h"
#include "osprofiler/buf.h"
#include "record/record.h"

typedef struct osp__info_written
{
	bool comma; /* at least one member was written */
	bool error; /* it is a stop with an error's type */
} osp__info_written;

/* JSON that was written before and may be used again. All zeroes: empty. */
typedef struct osp__info_memory
{
	osp__info_cache starts;
	osp__info_forms stops;
} osp__info_memory;

void osp__info_memory_term(osp__info_memory *memory);

/*
 * Appends the members. memory: NULL for none. OSP_EPROTO: the attributes are invalid;
 * OSP_ENOMEM, OSP_EFULL; the caller cuts what was appended.
 */
osp_status osp__info_write(osp_buf *buf, const osp_record *record,
						   osp__info_memory *memory,
						   osp__info_written *out) OSP_MUST_CHECK;

#endif /* OSPROFILER_NOTIFICATION_INFO_H */
