/* SPDX-License-Identifier: Apache-2.0
 *
 * strip.h
 *	  Python's str.strip(). Private to common/.
 */
#ifndef OSPROFILER_STRIP_H
#define OSPROFILER_STRIP_H

#include "osprofiler/base.h"

/*
 * The text without the white space at its start (left) or end (right). White
 * space is what Python's str.isspace() accepts, in ASCII and beyond (also the
 * no-break space). The result is borrowed from text.
 */
osp_str osp__strip_left(osp_str text);
osp_str osp__strip_right(osp_str text);

static inline osp_str
osp__strip(osp_str text)
{
	return osp__strip_left(osp__strip_right(text));
}

#endif /* OSPROFILER_STRIP_H */
