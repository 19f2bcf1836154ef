/* SPDX-License-Identifier: Apache-2.0
 *
 * point_id.h
 *	  The id of a stored notification, for drivers whose collector keeps an id once.
 */
#ifndef OSP_POINT_ID_H
#define OSP_POINT_ID_H

#include "osprofiler/notification.h"

/* Made of what identifies the notification, its base_id, trace_id and name: one
 * that is sent again has the same. */
void osp__point_id(const osp_notification *item, osp_uuid *id);

/* The id of a text. */
void osp__text_id(osp_str text, osp_uuid *id);

#endif /* OSP_POINT_ID_H */
