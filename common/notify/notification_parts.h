/* SPDX-License-Identifier: Apache-2.0
 *
 * notification_parts.h
 *	  The offsets of a notification's parts, for code that holds it in memory
 *	  that may still move. Private to common/.
 */
#ifndef OSPROFILER_NOTIFICATION_PARTS_H
#define OSPROFILER_NOTIFICATION_PARTS_H

#include "notify/batch.h"
#include "notify/notification_info.h"
#include "json/json_read.h"

typedef enum osp__part_name
{
	OSP__PART_NAME,
	OSP__PART_BASE_ID,
	OSP__PART_TRACE_ID,
	OSP__PART_PARENT_ID,
	OSP__PART_TIMESTAMP,
	OSP__PART_INFO,
	OSP__PART_HOST,
	OSP__PART_PROJECT,
	OSP__PART_SERVICE,
	OSP__PART_COUNT
} osp__part_name;

/*
 * A part is a piece of the notification's JSON; a text with escapes is decoded,
 * and its part is a piece of the decoded texts.
 */
typedef struct osp__part
{
	uint32_t start;
	uint32_t len : 31;
	uint32_t decoded : 1;
} osp__part;

typedef struct osp__parts
{
	osp__part part[OSP__PART_COUNT];
	bool error;   /* like osp_notification.error */
	bool escaped; /* while writing: the text of a part holds escapes */
	bool has_values;
	osp_values values; /* of osp_notification */
} osp__parts;

/* The text of a second. begin_ns 0: none is kept. */
typedef struct osp__second
{
	int64_t begin_ns;
	char text[OSP_TIMESTAMP_LEN + 1]; /* of any time in the second */
} osp__second;

#define OSP__ENDING_LABELS 3 /* host, project, service */

/* What stands behind the attributes of a notification, without escapes. text_len 0:
 * none is kept. */
typedef struct osp__ending
{
	size_t text_len;
	size_t info_end; /* offset in text, as label_at */
	size_t label_at[OSP__ENDING_LABELS];
	size_t label_len[OSP__ENDING_LABELS]; /* 0: null */
	char text[1024];
} osp__ending;

/* JSON that was written before and may be used again. All zeroes: empty. */
typedef struct osp__write_memory
{
	osp__info_memory info;
	osp__second second;
	osp__ending ending;
} osp__write_memory;

/* Like osp_notification_write(), and also fills parts; if parts->escaped is set, they
 * must be found by parsing instead. memory: NULL for none. */
osp_status osp__notification_write(osp_buf *buf, const osp_record *record,
								   const osp_origin *origin,
								   osp__write_memory *memory,
								   osp__parts *parts) OSP_MUST_CHECK;

/*
 * Finds the parts of a notification; decoded texts are appended to texts. Fails
 * like osp_notification_read(), with OSP_EPROTO and the reason.
 */
osp_status osp__notification_parse(osp__json_reader *reader, osp_str json,
								   osp_buf *texts, osp__parts *parts,
								   osp_error *err) OSP_MUST_CHECK;

/* Makes the notification that these parts describe, from which it borrows its values;
 * its JSON lies at json, its decoded texts at texts. */
void osp__notification_resolve(const osp__parts *parts, osp_str json,
							   const char *texts, osp_notification *out);

#endif /* OSPROFILER_NOTIFICATION_PARTS_H */
