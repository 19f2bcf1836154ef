/* SPDX-License-Identifier: Apache-2.0
 *
 * timestamp.h
 *	  Reading timestamps that are not upstream's. Private to common/.
 */
#ifndef OSPROFILER_TIMESTAMP_H
#define OSPROFILER_TIMESTAMP_H

#include "osprofiler/notification.h"

/*
 * As osp_timestamp_parse(), and takes what other writers make of a time: no
 * fraction or one of any length (nine digits of it count), a space for the T,
 * and Z or an offset like +02:00 at the end.
 */
bool osp__timestamp_parse_any(osp_str text, int64_t *wall_ns) OSP_MUST_CHECK;

#endif /* OSPROFILER_TIMESTAMP_H */
