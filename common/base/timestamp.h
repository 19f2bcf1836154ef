/* SPDX-License-Identifier: Apache-2.0
 *
 * timestamp.h
 *	  Parts of a time's text. Private to common/.
 */
#ifndef OSPROFILER_TIMESTAMP_H
#define OSPROFILER_TIMESTAMP_H

#include "osprofiler/notification.h"

/* Replaces the six digits of the microseconds in a text of osp_timestamp_text(). */
void osp__timestamp_put_us(char *text, int us);

#endif /* OSPROFILER_TIMESTAMP_H */
