/* SPDX-License-Identifier: Apache-2.0
 *
 * point_id.h
 *	  The id of a stored notification, for drivers whose collector keeps an id once.
 */
#ifndef OSP_POINT_ID_H
#define OSP_POINT_ID_H

#include "osprofiler/notification.h"

/*
 * Makes the id from the texts that identify the notification: base_id, trace_id
 * and name. So a notification that is sent again has the same id.
 */
void osp__point_id(const osp_notification *item, osp_uuid *id);

/* Makes the id of a text. */
void osp__text_id(osp_str text, osp_uuid *id);

#endif /* OSP_POINT_ID_H */
